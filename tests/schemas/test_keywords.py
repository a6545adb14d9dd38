from proxy.schemas.keywords import children, without


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
