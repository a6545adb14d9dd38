"""A value that satisfies a JSON schema: the first choice, all properties, no surprises.

Known: $ref within the document, const, enum, anyOf, oneOf, allOf, type, properties, required, items, prefixItems,
minItems, minLength, maxLength, pattern (of the usual kinds), format, minimum, maximum, their exclusive kin and
multipleOf. Where a schema leads back into itself, only what is required is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil, floor
from typing import Any

MAX_TURNS = 3
"""How often a schema is followed into itself; what it requires beyond that cannot be satisfied."""

_FORMATS = {
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
}
_TRIES = (
    "text", "a", "A", "1", "12", "123", "1234", "12345", "AB", "ABC", "abc", "A1", "a1", "AB12", "ABC-123", "a-b", "a_b",
    "2026-01-31", "12:00", "+4912345678", "#a1b2c3", "1.0", "1.0.0", "en-US", "US", "EUR", *_FORMATS.values(),
)  # fmt: skip
_KINDS = {"dict": "object", "list": "array", "tuple": "array", "str": "string", "int": "integer", "float": "number",
          "bool": "boolean"}  # fmt: skip
"""Python's names of types, which tools of Llama have."""


def sample(schema: Any, name: str = "") -> Any:
    """`name` is what a string with nothing to say holds: the property's."""
    return _sample(schema, name, schema, ())


def _sample(schema: Any, name: str, root: Any, inside: tuple[str, ...]) -> Any:
    """`inside`: the references that have led here."""
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        if inside.count(schema["$ref"]) >= MAX_TURNS:
            return {}
        inside = (*inside, schema["$ref"])
        schema = _resolve(schema, root)
    if not isinstance(schema, dict):
        return name
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if isinstance(schema.get(several), list) and schema[several]:
            rest = {key: value for key, value in schema.items() if key != several}
            choice = _pick(schema[several], inside)
            return _sample(_merge([rest, choice], root) if rest else choice, name, root, inside)
    if isinstance(schema.get("allOf"), list) and schema["allOf"]:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return _sample(_merge([rest, *schema["allOf"]], root), name, root, inside)
    match _kind(schema):
        case "object":
            return _object(schema, root, inside)
        case "array":
            return _array(schema, name, root, inside)
        case "integer" | "number" as kind:
            return _number(schema, is_whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
    return _string(schema, name)


def _resolve(schema: Mapping[str, Any], root: Any) -> Any:
    target = root
    for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if step:
            target = target.get(step, {}) if isinstance(target, dict) else {}
    return target


def _is_back(inside: tuple[str, ...]) -> bool:
    """Has a schema led back into itself?"""
    return len(set(inside)) < len(inside)


def _merge(schemas: list[Any], root: Any) -> dict[str, Any]:
    """One schema for several that hold together."""
    merged: dict[str, Any] = {}
    for schema in schemas:
        if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
            schema = _resolve(schema, root)
        for key, value in schema.items() if isinstance(schema, dict) else ():
            before = merged.get(key)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[key] = {**before, **value}
            elif key == "required" and isinstance(before, list) and isinstance(value, list):
                merged[key] = [*before, *value]
            else:
                merged[key] = value
    return merged


def _pick(several: list[Any], inside: tuple[str, ...]) -> Any:
    """The first; within itself, one that leads no further, if there is any."""
    flat = [schema for schema in several if isinstance(schema, dict) and schema.keys() <= {"type", "const", "enum"}]
    return flat[0] if flat and _is_back(inside) else several[0]


def _kind(schema: Mapping[str, Any]) -> str:
    default = "object" if "properties" in schema else "array" if "items" in schema else "string"
    kind = schema.get("type", default)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _KINDS.get(kind, kind) if isinstance(kind, str) else default


def _object(schema: Mapping[str, Any], root: Any, inside: tuple[str, ...]) -> dict[str, Any]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = [key for key in required if isinstance(key, str)] if isinstance(required, list) else []
    keys = [key for key in properties if key in required or not _is_back(inside)]
    keys += [key for key in required if key not in properties]
    return {key: _sample(properties.get(key, {}), key, root, inside) for key in keys}


def _array(schema: Mapping[str, Any], name: str, root: Any, inside: tuple[str, ...]) -> list[Any]:
    first, least, most = schema.get("prefixItems"), schema.get("minItems"), schema.get("maxItems")
    schemas = list(first) if isinstance(first, list) else []
    if not isinstance(least, int):
        least = 0 if _is_back(inside) else 1
    schemas += [schema.get("items", {})] * (least - len(schemas))
    schemas = schemas[:most] if isinstance(most, int) else schemas
    return [_sample(inner, name, root, inside) for inner in schemas]


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> float:
    """The least that is allowed; without a least, 1 or the most."""
    step = _float(schema.get("multipleOf")) or (1.0 if is_whole else 0.0)
    least, most = _float(schema.get("minimum")), _float(schema.get("maximum"))
    above, below = _float(schema.get("exclusiveMinimum")), _float(schema.get("exclusiveMaximum"))
    # Between two bounds that must not be touched lies their middle.
    gap = step or min(1.0, ((below if most is None else most) or 0) - (above or 0)) / 2 or 1.0
    if above is not None:
        least = max(above + gap, above if least is None else least)
    if below is not None:
        most = min(below - (step or gap), below if most is None else most)
    value = least if least is not None else 1.0 if most is None or most >= 1 else most
    if step:
        value = (ceil(value / step) if least is not None or value == 1.0 else floor(value / step)) * step
    return int(value) if value.is_integer() else value


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _string(schema: Mapping[str, Any], name: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    text = name or "text"
    text = text.ljust(least, "x") if isinstance(least, int) else text
    text = text[:most] if isinstance(most, int) else text
    if isinstance(schema.get("pattern"), str):
        return _match(schema["pattern"], text)
    return text


def _match(pattern: str, text: str) -> str:
    """A text of that pattern, where one can be found by trying."""
    try:
        wanted = re.compile(pattern)
    except re.error:
        return text
    return next((candidate for candidate in (text, *_TRIES) if wanted.search(candidate)), text)
