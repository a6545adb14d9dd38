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


HEADERS = {"x-amzn-bedrock-guardrailidentifier": "emulatorguard", "x-amzn-bedrock-guardrailversion": "1"}


def last_choice(reply: Any) -> dict[str, Any]:
    """That of a whole answer, or of the chunk that finishes a streamed one."""
    assert reply.status_code == 200, reply.text
    if reply.headers["content-type"] == "application/json":
        (choice,) = reply.json()["choices"]
        return choice
    chunks = [jsonio.decode(line.removeprefix("data: ")) for line in reply.text.splitlines() if line[:7] == "data: {"]
    (finish,) = [choice for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    return finish


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
    assert reply.json()["error"]["param"].startswith("guardrailConfig")


@ALL
@HOW
@pytest.mark.parametrize("prompt", ["Hello there", "Say a forbidden word."], ids=["passed", "blocked"])
@pytest.mark.parametrize("by", ["body", "headers"])
def test_its_trace_is_told_to_who_asks(proxy, model, stream, prompt, by):
    how = guard(trace="enabled") if by == "body" else {"headers": {**HEADERS, "x-amzn-bedrock-trace": "ENABLED"}}
    choice = last_choice(proxy.chat(model, prompt, stream=stream, **how))
    assert choice["finish_reason"] == ("stop" if prompt == "Hello there" else "content_filter")
    told = choice["trace"]["guardrail"]
    assessments = told["inputAssessment" if model == NOVA else "input"]["emulatorguard"]
    assert ("wordPolicy" in assessments) == (prompt != "Hello there")
    assert "trace" not in last_choice(proxy.chat(model, prompt, stream=stream, **guard()))
    assert "trace" not in last_choice(proxy.chat(model, prompt, stream=stream, **guard(trace="disabled")))


@ALL
@HOW
def test_by_headers(proxy, model, stream):
    reply = proxy.chat(model, "Say a forbidden word.", headers=HEADERS, stream=stream)
    assert last_choice(reply)["finish_reason"] == "content_filter"
    reply = proxy.chat(model, headers={**HEADERS, "x-amzn-bedrock-guardrailidentifier": "gone"}, stream=stream)
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


@ALL
def test_a_stream_may_be_looked_at_while_it_is_sent(client, bedrock, model):
    fields = {
        "model": model,
        "messages": [{"role": "user", "content": "Say it."}],
        "extra_headers": bedrock.script(text="It is forbidden."),
    }
    body = guard(streamProcessingMode="async")
    assert answer(client, True, **fields, extra_body=body) == ("content_filter", "It is forbidden.")
    body = guard(streamProcessingMode="sync")
    assert answer(client, True, **fields, extra_body=body)[1] == "Sorry, the model's answer was blocked."


@ALL
def test_only_what_is_tagged_may_be_looked_at(proxy, bedrock, model):
    tag = "amazon-bedrock-guardrails-guardContent_x1"
    script = bedrock.script(text="Hello")
    reply = proxy.chat(model, f"A forbidden word. <{tag}>Hello</{tag}>", script, **guard(tagSuffix="x1"))
    if model == NOVA:
        # Nothing is tagged there, so all of it is looked at.
        assert reply.headers["x-bedrock-proxy-adapted"] == "guardrailConfig.tagSuffix=dropped"
    assert last_choice(reply)["finish_reason"] == ("content_filter" if model == NOVA else "stop")


UNGUARDED: dict[str, dict[str, Any]] = {
    CLAUDE: {"content": [], "usage": {"input_tokens": 1}, "stop_reason": "end_turn"},
    LLAMA: {"generation": "Hi", "stop_reason": "stop"},
}


@pytest.mark.parametrize("model", UNGUARDED)
def test_a_whole_answer_that_does_not_say_that_it_was_looked_at_is_none(proxy, bedrock, model):
    script = bedrock.script(raw={"body": UNGUARDED[model]})
    assert proxy.chat(model, headers=script).status_code == 200
    reply = proxy.chat(model, headers=script, **guard())
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "guardrail_not_applied")


# What the operator has set.

SET = {"id": "emulatorguard", "version": 1}
PLACES: dict[str, dict[str, Any]] = {
    "all": {"guardrail": SET},
    "model": {"models": {name: {"guardrail": SET} for name in (CLAUDE, LLAMA, NOVA)}},
    "key": {"auth": {"keys": [{"key": "guarded", "guardrail": SET}, "open"]}},
}


@ALL
@HOW
@pytest.mark.parametrize("place", PLACES)
def test_the_operators_holds_without_being_asked_for(serve, model, stream, place):
    proxy = serve(**PLACES[place])
    blocked = proxy.chat(model, "Say a forbidden word.", stream=stream)
    assert last_choice(blocked)["finish_reason"] == "content_filter"
    assert last_choice(proxy.chat(model, stream=stream))["finish_reason"] == "stop"
    traced = proxy.chat(model, stream=stream, guardrailConfig={"trace": "enabled"})
    assert "guardrail" in last_choice(traced)["trace"]
    same = proxy.chat(model, "Say a forbidden word.", stream=stream, **guard())
    assert last_choice(same)["finish_reason"] == "content_filter"
    for way in (guard("emulatoropen"), guard(streamProcessingMode="async"), guard(tagSuffix="x")):
        error = proxy.chat(model, stream=stream, **way)
        assert error.status_code == 400, error.text
        assert (error.json()["error"]["param"], error.json()["error"]["code"]) == (
            "guardrailConfig",
            "guardrail_not_allowed",
        )
    other = proxy.chat(model, headers={**HEADERS, "x-amzn-bedrock-guardrailidentifier": "emulatoropen"})
    assert (other.status_code, other.json()["error"]["code"]) == (400, "guardrail_not_allowed")


def test_another_key_is_free_of_it(serve):
    proxy = serve(**PLACES["key"])
    headers = {"authorization": "Bearer open"}
    for model in (CLAUDE, LLAMA, NOVA):
        reply = proxy.chat(model, "Say a forbidden word.", headers=headers)
        assert last_choice(reply)["finish_reason"] == "stop"
        assert last_choice(proxy.chat(model, headers=headers, **guard("emulatoropen")))["finish_reason"] == "stop"


@ALL
def test_the_operators_own_that_is_not_there_refuses_everything(serve, model):
    proxy = serve(guardrail={"id": "gone", "version": 1})
    assert proxy.chat(model).status_code == 400


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
