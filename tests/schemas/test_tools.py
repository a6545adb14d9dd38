from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from proxy.errors import InvalidRequest
from proxy.schemas.tools import for_tool

PARAM = "tools[0].function.parameters"
NULL = {"type": "null"}
TEXT = {"type": "string"}
EMPTY = {"type": "object", "properties": {}}

PLAIN: list[tuple[Any, dict[str, Any]]] = [
    (None, EMPTY),
    ({}, EMPTY),
    ({"type": "object"}, EMPTY),
    ({"properties": {"a": TEXT}}, {"type": "object", "properties": {"a": TEXT}}),
    ({"required": ["a"]}, {"type": "object", "properties": {}, "required": ["a"]}),
    ({"type": ["object", "null"], "properties": {}}, EMPTY),
    ({"$schema": "x", "type": "object", "properties": {"a": True}}, {"type": "object", "properties": {"a": {}}}),
    ({"title": "T", "description": None, "type": "object"}, {"title": "T", **EMPTY}),
    ({"anyOf": [{"type": "object", "properties": {"a": TEXT}}, NULL]}, {"type": "object", "properties": {"a": TEXT}}),
    ({"properties": {"a": {"enum": ["x"]}, "b": {"properties": {}}, "c": {"type": ["string", "null"]}}},
     {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}, "b": {"type": "object", "properties": {}},
                                       "c": {"type": ["string", "null"]}}}),
    # Unions within are nobody's trouble.
    ({"type": "object", "properties": {"a": {"anyOf": [TEXT, NULL]}}, "additionalProperties": {"oneOf": [TEXT, NULL]}},
     {"type": "object", "properties": {"a": {"anyOf": [TEXT, NULL]}}, "additionalProperties": {"oneOf": [TEXT, NULL]}}),
    ({"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
     {"type": "object", "properties": {}, "if": {"required": ["a"]}, "then": {"required": ["b"]}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), PLAIN)
def test_plain_parameters(schema: Any, expected: dict[str, Any]) -> None:
    before = repr(schema)
    assert for_tool(schema, PARAM) == expected
    assert repr(schema) == before


def test_what_is_fit_already_is_the_clients_own() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert for_tool(schema, "a place of its own") is schema


def pets(**more: Any) -> dict[str, Any]:
    cat = {"type": "object", "properties": {"kind": {"const": "cat"}, "name": TEXT}, "required": ["name", "kind"]}
    dog = {"type": "object", "properties": {"kind": {"const": "dog"}, "name": TEXT}, "required": ["kind", "name"]}
    return {"anyOf": [{**cat, **more}, {**dog, **more}]}


BELOW: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # schema -> what is at the top, beside `if` and `then`
    (pets(),
     {"properties": {"kind": {"type": "string", "enum": ["cat", "dog"]}, "name": TEXT}, "required": ["name", "kind"]}),
    ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"properties": {}}),
    ({"anyOf": [{"required": ["a", "c"]}, {"required": ["b", "c"]}], "required": ["d"]},
     {"properties": {}, "required": ["d", "c"]}),
    # A property that one branch leaves free is free, and one that it cannot have is the other's.
    ({"oneOf": [{"properties": {"a": {**TEXT, "description": "d"}}}, {"properties": {"b": TEXT}}]},
     {"properties": {"a": {"description": "d"}, "b": {}}}),
    ({"oneOf": [{"properties": {"a": TEXT}, "additionalProperties": False}, {"properties": {"b": TEXT},
                 "additionalProperties": False}]}, {"properties": {"a": TEXT, "b": TEXT}}),
    ({"oneOf": [{"properties": {"a": TEXT}}, {"additionalProperties": False, "patternProperties": {"^a": {}}}]},
     {"properties": {"a": {}}}),
    ({"anyOf": [{"properties": {"a": {"type": "string", "minLength": 1}}}, {"properties": {"a": TEXT}}]},
     {"properties": {"a": TEXT}}),
    ({"anyOf": [{"properties": {"a": {"type": ["string", "null"]}}}, {"properties": {"a": TEXT}}]},
     {"properties": {"a": {}}}),
    ({"anyOf": [{"properties": {"a": {"enum": ["x", "y"]}}}, {"properties": {"a": {"enum": ["y", 1]}}}]},
     {"properties": {"a": {"enum": ["x", "y", 1]}}}),
    ({"anyOf": [{"properties": {"a": {"const": "x"}}}, {"properties": {"a": {"minLength": 1}}}]}, {"properties": {"a": {}}}),
    ({"properties": {"a": {"minLength": 3}}, "anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": NULL}}]},
     {"properties": {"a": {"minLength": 3}}}),
    # Who judges names that are not named must not meet new ones.
    ({"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": NULL}}], "additionalProperties": False},
     {"properties": {}, "additionalProperties": False}),
    ({"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": NULL}}], "unevaluatedProperties": False},
     {"properties": {}, "unevaluatedProperties": False}),
    ({"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"a": TEXT}, "not": NULL}], "additionalProperties": True},
     {"properties": {"a": TEXT}, "additionalProperties": True}),
    ({"allOf": [{"properties": {"a": TEXT}, "additionalProperties": False}, {"properties": {"b": TEXT}}]},
     {"properties": {"a": TEXT}, "additionalProperties": False}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "top"), BELOW)
