from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.document import MOST_LEVELS, Document, trail
from proxy.schemas.place import MOST_STEPS, function, steps

PARAM = "tools[0].function.parameters"


def document(schema: Any) -> Document:
    return Document(schema, function(PARAM, "f"))


NOT_SCHEMAS: list[tuple[Any, str, str]] = [
    ("x", "", '"x" is not an object.'),
    (5, "", "5 is not an object."),
    (True, "", "true is not an object."),
    ([], "", "[] is not an object."),
    ({"type": "any"}, ".type", "\"any\" is not one of 'array', "),
    ({"properties": []}, ".properties", "[] is not an object of schemas."),
    ({"properties": {"a": {"type": "str"}}}, ".properties.a.type", '"str" is not one of'),
    ({"properties": {"a": "string"}}, ".properties.a", '"string" is not a schema, which is an object or a boolean.'),
    ({"properties": {"a": None}}, ".properties.a", "null is not a schema"),
    ({"required": "x"}, ".required", '"x" is not an array of strings.'),
    ({"properties": {"a": {"required": True}}}, ".properties.a.required", "true is not an array of strings."),
    ({"anyOf": [{}, {"items": 3}]}, ".anyOf[1].items", "3 is not a schema"),
    ({"items": [{}, 1]}, ".items[1]", "1 is not a schema"),
    ({"$defs": {"X": {"enum": "a"}}}, ".$defs.X.enum", '"a" is not an array.'),
    ({"not": {"minimum": "1"}}, ".not.minimum", '"1" is not a number.'),
    ({"dependencies": {"a": 1}}, ".dependencies.a", "1 is not a schema"),
    ({"$dynamicRef": "#a"}, ".$dynamicRef", '"#a" is not supported'),
    ({"$id": "https://x.y/", "items": {"$id": "http://["}}, ".items.$id", '"http://[" is not a URI reference.'),
]


