"""The text that a Llama model writes -> events: calls told from text, and what the prompt had begun put in front.

One for whole answers and streams alike, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.families.call import Call
from proxy.families.llama.calls import CallParser
from proxy.families.llama.pieces import CallStart, Piece
from proxy.families.tool_names import ToolNames
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    TextDelta,
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the prompt asked for, as far as it shows in the answer."""

    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that may be called, by the names the model knows."""
    prefill: str = ""
    """How the answer was begun for the model: a part of it all the same."""
    max_calls: int | None = None
    id_seed: str = ""
    """Makes the ids of calls: the wire has none. Each turn's prompt has its own."""
    names: ToolNames = field(default_factory=lambda: ToolNames(()))
    end_tokens: Sequence[str] = ()
    """Of the prompt's template: one of them at the very end of an answer is no part of it."""


def expected(call: Call) -> Expected:
    """What `build` noted for the reading of the answer."""
    return call.reading if isinstance(call.reading, Expected) else Expected()


class AnswerText:
    """`feed` it the text as it comes, were it empty, and `close` it at the end. Both append the events this makes."""

    __slots__ = ("_calls", "_expected", "_open", "_parser", "_token")

    def __init__(self, expected: Expected, token: str = "") -> None:
        """`token`: of this answer's own, for the ids of its calls."""
        self._expected = expected
        self._token = token
        self._calls = 0
        self._open: BlockKind | None = None
        self._parser: CallParser | None = None
        if expected.functions:
            self._parser = CallParser(expected.functions, prefill=expected.prefill, max_calls=expected.max_calls)

    @property
    def has_calls(self) -> bool:
        return self._calls > 0

    def feed(self, text: str, out: list[Event]) -> None:
        parser = self._parser
        if parser is not None:
            piece = parser.pass_on(text)
            if piece is not None:
                out.append(piece)
            else:
                self._tell(parser.feed(text), out)
        elif self._open is BlockKind.TEXT:
            if text:
                out.append(TextDelta(text))
        else:
            self._tell([TextDelta(self._expected.prefill + text)], out)

    def close(self, out: list[Event]) -> None:
        if self._parser is not None:
            self._tell(self._parser.close(), out)
        self._stop(out)

    def _tell(self, pieces: Sequence[Piece], out: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, TextDelta):
                if self._open is not BlockKind.TEXT:
                    self._start(BlockStart(BlockKind.TEXT), out)
                if piece.text:
                    out.append(piece)
            elif isinstance(piece, ArgumentsDelta):
                out.append(piece)
            elif isinstance(piece, CallStart):
                call_id = f"call_{self._expected.id_seed}{self._token}{self._calls}"
                self._calls += 1
                self._start(BlockStart(BlockKind.TOOL_USE, call_id, self._expected.names.to_client(piece.name)), out)
            else:
                self._stop(out)

    def _start(self, start: BlockStart, out: list[Event]) -> None:
        self._stop(out)
        self._open = start.kind
        out.append(start)

    def _stop(self, out: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            out.append(BlockStop())
