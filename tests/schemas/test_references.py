from typing import Any

import pytest

from proxy.schemas.references import inner_first, referred


def to(*names: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]}


def test_what_a_schema_refers_to() -> None:
    node = {"$ref": "#/$defs/a", "items": {"$ref": "#/$defs/b"}, "not": {"properties": {"$ref": True, "x": to("c")}}}
    assert referred(node) == ["a", "b", "c"]
    assert referred(node, in_place=True) == ["a"]
    assert referred(True) == []


ORDERS: list[tuple[dict[str, Any], list[str], set[str]]] = [
    ({}, [], set()),
    ({"a": {}, "b": {}}, ["a", "b"], set()),
    ({"a": to("b", "c"), "b": to("c"), "c": {}}, ["c", "b", "a"], set()),
    ({"a": to("a")}, ["a"], {"a"}),
    ({"a": to("b"), "b": to("c"), "c": to("a", "b")}, ["c", "b", "a"], {"a", "b"}),
    ({"a": to("b"), "b": {}, "c": to("d"), "d": to("a", "c")}, ["b", "a", "d", "c"], {"c"}),
]


@pytest.mark.parametrize(("defs", "order", "endless"), ORDERS)
def test_definitions_inner_first(defs: dict[str, Any], order: list[str], endless: set[str]) -> None:
    assert inner_first(defs) == (order, endless)


def test_only_those_that_look_at_the_same_value() -> None:
    assert inner_first({"a": {"items": to("a")}, "b": to("a", "b")}, in_place=True) == (["a", "b"], {"b"})


def test_thousands_in_a_row() -> None:
    defs = {str(at): to(str(at + 1)) for at in range(5_000)} | {"5000": {}}
    assert inner_first(defs)[0][0] == "5000"
