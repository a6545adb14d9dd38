"""The `messages` of a chat request -> neutral messages, in the client's order.

A tool's results become blocks of one user message, in the order of the calls they answer, wherever the client put them
behind those calls. A call without a result, or a result without a call, is refused as OpenAI refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.apis import fields
from proxy.apis.chat.calls import parse_calls
from proxy.apis.chat.marks import MARKS, cache_mark
from proxy.apis.chat.parts import parse_parts
from proxy.apis.chat.thinking import THINKING, parse_thinking
from proxy.apis.chat.unknown import note_unknown
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role

_MAX_MESSAGES = 2048
"""OpenAI's own limit on the array."""
_MOST_PARTS = 10_000
"""Of content, calls and thoughts in all messages together: to read and write them takes 10 us each."""

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_RESULT_ROLES = ("tool", "function")
_ALL_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_HANDLED = frozenset({"role", "content", "name"}) | MARKS
_HANDLED_OF_ASSISTANT = _HANDLED | {"refusal", "tool_calls", "function_call", *THINKING}
_HANDLED_OF_RESULT = _HANDLED | {"tool_call_id", "is_error"}
_LISTS = ("content", "tool_calls", *THINKING)
_STATUSES = ("success", "error")


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
    _check_parts(messages)
    return _Conversation(adapted).read(messages)


def _check_parts(messages: Sequence[Any]) -> None:
    count = 0
    for index, message in enumerate(messages):
        for name in _LISTS if isinstance(message, dict) else ():
            parts = message.get(name)
            count += len(parts) if isinstance(parts, list) else 0
            if count > _MOST_PARTS:
                raise fields.too_long(f"messages[{index}].{name}", "array", _MOST_PARTS, count)


class _Conversation:
    """Reads messages one by one, and knows which calls still wait for their results."""

    def __init__(self, adapted: Adaptations) -> None:
        self._adapted = adapted
        self._messages: list[Message] = []
        self._waiting: dict[str, ToolUse] = {}
        self._results: dict[str, ToolResult] = {}

    def read(self, messages: Sequence[Any]) -> list[Message]:
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            if not isinstance(message, dict):
                raise fields.wrong_type(path, "an object", message)
            role = fields.word(message, "role", _ALL_ROLES, path)
            if role is None:
                raise fields.missing(f"{path}.role")
            if role in _RESULT_ROLES:
                self._result(message, role, index)
                continue
            self._settle(f"messages.[{index}].role")
            if role == "assistant":
                self._assistant(message, index)
            else:
                note_unknown(message, _HANDLED, path, self._adapted)
                self._add(_ROLES[role], self._content(message, role, index), message, path)
        self._settle("messages")
        return self._messages

    def _add(self, role: Role, blocks: list[Block], source: Mapping[str, Any], path: str) -> None:
        if fields.string(source, "name", path):
            self._adapted.drop(f"{path}.name", "The model sees no names.")
        mark = cache_mark(source, path, self._adapted)
        self._messages.append(Message(role, [*blocks, mark] if mark else blocks, path))

    def _content(self, message: Mapping[str, Any], role: str, index: int) -> list[Block]:
        content = message.get("content")
        path = f"messages[{index}].content"
        if isinstance(content, str):
            return [Text(content)]
        if isinstance(content, list):
            return parse_parts(content, role, path, self._adapted)
        if content is not None:
            raise fields.wrong_type(path, "one of a string or array of objects", content)
        if "content" not in message:
            raise fields.missing(path)
        raise InvalidRequest(
            "Invalid value for 'content': expected a string, got null.", param=f"messages.[{index}].content"
        )

    def _assistant(self, message: Mapping[str, Any], index: int) -> None:
        path = f"messages[{index}]"
        calls = parse_calls(message, path, self._adapted)
        refusal = fields.string(message, "refusal", path)
        blocks: list[Block] = [*parse_thinking(message, path, self._adapted)]
        if message.get("content") is not None or not (calls or refusal):
            blocks += self._content(message, "assistant", index)
        if refusal:
            blocks.append(Text(refusal))
        note_unknown(message, _HANDLED_OF_ASSISTANT, path, self._adapted)
        self._waiting = {call.id: call for call in calls}
        if len(self._waiting) < len(calls):
            raise InvalidRequest(
                f"Invalid '{path}.tool_calls': two of them have the same id.", param=f"{path}.tool_calls"
            )
        self._add(Role.ASSISTANT, [*blocks, *calls], message, path)

    def _result(self, message: Mapping[str, Any], role: str, index: int) -> None:
        path = f"messages[{index}]"
        call_id = self._answered_call(message, role, path)
        if call_id not in self._waiting or call_id in self._results:
            raise InvalidRequest(
                f"Invalid parameter: messages with role '{role}' must be a response to a preceeding message with "
                "'tool_calls'.",
                param=f"messages.[{index}].role",
            )
        known = _HANDLED_OF_RESULT | ({"status"} if message.get("status") in _STATUSES else set())
        note_unknown(message, known, path, self._adapted)
        result = ToolResult(
            call_id,
            param=path,
            cache_mark=cache_mark(message, path, self._adapted),
            error_param=_error_param(message, path),
        )
        for block in self._content({"content": "", **_without_nulls(message)}, role, index):
            if isinstance(block, CacheMark):
                result.cache_mark = block
            else:
                assert isinstance(block, Text | Image | Document), "its parts are of no other kind"
                result.blocks.append(block)
        self._results[call_id] = result

    def _answered_call(self, message: Mapping[str, Any], role: str, path: str) -> str:
        if role == "function":
            name = fields.string(message, "name", path)
            if not name:
                raise fields.missing(f"{path}.name")
            named = (id for id, call in self._waiting.items() if call.name == name and id not in self._results)
            return next(named, "")
        call_id = fields.string(message, "tool_call_id", path)
        if call_id is None:
            raise fields.missing(f"{path}.tool_call_id")
        return call_id

    def _settle(self, param: str) -> None:
        """The results that have come, as one user message. Raises when a call still waits for its own."""
        missing = [call_id for call_id in self._waiting if call_id not in self._results]
        if missing:
            raise InvalidRequest(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(missing)[:500]}",
                param=param,
            )
        if self._results:
            results = [self._results[call_id] for call_id in self._waiting]
            self._messages.append(Message(Role.USER, [*results], results[0].param))
        self._waiting, self._results = {}, {}


def _error_param(message: Mapping[str, Any], path: str) -> str | None:
    """OpenAI has no word for a call that failed. Clients that have more than one vendor behind them send Claude's
    `"is_error": true` or Converse's `"status": "error"`."""
    if fields.boolean(message, "is_error", path):
        return f"{path}.is_error"
    return f"{path}.status" if message.get("status") == "error" else None


def _without_nulls(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value is not None}
