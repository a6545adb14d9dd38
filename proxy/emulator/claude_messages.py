"""What Claude refuses in `messages` and `system`, in its own words: roles, blocks, tool pairs, prefill.

Sources: Anthropic API reference, "Messages" (October 2026); Amazon Bedrock user guide; public issues for the texts.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.emulator import fields
from proxy.emulator.claude_facts import Traits, thinks
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid

MAX_IMAGE = 3_932_160
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGES = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_CACHED = ("type", "cache_control")
_FIELDS = {
    "text": (("text",), ("citations",)),
    "image": (("source",), ()),
    "document": (("source",), ("title", "context", "citations")),
    "search_result": (("source", "title", "content"), ("citations",)),
    "tool_use": (("id", "name", "input"), ("caller",)),
    "tool_result": (("tool_use_id",), ("content", "is_error")),
    "thinking": (("thinking", "signature"), ()),
    "redacted_thinking": (("data",), ()),
    "server_tool_use": (("id", "name", "input"), ("caller",)),
    "tool_search_tool_result": (("tool_use_id", "content"), ()),
    "compaction": (("content",), ("signature", "encrypted_content", "tool_changes")),
    "tool_addition": (("tool",), ()),
    "tool_removal": (("tool",), ()),
}
"""Type of a block -> (required fields, optional fields)."""
_BY_ROLE = {
    "user": (
        "text", "image", "document", "search_result", "tool_result", "compaction", "tool_addition", "tool_removal",
    ),
    "assistant": (
        "text", "document", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "tool_search_tool_result",
        "compaction",
    ),
    "system": ("text", "tool_addition", "tool_removal"),
}  # fmt: skip
_IN_RESULT = ("text", "image", "document", "search_result", "tool_reference")


def check_system(body: Mapping[str, Any]) -> None:
    system = body.get("system", "")
    if isinstance(system, str):
        return
    for index, block in enumerate(fields.array(system, "system")):
        fields.tag(block, f"system.{index}", ("text",))
        _check_text(block, f"system.{index}.text", "system")
        fields.refuse_extras(block, ("type", "text", "cache_control", "citations"), f"system.{index}")
        check_cache_control(block, f"system.{index}")


def check_messages(body: Mapping[str, Any], model: Model, given: Traits, *, is_recent: bool) -> None:
    """Raises `Refusal` for the first message that Claude would not take."""
    messages = fields.array(fields.need(body, "messages"), "messages", 100_000)
    if not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(message, index, model, is_last=index == len(messages) - 1)
        if is_recent:
            _check_recent(message, index)
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    _check_system_turns(messages)
    _check_tool_pairs(messages)
    if messages[-1]["role"] == "assistant":
        _check_prefill(messages[-1], model, is_thinking=thinks(body, given))


def check_cache_control(block: Mapping[str, Any], path: str) -> None:
    mark = block.get("cache_control")
    if mark is None:
        return
    fields.tag(mark, f"{path}.cache_control", ("ephemeral",))
    fields.refuse_extras(mark, ("type", "ttl"), f"{path}.cache_control.ephemeral")
    if "ttl" in mark:
        fields.one_of(mark["ttl"], f"{path}.cache_control.ephemeral.ttl", ("5m", "1h"))


def count_breakpoints(body: Mapping[str, Any]) -> int:
    """How many cache marks a valid body has."""
    return sum(1 for block in _all_blocks(body) if block.get("cache_control"))


def _all_blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from body.get("tools", [])
    if isinstance(body.get("system"), list):
        yield from body["system"]
    for message in body["messages"]:
        for block in blocks_of(message):
            yield block
            if isinstance(block.get("content"), list):
                yield from block["content"]


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message's content as blocks, also when it is a string."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _check_message(message: Any, index: int, model: Model, *, is_last: bool) -> None:
    path = f"messages.{index}"
    role = fields.string(fields.need(fields.mapping(message, path), "role", path), f"{path}.role")
    if role == "system" and not model.has_system_turns:
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" '
            "as an input message role."
        )
    fields.one_of(role, f"{path}.role", ("user", "assistant", *(("system",) if model.has_system_turns else ())))
    content = fields.need(message, "content", path)
    fields.refuse_extras(message, ("role", "content"), path)
    if not isinstance(content, str | list):
        raise invalid(f"{path}.content: Input should be a valid list")
    if not content and not (is_last and role == "assistant"):
        raise invalid(
            f"{path}: all messages must have non-empty content except for the optional final assistant message"
        )
    if isinstance(content, str):
        if content and not content.strip() and role != "assistant":
            raise invalid("messages: text content blocks must contain non-whitespace text")
        return
    for number, block in enumerate(content):
        _check_block(block, f"{path}.content.{number}", role)


def _check_block(block: Any, path: str, role: str) -> None:
    kind = fields.tag(block, path, tuple(_FIELDS))
    if kind not in _BY_ROLE[role]:
        raise invalid(f"{path}: `{kind}` blocks are not permitted in `{role}` messages")
    inner = f"{path}.{kind}"
    required, optional = _FIELDS[kind]
    for name in required:
        fields.need(block, name, inner)
    # Thinking goes back as it came: a cache mark on it is an extra field.
    marks = ("type",) if "thinking" in kind else _CACHED
    fields.refuse_extras(block, (*marks, *required, *optional), inner)
    check_cache_control(block, inner)
    match kind:
        case "text":
            _check_text(block, f"{inner}.text", role)
        case "image":
            _check_image(block, inner)
        case "document":
            _check_document(block, inner)
        case "tool_use":
            _check_id(block["id"], f"{inner}.id")
            fields.string(block["name"], f"{inner}.name")
            fields.mapping(block["input"], f"{inner}.input")
        case "tool_result":
            _check_result(block, inner)
        case "thinking":
            fields.string(block["thinking"], f"{inner}.thinking")
            if not fields.string(block["signature"], f"{inner}.signature"):
                raise invalid(f"{path}: Invalid `signature` in `thinking` block")


def _check_text(block: Mapping[str, Any], path: str, role: str) -> None:
    text = fields.string(fields.need(block, "text", path.rpartition(".")[0]), path)
    if not text:
        if block.get("cache_control"):
            raise invalid(f"{path.rpartition('.')[0]}: cache_control cannot be set for empty text blocks")
        where = "system" if role == "system" else "messages"
        raise invalid(f"{where}: text content blocks must be non-empty")
    if role != "assistant" and not text.strip():
        where = "system" if role == "system" else "messages"
        raise invalid(f"{where}: text content blocks must contain non-whitespace text")


def _check_id(value: Any, path: str) -> None:
    if not _ID.fullmatch(fields.string(value, path)):
        raise invalid(f"{path}: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _check_image(block: Mapping[str, Any], path: str) -> None:
    source, path = block["source"], f"{path}.source"
    fields.tag(source, path, ("base64",))
    path += ".base64"
    kind = fields.one_of(fields.need(source, "media_type", path), f"{path}.media_type", tuple(_IMAGES))
    data = _decode(fields.need(source, "data", path), f"{path}.data")
    fields.refuse_extras(source, ("type", "media_type", "data"), path)
    if len(data) > MAX_IMAGE:
        raise invalid(f"{path}: The provided image exceeds the maximum size: {len(data)} bytes > {MAX_IMAGE} bytes")
    if not any(data.startswith(magic) for magic in _IMAGES.values()):
        raise invalid("Could not process image")
    if not data.startswith(_IMAGES[kind]):
        raise invalid(f"{path}.data: Image format and content type mismatch: the image is not of type {kind}")


def _check_document(block: Mapping[str, Any], path: str) -> None:
    source, path = block["source"], f"{path}.source"
    kind = fields.tag(source, path, ("base64", "text", "content"))
    path += f".{kind}"
    if kind == "content":
        fields.need(source, "content", path)
        return
    media_type = "application/pdf" if kind == "base64" else "text/plain"
    fields.one_of(fields.need(source, "media_type", path), f"{path}.media_type", (media_type,))
    data = fields.need(source, "data", path)
    if kind == "text":
        fields.string(data, f"{path}.data")
    elif not _decode(data, f"{path}.data").startswith(b"%PDF"):
        raise invalid(f"{path}.data: The PDF specified was not valid.")


def _decode(data: Any, path: str) -> bytes:
    try:
        return b64decode(fields.string(data, path), validate=True)
    except (Base64Error, ValueError):
        raise invalid(f"{path}: Invalid base64 data") from None


def _check_result(block: Mapping[str, Any], path: str) -> None:
    _check_id(block["tool_use_id"], f"{path}.tool_use_id")
    if block.get("is_error") is not None:
        fields.boolean(block["is_error"], f"{path}.is_error")
    content = block.get("content")
    if content is None or isinstance(content, str):
        return
    for number, inner in enumerate(fields.array(content, f"{path}.content")):
        kind = fields.tag(inner, f"{path}.content.{number}", _IN_RESULT)
        if kind in _FIELDS:
            _check_block(inner, f"{path}.content.{number}", "user")


def _check_recent(message: Mapping[str, Any], index: int) -> None:
    """What version 2026-10-21 took out: documents of the assistant, citations on what the user writes."""
    for number, block in enumerate(blocks_of(message)):
        if block["type"] == "document" and message["role"] == "assistant":
            raise invalid(
                f"messages.{index}.content.{number}: `document` blocks are not permitted in `assistant` messages"
            )
        if block["type"] == "text" and message["role"] == "user" and "citations" in block:
            raise invalid(f"messages.{index}.content.{number}.text.citations: Extra inputs are not permitted")


def _check_system_turns(messages: list[dict[str, Any]]) -> None:
    """A system message stands after a user message, or one that ended in server tool use, and ends the turn."""
    for index, message in enumerate(messages):
        if message["role"] != "system":
            continue
        before = messages[index - 1]
        ends_in_server_tool = before["role"] == "assistant" and blocks_of(before)[-1]["type"] in (
            "server_tool_use",
            "tool_search_tool_result",
        )
        if before["role"] != "user" and not ends_in_server_tool:
            raise invalid(f'messages.{index}: role "system" must directly follow a user message')
        if index + 1 < len(messages) and messages[index + 1]["role"] != "assistant":
            raise invalid(f'messages.{index}: role "system" must be last or be followed by an assistant message')


def _check_tool_pairs(messages: list[dict[str, Any]]) -> None:
    """Each tool_use is answered at the beginning of the next user turn; each tool_result answers one."""
    asked: list[str] = []
    for index, role, blocks in _turns(messages):
        results = [block["tool_use_id"] for _, block in blocks if block["type"] == "tool_result"]
        leading = _leading_results(blocks)
        missing = [id for id in asked if id not in leading]
        if role == "user" and missing:
            raise _unanswered(index - 1, missing)
        for path, block in blocks:
            if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
                raise invalid(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if len(results) != len(set(results)):
            raise invalid(f"messages.{index}.content: each tool_use must have a single result.")
        if role != "system":
            asked = [block["id"] for _, block in blocks if block["type"] == "tool_use"]
        if len(asked) != len(set(asked)):
            raise invalid(f"messages.{index}: `tool_use` ids must be unique")
    if asked:
        raise _unanswered(len(messages) - 1, asked)


def _unanswered(index: int, ids: list[str]) -> Exception:
    return invalid(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _turns(messages: list[dict[str, Any]]) -> Iterator[tuple[int, str, list[tuple[str, dict[str, Any]]]]]:
    """Messages as the service sees them: neighbours of one role are one turn. (index of the first, role, blocks)."""
    first, role = 0, ""
    blocks: list[tuple[str, dict[str, Any]]] = []
    for index, message in enumerate(messages):
        if message["role"] != role:
            if blocks:
                yield first, role, blocks
            first, role, blocks = index, message["role"], []
        blocks += [(f"messages.{index}.content.{number}", block) for number, block in enumerate(blocks_of(message))]
    if blocks:
        yield first, role, blocks


def _leading_results(blocks: list[tuple[str, dict[str, Any]]]) -> list[str]:
    ids = []
    for _, block in blocks:
        if block["type"] != "tool_result":
            break
        ids.append(block["tool_use_id"])
    return ids


def _check_prefill(message: Mapping[str, Any], model: Model, *, is_thinking: bool) -> None:
    if not model.has_prefill or is_thinking:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    blocks = blocks_of(message)
    if blocks and blocks[-1]["type"] == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")
