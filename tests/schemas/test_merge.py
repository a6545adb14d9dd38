from typing import Any

import pytest

from proxy import jsonio
from proxy.schemas.merge import both, joined, merge, same
from proxy.schemas.place import function

OBJECT = {"type": "object"}
MERGED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"type": "string"}, {"type": "string"}),
    ({"type": "string"}, {}, {"type": "string"}),
    ({"title": "A"}, {"title": "B", "description": "d", "type": "null"}, {"title": "A", "description": "d", "type": "null"}),
    ({"unevaluatedProperties": False}, {"title": "B"}, {"unevaluatedProperties": False, "title": "B"}),
    ({"type": "string"}, {"minLength": 1}, {"type": "string", "minLength": 1}),
    ({"type": ["string", "null"]}, {"type": ["null", "object", "string"]}, {"type": ["string", "null"]}),
    ({"type": "number"}, {"type": "integer"}, {"type": "integer"}),
    ({"type": ["integer", "null"]}, {"type": "number"}, {"type": "integer"}),
    ({"type": ["number", "integer"]}, {"type": ["integer", "string"]}, {"type": "integer"}),
    ({"minimum": 1, "maximum": 5}, {"minimum": 2, "maximum": 9}, {"minimum": 2, "maximum": 5}),
    ({"enum": ["a", 1, True, None]}, {"enum": [None, 1, "b"]}, {"enum": [1, None]}),
    ({"required": ["a", "b"]}, {"required": ["c", "b"]}, {"required": ["a", "b", "c"]}),
    ({"uniqueItems": False}, {"uniqueItems": True}, {"uniqueItems": True}),
    ({"allOf": [{"title": "A"}]}, {"allOf": [{"title": "B"}]}, {"allOf": [{"title": "A"}, {"title": "B"}]}),
    ({"const": 1, "type": "integer"}, {"const": 1, "x-own": 1}, {"const": 1, "type": "integer", "x-own": 1}),
    ({"x-own": 1, "type": "null"}, {"x-own": 2, "type": "null"}, {"x-own": 1, "type": "null"}),
    ({"anyOf": [{}], "not": {"const": 1}}, {"anyOf": [{}], "pattern": "a"},
     {"anyOf": [{}], "not": {"const": 1}, "pattern": "a"}),
    ({"items": {}}, {"type": "array"}, {"items": {}, "type": "array"}),
    ({"properties": {"a": OBJECT}}, {"properties": {"b": {}}}, {"properties": {"a": OBJECT, "b": {}}}),
    ({"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"minLength": 1, "title": "A"}}},
     {"properties": {"a": {"type": "string", "minLength": 1, "title": "A"}}}),
    ({"properties": {"a": {"pattern": "x"}}}, {"properties": {"a": {"pattern": "y"}}},
     {"properties": {"a": {"pattern": "x", "allOf": [{"pattern": "y"}]}}}),
    ({"properties": {"a": {}, "b": {}}, "additionalProperties": False}, {"properties": {"a": OBJECT}, "required": ["a"]},
     {"properties": {"a": OBJECT, "b": {}}, "additionalProperties": False, "required": ["a"]}),
    ({"properties": {"a": {}}, "additionalProperties": True}, {"properties": {"b": {}}},
     {"properties": {"a": {}, "b": {}}, "additionalProperties": True}),
    ({"properties": {"a": {}}, "additionalProperties": OBJECT}, {"properties": {"a": {}}, "additionalProperties": False},
     {"properties": {"a": {}}, "additionalProperties": False}),
    ({"additionalProperties": OBJECT}, {"additionalProperties": {"minProperties": 1}},
     {"additionalProperties": {"type": "object", "minProperties": 1}}),
    ({"patternProperties": {"^a": OBJECT}}, {"patternProperties": {"^a": {}, "^b": {}}},
     {"patternProperties": {"^a": OBJECT, "^b": {}}}),
    ({"patternProperties": {"^a": {}}, "additionalProperties": False}, {"minProperties": 1},
     {"patternProperties": {"^a": {}}, "additionalProperties": False, "minProperties": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "expected"), MERGED)
def test_laid_into_one(first: dict[str, Any], second: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr((first, second))
    assert merge(first, second, function("p")) == expected
    assert joined(first, second, function("p")) == expected
    assert repr((first, second)) == before


APART: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "string"}, {"type": "null"}),
    ({"pattern": "a"}, {"pattern": "b"}),
    ({"const": 1}, {"const": 1.0}),
    ({"const": 1}, {"const": True}),
    ({"enum": [1]}, {"enum": [1.0]}),
    ({"enum": ["a"]}, {"enum": ["b"]}),
    ({"enum": [[1]]}, {"enum": [[1], 2]}),
    ({"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}),
    ({"anyOf": [{"type": "null"}]}, {"anyOf": [{}]}),
    ({"not": {"type": "null"}}, {"not": {}}),
    ({"items": {}}, {"items": OBJECT}),
    ({"items": {}}, {"prefixItems": [{}]}),
    ({"contains": {}}, {"minContains": 2}),
    ({"if": {}}, {"then": OBJECT}),
    ({"unevaluatedProperties": False}, {"properties": {"a": {}}}),
    ({"type": "array"}, {"unevaluatedItems": False}),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"b": {}}}),
    ({"properties": {"b": {}}}, {"properties": {"a": {}}, "additionalProperties": OBJECT}),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"properties": {}, "additionalProperties": False}),
    ({"additionalProperties": False}, {"patternProperties": {"^a": {}}}),
]


@pytest.mark.parametrize(("first", "second"), APART)
def test_kept_apart(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert merge(first, second, function("p")) is None
    assert merge(second, first, function("p")) is None
    assert joined(first, second, function("p")) == {**first, "allOf": [second]}
    assert joined({**first, "allOf": [{}]}, second, function("p"))["allOf"] == [{}, second]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (True, True, True),
        (True, False, False),
        (OBJECT, False, False),
        (True, OBJECT, OBJECT),
        (OBJECT, True, OBJECT),
        (OBJECT, dict(OBJECT), OBJECT),
        (OBJECT, {"title": "T"}, {"type": "object", "title": "T"}),
    ],
)
def test_both(first: Any, second: Any, expected: Any) -> None:
    assert both(first, second, function("p")) == expected


def test_equality_is_to_the_letter() -> None:
    assert same({"a": [1, None]}, {"a": [1, None]}, function("p"))
    for one, other in ((1, True), (0, False), (1, 1.0), ("1", 1)):
        assert not same([one], [other], function("p"))


def test_a_merge_as_deep_as_a_document_may_be() -> None:
    first: dict[str, Any] = {"minProperties": 1}
    second: dict[str, Any] = {"type": "object"}
    for _ in range(64):
        first, second = {"properties": {"a": first}}, {"properties": {"a": second}}
    assert jsonio.encode(joined(first, second, function("p"))).endswith(
        b'{"type":"object","minProperties":1}' + b"}" * 128
    )
