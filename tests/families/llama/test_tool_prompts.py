"""What each generation is told of tools, and how it sees its own calls and their results."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio
from proxy.families.llama.calls import CallParser
from proxy.families.llama.pieces import CallEnd, CallStart
from proxy.families.llama.template import TEMPLATES
from proxy.families.llama.tool_prompts import (
    Syntax,
    instructions,
    offered,
    prefill,
    render_call,
    render_result,
    syntax_of,
)
from proxy.families.tool_names import safe
from proxy.neutral.blocks import ToolUse
from proxy.neutral.events import ArgumentsDelta
from proxy.neutral.request import Tool, ToolChoice

WEATHER = Tool(
    "get_weather",
    "tools[0]",
    "Weather of a {place}",
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string", "description": "Where"}, "days": {"type": "integer", "default": 1}},
    },
)
TIME = Tool("get_time", "tools[1]")
TOOLS = [WEATHER, TIME]
PYTHONIC = (Syntax.PYTHONIC, Syntax.PYTHONIC_4)


def call(name: str, arguments: str) -> ToolUse:
    return ToolUse("call_1", name, arguments)


@pytest.mark.parametrize(
    ("template", "has_images", "syntax"),
    [
        ("llama2", False, None),
        ("llama3", False, None),
        ("llama3.1", False, Syntax.JSON),
        ("llama3.2", False, Syntax.PYTHONIC),
        ("llama3.2", True, Syntax.JSON),
        ("llama3.3", False, Syntax.PYTHONIC),
        ("llama4", True, Syntax.PYTHONIC_4),
    ],
)
def test_each_generation_has_its_syntax(template: str, has_images: bool, syntax: Syntax | None) -> None:
    assert template in TEMPLATES
    assert syntax_of(template, has_images=has_images) is syntax


def test_json_definitions() -> None:
    text = instructions(Syntax.JSON, TOOLS)
    head, _, rest = text.partition("Here is a list of functions in JSON format:\n\n")
    weather, time, tail = rest.split("\n\n")
    assert '{"name": function name, "parameters": dictionary of argument name and its value}' in head
    assert tail == "Return function calls in JSON format."
    assert jsonio.decode(weather) == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a {place}",
            "parameters": {
                "type": "object",
                "required": ["city"],
                "properties": {
                    "city": {"type": "string", "description": "Where"},
                    "days": {"type": "integer", "default": 1},
                },
            },
        },
    }
    assert jsonio.decode(time) == {
        "type": "function",
        "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
    }
    assert "Environment" not in text


@pytest.mark.parametrize(
    ("syntax", "fixed"),
    [
        (
            Syntax.PYTHONIC,
            [
                "If you decide to invoke any of the function(s), you MUST put it in the format of [func_name1("
                "params_name1=params_value1, params_name2=params_value2...), func_name2(params)]\n"
                "You SHOULD NOT include any other text in the response.\n\n",
                "Here is a list of functions in JSON format that you can invoke.\n\n[",
            ],
        ),
        (
            Syntax.PYTHONIC_4,
            [
                "[func_name1(param1=value1, param2=value2), func_name2(...)]\n",
                "Here is a list of functions in JSON format that you can invoke:\n\n[",
            ],
        ),
    ],
)
def test_pythonic_definitions(syntax: Syntax, fixed: list[str]) -> None:
    text = instructions(syntax, TOOLS)
    for line in fixed:
        assert line in text
    weather, time = jsonio.decode(text[text.index("\n\n[\n    {") :])
    assert weather["parameters"]["type"] == "dict"
    assert weather["parameters"]["properties"]["city"] == {"type": "string", "description": "Where"}
    assert time == {"name": "get_time", "parameters": {"type": "dict", "properties": {}}}


def test_dict_is_said_where_a_schema_says_object_and_nowhere_else() -> None:
    given: dict[str, Any] = {
        "properties": {
            "type": {"type": "object", "default": {"type": "object"}, "enum": [{"type": "object"}]},
            "list": {"type": ["array", "object"], "items": {"type": "object"}},
            "any": {"anyOf": [{"type": "object"}, {"type": "null"}, True]},
            "map": {"additionalProperties": {"type": "object"}},
            "ref": {"$ref": "#/$defs/object"},
            "odd": {"type": 3, "properties": [], "anyOf": {}, "items": False},
        },
        "$defs": {"object": {"type": "object"}},
    }
    text = instructions(Syntax.PYTHONIC, [Tool("f", "tools[0]", parameters=given)])
    assert jsonio.decode(text[text.index("\n\n[\n    {") :])[0]["parameters"] == {
        "type": "dict",
        "properties": {
            "type": {"type": "dict", "default": {"type": "object"}, "enum": [{"type": "object"}]},
            "list": {"type": ["array", "dict"], "items": {"type": "dict"}},
            "any": {"anyOf": [{"type": "dict"}, {"type": "null"}, True]},
            "map": {"additionalProperties": {"type": "dict"}},
            "ref": {"$ref": "#/$defs/object"},
            "odd": {"type": 3, "properties": [], "anyOf": {}, "items": False},
        },
        "$defs": {"object": {"type": "dict"}},
    }


def test_a_schema_beyond_reason_is_told_as_it_is() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(300):
        schema = {"type": "object", "items": schema}
    text = instructions(Syntax.PYTHONIC, [Tool("f", "tools[0]", parameters=schema)])
    assert text.count('"dict"') + text.count('"object"') == 301
    assert '"object"' in text.rpartition('"dict"')[2]


def test_free_text_is_one_argument() -> None:
    tool = Tool("run", "tools[0]", "Runs", is_free_text=True)
    expected = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert offered([tool]) == {"run": expected}


@pytest.mark.parametrize("syntax", Syntax)
def test_what_the_choice_adds(syntax: Syntax) -> None:
    assert instructions(syntax, TOOLS, ToolChoice.NONE) == ""
    assert instructions(syntax, []) == ""
    free = instructions(syntax, TOOLS)
    assert "answer in plain text" in free
    forced = instructions(syntax, TOOLS, ToolChoice.REQUIRED)
    assert "You MUST answer with a call of one of them." in forced
    assert "answer in plain text" not in forced
    named = instructions(syntax, TOOLS, ToolChoice.NAMED, chosen="get_time")
    assert "You MUST answer with a call of the function get_time." in named
    one = "Call only one function at a time."
    assert (one in free) == (syntax is Syntax.JSON)
    assert one in instructions(syntax, TOOLS, is_parallel=False)


@pytest.mark.parametrize(
    ("syntax", "tools", "choice", "chosen", "text", "rest"),
    [
        (Syntax.JSON, TOOLS, ToolChoice.AUTO, None, "", '{"name": "get_time"}'),
        (Syntax.JSON, TOOLS, ToolChoice.REQUIRED, None, '{"name": "', 'get_time", "parameters": {}}'),
        (Syntax.JSON, [TIME], ToolChoice.REQUIRED, None, '{"name": "get_time", "parameters": {', "}}"),
        (Syntax.JSON, TOOLS, ToolChoice.NAMED, "get_time", '{"name": "get_time", "parameters": {', "}}"),
        *(
            row
            for syntax in PYTHONIC
            for row in (
                (syntax, TOOLS, ToolChoice.AUTO, None, "", "[get_time()]"),
                (syntax, TOOLS, ToolChoice.REQUIRED, None, "[", "get_time()]"),
                (syntax, [TIME], ToolChoice.REQUIRED, None, "[get_time(", ")]"),
                (syntax, TOOLS, ToolChoice.NAMED, "get_time", "[get_time(", ")]"),
            )
        ),
    ],
)
def test_prefill(
    syntax: Syntax, tools: list[Tool], choice: ToolChoice, chosen: str | None, text: str, rest: str
) -> None:
    assert prefill(syntax, tools, choice, chosen=chosen) == text
    parser = CallParser(offered(tools), prefill=text)
    assert parser.feed(rest) + parser.close() == [CallStart("get_time"), ArgumentsDelta("{}"), CallEnd()]


@pytest.mark.parametrize("syntax", Syntax)
def test_no_prefill_without_tools(syntax: Syntax) -> None:
    assert prefill(syntax, TOOLS, ToolChoice.NONE) == ""
    assert prefill(syntax, [], ToolChoice.REQUIRED) == ""


CALLS = [
    (
        '{"city":"Paris","n":1,"ok":true,"no":null}',
        '{"name": "f", "parameters": {"city": "Paris", "n": 1, "ok": true, "no": null}}',
        "[f(city='Paris', n=1, ok=True, no=None)]",
    ),
    ("{}", '{"name": "f", "parameters": {}}', "[f()]"),
    ("", '{"name": "f", "parameters": {}}', "[f()]"),
    (
        '{"a":"it\'s \\"x\\"\\n","b":[{"c":1.5}]}',
        '{"name": "f", "parameters": {"a": "it\'s \\"x\\"\\n", "b": [{"c": 1.5}]}}',
        "[f(a='it\\'s \"x\"\\n', b=[{'c': 1.5}])]",
    ),
    (
        '{"a b":1,"c":2,"":3}',
        '{"name": "f", "parameters": {"a b": 1, "c": 2, "": 3}}',
        "[f(**{'a b': 1}, c=2, **{'': 3})]",
    ),
    ('{"city": "Par', '{"name": "f", "parameters": {"city": "Par}', '[f(arguments=\'{"city": "Par\')]'),
    ("[1]", '{"name": "f", "parameters": [1]}', "[f(arguments='[1]')]"),
]


@pytest.mark.parametrize(("arguments", "as_json", "pythonic"), CALLS)
def test_calls_in_the_history(arguments: str, as_json: str, pythonic: str) -> None:
    assert render_call(Syntax.JSON, [call("f", arguments)]) == as_json
    for syntax in PYTHONIC:
        assert render_call(syntax, [call("f", arguments)]) == pythonic


def test_several_calls_in_the_history() -> None:
    calls = [call("f", "{}"), call("mcp.g", '{"a":1}')]
    name = safe("mcp.g")
    assert render_call(Syntax.PYTHONIC, calls) == f"[f(), {name}(a=1)]"
    assert render_call(Syntax.JSON, calls) == (
        f'{{"name": "f", "parameters": {{}}}}; {{"name": "{name}", "parameters": {{"a": 1}}}}'
    )


def test_arguments_beyond_reason_stay_text() -> None:
    deep = f'{{"a":{"[" * 600}{"]" * 600}}}'
    assert render_call(Syntax.PYTHONIC, [call("f", deep)]) == f"[f(arguments='{deep}')]"
    assert render_call(Syntax.JSON, [call("f", deep)]) == f'{{"name": "f", "parameters": {deep}}}'


def test_results() -> None:
    assert render_result("25 C") == "25 C"
    assert render_result('{"a":1}') == '{"a":1}'
    assert render_result("") == render_result(" \n") == '""'
    assert render_result("25 C", name="f") == '{"name": "f", "output": "25 C"}'
    assert render_result('{"a":1}', name="mcp.f") == f'{{"name": "{safe("mcp.f")}", "output": {{"a":1}}}}'
    assert render_result("", name="f") == '{"name": "f", "output": ""}'


TOKENS = ("<|eot_id|>", "<|start_header_id|>", "<|python_tag|>", "<|eot|>")


@pytest.mark.parametrize("syntax", Syntax)
def test_special_tokens_are_text_wherever_they_stand(syntax: Syntax) -> None:
    for token in TOKENS:
        tool = Tool(
            f"f{token}",
            "tools[0]",
            f"d{token}",
            {"properties": {f"p{token}": {"description": token, "enum": [token], "pattern": f"<{token}|>"}}},
        )
        texts = [
            instructions(syntax, [tool], ToolChoice.NAMED, chosen=tool.name),
            prefill(syntax, [tool], ToolChoice.NAMED, chosen=tool.name),
            render_call(syntax, [call(tool.name, jsonio.encode({f"p{token}": f"v{token}", "q": token}).decode())]),
            render_call(syntax, [call(tool.name, f'{{"cut{token}')]),
            render_result(f"r{token}"),
            render_result(f"r{token}", name=tool.name),
        ]
        for text in texts:
            assert text
            assert not any(one in text for one in TOKENS)
        assert f"d< {token[1:]}" in texts[0]
