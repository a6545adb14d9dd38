"""curl in front: bytes as they stand on the wire, and the habits of a client that is no SDK."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
JSON = ("-H", "Content-Type: application/json")


@dataclass
class Answer:
    heads: list[bytes]
    """Of every response that came, 100 Continue included."""
    body: bytes

    @property
    def status(self) -> int:
        return int(self.heads[-1].split(b" ", 2)[1])

    @property
    def json(self) -> Any:
        return jsonio.decode(self.body)


@pytest.fixture
def curl(proxy, tmp_path):
    def curl(*arguments: str, data: bytes | None = None, path: str = "/v1/chat/completions", url: str = "") -> Answer:
        command = ["curl", "-sS", "--max-time", "20", "-D", tmp_path / "head", "-o", tmp_path / "body"]
        command += ["-H", f"Authorization: Bearer {proxy.key}", *arguments]
        if data is not None:
            command += ["--data-binary", "@-"]
        result = subprocess.run([*command, (url or proxy.url) + path], input=data, capture_output=True)
        assert result.returncode == 0, result.stderr.decode()
        heads = re.split(rb"\r\n\r\n", (tmp_path / "head").read_bytes())[:-1]
        body = tmp_path / "body"
        return Answer(heads, body.read_bytes() if body.exists() else b"")

    return curl


def chat(**fields: Any) -> bytes:
    return jsonio.encode({"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]} | fields)


@BOTH
@pytest.mark.parametrize("with_usage", [False, True])
def test_a_stream_byte_for_byte(curl, bedrock, model, with_usage):
    options = {"stream_options": {"include_usage": True}} if with_usage else {}
    script = f"x-emulator-script: {jsonio.encode({'text': ['Hi', ' you']}).decode()}"
    answer = curl("-N", *JSON, "-H", script, data=chat(model=model, stream=True, **options))
    found = re.match(
        rb'data: \{"id":"(chatcmpl-[A-Za-z0-9]{29})","object":"chat.completion.chunk","created":(\d+),', answer.body
    )
    head = (
        f'{{"id":"{found[1].decode()}","object":"chat.completion.chunk","created":{found[2].decode()},"model":"{model}",'
        '"service_tier":"default","system_fingerprint":null,"choices":['
    )
    tail = ',"usage":null}' if with_usage else "}"
    lines = [
        f'{head}{{"index":0,"delta":{{"role":"assistant","content":"","refusal":null}},"finish_reason":null}}]{tail}',
        f'{head}{{"index":0,"delta":{{"content":"Hi"}},"finish_reason":null}}]{tail}',
        f'{head}{{"index":0,"delta":{{"content":" you"}},"finish_reason":null}}]{tail}',
        f'{head}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]{tail}',
    ]
    text = answer.body.decode()
    if with_usage:
        usage = re.search(r'"prompt_tokens":(\d+),"completion_tokens":(\d+),"total_tokens":(\d+)', text)
        prompt, spoken, total = map(int, usage.groups())  # their sizes are tested elsewhere
        assert total == prompt + spoken
        lines.append(
            f'{head}],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{spoken},"total_tokens":{total},'
            '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":'
            '{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}'
        )
    assert text == "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


def test_the_head_of_a_stream(curl):
    head = curl("-N", *JSON, data=chat(stream=True)).heads[-1].lower()
    lines = head.split(b"\r\n")
    assert lines[0] == b"http/1.1 200 ok"
    for line in (
        b"content-type: text/event-stream; charset=utf-8",
        b"cache-control: no-cache",
        b"x-accel-buffering: no",
        b"transfer-encoding: chunked",
    ):
        assert line in lines
    names = [line.split(b":")[0] for line in lines[1:]]
    assert len(names) == len(set(names)), "no header stands twice"
    assert b"content-length" not in names
    assert b"content-encoding" not in names
    assert b"server" not in names


def test_tokens_arrive_one_by_one(proxy, bedrock):
    """The second event is not sent before the first has been read by curl."""
    import select

    bedrock.rules({"script": {"text": ["One", "two"], "fault": {"kind": "stall", "after_events": 1}}})
    command = ["curl", "-sSN", "--data-binary", chat(stream=True), "-H", f"Authorization: Bearer {proxy.key}", *JSON]
    with subprocess.Popen([*command, f"{proxy.base_url}/chat/completions"], stdout=subprocess.PIPE) as process:
        seen = b""
        while b'"One"' not in seen:
            assert select.select([process.stdout], [], [], 20)[0], seen
            seen += process.stdout.read1()
        process.terminate()
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_a_large_body_that_waits_for_leave(curl, bedrock):
    """Expect: 100-continue, which curl sends by itself from a megabyte on."""
    answer = curl(*JSON, "-H", "Expect: 100-continue", data=chat(padding="x" * 2_000_000))
    assert [head.split(b" ")[1] for head in answer.heads] == [b"100", b"200"]
    assert answer.json["choices"][0]["message"]["content"] == "You said: Hi"


def test_a_body_too_large_is_refused_before_it_is_sent(curl, bedrock):
    answer = curl(*JSON, "-H", "Expect: 100-continue", data=b"x" * 20_000_001)
    assert [head.split(b" ")[1] for head in answer.heads] == [b"413"]
    assert answer.json["error"]["code"] == "request_too_large"


def test_a_body_too_large_without_asking(curl, bedrock):
    answer = curl(*JSON, "-H", "Expect:", data=b"x" * 20_000_001)
    assert answer.status == 413
    assert answer.json["error"]["code"] == "request_too_large"


@pytest.mark.parametrize("stream", [False, True])
def test_a_chunked_upload(curl, stream):
    answer = curl(*JSON, "-H", "Transfer-Encoding: chunked", data=chat(stream=stream))
    assert answer.status == 200
    assert b"You" in answer.body


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
@pytest.mark.parametrize("stream", [False, True])
def test_versions_of_http(curl, version, stream):
    """HTTP/2 is only offered, by an Upgrade header, and not taken."""
    answer = curl(version, *JSON, data=chat(stream=stream))
    assert answer.status == 200
    assert b"said" in answer.body
    if stream:
        assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_stream_to_http_1_0_that_breaks_is_told_apart_from_its_end(curl, bedrock):
    script = f"x-emulator-script: {jsonio.encode({'fault': {'kind': 'cut', 'after_events': 2}}).decode()}"
    answer = curl("--http1.0", *JSON, "-H", script, data=chat(stream=True))
    assert b'data: {"error":' in answer.body
    assert b"[DONE]" not in answer.body


def test_a_script_in_the_users_own_language(curl):
    answer = curl(*JSON, "-H", 'x-emulator-script: {"text": "Grüße, 你好"}', data=chat())
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "Grüße, 你好"


def test_form_data_by_mistake(curl, bedrock):
    """curl -d without a content type."""
    answer = curl(data=chat())
    assert answer.status == 415
    assert "application/json" in answer.json["error"]["message"]
    assert bedrock.calls == []


def test_models_with_slashes(curl):
    name = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/none"
    for path in (name, name.replace("/", "%2F"), name.replace("/", "%2f").replace(":", "%3A")):
        answer = curl(path=f"/v1/models/{path}")
        assert answer.status == 404
        assert answer.json["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
def test_health_needs_no_key(proxy, path):
    result = subprocess.run(["curl", "-sSi", proxy.url + path], capture_output=True)
    assert result.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"x-request-id: req_" in result.stdout


def test_health_by_head(proxy):
    for path in ("/", "/healthz", "/readyz"):
        result = subprocess.run(["curl", "-sSI", proxy.url + path], capture_output=True)
        assert result.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
