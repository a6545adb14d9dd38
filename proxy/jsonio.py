"""The one JSON codec.

Strict both ways: no NaN or Infinity, no lone surrogates, no duplicate keys in a client's body. Untyped decoding keeps
every key, known or not.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import reduce
from typing import Any

import msgspec

encode = msgspec.json.Encoder().encode
"""Any plain value -> compact UTF-8 bytes."""

decode = msgspec.json.Decoder().decode
"""JSON text -> plain value. Raises what stands in `UNREADABLE`; for a client's text there is `decode_strictly`."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder, typed or not, raises for text that is not JSON or not of the wanted shape."""

_LARGE = 100_000
"""Bytes: below, the collector has no time to be in the way."""
_HEADROOM = 100
"""Levels of nesting kept free for what is built around a client's values, and for calls that are deeper than this one."""
_LONGEST_PATH = 200


class BadJSON(ValueError):
    """A client's body that is not JSON, or not JSON with one meaning. `path` names the place where it is known."""

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


def decode_strictly(text: bytes) -> Any:
    """A client's JSON text -> plain value, or `BadJSON`: malformed, nested too deep, a key twice, a NUL in a string."""
    try:
        with _without_collector() if len(text) > _LARGE else nullcontext():
            value = decode(text)
            written = encode(reduce(lambda inner, _: [inner], range(_HEADROOM), value))
    except RecursionError:
        raise BadJSON("it is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadJSON(str(error)) from None
    # Decoding keeps the last of two equal keys. Written again, such a document has fewer strings.
    if _count_strings(text) != _count_strings(written):
        path = _find_duplicate(text)
        raise BadJSON(f"the key '{path}' stands in one object twice", path)
    if rb"\u0000" in text and (nul := _find_nul(value)) is not None:
        raise BadJSON("a string holds a NUL character", nul or None)
    return value


@contextmanager
def _without_collector() -> Iterator[None]:
    """It would look again and again through a million containers that are all in use: two thirds of the time they take."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


def _count_strings(text: bytes) -> int:
    # What is left once the escaped backslashes are gone is a quote's own backslash, or stands before another character.
    return (text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text).count(b'"') // 2


class _Pairs(list[tuple[str, Any]]):
    """An object with all of its keys."""


def _find_duplicate(text: bytes) -> str:
    import json  # noqa: TID251  the only reader that shows every pair of an object; used on the way to a refusal alone

    rest: list[tuple[str, Any]] = [("", json.loads(text, object_pairs_hook=_Pairs))]
    while True:
        path, value = rest.pop()
        if isinstance(value, _Pairs):
            seen: set[str] = set()
            for key, _ in value:
                if key in seen:
                    return _inside(path, key)
                seen.add(key)
            rest += [(_inside(path, key), item) for key, item in reversed(value)]
        elif isinstance(value, list):
            rest += [(f"{path}[{index}]", item) for index, item in reversed([*enumerate(value)])]


def _find_nul(value: Any) -> str | None:
    rest: list[tuple[str, Any]] = [("", value)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, str) and "\0" in value:
            return path
        if isinstance(value, dict):
            for key in value:
                if "\0" in key:
                    return _inside(path, key.replace("\0", "\N{SYMBOL FOR NULL}"))
            rest += [(_inside(path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            rest += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return None


def _inside(path: str, key: str) -> str:
    """Cut in length: a client that sends a key of a megabyte need not get it back."""
    return (f"{path}.{key}" if path else key)[:_LONGEST_PATH]
