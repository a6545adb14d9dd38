"""The one JSON codec.

Strict both ways: no NaN or Infinity, no lone surrogates, no duplicate keys in a client's body. Untyped decoding keeps
every key, known or not.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

encode = msgspec.json.Encoder().encode
"""Any plain value -> compact UTF-8 bytes."""

decode = msgspec.json.Decoder().decode
"""JSON text -> plain value. Raises `msgspec.DecodeError`, `RecursionError` or `UnicodeDecodeError`; see `decode_strictly`."""

_ESCAPED = re.compile(rb"\\.", re.DOTALL)


class BadJSON(ValueError):
    """A client's body that is not JSON, or not JSON with one meaning. `path` names the place where it is known."""

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


def decode_strictly(text: bytes) -> Any:
    """A client's JSON text -> plain value, or `BadJSON`: malformed, nested too deep, a key twice, a NUL in a string."""
    try:
        value = decode(text)
    except RecursionError:
        raise BadJSON("it is nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadJSON(str(error)) from None
    # Decoding keeps the last of two equal keys. Written again, such a document has fewer strings.
    if _count_strings(text) != _count_strings(encode(value)):
        path = _find_duplicate(text)
        raise BadJSON(f"the key {path!r} stands in one object twice", path)
    if rb"\u0000" in text:
        for path, string in _strings(value, ""):
            if "\0" in string:
                raise BadJSON("a string holds a NUL character", path)
    return value


def _count_strings(text: bytes) -> int:
    return (_ESCAPED.sub(b"", text) if b"\\" in text else text).count(b'"') // 2


def _find_duplicate(text: bytes) -> str | None:
    import json  # noqa: TID251  the only reader that shows every pair of an object; used on the way to a refusal alone

    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                found.append(key)
            seen.add(key)
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return found[0] if found else None


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path or key, key
            yield from _strings(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}[{index}]")
