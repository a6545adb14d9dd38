"""`tools`, `tool_choice` and their older forms `functions` and `function_call` -> neutral tools.

{"type": "function", "function": {"name": "…", "description": "…", "parameters": {…}, "strict": true}}
{"type": "custom", "custom": {"name": "…", "description": "…", "format": {"type": "text"}}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.marks import MARKS, cache_mark
from proxy.apis.chat.unknown import note_unknown
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Tool, ToolChoice

_MAX_TOOLS = 128
"""OpenAI's own limit on the array."""

_KINDS = ("function", "custom")
_FREE_TEXT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
"""How a custom tool, whose input is bare text, is told to a model that knows functions only."""


@dataclass(slots=True)
class ToolSettings:
    """Without tools, its defaults: a choice among none says nothing."""

    tools: list[Tool] = field(default_factory=list)
    choice: ToolChoice = ToolChoice.AUTO
    chosen: str | None = None
    is_parallel: bool = True
    has_functions: bool = False
    """Asked in the older form, and so answered in it."""


def parse_tools(body: Mapping[str, Any], adapted: Adaptations) -> ToolSettings:
    """Raises `InvalidRequest` with a path such as `tools[0].function.parameters`."""
    listed, functions = _listed(body, "tools"), _listed(body, "functions")
    is_parallel = fields.boolean(body, "parallel_tool_calls") is not False
    if listed:
        tools = [_tool(item, f"tools[{index}]", adapted) for index, item in enumerate(listed)]
        _check_names(tools)
        settings = _chosen(body, tools, adapted)
        settings.is_parallel = is_parallel
    else:
        tools = [_function(item, f"functions[{index}]", adapted) for index, item in enumerate(functions)]
        _check_names(tools)
        settings = _chosen_function(body, tools, adapted)
    _check_idle(body, "tool_choice", "tools", listed)
    _check_idle(body, "function_call", "functions", functions)
    if listed and functions:
        adapted.drop("functions", "'tools' was sent too.")
    if listed and body.get("function_call") is not None:
        adapted.drop("function_call", "It is for 'functions', and 'tools' was sent.")
    if functions and not listed and body.get("tool_choice") == "none":
        adapted.drop("tool_choice", "It is for 'tools', and 'functions' was sent.")
    return settings


