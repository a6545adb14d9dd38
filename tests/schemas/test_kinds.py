from typing import Any

import pytest

from proxy.schemas.kinds import ALL, a_kind, kind_of, kinds, own_kinds
from proxy.schemas.place import function

DEFS: dict[str, Any] = {
    "S": {"type": "string"},
    "Loop": {"$ref": "#/$defs/Loop"},
    "Bush": {"anyOf": [{"$ref": "#/$defs/Bush"}, {"$ref": "#/$defs/Bush"}]},
    "False": False,
}


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "boolean"), (1, "integer"), (1.0, "integer"), (1e300, "integer"), (1.5, "number"), ("", "string"),
     ([], "array"), ({}, "object")],
)  # fmt: skip
def test_the_kind_of_a_value(value: Any, kind: str) -> None:
    assert kind_of(value) == kind


KINDS: list[tuple[Any, set[str]]] = [
    (True, set(ALL)),
    (False, set()),
    ({}, set(ALL)),
    ({"type": "string"}, {"string"}),
    ({"type": "number"}, {"number", "integer"}),
    ({"type": ["integer", "null"]}, {"integer", "null"}),
    ({"enum": ["a", 1, 1.5, None]}, {"string", "integer", "number", "null"}),
    ({"const": []}, {"array"}),
    ({"type": ["string", "object"], "enum": ["a", 1]}, {"string"}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null"}),
    ({"oneOf": [{"type": "string"}, False]}, {"string"}),
    ({"anyOf": [{"type": "string"}, {}]}, set(ALL)),
    ({"anyOf": [{"type": "string"}, {"type": "null"}], "oneOf": [{"type": "null"}, {"type": "object"}]}, {"null"}),
    ({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "object"]}]}, {"null"}),
    ({"type": "object", "allOf": [{"type": "string"}]}, set()),
    ({"$ref": "#/$defs/S"}, {"string"}),
    ({"$ref": "#/$defs/S", "type": ["null", "string"]}, {"string"}),
    ({"$ref": "#/$defs/False"}, set()),
    ({"$ref": "#/$defs/Loop", "type": "null"}, {"null"}),
    ({"$ref": "#/$defs/Bush"}, set(ALL)),
    ({"not": {}}, set()),
    ({"not": {"type": "string"}}, set(ALL)),
]


@pytest.mark.parametrize(("schema", "expected"), KINDS)
def test_the_kinds_a_schema_lets_pass(schema: Any, expected: set[str]) -> None:
    assert kinds(schema, DEFS, function("p")) == expected


def test_own_kinds_look_at_nothing_else() -> None:
    assert own_kinds({"type": ["string", "null"], "anyOf": [{"type": "null"}]}) == {"string", "null"}


def test_words() -> None:
    assert [a_kind(kind) for kind in sorted(ALL)] == [
        "an array",
        "a boolean",
        "an integer",
        "null",
        "a number",
        "an object",
        "a string",
    ]
