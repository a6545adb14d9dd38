"""`tools`, `tool_choice` and their older forms `functions` and `function_call` -> neutral tools.

{"type": "function", "function": {"name": "…", "description": "…", "parameters": {…}, "strict": true}}
{"type": "custom", "custom": {"name": "…", "description": "…", "format": {"type": "text"}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy import jsonio
from proxy.apis import fields
from proxy.apis.chat.marks import cache_mark
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Tool, ToolChoice

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
    tools: list[Tool] = field(default_factory=list)
    choice: ToolChoice = ToolChoice.AUTO
    chosen: str | None = None
    is_parallel: bool = True
    has_functions: bool = False
    """Asked in the older form, and so answered in it."""


def parse_tools(body: Mapping[str, Any], adapted: Adaptations) -> ToolSettings:
    """Raises `InvalidRequest` with a path such as `tools[0].function.parameters`."""
    older = not body.get("tools") and bool(body.get("functions"))
    if older:
        functions = fields.array(body, "functions", "an array of objects") or ()
        tools = [_function(item, f"functions[{index}]") for index, item in enumerate(functions)]
        choice, chosen = _older_choice(body)
    else:
        listed = fields.array(body, "tools", "an array of objects") or ()
        tools = [_tool(item, f"tools[{index}]", adapted) for index, item in enumerate(listed)]
        tools, choice, chosen = _choice(body, tools)
    param = "function_call" if older else "tool_choice"
    if chosen is not None and chosen not in {tool.name for tool in tools}:
        raise InvalidRequest(f"Tool choice '{chosen[:100]}' not found in 'tools' parameter.", param=param)
    if choice is ToolChoice.REQUIRED and not tools:
        raise InvalidRequest(
            f"Invalid value for '{param}': '{param}' is only allowed when 'tools' are specified.", param=param
        )
    is_parallel = fields.boolean(body, "parallel_tool_calls")
    return ToolSettings(tools, choice, chosen, is_parallel is not False and not older, older)


def _tool(item: Any, path: str, adapted: Adaptations) -> Tool:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    kind = fields.word(item, "type", _KINDS, path)
    if kind is None:
        raise fields.missing(f"{path}.type")
    inner = fields.mapping(item, kind, path)
    if inner is None:
        raise fields.missing(f"{path}.{kind}")
    tool = _function(inner, f"{path}.{kind}") if kind == "function" else _custom(inner, f"{path}.{kind}")
    tool.cache_mark = cache_mark(item, path, adapted) or cache_mark(inner, f"{path}.{kind}", adapted)
    return tool


def _function(item: Any, path: str) -> Tool:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    parameters = fields.mapping(item, "parameters", path)
    return Tool(
        name=_name(item, path),
        param=path,
        description=fields.string(item, "description", path) or "",
        parameters=None if parameters is None else dict(parameters),
        is_strict=fields.boolean(item, "strict", path) or False,
    )


def _custom(item: Mapping[str, Any], path: str) -> Tool:
    description = fields.string(item, "description", path) or ""
    form = fields.mapping(item, "format", path) or {}
    kind = fields.word(form, "type", ("text", "grammar"), f"{path}.format")
    if kind == "grammar":
        # No model here is held to a grammar; told of it, it follows as well as it can.
        grammar = fields.mapping(form, "grammar", f"{path}.format") or {}
        description = (
            f"{description}\n\nThe input has to follow this grammar:\n{jsonio.encode(grammar).decode()}".strip()
        )
    return Tool(name=_name(item, path), param=path, description=description, parameters=_FREE_TEXT, is_free_text=True)


def _name(item: Mapping[str, Any], path: str) -> str:
    name = fields.string(item, "name", path)
    if not name:
        raise fields.missing(f"{path}.name")
    return name


def _choice(body: Mapping[str, Any], tools: list[Tool]) -> tuple[list[Tool], ToolChoice, str | None]:
    value = body.get("tool_choice")
    if value is None or value == "auto":
        return tools, ToolChoice.AUTO, None
    if isinstance(value, str):
        if value not in ("none", "required"):
            raise fields.invalid_word("tool_choice", value, ("none", "auto", "required"))
        return tools, ToolChoice(value), None
    if not isinstance(value, dict):
        raise fields.wrong_type("tool_choice", "one of a string or object", value)
    kind = fields.word(value, "type", (*_KINDS, "allowed_tools"), "tool_choice")
    if kind is None:
        raise fields.missing("tool_choice.type")
    inner = fields.mapping(value, kind, "tool_choice")
    if inner is None:
        raise fields.missing(f"tool_choice.{kind}")
    if kind != "allowed_tools":
        return tools, ToolChoice.NAMED, _name(inner, f"tool_choice.{kind}")
    return _allowed(inner, tools)


def _allowed(inner: Mapping[str, Any], tools: list[Tool]) -> tuple[list[Tool], ToolChoice, str | None]:
    """A subset of the tools: the others are not shown to the model."""
    path = "tool_choice.allowed_tools"
    mode = fields.word(inner, "mode", ("auto", "required"), path)
    names: set[str] = set()
    for index, item in enumerate(fields.array(inner, "tools", "an array of objects", path) or ()):
        at = f"{path}.tools[{index}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(at, "an object", item)
        kind = fields.word(item, "type", _KINDS, at) or "function"
        name = _name(fields.mapping(item, kind, at) or {}, f"{at}.{kind}")
        if name not in {tool.name for tool in tools}:
            raise InvalidRequest(f"Tool choice '{name[:100]}' not found in 'tools' parameter.", param=at)
        names.add(name)
    choice = ToolChoice.REQUIRED if mode == "required" else ToolChoice.AUTO
    return [tool for tool in tools if tool.name in names], choice, None


def _older_choice(body: Mapping[str, Any]) -> tuple[ToolChoice, str | None]:
    value = body.get("function_call")
    if value is None or value == "auto":
        return ToolChoice.AUTO, None
    if isinstance(value, str):
        if value != "none":
            raise fields.invalid_word("function_call", value, ("none", "auto"))
        return ToolChoice.NONE, None
    if not isinstance(value, dict):
        raise fields.wrong_type("function_call", "one of a string or object", value)
    return ToolChoice.NAMED, _name(value, "function_call")
