"""`python -m proxy serve` as its operator starts it: a process, its first lines, its signals and its exit code."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from proxy import jsonio

ROOT = Path(__file__).parents[2]
LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BODY: dict[str, Any] = {"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]}
PATIENCE_S = 20.0
SECRET = "emulator-secret"


def until(is_so: Callable[[], Any]) -> Any:
    """What `is_so` says, once it says something. Asks again and again: another process rings no bell."""
    end = time.monotonic() + PATIENCE_S
    while not (result := is_so()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
    return result


class Served:
    """A running `serve`. Its output is collected; `url` is what it said that it listens on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        while not any(line.lstrip().startswith(("try ", "models ", "trouble ")) for line in self.lines):
            line = self._news.get(timeout=PATIENCE_S)
            assert line is not None, f"it ended with {process.wait()}: {self.output}"
        self.url = re.search(r"listening +(http://\S+)/v1 ", self.output)[1]
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line)
            self._news.put(line)
        self._news.put(None)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port

    def chat(self, **options: Any) -> httpx.Response:
        return self.http.post("/v1/chat/completions", json=BODY, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return code

    def close(self) -> None:
        self.http.close()
        with suppress(ProcessLookupError):  # with its workers, if any are left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """Without anything of AWS's, and with files that do not exist yet."""
    kept = {name: value for name, value in os.environ.items() if not re.match("AWS_|BEDROCK_|HOST$|PORT$|WEB_", name)}
    return kept | {
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "*",
    }


@pytest.fixture
def start(environment, tmp_path) -> Iterator[Callable[..., Served]]:
    """`start("--emulator", AWS_REGION="us-east-1")`"""
    with ExitStack() as stack:

        def start(*arguments: str, config: dict[str, Any] | None = None, **variables: str) -> Served:
            if config is not None:
                (tmp_path / "config.yaml").write_bytes(jsonio.encode(config))
            port = () if "--port" in arguments else ("--port", "0")
            process = subprocess.Popen(
                [sys.executable, "-m", "proxy", "serve", *port, *arguments],
                cwd=tmp_path,
                env=environment | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            served = Served(process)
            stack.callback(served.close)
            return served

        yield start


@pytest.fixture
def fail(environment, tmp_path):
    """`fail("--host", "0.0.0.0")` -> exit code and what it said."""

    def fail(*arguments: str, **variables: str) -> tuple[int, str]:
        result = subprocess.run(
            [sys.executable, "-m", "proxy", "serve", *arguments],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.returncode, result.stderr

    return fail


def at_emulator(bedrock, **variables: str) -> dict[str, str]:
    """The environment of someone who sends AWS's tools to an endpoint of their own."""
    return {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock.server.url,
        "AWS_ENDPOINT_URL_BEDROCK": bedrock.server.url,
        "AWS_REGION": "us-west-2",
    } | variables


def test_with_the_embedded_emulator(start):
    served = start("--emulator")
    assert served.output.startswith("bedrock-proxy ")
    assert "embedded emulator, no AWS" in served.output
    assert "us-east-1" in served.output
    assert re.search(r"models +\d\d", served.output)
    assert SECRET not in served.output
    assert len(served.lines) < 15
    assert served.http.get("/readyz").status_code == 200
    assert served.chat().json()["choices"][0]["message"]["content"] == "You said: Hi"
    scripted = served.chat(headers={"x-emulator-script": '{"text": "As you wish"}'})
    assert scripted.json()["choices"][0]["message"]["content"] == "As you wish"
    assert served.stop() == 0


def test_its_line_to_try_can_be_tried(start):
    served = start("--emulator")
    (line,) = [line for line in served.lines if line.lstrip().startswith("try ")]
    result = subprocess.run(line.strip().removeprefix("try").strip() + " -sS", shell=True, capture_output=True)
    assert b'"object":"chat.completion"' in result.stdout, result


def test_against_an_endpoint_with_keys_from_the_environment(start, bedrock):
    served = start(**at_emulator(bedrock, AWS_ACCESS_KEY_ID="AKIDEMULATOR", AWS_SECRET_ACCESS_KEY=SECRET))
    assert served.chat().status_code == 200
    assert bedrock.call.region == "us-west-2"
    assert "…ATOR" in served.output
    assert "environment" in served.output
    assert bedrock.server.url in served.output
    assert SECRET not in served.output
    assert "AKIDEMULATOR" not in served.output
    # Only the embedded emulator is told scripts.
    headers = {"x-emulator-script": '{"text": "As you wish"}'}
    assert served.chat(headers=headers).json()["choices"][0]["message"]["content"] == "You said: Hi"


def test_against_an_endpoint_with_a_bedrock_api_key(start, bedrock):
    served = start(**at_emulator(bedrock, AWS_BEARER_TOKEN_BEDROCK="bedrock-api-key-emulator"))
    assert served.chat().status_code == 200
    assert bedrock.call.headers["authorization"] == "Bearer ***"
    assert "bedrock-api-key-emulator" not in served.output
    assert "ator" not in re.search("credentials.*", served.output)[0]


def test_keys_of_clients_are_not_shown(start):
    served = start("--emulator", BEDROCK_PROXY_API_KEY="sk-one-0123456789,sk-two-0123456789")
    assert "2 keys" in served.output
    assert "0123456789" not in served.output
    assert served.chat().status_code == 401
    for key in ("sk-one-0123456789", "sk-two-0123456789"):
        assert served.chat(headers={"authorization": f"Bearer {key}"}).status_code == 200
    served.chat(headers={"authorization": "Bearer sk-wrong-0123456789"})
    assert served.stop() == 0
    assert "0123456789" not in served.output, "nor in its log"


def test_the_log_holds_no_content(start):
    served = start("--emulator")
    body = {"model": LLAMA, "messages": [{"role": "user", "content": "a very private matter"}]}
    assert "private" in served.http.post("/v1/chat/completions", json=body).text
    served.http.post("/v1/chat/completions", json=body | {"temperature": "private"})
    served.http.post("/v1/chat/completions", content=b"private", headers={"content-type": "application/json"})
    assert served.stop() == 0
    assert served.output.count("POST /v1/chat/completions") == 3
    assert "private" not in served.output


def test_without_credentials_it_waits_for_them(start, bedrock, environment):
    served = start(**at_emulator(bedrock))
    for word in ("none found", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "--emulator"):
        assert word in served.output
    assert served.http.get("/healthz").status_code == 200
    ready, chat = served.http.get("/readyz"), served.chat()
    assert ready.status_code == chat.status_code == 503
    for response in (ready, chat):
        assert response.json()["error"]["code"] == "proxy_not_configured"
        assert "operator" in response.json()["error"]["message"]
        assert 1 <= int(response.headers["retry-after"]) <= 60
    assert bedrock.calls == []
    Path(environment["AWS_SHARED_CREDENTIALS_FILE"]).write_text(
        f"[default]\naws_access_key_id = AKIDEMULATOR\naws_secret_access_key = {SECRET}\n"
    )
    # A load balancer sends nobody here before /readyz says so: asking it is enough.
    until(lambda: served.http.get("/readyz").status_code == 200)
    assert served.chat().status_code == 200


def test_without_a_region_it_waits_for_one(start, bedrock, environment):
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEMULATOR", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": ""}
    served = start(**at_emulator(bedrock, **keys))
    assert "AWS_REGION" in served.output
    for response in (served.http.get("/readyz"), served.chat()):
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "proxy_not_configured"
        assert "region" in response.json()["error"]["message"]


def test_a_profile_of_the_config_file(start, bedrock, environment):
    Path(environment["AWS_CONFIG_FILE"]).write_text(
        "[profile work]\nregion = eu-central-1\naws_access_key_id = AKIDEMULATOR\n"
        f"aws_secret_access_key = {SECRET}\nservices = here\n"
        f"[services here]\nbedrock_runtime =\n  endpoint_url = {bedrock.server.url}\n"
        f"bedrock =\n  endpoint_url = {bedrock.server.url}\n"
    )
    served = start(AWS_PROFILE="work")
    assert "work" in re.search("credentials.*", served.output)[0]
    response = served.http.post("/v1/chat/completions", json=BODY | {"model": CLAUDE})
    assert response.status_code == 200
    assert (bedrock.call.region, bedrock.call.model_id) == ("eu-central-1", f"eu.{CLAUDE}")


def test_nobody_at_the_endpoint_does_not_hinder_the_start(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}"
    served = start(
        AWS_ENDPOINT_URL=nowhere, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="AKIDEMULATOR", AWS_SECRET_ACCESS_KEY=SECRET
    )
    assert served.http.get("/v1/models").json()["data"], "the catalogue stands for the account's list"
    response = served.chat()
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_unreachable")


def test_options_of_the_file_the_environment_and_the_command_line(start, tmp_path):
    config = {"models": {"gpt-4o": LLAMA}, "auth": {"keys": ["sk-file-0123456789"]}, "strict": True}
    served = start("--emulator", config=config, HOST="localhost", BEDROCK_PROXY_API_KEY="sk-env-0123456789")
    assert "http://localhost:" in served.output
    assert "2 keys" in served.output
    headers = {"authorization": "Bearer sk-file-0123456789"}
    ok = served.http.post("/v1/chat/completions", json=BODY | {"model": "gpt-4o"}, headers=headers)
    assert ok.status_code == 200
    refused = served.http.post("/v1/chat/completions", json=BODY | {"seed": 1}, headers=headers)
    assert refused.json()["error"]["param"] == "seed"


def test_ipv6(start):
    served = start("--emulator", "--host", "::1")
    assert served.url.startswith("http://[::1]:")
    assert served.chat().status_code == 200
    assert served.stop() == 0


def test_open_to_all_who_reach_it(start):
    served = start("--emulator", "--host", "0.0.0.0", "--allow-open")
    assert "open to all" in served.output
    http = httpx.Client(base_url=f"http://127.0.0.1:{served.port}", headers={"host": "proxy.example"}, trust_env=False)
    with http:
        assert http.post("/v1/chat/completions", json=BODY).status_code == 200


STREAM = jsonio.encode(BODY | {"stream": True})


def begin_stream(served: Served, script: dict[str, Any]) -> tuple[socket.socket, bytes]:
    """A connection whose stream has given its first token, and what it gave so far."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"x-emulator-script: %b\r\ncontent-length: %d\r\n\r\n%b" % (jsonio.encode(script), len(STREAM), STREAM)
    )
    seen = b""
    while b'"One"' not in seen:
        data = connection.recv(65536)
        assert data, seen
        seen += data
    return connection, seen


def read_all(connection: socket.socket) -> bytes:
    text = b""
    while data := connection.recv(65536):
        text += data
    return text


def is_refused(served: Served) -> bool:
    try:
        socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_stream_finish(start, number):
    served = start("--emulator")
    stream, _ = begin_stream(served, {"text": ["One", " two", " three"], "gap_ms": 400})
    with stream:
        served.process.send_signal(number)
        until(lambda: is_refused(served))
        assert served.process.poll() is None
        rest = read_all(stream)
    assert b'" three"' in rest
    assert b'"finish_reason":"stop"' in rest
    assert b"data: [DONE]\n\n" in rest
    assert served.wait() == 0
    assert "Traceback" not in served.output


def begin_whole(served: Served, script: dict[str, Any]) -> socket.socket:
    """A connection whose request has been read, and is not answered yet."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S)
    body = jsonio.encode(BODY)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"x-emulator-script: %b\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
        % (jsonio.encode(script), len(body))
    )
    assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
    connection.sendall(body)
    # It has been read when another that came later has been answered.
    assert served.chat().status_code == 200
    return connection


def test_a_signal_lets_a_whole_answer_finish(start):
    served = start("--emulator")
    with begin_whole(served, {"delay_ms": 800}) as connection:
        served.process.send_signal(signal.SIGTERM)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"You said: Hi" in answer
    assert served.wait() == 0


@pytest.mark.parametrize("kind", ["stall", "trickle"])
def test_a_stream_longer_than_the_grace_time_is_told_so(start, kind):
    served = start("--emulator", config={"server": {"grace_s": 0.5}})
    script: dict[str, Any] = {"text": ["One"] + [" more"] * 500, "gap_ms": 50}
    if kind == "stall":
        script = {"text": ["One", " two"], "fault": {"kind": "stall", "after_events": 1}}
    stream, _ = begin_stream(served, script)
    with stream:
        served.process.send_signal(signal.SIGTERM)
        rest = read_all(stream)
    assert b'data: {"error":{' in rest
    assert b'"code":"shutting_down"' in rest
    assert b"[DONE]" not in rest
    assert b'"finish_reason":"stop"' not in rest
    assert served.wait() == 0
    assert "Traceback" not in served.output


def test_a_whole_answer_longer_than_the_grace_time_is_told_so(start):
    served = start("--emulator", config={"server": {"grace_s": 0.5}})
    with begin_whole(served, {"delay_ms": 60_000}) as connection:
        served.process.send_signal(signal.SIGTERM)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"shutting_down"' in answer
    assert served.wait() == 0
    assert "Traceback" not in served.output


def test_an_idle_connection_does_not_hold_it(start):
    served = start("--emulator")
    assert served.chat().status_code == 200
    assert served.stop() == 0


def test_two_workers(start):
    served = start("--emulator", "--workers", "2")
    assert served.output.count("listening") == 1
    for _ in range(10):
        with httpx.Client(base_url=served.url, trust_env=False, timeout=PATIENCE_S) as http:
            assert http.post("/v1/chat/completions", json=BODY).status_code == 200
    assert served.stop() == 0
    assert "Traceback" not in served.output
    assert is_refused(served)


def test_two_workers_drain(start):
    served = start("--emulator", "--workers", "2")
    stream, _ = begin_stream(served, {"text": ["One", " two", " three"], "gap_ms": 400})
    with stream:
        served.process.send_signal(signal.SIGTERM)
        rest = read_all(stream)
    assert b"data: [DONE]\n\n" in rest
    assert served.wait() == 0


def test_a_port_that_is_taken(fail):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = fail("--emulator", "--port", port)
    assert code == 2
    assert f"127.0.0.1:{port}" in said
    assert said.count("\n") == 1


def test_a_host_that_is_none(fail):
    code, said = fail("--emulator", "--host", "no-such-host.invalid", "--allow-open")
    assert code == 2
    assert "no-such-host.invalid" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_others_may_not_reach_it_without_a_key(fail, host):
    code, said = fail("--emulator", "--host", host)
    assert code == 2
    for word in ("server.host", host, "BEDROCK_PROXY_API_KEY", "--allow-open"):
        assert word in said
