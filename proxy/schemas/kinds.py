"""Of what JSON type is a value, and of what types can a value be that a schema accepts?"""

from __future__ import annotations

from typing import Any

from proxy.schemas.keywords import Schema, weight
from proxy.schemas.place import Place
from proxy.schemas.references import name_of

ALL = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_NONE: frozenset[str] = frozenset()
_OF_TYPE = {name: frozenset({name}) for name in ALL} | {"number": frozenset({"number", "integer"})}
MOST_STEPS = 100
"""Schemas that are looked into for one answer."""


def kind_of(value: Any) -> str:
    """`integer` for whole numbers however written, which is how draft 6 and later have it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def a_kind(kind: str) -> str:
    """`an array`, `a string`, `null`."""
    return kind if kind == "null" else f"{'an' if kind[0] in 'aio' else 'a'} {kind}"


def kinds(schema: Any, defs: Schema, place: Place) -> frozenset[str]:
    """The types that a value can have; too many rather than too few. `number` never comes without `integer`. The schema is a
    written one, and its place pays."""
    return _kinds(schema, defs, place, [MOST_STEPS])


def _kinds(schema: Any, defs: Schema, place: Place, left: list[int]) -> frozenset[str]:
    left[0] -= 1
    if left[0] < 0 or not isinstance(schema, dict):
        return frozenset() if schema is False else ALL
    place.spend(weight(schema))
    out = own_kinds(schema)
    if "$ref" in schema:
        out &= _kinds(defs[name_of(schema["$ref"])], defs, place, left)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            out &= _NONE.union(*[_kinds(branch, defs, place, left) for branch in schema[keyword]])
    for part in schema.get("allOf", ()):
        out &= _kinds(part, defs, place, left)
    return frozenset() if schema.get("not") == {} else out


def own_kinds(schema: Schema) -> frozenset[str]:
    """By `type`, `enum` and `const` alone."""
    names = schema.get("type")
    out = (_NONE.union(*map(_of_type, names)) if isinstance(names, list) else _of_type(names)) or ALL
    if isinstance(schema.get("enum"), list):
        out &= {kind_of(literal) for literal in schema["enum"]}
    if "const" in schema:
        out &= {kind_of(schema["const"])}
    return out


def _of_type(name: Any) -> frozenset[str]:
    if not isinstance(name, str):
        return _NONE
    return _OF_TYPE.get(name) or frozenset({name})
