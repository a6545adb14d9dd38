"""Calls and answers by tools end to end: what other proxies get wrong, on every wire, whole and streamed."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
HOW = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ASK: Any = {"role": "user", "content": "Go"}
ADAPTED = "x-bedrock-proxy-adapted"


def tool(name: str, parameters: Any = None) -> Any:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def use(name: str, call_id: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def ask(client: openai.OpenAI, stream: bool, **fields: Any) -> tuple[Any, list[Any], str]:
    """(choice, the chunks it came in, what was adapted)."""
    fields.setdefault("messages", [ASK])
    if not stream:
        raw = client.chat.completions.with_raw_response.create(**fields)
        return raw.parse().choices[0], [], raw.headers.get(ADAPTED, "")
    state, chunks = ChatCompletionStreamState(), []
    raw = client.chat.completions.with_raw_response.create(stream=True, **fields)
    for chunk in raw.parse():
        chunks.append(chunk)
        state.handle_chunk(chunk)
    return state.get_final_completion().choices[0], chunks, raw.headers.get(ADAPTED, "")


# One call at a time.


@HOW
@pytest.mark.parametrize("model", [NOVA, QWEN])
def test_one_call_where_the_model_makes_several(client, bedrock, stream, model, caplog):
    content = [use("f", "t1", x=1), use("g", "t2"), use("f", "t3", x=3)]
    choice, chunks, adapted = ask(
        client,
        stream,
        model=model,
        tools=[tool("f"), tool("g")],
        parallel_tool_calls=False,
        extra_headers=bedrock.script(content=content, text="I call.", stop_reason="tool_use"),
    )
    assert [(call.id, call.function.arguments) for call in choice.message.tool_calls] == [("t1", '{"x":1}')]
    assert choice.message.content == "I call."
    assert choice.finish_reason == "tool_calls"
    assert adapted == ""
    assert "something new" not in caplog.text
    indexes = {call.index for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()}
    assert indexes == ({0} if stream else set())


@HOW
@pytest.mark.parametrize("choice", [{"tools": [tool("f")], "tool_choice": "none"}, {}])
def test_no_call_where_none_is_wanted_behind_others(client, bedrock, stream, choice):
    """Converse wants the tools of a history with calls, and has no word for calling none of them."""
    called = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "t1", "content": "done"},
    ]
    script = bedrock.script(content=[use("f", "t2")], text="I call.", stop_reason="tool_use")
    answer, chunks, _ = ask(client, stream, model=NOVA, messages=history, extra_headers=script, **choice)
    assert not answer.message.tool_calls
    assert (answer.message.content, answer.finish_reason) == ("I call.", "stop")
    assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks if chunk.choices)


@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
def test_one_call_where_the_wire_has_a_word_for_it(client, model):
    tools = [tool("f"), tool("g")]
    messages = [{"role": "user", "content": "Use f and g."}]
    choice, _, adapted = ask(client, False, model=model, messages=messages, tools=tools, parallel_tool_calls=False)
    assert [call.function.name for call in choice.message.tool_calls] == ["f"]
    assert adapted == ""


# Answers of any shape.

ROOTS: dict[str, tuple[Any, list[Any]]] = {
    "array": ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, [[1], [0]]),
    "union": ({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, [5]),
    "string": ({"type": "string", "enum": ["a}b"]}, ["a}b"]),
    "union of objects": (
        {
            "anyOf": [
                {"type": "object", "properties": {"k": {"const": n}}, "required": ["k"], "additionalProperties": False}
                for n in ("x", "y")
            ]
        },
        [{"k": "x"}],
    ),
    "odd names": (
        {
            "type": "object",
            "properties": {"Account Number": {"type": "integer"}},
            "required": ["Account Number"],
            "additionalProperties": False,
        },
        [{"Account Number": 1}, {"Account Number": 0}],
    ),
}


@HOW
@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    ("model", "by"), [(CLAUDE, "tool"), (OLD_CLAUDE, "tool"), (NOVA, "tool"), (LLAMA, "instruction")]
)
def test_an_answer_by_a_schema_of_any_root(client, bedrock, stream, model, by, root):
    schema, wanted = ROOTS[root]
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    choice, chunks, adapted = ask(client, stream, model=model, response_format=form)
    assert jsonio.decode(choice.message.content) in wanted
    assert choice.finish_reason == "stop"
    assert choice.message.tool_calls is None
    is_native = model == CLAUDE and root == "odd names"
    assert adapted == ("" if is_native else f"response_format.json_schema.schema={by}")
    if stream and root == "union of objects" and model == OLD_CLAUDE:  # Nova gives the arguments of a tool at once
        texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
        assert len(texts) > 1, "it streams as it comes"


# Names that Claude refuses at the top of a tool's parameters.


@HOW
@pytest.mark.parametrize("model", [CLAUDE, OLD_CLAUDE])
def test_odd_names_of_arguments(client, bedrock, stream, model):
    properties = {"filter[id]": {"type": "string", "enum": ["7"]}, "$top": {"type": "integer", "minimum": 3}}
    parameters = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    tools = [tool("mcp.list/apps", parameters)]
    choice, _, adapted = ask(client, stream, model=model, tools=tools, tool_choice="required")
    (call,) = choice.message.tool_calls
    assert call.function.name == "mcp.list/apps"
    assert jsonio.decode(call.function.arguments) == {"filter[id]": "7", "$top": 3}
    assert adapted == ""
    history = [
        ASK,
        {"role": "assistant", "tool_calls": [call.model_dump(exclude={"index"})]},
        {"role": "tool", "tool_call_id": call.id, "content": ""},
    ]
    assert ask(client, stream, model=model, tools=tools, messages=history)[0].finish_reason == "stop"
    sent = bedrock.calls[-1].body["messages"][1]["content"][0]["input"]
    assert sent == {"value": {"filter[id]": "7", "$top": 3}}


# Bugs that others have had.


@HOW
@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_text_beside_calls_is_kept_and_calls_are_counted_from_nought(client, bedrock, stream, model):
    content = [use("f", "t1"), use("g", "t2", x="y")]
    headers = bedrock.script(text="I will look.", content=content, stop_reason="tool_use")
    choice, chunks, _ = ask(client, stream, model=model, tools=[tool("f"), tool("g")], extra_headers=headers)
    assert choice.message.content == "I will look."
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("t1", "f", "{}"),
        ("t2", "g", '{"x":"y"}'),
    ]
    assert choice.finish_reason == "tool_calls"
    starts = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or () if call.id]
    assert [(call.index, call.id) for call in starts] == ([(0, "t1"), (1, "t2")] if stream else [])


@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
def test_no_call_where_none_is_wanted(client, bedrock, model):
    messages = [{"role": "user", "content": "Use f."}]
    choice, _, _ = ask(client, False, model=model, messages=messages, tools=[tool("f")], tool_choice="none")
    assert choice.message.tool_calls is None
    assert choice.finish_reason == "stop"
    body = bedrock.call.body
    assert body.get("tool_choice", {"type": "none"}) == {"type": "none"}
    assert "toolConfig" not in body


@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
def test_results_apart_and_empty_without_tools(client, bedrock, model):
    calls = [{"id": n, "type": "function", "function": {"name": "f", "arguments": ""}} for n in ("c1", "c2")]
    messages = [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c2", "content": []},
        {"role": "tool", "tool_call_id": "c1", "content": ""},
    ]
    choice, _, adapted = ask(client, False, model=model, messages=messages)
    assert choice.finish_reason == "stop"
    assert adapted == ("tools=rebuilt-from-history" if model == NOVA else "")


@HOW
@pytest.mark.parametrize("model", [CLAUDE, NOVA])
def test_a_call_that_ran_into_the_limit_is_refused_with_its_path(client, bedrock, stream, model):
    """What came of it is no JSON, and these models take nothing else."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Par'}}
    messages = [
        ASK,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "No JSON"},
    ]
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, stream, model=model, messages=messages, tools=[tool("f")])
    assert raised.value.param == "messages[1].tool_calls[0].function.arguments"
    assert bedrock.calls == []


@pytest.mark.parametrize("options", [{}, {"models": {CLAUDE: {"family": "converse"}}}], ids=["invoke", "converse"])
def test_claudes_arguments_can_be_had_unbuffered(serve, bedrock, options):
    """As the README says: what openai-python is given as `extra_body` stands beside the other fields."""
    beta = ["fine-grained-tool-streaming-2025-05-14"]
    proxy = serve(**options)
    reply = proxy.chat(CLAUDE, tools=[tool("now")], tool_choice="required", stream=True, anthropic_beta=beta)
    assert "x-bedrock-proxy-adapted" not in reply.headers
    assert '"tool_calls"' in reply.text
    body = bedrock.call.body
    assert body.get("additionalModelRequestFields", body)["anthropic_beta"] == beta
