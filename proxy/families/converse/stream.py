"""Converse's stream events -> events.

    messageStart, (contentBlockStart?, contentBlockDelta*, contentBlockStop)*, messageStop, metadata

Text and reasoning come without a start; the count comes last. The answer is told to be finished at `messageStop`, with an
estimate that `metadata` replaces. It is over with `metadata`; a stream that closes between the two is whole as well, and
what fails between them is told, since a guardrail may still object. Where its trace is asked for, the
finish waits for `metadata`, which brings it. Source: botocore 1.44 service model (`ConverseStreamOutput`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from proxy import jsonio
from proxy.bedrock.eventstream import Frame
from proxy.errors import UpstreamBroken
from proxy.families.call import Call
from proxy.families.converse.reply import (
    SERVER_TOOL,
    Shown,
    WireTier,
    WireToolUse,
    WireUsage,
    count,
    finish_reason,
    redacted,
    stop_sequence,
)
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
from proxy.neutral.reply import Usage, estimate_tokens


class _ToolDelta(msgspec.Struct):
    input: str = ""


class _ReasoningDelta(msgspec.Struct, rename="camel"):
    text: str | None = None
    signature: str | None = None
    redacted_content: bytes | None = None


class _Delta(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    tool_use: _ToolDelta | None = None
    reasoning_content: _ReasoningDelta | None = None


class _Start(msgspec.Struct, rename="camel"):
    tool_use: WireToolUse | None = None
    tool_result: dict[str, Any] | None = None
    image: dict[str, Any] | None = None


class _Payload(msgspec.Struct, rename="camel", gc=False):
    """Of every event: the members that it lacks are None."""

    content_block_index: int = 0
    delta: _Delta | None = None
    start: _Start | None = None
    stop_reason: str | None = None
    additional_model_response_fields: Any = None
    usage: WireUsage | None = None
    trace: Any = None
    service_tier: WireTier | None = None


_read = msgspec.json.Decoder(_Payload).decode


class ConverseStream:
    """One per answer. It takes frames as they come and gives the events they make."""

    __slots__ = (
        "_additional",
        "_call",
        "_finished",
        "_has_arguments",
        "_has_calls",
        "_has_text",
        "_index",
        "_is_ignored",
        "_is_sealed",
        "_is_stopped",
        "_open",
        "_output_size",
        "_reasoning_size",
        "_usage",
        "is_ended",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._usage: Usage | None = None
        self._additional: Any = None
        self._output_size = self._reasoning_size = 0
        self._index = -1
        self._open: BlockKind | None = None
        self._is_ignored = False  # the block at the index is of a kind that is left out
        self._has_arguments = self._has_calls = self._has_text = False
        self._is_sealed = False  # a thought is
        self._is_stopped = False
        self._finished: Finish | None = None  # that waits for the trace of a guardrail
        self.is_ended = False

    def feed(self, frames: Iterable[Frame], out: list[Event]) -> None:
        """Raises `UpstreamBroken` for what cannot be read, `ModelFailed` for an answer that the model spoilt."""
        for frame in frames:
            if self.is_ended:
                break
            try:
                payload = _read(frame.payload)
            except jsonio.UNREADABLE as error:
                raise UpstreamBroken(f"Bedrock sent a Converse event that cannot be read: {error}") from None
            kind = frame.headers.get(":event-type", "")
            if kind == "contentBlockDelta":
                self._delta(payload, frame, out)
            else:
                self._rare(kind, payload, out)

    def close(self) -> None:
        if not self._is_stopped or self._finished is not None:
            raise UpstreamBroken("Bedrock's stream ended before the answer did.")
        self.is_ended = True

    def usage_so_far(self) -> Usage:
        """Converse counts at the very end. An answer that is ended before it has all of its count estimated."""
        if self._usage is not None:
            return self._usage
        return replace(self._estimate(), input_tokens=estimate_tokens(_prompt_size(self._call.body)))

    def _estimate(self) -> Usage:
        """Of the output. The prompt is not measured for every answer, since nearly every one is counted in the end."""
        output_tokens = estimate_tokens(self._output_size)
        return Usage(
            output_tokens=output_tokens, reasoning_tokens=self._shown.estimate(output_tokens), is_estimate=True
        )

    @property
    def _shown(self) -> Shown:
        return Shown(self._reasoning_size, self._output_size - self._reasoning_size, self._is_sealed)

    def _rare(self, kind: str, payload: _Payload, out: list[Event]) -> None:
        match kind:
            case "contentBlockStart":
                self._start_block(payload, out)
            case "contentBlockStop":
                self._stop_block(out)
            case "messageStop":
                self._finish(payload, out)
            case "metadata":
                self._end(payload, out)
            case "messageStart":
                pass
            case other:
                out.append(Unrecognised(f"event type {other!r}"))

    def _start_block(self, payload: _Payload, out: list[Event]) -> None:
        self._stop_block(out)
        self._index = payload.content_block_index
        start = payload.start or _Start()
        use = start.tool_use
        if use is None or use.type == SERVER_TOOL:
            # A start that says nothing is one of text or reasoning: the deltas tell.
            others = {SERVER_TOOL: use, "toolResult": start.tool_result, "image": start.image}
            for what in [what for what, value in others.items() if value is not None]:
                self._is_ignored = True
                out.append(Unrecognised(f"Converse block {what!r}"))
        else:
            self._has_calls, self._has_arguments = True, False
            self._open_block(BlockStart(BlockKind.TOOL_USE, use.tool_use_id, self._call.names.to_client(use.name)), out)

    def _delta(self, payload: _Payload, frame: Frame, out: list[Event]) -> None:
        delta = payload.delta
        if delta is None:
            raise UpstreamBroken("Bedrock sent a Converse delta without its content.")
        if payload.content_block_index != self._index:
            self._stop_block(out)
            self._index = payload.content_block_index
        if self._is_ignored:
            self._output_size += len(delta.tool_use.input) if delta.tool_use is not None else 0
            return
        if delta.text is not None:
            self._text(delta.text, out)
        elif delta.tool_use is not None:
            self._arguments(delta.tool_use.input, out)
        elif delta.reasoning_content is not None:
            self._reasoning(delta.reasoning_content, out)
        else:
            out.append(Unrecognised(f"Converse delta of {_members(frame)}"))

    def _text(self, text: str, out: list[Event]) -> None:
        if self._open is not BlockKind.TEXT:
            self._stop_block(out)
            self._open_block(BlockStart(BlockKind.TEXT), out)
        if text:
            self._output_size += len(text)
            self._has_text = self._has_text or not text.isspace()
            out.append(TextDelta(text))

    def _arguments(self, text: str, out: list[Event]) -> None:
        if self._open is not BlockKind.TOOL_USE:
            raise UpstreamBroken("Bedrock sent the arguments of a tool without the call.")
        if text:
            self._has_arguments = True
            self._output_size += len(text)
            out.append(ArgumentsDelta(text))

    def _reasoning(self, delta: _ReasoningDelta, out: list[Event]) -> None:
        if self._open is not BlockKind.REASONING:
            self._stop_block(out)
            self._open_block(BlockStart(BlockKind.REASONING), out)
        if delta.text:
            self._output_size += len(delta.text)
            self._reasoning_size += len(delta.text)
            out.append(ReasoningDelta(delta.text))
        if delta.signature or delta.redacted_content:
            self._is_sealed = True
            out.append(ReasoningSeal(delta.signature or "", redacted(delta.redacted_content or b"")))

    def _open_block(self, start: BlockStart, out: list[Event]) -> None:
        self._open = start.kind
        out.append(start)

    def _stop_block(self, out: list[Event]) -> None:
        if self._open is None:
            self._is_ignored = False
            return
        if self._open is BlockKind.TOOL_USE and not self._has_arguments:
            out.append(ArgumentsDelta("{}"))
        self._open = None
        out.append(BlockStop())

    def _finish(self, payload: _Payload, out: list[Event]) -> None:
        if payload.stop_reason is None:
            raise UpstreamBroken("Bedrock's stream ended without a stop reason.")
        if self._is_stopped:
            raise UpstreamBroken("Bedrock's stream ended twice.")
        self._stop_block(out)
        reason = finish_reason(payload.stop_reason, has_text=self._has_text, has_calls=self._has_calls)
        self._is_stopped = True
        self._additional = payload.additional_model_response_fields
        self.is_ended = self._usage is not None
        if self._usage is None:
            out.append(UsageReport(self._estimate()))
        finish = Finish(reason, payload.stop_reason, stop_sequence(self._additional))
        if self._call.is_traced and not self.is_ended:
            self._finished = finish
        else:
            out.append(finish)

    def _end(self, payload: _Payload, out: list[Event]) -> None:
        if payload.usage is not None:
            self._usage = count(payload.usage, self._additional, payload.service_tier, self._shown)
            out.append(UsageReport(self._usage))
        if self._finished is not None:
            self._finished.trace = payload.trace
            out.append(self._finished)
            self._finished = None
        self.is_ended = self._is_stopped


def _prompt_size(body: bytes) -> int:
    """The characters that the model is given to read: texts, and tools with their schemas. Images and files not counted."""
    asked: dict[str, Any] = jsonio.decode(body)
    rest: list[Any] = [asked["messages"], asked.get("system"), asked.get("toolConfig")]
    size = 0
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest += [inner for name, inner in value.items() if name != "bytes"]
            size += sum(map(len, value))
        elif isinstance(value, list):
            rest += value
        elif isinstance(value, str):
            size += len(value)
    return size


def _members(frame: Frame) -> str:
    payload: Any = jsonio.decode(frame.payload)
    return ", ".join(payload["delta"]) or "nothing"
