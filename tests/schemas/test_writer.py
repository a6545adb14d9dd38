from typing import Any

import pytest

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.schemas.document import MOST_LEVELS, Document
from proxy.schemas.place import function
from proxy.schemas.writer import NotWrittenOut, is_untyped, numbered, written

PARAM = "tools[0].function.parameters"
OLD = "http://json-schema.org/draft-07/schema#"


def write(schema: Any, **how: Any) -> dict[str, Any]:
    return written(Document(schema, function(PARAM)), **how)


A = {"type": "string"}
KEPT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$ref": "#/$defs/A", "$defs": {"A": A}}, {"$ref": "#/$defs/A", "$defs": {"A": A}}),
    ({"items": {"$ref": "#/definitions/A"}, "definitions": {"A": A}}, {"items": {"$ref": "#/$defs/A"}, "$defs": {"A": A}}),
    ({"items": {"$ref": "#"}}, {"items": {"$ref": "#/$defs/root"}, "$defs": {"root": {"items": {"$ref": "#/$defs/root"}}}}),
    ({"properties": {"a": A, "b": {"$ref": "#/properties/a"}}},
     {"properties": {"a": A, "b": {"$ref": "#/$defs/a"}}, "$defs": {"a": A}}),
    # What nobody refers to is left out; what two refer to is there once.
    ({"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}], "$defs": {"A": A, "B": A}},
     {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}], "$defs": {"A": A}}),
    # Two of one name, and names that need care.
    ({"anyOf": [{"$ref": "#/$defs/x/items"}, {"$ref": "#/$defs/y/items"}], "$defs": {"x": {"items": A}, "y": {"items": {}}}},
     {"anyOf": [{"$ref": "#/$defs/items"}, {"$ref": "#/$defs/items_2"}], "$defs": {"items": A, "items_2": {}}}),
    ({"anyOf": [{"$ref": "#/$defs/a~1b%20c"}, {"$ref": "#/$defs/"}], "$defs": {"a/b c": A, "": {}}},
     {"anyOf": [{"$ref": "#/$defs/a_b_c"}, {"$ref": "#/$defs/schema"}], "$defs": {"a_b_c": A, "schema": {}}}),
    ({"anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}], "$defs": {"x": True, "y": False}},
     {"anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}], "$defs": {"x": {}, "y": {"not": {}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), KEPT)
def test_references_are_kept(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert write(schema, keep_refs=True) == expected


INLINE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$ref": "#/$defs/A", "$defs": {"A": A}}, A),
    ({"items": {"$ref": "#/$defs/A", "description": "d"}, "$defs": {"A": {**A, "description": "e", "title": "T"}}},
     {"items": {**A, "title": "T", "description": "d"}}),
    ({"items": {"$ref": "#/$defs/A", "minLength": 2}, "$defs": {"A": A}}, {"items": {**A, "minLength": 2}}),
    ({"items": {"$ref": "#/$defs/A", "pattern": "a"}, "$defs": {"A": {"pattern": "b"}}},
     {"items": {"pattern": "a", "allOf": [{"pattern": "b"}]}}),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"$ref": "#/$defs/B"}, "B": A}}, {"items": A}),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": False}}, {"items": {"not": {}}}),
    # Draft 7: what stands beside a reference is not there.
    ({"$schema": OLD, "items": {"$ref": "#/definitions/A", "minLength": 9, "title": "T"}, "definitions": {"A": A}},
     {"items": {**A, "title": "T"}}),
    ({"$schema": OLD, "items": {"$ref": "T0"}, "definitions": {"A": {"$id": "T0", **A}}}, {"items": A}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), INLINE)
def test_references_are_written_out(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert write(schema, keep_refs=False) == expected


LOOPS: list[tuple[dict[str, Any], str]] = [
    ({"properties": {"a": {"$ref": "#"}}}, ".properties.a.$ref"),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"items": {"$ref": "#/$defs/A"}}}}, ".$defs.A.items.$ref"),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"not": {"$ref": "#/$defs/B"}}, "B": {"items": {"$ref": "#/$defs/A"}}}},
     ".$defs.B.items.$ref"),
    ({"properties": {"t": {"$id": "T", "items": {"$ref": "T"}}}}, ".properties.t.items.$ref"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "path"), LOOPS)
