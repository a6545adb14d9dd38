from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.grammar import grammar_of, is_loosened
from proxy.schemas.tools import for_tool
from proxy.schemas.wrapping import wrap_for_tool

PARAM = "response_format.json_schema.schema"
TEXT = {"type": "string"}
NULL = {"type": "null"}


def having(value: Any, **more: Any) -> dict[str, Any]:
    """The value as one property of an object that is native already."""
    return {"type": "object", "properties": {"x": value}, "additionalProperties": False, **more}


SAYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # of a property -> in the native subset
    (TEXT, TEXT),
    ({"type": "string", "title": "T", "description": "d", "default": "a", "examples": ["b"], "x-own": 1, "$comment": "c"},
     {"type": "string", "title": "T", "description": "d", "default": "a"}),
    ({"type": "integer", "minimum": 1, "maximum": 5},
     {"type": "integer", "description": "Constraints: minimum 1, maximum 5."}),
    ({"type": "string", "description": "d", "pattern": "^a\"b$", "minLength": 2},
     {"type": "string", "description": "d\n\nConstraints: pattern \"^a\\\"b$\", minLength 2."}),
    ({"type": "string", "description": "", "maxLength": 2}, {"type": "string", "description": "Constraints: maxLength 2."}),
    ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
    ({"type": "string", "format": "phone"}, {"type": "string", "description": 'Constraints: format "phone".'}),
    ({"type": "array", "items": TEXT, "minItems": 1}, {"type": "array", "items": TEXT, "minItems": 1}),
    ({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 3, "uniqueItems": True},
     {"type": "array", "items": TEXT, "description": "Constraints: minItems 2, maxItems 3, uniqueItems true."}),
    ({"type": ["string", "null"], "minLength": 1}, {"type": ["string", "null"], "description": "Constraints: minLength 1."}),
    # A keyword of another type than the value's says nothing.
    ({"type": "string", "minimum": 1, "items": {}, "required": ["a"]}, TEXT),
    ({"type": "null", "format": "date", "minItems": 1}, NULL),
    ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
    ({"const": 1}, {"type": "integer", "const": 1}),
    ({"enum": ["a", 1], "minLength": 1}, {"enum": ["a", 1], "description": "Constraints: minLength 1."}),
    ({"type": ["string", "null"], "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a", None]}),
    (having(TEXT), having(TEXT)),
    ({"type": "object", "properties": {}}, {"type": "object", "properties": {}, "additionalProperties": False}),
    ({"type": "object", "additionalProperties": False}, {"type": "object", "properties": {}, "additionalProperties": False}),
    ({"type": "object", "properties": {"a": TEXT}, "required": ["a"], "minProperties": 1},
     {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False,
      "description": "Constraints: minProperties 1."}),
    ({"anyOf": [TEXT, NULL], "description": "d", "title": "T", "default": None, "examples": [1]},
     {"title": "T", "description": "d", "default": None, "anyOf": [TEXT, NULL]}),
    ({"oneOf": [TEXT, {"type": "array", "items": TEXT}]}, {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}),
    ({"type": "string", "anyOf": [{"minLength": 1}, {"enum": ["a"]}]},
     {"anyOf": [{"type": "string", "description": "Constraints: minLength 1."}, {"type": "string", "enum": ["a"]}]}),
    ({"allOf": [TEXT, {"description": "d", "maxLength": 2}]},
     {"type": "string", "description": "d\n\nConstraints: maxLength 2."}),
    ({"type": ["object", "null"], "properties": {"a": TEXT}, "description": "d", "minLength": 1},
     {"description": "d", "anyOf": [{"type": "object", "properties": {"a": TEXT}, "additionalProperties": False}, NULL]}),
    ({"type": ["array", "string"], "items": TEXT, "minLength": 1},
     {"anyOf": [{"type": "array", "items": TEXT}, {"type": "string", "description": "Constraints: minLength 1."}]}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), SAYS)
