"""What a keyword's own value has to be, for the schema to be one."""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType
from typing import Any, TypeAlias

from proxy.schemas.keywords import MANY, NAMED, ONE
from proxy.schemas.kinds import ALL

Shape: TypeAlias = tuple[Callable[[Any], bool], str]
"""(does a value have it?, its name in a refusal)"""


def _of(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in ALL for name in names)


def _is_dependent_names(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_names(item) for item in value.values())


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_names(item) for item in value.values() if isinstance(item, list))


_TYPE_WORDS = "one of 'array', 'boolean', 'integer', 'null', 'number', 'object' and 'string', or a list of those"
_SCHEMA = "a schema: an object or a boolean"
_COUNTS = (
    "maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties",
)  # fmt: skip

SHAPES: dict[str, Shape] = {
    "type": (_is_type, _TYPE_WORDS),
    "enum": (_of(list), "an array"),
    "required": (_is_names, "an array of strings"),
    "dependentRequired": (_is_dependent_names, "an object of arrays of strings"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("minimum", "maximum"), (_is_number, "a number")),
    # In draft 4 they are booleans.
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), (_of(int, float), "a number")),
    **dict.fromkeys(_COUNTS, (_is_count, "an integer of 0 or more")),
    **dict.fromkeys(("pattern", "format", "$ref", "$schema", "$id", "$anchor"), (_of(str), "a string")),
    **dict.fromkeys(("title", "description", "$comment"), (_of(str, NoneType), "a string")),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), (_of(bool), "a boolean")),
    **dict.fromkeys(ONE, (_of(dict, bool), _SCHEMA)),
    "items": (_of(dict, bool, list), _SCHEMA),
    **dict.fromkeys(MANY, (lambda value: isinstance(value, list) and bool(value), "an array of schemas")),
    "prefixItems": (_of(list), "an array of schemas"),
    **dict.fromkeys(NAMED, (_of(dict), "an object of schemas")),
    "dependencies": (_is_dependencies, "an object of schemas and arrays of strings"),
    **dict.fromkeys(("$dynamicRef", "$recursiveRef"), (lambda _: False, "supported: a reference is written as $ref")),
}
"""What the meta-schema asks of each keyword's own value. A null where a text may stand is one that was not given."""