def test_recursion_cannot_be_written_out(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(
        NotWrittenOut, match="leads back to itself, and this model takes no recursive schemas"
    ) as caught:
        write(schema, keep_refs=False)
    assert caught.value.param == PARAM + path
    write(schema, keep_refs=True)


ENDLESS: list[tuple[dict[str, Any], str]] = [
    ({"$ref": "#"}, ""),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, ".$defs.A"),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"allOf": [{"if": {"$ref": "#/$defs/A"}}]}}}, ".$defs.A"),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"not": {"$ref": "#/$defs/B"}}, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}}},
     ".$defs."),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"dependentSchemas": {"a": {"$ref": "#/$defs/A"}}}}}, ".$defs.A"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "path"), ENDLESS)
def test_what_never_looks_at_a_part_never_ends(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest, match="it leads back to itself without end") as caught:
        write(schema, keep_refs=True)
    assert caught.value.param is not None
    assert caught.value.param.startswith(PARAM + path)
    with pytest.raises(InvalidRequest, match="leads back to itself, and this model takes no recursive schemas"):
        write(schema, keep_refs=False)


def test_what_grows_when_written_out_is_bounded() -> None:
    defs: dict[str, Any] = {"A0": {"type": "string"}}
    for at in range(1, 20):
        defs[f"A{at}"] = {"anyOf": [{"$ref": f"#/$defs/A{at - 1}"}, {"$ref": f"#/$defs/A{at - 1}"}]}
    wide = {"items": {"$ref": "#/$defs/A19"}, "$defs": defs}
    chain = {f"A{at}": {"items": {"$ref": f"#/$defs/A{at + 1}"}} for at in range(MOST_LEVELS)}
    deep = {"$ref": "#/$defs/A0", "$defs": {**chain, f"A{MOST_LEVELS}": {}}}
    many = {f"p{at}": {"$ref": "#/$defs/A"} for at in range(1_000)}
    names = {"properties": many, "$defs": {"A": {f"x{at}": 1 for at in range(1_000)}}}
    text = {"properties": many, "$defs": {"A": {"default": [["a" * 100_000]]}}}
    for schema, problem in (
        (wide, "grow too large"),
        (deep, "too deep with its references written out"),
        (names, "grow too large"),
        (text, "grow too large"),
    ):
        with pytest.raises(InvalidRequest, match=problem):
            write(schema, keep_refs=False)
        write(schema, keep_refs=True)


def test_thousands_of_definitions_in_a_row() -> None:
    chain = {f"A{at}": {"items": {"$ref": f"#/$defs/A{at + 1}"}} for at in range(2_500)}
    schema = {"$ref": "#/$defs/A0", "$defs": {**chain, "A2500": {}}}
    assert len(write(schema, keep_refs=True)["$defs"]) == 2_501


BOOLEANS = {
    "properties": {"a": True, "b": False},
    "anyOf": [True],
    "not": False,
    "additionalProperties": False,
    "items": True,
    "unevaluatedItems": False,
}


def test_boolean_schemas() -> None:
    assert write(BOOLEANS, keep_refs=True) == {
        "properties": {"a": {}, "b": {"not": {}}},
        "anyOf": [{}],
        "not": {"not": {}},
        "additionalProperties": False,
        "items": True,
        "unevaluatedItems": False,
    }


