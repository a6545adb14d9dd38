"""Values as a model writes them, in JSON or in Python, and often in a mixture: `True` in JSON, `true` in Python.

Strings can be read while they are written; everything else once it is complete. Nothing is ever evaluated: composites
are taken apart here, and only what then consists of literals goes to `ast.literal_eval`.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from proxy.families.llama.scanner import Choice, Mismatch, Scanner, Step


@dataclass(frozen=True, slots=True)
class Dialect:
    escape: re.Pattern[str]
    unfinished_escape: re.Pattern[str]
    named: Mapping[str, str]
    """What a backslash and one character mean. Any other backslash is itself: models write regexes and paths bare."""


_SURROGATES = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_UNFINISHED_U = r"u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?"
JSON = Dialect(
    re.compile(rf"{_SURROGATES}|\\u[0-9a-fA-F]{{4}}|\\['\"\\/bfnrt]"),
    re.compile(rf"(?:\\(?:{_UNFINISHED_U})?)?"),
    {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", '"': '"', "'": "'", "\\": "\\"},
)
PYTHON = Dialect(
    re.compile(
        rf"{_SURROGATES}|\\u[0-9a-fA-F]{{4}}|\\U00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{{4}}|\\x[0-9a-fA-F]{{2}}"
        r"|\\(?:[0-3][0-7]{2}|[0-7]{1,2})|\\(?:\r\n|['\"\\abfnrtv\n\r])"
    ),
    re.compile(rf"(?:\\(?:{_UNFINISHED_U}|U[0-9a-fA-F]{{0,7}}|x[0-9a-fA-F]?|[0-3]?[0-7]?|\r)?)?"),
    {
        "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "'": "'", "\\": "\\",
        "\n": "", "\r": "", "\r\n": "",
    },
)  # fmt: skip
_LONGEST_ESCAPE = 12
_DEEPEST = 64
_PLAIN = {"'": re.compile(r"[^'\\]*"), '"': re.compile(r'[^"\\]*')}
_OPEN_QUOTES = re.compile("['\"]{0,2}")
_OPEN_PAIR = re.compile(r"\\?")
_BLANK = re.compile(r"\s*")
_BARE = re.compile(r"[0-9A-Za-z_.+-]*")
_STARTS_A_NUMBER = re.compile(r"[+-]?\.?[0-9]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NO_ZERO_BEFORE = re.compile(r"^(-?)\.(?=[0-9])")
_NO_DIGIT_BEHIND = re.compile(r"(?<=[0-9])\.(?=$|[eE])")
_WORDS: Mapping[str, bool | None] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_WORD = Choice(_WORDS)
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


def string(
    scanner: Scanner,
    dialect: Dialect,
    say: Callable[[str], None],
    *,
    is_raw: bool = False,
    is_itself: Callable[[str], bool] | None = None,
) -> Step[None]:
    """Reads a string at its opening quote and says what it holds, piece by piece. `Mismatch` if it is cut off.

    `is_itself`: of a text inside the string, that it need not be said, but can be taken past this reader (`Scanner.wait_in`).
    """
    quote = scanner.take(1)
    end = quote
    if dialect is PYTHON and (yield from scanner.peek()) == quote:
        scanner.take(1)
        if (yield from scanner.peek()) != quote:
            return
        scanner.take(1)
        end = quote * 3
    while True:
        plain = scanner.take_match(_PLAIN[quote])
        if plain:
            say(plain)
        char = yield from scanner.wait_in(is_itself)
        if char == quote:
            # In a long string, one quote or two are its own.
            if len(end) == 1 or (yield from scanner.ahead(3, _OPEN_QUOTES)) == end:
                scanner.take(len(end))
                return
            say(scanner.take(1))
        elif char == "\\":
            meant = (yield from _raw_pair(scanner)) if is_raw else (yield from _escape(scanner, dialect))
            if meant:
                say(meant)
        elif not char:
            raise Mismatch


def _raw_pair(scanner: Scanner) -> Step[str]:
    return scanner.take(len((yield from scanner.ahead(2, _OPEN_PAIR))))


def _escape(scanner: Scanner, dialect: Dialect) -> Step[str]:
    found = dialect.escape.match((yield from scanner.ahead(_LONGEST_ESCAPE, dialect.unfinished_escape)))
    if found is None:
        return scanner.take(1)
    escape = scanner.take(found.end())[1:]
    if escape in dialect.named:
        return dialect.named[escape]
    if len(escape) == len(r"uD83D\uDE00"):
        return chr(0x10000 + ((int(escape[1:5], 16) & 0x3FF) << 10) + (int(escape[7:], 16) & 0x3FF))
    code = int(escape[1:], 16) if escape[0] in "uUx" else int(escape, 8)
    return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code < 0xE000 else chr(code)


def bare(scanner: Scanner) -> Step[str]:
    """A number as it was written, or what begins like one: `007`, `2024-01-31`. See `number`."""
    written = yield from scanner.run(_BARE)
    if not _STARTS_A_NUMBER.match(written):
        raise Mismatch
    return written


def number(written: str) -> str | None:
    """The JSON text of a number in JSON's or Python's spelling. None for what is none, `007` and `1e999` among it."""
    if not _NUMBER.fullmatch(written):
        written = _NO_ZERO_BEFORE.sub(r"\g<1>0.", written.removeprefix("+").replace("_", ""))
        written = _NO_DIGIT_BEHIND.sub("", written)
        if not _NUMBER.fullmatch(written):
            return None
    return written if isfinite(float(written)) else None


def word(scanner: Scanner) -> Step[bool | None]:
    """`true`, `False`, `null`, `None` …"""
    written = yield from scanner.one_of(_WORD)
    following = yield from scanner.peek()
    if written is None or following.isalnum() or following == "_":
        raise Mismatch
    return _WORDS[written]


def value(scanner: Scanner, dialect: Dialect) -> Step[Any]:
    """A whole value of any kind, as plain JSON data."""
    char = yield from scanner.skip_space()
    if char in _CLOSERS:
        return (yield from composite(scanner, dialect))
    return (yield from _scalar(scanner, dialect, char))


def composite(scanner: Scanner, dialect: Dialect) -> Step[Any]:
    """A list, tuple or dictionary, from its opening bracket. What is in parentheses alone may be a string or number."""
    source: list[str] = []
    closers: list[str] = []
    while True:
        char = yield from scanner.skip_space()
        if char in _CLOSERS:
            closers.append(_CLOSERS[char])
            source.append(scanner.take(1))
            if len(closers) > _DEEPEST:
                raise Mismatch
        elif char == closers[-1]:
            closers.pop()
            source.append(scanner.take(1))
            if not closers:
                break
        elif char in (",", ":"):
            source.append(scanner.take(1))
        else:
            source += (repr((yield from _scalar(scanner, dialect, char))), " ")
    try:
        return _plain(literal_eval("".join(source)))
    except (ValueError, SyntaxError, TypeError):
        raise Mismatch from None


def read_literal(text: str) -> Any:
    """A complete text in Python's spelling -> plain JSON data, or `Mismatch`."""
    scanner = Scanner(text, is_closed=True)
    try:
        next(value(scanner, PYTHON))
    except StopIteration as end:
        scanner.take_match(_BLANK)
        if scanner.is_empty:
            return end.value
    raise Mismatch


def _scalar(scanner: Scanner, dialect: Dialect, char: str) -> Step[str | int | float | bool | None]:
    if char and char in _PLAIN:
        parts: list[str] = []
        yield from string(scanner, dialect, parts.append)
        return "".join(parts)
    if char.isalpha():
        return (yield from word(scanner))
    written = yield from bare(scanner)
    text = number(written)
    if text is None:
        return written
    return int(text) if text.removeprefix("-").isdigit() else float(text)


def _plain(value: Any) -> Any:
    """Tuples as lists, numbers as keys in JSON's way. A set has no order that could be kept."""
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, set):
        raise Mismatch
    return value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise Mismatch
