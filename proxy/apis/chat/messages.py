"""The `messages` of a chat request -> neutral messages, in the client's order."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from proxy.apis import fields
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Text
from proxy.neutral.request import Message, Role

_MAX_MESSAGES = 2048
"""OpenAI's own limit on the array."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_ALL_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
}
_TEXT_PARTS = ("text", "refusal")
_HANDLED = frozenset({"role", "content", "name", "tool_calls", "function_call"})


def parse_messages(body: Mapping[str, Any], adapted: Adaptations) -> list[Message]:
    """Raises `InvalidRequest` with a path such as `messages[0].content[1].text`."""
    messages = fields.array(body, "messages", "an array of objects")
    if messages is None:
        raise fields.missing("messages")
    if not messages:
        raise InvalidRequest(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    if len(messages) > _MAX_MESSAGES:
        raise fields.too_long("messages", "array", _MAX_MESSAGES, len(messages))
    return [_message(message, index, adapted) for index, message in enumerate(messages)]


def _message(message: Any, index: int, adapted: Adaptations) -> Message:
    path = f"messages[{index}]"
    if not isinstance(message, dict):
        raise fields.wrong_type(path, "an object", message)
    role = fields.word(message, "role", _ALL_ROLES, path)
    if role is None:
        raise fields.missing(f"{path}.role")
    if role not in _ROLES:
        raise InvalidRequest(
            f"Invalid parameter: messages with role '{role}' must be a response to a preceeding message with 'tool_calls'.",
            param=f"messages.[{index}].role",
        )
    for name in ("tool_calls", "function_call"):
        if message.get(name):
            raise UnsupportedParameter(
                f"Unsupported parameter: '{path}.{name}' is not supported with this model.", param=f"{path}.{name}"
            )
    if fields.string(message, "name", path):
        adapted.drop(f"{path}.name", "The model sees no names.")
    blocks: list[Block] = []
    known = _HANDLED
    if role == "assistant":
        known = _HANDLED | {"refusal"}
        refusal = fields.string(message, "refusal", path)
        blocks = [Text(refusal)] if refusal else []
    _note_unknown(message, known, path, adapted)
    if message.get("content") is not None or not blocks:
        blocks = _content(message, role, index, adapted) + blocks
    return Message(_ROLES[role], blocks, path)


def _content(message: Mapping[str, Any], role: str, index: int, adapted: Adaptations) -> list[Block]:
    content = message.get("content")
    path = f"messages[{index}].content"
    if isinstance(content, str):
        return [Text(content)]
    if isinstance(content, list):
        return [_part(part, role, f"{path}[{position}]", adapted) for position, part in enumerate(content)]
    if content is not None:
        raise fields.wrong_type(path, "one of a string or array of objects", content)
    if "content" not in message:
        raise fields.missing(path)
    raise InvalidRequest(
        "Invalid value for 'content': expected a string, got null.", param=f"messages.[{index}].content"
    )


def _part(part: Any, role: str, path: str, adapted: Adaptations) -> Text:
    if not isinstance(part, dict):
        raise fields.wrong_type(path, "an object", part)
    kind = fields.word(part, "type", _PARTS[role], path)
    if kind is None:
        raise fields.missing(f"{path}.type")
    if kind not in _TEXT_PARTS:
        raise fields.unsupported_value(path, kind)
    text = fields.string(part, kind, path)
    if text is None:
        raise fields.missing(f"{path}.{kind}")
    _note_unknown(part, {"type", kind}, path, adapted)
    return Text(text)


def _note_unknown(source: Mapping[str, Any], known: Set[str], path: str, adapted: Adaptations) -> None:
    """SDKs give back what they were given, so the empty ones pass: `annotations: []`, `audio: null`."""
    for name, value in source.items():
        if name not in known and value not in (None, "", [], {}):
            adapted.drop_unknown(f"{path}.{name}")