def _listed(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    listed = fields.array(body, name, "an array of objects") or ()
    if len(listed) > _MAX_TOOLS:
        raise fields.too_long(name, "array", _MAX_TOOLS, len(listed))
    return listed


def _check_names(tools: Sequence[Tool]) -> None:
    """A call names its tool, and nothing else tells which was meant; Claude and Converse refuse two of one name."""
    names: set[str] = set()
    for tool in tools:
        if tool.name in names:
            raise InvalidRequest(
                f"Invalid '{tool.param}.name': the name '{tool.name[:100]}' stands twice. Tool names have to be unique.",
                param=f"{tool.param}.name",
                code="invalid_value",
            )
        names.add(tool.name)


def _check_idle(body: Mapping[str, Any], name: str, offered: str, tools: Sequence[Any]) -> None:
    """Some clients always send a choice, but a call that is demanded has to be possible."""
    if not tools and body.get(name) not in (None, "auto", "none"):
        raise InvalidRequest(
            f"Invalid value for '{name}': '{name}' is only allowed when '{offered}' are specified.", param=name
        )


def _tool(item: Any, path: str, adapted: Adaptations) -> Tool:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    kind = fields.word(item, "type", _KINDS, path)
    if kind is None:
        raise fields.missing(f"{path}.type")
    inner = fields.mapping(item, kind, path)
    if inner is None:
        raise fields.missing(f"{path}.{kind}")
    note_unknown(item, MARKS | {"type", kind}, path, adapted)
    read = _function if kind == "function" else _custom
    tool = read(inner, f"{path}.{kind}", adapted)
    tool.cache_mark = cache_mark(item, path, adapted) or tool.cache_mark
    return tool


def _function(item: Any, path: str, adapted: Adaptations) -> Tool:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    note_unknown(item, MARKS | {"name", "description", "parameters", "strict"}, path, adapted)
    parameters = fields.mapping(item, "parameters", path)
    return Tool(
        name=_name(item, path),
        param=path,
        description=fields.string(item, "description", path) or "",
        parameters=None if parameters is None else dict(parameters),
        is_strict=fields.boolean(item, "strict", path) or False,
        cache_mark=cache_mark(item, path, adapted),
    )


def _custom(item: Mapping[str, Any], path: str, adapted: Adaptations) -> Tool:
    note_unknown(item, MARKS | {"name", "description", "format"}, path, adapted)
    description = fields.string(item, "description", path) or ""
    grammar = _grammar(fields.mapping(item, "format", path) or {}, f"{path}.format", adapted)
    if grammar:
        adapted.change(f"{path}.format", "description", "It is told of the grammar, and not held to it.")
        description = f"{description}\n\n{grammar}".strip()
    return Tool(
        name=_name(item, path),
        param=path,
        description=description,
        parameters=_FREE_TEXT,
        is_free_text=True,
        cache_mark=cache_mark(item, path, adapted),
    )


def _grammar(form: Mapping[str, Any], path: str, adapted: Adaptations) -> str:
    """`{"type": "grammar", "grammar": {"syntax": "lark", "definition": "…"}}` in words; nothing for bare text."""
    is_grammar = fields.word(form, "type", ("text", "grammar"), path) == "grammar"
    note_unknown(form, {"type", "grammar"} if is_grammar else {"type"}, path, adapted)
    if not is_grammar:
        return ""
    grammar = fields.mapping(form, "grammar", path)
    if grammar is None:
        raise fields.missing(f"{path}.grammar")
    note_unknown(grammar, {"syntax", "definition"}, f"{path}.grammar", adapted)
    syntax = fields.word(grammar, "syntax", ("lark", "regex"), f"{path}.grammar")
    definition = fields.string(grammar, "definition", f"{path}.grammar")
    if syntax is None or definition is None:
        raise fields.missing(f"{path}.grammar.{'definition' if syntax else 'syntax'}")
    return f"The input has to follow this grammar ({syntax}):\n{definition}"


def _name(item: Mapping[str, Any], path: str) -> str:
    name = fields.string(item, "name", path)
    if not name:
        raise fields.missing(f"{path}.name")
    return name


def _chosen(body: Mapping[str, Any], tools: list[Tool], adapted: Adaptations) -> ToolSettings:
    value = body.get("tool_choice")
    if value is None:
        return ToolSettings(tools)
    if isinstance(value, str):
        if value not in ("none", "auto", "required"):
            raise fields.invalid_word("tool_choice", value, ("none", "auto", "required"))
        return ToolSettings(tools, ToolChoice(value))
    if not isinstance(value, dict):
        raise fields.wrong_type("tool_choice", "one of a string or object", value)
    kind = fields.word(value, "type", (*_KINDS, "allowed_tools"), "tool_choice")
    if kind is None:
        raise fields.missing("tool_choice.type")
    inner = fields.mapping(value, kind, "tool_choice")
    if inner is None:
        raise fields.missing(f"tool_choice.{kind}")
    note_unknown(value, {"type", kind}, "tool_choice", adapted)
    if kind == "allowed_tools":
        return _allowed(inner, tools, adapted)
    note_unknown(inner, {"name"}, f"tool_choice.{kind}", adapted)
    return _named(_name(inner, f"tool_choice.{kind}"), tools, "tool_choice")


def _named(name: str, tools: list[Tool], param: str) -> ToolSettings:
    _check_offered(name, tools, param)
    return ToolSettings(tools, ToolChoice.NAMED, name)


def _check_offered(name: str, tools: list[Tool], param: str) -> None:
    if all(tool.name != name for tool in tools):
        offered = "functions" if param == "function_call" else "tools"
        raise InvalidRequest(f"Tool choice '{name[:100]}' not found in '{offered}' parameter.", param=param)


def _allowed(inner: Mapping[str, Any], tools: list[Tool], adapted: Adaptations) -> ToolSettings:
    """A subset of the tools: the others are not shown to the model."""
    path = "tool_choice.allowed_tools"
    note_unknown(inner, {"mode", "tools"}, path, adapted)
    mode = fields.word(inner, "mode", ("auto", "required"), path) or "auto"
    listed = fields.array(inner, "tools", "an array of objects", path)
    if not listed:
        raise fields.missing(f"{path}.tools")
    names: set[str] = set()
    for index, item in enumerate(listed):
        at = f"{path}.tools[{index}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(at, "an object", item)
        kind = fields.word(item, "type", _KINDS, at) or "function"
        named = fields.mapping(item, kind, at) or {}
        name = _name(named, f"{at}.{kind}")
        note_unknown(item, {"type", kind}, at, adapted)
        note_unknown(named, {"name"}, f"{at}.{kind}", adapted)
        _check_offered(name, tools, at)
        names.add(name)
    return ToolSettings([tool for tool in tools if tool.name in names], ToolChoice(mode))


def _chosen_function(body: Mapping[str, Any], tools: list[Tool], adapted: Adaptations) -> ToolSettings:
    """In the older form a message calls one function at most."""
    if not tools:
        return ToolSettings()
    settings = ToolSettings(tools)
    value = body.get("function_call")
    if isinstance(value, str):
        if value not in ("none", "auto"):
            raise fields.invalid_word("function_call", value, ("none", "auto"))
        settings.choice = ToolChoice(value)
    elif isinstance(value, dict):
        settings = _named(_name(value, "function_call"), tools, "function_call")
        note_unknown(value, {"name"}, "function_call", adapted)
    elif value is not None:
        raise fields.wrong_type("function_call", "one of a string or object", value)
    settings.is_parallel, settings.has_functions = False, True
    return settings
