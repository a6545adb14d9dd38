"""The arguments of a call as the model writes them -> the JSON text of one object, while they are written.

    {"city": "Paris", "days": "3"}          a JSON object
    city='Paris', days=3)                   Python's keyword arguments, up to the closing parenthesis

both become `{"city":"Paris","days":3}` where the schema says that days are an integer. Strings are passed on as they come,
objects and lists of JSON element by element; what has to be converted is passed on once it is complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from proxy import jsonio
from proxy.families.llama import literals
from proxy.families.llama.coercion import Shape, coerce, number_text
from proxy.families.llama.literals import JSON, PYTHON, Dialect
from proxy.families.llama.scanner import Choice, Mismatch, Scanner, Step

_DEEPEST = 64
_QUOTES = ("'", '"')
KEYWORD = re.compile(r"[\w$.-]*")
_RAW_STRING = Choice(("r'", 'r"', "R'", 'R"'))
_UNPACKED = Choice(("**",))


def _is_itself(text: str) -> bool:
    """Read from a string of any dialect, it is written in one of JSON as it is."""
    return text.isprintable() and '"' not in text and "'" not in text and "\\" not in text


class ArgumentsReader:
    """Reads from the scanner, says fragments of JSON.

    The first fragment is said when a first argument has begun as one can begin; before that, a `Mismatch` means that this
    is no call. Later it means that the call is broken or cut off.
    """

    __slots__ = ("_say", "_scanner")

    def __init__(self, scanner: Scanner, say: Callable[[str], None]) -> None:
        self._scanner = scanner
        self._say = say

    def untold(self) -> str:
        """What was taken of a call that turned out to be broken and is in no fragment, as it was written."""
        return self._scanner.release()

    def _tell(self, fragment: str) -> None:
        """Everything up to here is in what was said."""
        self._say(fragment)
        self._scanner.hold()

    def json_object(self, shape: Shape) -> Step[None]:
        """From `{` to its `}`."""
        yield from self._object("", shape, 1)

    def keywords(self, shape: Shape) -> Step[None]:
        """What stands between `name(` and `)`, and the `)`."""
        scanner, lead = self._scanner, "{"
        while (char := (yield from scanner.skip_space())) != ")":
            if char == "*":
                lead = yield from self._unpacked(lead, shape)
            else:
                name = yield from scanner.run(KEYWORD)
                if not name or (yield from scanner.skip_space()) != "=":
                    raise Mismatch
                scanner.take(1)
                yield from self._python_value(f"{lead}{_encode(name)}:", shape.property(name))
                lead = ","
            if (yield from self._is_last(")")):
                break
        scanner.take(1)
        self._tell("{}" if lead == "{" else "}")

    def _object(self, lead: str, shape: Shape, depth: int) -> Step[None]:
        scanner = self._scanner
        scanner.take(1)
        before, lead = lead, f"{lead}{{"
        is_empty = True
        while (char := (yield from scanner.skip_space())) != "}":
            if char not in _QUOTES:
                raise Mismatch
            name = yield from self._whole_string(JSON)
            if (yield from scanner.skip_space()) != ":":
                raise Mismatch
            scanner.take(1)
            yield from self._json_value(f"{lead}{_encode(name)}:", shape.property(name), depth)
            lead, is_empty = ",", False
            if (yield from self._is_last("}")):
                break
        scanner.take(1)
        self._tell(f"{before}{{}}" if is_empty else "}")

    def _array(self, lead: str, shape: Shape, depth: int) -> Step[None]:
        scanner = self._scanner
        scanner.take(1)
        before, lead = lead, f"{lead}["
        size = 0
        while (yield from scanner.skip_space()) != "]":
            yield from self._json_value(lead, shape.item(size), depth)
            lead, size = ",", size + 1
            if (yield from self._is_last("]")):
                break
        scanner.take(1)
        self._tell("]" if size else f"{before}[]")

    def _is_last(self, closer: str) -> Step[bool]:
        """Behind a value: a comma, which may also stand behind the last one, or the closer."""
        char = yield from self._scanner.skip_space()
        if char == ",":
            self._scanner.take(1)
        elif char != closer:
            raise Mismatch
        return char == closer

    def _json_value(self, lead: str, shape: Shape, depth: int) -> Step[None]:
        char = yield from self._scanner.skip_space()
        if char in _QUOTES:
            yield from self._string(lead, shape, JSON)
        elif char in ("{", "["):
            if depth == _DEEPEST:
                raise Mismatch
            yield from (self._object if char == "{" else self._array)(lead, shape, depth + 1)
        else:
            yield from self._scalar(lead, shape, char)

    def _python_value(self, lead: str, shape: Shape) -> Step[None]:
        char = yield from self._scanner.skip_space()
        if char in _QUOTES or (yield from self._scanner.see(_RAW_STRING)):
            yield from self._string(lead, shape, PYTHON)
        elif char in ("[", "(", "{"):
            self._tell(lead)
            self._tell(_encode(coerce((yield from literals.composite(self._scanner, PYTHON)), shape)))
        else:
            yield from self._scalar(lead, shape, char)

    def _scalar(self, lead: str, shape: Shape, char: str) -> Step[None]:
        if char.isalpha():
            self._tell(lead + _encode((yield from literals.word(self._scanner))))
            return
        written = yield from literals.bare(self._scanner)
        number = literals.number(written)
        self._tell(lead + (_encode(coerce(written, shape)) if number is None else number_text(number, shape)))

    def _string(self, lead: str, shape: Shape, dialect: Dialect) -> Step[None]:
        if shape.takes("string"):
            self._tell(f'{lead}"')
            # Its quotes are told already, and all else is as soon as it is read.
            self._scanner.forget()
            yield from self._text(dialect, lambda piece: self._say(_encode(piece)[1:-1]), is_itself=_is_itself)
            self._tell('"')
        else:
            self._tell(lead)
            self._tell(_encode(coerce((yield from self._whole_string(dialect)), shape)))

    def _whole_string(self, dialect: Dialect) -> Step[str]:
        parts: list[str] = []
        yield from self._text(dialect, parts.append)
        return "".join(parts)

    def _text(
        self, dialect: Dialect, say: Callable[[str], None], is_itself: Callable[[str], bool] | None = None
    ) -> Step[None]:
        scanner = self._scanner
        while True:
            is_raw = (yield from scanner.peek()) not in _QUOTES
            if is_raw:
                scanner.take(1)
            yield from literals.string(scanner, dialect, say, is_raw=is_raw, is_itself=is_itself)
            # In Python, strings side by side are one.
            if dialect is not PYTHON or (yield from scanner.skip_space()) not in _QUOTES:
                return

    def _unpacked(self, lead: str, shape: Shape) -> Step[str]:
        """`**{"any name": …}`: how Python writes a name that is no identifier."""
        if (yield from self._scanner.one_of(_UNPACKED)) is None:
            raise Mismatch
        if (yield from self._scanner.skip_space()) != "{":
            raise Mismatch
        for name, inner in (yield from literals.composite(self._scanner, PYTHON)).items():
            self._tell(f"{lead}{_encode(name)}:{_encode(coerce(inner, shape.property(name)))}")
            lead = ","
        return lead


def _encode(value: Any) -> str:
    return jsonio.encode(value).decode()
