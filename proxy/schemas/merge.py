"""Two schemas as one that accepts what both accept.

JSON Schema's keywords judge alone, with few exceptions: `additionalProperties` looks at the `properties` beside it, `items`
at `prefixItems`, `unevaluated…` at everything. So two schemas can be laid into one unless they say of the same keyword what
cannot be said in one, or one would come to see what it did not see before. For those there is `allOf`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy import jsonio
from proxy.schemas.keywords import ANNOTATIONS, Schema, weight
from proxy.schemas.place import Place
from proxy.schemas.shapes import SHAPES

_GROUPS = (
    frozenset({"contains", "items", "maxContains", "minContains", "prefixItems"}),
    frozenset({"else", "if", "then"}),
)
"""Keywords that look at each other: they come from one side or stay apart."""

_OF_OBJECTS = frozenset({"additionalProperties", "patternProperties", "properties"})
_UNEVALUATED = frozenset({"unevaluatedItems", "unevaluatedProperties"})


def joined(first: Schema, second: Schema, place: Place) -> Schema:
    """Both at once, in one node. Where both say the same about the value, its description say, `first`'s word stands. The
    place that they are of pays for the work, here as below."""
    merged = merge(first, second, place)
    return {**first, "allOf": [*first.get("allOf", ()), second]} if merged is None else merged


def merge(first: Schema, second: Schema, place: Place) -> Schema | None:
    """Both laid into one, or None when only an `allOf` can say it."""
    place.spend(weight(first) + weight(second))
    out = {**second, **first}
    if first.keys() <= ANNOTATIONS or second.keys() <= ANNOTATIONS:
        return out
    if not _UNEVALUATED.isdisjoint(out):
        return None
    if any(not group.isdisjoint(first) and not group.isdisjoint(second) for group in _GROUPS):
        return None
    if not _OF_OBJECTS.isdisjoint(out):
        objects = _merged_objects(first, second, place)
        if objects is None:
            return None
        out |= objects
    for keyword in (first.keys() & second.keys()) - ANNOTATIONS - _OF_OBJECTS:
        one, other = first[keyword], second[keyword]
        if (keyword in SHAPES or keyword == "const") and not same(one, other, place):
            value = _RULES[keyword](one, other) if keyword in _RULES else None
            if value is None:
                return None
            out[keyword] = value
    return out


def _merged_objects(first: Schema, second: Schema, place: Place) -> Schema | None:
    names = [side.get("properties", {}) for side in (first, second)]
    patterns = [side.get("patternProperties", {}) for side in (first, second)]
    rules = [side.get("additionalProperties", True) for side in (first, second)]
    for one, other in ((0, 1), (1, 0)):
        # Who judges the properties it does not name must not come to see them named by the other.
        if rules[one] not in (True, {}) and not (
            names[other].keys() <= names[one].keys() and patterns[other].keys() <= patterns[one].keys()
        ):
            return None
    out: Schema = {}
    if names[0] or names[1]:
        out["properties"] = _merged_names(names[0], names[1], place)
    if patterns[0] or patterns[1]:
        out["patternProperties"] = _merged_names(patterns[0], patterns[1], place)
    rule = both(rules[0], rules[1], place)
    if rule not in (True, {}) or "additionalProperties" in first or "additionalProperties" in second:
        out["additionalProperties"] = rule
    return out


def _merged_names(first: Schema, second: Schema, place: Place) -> Schema:
    return {
        **first,
        **{name: both(first[name], item, place) if name in first else item for name, item in second.items()},
    }


def both(first: Any, second: Any, place: Place) -> Any:
    """Of two schemas, which may be booleans, the one that accepts what both accept."""
    if first is False or second is False:
        return False
    if first is True or second is True:
        return second if first is True else first
    return first if same(first, second, place) else joined(first, second, place)


def same(first: Any, second: Any, place: Place) -> bool:
    """To the letter: for Python True is 1, and 1 is 1.0."""
    return first is second or text_of(first, place) == text_of(second, place)


def text_of(value: Any, place: Place) -> bytes:
    text = jsonio.encode(value)
    place.spend(len(text) // 512)
    return text


def _common_types(first: Any, second: Any) -> Any:
    one, other = (value if isinstance(value, list) else [value] for value in (first, second))
    out = [name for name in one if name in other or (name == "integer" and "number" in other)]
    out += [name for name in other if name == "integer" and "number" in one and name not in out]
    return (out if len(out) > 1 else out[0]) if out else None


def _common_literals(first: list[Any], second: list[Any]) -> list[Any] | None:
    # 1 and 1.0 are one number, and so are they deep within arrays: left to the validator.
    if any(isinstance(item, float | list | dict) for item in (*first, *second)):
        return None
    known = {(type(item), item) for item in second}
    return [item for item in first if (type(item), item) in known] or None


_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "type": _common_types,
    "enum": _common_literals,
    "required": lambda one, other: [*dict.fromkeys([*one, *other])],
    "allOf": lambda one, other: [*one, *other],
    "uniqueItems": lambda one, other: one or other,
    **dict.fromkeys(("exclusiveMinimum", "minItems", "minLength", "minProperties", "minimum"), max),
    **dict.fromkeys(("exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maximum"), min),
}
"""How to say both of a keyword, where that can be said; for all others only what is equal stays."""
