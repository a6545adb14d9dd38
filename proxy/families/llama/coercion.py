"""A value as the model wrote it -> the value its JSON Schema asks for.

Llama writes `{"n": "10"}` where the schema says integer, about as often as `{"n": 10}`. What the schema takes as it is
stays as it is; what it does not is changed only where nothing is lost: "007" for a string stays "007", and "seven" for an
integer stays "seven", for the client's own check to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from math import isfinite
from typing import Any

from proxy import jsonio
from proxy.families.llama.literals import number, read_literal
from proxy.families.llama.scanner import Mismatch

_MOST_BRANCHES = 32
_DEEPEST = 64
_LONGEST_NUMBER = 300
_WORDS: Mapping[str, bool] = {"true": True, "false": False}
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?", re.ASCII)
_KINDS: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


class Shape:
    """What a JSON Schema says of one place in a value. `kinds` are JSON Schema's type names; None means any."""

    __slots__ = ("_branches", "_root", "kinds")

    def __init__(self, schema: Any, root: Any = None) -> None:
        self._root = schema if root is None else root
        # A client's unions may multiply without end; what lies behind the first few is not looked at.
        self._branches = list(islice(_branches(schema, self._root, _MOST_BRANCHES), _MOST_BRANCHES))
        kinds = [_kinds(branch) for branch in self._branches]
        self.kinds: frozenset[str] | None = None
        if kinds and None not in kinds:
            self.kinds = frozenset(kind for some in kinds if some is not None for kind in some)

    def takes(self, *kinds: str) -> bool:
        return self.kinds is None or not self.kinds.isdisjoint(kinds)

    def property(self, name: str) -> Shape:
        for branch in self._branches:
            properties = branch.get("properties")
            if isinstance(properties, Mapping) and name in properties:
                return Shape(properties[name], self._root)
        for branch in self._branches:
            if isinstance(branch.get("additionalProperties"), Mapping):
                return Shape(branch["additionalProperties"], self._root)
        return ANYTHING

    def item(self) -> Shape:
        for branch in self._branches:
            if isinstance(branch.get("items"), Mapping):
                return Shape(branch["items"], self._root)
        return ANYTHING


def _branches(schema: Any, root: Any, hops: int) -> Iterable[Mapping[str, Any]]:
    """The alternatives of a schema, at least one; each may have its own `type`. An empty one says: anything goes."""
    schema = _followed(schema, root)
    if hops == 0:
        yield {}
        return
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list) and schema[word]:
            for one in schema[word]:
                yield from _branches(one, root, hops - 1)
            return
    if _kinds(schema) is None and isinstance(schema.get("allOf"), list):
        # All of them hold, so the first that names a type speaks for the others.
        for one in schema["allOf"][:_MOST_BRANCHES]:
            one = _followed(one, root)
            if _kinds(one) is not None or not one.keys().isdisjoint(("anyOf", "oneOf", "allOf")):
                yield from _branches(one, root, hops - 1)
                return
    yield schema


def _followed(schema: Any, root: Any) -> Mapping[str, Any]:
    """The schema, or the one that its `$ref` leads to: `#/$defs/Place`."""
    for _ in range(_MOST_BRANCHES):
        if not isinstance(schema, Mapping):
            return {}
        pointer = schema.get("$ref")
        if not isinstance(pointer, str):
            return schema
        if not pointer.startswith("#"):
            return {}
        schema = root
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            schema = schema.get(step) if isinstance(schema, Mapping) else None
    return {}


def _kinds(schema: Mapping[str, Any]) -> set[str] | None:
    kinds: set[str]
    match schema:
        case {"type": str(kind)}:
            kinds = {kind}
        case {"type": [*several]}:
            kinds = {kind for kind in several if isinstance(kind, str)}
        case {"enum": [*values]}:
            kinds = {_KINDS.get(type(value), "null") for value in values}
        case {"const": value}:
            kinds = {_KINDS.get(type(value), "null")}
        case {"properties": _}:
            kinds = {"object"}
        case {"items": _}:
            kinds = {"array"}
        case _:
            return None
    return kinds | {"null"} if schema.get("nullable") is True else kinds


ANYTHING = Shape({})


def coerce(value: Any, shape: Shape, depth: int = 0) -> Any:
    """The value for that place. What is nested deeper than any schema reaches is left as it is."""
    if depth > _DEEPEST:
        return value
    match value:
        case str():
            return value if shape.takes("string") else _from_text(value, shape, depth)
        case dict():
            return {key: coerce(inner, shape.property(key), depth + 1) for key, inner in value.items()}
        case list() | tuple() | set():
            item = shape.item()
            return [coerce(inner, item, depth + 1) for inner in value]
        case bool():
            return value
        case int() if not shape.takes("integer", "number") and shape.takes("string"):
            return str(value)
        case float() if not shape.takes("number") and shape.takes("integer") and value.is_integer():
            return int(value)
        case _:
            return value


def number_text(written: str, shape: Shape) -> str:
    """A JSON number -> the JSON text for that place, digit for digit: `1.10` for a string is `"1.10"`."""
    if shape.takes("number"):
        return written
    if shape.takes("integer"):
        return written.partition(".")[0] if _WHOLE.fullmatch(written) else written
    return jsonio.encode(written).decode() if shape.takes("string") else written


def _from_text(text: str, shape: Shape, depth: int) -> Any:
    bare = text.strip()
    if shape.takes("null") and bare in ("null", "None"):
        return None
    if shape.takes("boolean") and bare.lower() in _WORDS:
        return _WORDS[bare.lower()]
    if shape.takes("integer", "number") and (found := _from_digits(bare, shape)) is not None:
        return found
    if bare[:1] in ("[", "{") and shape.takes("array", "object"):
        found = _from_brackets(bare)
        if isinstance(found, list) and shape.takes("array"):
            return coerce(found, shape, depth)
        if isinstance(found, dict) and shape.takes("object"):
            return coerce(found, shape, depth)
    return text


def _from_digits(text: str, shape: Shape) -> int | float | None:
    if _WHOLE.fullmatch(text) and len(text) < _LONGEST_NUMBER and not ("." in text and shape.takes("number")):
        return int(text.partition(".")[0])
    written = number(text)
    if written is None or not shape.takes("number"):
        return None
    value = float(written)
    return value if isfinite(value) else None


def _from_brackets(text: str) -> Any:
    try:
        value = jsonio.decode(text)
    except jsonio.UNREADABLE:
        try:
            value = read_literal(text)
        except Mismatch:
            return None
    return None if is_deep(value) else value


def is_deep(value: Any) -> bool:
    """Nested deeper than the arguments of a call may be."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
