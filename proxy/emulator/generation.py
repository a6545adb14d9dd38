"""What an emulated model generates: content blocks, scripted or its own, cut where the request says.

Blocks have the shapes of Claude's content blocks, which Converse's are translated from; a value without a `type` is a
Converse block as a script has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from proxy import jsonio
from proxy.emulator.script import Script
from proxy.emulator.signature import sign_again, sign_thinking
from proxy.emulator.tokens import count, cut, tokenise


@dataclass(slots=True)
class Block:
    """A content block as it is generated: its finished form, and the pieces that its text is streamed in."""

    value: dict[str, Any]
    pieces: list[str]
    hidden: str = ""
    """Text that is counted and not shown: thinking with display "omitted"."""

    @property
    def type(self) -> str:
        return str(self.value.get("type", ""))

    @property
    def text(self) -> str:
        return "".join(self.pieces) or self.hidden


@dataclass(slots=True)
class Ending:
    """What came of it: the blocks as far as they go, and why they end there."""

    blocks: list[Block]
    reason: str
    stop_sequence: str | None = None


def text_block(pieces: list[str]) -> Block:
    return Block({"type": "text", "text": "".join(pieces)}, pieces)


def thinking_block(pieces: list[str], bound_to: bytes, hidden: str = "") -> Block:
    """`bound_to`: what `signature.bind` gives for the request."""
    text = "".join(pieces)
    return Block({"type": "thinking", "thinking": text, "signature": sign_thinking(text, bound_to)}, pieces, hidden)


def tool_block(id: str, name: str, arguments: Any) -> Block:
    value = {"type": "tool_use", "id": id, "name": name, "input": arguments}
    return Block(value, tokenise(jsonio.encode(arguments).decode()))


def call_id(prefix: str, *seed: Any) -> str:
    """An id of a tool call that depends on the request alone."""
    return prefix + sha256(jsonio.encode(seed)).hexdigest()[:22]


def has_content(script: Script) -> bool:
    return script.text is not None or script.thinking is not None or script.content is not None


def scripted(script: Script, bound_to: bytes) -> list[Block]:
    """The blocks of a script that says what is answered."""
    blocks = []
    if script.thinking is not None:
        blocks.append(thinking_block(_pieces(script.thinking), bound_to))
    if script.text is not None:
        blocks.append(text_block(_pieces(script.text)))
    for value in script.content or []:
        match value.get("type"):
            case "text":
                blocks.append(Block(value, tokenise(str(value.get("text", "")))))
            case "thinking":
                text = str(value.get("thinking", ""))
                blocks.append(Block({"signature": sign_thinking(text, bound_to), **value}, tokenise(text)))
            case "tool_use" | "server_tool_use":
                blocks.append(Block(value, tokenise(jsonio.encode(value.get("input", {})).decode())))
            case _:
                blocks.append(Block(value, []))
    return blocks


def end(blocks: list[Block], max_tokens: int, stops: list[str], room: int, script: Script) -> Ending:
    """The blocks up to `max_tokens`, the stop sequences or the end of the window, unless the script has a reason.

    `room`: how many tokens the context has left for the answer.
    """
    if script.stop_reason is not None:
        return Ending(blocks, script.stop_reason, script.stop_sequence)
    ending = _limit(blocks, min(max_tokens, room), stops)
    if ending.reason == "max_tokens" and room < max_tokens:
        ending.reason = "model_context_window_exceeded"
    return ending


def count_output(blocks: Iterable[Block]) -> int:
    return sum(count(block.text) for block in blocks)


def count_thinking(blocks: Iterable[Block]) -> int:
    return count_output(block for block in blocks if block.type in ("thinking", "redacted_thinking"))


def _limit(blocks: list[Block], max_tokens: int, stops: list[str]) -> Ending:
    kept: list[Block] = []
    left = max_tokens
    for block in blocks:
        text = block.text
        tokens = tokenise(text)
        if left == 0 and tokens:
            return Ending(kept, "max_tokens")
        length = len("".join(tokens[:left]))
        found = _first_stop(text[:length], stops) if block.type == "text" else None
        if found:
            at, stop = found
            return Ending(kept + ([_cut(block, at)] if at else []), "stop_sequence", stop)
        if len(tokens) > left:
            return Ending([*kept, _cut(block, length)], "max_tokens")
        left -= len(tokens)
        kept.append(block)
    called = any(block.type == "tool_use" or "toolUse" in block.value for block in kept)
    return Ending(kept, "tool_use" if called else "end_turn")


def _first_stop(text: str, stops: list[str]) -> tuple[int, str] | None:
    """The stop sequence that is complete first."""
    found = [(text.index(stop) + len(stop), stop) for stop in stops if stop in text]
    if not found:
        return None
    at, stop = min(found)
    return at - len(stop), stop


def _cut(block: Block, length: int) -> Block:
    """The block with the first `length` characters of its text."""
    pieces = cut(block.pieces, length)
    value = dict(block.value)
    match block.type:
        case "text":
            value["text"] = "".join(pieces)
        case "thinking" if block.pieces:
            value["thinking"] = "".join(pieces)
            value["signature"] = sign_again(value["thinking"], value["signature"])
        case "tool_use":
            value["input"] = {}
    return Block(value, pieces, block.hidden[:length])


def _pieces(text: str | list[str]) -> list[str]:
    return tokenise(text) if isinstance(text, str) else text
