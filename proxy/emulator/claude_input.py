"""What a Claude request says, and how many tokens it is.

An emulator's count: the tokens of all text, 4 for each message, 8 for each tool, 1000 for each image or PDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy import jsonio
from proxy.emulator.agent import Situation, Tool
from proxy.emulator.cache import Piece
from proxy.emulator.claude_blocks import blocks_of
from proxy.emulator.tokens import count

PER_MESSAGE, PER_TOOL, PER_FILE = 4, 8, 1000
"""Input tokens beyond the text: of each message, of each tool, of each image and PDF."""


def count_input(body: Mapping[str, Any]) -> int:
    """The input tokens of a valid body."""
    return sum(piece.tokens for piece in pieces(body))


def pieces(body: Mapping[str, Any]) -> list[Piece]:
    """A valid body in the order in which it is cached: tools, system, messages."""
    row = [_piece("tool", tool, PER_TOOL + count(_plain(tool).decode())) for tool in body.get("tools", [])]
    system = body.get("system", "")
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    row += [_piece("system", block, count(block["text"])) for block in blocks if block["text"]]
    for message in body["messages"]:
        each = [_piece(message["role"], block, _count_block(block)) for block in blocks_of(message)]
        first, *rest = each or [Piece(b"", 0)]
        row += [replace(first, tokens=first.tokens + PER_MESSAGE), *rest]
    return row


def _piece(place: str, value: Mapping[str, Any], tokens: int) -> Piece:
    marks = [value.get("cache_control")]
    if isinstance(value.get("content"), list):
        marks += [part.get("cache_control") for part in value["content"] if isinstance(part, dict)]
    mark = next((mark for mark in reversed(marks) if mark), None)
    ttl = "" if mark is None else mark.get("ttl", "5m")
    return Piece(place.encode() + _plain(value), tokens, ttl)


def _plain(value: Mapping[str, Any]) -> bytes:
    """As JSON, without cache marks: they are no part of what is kept."""
    plain = {key: inner for key, inner in value.items() if key != "cache_control"}
    if isinstance(plain.get("content"), list):
        plain["content"] = [
            {key: inner for key, inner in part.items() if key != "cache_control"} if isinstance(part, dict) else part
            for part in plain["content"]
        ]
    return jsonio.encode(plain)


def last_user_text(body: Any) -> str:
    """The text of the last user message, tool results included; "" where a body, valid or not, has none."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def situation(body: Mapping[str, Any]) -> Situation:
    """What a valid body asks of the model."""
    system = body.get("system", "")
    choice = body.get("tool_choice", {"type": "auto"})
    seen = Situation(
        system=system if isinstance(system, str) else text_of(system),
        tools=[Tool(tool["name"], tool.get("input_schema", {})) for tool in body.get("tools", [])],
        may_call=choice["type"] != "none",
        must_call=choice["type"] in ("any", "tool"),
        only=choice.get("name"),
        is_parallel=not choice.get("disable_parallel_tool_use", False),
        schema=(body.get("output_config", {}).get("format") or {}).get("schema"),
    )
    is_last = True
    for message in reversed(body["messages"]):
        blocks = blocks_of(message)
        if message["role"] == "assistant":
            seen.called += [block["name"] for block in blocks if block["type"] == "tool_use"]
        elif message["role"] == "user":
            if is_last:
                seen.results = [text_of(block.get("content")) for block in blocks if block["type"] == "tool_result"]
            seen.user = text_of([block for block in blocks if block["type"] != "tool_result"])
            if seen.user:
                seen.has_spoken = is_last
                break
            is_last = False
    return seen


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict):
            text = block.get("text") if block.get("type") == "text" else text_of(block.get("content"))
            parts.append(text if isinstance(text, str) else "")
    return "\n".join(part for part in parts if part)


def _count_block(block: Mapping[str, Any]) -> int:
    match block["type"]:
        case "text":
            return count(block["text"])
        case "image":
            return PER_FILE
        case "document":
            data = block["source"].get("data", "")
            return count(data) if block["source"]["type"] == "text" else PER_FILE
        case "tool_result":
            content = block.get("content") or ""
            return count(content) if isinstance(content, str) else sum(map(_count_block, content))
    return count(_plain(block).decode())
