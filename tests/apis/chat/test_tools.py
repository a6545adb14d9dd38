"""Tools, the choice among them, and both in their older form."""

from typing import Any

import pytest

from proxy.apis.chat.tools import ToolSettings, parse_tools
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark
from proxy.neutral.request import Tool, ToolChoice

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "$schema": "x"}
FREE_TEXT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
F, G = ({"type": "function", "function": {"name": name}} for name in "fg")
RUN = {"type": "custom", "custom": {"name": "run"}}


def parsed(**body: Any) -> ToolSettings:
    return parse_tools(body, Adaptations())


def adapted(**body: Any) -> str:
    notes = Adaptations()
    parse_tools(body, notes)
    return notes.header()


def refused(body: dict[str, Any], strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse_tools(body, Adaptations(strict))
    return raised.value.message, raised.value.param, raised.value.code


def missing(param: str) -> tuple[str, str, str]:
    return f"Missing required parameter: '{param}'.", param, "missing_required_parameter"


def wrong_type(param: str, expected: str, kind: str) -> tuple[str, str, str]:
    return f"Invalid type for '{param}': expected {expected}, but got {kind} instead.", param, "invalid_type"


def unknown_word(param: str, word: str, listed: str) -> tuple[str, str, str]:
    return f"Invalid value: '{word}'. Supported values are: {listed}.", param, "invalid_value"


# Definitions.


@pytest.mark.parametrize(
    ("function", "tool"),
    [
        ({}, Tool("f", "tools[0].function")),
        ({"description": None, "parameters": None, "strict": None}, Tool("f", "tools[0].function")),
        ({"description": "", "strict": False}, Tool("f", "tools[0].function")),
        ({"description": "Tells."}, Tool("f", "tools[0].function", "Tells.")),
        ({"parameters": {}}, Tool("f", "tools[0].function", parameters={})),
        ({"parameters": SCHEMA, "strict": True}, Tool("f", "tools[0].function", parameters=SCHEMA, is_strict=True)),
        ({"name": "mcp.server/ä b"}, Tool("mcp.server/ä b", "tools[0].function")),
        ({"name": "n" * 5000}, Tool("n" * 5000, "tools[0].function")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_function(function: dict[str, Any], tool: Tool) -> None:
    listed = [{"type": "function", "function": {"name": "f", **function}}]
    notes = Adaptations(is_strict=True)
    assert parse_tools({"tools": listed}, notes) == ToolSettings([tool])
    older = Tool(**{name: getattr(tool, name) for name in Tool.__slots__} | {"param": "functions[0]"})
    assert parse_tools({"functions": [{"name": "f", **function}]}, notes).tools == [older]
    assert not notes


def test_the_order_is_kept() -> None:
    assert [tool.param for tool in parsed(tools=[G, RUN, F]).tools] == [
        "tools[0].function",
        "tools[1].custom",
        "tools[2].function",
    ]
    assert [tool.name for tool in parsed(tools=[G, RUN, F]).tools] == ["g", "run", "f"]


def test_the_schema_is_not_the_clients_own_object() -> None:
    schema: dict[str, Any] = {"type": "object"}
    (tool,) = parsed(tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}]).tools
    assert tool.parameters == schema
    assert tool.parameters is not schema


@pytest.mark.parametrize("form", [None, {}, {"type": "text"}, {"type": None}])
def test_a_custom_tool(form: object) -> None:
    notes = Adaptations(is_strict=True)
    custom = {"name": "run", "description": "Runs.", "format": form}
    settings = parse_tools({"tools": [{"type": "custom", "custom": custom}]}, notes)
    assert settings.tools == [Tool("run", "tools[0].custom", "Runs.", FREE_TEXT, is_free_text=True)]
    assert not notes


@pytest.mark.parametrize("before", ["", "Runs.\n\n"])
def test_a_grammar_is_told_and_that_is_said(before: str) -> None:
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "a"+\n'}}
    body = {"tools": [{"type": "custom", "custom": {"name": "run", "description": before.strip(), "format": form}}]}
    (tool,) = parsed(**body).tools
    assert tool.description == f'{before}The input has to follow this grammar (lark):\nstart: "a"+'
    assert tool.parameters == FREE_TEXT
    assert adapted(**body) == "tools[0].custom.format=description"
    assert refused(body, strict=True)[1:] == ("tools[0].custom.format", "unsupported_value")


def test_marks() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    function = {"type": "function", "function": {"name": "f"}}
    for body, at in (
        ({"tools": [{**function, **mark}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "f", **mark}}]}, "tools[0].function"),
        ({"tools": [{"type": "custom", "custom": {"name": "f", **mark}}]}, "tools[0].custom"),
        ({"functions": [{"name": "f", **mark}]}, "functions[0]"),
    ):
        (tool,) = parsed(**body).tools
        assert tool.cache_mark == CacheMark(f"{at}.cache_control", "1h")
        assert adapted(**body) == ""


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"tools": [{**F, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": [{"type": "function", "function": {"name": "f", "examples": [1]}}]}, "tools[0].function.examples"),
        ({"tools": [{"type": "custom", "custom": {"name": "f", "strict": True}}]}, "tools[0].custom.strict"),
        ({"functions": [{"name": "f", "examples": [1]}]}, "functions[0].examples"),
        (
            {"tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "text", "x": 1}}}]},
            "tools[0].custom.format.x",
        ),
        (
            {"tools": [F], "tool_choice": {**F, "disable_parallel_tool_use": True}},
            "tool_choice.disable_parallel_tool_use",
        ),
        (
            {"tools": [F], "tool_choice": {"type": "function", "function": {"name": "f", "x": 1}}},
            "tool_choice.function.x",
        ),
        (
            {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [F], "x": 1}}},
            "tool_choice.allowed_tools.x",
        ),
        (
            {"tools": [F], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{**F, "x": 1}]}}},
            "tool_choice.allowed_tools.tools[0].x",
        ),
        ({"functions": [{"name": "f"}], "function_call": {"name": "f", "x": 1}}, "function_call.x"),
    ],
)
def test_unknown_keys_are_dropped_and_said(body: dict[str, Any], place: str) -> None:
    assert adapted(**body) == f"{place}=dropped"
    assert refused(body, strict=True) == (f"Unknown parameter: '{place}'.", place, "unknown_parameter")


