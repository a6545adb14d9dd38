from typing import Any

import pytest

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.schemas.check import MOST_LEVELS, Checker

PARAM = "response_format.json_schema.schema"
ITEM = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "number", "minimum": 0}, "odd name": {"const": 1}},
    "required": ["name"],
    "additionalProperties": False,
}
BASKET = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
    "$defs": {"Item": ITEM},
}

PROBLEMS: list[tuple[Any, Any, str | None]] = [
    (BASKET, {"items": [{"name": "a", "price": 1.5}]}, None),
    (BASKET, {"items": [{"name": "a"}, {"name": "b"}, {"name": "c", "price": "x"}]}, '$.items[2].price: "x" is not a number'),
    (BASKET, {"items": [{"name": "a", "price": -1}]}, "$.items[0].price: -1 is less than the minimum of 0"),
    (BASKET, {"items": [{"price": 1}]}, '$.items[0]: "name" is a required property'),
    (BASKET, {"items": [{"name": "a", "more": 1}]},
     "$.items[0]: Additional properties are not allowed ('more' was unexpected)"),
    (BASKET, {"items": [{"name": "a", "odd name": 2}]}, '$.items[0]["odd name"]: 1 was expected'),
    (BASKET, [], "$: [] is not an object"),
    ({"type": ["string", "null"]}, 5, "$: 5 is not null or a string"),
    ({"type": ["array", "integer"]}, "x", '$: "x" is not an array or an integer'),
    ({"properties": {"a": False}}, {"a": 1}, "$.a: 1 is not allowed"),
    ({"not": {"type": "string"}}, "a", '$: "a" is not allowed'),
    ({"items": False}, [1], "$[0]: 1 is not allowed"),
    ({"enum": ["a", "b"]}, "c", '$: "c" is not one of "a" or "b"'),
    ({"const": "a\0b"}, "c", '$: "a\\u0000b" was expected'),
    ({"maxLength": 3}, "a" * 500,
     '$: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… is longer than 3 characters'),
    ({"pattern": "^b"}, "a", '$: "a" does not match "^b"'),
    ({"type": "integer"}, 1.0, None),
    ({"type": "integer"}, 10**40, None),
    ({"type": "string", "format": "date"}, "not a date", None),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}]}, [1], "$[0]: 1 is not null"),
    # Of a union: what is deepest, or the branch of the right type, or that there is none.
    ({"anyOf": [{"type": "null"}, ITEM]}, {"name": 5}, "$.name: 5 is not a string"),
    ({"anyOf": [{"type": "null"}, ITEM]}, {}, '$: "name" is a required property'),
    ({"anyOf": [{"type": "null"}, ITEM]}, 5, "$: 5 fits none of the 2 schemas in 'anyOf'"),
    ({"oneOf": [{"minLength": 3}, {"pattern": "b"}]}, "a", "$: \"a\" fits none of the 2 schemas in 'oneOf'"),
    ({"oneOf": [{}, {"type": "string"}]}, "a", "$: \"a\" fits more than one of the 2 schemas in 'oneOf'"),
    ({"items": {"oneOf": [{}, {"type": "string"}]}}, ["a"], "$[0]: \"a\" fits more than one of the 2 schemas in 'oneOf'"),
    ({"anyOf": [{"type": "null"}, {"anyOf": [{"type": "integer"}, ITEM]}]}, {"name": 1}, "$.name: 1 is not a string"),
    ({"anyOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"a": {"type": "string"}}}]}, {"a": 1},
     "$: {\"a\":1} fits none of the 2 schemas in 'anyOf'"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "problem"), PROBLEMS)
def test_problems(schema: Any, value: Any, problem: str | None) -> None:
    text = jsonio.encode(value)
    assert Checker(schema, PARAM).problem(text) == problem
    assert Checker(schema, PARAM).problem(text.decode()) == problem


@pytest.mark.parametrize("text", ["", "{", "```json\n{}\n```", "NaN", '{"a":1} x', b"\xff", '"\ud800"', "[" * 100_000])
def test_what_is_not_json(text: str | bytes) -> None:
    problem = Checker({}, PARAM).problem(text)
    assert problem is not None
    assert problem.startswith("$: not JSON: ")
    assert len(problem) <= 300


