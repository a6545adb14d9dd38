"""One call an answer, from models that can make several and cannot be told not to."""

from __future__ import annotations

from proxy.neutral.events import ArgumentsDelta, BlockKind, BlockStart, BlockStop, Event


class FirstCallFilter:
    """Leaves out every call but the first. Events in, events out."""

    __slots__ = ("_has_called", "_is_left_out")

    def __init__(self) -> None:
        self._has_called = False
        self._is_left_out = False

    def feed(self, events: list[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart) and event.kind is BlockKind.TOOL_USE:
                self._is_left_out, self._has_called = self._has_called, True
            if not (self._is_left_out and isinstance(event, BlockStart | ArgumentsDelta | BlockStop)):
                out.append(event)
            elif isinstance(event, BlockStop):
                self._is_left_out = False
        return out
