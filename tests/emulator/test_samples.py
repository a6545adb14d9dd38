import pytest
from jsonschema_rs import validator_for

from proxy.emulator.samples import sample

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "children"],
        }
    },
    "$ref": "#/$defs/node",
}
CHAIN = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["value", "next"],
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
            {"city": "city", "days": 1},
        ),
        ({"properties": {"ok": {"type": "boolean"}}}, {"ok": True}),
        ({"type": "array", "items": {"type": "number", "minimum": 3}}, [3]),
        ({"type": "array", "minItems": 0}, []),
        ({"type": "array", "minItems": 2, "items": {"type": "integer"}}, [1, 1]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, [1, "text"]),
        ({"type": "array", "maxItems": 0, "items": {"type": "string"}}, []),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 5}, 5),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "string"}, "text"),
        (True, "text"),
        ({"type": "object"}, {}),
        ({"type": "object", "required": ["a"]}, {"a": "a"}),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "uuid"}, "00000000-0000-4000-8000-000000000000"),
        ({"type": "string", "pattern": "^[0-9]{4}$"}, "1111"),
        ({"type": "integer", "minimum": 7}, 7),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 7}, 8),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "integer", "maximum": -3, "multipleOf": 5}, -5),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, 0.25),
        ({"type": "number", "minimum": 0.5}, 0.5),
        ({"allOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["a"]}], "type": "object"}, {"a": 1}),
        ({"type": "array", "minItems": 3, "uniqueItems": True, "items": {"enum": [1, 2, 3]}}, [1, 2, 3]),
        ({"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string"}}, ["text", "text1"]),
        (
            {
                "type": "array",
                "minItems": 3,
                "uniqueItems": True,
                "items": {"type": "integer", "minimum": 3, "maximum": 5},
            },
            [3, 4, 5],
        ),
        (
            {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"properties": {"a": {"type": "number"}}}},
            [{"a": 1}, {"a": 2}],
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"key": 1}),
        ({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}, {"key": 1, "key1": 2}),
        ({"type": "object", "propertyNames": {"enum": ["x", "y"]}, "minProperties": 2}, {"x": "x", "y": "y1"}),
        (
            {
                "type": "object",
                "allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"minimum": 4}}}],
            },
            {"a": 4},
        ),
        ({"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]}, 1),
        ({"allOf": [{"enum": [1, 2]}, {"enum": [2, 3]}, {"maximum": 9}]}, 2),
        ({"anyOf": [{"required": ["a"]}], "oneOf": [{"required": ["b"]}], "type": "object"}, {"a": "a", "b": "b"}),
        (
            {
                "type": "object",
                "properties": {"a": {"const": 1}, "b": {"const": 2}},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {"a": 1},
        ),
        (
            {"type": "object", "if": {"type": "object"}, "then": {"anyOf": [{"properties": {"a": {"const": 1}}}]}},
            {"a": 1},
        ),
        ({"type": "object", "properties": {"a": False, "b": {"not": {}}, "c": {"const": 1}}}, {"c": 1}),
        ({"$defs": {"a/b": {"const": 3}}, "$ref": "#/$defs/a~1b"}, 3),
    ],
)
def test_a_value(schema, value):
    assert sample(schema) == value
    assert validator_for(schema).is_valid(value)


@pytest.mark.parametrize("schema", [TREE, CHAIN], ids=["tree", "chain"])
def test_a_schema_that_leads_back_into_itself(schema):
    assert validator_for(schema).is_valid(sample(schema))


def test_the_types_of_llama_tools():
    schema = {"type": "dict", "properties": {"n": {"type": "int"}, "ok": {"type": "bool"}, "x": {"type": "float"}}}
    assert sample(schema) == {"n": 1, "ok": True, "x": 1}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": 5, "enum": [], "minimum": "x", "properties": []},
        {"type": "string", "pattern": "("},
        {
            "oneOf": [{"required": [{}]}, {"required": 5}, 7],
            "allOf": [{"items": 3}, {"items": []}, {"type": 5}, {"type": []}],
        },
        {"allOf": [{"properties": 5, "minimum": "x"}, {"properties": {}, "minimum": 1}], "if": 1, "then": 2},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
    ],
)
def test_schemas_that_nothing_satisfies_are_survived(schema):
    sample(schema)


def doubling(levels, **more):
    defs = {
        f"d{at}": {"type": "object", "properties": {key: {"$ref": f"#/$defs/d{at + 1}"} for key in "ab"}, **more}
        for at in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"type": "string"}}}


def test_what_doubles_is_cut_to_what_is_required():
    assert sample(doubling(40)) == {}
    assert sample(doubling(2))["b"]["a"] == "a"
    chain = sample(doubling(40, required=["a"]))
    assert validator_for(doubling(40, required=["a"])).is_valid(chain)
    assert sample(doubling(40, required=["a", "b"])) == {}
    assert sample({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}) == {}
    assert len(sample({"type": "array", "minItems": 10**9})) == 100


def test_a_union_takes_the_first_branch_that_ends():
    schema = {"anyOf": [{"type": "array", "items": {"$ref": "#"}, "minItems": 1}, {"type": "integer"}]}
    assert validator_for(schema).is_valid(sample(schema))


def test_what_is_very_deep_is_cut():
    deep = {"type": "string"}
    for _ in range(5000):
        deep = {"type": "object", "properties": {"a": deep}}
    value = sample(deep)
    for _ in range(50):
        value = value["a"]
