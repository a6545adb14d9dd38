from typing import Any

import pytest
from jsonschema_rs import meta

from proxy.schemas.keywords import SHAPES, children, is_old, modern, spelt, without

MODERN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$schema": "x", "$id": "y", "$anchor": "z", "type": "string"}, {"type": "string"}),
    ({"$defs": {}, "definitions": {}, "$vocabulary": {}, "$dynamicAnchor": "a", "$recursiveAnchor": True}, {}),
    ({"items": [{}, True]}, {"prefixItems": [{}, True]}),
    ({"items": [{}], "additionalItems": False}, {"prefixItems": [{}], "items": False}),
    ({"items": [{}], "additionalItems": True}, {"prefixItems": [{}]}),
    ({"items": [], "additionalItems": {"type": "null"}}, {"items": {"type": "null"}}),
    ({"items": []}, {}),
    ({"items": {}, "additionalItems": False}, {"items": {}}),
    ({"additionalItems": False}, {}),
    ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
    ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
    ({"exclusiveMinimum": True}, {}),
    ({"maximum": 1.5, "exclusiveMaximum": True, "minimum": 0}, {"minimum": 0, "exclusiveMaximum": 1.5}),
    ({"minimum": 1, "exclusiveMinimum": 0}, {"minimum": 1, "exclusiveMinimum": 0}),
    ({"type": ["string", "null", "string"]}, {"type": ["string", "null"]}),
    ({"required": ["a", "b", "a"]}, {"required": ["a", "b"]}),
    ({"title": None, "description": None, "$comment": None, "default": None}, {"default": None}),
    ({"examples": "x"}, {"examples": ["x"]}),
    ({"examples": ["x"]}, {"examples": ["x"]}),
    ({"dependencies": {"a": ["b", "b"], "c": {"type": "object"}}},
     {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"type": "object"}}}),
    ({"dependencies": {"a": ["b"]}, "dependentRequired": {"a": ["c"], "d": ["e"]}},
     {"dependentRequired": {"a": ["c", "b"], "d": ["e"]}}),
    ({"dependencies": {"a": False}, "dependentSchemas": {"a": {"minProperties": 2}}},
     {"dependentSchemas": {"a": {"allOf": [{"minProperties": 2}, False]}}}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), MODERN)
def test_older_drafts_are_respelt(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr(old)
    assert modern(old) == new
    assert repr(old) == before
    assert meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **modern(old)})


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"type": "string", "title": "T", "x-own": None},
        {"type": ["string", "null"], "required": ["a"], "items": {}, "description": "", "default": None},
    ],
)
def test_what_needs_no_change_is_the_same_object(node: dict[str, Any]) -> None:
    assert modern(node) is node


@pytest.mark.parametrize(
    ("node", "keyword", "expected"),
    [
        ({"items": [{}]}, "prefixItems", "items"),
        ({"items": [{}]}, "items", "additionalItems"),
        ({"items": {}, "prefixItems": []}, "items", "items"),
        ({"items": {}, "prefixItems": []}, "prefixItems", "prefixItems"),
        ({"dependencies": {}}, "dependentSchemas", "dependencies"),
        ({"dependentSchemas": {}}, "dependentSchemas", "dependentSchemas"),
        ({"not": {}}, "not", "not"),
    ],
)
def test_a_keyword_is_found_where_the_client_has_it(node: dict[str, Any], keyword: str, expected: str) -> None:
    assert spelt(node, keyword) == expected


def test_children_are_named_by_where_they_stand() -> None:
    node = {
        "type": "object",
        "not": True,
        "anyOf": [{}, False],
        "items": [{"type": "null"}],
        "properties": {"a": {}, "b": True},
        "dependencies": {"c": ["d"], "e": {}},
        "enum": [{}],
        "default": {"properties": {}},
    }
    assert [*children(node)] == [
        ("not", None, True),
        ("anyOf", 0, {}),
        ("anyOf", 1, False),
        ("items", 0, {"type": "null"}),
        ("properties", "a", {}),
        ("properties", "b", True),
        ("dependencies", "e", {}),
    ]
    assert [*children({"items": {}, "additionalProperties": False})] == [
        ("items", None, {}),
        ("additionalProperties", None, False),
    ]


RIGHT = {
    "type": ["string", ["string", "null"]],
    "enum": [[], [None]],
    "required": [[], ["a"]],
    "dependentRequired": [{}, {"a": []}],
    "multipleOf": [1, 0.5],
    "minimum": [0, -1.5],
    "exclusiveMinimum": [True, 1],
    "minLength": [0, 2, 2.0],
    "pattern": ["", "^a"],
    "description": ["", None],
    "uniqueItems": [True],
    "items": [{}, True, [], [{}]],
    "not": [{}, False],
    "anyOf": [[{}]],
    "prefixItems": [[], [{}]],
    "properties": [{}],
    "dependencies": [{}, {"a": [], "b": ["c"], "d": {}, "e": True}],
    "$ref": ["#"],
}
WRONG = {
    "type": ["any", "String", None, 1, [], ["x"], [1], {}],
    "enum": [None, "a", {}],
    "required": [None, True, "a", [1], [None]],
    "dependentRequired": [[], {"a": "b"}, {"a": [1]}],
    "multipleOf": [0, -1, "1", True, None],
    "minimum": ["0", True, None],
    "exclusiveMinimum": ["0", None],
    "minLength": [-1, 1.5, "1", True, None],
    "pattern": [None, 1],
    "description": [1, {}],
    "uniqueItems": ["true", None, 1],
    "items": ["string", None, 1],
    "not": [None, []],
    "anyOf": [[], {}, None],
    "prefixItems": [{}, None],
    "properties": [[], None, "a"],
    "$ref": [None, {}],
    "$dynamicRef": ["#a"],
    "dependencies": [[], {"a": [1]}, {"a": [{}]}],
    "$recursiveRef": ["#"],
}


@pytest.mark.parametrize(("table", "expected"), [(RIGHT, True), (WRONG, False)], ids=["right", "wrong"])
def test_shapes(table: dict[str, list[Any]], expected: bool) -> None:
    for keyword, values in table.items():
        fits, words = SHAPES[keyword]
        for value in values:
            assert fits(value) is expected, (keyword, value)
        assert words


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://json-schema.org/draft-07/schema#", True),
        ("https://json-schema.org/draft-07/schema", True),
        ("http://json-schema.org/draft-04/schema#", True),
        ("https://json-schema.org/draft/2019-09/schema", False),
        ("https://json-schema.org/draft/2020-12/schema", False),
        ("", False),
    ],
)
def test_old_drafts_are_known_by_their_uri(uri: str, expected: bool) -> None:
    assert is_old({"$schema": uri}) is expected
    assert not is_old({})


def test_without() -> None:
    assert without({"a": 1, "b": 2, "c": 3}, "a", "c", "x") == {"b": 2}
