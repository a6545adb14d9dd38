"""Silence is bridged by comments: before the first token, and between tokens."""

from __future__ import annotations

import re
from typing import Any

import openai
import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
CHOICES = pytest.mark.parametrize("n", [1, 2])
HI: Any = [{"role": "user", "content": "Hello there"}]
COMMENT = ": keepalive\n\n"


@pytest.fixture(scope="module")
def restless(theatre):
    """A proxy that cannot bear silence."""
    with theatre.proxy({"timeouts": {"keepalive_s": 0.02}}) as proxy:
        yield proxy


def events(text: str) -> list[str]:
    """The data of a stream. Whatever is neither data nor exactly our comment fails."""
    found = []
    for block in text.split("\n\n")[:-1]:
        if block != ": keepalive":
            assert re.fullmatch(r"data: [^\n]+", block), f"{block!r} does not belong into a chat stream"
            found.append(block.removeprefix("data: "))
    assert text.endswith("\n\n")
    return found


@BOTH
@CHOICES
@pytest.mark.parametrize("when", ["delay_ms", "first_event_ms"])
def test_before_the_first_event(restless, bedrock, model, n, when):
    response = restless.chat(model, headers=bedrock.script(**{when: 200}), stream=True, n=n)
    assert response.status_code == 200
    assert response.text.startswith(COMMENT * 2)
    *chunks, done = events(response.text)
    assert done == "[DONE]"
    assert jsonio.decode(chunks[0].encode())["choices"][0]["delta"]["role"] == "assistant"
    assert jsonio.decode(chunks[-1].encode())["choices"][0]["finish_reason"] == "stop"


@CHOICES
def test_between_two_events(restless, bedrock, n):
    script = bedrock.script(text=["One", " two", " three"], gap_ms=150)
    text = restless.chat(LLAMA, headers=script, stream=True, n=n).text
    assert not text.startswith(":")
    assert text.count(COMMENT) >= 3
    contents = [jsonio.decode(data.encode())["choices"][0]["delta"].get("content") for data in events(text)[:-1]]
    for word in ("One", " two", " three"):
        assert contents.count(word) == n


def test_while_calls_are_tried_again(restless, bedrock):
    script = bedrock.script(
        error={"type": "ServiceUnavailableException"}, headers={"x-amz-retry-after": "150"}, times=1
    )
    response = restless.chat(LLAMA, headers=script, stream=True)
    assert response.text.startswith(COMMENT)
    assert events(response.text)[-1] == "[DONE]"
    assert len(bedrock.calls) == 2


@CHOICES
def test_a_failure_after_the_first_comment_is_in_stream(restless, bedrock, n):
    script = bedrock.script(first_event_ms=150, fault={"kind": "exception", "type": "validationException"})
    response = restless.chat(LLAMA, headers=script, stream=True, n=n)
    assert response.status_code == 200
    assert response.text.startswith(COMMENT)
    (only,) = events(response.text)
    assert jsonio.decode(only.encode())["error"]["type"] == "invalid_request_error"


def test_openai_python_raises_for_it(restless, bedrock):
    script = bedrock.script(first_event_ms=150, fault={"kind": "exception", "type": "validationException"})
    with restless.openai() as client, pytest.raises(openai.APIError, match="request is not valid") as caught:
        list(client.chat.completions.create(model=LLAMA, messages=HI, stream=True, extra_headers=script))
    assert not isinstance(caught.value, openai.APIStatusError)


@BOTH
def test_openai_python_does_not_notice(restless, bedrock, model):
    script = bedrock.script(text=["One", " two"], first_event_ms=100, gap_ms=50)
    with restless.openai() as client:
        stream = client.chat.completions.create(model=model, messages=HI, stream=True, extra_headers=script)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "One two"
        with client.chat.completions.stream(model=model, messages=HI, extra_headers=script) as helper:
            assert helper.get_final_completion().choices[0].message.content == "One two"


def test_headers_of_a_stream_that_began_with_a_comment(restless, bedrock):
    response = restless.chat(LLAMA, headers=bedrock.script(delay_ms=100), stream=True, seed=1)
    assert response.headers["x-bedrock-proxy-adapted"] == "seed=dropped"
    assert response.headers["x-request-id"].startswith("req_")
    # Bedrock's own id came too late for a header.
    assert "x-amzn-requestid" not in response.headers


def test_what_is_adapted_after_the_header_has_gone_stands_in_a_comment(restless, bedrock):
    """Bedrock refuses a thought, which is then left out: too late for the header of a stream that had to show life."""
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "Zm9yZ2Vk"}
    messages = [*HI, {"role": "assistant", "content": "Hi", "thinking_blocks": [thought]}, *HI]
    refused = {
        "type": "ValidationException",
        "message": "messages.1.content.0: Invalid `signature` in `thinking` block",
    }
    bedrock.rules({"script": {"delay_ms": 200, "error": refused, "times": 1}}, {"script": {"text": "One"}})
    response = restless.chat(CLAUDE, messages=messages, stream=True, reasoning_effort="low", seed=1)
    assert response.headers["x-bedrock-proxy-adapted"] == "seed=dropped"
    told = ": x-bedrock-proxy-adapted: messages[1].thinking_blocks=refused-by-model, seed=dropped\n\n"
    assert response.text.count(told) == 1
    assert response.text.index(told) < response.text.index("data:")
    assert "One" in response.text


def test_a_whole_answer_has_no_comments(restless, bedrock):
    response = restless.chat(LLAMA, headers=bedrock.script(delay_ms=100))
    assert jsonio.decode(response.content)["object"] == "chat.completion"


def test_an_early_failure_still_has_its_status(restless, bedrock):
    assert restless.chat("gpt-4o", stream=True).status_code == 404
    script = bedrock.script(error={"type": "ValidationException"})
    assert restless.chat(LLAMA, headers=script, stream=True).status_code == 400
