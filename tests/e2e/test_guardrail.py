"""Guardrails and prompt caching: what Bedrock does around a model, as OpenAI's clients see it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
HOW = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def guard(name: str = "emulatorguard", **more: Any) -> dict[str, Any]:
    return {"guardrailConfig": {"guardrailIdentifier": name, "guardrailVersion": "1", **more}}


def answer(client: Any, stream: bool, **fields: Any) -> tuple[str, str]:
    """(finish reason, text)."""
    if not stream:
        choice = client.chat.completions.create(**fields).choices[0]
        return choice.finish_reason, choice.message.content
    chunks = list(client.chat.completions.create(stream=True, **fields))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return chunks[-1].choices[0].finish_reason, text


@ALL
@HOW
def test_what_goes_in_is_blocked(client, model, stream):
    messages: Any = [{"role": "user", "content": "Say a forbidden word."}]
    reason, text = answer(client, stream, model=model, messages=messages, extra_body=guard())
    assert (reason, text) == ("content_filter", "Sorry, the model cannot answer this question.")


@ALL
@HOW
def test_what_comes_out_is_blocked(client, bedrock, model, stream):
    script = bedrock.script(text="It is forbidden.")
    messages: Any = [{"role": "user", "content": "Say it."}]
    reason, text = answer(client, stream, model=model, messages=messages, extra_body=guard(), extra_headers=script)
    assert reason == "content_filter"
    assert text.endswith("Sorry, the model's answer was blocked.")


@ALL
@HOW
def test_what_is_harmless_passes(client, model, stream):
    messages: Any = [{"role": "user", "content": "Hello there"}]
    fields = {"model": model, "messages": messages, "extra_body": guard(trace="enabled")}
    assert answer(client, stream, **fields) == ("stop", "You said: Hello there")


@ALL
@HOW
@pytest.mark.parametrize(
    "body",
    [
        guard("no-such-guardrail"),
        guard(guardrailVersion="99"),
        {"guardrailConfig": {"guardrailIdentifier": "emulatorguard"}},
    ],
    ids=["unknown", "version", "half"],
)
def test_one_that_cannot_be_applied_refuses_the_request(proxy, model, stream, body):
    reply = proxy.chat(model, stream=stream, **body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert "guardrail" in reply.json()["error"]["message"]


# Prompt caching.

CACHING = pytest.mark.parametrize("model", [CLAUDE, NOVA])
LONG = "A rule of the house. " * 1500


def cached(marked: str) -> list[Any]:
    mark = {"cache_control": {"type": "ephemeral"}}
    system = {"role": "system", "content": [{"type": "text", "text": marked, **mark}]}
    return [system, {"role": "user", "content": "Hello there"}]


def usage(proxy: Any, model: str, messages: list[Any], stream: bool) -> dict[str, Any]:
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    reply = proxy.chat(model, messages=messages, **options)
    assert reply.status_code == 200, reply.text
    if not stream:
        return reply.json()["usage"]
    last = [line for line in reply.text.splitlines() if line.startswith("data: {")][-1]
    return jsonio.decode(last.removeprefix("data: "))["usage"]


@CACHING
@HOW
def test_the_second_call_reads_what_the_first_has_written(proxy, bedrock, model, stream):
    messages = cached(f"{model} {stream} {LONG}")
    first, second = (usage(proxy, model, messages, stream) for _ in range(2))
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] > 5000
    # OpenAI counts what is cached among the tokens of the prompt, once.
    assert first["prompt_tokens"] == second["prompt_tokens"] > second["prompt_tokens_details"]["cached_tokens"]


@CACHING
@HOW
def test_what_is_written_is_told(proxy, model, stream):
    messages = cached(f"{model} {stream} written {LONG}")
    first, second = (usage(proxy, model, messages, stream)["prompt_tokens_details"] for _ in range(2))
    assert first["cache_write_tokens"] == second["cached_tokens"]
    assert second["cache_write_tokens"] == 0


@CACHING
def test_a_mark_behind_the_tools(proxy, model):
    name = "look"
    tool = {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{model} {LONG}",
            "parameters": {"type": "object", "properties": {}},
        },
        "cache_control": {"type": "ephemeral"},
    }
    replies = [proxy.chat(model, "Hello there", tools=[tool]) for _ in range(2)]
    counts = [reply.json()["usage"]["prompt_tokens_details"]["cached_tokens"] for reply in replies]
    if model == NOVA:
        # Nova caches what stands in system and messages.
        assert "cache_control" in replies[0].headers["x-bedrock-proxy-adapted"]
    else:
        assert counts[0] == 0 < counts[1]


def test_a_mark_on_a_model_without_a_cache_is_said_to_be_dropped(proxy, bedrock):
    reply = proxy.chat(LLAMA, messages=cached("A rule of the house."))
    assert reply.status_code == 200
    assert "cache_control" in reply.headers["x-bedrock-proxy-adapted"]
    assert bedrock.call.faults == []
