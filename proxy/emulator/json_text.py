"""JSON that stands between words: definitions of functions and schemas inside a prompt."""

from __future__ import annotations

import re
from typing import Any

from proxy import jsonio

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[\[\]{}]')
_BETWEEN = " \n\t\r,;"


def read_values(text: str, at: int = 0) -> tuple[list[Any], int]:
    """The objects and arrays that stand one after the other from there on, and where they end."""
    values: list[Any] = []
    while True:
        start = len(text) - len(text[at:].lstrip(_BETWEEN))
        end = _end_of_value(text, start)
        if end is None:
            return values, at
        try:
            values.append(jsonio.decode(text[start:end].encode("utf-8", "replace")))
        except jsonio.UNREADABLE:
            return values, at
        at = end


def _end_of_value(text: str, start: int) -> int | None:
    """Where the object or array that begins there is closed."""
    if text[start : start + 1] not in ("{", "["):
        return None
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] in ("{", "["):
            depth += 1
        elif token[0] in ("}", "]"):
            depth -= 1
            if not depth:
                return token.end()
    return None
