import random
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.schemas.keys import KeyStream, rename, renamed
from proxy.schemas.tools import for_tool

PARAM = "tools[0].function.parameters"
TEXT = {"type": "string"}

RENAMED: list[tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = [
    ({"properties": {"filter[id]": TEXT, "b": TEXT}, "required": ["filter[id]", "b"]},
     {"properties": {"filter_id_": TEXT, "b": TEXT}, "required": ["filter_id_", "b"]},
     {"filter_id_": "filter[id]"}),
    ({"properties": {"a b": TEXT, "a_b": TEXT, "a$b": TEXT}},
     {"properties": {"a_b_2": TEXT, "a_b": TEXT, "a_b_3": TEXT}},
     {"a_b_2": "a b", "a_b_3": "a$b"}),
    ({"properties": {"": TEXT, "é": TEXT, "x" * 65: TEXT, "x" * 64: TEXT}},
     {"properties": {"_": TEXT, "__2": TEXT, "x" * 58: TEXT, "x" * 64: TEXT}},
     {"_": "", "__2": "é", "x" * 58: "x" * 65}),
    # Names within a value are nobody's trouble.
    ({"properties": {"$top": {"type": "object", "properties": {"$top": TEXT}, "required": ["$top"], "const": 1}}},
     {"properties": {"_top": {"type": "object", "properties": {"$top": TEXT}, "required": ["$top"], "const": 1}}},
     {"_top": "$top"}),
    # All that judges the object itself goes along.
    ({"properties": {"$a": {}, "b": {}}, "dependentRequired": {"$a": ["b"], "b": ["$a"]},
      "dependentSchemas": {"$a": {"required": ["$a"]}, "b": False}, "if": {"type": "object"},
      "then": {"anyOf": [{"required": ["$a"]}, {"not": {"properties": {"$a": TEXT}}}]}, "else": True},
     {"properties": {"_a": {}, "b": {}}, "dependentRequired": {"_a": ["b"], "b": ["_a"]},
      "dependentSchemas": {"_a": {"required": ["_a"]}, "b": False}, "if": {"type": "object"},
      "then": {"anyOf": [{"required": ["_a"]}, {"not": {"properties": {"_a": TEXT}}}]}, "else": True},
     {"_a": "$a"}),
    ({"properties": {"$a": {"$ref": "#/$defs/A"}}, "then": {"$ref": "#/$defs/A", "title": "T"},
      "$defs": {"A": {"required": ["$a"]}}},
     {"properties": {"_a": {"$ref": "#/$defs/A"}}, "then": {"required": ["_a"], "title": "T"},
      "$defs": {"A": {"required": ["$a"]}}},
     {"_a": "$a"}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected", "names"), RENAMED)
def test_names_are_changed_wherever_they_are_judged(
    schema: dict[str, Any], expected: dict[str, Any], names: dict[str, str]
) -> None:
    before = repr(schema)
    assert rename(schema, PARAM) == (expected, names)
    assert repr(schema) == before


def test_thousands_of_names() -> None:
    out, names = rename({"properties": {"é" * length: {} for length in range(1, 3_000)}}, PARAM)
    assert len(out["properties"]) == len(names) == 2_999
    assert all(len(name) <= 64 for name in names)


def test_good_names_stay() -> None:
    schema = {"type": "object", "properties": {"a.b-C_9": TEXT, "x" * 64: TEXT}, "patternProperties": {"^$": {}}}
    assert rename(schema, PARAM) == (schema, {})
    assert rename(schema, PARAM)[0] is schema


UNCHANGEABLE: list[dict[str, Any]] = [
    {"properties": {"$a": {}}, "patternProperties": {"^\\$": TEXT}},
    {"properties": {"$a": {}}, "propertyNames": {"maxLength": 2}},
    {"properties": {"$a": {}}, "enum": [{"$a": 1}]},
    {"properties": {"$a": {}}, "then": {"anyOf": [{"const": {"$a": 1}}]}},
    {"properties": {"$a": {}}, "not": {"$ref": "#/$defs/A"}, "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}},
]


@pytest.mark.parametrize("schema", UNCHANGEABLE)
def test_names_that_patterns_judge_too_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="this model takes property names of 1 to 64 letters") as caught:
        rename(schema, PARAM, name="f")
    assert caught.value.param == f"{PARAM}.properties.$a"
    assert caught.value.code == "invalid_function_parameters"


def test_the_same_objects_are_accepted_under_the_new_names() -> None:
    schema = {
        "oneOf": [
            {"properties": {"$a": {"type": "integer"}, "b": TEXT}, "required": ["$a"], "additionalProperties": False},
            {"properties": {"$a": TEXT, "c d": {}}, "dependentRequired": {"$a": ["c d"]}, "minProperties": 1},
        ]
    }
    out, names = rename(for_tool(schema, PARAM), PARAM)
    assert names == {"_a": "$a", "c_d": "c d"}
    back = {own: safe for safe, own in names.items()}
    original, adapted = Draft202012Validator(schema), Draft202012Validator(out)
    verdicts = set()
    for seed in range(300):
        random_ = random.Random(seed)
        value = {
            name: random_.choice([1, "x", None])
            for name in random_.sample(["$a", "b", "c d", "e"], random_.randint(0, 4))
        }
        assert renamed(renamed(value, back), names) == value
        assert adapted.is_valid(renamed(value, back)) == original.is_valid(value)
        verdicts.add(original.is_valid(value))
    assert verdicts == {True, False}


NAMES = {"_a": "$a", "q": 'say "é"'}
STREAMS: list[tuple[str, str]] = [
    ('{"_a": 1, "b": "_a", "q":null}', '{"$a": 1, "b": "_a", "say \\"é\\"":null}'),
    ('{"_a":{"_a":["_a",{"_a":1}]},"_a":"}"}', '{"$a":{"_a":["_a",{"_a":1}]},"$a":"}"}'),
    ('{"b":"\\",\\"_a\\":", "_a":"\\\\"}', '{"b":"\\",\\"_a\\":", "$a":"\\\\"}'),
    ('{"\\u005fa":1}', '{"$a":1}'),
    ('{"b\\q":1,"b":2}', '{"b\\q":1,"b":2}'),
    ('["_a",{"_a":1},"_a"]', '["_a",{"_a":1},"_a"]'),
    ("{}", "{}"),
    ("", ""),
    ('{"_a":1,"_', '{"$a":1,"_'),
    ('"_a"', '"_a"'),
]


@pytest.mark.parametrize(("text", "expected"), STREAMS)
def test_a_stream_of_arguments_in_every_split(text: str, expected: str) -> None:
    for size in range(1, len(text) + 1):
        stream = KeyStream(NAMES)
        out = "".join(stream.feed(text[at : at + size]) for at in range(0, len(text), size))
        assert out + stream.close() == expected


def test_only_a_name_is_held_back() -> None:
    stream = KeyStream(NAMES)
    assert stream.feed('{"_') == "{"
    assert stream.feed('a"') == '"$a"'
    assert stream.feed(': "te') == ': "te'
    assert stream.feed('xt"}') == 'xt"}'
    assert stream.close() == ""
    assert jsonio.decode('{"$a": "text"}') == {"$a": "text"}
