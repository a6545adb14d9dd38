"""What Claude refuses in a content block, in its own words.

Sources: Anthropic API reference, "Messages" (October 2026); Amazon Bedrock user guide; public issues for the texts.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.emulator import fields
from proxy.emulator.models import Model
from proxy.emulator.refusal import invalid
from proxy.emulator.signature import is_redacted, is_signed

MAX_IMAGE = 3_932_160
MAX_BREAKPOINTS = 4
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


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message's content as blocks, also when it is a string."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def check_block(block: Any, path: str, role: str, model: Model) -> None:
    """Raises `Refusal`. `path`: `messages.0.content.0`."""
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
    check_cache_control(block, inner, model)
    match kind:
        case "text":
            check_text(block, f"{inner}.text", role)
        case "image":
            _check_image(block, inner)
        case "document":
            _check_document(block, inner, model)
        case "search_result":
            _check_parts(block["content"], f"{inner}.content", ("text",), model)
        case "tool_use":
            _check_id(block["id"], f"{inner}.id")
            fields.string(block["name"], f"{inner}.name")
            fields.mapping(block["input"], f"{inner}.input")
        case "tool_result":
            _check_result(block, inner, model)
        case "thinking":
            text = fields.string(block["thinking"], f"{inner}.thinking")
            if not is_signed(text, fields.string(block["signature"], f"{inner}.signature")):
                raise invalid(f"{path}: Invalid `signature` in `thinking` block")
        case "redacted_thinking":
            if not is_redacted(fields.string(block["data"], f"{inner}.data")):
                raise invalid(f"{path}: Invalid `data` in `redacted_thinking` block")


def check_text(block: Mapping[str, Any], path: str, role: str) -> None:
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


def _check_document(block: Mapping[str, Any], path: str, model: Model) -> None:
    source, path = block["source"], f"{path}.source"
    kind = fields.tag(source, path, ("base64", "text", "content"))
    path += f".{kind}"
    if kind == "content":
        content = fields.need(source, "content", path)
        if not isinstance(content, str):
            _check_parts(content, f"{path}.content", ("text", "image"), model)
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


def _check_result(block: Mapping[str, Any], path: str, model: Model) -> None:
    _check_id(block["tool_use_id"], f"{path}.tool_use_id")
    if block.get("is_error") is not None:
        fields.boolean(block["is_error"], f"{path}.is_error")
    content = block.get("content")
    if content is not None and not isinstance(content, str):
        _check_parts(content, f"{path}.content", _IN_RESULT, model)


def _check_parts(parts: Any, path: str, kinds: tuple[str, ...], model: Model) -> None:
    """The blocks within a block."""
    for number, part in enumerate(fields.array(parts, path)):
        if fields.tag(part, f"{path}.{number}", kinds) in _FIELDS:
            check_block(part, f"{path}.{number}", "user", model)


def check_cache_control(block: Mapping[str, Any], path: str, model: Model) -> None:
    mark = block.get("cache_control")
    if mark is None:
        return
    fields.tag(mark, f"{path}.cache_control", ("ephemeral",))
    fields.refuse_extras(mark, ("type", "ttl"), f"{path}.cache_control.ephemeral")
    if "ttl" in mark:
        fields.one_of(mark["ttl"], f"{path}.cache_control.ephemeral.ttl", model.cache_ttls)


def check_breakpoints(body: Mapping[str, Any]) -> None:
    """The rules that hold over all cache marks of a valid body: how many, and in which order."""
    marks = [block["cache_control"] for block in _all_blocks(body) if block.get("cache_control")]
    if len(marks) > MAX_BREAKPOINTS:
        raise invalid(f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. Found {len(marks)}.")
    ttls = [mark.get("ttl", "5m") for mark in marks]
    if ttls != sorted(ttls):
        raise invalid(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are "
            "processed in the following order: `tools`, `system`, `messages`."
        )


def _all_blocks(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from body.get("tools", [])
    if isinstance(body.get("system"), list):
        yield from body["system"]
    for message in body["messages"]:
        for block in blocks_of(message):
            yield block
            if isinstance(block.get("content"), list):
                yield from (part for part in block["content"] if isinstance(part, dict))
