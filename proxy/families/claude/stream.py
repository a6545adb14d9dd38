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
    REASONING_BLOCKS,
    OutputDetails,
    StopDetails,
    WireBlock,
    WireUsage,
    finish_reason,
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
from proxy.neutral.reply import FinishReason, Usage, estimate_reasoning, estimate_tokens


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
    content_block: WireBlock | None = None
    message: _Message | None = None
    usage: WireUsage | None = None
    metrics: Metrics | None = msgspec.field(default=None, name="amazon-bedrock-invocationMetrics")
    guardrail_action: str | None = msgspec.field(default=None, name="amazon-bedrock-guardrailAction")
    trace: Any = msgspec.field(default=None, name="amazon-bedrock-trace")


_read = msgspec.json.Decoder(_Event).decode
_BLOCK_KINDS = {"text": BlockKind.TEXT, "tool_use": BlockKind.TOOL_USE} | dict.fromkeys(
    REASONING_BLOCKS, BlockKind.REASONING
)


class ClaudeStream:
    """One per answer. It takes frames as they come and gives the events they make.

    The arguments of the call's answer tool, where it has one, are the text of the answer, the first time that it is called.
    A model that talks beside such an answer has its talk left out: the client asked for JSON. So talk waits, until another
    tool is called or the end has come without an answer.

    A call that `max_tokens` cuts off has begun to be told when it breaks off: its arguments stay the text they are, no
    JSON, and the finish says that the answer is not complete. OpenAI's own streams do the same.
    """

    __slots__ = (
        "_answer_tool",
        "_asked",
        "_calls",
        "_given",
        "_guardrail_action",
        "_has_answered",
        "_has_arguments",
        "_has_thought",
        "_index",
        "_is_answering",
        "_is_ignored",
        "_names",
        "_open",
        "_output_size",
        "_reasoning_size",
        "_stop_details",
        "_stop_sequence",
        "_talk",
        "_trace",
        "_usage",
        "_word",
        "is_ended",
    )

    def __init__(self, call: Call) -> None:
        self._asked = call
        self._names = call.names
        self._answer_tool = call.answer_tool
        self._usage = Usage()
        self._output_size = self._reasoning_size = 0
        self._open: BlockKind | None = None
        self._calls = 0
        self._index = -1
        self._is_ignored = False
        """The block at the index is of a kind that is left out, or a second answer."""
        self._given = ""
        """The arguments that stood in the start of the block."""
        self._has_arguments = self._has_thought = False
        self._is_answering = False
        self._has_answered = False
        self._talk: list[list[str]] = []
        """The pieces of each block that waits."""
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
                if self._open is not BlockKind.TEXT or self._is_answering:
                    self._start(BlockKind.TEXT, out)
                self._output_size += len(delta.text)
                if self._answer_tool is None:
                    out.append(TextDelta(delta.text))
                else:
                    self._talk[-1].append(delta.text)
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
                self._index = event.index
                self._block(event.content_block, out)
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
        match delta.type:
            case "input_json_delta":
                self._output_size += len(delta.partial_json)
                if index == self._index and self._is_ignored:
                    return
                if index != self._index or (self._open is not BlockKind.TOOL_USE and not self._is_answering):
                    raise UpstreamBroken("Bedrock sent the arguments of a tool without the call.")
                if delta.partial_json:
                    self._has_arguments = True
                    self._say(delta.partial_json, out)
            case "thinking_delta":
                if self._open is not BlockKind.REASONING:
                    self._start(BlockKind.REASONING, out)
                self._output_size += len(delta.thinking)
                self._reasoning_size += len(delta.thinking)
                out.append(ReasoningDelta(delta.thinking))
            case "signature_delta":
                if self._open is not BlockKind.REASONING:
                    self._start(BlockKind.REASONING, out)
                out.append(ReasoningSeal(signature=delta.signature))
            case other:
                out.append(Unrecognised(f"Claude delta {other!r}"))

    def _block(self, block: WireBlock | None, out: list[Event]) -> None:
        if block is None:
            raise UpstreamBroken("Bedrock sent the start of a Claude block without the block.")
        kind = _BLOCK_KINDS.get(block.type)
        self._is_ignored = kind is None
        if kind is None:
            self._stop_block(out)
            out.append(Unrecognised(f"Claude block {block.type!r}"))
            return
        self._output_size += len(block.text) + len(block.thinking)
        self._reasoning_size += len(block.thinking)
        if kind is BlockKind.TOOL_USE:
            self._call(block, out)
            return
        self._start(kind, out)
        if kind is BlockKind.TEXT and block.text:
            if self._answer_tool is None:
                out.append(TextDelta(block.text))
            else:
                self._talk[-1].append(block.text)
        elif kind is BlockKind.REASONING:
            if block.thinking:
                out.append(ReasoningDelta(block.thinking))
            if block.signature or block.data:
                out.append(ReasoningSeal(block.signature, block.data))

    def _call(self, block: WireBlock, out: list[Event]) -> None:
        self._stop_block(out)
        self._has_arguments = False
        self._given = block.arguments
        if block.name == self._answer_tool:
            self._is_ignored = self._has_answered
            if not self._has_answered:
                self._has_answered = self._is_answering = True
                self._talk = []
                self._open = BlockKind.TEXT
                out.append(BlockStart(BlockKind.TEXT))
            return
        self._release_talk(out)
        self._calls += 1
        self._open = BlockKind.TOOL_USE
        out.append(BlockStart(BlockKind.TOOL_USE, block.id, self._names.to_client(block.name)))

    def _say(self, arguments: str, out: list[Event]) -> None:
        out.append(TextDelta(arguments) if self._is_answering else ArgumentsDelta(arguments))

    def _start(self, kind: BlockKind, out: list[Event]) -> None:
        self._stop_block(out)
        self._open = kind
        self._has_thought = self._has_thought or kind is BlockKind.REASONING
        if kind is BlockKind.TEXT and self._answer_tool is not None:
            self._talk.append([])
        else:
            out.append(BlockStart(kind))

    def _release_talk(self, out: list[Event]) -> None:
        for pieces in self._talk:
            out += [BlockStart(BlockKind.TEXT), TextDelta("".join(pieces)), BlockStop()]
        self._talk = []

    def _stop_block(self, out: list[Event]) -> None:
        kind, self._open = self._open, None
        if kind is None or (kind is BlockKind.TEXT and self._answer_tool is not None and not self._is_answering):
            return
        if not self._has_arguments and (kind is BlockKind.TOOL_USE or self._is_answering):
            # No delta at all stands for no arguments, or for those that came with the start.
            self._output_size += len(self._given)
            self._say(self._given, out)
        self._is_answering = False
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
        if not self._has_answered:
            self._release_talk(out)
        self.is_ended = True
        out.append(UsageReport(self._counted(self._usage.output_tokens)))
        reason = finish_reason(self._word, self._guardrail_action)
        if reason is FinishReason.TOOL_USE and self._has_answered and not self._calls:
            reason = FinishReason.STOP
        refused = refusal(self._word, self._stop_details)
        out.append(Finish(reason, self._word, self._stop_sequence, self._trace, refused))


def _read_error(inner: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = jsonio.decode(inner)
    except jsonio.UNREADABLE:
        return {}
    return event