def test_unions_move_below_the_top(schema: dict[str, Any], top: dict[str, Any]) -> None:
    out = for_tool(schema, PARAM)
    assert out.pop("type") == "object"
    assert out.pop("if") == {"type": "object"}
    assert out.pop("then").keys() <= {"anyOf", "oneOf", "allOf"}
    assert out == top


def test_a_condition_at_the_top_moves_along() -> None:
    schema = {
        "if": {"required": ["a"]},
        "else": {"required": ["b"]},
        "anyOf": [{"required": ["c"]}, {"required": ["d"]}],
    }
    out = for_tool(schema, PARAM)
    assert out == {
        "type": "object",
        "properties": {},
        "if": {"type": "object"},
        "then": {
            "anyOf": [{"required": ["c"]}, {"required": ["d"]}],
            "if": {"required": ["a"]},
            "else": {"required": ["b"]},
        },
    }
    original, adapted = Draft202012Validator(schema), Draft202012Validator(out)
    for value in ({}, {"a": 1}, {"c": 1}, {"a": 1, "c": 1}, {"b": 1, "d": 1}, {"a": 1, "b": 1}):
        assert original.is_valid(value) == adapted.is_valid(value)


def test_a_union_of_very_many_names_moves_without_more_words() -> None:
    defs = {"A": {"type": "object", "properties": {str(at): {} for at in range(500)}, "required": ["1"]}}
    for branches, names in ((3, 500), (41, 0)):
        out = for_tool({"anyOf": [{"$ref": "#/$defs/A"}] * branches, "$defs": defs}, PARAM, takes_refs=True)
        assert len(out["properties"]) == names
        assert out.get("required", []) == (["1"] if names else [])
        assert len(out["then"]["anyOf"]) == branches


def test_a_then_without_its_if_gets_none() -> None:
    out = for_tool({"then": False, "anyOf": [{"required": ["c"]}, {"required": ["d"]}]}, PARAM)
    assert Draft202012Validator(out).is_valid({"c": 1})
    assert not Draft202012Validator(out).is_valid({"e": 1})


TREE = {
    "$ref": "#/$defs/Tree",
    "$defs": {"Tree": {"properties": {"sub": {"$ref": "#/$defs/Tree"}}, "type": "object"}, "X": {}},
}


def test_recursion_is_kept_where_references_are_taken() -> None:
    assert for_tool(TREE, PARAM, takes_refs=True) == {
        "type": "object",
        "properties": {"sub": {"$ref": "#/$defs/Tree"}},
        "$defs": {"Tree": TREE["$defs"]["Tree"]},
    }
    with pytest.raises(InvalidRequest, match="leads back to itself") as caught:
        for_tool(TREE, PARAM)
    assert caught.value.param == f"{PARAM}.$defs.Tree.properties.sub.$ref"


REFUSED: list[tuple[Any, str, str]] = [
    ({"type": "array"}, "", "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
    ({"type": ["string", "null"]}, "", 'got \'type: ["string","null"]\'.'),
    ({"anyOf": [NULL, TEXT]}, "", "got one that accepts no object."),
    ({"not": {}}, "", "got one that accepts no object."),
    ({"type": "object", "allOf": [TEXT]}, "", "got one that accepts no object."),
    ("x", "", '"x" is not an object.'),
    (False, "", "false is not an object."),
    ({"properties": {"a": {"type": "any"}}}, ".properties.a.type", '"any" is not one of'),
    ({"properties": {"a": {"$ref": "#/$defs/A"}}}, ".properties.a.$ref", "does not lead to a schema"),
    ({"properties": {"a": {"$ref": "https://x.y/z"}}}, ".properties.a.$ref", "leads out of the schema"),
]


@pytest.mark.parametrize(("schema", "path", "problem"), REFUSED)
def test_refusals(schema: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        for_tool(schema, PARAM, name="f")
    assert caught.value.param == PARAM + path
    assert caught.value.code == "invalid_function_parameters"
    assert caught.value.message.startswith("Invalid schema for function 'f': ")
    assert problem in caught.value.message


def test_parameters_as_deep_as_they_may_be_on_a_stack_that_is_half_used() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": TEXT},
        "allOf": [{"properties": {"a": {"minLength": 1}}}],
    }
    for _ in range(60):
        schema = {"type": "object", "properties": {"a": schema}}
    deep = {"anyOf": [{"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}], "$defs": {"A": schema, "B": schema}}

    def deeper(levels: int) -> dict[str, Any]:
        return deeper(levels - 1) if levels else for_tool(deep, PARAM, takes_refs=True)

    assert deeper(300)["type"] == "object"
