"""A Claude answer -> `Reply`.

    {"type": "message", "content": [{"type": "text", "text": "…"}, …], "stop_reason": "end_turn", "stop_sequence": null,
     "usage": {"input_tokens": 10, "output_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}}

Source: Anthropic API documentation, "Messages", 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from proxy import jsonio
from proxy.errors import UpstreamBroken
from proxy.families.call import Call
from proxy.families.invoke import INTERVENED, check_guarded
from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse
from proxy.neutral.events import BlockKind, Unrecognised
from proxy.neutral.reply import FinishReason, Reply, Usage, estimate_reasoning

FINISH_REASONS: Mapping[str, FinishReason] = MappingProxyType(
    {
        "end_turn": FinishReason.STOP,
        "stop_sequence": FinishReason.STOP,
        "max_tokens": FinishReason.LENGTH,
        "model_context_window_exceeded": FinishReason.LENGTH,
        "tool_use": FinishReason.TOOL_USE,
        "refusal": FinishReason.FILTERED,
        "guardrail_intervened": FinishReason.FILTERED,
        # The turn is not over: to be sent again, it would go on.
        "pause_turn": FinishReason.LENGTH,
        "compaction": FinishReason.LENGTH,
    }
)
REASONING_BLOCKS = frozenset({"thinking", "redacted_thinking"})
"""The second has no text that could be read."""
BLOCK_KINDS = MappingProxyType(
    {"text": BlockKind.TEXT, "tool_use": BlockKind.TOOL_USE} | dict.fromkeys(REASONING_BLOCKS, BlockKind.REASONING)
)


class OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Every field may be missing or null: cache fields are, on older models, and stream events repeat only some."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class _Kind(msgspec.Struct):
    type: str


class WireBlock(msgspec.Struct):
    """Whole, or as it stands at its start in a stream. `read_block` reads it."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def arguments(self) -> str:
        """Of a call, as they were written."""
        return bytes(self.input).decode()


class StopDetails(msgspec.Struct):
    """Of a refusal: `{"type": "refusal", "category": "cyber", "explanation": "…"}`, both of which may be null."""

    explanation: str | None = None


class _Answer(msgspec.Struct):
    content: list[msgspec.Raw]
    usage: WireUsage
    stop_reason: str
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    guardrail_action: str | None = msgspec.field(default=None, name="amazon-bedrock-guardrailAction")
    trace: Any = msgspec.field(default=None, name="amazon-bedrock-trace")


_read = msgspec.json.Decoder(_Answer).decode
_read_kind = msgspec.json.Decoder(_Kind).decode
_read_block = msgspec.json.Decoder(WireBlock).decode


def read_block(wire: msgspec.Raw) -> WireBlock | Unrecognised:
    """One of a kind that is not known may hold anything. Raises what stands in `jsonio.UNREADABLE`."""
    kind = _read_kind(wire).type
    return _read_block(wire) if kind in BLOCK_KINDS else Unrecognised(f"Claude block {kind!r}")


def finish_reason(word: str, guardrail_action: str | None) -> FinishReason:
    if guardrail_action == INTERVENED:
        return FinishReason.FILTERED
    return FINISH_REASONS.get(word, FinishReason.UNKNOWN)


def refusal(word: str, details: StopDetails | None) -> str | None:
    """What Claude says of why it refuses, or that it does: clients know a refusal by there being words for it."""
    if word != "refusal":
        return None
    return (details.explanation if details is not None else None) or "The model declined to answer."


def parse(body: bytes, call: Call) -> Reply:
    """A call that `max_tokens` cut off is given as Bedrock gives it; the finish says that it is not complete."""
    try:
        answer = _read(body)
        read = [read_block(wire) for wire in answer.content]
    except jsonio.UNREADABLE as error:
        raise UpstreamBroken(f"Bedrock's answer is not a Claude message: {error}") from None
    blocks = [block for block in read if isinstance(block, WireBlock)]
    check_guarded(call, answer.guardrail_action)
    usage = answer.usage
    details = usage.output_tokens_details or OutputDetails()
    output_tokens = usage.output_tokens or 0
    return Reply(
        blocks=_blocks(blocks, call),
        finish=finish_reason(answer.stop_reason, answer.guardrail_action),
        finish_word=answer.stop_reason,
        stop_sequence=answer.stop_sequence,
        usage=Usage(
            input_tokens=usage.input_tokens or 0,
            output_tokens=output_tokens,
            cache_read_tokens=usage.cache_read_input_tokens or 0,
            cache_write_tokens=usage.cache_creation_input_tokens or 0,
            reasoning_tokens=details.thinking_tokens or _reasoning(blocks, output_tokens),
        ),
        trace=answer.trace if call.is_traced else None,
        refusal=refusal(answer.stop_reason, answer.stop_details),
        unrecognised=[block.what for block in read if isinstance(block, Unrecognised)],
    )


def _reasoning(wires: list[WireBlock], output_tokens: int) -> int:
    has_thought = any(wire.type in REASONING_BLOCKS for wire in wires)
    if not has_thought:
        return 0
    said = sum(len(wire.text) + (len(bytes(wire.input)) if wire.type == "tool_use" else 0) for wire in wires)
    return estimate_reasoning(output_tokens, sum(len(wire.thinking) for wire in wires), said, is_abridged=True)


def _blocks(wires: list[WireBlock], call: Call) -> list[ReplyBlock]:
    blocks: list[ReplyBlock] = []
    for wire in wires:
        if wire.type == "text":
            blocks.append(Text(wire.text))
        elif wire.type in REASONING_BLOCKS:
            blocks.append(Reasoning(wire.thinking, wire.signature, wire.data))
        else:
            blocks.append(ToolUse(wire.id, call.names.to_client(wire.name), wire.arguments))
    return blocks
