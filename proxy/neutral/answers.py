"""A tool whose call is the answer: how a model without schemas is made to follow one."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto

from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    Event,
    Finish,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import FinishReason


class _Fate(Enum):
    """Of the open block."""

    PASSED_ON = auto()
    HELD = auto()
    ANSWER = auto()
    LEFT_OUT = auto()


class AnswerFilter:
    """Events in, events out: the arguments of the tool's first call are the text of the answer; a second call is left out.

    What the model says beside it is left out too, and beside the calls of other tools: the client asked for JSON, and its SDK
    reads all text as such. So talk waits, until the end has come without an answer or a call.
    """

    __slots__ = ("_fate", "_has_answered", "_has_calls", "_held", "_tool")

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._fate = _Fate.PASSED_ON
        self._held: list[Event] = []
        self._has_answered = False
        self._has_calls = False

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart):
                self._start(event, out)
            elif isinstance(event, Finish):
                self._finish(event, out)
            elif self._fate is _Fate.PASSED_ON or isinstance(event, UsageReport | Unrecognised):
                out.append(event)
            elif self._fate is _Fate.ANSWER:
                out.append(TextDelta(event.text) if isinstance(event, ArgumentsDelta) else event)
            elif self._fate is _Fate.HELD:
                self._held.append(event)
        return out

    def _start(self, start: BlockStart, out: list[Event]) -> None:
        if start.kind is BlockKind.TEXT:
            self._fate = _Fate.HELD
            self._held.append(start)
        elif start.kind is BlockKind.TOOL_USE and start.name == self._tool:
            self._fate = _Fate.LEFT_OUT if self._has_answered else _Fate.ANSWER
            if not self._has_answered:
                self._has_answered = True
                self._held = []
                out.append(BlockStart(BlockKind.TEXT))
        else:
            self._fate = _Fate.PASSED_ON
            self._has_calls = self._has_calls or start.kind is BlockKind.TOOL_USE
            out.append(start)

    def _finish(self, finish: Finish, out: list[Event]) -> None:
        if not self._has_answered and not self._has_calls:
            out += self._held
        elif finish.reason is FinishReason.TOOL_USE and not self._has_calls:
            finish = replace(finish, reason=FinishReason.STOP)
        out.append(finish)