def test_what_the_native_subset_can_say(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr(schema)
    assert grammar_of(having(schema), PARAM) == having(expected)
    assert grammar_of(having({"type": "array", "items": schema}), PARAM) == having({"type": "array", "items": expected})
    assert repr(schema) == before


REFERENCES: list[tuple[Any, dict[str, Any], Any, dict[str, Any]]] = [
    # of a property, definitions -> in the native subset
    ({"$ref": "#/$defs/A"}, {"A": TEXT}, {"$ref": "#/$defs/A"}, {"A": TEXT}),
    ({"$ref": "#/$defs/A"}, {"A": {"type": "integer", "minimum": 1}}, {"$ref": "#/$defs/A"},
     {"A": {"type": "integer", "description": "Constraints: minimum 1."}}),
    ({"$ref": "#/$defs/A"}, {"A": {"type": "array", "items": {"$ref": "#/$defs/B"}}, "B": TEXT}, {"$ref": "#/$defs/A"},
     {"B": TEXT, "A": {"type": "array", "items": {"$ref": "#/$defs/B"}}}),
    ({"anyOf": [{"$ref": "#/$defs/A"}, NULL, {"$ref": "#/$defs/A"}]}, {"A": TEXT},
     {"anyOf": [{"$ref": "#/$defs/A"}, NULL, {"$ref": "#/$defs/A"}]}, {"A": TEXT}),
    # Nothing stands beside a reference.
    ({"$ref": "#/$defs/A", "title": "T"}, {"A": {**TEXT, "title": "U"}}, {**TEXT, "title": "T"}, {}),
    ({"$ref": "#/$defs/A", "minLength": 1}, {"A": TEXT}, {**TEXT, "description": "Constraints: minLength 1."}, {}),
    ({"allOf": [{"$ref": "#/$defs/A"}], "title": "T"}, {"A": TEXT}, {**TEXT, "title": "T"}, {}),
    ({"type": "string", "anyOf": [{"$ref": "#/$defs/A"}, {"enum": ["b"]}]}, {"A": {"enum": ["a"]}},
     {"anyOf": [{**TEXT, "enum": ["a"]}, {**TEXT, "enum": ["b"]}]}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "defs", "expected", "defined"), REFERENCES)
def test_references(schema: Any, defs: dict[str, Any], expected: Any, defined: dict[str, Any]) -> None:
    assert grammar_of(having(schema, **{"$defs": defs}), PARAM) == having(
        expected, **({"$defs": defined} if defined else {})
    )


EMULATED: list[Any] = [
    {},
    True,
    False,
    {"title": "anything"},
    {"type": "object"},
    {"type": "object", "properties": {}, "additionalProperties": True},
    {"type": "object", "properties": {}, "additionalProperties": TEXT},
    {"type": "object", "properties": {}, "required": ["a"]},
    {"type": "object", "properties": {}, "patternProperties": {"^a": TEXT}},
    {"type": "object", "properties": {"a": {}}},
    {"type": "array"},
    {"type": "array", "items": True},
    {"type": "array", "prefixItems": [TEXT]},
    {"type": "array", "items": [TEXT]},
    {"type": ["array", "null"]},
    {"not": NULL},
    {"type": "string", "if": {}, "then": {}},
    {"type": "array", "items": TEXT, "contains": TEXT},
    {"enum": [[1]]},
    {"const": {}},
    {"type": "object", "enum": ["a"]},
    {"type": ["object", "null"], "properties": {}, "enum": [None]},
    {"anyOf": [TEXT, {}]},
    {"anyOf": [TEXT], "not": NULL},
    {"type": "string", "anyOf": [NULL, TEXT]},
    {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
    {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
    {"allOf": [{"$ref": "#/$defs/A", "pattern": "b"}]},
    {"type": "string", "anyOf": [{"$ref": "#/$defs/A", "pattern": "b"}, {"type": "null"}]},
    {"$ref": "#/$defs/Tree"},
    {"$ref": "#/$defs/Tree", "description": "d"},
    {"$ref": "#"},
]
DEFS = {
    "A": {"pattern": "a"},
    "B": {"pattern": "b"},
    "Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
}


@pytest.mark.parametrize("schema", EMULATED)
def test_what_it_cannot_say(schema: Any) -> None:
    assert grammar_of(having(schema, **{"$defs": DEFS}), PARAM) is None


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "array", "items": TEXT}, {"type": ["object", "null"], "properties": {}}, {"anyOf": [having(TEXT), NULL]},
     {"anyOf": [having(TEXT), having(NULL)]}],
)  # fmt: skip
def test_the_top_is_to_be_one_object(schema: dict[str, Any]) -> None:
    assert grammar_of(schema, PARAM) is None


def test_what_would_grow_too_far_is_refused_and_what_would_sink_emulated() -> None:
    wide: dict[str, Any] = {"A0": TEXT}
    for at in range(1, 16):
        both = [{"$ref": f"#/$defs/A{at - 1}", "title": word} for word in "ab"]
        wide[f"A{at}"] = {"anyOf": both}
    with pytest.raises(InvalidRequest, match="grow too large"):
        grammar_of(having({"$ref": "#/$defs/A15"}, **{"$defs": wide}), PARAM)
    deep = {f"A{at}": {"type": "array", "items": {"$ref": f"#/$defs/A{at + 1}"}} for at in range(2_000)} | {
        "A2000": TEXT
    }
    assert grammar_of(having({"$ref": "#/$defs/A0"}, **{"$defs": deep}), PARAM) is None


def test_definitions_are_made_once_however_often_they_are_named() -> None:
    defs: dict[str, Any] = {"A0": TEXT}
    for at in range(1, 16):
        defs[f"A{at}"] = {"anyOf": [{"$ref": f"#/$defs/A{at - 1}"}, {"$ref": f"#/$defs/A{at - 1}"}]}
    assert grammar_of(having({"$ref": "#/$defs/A15"}, **{"$defs": defs}), PARAM) is not None


def test_a_top_that_is_a_reference() -> None:
    required = having(TEXT, required=["x"])
    assert grammar_of({"$ref": "#/$defs/A", "$defs": {"A": required}}, PARAM) == required


def test_objects_that_say_nothing_of_other_keys_are_closed() -> None:
    assert grammar_of({"type": "object", "properties": {"x": TEXT}}, PARAM) == having(TEXT)


@pytest.mark.parametrize(("value", "said"), SAYS)
def test_what_is_said_in_words_alone_is_known(value: dict[str, Any], said: dict[str, Any]) -> None:
    written = for_tool(having(value), "tools[0].function.parameters", takes_refs=True)
    assert is_loosened(written) == ("Constraints: " in str(said))


def test_what_is_said_in_words_alone_of_a_definition_is_known() -> None:
    schema = having({"$ref": "#/$defs/A"}, **{"$defs": {"A": {"type": "integer", "minimum": 1}}})
    assert is_loosened(for_tool(schema, "tools[0].function.parameters", takes_refs=True))


def test_what_is_no_schema_is_refused_in_either_way() -> None:
    for make in (lambda schema: grammar_of(schema, PARAM), lambda schema: wrap_for_tool(schema, PARAM)):
        with pytest.raises(InvalidRequest) as caught:
            make(having({"type": "text"}))
        assert caught.value.param == f"{PARAM}.properties.x.type"
        assert caught.value.code is None