TREE = {
    "$defs": {"T": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/T"}}, {"type": "integer"}]}},
    "$ref": "#/$defs/T",
}


def test_depth_is_bounded() -> None:
    it = Checker(TREE, PARAM)
    assert it.problem("[" * MOST_LEVELS + "]" * MOST_LEVELS) is None
    assert it.problem("[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1)) == "$: nested deeper than 200 levels"
    assert it.problem(b'{"a":' * 300 + b"1" + b"}" * 300) == "$: nested deeper than 200 levels"
    # Many brackets are not deep by themselves.
    assert it.problem("[" + ",".join(["[]"] * 1000) + "]") is None
    assert Checker({}, PARAM).problem('"' + "[{" * 1000 + '"') is None


def test_a_long_path_is_cut() -> None:
    schema: Any = {"type": "null"}
    value: Any = 1
    for _ in range(30):
        schema, value = {"properties": {"a_long_name": schema}}, {"a_long_name": value}
    problem = Checker(schema, PARAM).problem(jsonio.encode(value))
    assert problem is not None
    assert problem.endswith(": 1 is not null")
    assert len(problem) < 220


def test_expressions_that_take_for_ever_are_stopped() -> None:
    it = Checker({"pattern": "^(?=a)(a|aa)+\\1$"}, PARAM)
    problem = it.problem(jsonio.encode("a" * 60 + "b"))
    assert problem is not None
    assert "backtracking" in problem


def test_looking_around_is_allowed() -> None:
    it = Checker({"pattern": "^(?!\\.)[a-z.]+$"}, PARAM)
    assert it.problem('"a.b"') is None
    assert it.problem('".b"') == '$: ".b" does not match "^(?!\\.)[a-z.]+$"'


def test_a_pattern_that_cannot_be_read_is_named_and_not_enforced() -> None:
    schema = {
        "properties": {"a": {"type": "string", "pattern": "^[\\w-\\.]+$"}, "b": {"anyOf": [{}, {"pattern": "("}]}},
        "pattern": "[^]",
    }
    before = repr(schema)
    it = Checker(schema, PARAM)
    assert sorted(it.unchecked) == [
        f"{PARAM}.pattern",
        f"{PARAM}.properties.a.pattern",
        f"{PARAM}.properties.b.anyOf[1].pattern",
    ]
    assert it.problem('{"a":"!"}') is None
    assert it.problem('{"a":1}') == "$.a: 1 is not a string"
    assert repr(schema) == before
    assert Checker({"pattern": "^a"}, PARAM).unchecked == []


REFUSED: list[tuple[Any, str]] = [
    ([], ""),
    ({"type": "any"}, ".type"),
    ({"patternProperties": {"(": {}}}, ".patternProperties.("),
    ({"properties": {"pattern": {"patternProperties": {"(": {}}}}}, ".properties.pattern.patternProperties.("),
    ({"dependentRequired": {"a": ["b", "b"]}}, ".dependentRequired.a"),
    ({"$ref": "https://x.y/z"}, ".$ref"),
]


@pytest.mark.parametrize(("schema", "path"), REFUSED)
def test_refusals(schema: Any, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Checker(schema, PARAM, name="X")
    assert caught.value.param == PARAM + path
    assert caught.value.message.startswith("Invalid schema for response_format 'X': ")
    assert "\0" not in caught.value.message


def test_a_literal_too_deep_for_the_validator() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested too deep"):
        Checker({"const": deep}, PARAM)


def nested(levels: int, leaf: Any) -> Any:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


TEXT = {"type": "string"}
TWICE = {"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"items": {"$ref": "#"}}, TEXT]}


def test_a_ring_of_unions_is_checked_at_any_depth_and_its_failures_told_while_they_are_few() -> None:
    it = Checker({**TWICE, "type": ["array", "string"]}, PARAM)
    assert it.problem(jsonio.encode(nested(200, "a"))) is None
    assert it.problem(jsonio.encode(nested(1, 1))) == "$: [1] fits none of the 3 schemas in 'anyOf'"
    assert it.problem(jsonio.encode(nested(200, 1))) == "$: does not conform"


def test_what_could_take_for_ever_to_check_is_not_checked_and_named() -> None:
    defs: dict[str, Any] = {f"A{at}": {"allOf": [{"$ref": f"#/$defs/A{at + 1}"}] * 2} for at in range(60)}
    it = Checker({"$ref": "#/$defs/A0", "$defs": {**defs, "A60": TEXT}}, PARAM)
    assert it.unchecked == [PARAM]
    assert it.problem("1") is None
    assert it.problem("") is not None
    assert Checker({"$ref": "#/$defs/A55", "$defs": {**defs, "A60": TEXT}}, PARAM).problem("1") is not None


def test_an_answer_can_be_too_large_for_its_schema() -> None:
    it = Checker({"items": {"anyOf": [{"const": at} for at in range(1_000)]}}, PARAM)
    assert it.problem(jsonio.encode([*range(1_000)])) is None
    assert it.problem(jsonio.encode([*range(1_000)] * 6)) == "$: too large to be checked"


def test_a_very_large_pattern_is_named_and_not_enforced() -> None:
    it = Checker({"properties": {"a": {"pattern": "((a{1,100}){1,100}){1,100}"}}}, PARAM)
    assert it.unchecked == [f"{PARAM}.properties.a.pattern"]
    assert it.problem('{"a":"b"}') is None
