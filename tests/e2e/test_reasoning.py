"""What models think: shown to the client, and given back to them with the results of the calls that it led to."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from proxy import jsonio
from proxy.emulator.settings import Settings
from proxy.emulator.signature import redact

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


@pytest.mark.parametrize("model", ["deepseek.r1-v1:0", "openai.gpt-oss-120b-1:0"])
def test_it_is_estimated_where_bedrock_does_not_count_it(proxy, model):
    reply = proxy.chat(model, max_tokens=20000).json()
    thought = reply["choices"][0]["message"]["reasoning_content"]
    usage = reply["usage"]
    counted = usage["completion_tokens_details"]["reasoning_tokens"]
    shown = len(thought) + len(reply["choices"][0]["message"]["content"])
    assert counted == -(-usage["completion_tokens"] * len(thought) // shown)
    assert counted > 0


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
    data = redact(bytes(32))
    blocks = [
        {"type": "redacted_thinking", "data": data},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
    ]
    script = bedrock.script(content=blocks, text="", stop_reason="tool_use")
    messages = first_turn(proxy, headers=script)
    proxy.chat(CLAUDE, messages=messages, headers=bedrock.script(text="Noon."), **FIELDS)
    _, second = bedrock.calls
    assert [block.get("data") for block in thoughts(second)] == [data]


FORGED = {"type": "thinking", "thinking": "Hm.", "signature": "Zm9yZ2Vk"}
FORGED_REDACTED = {"type": "redacted_thinking", "data": "Zm9yZ2Vk"}


def forged_turn(thought: dict[str, str] = FORGED) -> list[dict[str, Any]]:
    """The second turn with a thought that some other model, or account, has signed."""
    call = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return [
        ASK,
        {"role": "assistant", "content": None, "thinking_blocks": [thought], "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "noon"},
    ]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("model", "is_off"),
    [(CLAUDE, True), (ADAPTIVE, False), (BY_CONVERSE, True), (ADAPTIVE_BY_CONVERSE, False)],
)
@pytest.mark.parametrize("thought", [FORGED, FORGED_REDACTED])
def test_thoughts_that_bedrock_refuses_are_left_out(serve, bedrock, stream, model, is_off, thought):
    """Once, with a word of it; a model that insists on thoughts behind calls then goes on without thinking."""
    proxy = serve(models=ALIASES, retry={"attempts": 1})
    reply = proxy.chat(model, messages=forged_turn(thought), stream=stream, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert "noon" in reply.text
    adapted = reply.headers["x-bedrock-proxy-adapted"]
    assert "messages[1].thinking_blocks=refused-by-model" in adapted
    assert ("reasoning_effort=off-for-this-turn" in adapted) is is_off
    first, second = bedrock.calls
    assert first.status == 400
    forged = ("Zm9yZ2Vk", b64encode(b"Zm9yZ2Vk").decode())  # Converse wraps what is redacted once more
    assert any(word in str(first.body) for word in forged)
    assert not any(word in str(second.body) for word in forged)


def test_strict_mode_says_that_they_were_refused(proxy, bedrock):
    reply = proxy.chat(ADAPTIVE, messages=forged_turn(), headers={"x-bedrock-proxy-strict": "true"}, **FIELDS)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "messages[1].thinking_blocks"
    assert len(bedrock.calls) == 1


def test_a_lost_thought_is_told_where_the_model_goes_on(serve, bedrock):
    """Strict mode guards what the client sends, and it has sent no thought."""
    proxy = serve(strict=True, retry={"attempts": 1})
    messages = forged_turn()
    del messages[1]["thinking_blocks"]
    reply = proxy.chat(ADAPTIVE, messages=messages, **FIELDS)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-bedrock-proxy-adapted"] == "messages[1]=without-thoughts"
    assert bedrock.call.body["thinking"]["type"] == "adaptive"


@BOTH_WAYS
@pytest.mark.parametrize("model", [CLAUDE, ADAPTIVE, BY_CONVERSE, ADAPTIVE_BY_CONVERSE])
def test_rounds_of_tools_with_a_stock_client(serve, bedrock, stream, model):
    """Three rounds: each thought goes back in front of its own call, and nothing has to be adapted."""
    proxy = serve(models=ALIASES, retry={"attempts": 1}, strict=True)
    client = proxy.openai()
    messages: list[Any] = [ASK]
    for number in range(3):
        script = bedrock.script(
            content=[
                {"type": "thinking", "thinking": f"Step {number}."},
                {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {}},
            ],
            text="",
            stop_reason="tool_use",
        )
        ask = {"model": model, "messages": messages, "extra_headers": script, **FIELDS}
        if stream:
            with client.chat.completions.stream(**ask) as answer:
                message = answer.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**ask).choices[0].message
        (call,) = message.tool_calls
        kept = {"id": call.id, "type": "function", "function": {"name": "look", "arguments": call.function.arguments}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [kept]},
            {"role": "tool", "tool_call_id": call.id, "content": "noon"},
        ]
    last = client.chat.completions.create(model=model, messages=messages, **FIELDS)
    assert "noon" in last.choices[0].message.content
    assert [call.status for call in bedrock.calls] == [200] * 4
    sent = str(bedrock.calls[-1].body["messages"])
    assert [sent.count(f"Step {number}.") for number in range(3)] == [1, 1, 1]


BINDING = "anthropic.claude-opus-5-5"


@pytest.fixture(scope="module")
def bound(theatre):
    """An account where a thought goes back behind the conversation alone that it was thought in."""
    with (
        theatre.elsewhere(Settings(binds_thinking=True)) as bank,
        bank.proxy({"models": {"bound-by-converse": {"id": BINDING, "family": "converse"}}, "strict": True}) as proxy,
    ):
        yield proxy, bank.bedrock


@BOTH_WAYS
@pytest.mark.parametrize("model", [BINDING, "bound-by-converse"])
def test_a_stock_client_where_thoughts_are_bound_to_what_was_said_before(bound, stream, model):
    """Two questions, each with a round of tools: what is put back leaves the conversation as it was."""
    proxy, bedrock = bound
    bedrock.reset()
    client = proxy.openai()
    messages: list[Any] = []
    for number in range(2):
        messages.append({"role": "user", "content": f"Please look, for the {number + 1}. time."})
        for _ in range(2):
            ask = {"model": model, "messages": messages, "tools": [TOOL], "max_tokens": 20000}
            if stream:
                with client.chat.completions.stream(**ask) as answer:
                    message = answer.get_final_completion().choices[0].message
            else:
                message = client.chat.completions.create(**ask).choices[0].message
            said = {"role": "assistant", "content": message.content}
            if message.tool_calls:
                said["tool_calls"] = [call.model_dump() for call in message.tool_calls]
            messages.append(said)
            for call in message.tool_calls or ():
                messages.append({"role": "tool", "tool_call_id": call.id, "content": "noon"})
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant"] * 2
    assert [call.status for call in bedrock.calls] == [200] * 4
    assert str(bedrock.calls[-1].body).count("signature") == 2


@pytest.mark.parametrize(("first", "second"), [(CLAUDE, BY_CONVERSE), (BY_CONVERSE, CLAUDE), (ADAPTIVE, CLAUDE)])
def test_another_way_or_model_takes_up_the_thoughts(serve, bedrock, first, second):
    proxy = serve(models=ALIASES, retry={"attempts": 1}, strict=True)
    reply = proxy.chat(first, messages=[ASK], **FIELDS).json()
    (call,) = reply["choices"][0]["message"]["tool_calls"]
    messages = [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "noon"},
    ]
    again = proxy.chat(second, messages=messages, **FIELDS)
    assert again.status_code == 200, again.text
    assert "x-bedrock-proxy-adapted" not in again.headers
    assert reply["choices"][0]["message"]["thinking_blocks"][0]["signature"] in str(bedrock.calls[-1].body)


def test_a_model_that_takes_none_back_gets_none(proxy, bedrock):
    messages = first_turn(proxy)
    reply = proxy.chat(NOVA, messages=messages, **{**FIELDS, "max_tokens": None, "reasoning_effort": "low"})
    assert reply.status_code == 200, reply.text
    assert "reasoningContent" not in str(bedrock.calls[-1].body)


@BOTH_WAYS
@pytest.mark.parametrize("model", [ADAPTIVE, ADAPTIVE_BY_CONVERSE])
def test_a_thought_that_never_was_is_not_missed(serve, bedrock, stream, model):
    """An adaptive model thinks where it likes to. Only what is lost is told."""
    proxy = serve(models=ALIASES)
    script = bedrock.script(content=[{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}], text="")
    first = proxy.chat(model, messages=[ASK], headers=script, stream=stream, **FIELDS)
    assert "toolu_1" in first.text
    messages = forged_turn()
    del messages[1]["thinking_blocks"]
    second = proxy.chat(model, messages=messages, stream=stream, **FIELDS)
    assert second.status_code == 200, second.text
    assert "x-bedrock-proxy-adapted" not in second.headers