GRAMMAR = "tools[0].custom.format.grammar"


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("f", wrong_type("tools[0]", "an object", "a string")),
        (None, wrong_type("tools[0]", "an object", "null")),
        ({}, missing("tools[0].type")),
        ({"type": None, "function": {"name": "f"}}, missing("tools[0].type")),
        ({"type": 1}, wrong_type("tools[0].type", "a string", "an integer")),
        ({"type": "web_search"}, unknown_word("tools[0].type", "web_search", "'function' and 'custom'")),
        ({"type": "function"}, missing("tools[0].function")),
        ({"type": "function", "name": "f"}, missing("tools[0].function")),
        ({"type": "custom", "function": {"name": "f"}}, missing("tools[0].custom")),
        ({"type": "function", "function": "f"}, wrong_type("tools[0].function", "an object", "a string")),
        ({"type": "function", "function": {}}, missing("tools[0].function.name")),
        ({"type": "function", "function": {"name": ""}}, missing("tools[0].function.name")),
        (
            {"type": "function", "function": {"name": 1}},
            wrong_type("tools[0].function.name", "a string", "an integer"),
        ),
        (
            {"type": "function", "function": {"name": "f", "description": []}},
            wrong_type("tools[0].function.description", "a string", "an array"),
        ),
        (
            {"type": "function", "function": {"name": "f", "parameters": "{}"}},
            wrong_type("tools[0].function.parameters", "an object", "a string"),
        ),
        (
            {"type": "function", "function": {"name": "f", "strict": "yes"}},
            wrong_type("tools[0].function.strict", "a boolean", "a string"),
        ),
        ({"type": "custom", "custom": {}}, missing("tools[0].custom.name")),
        (
            {"type": "custom", "custom": {"name": "f", "format": "text"}},
            wrong_type("tools[0].custom.format", "an object", "a string"),
        ),
        (
            {"type": "custom", "custom": {"name": "f", "format": {"type": "json"}}},
            unknown_word("tools[0].custom.format.type", "json", "'text' and 'grammar'"),
        ),
        ({"type": "custom", "custom": {"name": "f", "format": {"type": "grammar"}}}, missing(GRAMMAR)),
        (
            {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {}}}},
            missing(f"{GRAMMAR}.syntax"),
        ),
        (
            {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "regex"}}}},
            missing(f"{GRAMMAR}.definition"),
        ),
        (
            {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "abnf"}}}},
            unknown_word(f"{GRAMMAR}.syntax", "abnf", "'lark' and 'regex'"),
        ),
    ],
    ids=lambda value: str(value)[:80],
)
def test_a_tool_of_the_wrong_shape(tool: object, expected: tuple[str, str, str]) -> None:
    assert refused({"tools": [tool]}) == expected


