"""What models think: shown to the client, and given back to them with the results of the calls that it led to."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-2-lite-v1:0"
ADAPTIVE = "anthropic.claude-opus-4-7"
BY_CONVERSE, ADAPTIVE_BY_CONVERSE = "claude-by-converse", "opus-by-converse"
ALIASES: Any = {
    BY_CONVERSE: {"id": CLAUDE, "family": "converse"},
    ADAPTIVE_BY_CONVERSE: {"id": ADAPTIVE, "family": "converse"},
}
BOTH_WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
THINKERS = pytest.mark.parametrize("model", [CLAUDE, NOVA, "deepseek.r1-v1:0", "openai.gpt-oss-120b-1:0"])
TOOL: Any = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
FIELDS: Any = {"tools": [TOOL], "reasoning_effort": "high", "max_tokens": 20000}
ASK: Any = {"role": "user", "content": "Use look."}


def chunks(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [jsonio.decode(line) for line in lines if line != "[DONE]"]


def delta(objects: list[dict[str, Any]], name: str) -> str:
    return "".join(choice["delta"].get(name) or "" for each in objects for choice in each["choices"])


def first_turn(proxy: Any, stream: bool = False, **options: Any) -> list[dict[str, Any]]:
    """What a client that keeps nothing but the calls has after it, with their results."""
    reply = proxy.chat(CLAUDE, messages=[ASK], stream=stream, **FIELDS, **options)
    assert reply.status_code == 200, reply.text
    if stream:
        calls = [
            call
            for each in chunks(reply.text)
            for choice in each["choices"]
            for call in choice["delta"].get("tool_calls", ())
        ]
        call_id = calls[0]["id"]
        arguments = "".join(call["function"].get("arguments", "") for call in calls)
    else:
        (call,) = reply.json()["choices"][0]["message"]["tool_calls"]
        call_id, arguments = call["id"], call["function"]["arguments"]
    kept = {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}
    return [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [kept]},
        {"role": "tool", "tool_call_id": call_id, "content": "noon"},
    ]


def thoughts(call: Any) -> list[dict[str, Any]]:
    return [
        block
        for message in call.body["messages"]
        if message["role"] == "assistant"
        for block in message["content"]
        if block["type"] in ("thinking", "redacted_thinking")
    ]


@THINKERS
def test_it_is_shown(proxy, model):
    fields = {"max_tokens": 20000} | ({} if model == "deepseek.r1-v1:0" else {"reasoning_effort": "high"})
    whole = proxy.chat(model, "Hello there", **fields).json()
    message = whole["choices"][0]["message"]
    assert message["reasoning_content"]
    assert message["content"] == "You said: Hello there"
    stream = chunks(
        proxy.chat(model, "Hello there", stream=True, stream_options={"include_usage": True}, **fields).text
    )
    assert delta(stream, "reasoning_content") == message["reasoning_content"]
    assert delta(stream, "content") == message["content"]
    first = [next(iter(each["choices"]), {"delta": {}})["delta"] for each in stream]
    thought = [index for index, each in enumerate(first) if each.get("reasoning_content")]
    said = [index for index, each in enumerate(first) if each.get("content")]
    assert thought[-1] < said[0]
    assert stream[-1]["usage"]["completion_tokens_details"] == whole["usage"]["completion_tokens_details"]


def test_it_is_counted(proxy, bedrock):
    usage = proxy.chat(CLAUDE, reasoning_effort="high", max_tokens=20000).json()["usage"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]


def test_there_is_none_where_none_is_wanted(proxy, bedrock):
    reply = proxy.chat(CLAUDE, reasoning_effort="none").json()
    assert "reasoning_content" not in reply["choices"][0]["message"]
    hidden = proxy.chat(CLAUDE, reasoning={"effort": "high", "exclude": True}, max_tokens=20000).json()
    assert "reasoning_content" not in hidden["choices"][0]["message"]
    assert "thinking" not in bedrock.calls[0].body or bedrock.calls[0].body["thinking"]["type"] == "disabled"
    assert bedrock.calls[1].body["thinking"]["type"] == "enabled"


@BOTH_WAYS
def test_another_worker_knows_it(serve, bedrock, tmp_path, stream):
    """Two processes of one server share a file; either may get the second turn."""
    one, other = (serve(shared_file=tmp_path / "thoughts.sqlite", retry={"attempts": 1}) for _ in range(2))
    messages = first_turn(one, stream)
    reply = other.chat(CLAUDE, messages=messages, stream=stream, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert "noon" in reply.text
    (thought,) = thoughts(bedrock.calls[1])
    assert thought["signature"]
    assert bedrock.calls[1].body["thinking"] == bedrock.calls[0].body["thinking"]


def test_another_key_does_not_get_it(serve, bedrock):
    """Its request is valid all the same: Claude then goes on without thinking, and the header says so."""
    proxy = serve(auth={"keys": ["sk-first-key-0123456789", "sk-other-key-0123456789"]}, retry={"attempts": 1})
    messages = first_turn(proxy)
    other = {"authorization": "Bearer sk-other-key-0123456789"}
    reply = proxy.chat(CLAUDE, messages=messages, headers=other, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert thoughts(bedrock.calls[1]) == []
    assert (
        "thinking" in reply.headers["x-bedrock-proxy-adapted"]
        or "reasoning" in reply.headers["x-bedrock-proxy-adapted"]
    )
    own = proxy.chat(CLAUDE, messages=messages, **FIELDS)
    assert own.status_code == 200
    assert len(thoughts(bedrock.calls[2])) == 1


def test_a_worker_that_knows_nothing_goes_on_without(serve, bedrock):
    messages = first_turn(serve(retry={"attempts": 1}))
    reply = serve(retry={"attempts": 1}).chat(CLAUDE, messages=messages, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert thoughts(bedrock.calls[1]) == []
    assert reply.headers["x-bedrock-proxy-adapted"]


def test_a_client_that_returns_it_is_served_by_that(serve, bedrock):
    reply = serve(retry={"attempts": 1}).chat(CLAUDE, messages=[ASK], **FIELDS)
    message = reply.json()["choices"][0]["message"]
    assert message["thinking_blocks"][0]["signature"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "noon"}
    # Another proxy, which has kept nothing.
    again = serve(retry={"attempts": 1}).chat(CLAUDE, messages=[ASK, message, result], **FIELDS)
    assert again.status_code == 200, again.text
    (thought,) = thoughts(bedrock.calls[1])
    assert thought["signature"] == message["thinking_blocks"][0]["signature"]


def test_redacted_thoughts_go_back_too(proxy, bedrock):
    blocks = [
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
    ]
    script = bedrock.script(content=blocks, text="", stop_reason="tool_use")
    messages = first_turn(proxy, headers=script)
    proxy.chat(CLAUDE, messages=messages, headers=bedrock.script(text="Noon."), **FIELDS)
    assert [block.get("data") for block in thoughts(bedrock.calls[1])] == ["c2VjcmV0"]


FORGED = [{"type": "thinking", "thinking": "Hm.", "signature": "Zm9yZ2Vk"}]


def forged_turn() -> list[dict[str, Any]]:
    """The second turn with a thought that some other model, or account, has signed."""
    call = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return [
        ASK,
        {"role": "assistant", "content": None, "thinking_blocks": FORGED, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "noon"},
    ]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("model", "is_off"),
    [(CLAUDE, True), (ADAPTIVE, False), (BY_CONVERSE, True), (ADAPTIVE_BY_CONVERSE, False)],
)
def test_thoughts_that_bedrock_refuses_are_left_out(serve, bedrock, stream, model, is_off):
    """Once, with a word of it; a model that insists on thoughts behind calls then goes on without thinking."""
    proxy = serve(models=ALIASES, retry={"attempts": 1})
    reply = proxy.chat(model, messages=forged_turn(), stream=stream, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert "noon" in reply.text
    adapted = reply.headers["x-bedrock-proxy-adapted"]
    assert "messages[1].thinking_blocks=refused-by-model" in adapted
    assert ("reasoning_effort=off-for-this-turn" in adapted) is is_off
    first, second = bedrock.calls
    assert first.status == 400
    assert "Zm9yZ2Vk" in str(first.body)
    assert "Zm9yZ2Vk" not in str(second.body)


def test_strict_mode_says_that_they_were_refused(proxy, bedrock):
    reply = proxy.chat(ADAPTIVE, messages=forged_turn(), headers={"x-bedrock-proxy-strict": "true"}, **FIELDS)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "messages[1].thinking_blocks"
    assert len(bedrock.calls) == 1
