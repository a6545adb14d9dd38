"""A value that satisfies a JSON schema: the first choice, all properties, no surprises.

Known: $ref within the document, const, enum, anyOf, oneOf, allOf, if with then, type, properties, required,
additionalProperties, patternProperties, propertyNames, minProperties, items, prefixItems, minItems, maxItems, uniqueItems,
minLength, maxLength, pattern, format, minimum, maximum, their exclusive kin and multipleOf. Where a schema leads back into
itself, or is very large, only what is required is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any

from proxy.emulator.patterns import FORMATS, text_of

MAX_TURNS = 3
"""How often a schema is followed into itself; what it requires beyond that cannot be satisfied."""

_MOST_STEPS = 5_000
"""Schemas looked at for one value: some 20 ms."""
_PATTERN_STEPS = 50
_MOST_LEVELS = 100
_MOST_ITEMS = 100
_MOST_LITERALS = 1_000
_KINDS = {"dict": "object", "list": "array", "tuple": "array", "str": "string", "int": "integer", "float": "number",
          "bool": "boolean"}  # fmt: skip
"""Python's names of types, which tools of Llama have."""

Json = dict[str, Any]


class _Endless(Exception):
    """The schema requires itself, or accepts nothing."""


class _TooLarge(Exception):
    pass


def sample(schema: Any, name: str = "") -> Any:
    """`name` is what a string with nothing to say holds: the property's. An empty object where no value can be found."""
    for is_short in (False, True):
        try:
            return _Sampler(schema, is_short=is_short).value([schema], name, (), 0)
        except _TooLarge:
            continue
        except _Endless:
            break
    return {}


class _Sampler:
    def __init__(self, root: Any, *, is_short: bool) -> None:
        self._root = root
        self._is_short = is_short
        """Give only what is required."""
        self._left = _MOST_STEPS
        self._level = 0

    def value(self, parts: list[Any], name: str, inside: tuple[str, ...], nth: int) -> Any:
        """A value for all `parts` at once. `inside`: the references that have led here. `nth`: of values that must differ."""
        if self._level >= _MOST_LEVELS:
            raise _Endless
        self._level += 1
        try:
            return self._value(parts, name, inside, nth)
        finally:
            self._level -= 1

    def _value(self, parts: list[Any], name: str, inside: tuple[str, ...], nth: int) -> Any:
        node: Json = {}
        unions: list[tuple[str, list[Any]]] = []
        rest = [*parts]
        for part in rest:
            self._left -= _PATTERN_STEPS if isinstance(part, Mapping) and "pattern" in part else 1
            if self._left < 0:
                raise _TooLarge
            if part is False or (isinstance(part, Mapping) and part.get("not") in ({}, True)):
                raise _Endless
            if not isinstance(part, Mapping):
                continue
            if isinstance(part.get("$ref"), str):
                if inside.count(part["$ref"]) >= MAX_TURNS:
                    raise _Endless
                inside = (*inside, part["$ref"])
                self._left -= len(part["$ref"]) // 64
                rest.append(self._resolve(part["$ref"]))
            rest += _listed(part, "allOf")
            if "if" in part and "then" in part:
                rest += [part["if"], part["then"]]
            unions += [(word, part[word]) for word in ("anyOf", "oneOf") if _listed(part, word)]
            node = _both(node, {key: value for key, value in part.items() if key not in _IN_PLACE})
        if not unions:
            return self._plain(node, name, inside, nth)
        (word, branches), *others = unions
        node = {**node, "allOf": [{other: union} for other, union in others]}
        return self._one_of(branches, node, word, name, inside, nth)

    def _one_of(self, branches: list[Any], node: Json, word: str, name: str, inside: tuple[str, ...], nth: int) -> Any:
        """The first branch that comes to an end; within itself, one that leads no further, if there is any."""
        ordered = [branches[(nth + at) % len(branches)] for at in range(len(branches))]
        if self._is_back(inside):
            ordered.sort(key=lambda branch: not (isinstance(branch, Mapping) and branch.keys() <= _FLAT))
        for branch in ordered:
            rest = node
            if word == "oneOf" and isinstance(branch, Mapping):
                names = {one for other in branches if isinstance(other, Mapping) for one in _required(other)}
                rest = _without(node, names - {*_required(branch), *_required(node)})
            try:
                return self.value([rest, branch], name, inside, nth)
            except _Endless:
                continue
        raise _Endless

    def _plain(self, node: Json, name: str, inside: tuple[str, ...], nth: int) -> Any:
        if "const" in node:
            return node["const"]
        literals = _listed(node, "enum")
        if literals:
            return literals[nth % len(literals)]
        match _kind(node):
            case "object":
                return self._object(node, name, inside, nth)
            case "array":
                return self._array(node, name, inside)
            case "integer" | "number" as kind:
                return _number(node, nth, is_whole=kind == "integer")
            case "boolean":
                return nth % 2 == 0
            case "null":
                return None
        return _string(node, name, nth)

    def _object(self, node: Json, name: str, inside: tuple[str, ...], nth: int) -> Json:
        properties = _mapped(node, "properties")
        required = _required(node)
        more = node.get("additionalProperties", {})
        keys = [node.get("propertyNames", {}), {"type": "string"}]
        for pattern, schema in _mapped(node, "patternProperties").items():
            more, keys = schema, [*keys, {"pattern": pattern}]
            break
        out: Json = {}
        for at, key in enumerate([*properties, *[key for key in required if key not in properties]]):
            if key in required or not (self._is_short or self._is_back(inside)):
                try:
                    # The first of them makes the difference where values must differ.
                    out[key] = self.value([properties.get(key, more)], key, inside, 0 if at else nth)
                except _Endless:
                    if key in required:
                        raise
        least = _count(node, "minProperties", 1 if isinstance(more, Mapping) and more and not out else 0)
        if more is False or self._is_short or self._is_back(inside):
            least = _count(node, "minProperties", 0)
        for at in range(min(least, _MOST_ITEMS) if more is not False else 0):
            if len(out) < least:
                key = str(self.value(keys, "key", inside, at))
                out[key] = self.value([more], key, inside, at)
        return out

    def _array(self, node: Json, name: str, inside: tuple[str, ...]) -> list[Any]:
        least = _count(node, "minItems", 0 if self._is_short or self._is_back(inside) else 1)
        first = _listed(node, "prefixItems")
        schemas = first + [node.get("items", {})] * (min(least, _MOST_ITEMS) - len(first))
        schemas = schemas[: _count(node, "maxItems", len(schemas))]
        must_differ = node.get("uniqueItems") is True
        try:
            return [self.value([inner], name, inside, at if must_differ else 0) for at, inner in enumerate(schemas)]
        except _Endless:
            if _count(node, "minItems", 0):
                raise
            return []

    def _resolve(self, reference: str) -> Any:
        target = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if step:
                target = target.get(step, {}) if isinstance(target, Mapping) else {}
        return target

    @staticmethod
    def _is_back(inside: tuple[str, ...]) -> bool:
        """Has a schema led back into itself?"""
        return len(set(inside)) < len(inside)


