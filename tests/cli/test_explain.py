"""The command as it is typed, with what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio
from proxy.bedrock.eventstream import encode_frame
from proxy.cli import main

LLAMA = "meta.llama3-3-70b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
HI: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
DIVIDER = "\n--- answer to the client\n\n"


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", raising=False)


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def explain(body: Any, *words: str, reply: bytes | None = None) -> tuple[int, str, str]:
        """(exit code, what is printed, what is printed as an error)"""
        request = tmp_path / "request.json"
        request.write_bytes(body if isinstance(body, bytes) else jsonio.encode(body))
        if reply is not None:
            recorded = tmp_path / "reply.bin"
            recorded.write_bytes(reply)
            words = (*words, "--reply", str(recorded))
        with pytest.raises(SystemExit) as exit_:
            main(["explain", str(request), *words])
        printed = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, printed.out, printed.err

    return explain


def frame(text: str, stop_reason: str | None = None) -> bytes:
    inner = {
        "generation": text,
        "prompt_token_count": 5,
        "generation_token_count": 2,
        "stop_reason": stop_reason,
    }
    headers = [(":message-type", "event"), (":event-type", "chunk")]
    return encode_frame(headers, jsonio.encode({"bytes": jsonio.encode(inner)}))


@pytest.mark.parametrize(
    ("model", "stream", "url"),
    [
        (LLAMA, False, f"us.{LLAMA}/invoke"),
        (LLAMA, True, f"us.{LLAMA}/invoke-with-response-stream"),
        (CLAUDE, False, f"us.{CLAUDE}/invoke"),
        (NOVA, True, "us.amazon.nova-pro-v1:0/converse-stream"),
    ],
)
def test_the_call(explain: Any, model: str, stream: bool, url: str) -> None:
    code, printed, _ = explain({**HI, "model": model, "stream": stream})
    assert code == 0
    line, *_ = printed.splitlines()
    assert line == f"POST https://bedrock-runtime.us-east-1.amazonaws.com/model/{url}"
    assert "adapted: nothing" in printed
    assert DIVIDER not in printed
    assert "AKID" not in printed


def test_what_is_adapted_and_what_goes_beside_the_body(explain: Any) -> None:
    asked = {**HI, "temperature": 1.4, "service_tier": "flex", "n": 2}
    code, printed, _ = explain(asked, "--model", LLAMA)
    assert code == 0
    assert "x-amzn-bedrock-service-tier: flex\n" in printed
    assert '"temperature": 1.0' in printed
    assert "adapted: temperature=1.4->1" in printed
    assert "sent 2 times, once a choice" in printed


@pytest.mark.parametrize(
    ("asked", "words", "status", "param"),
    [
        ({**HI, "model": "gpt-4o"}, (), 404, None),
        ({**HI, "model": LLAMA, "temperature": 3}, (), 400, "temperature"),
        ({**HI, "model": LLAMA, "temperature": 1.4}, ("--strict",), 400, "temperature"),
        ([], (), 400, None),
    ],
)
def test_what_would_be_refused(explain: Any, asked: Any, words: tuple[str, ...], status: int, param: str) -> None:
    code, printed, _ = explain(asked, *words)
    assert code == 1
    first, error = printed.split("\n", 1)
    assert first == f"HTTP {status}"
    if param is not None:
        assert jsonio.decode(error.encode())["error"]["param"] == param


def test_a_recorded_answer(explain: Any) -> None:
    recorded = {"generation": "Hello", "prompt_token_count": 5, "generation_token_count": 2, "stop_reason": "stop"}
    code, printed, _ = explain({**HI, "model": LLAMA, "stream": True}, reply=jsonio.encode(recorded))
    assert code == 0
    answer = jsonio.decode(printed.partition(DIVIDER)[2].encode())
    assert answer["choices"][0]["message"]["content"] == "Hello"


def test_a_recorded_stream_passes_what_every_stream_passes(explain: Any) -> None:
    recorded = frame("Hel") + frame("lo STOP and more")
    code, printed, _ = explain({**HI, "model": LLAMA, "stop": ["STOP"]}, reply=recorded)
    assert code == 0
    answer = printed.partition(DIVIDER)[2]
    assert '"content":"Hel"' in answer
    assert '"content":"lo "' in answer
    assert "STOP" not in answer
    assert answer.endswith("data: [DONE]\n\n")


def test_a_recorded_failure(explain: Any) -> None:
    code, printed, _ = explain({**HI, "model": LLAMA}, reply=frame("Hel"))
    assert code == 0
    assert '"error":{' in printed.partition(DIVIDER)[2]
    code, printed, _ = explain({**HI, "model": LLAMA}, reply=b"{}")
    assert code == 1
    assert printed.partition(DIVIDER)[2].startswith("HTTP 502\n")


def test_a_recording_of_another_call(explain: Any) -> None:
    code, _, error = explain({**HI, "model": LLAMA, "stop": ["x"]}, reply=b"{}")
    assert code == 2
    assert error == "bedrock-proxy: this call asks Bedrock for a stream, and what was recorded is a whole answer\n"


@pytest.mark.parametrize("text", [b"{", b'{"model": NaN}'])
def test_what_is_no_json(explain: Any, text: bytes) -> None:
    code, printed, error = explain(text)
    assert (code, printed) == (2, "")
    assert error.startswith("bedrock-proxy: ")


def test_no_password_of_a_gateway_is_shown(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://user:hunter2@gateway.example/base")
    _, out, _ = explain({"model": LLAMA, **HI})
    assert out.startswith("POST https://gateway.example/base/model/")
    assert "hunter2" not in out


def test_without_a_region(explain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    code, printed, _ = explain({**HI, "model": LLAMA})
    assert code == 0
    assert printed.startswith("(no AWS region is set up: shown for us-east-1)\n\nPOST https://")


def test_a_reader_that_has_seen_enough() -> None:
    """As `| head -0` does: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    asked = jsonio.encode({**HI, "model": LLAMA})
    command = [sys.executable, "-m", "proxy", "explain", "-"]
    done = subprocess.run(command, input=asked, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