def test_a_function_of_the_wrong_shape() -> None:
    assert refused({"functions": [{"name": "f"}, "g"]}) == wrong_type("functions[1]", "an object", "a string")
    assert refused({"functions": [{}]}) == missing("functions[0].name")


# The choice.


def allowed(*tools: Any, **mode: Any) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"tools": list(tools), **mode}}


@pytest.mark.parametrize(
    ("choice", "names", "kind", "chosen"),
    [
        (None, "f g run", ToolChoice.AUTO, None),
        ("auto", "f g run", ToolChoice.AUTO, None),
        ("none", "f g run", ToolChoice.NONE, None),
        ("required", "f g run", ToolChoice.REQUIRED, None),
        (G, "f g run", ToolChoice.NAMED, "g"),
        (RUN, "f g run", ToolChoice.NAMED, "run"),
        (allowed(G, mode="auto"), "g", ToolChoice.AUTO, None),
        (allowed(G), "g", ToolChoice.AUTO, None),
        (allowed(RUN, F, F, mode="required"), "f run", ToolChoice.REQUIRED, None),
        (allowed({"function": {"name": "f"}}, mode="auto"), "f", ToolChoice.AUTO, None),
    ],
    ids=str,
)
def test_every_choice(choice: object, names: str, kind: ToolChoice, chosen: str | None) -> None:
    settings = parsed(tools=[F, G, RUN], tool_choice=choice)
    assert " ".join(tool.name for tool in settings.tools) == names
    assert (settings.choice, settings.chosen) == (kind, chosen)
    assert not settings.has_functions


WORDS = "'none', 'auto', and 'required'"
ALLOWED = "tool_choice.allowed_tools"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("any", unknown_word("tool_choice", "any", WORDS)),
        ("", unknown_word("tool_choice", "", WORDS)),
        ("named", unknown_word("tool_choice", "named", WORDS)),
        (True, wrong_type("tool_choice", "one of a string or object", "a boolean")),
        (["f"], wrong_type("tool_choice", "one of a string or object", "an array")),
        ({}, missing("tool_choice.type")),
        ({"type": "auto"}, unknown_word("tool_choice.type", "auto", "'function', 'custom', and 'allowed_tools'")),
        ({"type": "function"}, missing("tool_choice.function")),
        ({"type": "function", "name": "f"}, missing("tool_choice.function")),
        ({"type": "function", "function": {}}, missing("tool_choice.function.name")),
        (
            {"type": "function", "function": {"name": "h"}},
            ("Tool choice 'h' not found in 'tools' parameter.", "tool_choice", None),
        ),
        (
            {"type": "custom", "custom": {"name": "h" * 500}},
            (f"Tool choice '{'h' * 100}' not found in 'tools' parameter.", "tool_choice", None),
        ),
        ({"type": "allowed_tools"}, missing(ALLOWED)),
        ({"type": "allowed_tools", "mode": "auto", "tools": [F]}, missing(ALLOWED)),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}, missing(f"{ALLOWED}.tools")),
        (allowed(mode="auto"), missing(f"{ALLOWED}.tools")),
        (allowed(F, mode="none"), unknown_word(f"{ALLOWED}.mode", "none", "'auto' and 'required'")),
        (allowed(F, "g"), wrong_type(f"{ALLOWED}.tools[1]", "an object", "a string")),
        (allowed({"type": "function"}), missing(f"{ALLOWED}.tools[0].function.name")),
        (allowed({"type": "x"}), unknown_word(f"{ALLOWED}.tools[0].type", "x", "'function' and 'custom'")),
        (
            allowed(F, {"type": "function", "function": {"name": "h"}}),
            ("Tool choice 'h' not found in 'tools' parameter.", f"{ALLOWED}.tools[1]", None),
        ),
    ],
    ids=lambda value: str(value)[:80],
)
def test_a_choice_of_the_wrong_shape(choice: object, expected: tuple[str, str, str | None]) -> None:
    assert refused({"tools": [F, G], "tool_choice": choice}) == expected


