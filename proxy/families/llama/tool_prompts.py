"""What a Llama model is told of functions, in the form it was trained on, and how calls and results look in its history.

    3.1, 3.2 11B and 90B     {"name": "get_weather", "parameters": {"city": "Paris"}}, one call an answer
    3.2 1B and 3B, 3.3, 4    [get_weather(city='Paris'), get_time()]

`instructions` go in front of the system text, `prefill` behind the header of the answer; results are turns of the role
`ipython`. `Environment: ipython`, which turns the code interpreter on, is never said. Every text given back is
neutralised: a special token in a description or a result is text. Source: meta-llama/llama-models prompt formats, 2024
to 2025; the lines that describe a format are its own, the others are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from proxy import jsonio
from proxy.families.llama.arguments import KEYWORD
from proxy.families.llama.coercion import is_deep
from proxy.families.llama.template import HeaderTemplate
from proxy.families.tool_names import safe
from proxy.neutral.blocks import ToolUse
from proxy.neutral.request import Tool, ToolChoice

_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}
_FREE_TEXT: Mapping[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
_DEEPEST_SCHEMA = 64
_SCHEMA_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = ("items", "additionalProperties", "not")


class Syntax(Enum):
    JSON = auto()
    PYTHONIC = auto()
    PYTHONIC_4 = auto()
    """The same calls, asked for in Llama 4's words."""


def syntax_of(template: str, *, has_images: bool) -> Syntax | None:
    """By the catalogue's `template`, and whether the model can see. None: that generation was not trained for functions."""
    match template:
        case "llama3.1":
            return Syntax.JSON
        case "llama3.2":
            return Syntax.JSON if has_images else Syntax.PYTHONIC
        case "llama3.3":
            return Syntax.PYTHONIC
        case "llama4":
            return Syntax.PYTHONIC_4
        case _:
            return None


def offered(tools: Sequence[Tool]) -> dict[str, Mapping[str, Any]]:
    """The names as the model is told them -> the schema of their arguments: what a `CallParser` is made with."""
    return {safe(tool.name): _parameters(tool) for tool in tools}


def definition(tool: Tool) -> dict[str, Any]:
    """`{"name": …, "description": …, "parameters": {…}}`"""
    return _function(tool, _parameters(tool))


def instructions(
    syntax: Syntax,
    tools: Sequence[Tool],
    choice: ToolChoice = ToolChoice.AUTO,
    *,
    chosen: str | None = None,
    is_parallel: bool = True,
) -> str:
    """What to say of the tools, or "" where none is to be called. `chosen` is the client's name of the tool, with `NAMED`."""
    if not tools or choice is ToolChoice.NONE:
        return ""
    rules = " ".join(_rules(syntax, choice, chosen, is_parallel))
    return HeaderTemplate.neutralise(_FORMS[syntax].format(rules=rules, functions=_functions(syntax, tools)))


def prefill(syntax: Syntax, tools: Sequence[Tool], choice: ToolChoice, *, chosen: str | None = None) -> str:
    """How an answer begins that has to be a call; "" where it need not. Nothing but names is in it."""
    if not tools or choice in (ToolChoice.AUTO, ToolChoice.NONE):
        return ""
    if choice is ToolChoice.REQUIRED and len(tools) == 1:
        chosen = tools[0].name
    if syntax is Syntax.JSON:
        return '{"name": "' if chosen is None else f'{{"name": "{safe(chosen)}", "parameters": {{'
    return "[" if chosen is None else f"[{safe(chosen)}("


def render_call(syntax: Syntax, calls: Sequence[ToolUse]) -> str:
    """The calls of one turn, as the model would have written them. Arguments that are no JSON object, or one
    of a depth that no call has, stay the text they are."""
    if syntax is Syntax.JSON:
        text = "; ".join(_json_call(safe(call.name), call.arguments) for call in calls)
    else:
        text = f"[{', '.join(_python_call(safe(call.name), call.arguments) for call in calls)}]"
    return HeaderTemplate.neutralise(text)


def render_result(text: str, *, name: str | None = None) -> str:
    """The content of a turn of the role `ipython`: the result as it is.

    Where the turn before had several calls, the client's `name` of the one tells them apart:

        {"name": "get_weather", "output": "25 C"}
    """
    if name is not None:
        output = text if _is_json(text) else _dump(text)
        text = f'{{"name": {_dump(safe(name))}, "output": {output}}}'
    # A turn without text would not be there at all.
    return HeaderTemplate.neutralise(text if text.strip() else '""')


