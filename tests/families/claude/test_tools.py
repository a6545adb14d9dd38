"""Tools, the choice among them, and answers that have to be JSON. Bodies are checked by the emulator's rules."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.neutral.blocks import CacheMark, ToolResult, ToolUse
from proxy.neutral.request import OutputFormat, Request, Role, Sampling, Tool, ToolChoice

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NOTHING = {"type": "object", "properties": {}}
ODD = "mcp.weather/get"
TOOLS = [Tool(ODD, "tools[0].function", "Tells the weather.", SCHEMA), Tool("now", "tools[1].function", "  ")]
ANSWER = OutputFormat("response_format.json_schema.schema", "city", "Where.", SCHEMA)
LIST = OutputFormat("response_format.json_schema.schema", "cities", "", {"type": "array", "items": {"type": "string"}})
ANY_JSON = OutputFormat("response_format")
FORCED = ("3-5-sonnet", "sonnet-4-5", "opus-4-6", "opus-4-7", "sonnet-5", "haiku-5-5")
UNFORCED = ("sonnet-5-5", "opus-5-5", "fable-5", "mythos-5", "mythos-preview")


def test_tools_in_claudes_form(claude: Any) -> None:
    built = claude.build(claude.asked(tools=TOOLS), "sonnet-4-5", is_strict=True)
    first, second = built.body["tools"]
    assert first == {"name": first["name"], "description": "Tells the weather.", "input_schema": SCHEMA}
    assert second == {"name": "now", "input_schema": NOTHING}
    assert "tool_choice" not in built.body
    assert built.call.names.to_client(first["name"]) == ODD
    assert built.call.names.to_client("now") == "now"
    assert built.call.names.to_client("made_up") == "made_up"


def test_an_odd_name_is_the_same_everywhere_and_in_every_turn(claude: Any) -> None:
    call = ToolUse("call_1", ODD, '{"city":"Paris"}', "messages[1].tool_calls[0]")
    messages = [
        claude.said("Weather?"),
        claude.said(call, role=Role.ASSISTANT),
        claude.said(ToolResult("call_1", [], "messages[2]")),
    ]
    request = Request("m", messages, tools=TOOLS, tool_choice=ToolChoice.NAMED, chosen_tool=ODD)
    body = claude.build(request, "sonnet-4-5").body
    (called,) = body["messages"][1]["content"]
    assert body["tools"][0]["name"] == called["name"] == body["tool_choice"]["name"] != ODD
    # The history alone says how the client called it, too.
    built = claude.build(Request("m", messages), "sonnet-4-5")
    assert "tools" not in built.body
    assert built.call.names.to_client(called["name"]) == ODD


def test_schemas_are_made_fit(claude: Any) -> None:
    union = {"anyOf": [SCHEMA, {"type": "object", "properties": {"zip": {"type": "integer"}}}]}
    pointing = {
        "type": "object",
        "properties": {"at": {"$ref": "#/$defs/city"}},
        "$defs": {"city": {"type": "string", "minLength": 2}},
    }
    tools = [Tool("a", "tools[0]", parameters=union), Tool("b", "tools[1]", parameters=pointing)]
    body = claude.build(claude.asked(tools=tools), "sonnet-4-5").body
    assert body["tools"][1]["input_schema"] == pointing
    with pytest.raises(InvalidRequest) as raised:
        claude.build(claude.asked(tools=[Tool("a", "tools[0]", parameters={"type": "string"})]), "sonnet-4-5")
    assert raised.value.code == "invalid_function_parameters"
    assert str(raised.value.param).startswith("tools[0].parameters")


def test_strict_tools(claude: Any) -> None:
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    tools = [
        Tool("exact", "tools[0].function", parameters=SCHEMA, is_strict=True),
        Tool("bounded", "tools[1].function", parameters=bounded, is_strict=True),
        Tool("free", "tools[2].function", parameters=free, is_strict=True),
        Tool("empty", "tools[3].function", is_strict=True),
        Tool("nothing", "tools[4].function", parameters={"type": "object", "properties": {}}, is_strict=True),
        Tool("anything", "tools[5].function", parameters={"type": "object"}, is_strict=True),
    ]
    built = claude.build(claude.asked(tools=tools), "sonnet-4-5")
    assert [tool.get("strict") for tool in built.body["tools"]] == [True, True, None, True, True, None]
    assert built.body["tools"][0]["input_schema"] == SCHEMA
    # A grammar has no bounds: they are told in words.
    assert built.body["tools"][1]["input_schema"]["properties"]["n"] == {
        "type": "integer",
        "description": "Constraints: minimum 1.",
    }
    assert built.body["tools"][2]["input_schema"]["additionalProperties"] == {"type": "string"}
    # What may hold anything may go on to do so.
    assert built.body["tools"][5]["input_schema"] == NOTHING
    assert built.adapted == (
        "tools[1].function.strict=in-part, tools[2].function.strict=dropped, tools[5].function.strict=dropped"
    )
    built = claude.build(claude.asked(tools=tools[:2]), "opus-4-7")
    assert built.adapted == "tools[0].function.strict=dropped, tools[1].function.strict=dropped"
    assert built.body["tools"][1]["input_schema"] == bounded


def test_no_more_than_twenty_strict_tools(claude: Any) -> None:
    tools = [Tool(f"t{n}", f"tools[{n}]", parameters=SCHEMA, is_strict=True) for n in range(22)]
    built = claude.build(claude.asked(tools=tools), "sonnet-4-5")
    assert sum(tool.get("strict", False) for tool in built.body["tools"]) == 20
    assert built.adapted == "tools[20].strict=dropped, tools[21].strict=dropped"


def test_a_cache_mark_on_a_tool(claude: Any) -> None:
    tools = [Tool("a", "tools[0]", cache_mark=CacheMark("tools[0].cache_control", "1h")), Tool("b", "tools[1]")]
    body = claude.build(claude.asked(tools=tools), "sonnet-4-5", is_strict=True).body
    assert [tool.get("cache_control") for tool in body["tools"]] == [{"type": "ephemeral", "ttl": "1h"}, None]
    built = claude.build(claude.asked(tools=tools), "3-haiku")
    assert built.adapted == "tools[0].cache_control=dropped"
    assert "cache_control" not in built.body["tools"][0]


def choice_of(claude: Any, name: str, choice: ToolChoice, **others: Any) -> Any:
    others.setdefault("tools", TOOLS)
    chosen = ODD if choice is ToolChoice.NAMED else None
    return claude.build(claude.asked(tool_choice=choice, chosen_tool=chosen, **others), name)


@pytest.mark.parametrize("name", FORCED)
def test_every_choice_where_a_call_can_be_forced(name: str, claude: Any) -> None:
    wire = choice_of(claude, name, ToolChoice.AUTO).body["tools"][0]["name"]
    for choice, wanted in (
        (ToolChoice.AUTO, None),
        (ToolChoice.NONE, {"type": "none"}),
        (ToolChoice.REQUIRED, {"type": "any"}),
        (ToolChoice.NAMED, {"type": "tool", "name": wire}),
    ):
        built = choice_of(claude, name, choice)
        assert built.body.get("tool_choice") == wanted
        assert "system" not in built.body
        assert built.adapted == ""
        built = choice_of(claude, name, choice, has_parallel_tools=False)
        one = {"disable_parallel_tool_use": True}
        assert built.body.get("tool_choice") == (
            wanted if choice is ToolChoice.NONE else {**(wanted or {"type": "auto"}), **one}
        )


@pytest.mark.parametrize("name", UNFORCED)
def test_every_choice_where_it_can_not(name: str, claude: Any) -> None:
    wire = choice_of(claude, name, ToolChoice.AUTO).body["tools"][0]["name"]
    for choice, words in (
        (ToolChoice.REQUIRED, "You have to call one of the tools now. Do not answer in text."),
        (ToolChoice.NAMED, f"You have to call the tool {wire} now. Do not answer in text."),
    ):
        built = choice_of(claude, name, choice)
        assert "tool_choice" not in built.body
        assert built.body["system"] == [{"type": "text", "text": words}]
        assert built.adapted == "tool_choice=auto-and-asked-for"
        built = choice_of(claude, name, choice, has_parallel_tools=False)
        assert built.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    for choice, wanted in ((ToolChoice.AUTO, None), (ToolChoice.NONE, {"type": "none"})):
        built = choice_of(claude, name, choice)
        assert built.body.get("tool_choice") == wanted
        assert (built.adapted, built.body.get("system")) == ("", None)


def test_the_words_stand_behind_the_clients_own(claude: Any) -> None:
    messages = [claude.said("Be brief.", role=Role.SYSTEM), claude.said("Hi")]
    built = choice_of(claude, "opus-5-5", ToolChoice.REQUIRED, messages=messages)
    assert [block["text"][:8] for block in built.body["system"]] == ["Be brief", "You have"]


# Answers in JSON.


@pytest.mark.parametrize("name", ["haiku-4-5", "sonnet-4-5", "opus-4-5", "opus-4-6", "sonnet-4-6", "mythos-5"])
def test_where_the_model_follows_schemas(name: str, claude: Any) -> None:
    built = claude.build(claude.asked(output_format=ANSWER, tools=TOOLS), name, is_strict=True)
    assert built.body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert len(built.body["tools"]) == 2
    assert (built.call.answer_tool, built.call.is_bare_json) == (None, False)
    effort = claude.asked(output_format=ANSWER, sampling=Sampling(reasoning_effort="low"))
    assert claude.build(effort, name).body["output_config"]["format"]["schema"] == SCHEMA


def test_claudes_own_format_goes_first(claude: Any) -> None:
    own = {"format": {"type": "json_schema", "schema": SCHEMA}}
    built = claude.build(claude.asked(output_format=ANSWER, extra={"output_config": own}), "sonnet-4-5")
    assert built.body["output_config"] == own
    assert built.adapted == f"{ANSWER.param}=dropped"


def test_what_is_begun_can_follow_no_schema(claude: Any) -> None:
    messages = [claude.said("Hi"), claude.said('{"city":', role=Role.ASSISTANT, param="messages[1]")]
    for name in ("sonnet-4-5", "3-5-sonnet"):
        built = claude.build(claude.asked(messages=messages, output_format=ANSWER), name)
        assert built.body["messages"][-1]["role"] == "user"
        by_tool = f"{ANSWER.param}=tool, " * (name == "3-5-sonnet")
        assert built.adapted == f"{by_tool}messages[1]=user-turn-appended"
    built = claude.build(claude.asked(messages=messages, output_format=ANY_JSON), "sonnet-4-5")
    assert built.body["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("name", FORCED)
@pytest.mark.parametrize("output", [ANSWER, LIST])
def test_a_tool_in_place_of_a_schema(name: str, output: OutputFormat, claude: Any) -> None:
    if "schema" in claude.model(name).features and output is ANSWER:
        return
    built = claude.build(claude.asked(output_format=output), name)
    assert built.adapted == f"{output.param}=tool"
    (tool,) = built.body["tools"]
    assert tool["name"] == built.call.answer_tool == f"answer_{output.name}"
    assert tool["description"] == (output.description or "Gives the answer to the user.")
    if output is ANSWER:
        assert (tool["input_schema"], built.call.answer_key) == (SCHEMA, None)
    else:
        assert built.call.answer_key == "value"
        assert tool["input_schema"]["properties"] == {"value": LIST.schema}
    assert built.body["tool_choice"] == {"type": "tool", "name": tool["name"], "disable_parallel_tool_use": True}
    assert "output_config" not in built.body
    assert built.body.get("thinking") in (None, {"type": "disabled"})


@pytest.mark.parametrize("name", ["opus-5-5", "fable-5", "mythos-preview"])
def test_a_tool_that_is_asked_for_in_place_of_a_schema(name: str, claude: Any) -> None:
    for others in ({}, {"tools": TOOLS, "tool_choice": ToolChoice.NONE}):
        built = claude.build(claude.asked(output_format=ANSWER, **others), name)
        assert built.adapted == f"{ANSWER.param}=tool"
        # What must not be called is not there.
        assert [tool["name"] for tool in built.body["tools"]] == ["answer_city"]
        assert "tool_choice" not in built.body
        assert built.body["system"][0]["text"].startswith("You have to call the tool answer_city now.")
        assert built.call.answer_tool == "answer_city"


def test_who_asks_for_thoughts_and_an_answer_by_schema_gets_both(claude: Any) -> None:
    for name in ("opus-4-7", "sonnet-5", "haiku-5-5"):
        request = claude.asked(output_format=ANSWER, sampling=Sampling(reasoning_effort="high"))
        built = claude.build(request, name)
        assert built.adapted == f"{ANSWER.param}=tool"
        assert built.body["thinking"]["type"] == "adaptive"
        assert "tool_choice" not in built.body
        assert built.body["system"][0]["text"].startswith("You have to call the tool answer_city now.")


def test_an_answer_by_tool_beside_other_tools(claude: Any) -> None:
    told = "Give your final answer by calling the tool answer_city, not as text."
    for name, wanted in (("3-5-sonnet", {"type": "any"}), ("opus-4-7", {"type": "any"}), ("sonnet-5", None)):
        built = claude.build(claude.asked(output_format=ANSWER, tools=TOOLS), name)
        assert built.adapted == f"{ANSWER.param}=tool"
        assert len(built.body["tools"]) == 3
        assert built.body.get("tool_choice") == wanted
        assert built.body["system"] == [{"type": "text", "text": told}]
    built = choice_of(claude, "3-5-sonnet", ToolChoice.NONE, output_format=ANSWER)
    assert len(built.body["tools"]) == 3
    assert built.body["tool_choice"]["name"] == "answer_city"
    built = choice_of(claude, "sonnet-5", ToolChoice.NONE, output_format=ANSWER)
    assert built.body["thinking"] == {"type": "disabled"}
    assert built.body["tool_choice"]["name"] == "answer_city"
    request = claude.asked(output_format=ANSWER, tools=TOOLS, has_parallel_tools=False)
    assert claude.build(request, "3-5-sonnet").body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("choice", [ToolChoice.REQUIRED, ToolChoice.NAMED])
def test_a_call_that_is_insisted_on_comes_before_an_answer(choice: ToolChoice, claude: Any) -> None:
    for name in ("3-5-sonnet", "opus-5-5"):
        built = choice_of(claude, name, choice, output_format=ANSWER)
        assert len(built.body["tools"]) == 2
        assert built.call.answer_tool is None


def test_the_answer_has_a_name_of_its_own(claude: Any) -> None:
    tools = [Tool("answer_city", "tools[0].function")]
    built = claude.build(claude.asked(output_format=ANSWER, tools=tools), "3-5-sonnet")
    names = [tool["name"] for tool in built.body["tools"]]
    assert names[0] == "answer_city" != names[1] == built.call.answer_tool
    long = OutputFormat("response_format", "x" * 64, schema=SCHEMA)
    assert len(claude.build(claude.asked(output_format=long), "3-5-sonnet").body["tools"][0]["name"]) == 64


def test_any_json(claude: Any) -> None:
    for name in ("3-5-sonnet", "sonnet-4-5", "sonnet-5", "opus-5-5"):
        built = claude.build(claude.asked(output_format=ANY_JSON, tools=TOOLS), name)
        assert built.adapted == "response_format=instruction"
        assert built.call.is_bare_json
        assert built.call.answer_tool is None
        assert built.body["system"][-1]["text"].startswith("Answer with one JSON object and nothing else")
        assert len(built.body["tools"]) == 2


# What Claude compiles, and what it refuses to be named.


def test_strict_tools_and_the_answer_share_one_room(claude: Any) -> None:
    loose = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string"} for n in range(13)},
        "additionalProperties": False,
    }
    tools = [
        Tool("first", "tools[0]", parameters=loose, is_strict=True),
        Tool("b", "tools[1]", "", loose, is_strict=True),
    ]
    built = claude.build(claude.asked(tools=tools), "sonnet-4-5")
    assert [tool.get("strict") for tool in built.body["tools"]] == [True, None]
    assert built.adapted == "tools[1].strict=dropped"
    output = OutputFormat("response_format", "loose", schema=loose)
    built = claude.build(claude.asked(tools=tools, output_format=output), "sonnet-4-5")
    assert built.body["output_config"]["format"]["schema"] == loose
    assert [tool.get("strict") for tool in built.body["tools"]] == [None, None]


def test_an_answer_that_is_too_much_to_compile_comes_by_tool(claude: Any) -> None:
    names = {f"p{n}": {"type": ["string", "null"]} for n in range(17)}
    schema = {"type": "object", "properties": names, "required": [*names], "additionalProperties": False}
    built = claude.build(
        claude.asked(output_format=OutputFormat("response_format", "wide", schema=schema)), "sonnet-4-5"
    )
    assert "output_config" not in built.body
    assert built.call.answer_tool == "answer_wide"
    assert built.adapted == "response_format=tool"


NAMED_ODDLY = {
    "type": "object",
    "properties": {"filter[id]": {"type": "string"}, "$top": {"type": "integer"}},
    "required": ["filter[id]"],
    "additionalProperties": False,
}


def test_odd_names_of_arguments_stand_one_level_down(claude: Any) -> None:
    call = ToolUse("a", ODD, '{"filter[id]": "x"}', "messages[1].tool_calls[0].function")
    messages = [
        claude.said("Go"),
        claude.said(call, role=Role.ASSISTANT),
        claude.said(ToolResult("a", [], "messages[2]")),
    ]
    for is_strict in (False, True):
        tools = [Tool(ODD, "tools[0].function", parameters=NAMED_ODDLY, is_strict=is_strict)]
        built = claude.build(claude.asked(messages=messages, tools=tools), "sonnet-4-5", is_strict=True)
        (tool,) = built.body["tools"]
        assert tool.get("strict") == (True if is_strict else None)
        assert tool["input_schema"]["properties"] == {"value": NAMED_ODDLY}
        assert built.call.argument_keys == {ODD: "value"}
        assert built.body["messages"][1]["content"][0]["input"] == {"value": {"filter[id]": "x"}}
    # A tool that is called in the history alone stays as it was.
    built = claude.build(claude.asked(messages=messages), "sonnet-4-5")
    assert built.body["messages"][1]["content"][0]["input"] == {"filter[id]": "x"}


def test_so_do_those_of_an_answer(claude: Any) -> None:
    output = OutputFormat("response_format", "list", schema=NAMED_ODDLY)
    built = claude.build(claude.asked(output_format=output), "3-5-sonnet")
    assert built.body["tools"][0]["input_schema"]["properties"] == {"value": NAMED_ODDLY}
    assert built.call.answer_key == "value"
