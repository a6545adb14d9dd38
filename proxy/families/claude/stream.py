"""Claude's stream events -> events.

    message_start, (content_block_start, content_block_delta*, content_block_stop)*, message_delta+, message_stop
    with ping anywhere; an `error` event in place of any of them

Source: Anthropic API documentation, "Streaming messages", 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from proxy import jsonio
from proxy.bedrock.errors import error_from_claude
from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.families.call import Call
from proxy.families.claude.reply import (
    BLOCK_KINDS,
    OutputDetails,
    StopDetails,
    WireBlock,
    WireUsage,
    finish_reason,
    read_block,
    refusal,
)
from proxy.families.invoke import INTERVENED, Metrics, chunk
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import Usage, estimate_reasoning, estimate_tokens


class _Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Message(msgspec.Struct):
    usage: WireUsage | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: msgspec.Raw = msgspec.Raw()
    message: _Message | None = None
    usage: WireUsage | None = None
    metrics: Metrics | None = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")
    guardrail_action: str | None = msgspec.field(default=None, name="amazon-bedrock-guardrailAction")
    trace: Any = msgspec.field(default=None, name="amazon-bedrock-trace")


_read = msgspec.json.Decoder(_Event).decode


class ClaudeStream:
    """One per answer. It takes frames as they come and gives the events they make.

    A call that `max_tokens` cuts off has begun to be told when it breaks off: its arguments stay the text they are, no
    JSON, and the finish says that the answer is not complete. OpenAI's own streams do the same.
    """

    __slots__ = (
        "_asked",
        "_given",
        "_guardrail_action",
        "_has_arguments",
        "_has_thought",
        "_index",
        "_is_ignored",
        "_names",
        "_open",
        "_output_size",
        "_reasoning_size",
        "_stop_details",
        "_stop_sequence",
        "_trace",
        "_usage",
        "_word",
        "is_ended",
    )

    def __init__(self, call: Call) -> None:
        self._asked = call
        self._names = call.names
        self._usage = Usage()
        self._output_size = self._reasoning_size = 0
        self._open: BlockKind | None = None
        self._index = -1
        self._is_ignored = False
        """The block at the index is of a kind that is left out."""
        self._given = ""
        """The arguments that stood in the start of the block."""
        self._has_arguments = self._has_thought = False
        self._word: str | None = None
        self._stop_sequence: str | None = None
        self._stop_details: StopDetails | None = None
        self._guardrail_action: str | None = None
        self._trace: Any = None
        self.is_ended = False

    def feed(self, frames: Iterable[Frame], out: list[Event]) -> None:
        """Raises `UpstreamBroken` for what cannot be read, and the error that the model itself sends in its stream."""
        for frame in frames:
            inner = chunk(frame)
            if isinstance(inner, Unrecognised):
                out.append(inner)
                continue
            if self.is_ended:
                continue
            try:
                event = _read(inner)
            except jsonio.UNREADABLE as error:
                raise UpstreamBroken(f"Bedrock sent a Claude event that cannot be read: {error}") from None
            if event.guardrail_action is not None:
                self._heed(event)
            delta = event.delta
            if event.type != "content_block_delta" or delta is None:
                self._rare(event, inner, out)
            elif delta.type == "text_delta":
                self._output_size += len(delta.text)
                if self._open is not BlockKind.TEXT:
                    if self._is_ignored and event.index == self._index:
                        continue
                    self._start(BlockStart(BlockKind.TEXT), out)
                out.append(TextDelta(delta.text))
            else:
                self._delta(event.index, delta, out)

    def close(self) -> None:
        if not self.is_ended:
            raise UpstreamBroken("Bedrock's stream ended before the answer did.")

    def usage_so_far(self) -> Usage:
        """For an answer that is ended early. Claude counts its output at the end only: till then it is estimated."""
        output_tokens = max(self._usage.output_tokens, estimate_tokens(self._output_size))
        return replace(self._counted(output_tokens), is_estimate=True)

    def _counted(self, output_tokens: int) -> Usage:
        usage, shown = self._usage, self._reasoning_size
        reasoning_tokens = usage.reasoning_tokens or estimate_reasoning(
            output_tokens, shown, self._output_size - shown, is_abridged=self._has_thought
        )
        return replace(usage, output_tokens=output_tokens, reasoning_tokens=reasoning_tokens)

    def _heed(self, event: _Event) -> None:
        """What a guardrail says; its trace comes beside it."""
        if self._guardrail_action != INTERVENED:
            self._guardrail_action = event.guardrail_action
        if self._asked.is_traced:
            self._trace = event.trace or self._trace

    def _rare(self, event: _Event, inner: bytes, out: list[Event]) -> None:
        match event.type:
            case "content_block_delta":
                raise UpstreamBroken("Bedrock sent a Claude delta without its content.")
            case "content_block_start":
                if not bytes(event.content_block):
                    raise UpstreamBroken("Bedrock sent the start of a Claude block without the block.")
                self._index = event.index
                try:
                    block = read_block(event.content_block)
                except jsonio.UNREADABLE as error:
                    raise UpstreamBroken(f"Bedrock sent a Claude block that cannot be read: {error}") from None
                self._block(block, out)
            case "content_block_stop":
                self._stop_block(out)
            case "message_start":
                if event.message is not None:
                    self._count(event.message.usage, None)
                    out.append(UsageReport(self._usage))
            case "message_delta":
                if event.delta is not None and event.delta.stop_reason is not None:
                    self._word, self._stop_sequence = event.delta.stop_reason, event.delta.stop_sequence
                    self._stop_details = event.delta.stop_details
                self._count(event.usage, None)
            case "message_stop":
                self._count(None, event.metrics)
                self._end(out)
            case "error":
                raise error_from_claude(_read_error(inner))
            case "ping":
                pass
            case other:
                out.append(Unrecognised(f"Claude event {other!r}"))

    def _delta(self, index: int, delta: _Delta, out: list[Event]) -> None:
        self._output_size += len(delta.partial_json) + len(delta.thinking)
        if self._is_ignored and index == self._index:
            return
        match delta.type:
            case "input_json_delta":
                if index != self._index or self._open is not BlockKind.TOOL_USE:
                    raise UpstreamBroken("Bedrock sent the arguments of a tool without the call.")
                if delta.partial_json:
                    self._has_arguments = True
                    out.append(ArgumentsDelta(delta.partial_json))
            case "thinking_delta":
                if self._open is not BlockKind.REASONING:
                    self._start(BlockStart(BlockKind.REASONING), out)
                self._reasoning_size += len(delta.thinking)
                out.append(ReasoningDelta(delta.thinking))
            case "signature_delta":
                if self._open is not BlockKind.REASONING:
                    self._start(BlockStart(BlockKind.REASONING), out)
                out.append(ReasoningSeal(signature=delta.signature))
            case other:
                out.append(Unrecognised(f"Claude delta {other!r}"))

    def _block(self, block: WireBlock | Unrecognised, out: list[Event]) -> None:
        self._is_ignored = isinstance(block, Unrecognised)
        if isinstance(block, Unrecognised):
            self._stop_block(out)
            out.append(block)
            return
        kind = BLOCK_KINDS[block.type]
        self._output_size += len(block.text) + len(block.thinking)
        self._reasoning_size += len(block.thinking)
        if kind is BlockKind.TOOL_USE:
            self._start(BlockStart(kind, block.id, self._names.to_client(block.name)), out)
            self._has_arguments = False
            self._given = block.arguments
            return
        self._start(BlockStart(kind), out)
        if kind is BlockKind.TEXT and block.text:
            out.append(TextDelta(block.text))
        elif kind is BlockKind.REASONING:
            if block.thinking:
                out.append(ReasoningDelta(block.thinking))
            if block.signature or block.data:
                out.append(ReasoningSeal(block.signature, block.data))

    def _start(self, start: BlockStart, out: list[Event]) -> None:
        self._stop_block(out)
        self._open = start.kind
        self._has_thought = self._has_thought or start.kind is BlockKind.REASONING
        out.append(start)

    def _stop_block(self, out: list[Event]) -> None:
        kind, self._open = self._open, None
        if kind is BlockKind.TOOL_USE and not self._has_arguments:
            # No delta at all stands for no arguments, or for those that came with the start.
            self._output_size += len(self._given)
            out.append(ArgumentsDelta(self._given))
        if kind is not None:
            out.append(BlockStop())

    def _count(self, wire: WireUsage | None, metrics: Metrics | None) -> None:
        """Counts are cumulative, and some stand in only one of the places: the largest is the truth."""
        old = self._usage
        if wire is not None:
            details = wire.output_tokens_details or OutputDetails()
            self._usage = Usage(
                max(old.input_tokens, wire.input_tokens or 0),
                max(old.output_tokens, wire.output_tokens or 0),
                max(old.cache_read_tokens, wire.cache_read_input_tokens or 0),
                max(old.cache_write_tokens, wire.cache_creation_input_tokens or 0),
                max(old.reasoning_tokens, details.thinking_tokens or 0),
            )
        if metrics is not None:
            self._usage = replace(
                self._usage,
                input_tokens=max(old.input_tokens, metrics.input_token_count),
                output_tokens=max(old.output_tokens, metrics.output_token_count),
                cache_read_tokens=max(old.cache_read_tokens, metrics.cache_read_input_token_count),
                cache_write_tokens=max(old.cache_write_tokens, metrics.cache_write_input_token_count),
            )

    def _end(self, out: list[Event]) -> None:
        if self._word is None:
            raise UpstreamBroken("Bedrock's stream ended without a stop reason.")
        self._stop_block(out)
        self.is_ended = True
        out.append(UsageReport(self._counted(self._usage.output_tokens)))
        reason = finish_reason(self._word, self._guardrail_action)
        refused = refusal(self._word, self._stop_details)
        out.append(Finish(reason, self._word, self._stop_sequence, self._trace, refused))


def _read_error(inner: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = jsonio.decode(inner)
    except jsonio.UNREADABLE:
        return {}
    return event
