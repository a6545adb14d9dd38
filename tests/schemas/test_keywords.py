from typing import Any

import pytest

from proxy.schemas.keywords import children, weight, without


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


def test_without() -> None:
    assert without({"a": 1, "b": 2, "c": 3}, "a", "c", "x") == {"b": 2}


WEIGHTS: list[tuple[dict[str, Any], int]] = [
    ({}, 1),
    ({"type": "string", "description": "a" * 100}, 1),
    ({"description": "a" * 5_120}, 11),
    ({"a" * 5_120: 1}, 11),
    ({f"x-{at}": 1 for at in range(80)}, 11),
    ({"enum": [1] * 80}, 11),
    ({"anyOf": [{}] * 80}, 11),
    ({"properties": {f"{at}": {"description": "a" * 5_120} for at in range(80)}}, 11),
    ({"properties": {"a" * 5_120: {}}}, 11),
    ({"default": [["a" * 5_120]]}, 11),
    ({"items": {"enum": [1] * 80}}, 1),
]


@pytest.mark.parametrize(("node", "steps"), WEIGHTS)
def test_a_node_weighs_what_it_takes_to_read_and_write_it(node: dict[str, Any], steps: int) -> None:
    assert weight(node) == steps
