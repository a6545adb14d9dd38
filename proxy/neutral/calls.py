"""No more calls in an answer than the client wants, from models that cannot be told so."""

from __future__ import annotations

from dataclasses import replace

from proxy.neutral.events import ArgumentsDelta, BlockKind, BlockStart, BlockStop, Event, Finish
from proxy.neutral.reply import FinishReason


class CallFilter:
    """Leaves out every call but the first `most`. Events in, events out. With none left, the answer ended as others do."""

    __slots__ = ("_is_left_out", "_left", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._is_left_out = False

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart) and event.kind is BlockKind.TOOL_USE:
                self._is_left_out = self._left == 0
                self._left = max(self._left - 1, 0)
            elif isinstance(event, Finish) and event.reason is FinishReason.TOOL_USE and self._most == 0:
                event = replace(event, reason=FinishReason.STOP)
            if not (self._is_left_out and isinstance(event, BlockStart | ArgumentsDelta | BlockStop)):
                out.append(event)
            elif isinstance(event, BlockStop):
                self._is_left_out = False
        return out
