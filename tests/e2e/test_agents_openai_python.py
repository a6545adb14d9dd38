"""openai-python as its users build agents with it: tools in a loop, helpers that stream, answers that pydantic reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pydantic
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
HOW = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


class GetWeather(pydantic.BaseModel):
    """The weather in a city."""

    city: str
    days: int


class GetTime(pydantic.BaseModel):
    """The time in a zone."""

    zone: str


class Step(pydantic.BaseModel):
    explanation: str
    cost: float


class Tree(pydantic.BaseModel):
    name: str
    parts: list[Tree]


class Plan(pydantic.BaseModel):
    title: str
    steps: list[Step]
    is_final: bool


PLAN = Plan(title="title", steps=[Step(explanation="explanation", cost=1)], is_final=True)
"""What the emulator answers by this schema."""
TOOLS: Any = [openai.pydantic_function_tool(GetWeather), openai.pydantic_function_tool(GetTime)]
DO: dict[str, Callable[..., str]] = {
    "GetWeather": lambda city, days: f"{6 + days} degrees",
    "GetTime": lambda zone: "noon",
}
PLAN_IT: Any = {"role": "user", "content": "Plan it."}
ASK: Any = {"role": "user", "content": "Use GetWeather and GetTime."}


def ask(client: openai.OpenAI, is_stream: bool, **fields: Any) -> Any:
    """The completion, whole or put together by openai-python from its chunks."""
    if not is_stream:
        return client.chat.completions.create(**fields)
    state = ChatCompletionStreamState()
    for chunk in client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **fields):
        state.handle_chunk(chunk)
    return state.get_final_completion()


def parse(client: openai.OpenAI, is_stream: bool, **fields: Any) -> Any:
    """The message, with its answer as pydantic reads it."""
    if not is_stream:
        return client.chat.completions.parse(**fields).choices[0].message
    with client.chat.completions.stream(**fields) as helper:
        return helper.get_final_completion().choices[0].message


def run(client: openai.OpenAI, model: str, is_stream: bool, **fields: Any) -> list[Any]:
    """The loop of every agent: ask, do what is called for, ask again. All messages."""
    messages: list[Any] = [ASK]
    for _ in range(5):
        choice = ask(client, is_stream, model=model, messages=messages, tools=TOOLS, **fields).choices[0]
        calls = choice.message.tool_calls or []
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
        reply: dict[str, Any] = {"role": "assistant", "content": choice.message.content}
        if calls:
            reply["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
            ]
        messages.append(reply)
        if not calls:
            return messages
        for call in calls:
            result = DO[call.function.name](**jsonio.decode(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise AssertionError("the loop has no end")


@ALL
@HOW
def test_two_tools_in_a_loop(client, bedrock, model, stream):
    messages = run(client, model, stream)
    called = [call["function"]["name"] for message in messages for call in message.get("tool_calls", ())]
    assert called == ["GetWeather", "GetTime"]
    assert len({call["id"] for message in messages for call in message.get("tool_calls", ())}) == 2
    assert "noon" in messages[-1]["content"]
    assert "7 degrees" in messages[-1]["content"]
    assert all(call.faults == [] for call in bedrock.calls)


@ALL
@HOW
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "GetTime"}}])
def test_a_forced_call(client, model, stream, choice):
    message = (
        ask(client, stream, model=model, messages=[{"role": "user", "content": "Hi"}], tools=TOOLS, tool_choice=choice)
        .choices[0]
        .message
    )
    (call,) = message.tool_calls
    assert call.function.name in (["GetTime"] if isinstance(choice, dict) else DO)
    assert isinstance(jsonio.decode(call.function.arguments), dict)


@ALL
@HOW
def test_no_call_where_none_is_allowed(client, model, stream):
    completion = ask(client, stream, model=model, messages=[ASK], tools=TOOLS, tool_choice="none")
    assert completion.choices[0].message.tool_calls is None
    assert completion.choices[0].message.content == "You said: Use GetWeather and GetTime."


@ALL
@HOW
def test_one_call_at_a_time(client, model, stream):
    completion = ask(client, stream, model=model, messages=[ASK], tools=TOOLS, parallel_tool_calls=False)
    assert [call.function.name for call in completion.choices[0].message.tool_calls] == ["GetWeather"]


def test_nova_is_asked_for_one_call_and_only_the_first_is_kept(proxy, bedrock):
    reply = proxy.chat(NOVA, ASK["content"], tools=TOOLS, parallel_tool_calls=False)
    assert "parallel_tool_calls" not in reply.headers["x-bedrock-proxy-adapted"]
    assert "Call no more than one tool at a time." in bedrock.call.body["system"][-1]["text"]


@ALL
def test_parse_reads_calls(client, model):
    completion = client.chat.completions.parse(model=model, messages=[ASK], tools=TOOLS)
    weather, time = (call.function.parsed_arguments for call in completion.choices[0].message.tool_calls)
    assert isinstance(weather, GetWeather)
    assert isinstance(time, GetTime)


@ALL
def test_the_stream_helper_reads_calls(client, model):
    with client.chat.completions.stream(model=model, messages=[ASK], tools=TOOLS) as stream:
        events = list(stream)
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [(event.index, event.name) for event in done] == [(0, "GetWeather"), (1, "GetTime")]
    assert [type(event.parsed_arguments) for event in done] == [GetWeather, GetTime]
    for index in (0, 1):
        deltas = [e for e in events if e.type == "tool_calls.function.arguments.delta" and e.index == index]
        assert "".join(event.arguments_delta for event in deltas) == done[index].arguments
    names = [call.function.name for call in stream.get_final_completion().choices[0].message.tool_calls]
    assert names == ["GetWeather", "GetTime"]


@ALL
def test_parse_reads_an_answer(client, model):
    completion = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Plan it."}], response_format=Plan
    )
    message = completion.choices[0].message
    assert message.parsed == PLAN
    assert completion.choices[0].finish_reason == "stop"
    assert message.tool_calls is None


@ALL
def test_the_stream_helper_reads_an_answer(client, model):
    with client.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": "Plan it."}], response_format=Plan
    ) as stream:
        events = list(stream)
    deltas = [event for event in events if event.type == "content.delta" and event.delta]
    (done,) = [event for event in events if event.type == "content.done"]
    assert done.parsed == stream.get_final_completion().choices[0].message.parsed == PLAN
    # Nova's answer is the input of a tool, and that it gives whole.
    assert len(deltas) == 1 if model == NOVA else len(deltas) > 2
    assert "".join(event.delta for event in deltas) == done.content


@HOW
@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-3-haiku-20240307-v1:0",
        "us.anthropic.claude-opus-5-5",
        "us.meta.llama4-maverick-17b-instruct-v1:0",
        "mistral.mistral-large-2402-v1:0",
        "us.mistral.pixtral-large-2502-v1:0",
        "openai.gpt-oss-120b-1:0",
        "us.deepseek.r1-v1:0",
    ],
)
def test_an_answer_by_whatever_way_the_model_has(client, model, stream):
    """Made to call a tool, asked to call one, or asked for JSON."""
    message = parse(client, stream, model=model, messages=[PLAN_IT], response_format=Plan)
    assert (message.parsed, message.tool_calls or []) == (PLAN, [])


@HOW
@pytest.mark.parametrize("model", ["anthropic.claude-3-haiku-20240307-v1:0", NOVA])
def test_what_is_said_beside_a_call_is_not_taken_for_the_answer(client, bedrock, model, stream):
    """openai-python reads all text as the schema that was asked for, beside calls too."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "GetTime", "input": {"zone": "CET"}}
    headers = bedrock.script(text="Let me see.", content=[call], stop_reason="tool_use")
    fields: Any = {"messages": [PLAN_IT], "tools": TOOLS, "response_format": Plan, "extra_headers": headers}
    message = parse(client, stream, model=model, **fields)
    assert (message.parsed, [one.function.name for one in message.tool_calls]) == (None, ["GetTime"])


@pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA, "openai.gpt-oss-120b-1:0"])
@HOW
def test_an_answer_of_any_depth(client, bedrock, model, stream):
    """Some models follow no references in their tools; told of them in words, they do."""
    apart = {"role": "user", "content": "Take it apart."}
    message = parse(client, stream, model=model, messages=[apart], response_format=Tree)
    assert isinstance(message.parsed, Tree)
    assert bedrock.call.faults == []


@ALL
@HOW
def test_an_answer_of_json(client, model, stream):
    completion = ask(
        client,
        stream,
        model=model,
        messages=[{"role": "user", "content": "Answer in JSON."}],
        response_format={"type": "json_object"},
    )
    assert isinstance(jsonio.decode(completion.choices[0].message.content), dict)


@ALL
@HOW
def test_tools_and_then_a_form(client, bedrock, model, stream):
    """What agents with an output type do: tools first, and the schema beside them all the time."""

    def ask_with_form(messages: list[Any]) -> Any:
        fields: dict[str, Any] = {"model": model, "messages": messages, "tools": TOOLS, "response_format": Plan}
        if not stream:
            return client.chat.completions.parse(**fields).choices[0]
        with client.chat.completions.stream(**fields) as helper:
            return helper.get_final_completion().choices[0]

    messages: list[Any] = [ASK]
    first = ask_with_form(messages)
    calls = first.message.tool_calls
    assert [call.function.name for call in calls] == ["GetWeather", "GetTime"]
    assert first.finish_reason == "tool_calls"
    messages.append(first.message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "noon"} for call in calls]
    second = ask_with_form(messages)
    assert second.message.parsed == PLAN
    assert (second.message.tool_calls or [], second.finish_reason) == ([], "stop")
    assert all(call.faults == [] for call in bedrock.calls)


def _thinking(call: Any) -> list[dict[str, Any]]:
    return [
        block
        for message in call.body["messages"]
        if message["role"] == "assistant"
        for block in message["content"]
        if block["type"] in ("thinking", "redacted_thinking")
    ]


THINKERS = (CLAUDE, "anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-5-5")


@HOW
@pytest.mark.parametrize("model", THINKERS)
def test_claude_gets_its_thoughts_back(client, bedrock, model, stream):
    """The client keeps calls and nothing else; the emulator takes back no turn whose signed thoughts are missing."""
    messages = run(client, model, stream, reasoning_effort="high", max_tokens=20000)
    assert not any("reasoning" in key or "thinking" in key for message in messages for key in message)
    first, second = bedrock.calls
    assert _thinking(first) == []
    (thought,) = _thinking(second)
    assert thought["signature"]
    assert "noon" in messages[-1]["content"]
