from typing import Any

import pytest
from jsonschema_rs import meta

from proxy.schemas.drafts import is_old, modern, spelt

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
