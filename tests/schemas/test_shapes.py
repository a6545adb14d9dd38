from typing import Any

import pytest

from proxy.schemas.shapes import SHAPES

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
