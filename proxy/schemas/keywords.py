"""JSON Schema's keywords: the value each takes, the places where subschemas stand, and older drafts read as 2020-12.

Sources: the specifications and meta-schemas at https://json-schema.org for draft-04, -06, -07, 2019-09 and 2020-12. Claude
validates tools against draft 2020-12 (`tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema
draft 2020-12`, public issue threads 2025 and 2026), so what older drafts spell otherwise is respelt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

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

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

IN_PLACE = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""They look at the value that their own schema looks at, not at a part of it."""

_DROPPED = frozenset({
    "$anchor", "$defs", "$dynamicAnchor", "$id", "$recursiveAnchor", "$schema", "$vocabulary", "definitions",
})  # fmt: skip
"""They name the schema or hold others; references to those are written anew."""


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
    """Steps to go through a node by itself, its subschemas not counted: long lists of names and literals take time too."""
    return 1 + sum([len(value) for value in node.values() if value.__class__ in _LONG]) // 8


_LONG = (dict, list)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_bound(value: Any) -> bool:
    return isinstance(value, int | float)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_type(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, str) and item in TYPES for item in value)
    return isinstance(value, str) and value in TYPES


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_dependent_names(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_names(item) for item in value.values())


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_names(item) for item in value.values() if isinstance(item, list))


Shape: TypeAlias = tuple[Callable[[Any], bool], str]

_TYPE_WORDS = "one of 'array', 'boolean', 'integer', 'null', 'number', 'object' and 'string', or a list of those"

SHAPES: dict[str, Shape] = {
    "type": (_is_type, _TYPE_WORDS),
    "enum": (_is_list, "an array"),
    "required": (_is_names, "an array of strings"),
    "dependentRequired": (_is_dependent_names, "an object of arrays of strings"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("minimum", "maximum"), (_is_number, "a number")),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), (_is_bound, "a number")),
    **dict.fromkeys(
        (
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "minContains",
            "maxContains",
        ),
        (_is_count, "an integer of 0 or more"),
    ),
    **dict.fromkeys(("pattern", "format", "$ref", "$schema", "$id", "$anchor"), (_is_string, "a string")),
    **dict.fromkeys(("title", "description", "$comment"), (_is_text, "a string")),
    **dict.fromkeys(("uniqueItems", "deprecated", "readOnly", "writeOnly"), (_is_boolean, "a boolean")),
    **dict.fromkeys(ONE, (_is_schema, "a schema: an object or a boolean")),
    "items": (lambda value: _is_schema(value) or isinstance(value, list), "a schema: an object or a boolean"),
    **dict.fromkeys(MANY, (lambda value: isinstance(value, list) and bool(value), "an array of schemas")),
    "prefixItems": (_is_list, "an array of schemas"),
    **dict.fromkeys(("$dynamicRef", "$recursiveRef"), (lambda _: False, "supported: a reference is written as $ref")),
    **dict.fromkeys(NAMED, (lambda value: isinstance(value, dict), "an object of schemas")),
    "dependencies": (_is_dependencies, "an object of schemas and arrays of strings"),
}
"""What the meta-schema asks of each keyword's own value. A null where a text may stand is one that was not given."""


def is_old(root: Schema) -> bool:
    """Does the document say that it is of a draft in which a `$ref` hides what stands beside it?"""
    return any(draft in str(root.get("$schema", "")) for draft in ("draft-03", "draft-04", "draft-06", "draft-07"))


def modern(node: Schema) -> Schema:
    """The node, without its subschemas being looked at, in the words of draft 2020-12; the same object if nothing changes.

    `items: [a, b], additionalItems: c` becomes `prefixItems: [a, b], items: c`; `minimum: 1, exclusiveMinimum: true` becomes
    `exclusiveMinimum: 1`; `dependencies` becomes `dependentRequired` and `dependentSchemas`. Names that repeat in `type` and
    `required`, which 2020-12 refuses, are said once; texts that are null are not given.
    """
    if node.keys().isdisjoint(_RESPELT) and not _is_respelt(node):
        return node
    out = {
        keyword: value
        for keyword, value in node.items()
        if keyword not in _DROPPED and not (value is None and keyword in _TEXTS)
    }
    for keyword in _LISTS:
        if isinstance(out.get(keyword), list):
            out[keyword] = [*dict.fromkeys(out[keyword])]
    if isinstance(out.get("items"), list):
        out["prefixItems"] = out.pop("items")
    rest = out.pop("additionalItems", True)
    if "prefixItems" in out and "items" not in out and rest is not True:
        out["items"] = rest
    if not out.get("prefixItems", True):
        del out["prefixItems"]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(out.get(exclusive), bool) and out.pop(exclusive) and bound in out:
            out[exclusive] = out.pop(bound)
    if not isinstance(out.get("examples", []), list):
        out["examples"] = [out["examples"]]
    if "dependencies" in out:
        _depend(out, out.pop("dependencies"))
    return out


def spelt(node: Schema, keyword: str) -> str:
    """The keyword under which the client's node has what `modern` gives under this one."""
    if isinstance(node.get("items"), list):
        keyword = {"prefixItems": "items", "items": "additionalItems"}.get(keyword, keyword)
    return "dependencies" if keyword == "dependentSchemas" and keyword not in node else keyword


_RESPELT = _DROPPED | {"additionalItems", "dependencies", "examples", "exclusiveMaximum", "exclusiveMinimum"}
_TEXTS = ("title", "description", "$comment")
_LISTS = ("type", "required")


def _is_respelt(node: Schema) -> bool:
    """By its values; by its keywords it is not."""
    for keyword in _LISTS:
        value = node.get(keyword)
        if isinstance(value, list) and len(set(value)) < len(value):
            return True
    return isinstance(node.get("items"), list) or any(node.get(keyword, "") is None for keyword in _TEXTS)


def _depend(out: Schema, dependencies: Schema) -> None:
    required = dict(out.get("dependentRequired", {}))
    schemas = dict(out.get("dependentSchemas", {}))
    for name, item in dependencies.items():
        if isinstance(item, list):
            required[name] = [*dict.fromkeys([*required.get(name, ()), *item])]
        else:
            schemas[name] = {"allOf": [schemas[name], item]} if name in schemas else item
    out |= {
        keyword: value for keyword, value in (("dependentRequired", required), ("dependentSchemas", schemas)) if value
    }
