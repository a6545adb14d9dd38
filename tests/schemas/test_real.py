"""Schemas as clients really send them, one file each in `real/`: what they accept and refuse must come through every way."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta, validator_for

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.families.llama.coercion import Shape, coerce
from proxy.schemas.check import Checker
from proxy.schemas.grammar import grammar_of
from proxy.schemas.tools import for_tool
from proxy.schemas.wrapping import wrap_for_tool

CASES = {
    path.stem: jsonio.decode(path.read_bytes()) for path in sorted((Path(__file__).parent / "real").glob("*.json"))
}
PARAM = "response_format.json_schema.schema"

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def is_fit(schema: dict[str, Any]) -> None:
    """What Claude asks of the parameters of a tool."""
    assert schema["type"] == "object"
    assert isinstance(schema["properties"], dict)
    assert not schema.keys() & {"anyOf", "oneOf", "allOf", "$schema", "$id", "$ref"}
    assert meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def judged(schema: dict[str, Any], case: dict[str, Any], *, only_objects: bool = False) -> None:
    validator = Draft202012Validator(schema, offline=True, validate_formats=False)
    for word, expected in (("accepts", True), ("refuses", False)):
        for value in case[word]:
            if not only_objects or isinstance(value, dict):
                assert validator.is_valid(value) is expected, value


@every_case
def test_the_examples_are_judged_rightly_to_begin_with(case: dict[str, Any]) -> None:
    validator = validator_for(case["schema"], offline=True, validate_formats=False)
    assert [validator.is_valid(value) for value in case["accepts"]] == [True] * len(case["accepts"])
    assert [validator.is_valid(value) for value in case["refuses"]] == [False] * len(case["refuses"])


@every_case
def test_as_a_tool(case: dict[str, Any]) -> None:
    before = jsonio.encode(case["schema"])
    if case["schema"].get("type") == "array":
        with pytest.raises(
            InvalidRequest, match="schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'"
        ):
            for_tool(case["schema"], "p")
        return
    kept = for_tool(case["schema"], "p", takes_refs=True)
    is_fit(kept)
    judged(kept, case, only_objects=True)
    if case.get("recursive"):
        with pytest.raises(InvalidRequest, match="leads back to itself"):
            for_tool(case["schema"], "p")
    else:
        inlined = for_tool(case["schema"], "p")
        is_fit(inlined)
        judged(inlined, case, only_objects=True)
        assert b'"$ref"' not in jsonio.encode(inlined)
        assert "$defs" not in inlined
    assert jsonio.encode(case["schema"]) == before


@every_case
def test_as_a_wrapped_tool(case: dict[str, Any]) -> None:
    schema, key = wrap_for_tool(case["schema"], PARAM, takes_refs=True)
    is_fit(schema)
    if key is None:
        judged(schema, case)
    else:
        judged(schema, {word: [{key: value} for value in case[word]] for word in ("accepts", "refuses")})


@every_case
def test_as_a_native_format(case: dict[str, Any]) -> None:
    schema = grammar_of(case["schema"], PARAM)
    assert (schema is not None) is case["native"]
    if schema is not None:
        validator = Draft202012Validator(schema, offline=True, validate_formats=False)
        assert all(validator.is_valid(value) for value in case["accepts"])


@every_case
def test_an_answer_is_checked(case: dict[str, Any]) -> None:
    checker = Checker(case["schema"], PARAM)
    assert checker.unchecked == []
    assert [checker.problem(jsonio.encode(value)) for value in case["accepts"]] == [None] * len(case["accepts"])
    assert all(checker.problem(jsonio.encode(value)) for value in case["refuses"])


@every_case
def test_what_conforms_is_left_alone(case: dict[str, Any]) -> None:
    """By what Llama's arguments are given the types they should have."""
    shape = Shape(case["schema"])
    assert [jsonio.encode(coerce(value, shape)) for value in case["accepts"]] == [*map(jsonio.encode, case["accepts"])]


def test_tools_of_real_schemas() -> None:
    """A few in full, as they go to the model."""
    assert for_tool(CASES["mcp_all_of"]["schema"], "p") == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "size": {"type": "integer", "minimum": 1},
        },
        "required": ["id", "size"],
    }
    assert for_tool(CASES["mcp_any_required"]["schema"], "p") == {
        "type": "object",
        "required": ["project"],
        "properties": {
            "project": {"type": "string"},
            "title": {"type": "string"},
            "priority": {"type": "string", "enum": ["low", "high"]},
        },
        "additionalProperties": False,
        "if": {"type": "object"},
        "then": {"anyOf": [{"required": ["title"]}, {"required": ["priority"]}]},
    }
    pet = for_tool(CASES["pydantic_discriminated"]["schema"], "p", takes_refs=True)
    assert pet["properties"]["kind"] == {"title": "Kind", "enum": ["cat", "dog"], "type": "string"}
    assert pet["required"] == ["kind"]
    assert pet["then"] == {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    trip = for_tool(CASES["zod3_ai_sdk"]["schema"], "p")
    assert trip["properties"]["via"]["items"] == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "prefixItems": [{"type": "number"}, {"type": "number"}],
    }
    assert for_tool(CASES["langchain_strict"]["schema"], "p") is CASES["langchain_strict"]["schema"]


def test_native_formats_of_real_schemas() -> None:
    review = grammar_of(CASES["pydantic_constrained"]["schema"], PARAM)
    assert review is not None
    assert review["additionalProperties"] is False
    assert review["properties"]["rating"] == {
        "description": "How good it was\n\nConstraints: maximum 5, minimum 1.",
        "title": "Rating",
        "type": "integer",
    }
    assert review["properties"]["code"]["description"] == 'Constraints: maxLength 4, minLength 2, pattern "^[A-Z]+$".'
    assert review["properties"]["when"] == {
        "title": "When",
        "default": None,
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
    }
    assert grammar_of(CASES["pydantic_strict"]["schema"], PARAM) == CASES["pydantic_strict"]["schema"]
