"""Events -> Reply."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import Reply, Usage

_DELTAS = (TextDelta, ReasoningDelta, ArgumentsDelta)


class Fold:
    """Gathers the events of one answer. `reply` is asked once the reader has said that the stream is whole."""

    __slots__ = ("_blocks", "_finish", "_pieces", "_unrecognised", "_usage")

    def __init__(self) -> None:
        self._blocks: list[ReplyBlock] = []
        self._pieces: list[list[str]] = []
        self._finish: Finish | None = None
        self._usage = Usage()
        self._unrecognised: list[str] = []

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            # Nearly all events are these, and a match would look at each of its classes anew.
            if isinstance(event, _DELTAS):
                self._pieces[-1].append(event.text)
                continue
            match event:
                case BlockStart():
                    self._blocks.append(_begin(event))
                    self._pieces.append([])
                case ReasoningSeal(signature, redacted):
                    block = self._blocks[-1]
                    assert isinstance(block, Reasoning)
                    block.signature += signature
                    block.redacted += redacted
                case UsageReport(usage):
                    self._usage = usage
                case Finish():
                    self._finish = event
                case Unrecognised(what):
                    self._unrecognised.append(what)

    def reply(self) -> Reply:
        if self._finish is None:
            raise ValueError("the events have no Finish")
        for block, pieces in zip(self._blocks, self._pieces, strict=True):
            if isinstance(block, ToolUse):
                block.arguments = "".join(pieces)
            else:
                block.text = "".join(pieces)
        return Reply(
            blocks=self._blocks,
            finish=self._finish.reason,
            finish_word=self._finish.word,
            stop_sequence=self._finish.stop_sequence,
            usage=self._usage,
            trace=self._finish.trace,
            refusal=self._finish.refusal,
            unrecognised=self._unrecognised,
        )


def _begin(start: BlockStart) -> ReplyBlock:
    if start.kind is BlockKind.TEXT:
        return Text("")
    if start.kind is BlockKind.REASONING:
        return Reasoning("")
    return ToolUse(start.id, start.name, "")