@pytest.mark.parametrize(("schema", "path", "problem"), NOT_SCHEMAS)
def test_what_is_not_a_schema_is_refused_with_its_path(schema: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        document(schema)
    assert caught.value.param == PARAM + path
    assert problem in caught.value.message
    assert caught.value.message.startswith("Invalid schema for function 'f': ")
    assert caught.value.code == "invalid_function_parameters"


def nested(levels: int, keyword: str = "not") -> Any:
    schema: Any = True
    for _ in range(levels):
        schema = {keyword: schema}
    return schema


def test_depth_is_bounded() -> None:
    document(nested(MOST_LEVELS + 1))  # the innermost is a boolean, which has no depth of its own
    for levels in (MOST_LEVELS + 2, 100_000):
        with pytest.raises(InvalidRequest, match="nested deeper than 64 levels"):
            document(nested(levels))


def test_size_is_bounded() -> None:
    document({"properties": {str(at): {} for at in range(MOST_STEPS // 2)}})
    with pytest.raises(InvalidRequest, match="too large"):
        document({"properties": {str(at): {} for at in range(MOST_STEPS)}})


def test_values_are_not_schemas() -> None:
    document({"default": {"type": 5}, "const": {"properties": 1}, "enum": [{"items": 2}], "x-own": {"type": 3}})


def test_one_object_in_many_places_is_looked_at_once() -> None:
    shared: dict[str, Any] = {"type": "string"}
    for _ in range(50):
        shared = {"anyOf": [shared, shared]}
    document(shared)


LEADS: list[tuple[str, Any, dict[str, Any]]] = [
    ("#", "root", {"$comment": "root"}),
    ("", "root", {"$comment": "root"}),
    ("#/$defs/A", "a", {"$defs": {"A": {"$comment": "a"}}}),
    ("#/definitions/a~1b~0c", "a", {"definitions": {"a/b~c": {"$comment": "a"}}}),
    ("#/$defs/a~01b", "a", {"$defs": {"a~1b": {"$comment": "a"}, "a/b": {}}}),
    ("#/$defs/a%20b", "a", {"$defs": {"a b": {"$comment": "a"}}}),
    ("#/properties/a/items", "i", {"properties": {"a": {"items": {"$comment": "i"}}}}),
    ("#/anyOf/1", "b", {"anyOf": [{}, {"$comment": "b"}]}),
    ("#/components/schemas/A", "a", {"components": {"schemas": {"A": {"$comment": "a"}}}}),
    ("#name", "n", {"$defs": {"A": {"$anchor": "name", "$comment": "n"}}}),
    ("#name", "n", {"definitions": {"A": {"$id": "#name", "$comment": "n"}}}),
    ("T0", "t", {"properties": {"t": {"$id": "T0", "$comment": "t"}}}),
    ("T0#/items", "i", {"properties": {"t": {"$id": "T0", "items": {"$comment": "i"}}}}),
    ("T0#name", "n", {"properties": {"t": {"$id": "T0", "items": {"$anchor": "name", "$comment": "n"}}}}),
    ("https://x.y/z/t.json", "t", {"$id": "https://x.y/z/root.json", "$defs": {"t": {"$id": "t.json", "$comment": "t"}}}),
    ("t.json", "t", {"$id": "https://x.y/z/root.json", "$defs": {"t": {"$id": "t.json", "$comment": "t"}}}),
    ("root.json#/$defs/A", "a", {"$id": "https://x.y/z/root.json", "$defs": {"A": {"$comment": "a"}}}),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "comment", "schema"), LEADS)
def test_references_within_the_document(reference: str, comment: str, schema: dict[str, Any]) -> None:
    found, _, _ = document(schema).follow(reference, None, schema)
    assert found["$comment"] == comment


def test_a_reference_knows_where_it_led_and_in_which_resource() -> None:
    inner = {"$id": "in", "$defs": {"A": {"type": "string"}}, "items": {"$ref": "#/$defs/A"}}
    schema = {"$defs": {"A": {"type": "null"}, "T": inner}}
    read = document(schema)
    found, way, home = read.follow("#/$defs/T/items", None, schema)
    assert found is inner["items"]
    assert steps(way) == ["$defs", "T", "items"]
    assert home is inner
    assert read.follow("#/$defs/A", None, home)[0] == {"type": "string"}
    assert read.follow("#/$defs/A", None, schema)[0] == {"type": "null"}
    assert steps(read.follow("#/$defs/A", None, home)[1]) == ["$defs", "T", "$defs", "A"]
    assert read.resource(inner, schema) is inner
    assert read.resource(schema["$defs"], schema) is schema


NOWHERE: list[tuple[str, str]] = [
    ("#/$defs/B", "does not lead to a schema"),
    ("#/$defs/A/x/y", "does not lead to a schema"),
    ("#/anyOf/2", "does not lead to a schema"),
    ("#/anyOf/-1", "does not lead to a schema"),
    ("#/anyOf/²", "does not lead to a schema"),
    ("#/anyOf/" + "9" * 5000, "does not lead to a schema"),
    ("#/anyOf", "does not lead to a schema"),
    ("#/title", "does not lead to a schema"),
    ("#nobody", "does not lead to a schema"),
    ("other.json", "leads out of the schema, and nothing is fetched"),
    ("http://127.0.0.1/x", "leads out of the schema, and nothing is fetched"),
    ("file:///etc/hostname", "leads out of the schema, and nothing is fetched"),
    ("http://[", "is not a URI reference"),
]


@pytest.mark.parametrize(("reference", "problem"), NOWHERE, ids=lambda text: text[:30])
def test_references_to_nowhere(reference: str, problem: str) -> None:
    schema = {"$id": "https://x.y/", "title": "T", "$defs": {"A": {}}, "anyOf": [{}, {}]}
    with pytest.raises(InvalidRequest, match=problem) as caught:
        document(schema).follow(reference, (None, "$ref"), schema)
    assert caught.value.param == f"{PARAM}.$ref"


def test_what_a_reference_leads_to_is_looked_over_even_where_no_schema_is_expected() -> None:
    schema = {"x-own": {"A": {"properties": {"a": {"type": "str"}}}}}
    with pytest.raises(InvalidRequest) as caught:
        document(schema).follow("#/x-own/A", None, schema)
    assert caught.value.param == f"{PARAM}.x-own.A.properties.a.type"


def test_a_trail_goes_on_after_it_is_lost() -> None:
    assert [*trail({"a": [5]}, "/a/0/b")] == [("a", [5]), (0, 5), ("b", None)]
    assert [*trail({}, "")] == []
