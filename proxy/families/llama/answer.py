"""The text that a Llama model writes -> events: calls told from text, and what the prompt had begun put in front.

One for whole answers and streams alike, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.families.call import Call
from proxy.families.llama.calls import CallArguments, CallParser, CallStart, Piece, PlainText
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
    """`feed` it the text as it comes, were it empty, and `close` it at the end."""

    __slots__ = ("_calls", "_expected", "_open", "_parser", "_prefix", "_token")

    def __init__(self, expected: Expected, token: str = "") -> None:
        """`token`: of this answer's own, for the ids of its calls."""
        self._expected = expected
        self._token = token
        self._calls = 0
        self._open: BlockKind | None = None
        self._parser: CallParser | None = None
        self._prefix = expected.prefill
        if expected.functions:
            self._parser = CallParser(expected.functions, prefill=expected.prefill, max_calls=expected.max_calls)
            self._prefix = ""

    @property
    def has_calls(self) -> bool:
        return self._calls > 0

    def feed(self, text: str) -> list[Event]:
        out: list[Event] = []
        if self._parser is not None:
            self._write(self._parser.feed(text), out)
        else:
            self._say(self._prefix + text, out)
            self._prefix = ""
        return out

    def close(self) -> list[Event]:
        out: list[Event] = []
        if self._parser is not None:
            self._write(self._parser.close(), out)
        self._stop(out)
        return out

    def _write(self, pieces: list[Piece], out: list[Event]) -> None:
        for piece in pieces:
            match piece:
                case PlainText(text):
                    self._say(text, out)
                case CallStart(name):
                    self._stop(out)
                    self._open = BlockKind.TOOL_USE
                    call_id = f"call_{self._expected.id_seed}{self._token}{self._calls}"
                    self._calls += 1
                    out.append(BlockStart(BlockKind.TOOL_USE, call_id, self._expected.names.to_client(name)))
                case CallArguments(text):
                    out.append(ArgumentsDelta(text))
                case _:
                    self._stop(out)

    def _say(self, text: str, out: list[Event]) -> None:
        if self._open is not BlockKind.TEXT:
            self._stop(out)
            self._open = BlockKind.TEXT
            out.append(BlockStart(BlockKind.TEXT))
        if text:
            out.append(TextDelta(text))

    def _stop(self, out: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            out.append(BlockStop())