@pytest.mark.parametrize(("value", "is_parallel"), [(None, True), (True, True), (False, False)])
def test_calls_in_parallel(value: bool | None, is_parallel: bool) -> None:
    assert parsed(tools=[F], parallel_tool_calls=value).is_parallel is is_parallel


def test_without_tools_there_is_nothing_to_choose() -> None:
    for offered in ({}, {"tools": []}, {"tools": None}, {"functions": []}):
        for choice in ("none", "auto", None):
            body = {**offered, "tool_choice": choice, "function_call": choice, "parallel_tool_calls": False}
            assert parsed(**body) == ToolSettings()


@pytest.mark.parametrize(
    "body", [{"tool_choice": "required"}, {"tool_choice": F}, {"tool_choice": allowed(F)}, {"tool_choice": 0}]
)
def test_a_choice_without_tools(body: dict[str, Any]) -> None:
    expected = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    for offered in ({}, {"tools": []}, {"functions": [{"name": "f"}]}):
        assert refused({**offered, **body}) == (expected, "tool_choice", None)


# The older form.


@pytest.mark.parametrize(
    ("call", "kind", "chosen"),
    [
        (None, ToolChoice.AUTO, None),
        ("auto", ToolChoice.AUTO, None),
        ("none", ToolChoice.NONE, None),
        ({"name": "g"}, ToolChoice.NAMED, "g"),
    ],
)
def test_every_choice_of_a_function(call: object, kind: ToolChoice, chosen: str | None) -> None:
    settings = parsed(functions=[{"name": "f"}, {"name": "g"}], function_call=call, tool_choice="auto")
    assert [tool.name for tool in settings.tools] == ["f", "g"]
    assert (settings.choice, settings.chosen) == (kind, chosen)
    assert settings.has_functions
    assert not settings.is_parallel, "a message has room for one"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("required", unknown_word("function_call", "required", "'none' and 'auto'")),
        (1, wrong_type("function_call", "one of a string or object", "an integer")),
        ({}, missing("function_call.name")),
        ({"name": "h"}, ("Tool choice 'h' not found in 'functions' parameter.", "function_call", None)),
    ],
)
def test_a_function_call_of_the_wrong_shape(call: object, expected: tuple[str, str, str | None]) -> None:
    assert refused({"functions": [{"name": "f"}], "function_call": call}) == expected


def test_a_function_call_without_functions() -> None:
    assert refused({"tools": [F], "function_call": {"name": "f"}}) == (
        "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' are specified.",
        "function_call",
        None,
    )


def test_the_newer_form_wins() -> None:
    body = {"tools": [F], "functions": [{"name": "g"}], "tool_choice": "required"}
    settings = parsed(**body)
    assert ([tool.name for tool in settings.tools], settings.choice) == (["f"], ToolChoice.REQUIRED)
    assert (settings.has_functions, settings.is_parallel) == (False, True)
    assert adapted(**body) == "functions=dropped"
    assert refused(body, strict=True)[1:] == ("functions", "unsupported_parameter")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [F], "function_call": "none"}, "function_call"),
        ({"functions": [{"name": "f"}], "tool_choice": "none"}, "tool_choice"),
    ],
)
def test_a_choice_in_the_form_that_the_tools_are_not_in(body: dict[str, Any], param: str) -> None:
    assert parsed(**body).choice is ToolChoice.AUTO
    assert adapted(**body) == f"{param}=dropped"
    assert refused(body, strict=True)[1:] == (param, "unsupported_parameter")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [F, G, F]}, "tools[2].function.name"),
        ({"tools": [RUN, {"type": "function", "function": {"name": "run"}}]}, "tools[1].function.name"),
        ({"functions": [{"name": "a"}, {"name": "a"}]}, "functions[1].name"),
    ],
)
def test_two_tools_of_one_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="stands twice") as raised:
        parse_tools(body, Adaptations())
    assert (raised.value.param, raised.value.code) == (param, "invalid_value")
