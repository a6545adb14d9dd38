"""JSON Schema's keywords: where subschemas stand, and what tells about a value without judging it.

Sources, here and in `shapes.py` and `drafts.py`: the specifications and meta-schemas at https://json-schema.org for draft-04,
-06, -07, 2019-09 and 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from proxy import jsonio

Schema: TypeAlias = dict[str, Any]
"""A schema that is an object; `true` and `false` are schemas too."""

ONE = frozenset({
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
"""Their value is a schema. `items` could be a list of them before 2020-12."""

MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Their value is a list of schemas."""

NAMED = frozenset({"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"})
"""Their value maps names to schemas. In `dependencies` a list of names may stand for one."""

ANNOTATIONS = frozenset({
    "$comment", "default", "deprecated", "description", "examples", "readOnly", "title", "writeOnly",
})  # fmt: skip
"""They say something about a value, and never refuse one."""

IN_PLACE = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""They look at the value that their own schema looks at, not at a part of it."""


def children(node: Schema) -> Iterator[tuple[str, str | int | None, Any]]:
    """(keyword, name or index within it, schema) of every subschema, in the order written."""
    for keyword, value in node.items():
        if keyword in ONE and not isinstance(value, list):
            yield keyword, None, value
        elif keyword in MANY or keyword == "items":
            for index, item in enumerate(value):
                yield keyword, index, item
        elif keyword in NAMED:
            for name, item in value.items():
                if not (keyword == "dependencies" and isinstance(item, list)):
                    yield keyword, name, item


def without(node: Schema, *keywords: str) -> Schema:
    return {keyword: value for keyword, value in node.items() if keyword not in keywords}


def weight(node: Schema) -> int:
    """Steps to go through a node by itself and to write it, its subschemas not counted: one, and one more for each eight
    names and literals, or 512 characters."""
    size = 0
    for keyword, value in node.items():
        size += _ENTRY + len(keyword)
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict | list) and not (keyword in ONE and isinstance(value, dict)):
            size += _ENTRY * len(value)
            if keyword in NAMED:
                size += sum(map(len, value))
            elif keyword not in _OF_SCHEMAS:
                size += len(jsonio.encode(value))
    return 1 + size // 512


_ENTRY = 64
_OF_SCHEMAS = ONE | MANY