_FORMS: Mapping[Syntax, str] = {
    Syntax.JSON: (
        "You have access to the functions below. {rules}\n"
        'To call a function, respond in the format {{"name": function name, "parameters": dictionary of argument name '
        "and its value}}. Do not use variables, and write nothing beside the call.\n\n"
        "Here is a list of functions in JSON format:\n\n"
        "{functions}\n\n"
        "Return function calls in JSON format."
    ),
    Syntax.PYTHONIC: (
        "You have access to the functions below. {rules}\n"
        "If you decide to invoke any of the function(s), you MUST put it in the format of "
        "[func_name1(params_name1=params_value1, params_name2=params_value2...), func_name2(params)]\n"
        "You SHOULD NOT include any other text in the response.\n\n"
        "Here is a list of functions in JSON format that you can invoke.\n\n"
        "{functions}"
    ),
    Syntax.PYTHONIC_4: (
        "You have access to the functions below. {rules}\n"
        "Function calls have exactly this format: [func_name1(param1=value1, param2=value2), func_name2(...)]\n"
        "Never mix text and calls, and never write empty brackets.\n\n"
        "Here is a list of functions in JSON format that you can invoke:\n\n"
        "{functions}"
    ),
}


def _rules(syntax: Syntax, choice: ToolChoice, chosen: str | None, is_parallel: bool) -> list[str]:
    if choice is ToolChoice.NAMED:
        rules = [f"You MUST answer with a call of the function {safe(chosen or '')}."]
    elif choice is ToolChoice.REQUIRED:
        rules = ["You MUST answer with a call of one of them."]
    else:
        rules = [
            "Call one where it is needed to answer; where none is needed or none fits, answer in plain text.",
            "Ask for required parameters that you do not know.",
            "When the result of a call is there, answer from it in plain text.",
        ]
    if syntax is Syntax.JSON or not is_parallel:
        rules.append("Call only one function at a time.")
    return rules


def _functions(syntax: Syntax, tools: Sequence[Tool]) -> str:
    if syntax is Syntax.JSON:
        return "\n\n".join(_dump({"type": "function", "function": definition(tool)}, 4) for tool in tools)
    return _dump([_function(tool, _with_dicts(_parameters(tool))) for tool in tools], 4)


def _function(tool: Tool, parameters: Any) -> dict[str, Any]:
    function: dict[str, Any] = {"name": safe(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = parameters
    return function


def _parameters(tool: Tool) -> Mapping[str, Any]:
    if tool.parameters is None:
        return _FREE_TEXT if tool.is_free_text else _NO_PARAMETERS
    return {"type": "object", **{key: value for key, value in tool.parameters.items() if key != "$schema"}}


def _with_dicts(schema: Any, depth: int = 0) -> Any:
    """`"type": "object"` is `"type": "dict"` in these definitions. What lies deeper than anyone writes is left alone."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST_SCHEMA:
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type":
            made[key] = ["dict" if one == "object" else one for one in value] if isinstance(value, list) else value
            if value == "object":
                made[key] = "dict"
        elif key in _SCHEMA_MAPS and isinstance(value, Mapping):
            made[key] = {name: _with_dicts(inner, depth + 1) for name, inner in value.items()}
        elif key in _SCHEMA_LISTS and isinstance(value, list):
            made[key] = [_with_dicts(inner, depth + 1) for inner in value]
        else:
            made[key] = _with_dicts(value, depth + 1) if key in _SCHEMAS else value
    return made


def _json_call(name: str, arguments: str) -> str:
    value = arguments_of(arguments)
    return f'{{"name": {_dump(name)}, "parameters": {arguments if value is None else _dump(value)}}}'


def _python_call(name: str, arguments: str) -> str:
    value = arguments_of(arguments)
    if value is None:
        return f"{name}(arguments={arguments!r})"
    written: list[str] = []
    for key, inner in value.items():
        written.append(f"{key}={inner!r}" if key and KEYWORD.fullmatch(key) else f"**{ {key: inner}!r}")
    return f"{name}({', '.join(written)})"


def arguments_of(arguments: str) -> dict[str, Any] | None:
    """None for what is no JSON object, or of a depth that no call has."""
    if not arguments.strip():
        return {}
    try:
        value = jsonio.decode(arguments)
    except jsonio.UNREADABLE:
        return None
    return value if isinstance(value, dict) and not is_deep(value) else None


def _is_json(text: str) -> bool:
    try:
        jsonio.decode(text)
    except jsonio.UNREADABLE:
        return False
    return True


def _dump(value: Any, indent: int = 0) -> str:
    """JSON with a space behind commas and colons, or with lines and indents: as it stood in the training texts."""
    return msgspec.json.format(jsonio.encode(value), indent=indent).decode()
