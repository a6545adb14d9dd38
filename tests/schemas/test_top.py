from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.place import function
from proxy.schemas.top import Top

OBJECT = {"type": "object"}
A = {"type": "object", "properties": {"a": {}}}
B = {"type": "object", "properties": {"b": {}}, "additionalProperties": False}
NULL = {"type": "null"}


def top(schema: dict[str, Any]) -> Top:
    return Top(schema, function("p"))


SETTLED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (A, A),
    ({}, {}),
    ({"$ref": "#/$defs/A", "$defs": {"A": A}}, A),
    ({"$ref": "#/$defs/A", "title": "T", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": A}}, {"title": "T", **A}),
    ({"anyOf": [A]}, A),
    ({"oneOf": [NULL, {"$ref": "#/$defs/A"}], "$defs": {"A": A}}, A),
    ({"anyOf": [A, NULL, {"not": {}}]}, A),
    ({"anyOf": [A, NULL, B]}, {"anyOf": [A, B]}),
    ({"anyOf": [A, B]}, {"anyOf": [A, B]}),
    ({"allOf": [A, {"required": ["a"]}]}, {**A, "required": ["a"]}),
    ({"allOf": [A, B]}, {**A, "allOf": [B]}),
    ({"allOf": [B, {"$ref": "#/$defs/A"}], "title": "T", "$defs": {"A": A}}, {"title": "T", **B, "allOf": [A]}),
    ({"allOf": [{"anyOf": [A, NULL]}]}, A),
    (
        {"unevaluatedProperties": False, "$ref": "#/$defs/A", "$defs": {"A": A}},
        {"unevaluatedProperties": False, "allOf": [A]},
    ),
]


@pytest.mark.parametrize(("schema", "node"), SETTLED)
def test_the_top_is_made_plain(schema: dict[str, Any], node: dict[str, Any]) -> None:
    assert top(schema).node == node


TYPES: list[tuple[dict[str, Any], bool, bool, bool]] = [
    # schema, is_object, may_be_object, is_plain
    (A, True, True, True),
    ({}, False, True, False),
    ({"properties": {}}, False, True, False),
    ({"type": ["object", "null"]}, False, True, False),
    ({"anyOf": [A, NULL]}, False, True, False),
    ({"anyOf": [A, B]}, True, True, False),
    ({"anyOf": [A]}, True, True, True),
    ({"allOf": [A, B]}, True, True, False),
    ({"allOf": [{}, A]}, True, True, True),
    ({"type": "array"}, False, False, False),
    ({"anyOf": [NULL, {"type": "array"}]}, False, False, False),
    ({"type": "object", "not": {}}, False, False, False),
]


@pytest.mark.parametrize(("schema", "is_object", "may_be_object", "is_plain"), TYPES)
def test_what_the_top_accepts(schema: dict[str, Any], is_object: bool, may_be_object: bool, is_plain: bool) -> None:
    it = top(schema)
    assert (it.is_object, it.may_be_object, it.is_plain) == (is_object, may_be_object, is_plain)


def test_a_top_of_many_parts() -> None:
    parts = [{"required": [str(at)]} for at in range(150)]
    assert top({"allOf": parts}).node == {"required": [str(at) for at in range(150)]}
    with pytest.raises(InvalidRequest, match="too large"):
        top({"allOf": [{"required": [str(at)]} for at in range(1_000)]})


def test_branches_that_are_no_objects_are_dropped_however_many() -> None:
    assert len(top({"anyOf": [A, B, *[NULL] * 3_000]}).node["anyOf"]) == 2


def test_definitions_that_are_needed() -> None:
    defs = {
        "A": {"items": {"$ref": "#/$defs/C"}},
        "B": {},
        "C": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/C"}, False]},
    }
    it = top({"$defs": defs, "properties": {"a": {"$ref": "#/$defs/A"}, "b": True}})
    assert it.used(it.node) == {"A": defs["A"], "C": defs["C"]}
    assert it.used({"not": {"properties": {"$ref": {"type": "string"}}}}) == {}


def test_branches_are_looked_up() -> None:
    it = top({"$defs": {"A": A}})
    assert it.look({"$ref": "#/$defs/A"}) == A
    assert it.look({"$ref": "#/$defs/A", "required": ["a"]}) == {**A, "required": ["a"]}
    assert it.look(B) is B
