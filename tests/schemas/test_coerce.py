from typing import Any

import pytest

from proxy import jsonio
from proxy.schemas.coerce import coerce
from proxy.schemas.tools import for_tool

INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
BOOLEAN = {"type": "boolean"}
TEXT = {"type": "string"}
ARRAY = {"type": "array", "items": INTEGER}
OBJECT = {"type": "object", "properties": {"n": INTEGER, "s": TEXT}}

COERCED: list[tuple[Any, Any, Any]] = [
    ("5", INTEGER, 5),
    (" -5\n", INTEGER, -5),
    ("0", INTEGER, 0),
    ("9" * 40, INTEGER, int("9" * 40)),
    ("5.0", INTEGER, 5),
    ("1e3", INTEGER, 1000),
    ("5", NUMBER, 5),
    ("2.5", NUMBER, 2.5),
    ("0.10", NUMBER, 0.1),
    ("-1.5e-3", NUMBER, -0.0015),
    ("1e300", NUMBER, 1e300),
    ("true", BOOLEAN, True),
    ("False", BOOLEAN, False),
    ("null", {"type": "null"}, None),
    ("None", {"type": ["integer", "null"]}, None),
    ("5", {"type": ["integer", "null"]}, 5),
    ("[1, 2]", ARRAY, [1, 2]),
    ('["1", 2]', ARRAY, [1, 2]),
    ('{"n": "5", "s": "5"}', OBJECT, {"n": 5, "s": "5"}),
    (["1", 2, "x"], ARRAY, [1, 2, "x"]),
    ({"n": "5", "s": "5", "more": "5"}, OBJECT, {"n": 5, "s": "5", "more": "5"}),
    ({"a": {"b": ["true"]}}, {"properties": {"a": {"properties": {"b": {"items": BOOLEAN}}}}}, {"a": {"b": [True]}}),
    ("1", {"enum": [1, 2, "3"]}, 1),
    ("1", {"const": 1}, 1),
    ("1", {"const": 1.0}, 1),
    ({"x": "1"}, {"additionalProperties": INTEGER}, {"x": 1}),
    (["a", "1", "2"], {"prefixItems": [TEXT], "items": INTEGER}, ["a", 1, 2]),
    (["a", "1", "2"], {"items": [TEXT, INTEGER], "additionalItems": INTEGER}, ["a", 1, 2]),
    (["a", "1", "2"], {"items": [TEXT, INTEGER]}, ["a", 1, "2"]),
    # Unions: every branch that may be meant has a say.
    ("5", {"anyOf": [INTEGER, {"type": "null"}]}, 5),
    ("true", {"oneOf": [INTEGER, BOOLEAN]}, True),
    ("5", {"anyOf": [INTEGER, BOOLEAN], "oneOf": [INTEGER, ARRAY]}, 5),
    ("5", {"allOf": [{"type": ["string", "integer"]}, INTEGER]}, 5),
    ("5", {"anyOf": [False, INTEGER]}, 5),
    ({"k": "a", "v": "5"}, {"anyOf": [{"properties": {"k": {"const": "a"}, "v": INTEGER}},
                                      {"properties": {"k": {"enum": ["b", "c"]}, "v": TEXT}}]}, {"k": "a", "v": 5}),
    ({"k": "1", "v": "5"}, {"anyOf": [{"properties": {"k": {"const": 1}, "v": INTEGER}},
                                      {"properties": {"k": {"const": 2}, "v": TEXT}}]}, {"k": 1, "v": 5}),
    ({"a": "5"}, {"oneOf": [{"properties": {"a": INTEGER}, "required": ["a"]},
                            {"properties": {"a": TEXT}, "required": ["b"]}]}, {"a": 5}),
    # When none is meant, all objects are.
    ({"a": "5"}, {"anyOf": [{"properties": {"a": INTEGER}, "required": ["b"]}, {"type": "null"}]}, {"a": 5}),
    # References, also those that lead back.
    ({"a": "5"}, {"properties": {"a": {"$ref": "#/$defs/I"}}, "$defs": {"I": INTEGER}}, {"a": 5}),
    ({"a": {"a": {"n": "5"}}}, {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}, {"a": {"a": {"n": 5}}}),
    ("5", {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/B"}]}, "B": INTEGER}}, 5),
]  # fmt: skip


@pytest.mark.parametrize(("value", "schema", "expected"), COERCED)
def test_coerced(value: Any, schema: Any, expected: Any) -> None:
    before = jsonio.encode(value)
    out = coerce(value, schema)
    assert jsonio.encode(out) == jsonio.encode(expected)
    assert jsonio.encode(value) == before


STAYS: list[tuple[Any, Any]] = [
    ("5", TEXT),
    ("5", {}),
    ("5", True),
    ("5", False),
    ("5", {"type": ["integer", "string"]}),
    ("5", {"anyOf": [INTEGER, TEXT]}),
    ("5", {"anyOf": [INTEGER, {}]}),
    ("3", {"enum": [1, 2, "3"]}),
    ("4", {"enum": [1, 2, "3"]}),
    ("true", {"const": 1}),
    ("five", INTEGER),
    ("", INTEGER),
    ("05", INTEGER),
    ("+5", INTEGER),
    ("5.", NUMBER),
    ("0x10", INTEGER),
    ("1_000", INTEGER),
    ("٥", INTEGER),
    ("2.5", INTEGER),
    ("NaN", NUMBER),
    ("1e999", NUMBER),
    ("0.1234567890123456789012345", NUMBER),
    ("9" * 400, INTEGER),
    ("yes", BOOLEAN),
    ("1", BOOLEAN),
    ("0", {"type": "null"}),
    ("true", INTEGER),
    ("[1, 2", ARRAY),
    ("[1]", OBJECT),
    ("['a']", ARRAY),
    ('{"a": 1, "a": 2}', OBJECT),
    ("[" * 100_000, ARRAY),
    ("[\ud800]", ARRAY),
    (5, TEXT),
    (True, INTEGER),
    (None, INTEGER),
    (["a"], TEXT),
    ([5, 6], ARRAY),
    ({"n": 5}, OBJECT),
    ({"x": "1"}, {"patternProperties": {"^x": TEXT}, "additionalProperties": INTEGER}),
    ("5", {"$ref": "#/$defs/none"}),
    ("5", {"$ref": "other.json"}),
    ("5", {"$ref": "#anchor"}),
    ("5", {"$ref": "#"}),
    ("5", {"$ref": 5}),
    ("5", {"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}),
]


@pytest.mark.parametrize(("value", "schema"), STAYS, ids=lambda value: repr(value)[:40])
def test_what_stays(value: Any, schema: Any) -> None:
    assert coerce(value, schema) is value


@pytest.mark.parametrize(
    "schema",
    [None, "x", 5, [], {"type": 5}, {"type": [{}]}, {"properties": []}, {"properties": {"a": 5}}, {"required": [[1]]},
     {"anyOf": {}, "allOf": 1, "enum": "a"}, {"items": "x", "prefixItems": {}}, {"type": "any"}],
)  # fmt: skip
def test_a_schema_that_is_none_changes_nothing(schema: Any) -> None:
    for value in ("5", {"a": "5"}, ["5"]):
        assert coerce(value, schema) is value


def test_only_what_changes_is_copied() -> None:
    value = {"a": {"n": "5"}, "b": {"n": 5}}
    out = coerce(value, {"properties": {"a": OBJECT, "b": OBJECT}})
    assert out == {"a": {"n": 5}, "b": {"n": 5}}
    assert out["b"] is value["b"]


def test_depth_is_bounded() -> None:
    tree = {"properties": {"a": {"$ref": "#"}, "n": INTEGER}}
    value: Any = {"n": "5"}
    for _ in range(900):
        value = {"a": value, "n": "5"}
    out = coerce(value, tree)
    assert out["a"]["n"] == 5
    for _ in range(900):
        out = out["a"]
    assert out == {"n": "5"}


def test_unions_without_end_are_given_up() -> None:
    union = [{"properties": {str(at): TEXT}} for at in range(20)]
    schema = {"type": "integer", "allOf": [{"anyOf": union} for _ in range(20)]}
    assert coerce("5", schema) == "5"


def test_a_schema_made_to_take_for_ever_is_left_before() -> None:
    schema = {"items": {"allOf": [{"anyOf": [INTEGER] * 5}] * 2}}
    out = coerce(["5"] * 10_000, schema)
    assert out[0] == 5
    assert out[-1] == "5"
    assert coerce(["5"] * 10_000, ARRAY) == [5] * 10_000


def test_what_for_tool_gives_is_understood() -> None:
    schema = {
        "anyOf": [{"properties": {"n": INTEGER}, "required": ["n"]}, {"properties": {"b": BOOLEAN}, "required": ["b"]}]
    }
    for understood in (schema, for_tool(schema, "p")):
        assert coerce({"n": "5"}, understood) == {"n": 5}
        assert coerce({"b": "true"}, understood) == {"b": True}
        # The branch that wants an n lets b be anything.
        assert coerce({"b": "true", "n": "5"}, understood) == {"b": "true", "n": "5"}
