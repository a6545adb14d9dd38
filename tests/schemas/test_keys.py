from typing import Any

import pytest

from proxy.schemas.check import Checker
from proxy.schemas.keys import WRAPPED, has_odd_names, wrapped
from proxy.schemas.tools import for_tool


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
