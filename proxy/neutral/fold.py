"""Events -> Reply."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.neutral.events import BlockKind, BlockStart, Event, Finish, ReasoningDelta, TextDelta, UsageReport
from proxy.neutral.reply import Reply, Usage


class Fold:
    """Gathers the events of one answer. `reply` is asked once the reader has said that the stream is whole."""

    __slots__ = ("_finish", "_reasoning", "_text", "_usage")

    def __init__(self) -> None:
        self._text: list[str] | None = None
        self._reasoning: list[str] | None = None
        self._finish: Finish | None = None
        self._usage = Usage()

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case TextDelta(text) if self._text is not None:
                    self._text.append(text)
                case ReasoningDelta(text) if self._reasoning is not None:
                    self._reasoning.append(text)
                case BlockStart(BlockKind.TEXT):
                    self._text = self._text or []
                case BlockStart(BlockKind.REASONING):
                    self._reasoning = self._reasoning or []
                case UsageReport(usage):
                    self._usage = usage
                case Finish():
                    self._finish = event

    def reply(self) -> Reply:
        if self._finish is None:
            raise ValueError("the events have no Finish")
        return Reply(
            text=None if self._text is None else "".join(self._text),
            reasoning=None if self._reasoning is None else "".join(self._reasoning),
            finish=self._finish.reason,
            finish_word=self._finish.word,
            stop_sequence=self._finish.stop_sequence,
            usage=self._usage,
        )
