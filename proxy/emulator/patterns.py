"""A text that a regular expression matches, for the expressions that schemas have.

Sources: what pydantic 2 and zod 4 write for their own types, and ECMA-262's grammar of patterns, of which the rest is left
to luck: what is written is tried, and so are a few texts that people often ask for.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ValidationError

FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "base64": "dGV4dA==",
}
_TRIES = ("text", "a", "A", "1", "AB", "a1", "ABC-123", "12:00", "+4912345678", "1.0.0", "en-US", *FORMATS.values())
_LONGER = (0, 1, 2, 5, 10, 20, 50, 100)
"""Turns that what may be repeated takes beyond the fewest."""
_MOST_TURNS = 200
_LONGEST = 10_000
_LONGEST_READ = 2_000
_QUANTIFIER = re.compile(r"([*+?]|\{(\d{1,4})(,(\d{0,4}))?\})[?+]?")
_OPENING = re.compile(r"\((\?(:|[=!]|<[=!]|P?<\w+>))?")
_CLASS = re.compile(r"\[\^?\]?(\\.|[^\]\\])*\]", re.DOTALL)
_NAMED = re.compile(r"\{(?:\w+=)?(\w+)\}")
_ESCAPES = {"d": "1", "D": "a", "w": "a", "W": "-", "s": " ", "S": "a", "b": "", "B": "", "n": "\n", "t": "\t",}  # fmt: skip


def text_of(pattern: str, text: str, least: int, most: Any, nth: int) -> str:
    """`text` when it matches, else one that does and has between `least` and `most` characters, else `text` all the same.
    `nth`: of texts that must differ."""
    schema: dict[str, Any] = {"pattern": pattern, "minLength": least}
    if isinstance(most, int):
        schema["maxLength"] = most
    if len(pattern) > _LONGEST_READ:
        return text
    try:
        judge = Draft202012Validator(schema, pattern_options=FancyRegexOptions(10_000, 1_000_000))
    except (ValidationError, ValueError):
        return text
    written = (_Writer(pattern, longer).alternatives(0) for longer in _LONGER)
    found: dict[str, None] = {}
    for one in chain([text], _TRIES, written):
        if len(found) <= nth and judge.is_valid(one):
            found[one] = None
    return [*found, text][min(nth, max(len(found) - 1, 0))]


class _Writer:
    """Reads a pattern and writes what its first alternatives say; what follows an unclosed bracket is not read."""

    def __init__(self, pattern: str, longer: int) -> None:
        self._pattern = pattern
        self._longer = longer
        self._at = 0

    def alternatives(self, level: int) -> str:
        first = self._sequence(level)
        while self._next() == "|":
            self._at += 1
            self._sequence(level)
        return first

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        found = expression.match(self._pattern, self._at)
        self._at = found.end() if found else self._at
        return found

    def _sequence(self, level: int) -> str:
        out = ""
        while self._next() not in ("", "|", ")"):
            one = self._one(level)
            out = (out + one * self._turns())[:_LONGEST]
        return out

    def _turns(self) -> int:
        found = self._take(_QUANTIFIER)
        if found is None:
            return 1
        sign, fewest, has_most, most = found.groups()
        if sign == "?":
            return 0
        turns = int(fewest) if fewest else int(sign == "+")
        bound = int(most) if most else turns if fewest and not has_most else _MOST_TURNS
        return min(turns + self._longer, max(bound, turns), _LONGEST)

    def _one(self, level: int) -> str:
        opening = self._take(_OPENING) if level < 50 else None
        if opening is not None:
            inner = self.alternatives(level + 1)
            self._at += 1
            return "" if opening[1] in ("?=", "?!", "?<=", "?<!") else inner
        letters = self._take(_CLASS)
        if letters is not None:
            return _letter(letters[0])
        self._at += 1
        here = self._pattern[self._at - 1]
        if here == "\\":
            self._at += 1
            escaped = self._pattern[self._at - 1 : self._at]
            named = self._take(_NAMED) if escaped == "p" else None
            if named is not None:
                return {"Lu": "A", "N": "1", "Nd": "1", "P": "-", "Z": " ", "Zs": " "}.get(named[1], "a")
            return _ESCAPES.get(escaped, escaped)
        return "" if here in "^$" else "a" if here == "." else here


def _letter(letters: str) -> str:
    """One of a class such as `[^a-z_]`."""
    try:
        among = re.compile(letters)
    except re.error:
        return "a"
    return next((one for one in "aA1-_. /" + letters if among.fullmatch(one)), "a")
