"""The tool calls of an assistant's message, in their form of today and in the older one -> neutral blocks.

"tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
"tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}}]
"function_call": {"name": "now", "arguments": "{}"}
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from proxy import jsonio
from proxy.apis import fields
from proxy.apis.chat.unknown import note_unknown
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import ToolUse

_HANDLED = frozenset({"id", "type", "index"})
_HANDLED_OF_FUNCTION = frozenset({"name", "arguments", "parsed_arguments"})
"""The last is the second again, as OpenAI's SDK has decoded it."""
_HEADROOM = 100
"""Levels of nesting kept free for what is built around the arguments: text here, they are an object in most bodies."""


def parse_calls(message: Mapping[str, Any], path: str, adapted: Adaptations) -> list[ToolUse]:
    """Raises `InvalidRequest` with a path such as `messages[1].tool_calls[0].function.arguments`."""
    listed = fields.array(message, "tool_calls", "an array of objects", path)
    older = fields.mapping(message, "function_call", path)
    if listed:
        if older:
            adapted.drop(f"{path}.function_call", "'tool_calls' was sent too.")
        return [_call(item, f"{path}.tool_calls[{index}]", adapted) for index, item in enumerate(listed)]
    if older:
        # The older form has no ids: its result names the function.
        return [_function(older, "call_function", f"{path}.function_call", adapted)]
    return []


def _call(item: Any, path: str, adapted: Adaptations) -> ToolUse:
    if not isinstance(item, dict):
        raise fields.wrong_type(path, "an object", item)
    call_id = fields.string(item, "id", path)
    if not call_id:
        raise fields.missing(f"{path}.id")
    kind = fields.word(item, "type", ("function", "custom"), path) or "function"
    inner = fields.mapping(item, kind, path)
    if inner is None:
        raise fields.missing(f"{path}.{kind}")
    note_unknown(item, _HANDLED | {kind}, path, adapted)
    at = f"{path}.{kind}"
    if kind == "function":
        return _function(inner, call_id, at, adapted)
    note_unknown(inner, {"name", "input"}, at, adapted)
    text = fields.string(inner, "input", at) or ""
    return ToolUse(call_id, _name(inner, at), jsonio.encode({"input": text}).decode(), at)


def _function(inner: Mapping[str, Any], call_id: str, path: str, adapted: Adaptations) -> ToolUse:
    note_unknown(inner, _HANDLED_OF_FUNCTION, path, adapted)
    arguments = fields.string(inner, "arguments", path) or ""
    if not arguments.strip():
        arguments = "{}"
    _check_depth(arguments, f"{path}.arguments")
    return ToolUse(call_id, _name(inner, path), arguments, path)


def _name(inner: Mapping[str, Any], path: str) -> str:
    name = fields.string(inner, "name", path)
    if not name:
        raise fields.missing(f"{path}.name")
    return name


def _check_depth(arguments: str, path: str) -> None:
    """What is no JSON is for the model to take or not: it may be what it was cut off in."""
    try:
        value = jsonio.decode(arguments)
        if arguments.count("{") + arguments.count("[") > _HEADROOM:
            jsonio.encode(reduce(lambda inner, _: [inner], range(_HEADROOM), value))
    except RecursionError:
        raise InvalidRequest(
            f"Invalid '{path}': the arguments are nested too deep.", param=path, code="invalid_value"
        ) from None
    except jsonio.UNREADABLE:
        pass
