"""A value as the model wrote it -> the value its JSON Schema asks for.

Llama writes `{"n": "10"}` where the schema says integer, about as often as `{"n": 10}`. What the schema takes as it is
stays as it is; what it does not is changed only where nothing is lost: "007" for a string stays "007", and "seven" for an
integer stays "seven", for the client's own check to find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, TypeAlias

from proxy import jsonio
from proxy.families.llama.literals import number, read_literal
from proxy.families.llama.scanner import Mismatch
from proxy.schemas.document import trail
from proxy.schemas.keywords import Schema
from proxy.schemas.kinds import ALL, own_kinds

_MOST_STEPS = 200
"""Of taking one place's unions apart. A schema made for it could take for ever."""
_LONGEST_REFERENCE = 1_000
_DEEPEST = 64
_LONGEST_NUMBER = 300
_WORDS: Mapping[str, bool] = {"true": True, "false": False}
_NOTHING = ("null", "none")
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?", re.ASCII)
_COMPOSED = ("$ref", "allOf", "anyOf", "oneOf")

Alternative: TypeAlias = list[Schema]
"""Schemas that all hold at once, without unions, references and `allOf`: those are taken apart."""


class Shape:
    """What a JSON Schema says of one place in a value: a union of everything that may be meant."""

    __slots__ = ("_alternatives", "_inner", "_root", "_strict_kinds", "is_guessed", "kinds")

    def __init__(self, schema: Any, root: Any = None) -> None:
        self._root = schema if root is None else root
        self._inner: dict[str | int | None, Shape] = {}
        alternatives = _taken_apart(schema, self._root)
        self._alternatives = [] if alternatives is None else alternatives
        self._strict_kinds = [_strict_kinds(one) for one in self._alternatives]
        kinds = [_kinds(one, strict) for one, strict in zip(self._alternatives, self._strict_kinds, strict=True)]
        self.kinds = ALL if alternatives is None else frozenset[str]().union(*kinds)
        """JSON Schema's names of types. `number` never comes without `integer`."""
        self.is_guessed = kinds != self._strict_kinds
        """More is taken than `kinds` say: a text may be the value, or hold it."""

    def takes(self, *kinds: str) -> bool:
        return not self.kinds.isdisjoint(kinds)

    def property(self, name: str) -> Shape:
        is_listed = any(name in _mapping(part, "properties") for one in self._alternatives for part in one)
        key = name if is_listed else None
        if key not in self._inner:
            self._inner[key] = self._union([_of_property(one, name) for one in self._meant("object")])
        return self._inner[key]

    def item(self, index: int) -> Shape:
        first = max((len(_firsts(part)) for one in self._alternatives for part in one), default=0)
        key = min(index, first)
        if key not in self._inner:
            self._inner[key] = self._union([_of_item(one, key) for one in self._meant("array")])
        return self._inner[key]

    def _meant(self, kind: str) -> list[Alternative]:
        return [one for one, kinds in zip(self._alternatives, self._strict_kinds, strict=True) if kind in kinds]

    def _union(self, schemas: list[Any]) -> Shape:
        if len(schemas) == 1:
            return Shape(schemas[0], self._root)
        return Shape({"anyOf": schemas} if schemas else True, self._root)


def _taken_apart(schema: Any, root: Any) -> list[Alternative] | None:
    """Every way to conform to the schema; None where there are too many to look at."""
    if isinstance(schema, dict) and schema.keys().isdisjoint(_COMPOSED):
        return [[schema]]
    out: list[Alternative] = []
    rest: list[tuple[Alternative, list[Any]]] = [([], [schema])]
    for left in range(_MOST_STEPS, 0, -1):
        if not rest:
            return out
        done, todo = rest.pop()
        # Each takes a step at least, and lists of them are not to be copied for nothing.
        if len(rest) + len(todo) > left:
            return None
        if not todo:
            out.append(done)
            continue
        node, *todo = todo
        if node is False:
            continue
        unions: list[list[Any]] = []
        if isinstance(node, dict):
            done = [*done, node]
            todo = [*_listed(node, "allOf"), *todo]
            if isinstance(node.get("$ref"), str):
                todo.append(_resolved(node["$ref"], root))
            unions = [union for union in (_listed(node, "anyOf"), _listed(node, "oneOf")) if union]
        if unions:
            if len(unions[0]) + len(todo) > left:
                return None
            others = [{"anyOf": union} for union in unions[1:]]
            rest += [(done, [branch, *others, *todo]) for branch in unions[0]]
        else:
            rest.append((done, todo))
    return None


def _resolved(reference: str, root: Any) -> Any:
    """What the reference leads to, or True, which says nothing."""
    if not reference.startswith("#") or reference[1:2] not in ("", "/") or len(reference) > _LONGEST_REFERENCE:
        return True
    found = root
    for _, step in trail(root, reference[1:]):
        found = step
    return found if isinstance(found, dict | bool) else True


def _strict_kinds(alternative: Alternative) -> frozenset[str]:
    kinds = ALL
    for part in alternative:
        own = own_kinds(part) & ALL or ALL
        kinds &= own | {"null"} if part.get("nullable") is True else own
    return kinds


def _kinds(alternative: Alternative, kinds: frozenset[str]) -> frozenset[str]:
    """What names properties or items and no type means objects or arrays, though strictly it takes all else as well."""
    if kinds == ALL:
        for part in alternative:
            if "properties" in part or "items" in part:
                kinds &= {"object" if "properties" in part else "array"}
    return kinds


def _of_property(alternative: Alternative, name: str) -> Any:
    schemas: list[Any] = []
    for part in alternative:
        if name in _mapping(part, "properties"):
            schemas.append(part["properties"][name])
        elif not _mapping(part, "patternProperties"):
            schemas.append(part.get("additionalProperties", True))
    return schemas[0] if len(schemas) == 1 else {"allOf": schemas}


def _of_item(alternative: Alternative, index: int) -> Any:
    schemas: list[Any] = []
    for part in alternative:
        firsts = _firsts(part)
        rest = part.get("additionalItems" if isinstance(part.get("items"), list) else "items", True)
        schemas.append(firsts[index] if index < len(firsts) else rest)
    return schemas[0] if len(schemas) == 1 else {"allOf": schemas}


def _firsts(part: Schema) -> list[Any]:
    """What the schema says of single places of an array, in both of its spellings."""
    return _listed(part, "items") or _listed(part, "prefixItems")


def _listed(node: Schema, keyword: str) -> list[Any]:
    value = node.get(keyword)
    return value if isinstance(value, list) else []


def _mapping(node: Schema, keyword: str) -> Schema:
    value = node.get(keyword)
    return value if isinstance(value, dict) else {}


def coerce(value: Any, shape: Shape, depth: int = 0) -> Any:
    """The value for that place. What is nested deeper than any schema reaches is left as it is."""
    if depth > _DEEPEST:
        return value
    match value:
        case str():
            return value if shape.takes("string") else _from_text(value, shape, depth)
        case dict():
            return {key: coerce(inner, shape.property(key), depth + 1) for key, inner in value.items()}
        case list():
            return [coerce(inner, shape.item(index), depth + 1) for index, inner in enumerate(value)]
        case bool():
            return value
        case int() if not shape.takes("integer", "number") and shape.takes("string") and not shape.is_guessed:
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
    return jsonio.encode(written).decode() if shape.takes("string") and not shape.is_guessed else written


def _from_text(text: str, shape: Shape, depth: int) -> Any:
    bare = text.strip()
    if not shape.is_guessed:
        if shape.takes("null") and bare.lower() in _NOTHING:
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