TYPED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
    ({"enum": [1, 2.0]}, {"type": "integer", "enum": [1, 2.0]}),
    ({"enum": [1, 2.5]}, {"enum": [1, 2.5]}),
    ({"enum": ["a", None]}, {"enum": ["a", None]}),
    ({"enum": []}, {"enum": []}),
    ({"const": True}, {"type": "boolean", "const": True}),
    ({"const": None}, {"type": "null", "const": None}),
    ({"type": "number", "const": 1}, {"type": "number", "const": 1}),
    ({"properties": {}}, {"properties": {}}),
    ({"properties": {"a": {"properties": {}}}}, {"properties": {"a": {"type": "object", "properties": {}}}}),
    ({"items": {"items": {}}}, {"items": {"type": "array", "items": {}}}),
    ({"prefixItems": [{"prefixItems": [{}]}]}, {"prefixItems": [{"type": "array", "prefixItems": [{}]}]}),
    ({"items": {"properties": {}, "items": {}}}, {"items": {"properties": {}, "items": {}}}),
    ({"items": {"properties": {}, "anyOf": [{}]}}, {"items": {"properties": {}, "anyOf": [{}]}}),
    # Where another type is meant to pass, or a failure to count, nothing is taken for granted.
    ({"anyOf": [{"properties": {}}]}, {"anyOf": [{"properties": {}}]}),
    ({"not": {"properties": {}}}, {"not": {"properties": {}}}),
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"properties": {}}}},
     {"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "object", "properties": {}}}}),
    ({"items": {"$ref": "#/$defs/A"}, "not": {"$ref": "#/$defs/A"}, "$defs": {"A": {"properties": {}}}},
     {"items": {"$ref": "#/$defs/A"}, "not": {"$ref": "#/$defs/A_2"},
      "$defs": {"A": {"type": "object", "properties": {}}, "A_2": {"properties": {}}}}),
    ({"items": {"$ref": "#/$defs/A", "anyOf": [{}]}, "$defs": {"A": {"properties": {}}}},
     {"items": {"$ref": "#/$defs/A", "anyOf": [{}]}, "$defs": {"A": {"properties": {}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), TYPED)
def test_missing_types(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert write(schema, keep_refs=True, is_typed=True) == expected
    untouched = write(schema, keep_refs=True)
    assert jsonio.encode(untouched).count(b'"type"') == jsonio.encode(schema).count(b'"type"')


def test_only_objects_are_untyped() -> None:
    assert not is_untyped(True)
    assert is_untyped({"properties": {}})
    assert not is_untyped({"type": "object", "properties": {}})


def test_what_needs_no_change_is_the_clients_own() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": ["string", "null"]}},
            "b": {"anyOf": [{"type": "null"}]},
        },
        "additionalProperties": False,
    }
    assert write(schema, keep_refs=False, is_typed=True) is schema
    changed = {**schema, "$schema": OLD}
    assert write(changed, keep_refs=False)["properties"] is schema["properties"]
    beside = {**schema, "not": {"const": 5}}
    assert write(beside, keep_refs=False, is_typed=True)["properties"] is schema["properties"]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"not": {"$ref": "#/x"}}}}, ".$defs.A.not.$ref"),
    ({"items": [{"$ref": "#/x"}]}, ".items[0].$ref"),
    ({"items": [{}], "additionalItems": {"$ref": "#/x"}}, ".additionalItems.$ref"),
    ({"items": {"$ref": "#/x"}, "title": None}, ".items.$ref"),
    ({"dependencies": {"a": {"$ref": "#/x"}}}, ".dependencies.a.$ref"),
    ({"dependentSchemas": {"a": {"$ref": "#/x"}}, "title": None}, ".dependentSchemas.a.$ref"),
    ({"prefixItems": [{}, {"$ref": "#/x"}]}, ".prefixItems[1].$ref"),
]


@pytest.mark.parametrize(("schema", "path"), FAULTS)
def test_a_fault_is_named_where_the_client_has_it(schema: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest, match="does not lead to a schema") as caught:
        write(schema, keep_refs=True)
    assert caught.value.param == PARAM + path


def test_names_that_repeat_are_numbered() -> None:
    given: dict[str, int] = {}
    assert [numbered(name, given) for name in ("a", "a", "b", "a_3", "a", "a", "a_3")] == [
        "a", "a_2", "b", "a_3", "a_4", "a_5", "a_3_2"
    ]  # fmt: skip