_IN_PLACE = frozenset({"$ref", "allOf", "anyOf", "oneOf", "if", "then", "else"})
_FLAT = frozenset({"type", "const", "enum", "title", "description"})


def _both(first: Json, second: Json) -> Json:
    """One schema for two that hold together."""
    out = {**first, **second}
    for key in first.keys() & second.keys():
        if first[key] != second[key] and key in _RULES:
            try:
                out[key] = _RULES[key](first[key], second[key])
            except (TypeError, AttributeError):
                continue
    return out


def _both_types(first: Any, second: Any) -> Any:
    one, other = ([kinds] if isinstance(kinds, str) else kinds for kinds in (first, second))
    return [kind for kind in one if kind in other] or ["integer" if "integer" in (*one, *other) else one[0]]


def _both_named(first: Json, second: Json) -> Json:
    return {
        **first,
        **{key: {"allOf": [first[key], value]} if key in first else value for key, value in second.items()},
    }


_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "type": _both_types,
    "properties": _both_named,
    "required": lambda first, second: [*first, *second],
    "enum": lambda first, second: [one for one in first[:_MOST_LITERALS] if one in second[:_MOST_LITERALS]],
    "items": lambda first, second: {"allOf": [first, second]},
    "additionalProperties": lambda first, second: False if False in (first, second) else {"allOf": [first, second]},
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


def _without(node: Json, names: set[Any]) -> Json:
    properties = _mapped(node, "properties")
    return (
        {**node, "properties": {key: value for key, value in properties.items() if key not in names}} if names else node
    )


def _listed(node: Mapping[str, Any], keyword: str) -> list[Any]:
    value = node.get(keyword)
    return value if isinstance(value, list) else []


def _required(node: Mapping[str, Any]) -> list[str]:
    return [key for key in _listed(node, "required") if isinstance(key, str)]


def _mapped(node: Mapping[str, Any], keyword: str) -> Json:
    value = node.get(keyword)
    return value if isinstance(value, dict) else {}


def _count(node: Mapping[str, Any], keyword: str, default: int) -> int:
    value = node.get(keyword)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _kind(node: Mapping[str, Any]) -> str:
    is_array = "items" in node or "prefixItems" in node
    default = "object" if "properties" in node or "required" in node else "array" if is_array else "string"
    kind = node.get("type", default)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _KINDS.get(kind, kind) if isinstance(kind, str) else default


def _number(schema: Mapping[str, Any], nth: int, *, is_whole: bool) -> float:
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
    value += nth * (step or gap) * (1 if most is None or value + nth * (step or gap) <= most else -1)
    return int(value) if value.is_integer() else value


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _string(schema: Mapping[str, Any], name: str, nth: int) -> str:
    least, most = _count(schema, "minLength", 0), schema.get("maxLength")
    text = FORMATS.get(str(schema.get("format")), name or "text") + (str(nth) if nth else "")
    text = text.ljust(min(least, 100_000), "x")
    text = text[: most if isinstance(most, int) else None]
    return text_of(schema["pattern"], text, least, most, nth) if isinstance(schema.get("pattern"), str) else text
