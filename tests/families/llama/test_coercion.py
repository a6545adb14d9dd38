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
    ("NaN", NUMBER), ("Infinity", NUMBER), ("1e999", NUMBER), ("yes", BOOLEAN), ("1", BOOLEAN),
    ("a, b", ARRAY), ("{}", ARRAY), ("[]", OBJECT), ("[1", ARRAY), ("[" * 70 + "]" * 70, ARRAY), ("[f()]", ARRAY),
    (1, BOOLEAN), (True, STRING), (True, INTEGER), (None, STRING), (1.5, STRING), (1.5, INTEGER), (1, NUMBER), (1, ANY),
    ({"a": 1}, STRING), ([1], STRING), ("5", True), ("5", False), ("5", {"anyOf": [INTEGER, ANY]}),
    ("true", INTEGER), ("0x10", INTEGER), ("1_000", INTEGER), ("٥", INTEGER), ("0", NULL), ("true", {"const": 1}),
    ("five", {"enum": [1, 2]}), ("[" * 100_000, ARRAY), ({"n": 5}, PLACE), ([5, 6], INTEGERS),
    # References that lead nowhere, out of the schema or in circles.
    ("5", {"$ref": "#/$defs/none"}), ("5", {"$ref": "other.json"}), ("5", {"$ref": "#anchor"}), ("5", {"$ref": "#"}),
    ("5", {"$ref": 5}), ("5", {"$ref": "#/properties/x", "properties": {"x": {"$ref": "#"}}}),
    ("5", {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}),
    # A string may be meant where one of several schemas takes it.
    ("5", {"allOf": [ANY, {"minLength": 1}]}), ("5", {"anyOf": [INTEGER, STRING]}),
    ({"a": "5"}, {"oneOf": [{"properties": {"a": INTEGER}}, {"properties": {"a": STRING}}]}),
    ({"x": "1"}, {"patternProperties": {"^x": STRING}, "additionalProperties": INTEGER}),
    # What names properties or items and no type takes everything else as well.
    *((value, {"anyOf": [{"properties": {"a": INTEGER}}, other]})
      for value, other in (("5", INTEGER), ("null", NULL), ("true", BOOLEAN), (5, STRING), (["5"], INTEGERS))),
    *((value, {"anyOf": [{"items": INTEGER}, other]}) for value, other in (("5", INTEGER), ({"floor": "5"}, PLACE))),
    # Schemas that are none.
    *(("5", schema) for schema in (None, "x", 5, [], {"type": 5}, {"type": [{}]}, {"type": "any"})),
    ("5", {"anyOf": {}, "allOf": 1}), ("5", {"enum": "5"}),
    *(({"a": "5"}, schema) for schema in ({"properties": []}, {"properties": {"a": 5}}, {"additionalProperties": "x"})),
    *((["5"], schema) for schema in ({"items": "x"}, {"prefixItems": {}}, {"items": [5], "additionalItems": None})),
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
    ("[]", {"items": {}}, []), (["1"], {"anyOf": [NULL, INTEGERS]}, [1]), (["1", 2, "x"], INTEGERS, [1, 2, "x"]),
    (" -5\n", INTEGER, -5), ("9" * 40, INTEGER, int("9" * 40)), ("-1.5e-3", NUMBER, -0.0015), ("none", NULL, None),
    ("['a']", ARRAY, ["a"]), ("1", {"const": 1.0}, 1), ("5", {"anyOf": [False, INTEGER]}, 5),
    ("true", {"oneOf": [INTEGER, BOOLEAN]}, True), ("5", {"anyOf": [INTEGER, BOOLEAN], "oneOf": [INTEGER, ARRAY]}, 5),
    ("5", {"allOf": [{"type": ["string", "integer"]}, INTEGER]}, 5), ("5", {"type": "integer", "minimum": 0}, 5),
    (["a", "1", "2"], {"prefixItems": [STRING], "items": INTEGER}, ["a", 1, 2]),
    (["a", "1", "2"], {"items": [STRING, INTEGER], "additionalItems": INTEGER}, ["a", 1, 2]),
    (["a", "1", "2"], {"items": [STRING, INTEGER]}, ["a", 1, "2"]),
    # What stands beside a union holds as well, and one that forbids a name is not meant by what has it.
    ({"a": "5"}, {"type": "object", "properties": {"a": INTEGER}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
     {"a": 5}),
    ({"k": "a", "v": "5"}, {"anyOf": [{"properties": {"k": STRING, "v": INTEGER}},
                                      {"properties": {"k": STRING}, "additionalProperties": False}]}, {"k": "a", "v": 5}),
    ({"a": {"b": ["true"]}}, {"properties": {"a": {"properties": {"b": {"items": BOOLEAN}}}}}, {"a": {"b": [True]}}),
    ("5", {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/B"}]}, "B": INTEGER}}, 5),
    ({"a": "5", "more": "5"}, {"properties": {"a": INTEGER}}, {"a": 5, "more": "5"}),
    ({"a": "1"}, {"type": "object", "additionalProperties": INTEGER}, {"a": 1}),
    ({"a": {"floor": "1"}}, {"properties": {"a": {"anyOf": [NULL, PLACE]}}}, {"a": {"floor": 1}}),
    ({"a": {"a": {"n": "1"}}}, {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}, {"a": {"a": {"n": 1}}}),
    # It is meant for them all the same, and what it holds is changed to what it asks for.
    ('{"a": "5"}', {"anyOf": [{"properties": {"a": INTEGER}}, INTEGER]}, {"a": 5}),
    ({"a": "5"}, {"anyOf": [{"properties": {"a": INTEGER}}, STRING]}, {"a": 5}),
    ('["5"]', {"anyOf": [{"items": INTEGER}, NULL]}, [5]),
    (5, STRING, "5"), (10**30, STRING, str(10**30)), (5.0, INTEGER, 5),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema"), SAME, ids=lambda value: repr(value)[:40])
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
        ("1.10", {"anyOf": [{"properties": {}}, STRING]}, "1.10"),
    ],
)
def test_numbers_keep_their_digits(written: str, schema: Any, text: str) -> None:
    assert number_text(written, Shape(schema)) == text


def test_schemas_without_end_are_not_followed_without_end() -> None:
    union = [{"properties": {str(at): STRING}} for at in range(20)]
    for schema in (
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}] * 40},
        {"anyOf": [INTEGER] * 1000},
        {"type": "integer", "allOf": [{"anyOf": union} for _ in range(20)]},
        # As many as a request can hold, and none of them to be copied for each of the others.
        {"allOf": [{"anyOf": [INTEGER] * 1_000_000}, *[INTEGER] * 1_000_000]},
        {"anyOf": [{"$ref": f"#{'/a' * 1_000_000}"}] * 190, "a": INTEGER},
    ):
        assert Shape(schema).takes("string")
        assert coerce("5", Shape(schema)) == "5"


def test_a_place_is_looked_at_once() -> None:
    """However many elements and names there are: a schema made for it could take for ever."""
    items = {"allOf": [{"anyOf": [INTEGER] * 5}] * 2}
    shape = Shape({"items": items, "additionalProperties": items})
    assert shape.item(0) is shape.item(9_999)
    assert shape.property("a") is shape.property("b")
    assert coerce(["5"] * 10_000, shape) == [5] * 10_000


def test_what_lies_too_deep_is_left_alone() -> None:
    schema = {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}
    value: Any = {"n": "1"}
    for _ in range(100):
        value = {"a": value}
    assert coerce(value, Shape(schema)) == value
