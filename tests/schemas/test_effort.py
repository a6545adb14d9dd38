from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.document import Document
from proxy.schemas.effort import Effort, effort
from proxy.schemas.place import function
from proxy.schemas.writer import written

TEXT = {"type": "string"}


def measured(schema: dict[str, Any]) -> Effort:
    place = function("p")
    return effort(written(Document(schema, place), keep_refs=True), place)


def doubling(levels: int, leaf: Any = TEXT, keyword: str = "allOf") -> dict[str, Any]:
    defs: dict[str, Any] = {"A0": leaf}
    for at in range(1, levels + 1):
        defs[f"A{at}"] = {keyword: [{"$ref": f"#/$defs/A{at - 1}"}] * 2}
    return {"$ref": f"#/$defs/A{levels}", "$defs": defs}


TREE = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
JSON = {"anyOf": [TEXT, {"type": "array", "items": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}]}

EFFORTS: list[tuple[dict[str, Any], int, int]] = [
    # schema, checks for each value, growth with each level
    ({}, 1, 0),
    ({"properties": {"a": TEXT, "b": TEXT}}, 2, 0),
    ({"items": TEXT, "prefixItems": [True]}, 2, 0),
    ({"items": {"items": TEXT}}, 3, 0),
    ({"anyOf": [TEXT, TEXT], "not": TEXT}, 4, 0),
    ({"properties": {"a": {"anyOf": [TEXT, TEXT]}}, "patternProperties": {"^a": TEXT}}, 1 + 20 + 1 + 3, 0),
    ({"contains": TEXT, "items": TEXT}, 3, 0),
    ({"pattern": "a"}, 21, 0),
    ({"multipleOf": 0.01}, 451, 0),
    ({"enum": ["a", "b"]}, 1, 0),
    ({"enum": ["a", None, 1.5]}, 61, 0),
    ({"allOf": [{"$ref": "#/$defs/A"}] * 2, "$defs": {"A": TEXT}}, 5, 0),
    (TREE, 8, 1),
    (JSON, 30, 2),
]


@pytest.mark.parametrize(("schema", "per_value", "growth"), EFFORTS)
def test_efforts(schema: dict[str, Any], per_value: int, growth: int) -> None:
    assert measured(schema) == Effort(per_value, growth)


def test_what_doubles_is_counted_and_not_gone_through() -> None:
    assert measured(doubling(3)).per_value == 2**5 - 2
    assert measured(doubling(1_000)).per_value > 2**1_000
    assert measured(doubling(1_000, keyword="anyOf")).growth == 0


def test_patterns_are_paid_for_once() -> None:
    same = {"properties": {str(at): {"pattern": "^[a-z]{1,100}$"} for at in range(1_000)}}
    measured(same)
    with pytest.raises(InvalidRequest, match="too large"):
        measured({"properties": {str(at): {"pattern": f"^[a-z]{{1,100}}{at}$"} for at in range(100)}})
    with pytest.raises(InvalidRequest, match="too large"):
        measured({"pattern": "(?:a|b)" * 20_000})
