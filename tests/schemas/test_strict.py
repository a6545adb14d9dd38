from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.document import Document
from proxy.schemas.place import Place, function, response_format
from proxy.schemas.strict import check_strict
from proxy.schemas.top import Top
from proxy.schemas.writer import written

TEXT = {"type": "string"}


def check(schema: dict[str, Any], place: Place) -> None:
    document = Document(schema, place)
    check_strict(document, is_object=Top(written(document, keep_refs=True, is_typed=True), place).is_object)


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


STRICT: list[dict[str, Any]] = [
    closed(),
    closed(a=TEXT, b={"anyOf": [TEXT, {"type": "null"}]}),
    closed(a=closed(b={"type": "array", "items": closed(c=TEXT)})),
    {**closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": closed(b=TEXT)}},
    {"$ref": "#/$defs/A", "$defs": {"A": closed(b={"$ref": "#"})}},
    {"type": "object", "additionalProperties": False},
    closed(a={"type": ["object", "null"], "additionalProperties": False}),
    closed(a={"enum": [{"type": "object"}]}, properties={"type": "string"}),
]


@pytest.mark.parametrize("schema", STRICT)
def test_strict_schemas_pass(schema: dict[str, Any]) -> None:
    check(schema, response_format("response_format", "X"))


CLOSE = "'additionalProperties' is required to be supplied and to be false."
NAME_ALL = "'required' is required to be supplied and to be an array including every key in properties. Missing"
LOOSE: list[tuple[dict[str, Any], str]] = [
    ({"type": "object", "properties": {}}, f"In context=(), {CLOSE}"),
    ({**closed(), "additionalProperties": True}, f"In context=(), {CLOSE}"),
    ({**closed(), "additionalProperties": {}}, f"In context=(), {CLOSE}"),
    (closed(a={"type": "object", "properties": {}}), f"In context=('properties', 'a'), {CLOSE}"),
    (closed(a={"type": ["object", "null"]}), f"In context=('properties', 'a'), {CLOSE}"),
    (closed(a={"properties": {"b": TEXT}}), f"In context=('properties', 'a'), {CLOSE}"),
    (closed(a={"type": "array", "items": {"type": "object"}}), f"In context=('properties', 'a', 'items'), {CLOSE}"),
    (closed(a={"anyOf": [TEXT, {"type": "object"}]}), f"In context=('properties', 'a', 'anyOf', '1'), {CLOSE}"),
    ({**closed(), "$defs": {"A": {"type": "object"}}}, f"In context=('$defs', 'A'), {CLOSE}"),
    ({**closed(a=TEXT, b=TEXT), "required": ["a"]}, f"In context=(), {NAME_ALL} 'b'."),
    (closed(x={"type": "object", "properties": {"y": TEXT}, "additionalProperties": False}),
     f"In context=('properties', 'x'), {NAME_ALL} 'y'."),
    ({"type": "array", "items": {}}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
    ({"anyOf": [closed(), TEXT]}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "problem"), LOOSE)
def test_loose_schemas_are_refused_in_the_words_of_openai(schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(schema, response_format("response_format", "X"))
    assert caught.value.message == f"Invalid schema for response_format 'X': {problem}"
    assert caught.value.param == "response_format"
    assert caught.value.code is None


def test_functions_have_their_own_words() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check({"type": "object"}, function("tools[0].function.parameters", "f"))
    assert caught.value.message == f"Invalid schema for function 'f': In context=(), {CLOSE}"
    assert caught.value.code == "invalid_function_parameters"


def test_what_is_not_a_schema_has_its_path() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(closed(a={"type": "str"}), response_format("response_format.json_schema.schema"))
    assert caught.value.param == "response_format.json_schema.schema.properties.a.type"
