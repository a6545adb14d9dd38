"""What a Claude request says, and how many tokens it is.

An emulator's count: the tokens of all text, 4 for each message, 8 for each tool, 1000 for each image or PDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy import jsonio
from proxy.emulator.agent import Situation, Tool
from proxy.emulator.claude_blocks import blocks_of
from proxy.emulator.tokens import count

PER_MESSAGE, PER_TOOL, PER_FILE = 4, 8, 1000
"""Input tokens beyond the text: of each message, of each tool, of each image and PDF."""


def count_input(body: Mapping[str, Any]) -> int:
    """The input tokens of a valid body."""
    system = body.get("system", "")
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    total = sum(map(count, texts))
    for message in body["messages"]:
        total += PER_MESSAGE + sum(map(_count_block, blocks_of(message)))
    for tool in body.get("tools", []):
        total += PER_TOOL + count(jsonio.encode(tool).decode())
    return total


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
    return count(jsonio.encode(block).decode())
