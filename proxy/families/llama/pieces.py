"""What the text of a Llama model turns out to be, in the order it was written."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.neutral.events import ArgumentsDelta, TextDelta


@dataclass(slots=True)
class CallStart:
    name: str


@dataclass(slots=True)
class CallEnd:
    is_complete: bool = True
    """False: the arguments are cut off or garbled, and their text is no JSON."""


Piece = TextDelta | CallStart | ArgumentsDelta | CallEnd
"""A call is a CallStart, ArgumentsDeltas that together are one JSON object, and a CallEnd."""


class Pieces:
    """Collects them; neighbours of one kind become one. Calls beyond `max_calls` are left out."""

    __slots__ = ("_calls", "_fragment_kind", "_fragments", "_is_left_out", "_max_calls", "_out", "is_in_call")

    def __init__(self, max_calls: int | None = None) -> None:
        self.is_in_call = False
        self._calls = 0
        self._max_calls = max_calls
        self._is_left_out = False
        self._out: list[Piece] = []
        self._fragments: list[str] = []
        self._fragment_kind: type[TextDelta] | type[ArgumentsDelta] = TextDelta

    def take(self) -> list[Piece]:
        """All that has come since the last time."""
        self._join()
        out, self._out = self._out, []
        return out

    def going_on(self, text: str) -> TextDelta | ArgumentsDelta | None:
        """More of what came last, for one who takes it at once. None: it is left out."""
        if not self.is_in_call:
            return TextDelta(text)
        return None if self._is_left_out else ArgumentsDelta(text)

    def put_text(self, text: str) -> None:
        self._put(TextDelta, text)

    def begin(self, name: str) -> None:
        self.is_in_call = True
        self._is_left_out = self._max_calls is not None and self._calls >= self._max_calls
        if not self._is_left_out:
            self._calls += 1
            self._put_whole(CallStart(name))

    def put_arguments(self, fragment: str) -> None:
        """Of the call that has begun."""
        if not self._is_left_out:
            self._put(ArgumentsDelta, fragment)

    def end(self, *, is_complete: bool) -> None:
        self.is_in_call = False
        if not self._is_left_out:
            self._put_whole(CallEnd(is_complete))

    def _put(self, kind: type[TextDelta] | type[ArgumentsDelta], fragment: str) -> None:
        if kind is not self._fragment_kind:
            self._join()
            self._fragment_kind = kind
        self._fragments.append(fragment)

    def _put_whole(self, piece: Piece) -> None:
        self._join()
        self._out.append(piece)

    def _join(self) -> None:
        if self._fragments:
            self._out.append(self._fragment_kind("".join(self._fragments)))
            self._fragments = []
