"""Values as the model wrote them, and what the schema makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.families.llama.coercion import Shape, coerce, number_text

ANY: dict[str, Any] = {}
STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
BOOLEAN, NULL, ARRAY, OBJECT = {"type": "boolean"}, {"type": "null"}, {"type": "array"}, {"type": "object"}
INTEGERS = {"type": "array", "items": INTEGER}
PLACE = {"type": "object", "properties": {"zip": STRING, "floor": INTEGER}}

SAME = [
    ("007", STRING), ("true", STRING), ("null", STRING), ("[1]", STRING), ("5", ANY), ("5", {"description": "x"}),
    ("5", {"type": ["string", "integer"]}), ("null", {"anyOf": [STRING, NULL]}), ("5", {"enum": ["5", 5]}),
    ("seven", INTEGER), ("1.5", INTEGER), ("1e3", INTEGER), ("", INTEGER), ("1,000", INTEGER), ("9" * 400, INTEGER),
    ("NaN", NUMBER), ("Infinity", NUMBER), ("1e999", NUMBER), ("yes", BOOLEAN), ("1", BOOLEAN), ("none", NULL),
    ("a, b", ARRAY), ("{}", ARRAY), ("[]", OBJECT), ("[1", ARRAY), ("[" * 70 + "]" * 70, ARRAY), ("[f()]", ARRAY),
    (1, BOOLEAN), (True, STRING), (True, INTEGER), (None, STRING), (1.5, STRING), (1.5, INTEGER), (1, NUMBER), (1, ANY),
    ({"a": 1}, STRING), ([1], STRING), ("5", True), ("5", {"anyOf": [INTEGER, ANY]}), ("5", {"$ref": "#/$defs/none"}),
    ("5", {"$ref": "other.json"}), ("5", {"$ref": "#/properties/x", "properties": {"x": {"$ref": "#"}}}),
    ("5", {"allOf": [ANY, {"minLength": 1}]}),
]  # fmt: skip

CHANGED = [
    ("5", INTEGER, 5), (" -5 ", INTEGER, -5), ("+5", INTEGER, 5), ("007", INTEGER, 7), ("5.0", INTEGER, 5),
    ("5.", INTEGER, 5), ("5", NUMBER, 5), ("5.0", NUMBER, 5.0), ("1.10", NUMBER, 1.1), ("1e3", NUMBER, 1000.0),
    (".5", NUMBER, 0.5),
    ("5", {"type": ["integer", "null"]}, 5), ("null", {"type": ["integer", "null"]}, None), ("None", NULL, None),
    ("null", {"type": "integer", "nullable": True}, None), ("true", BOOLEAN, True), ("False", BOOLEAN, False),
    ("5", {"enum": [1, 5]}, 5), ("5", {"const": 5}, 5), ("5", {"anyOf": [INTEGER, NULL]}, 5), ("5", {"oneOf": [NUMBER]}, 5),
    ("5", {"$ref": "#/$defs/n", "$defs": {"n": INTEGER}}, 5),
    ("5", {"$ref": "#/$defs/a~1b~0", "$defs": {"a/b~": INTEGER}}, 5),
    ("5", {"allOf": [{"description": "x"}, {"$ref": "#/$defs/n"}], "$defs": {"n": {"allOf": [INTEGER]}}}, 5),
    ('["1", 2]', INTEGERS, [1, 2]), ("['1', 2,]", INTEGERS, [1, 2]), ("(1, '2')", {"type": ["array"]}, "(1, '2')"),
    ('{"zip": 75001, "floor": "2"}', PLACE, {"zip": "75001", "floor": 2}), ("{'a': True}", {"properties": {}}, {"a": True}),
    ("[]", {"items": {}}, []), (["1"], {"anyOf": [NULL, INTEGERS]}, [1]), ((1, 2), ANY, [1, 2]),
    ({"a": "1"}, {"type": "object", "additionalProperties": INTEGER}, {"a": 1}),
    ({"a": {"floor": "1"}}, {"properties": {"a": {"anyOf": [NULL, PLACE]}}}, {"a": {"floor": 1}}),
    ({"a": {"a": {"n": "1"}}}, {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}, {"a": {"a": {"n": 1}}}),
    (5, STRING, "5"), (10**30, STRING, str(10**30)), (5.0, INTEGER, 5),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema"), SAME)
def test_what_the_schema_takes_or_cannot_be_helped_stays(value: Any, schema: Any) -> None:
    result = coerce(value, Shape(schema))
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(("value", "schema", "expected"), CHANGED)
def test_what_the_schema_does_not_take_is_changed(value: Any, schema: Any, expected: Any) -> None:
    result = coerce(value, Shape(schema))
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("written", "schema", "text"),
    [
        ("1.10", ANY, "1.10"),
        ("1.10", NUMBER, "1.10"),
        ("1.10", STRING, '"1.10"'),
        ("5.00", INTEGER, "5"),
        ("5", INTEGER, "5"),
        ("5.5", INTEGER, "5.5"),
        ("12345678901234567890.0", INTEGER, "12345678901234567890"),
        ("5", {"type": ["integer", "string"]}, "5"),
        ("5", BOOLEAN, "5"),
    ],
)
def test_numbers_keep_their_digits(written: str, schema: Any, text: str) -> None:
    assert number_text(written, Shape(schema)) == text


def test_schemas_without_end_are_not_followed_without_end() -> None:
    twice = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert Shape(twice).kinds is None
    members = {"allOf": [{"$ref": "#"}] * 40}
    assert Shape(members).kinds is None
    assert Shape({"anyOf": [INTEGER] * 1000}).kinds == {"integer"}


def test_what_lies_too_deep_is_left_alone() -> None:
    schema = {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}
    value: Any = {"n": "1"}
    for _ in range(100):
        value = {"a": value}
    assert coerce(value, Shape(schema)) == value
