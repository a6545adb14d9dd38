from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.check import Checker
from proxy.schemas.tools import for_tool
from proxy.schemas.wrapping import WRAPPED, bare, has_odd_names, wrap_for_tool, wrapped

PARAM = "response_format.json_schema.schema"
TEXT = {"type": "string"}
NULL = {"type": "null"}
EMPTY = {"type": "object", "properties": {}}


def having(value: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": value}, "additionalProperties": False}


@pytest.mark.parametrize("name", ["a", "a.b", "a-b_c", "A1", "x" * 64])
def test_names_that_may_stand_at_the_top(name: str) -> None:
    assert not has_odd_names({"type": "object", "properties": {name: {}}})


@pytest.mark.parametrize("name", ["", "$top", "filter[id]", "Account Number", "é", "a\n", "x" * 65])
def test_names_that_may_not(name: str) -> None:
    assert has_odd_names({"type": "object", "properties": {"plain": {}, name: {}}})


def test_names_further_down_are_free() -> None:
    inner = {"type": "object", "properties": {"$top": {"type": "integer"}}}
    assert not has_odd_names({"type": "object", "properties": {"a": inner}, "$defs": {"filter[id]": inner}})
    assert not has_odd_names({"type": "object"})


def test_the_object_around_them_accepts_the_same_within() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"filter[id]": {"$ref": "#/$defs/id"}},
        "patternProperties": {"^filter": {"minLength": 2}},
        "required": ["filter[id]"],
        "$defs": {"id": {"type": "string"}},
    }
    outer = wrapped(for_tool(schema, "p", takes_refs=True))
    assert outer["required"] == [WRAPPED] == [*outer["properties"]]
    assert outer["$defs"] == schema["$defs"]
    assert not has_odd_names(outer)
    check = Checker(outer, "p").problem
    assert check('{"value": {"filter[id]": "ab"}}') is None
    for wrong in ('{"value": {"filter[id]": "a"}}', '{"value": {}}', "{}", '{"filter[id]": "ab"}'):
        assert check(wrong) is not None


A, B = ({"type": "object", "required": [name]} for name in "ab")
LIFTED: list[tuple[dict[str, Any], set[str]]] = [
    ({"anyOf": [A, B]}, {"type", "properties", "anyOf"}),
    ({"anyOf": [A, B], "if": A, "else": B}, {"type", "properties", "anyOf", "if", "else"}),
    ({"type": "object", "if": {"type": "object"}}, {"type", "properties", "if"}),
    ({"type": "object", "if": {"type": "object"}, "then": A}, {"type", "properties", "if", "then"}),
]


@pytest.mark.parametrize(("schema", "keywords"), LIFTED)
def test_what_had_moved_away_from_the_top_moves_back(schema: dict[str, Any], keywords: set[str]) -> None:
    outer = wrapped(for_tool(schema, "p"))
    assert outer["properties"][WRAPPED].keys() == keywords
    adapted, original = Checker(outer, "p").problem, Checker(schema, "p").problem
    for value in ("{}", '{"a":1}', '{"b":1}', '{"a":1,"b":1}'):
        assert (adapted(f'{{"value":{value}}}') is None) is (original(value) is None)


BARE: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    (EMPTY, EMPTY),
    ({**EMPTY, "title": "T", "description": "d", "x-own": 1}, EMPTY),
    ({**EMPTY, "additionalProperties": False}, {**EMPTY, "additionalProperties": False}),
    ({**EMPTY, "required": ["a"], "additionalProperties": {}}, {**EMPTY, "required": ["a"]}),
    ({**EMPTY, "additionalProperties": TEXT}, None),
    ({**EMPTY, "minProperties": 1}, None),
    ({**EMPTY, "if": {"type": "object"}, "then": {}}, None),
]


@pytest.mark.parametrize(("schema", "kept"), BARE)
def test_bare_parameters(schema: dict[str, Any], kept: dict[str, Any] | None) -> None:
    assert bare(schema) == kept


AROUND: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"type": "array", "items": TEXT}, {"type": "array", "items": TEXT}),
    ({"$schema": "x", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    ({"type": ["object", "null"]}, {"type": ["object", "null"]}),
    ({"anyOf": [having(TEXT), having(NULL)]}, {"anyOf": [having(TEXT), having(NULL)]}),
    ({"properties": {"x": TEXT}}, {"properties": {"x": TEXT}}),
]


@pytest.mark.parametrize(("schema", "value"), AROUND)
def test_what_is_not_one_object_is_wrapped(schema: dict[str, Any], value: dict[str, Any]) -> None:
    assert wrap_for_tool(schema, PARAM) == (
        {"type": "object", "properties": {"value": value}, "required": ["value"], "additionalProperties": False},
        "value",
    )


def test_definitions_stay_at_the_top_of_the_wrapping() -> None:
    schema = {"type": "array", "items": {"$ref": "#/definitions/A"}, "definitions": {"A": TEXT}}
    wrapped, key = wrap_for_tool(schema, PARAM, takes_refs=True)
    assert key == "value"
    assert wrapped["$defs"] == {"A": TEXT}
    assert wrapped["properties"]["value"] == {"type": "array", "items": {"$ref": "#/$defs/A"}}
    assert wrap_for_tool(schema, PARAM)[0]["properties"]["value"] == {"type": "array", "items": TEXT}


def test_objects_go_as_they_are() -> None:
    assert wrap_for_tool(having(TEXT), PARAM) == (having(TEXT), None)
    assert wrap_for_tool({"allOf": [having(TEXT)], "$schema": "x"}, PARAM) == (having(TEXT), None)
    tree = {"type": "object", "properties": {"sub": {"$ref": "#"}}}
    assert wrap_for_tool(tree, PARAM, takes_refs=True)[1] is None
    with pytest.raises(InvalidRequest, match="leads back to itself"):
        wrap_for_tool(tree, PARAM)
