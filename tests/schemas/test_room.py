from typing import Any

from proxy.schemas.room import GrammarRoom

EMPTY: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def thing(optional: int = 0, unions: int = 0) -> dict[str, Any]:
    """A grammar with so many properties that may be left out, and so many of several types."""
    names = {f"o{n}": {"type": "string"} for n in range(optional)}
    both = {f"u{n}": {"type": ["string", "null"]} for n in range(unions)}
    return EMPTY | {"properties": names | both, "required": [*both]}


def test_twenty_tools() -> None:
    room = GrammarRoom()
    assert all(room.takes(EMPTY, is_tool=True) for _ in range(20))
    assert not room.takes(EMPTY, is_tool=True)
    assert room.takes(EMPTY)


def test_what_may_be_left_out_is_counted_through_all_of_them() -> None:
    room = GrammarRoom()
    assert room.takes(thing(optional=20))
    assert not room.takes(thing(optional=5), is_tool=True)
    # What found no room has taken none.
    assert room.takes(thing(optional=4), is_tool=True)
    assert not room.takes(thing(optional=1), is_tool=True)
    assert room.takes(EMPTY, is_tool=True)


def test_so_is_what_may_be_of_several_types() -> None:
    room = GrammarRoom()
    assert room.takes(thing(unions=15))
    assert not room.takes(thing(unions=2))
    union = EMPTY | {"properties": {"a": {"anyOf": [EMPTY, {"type": "null"}]}}, "required": ["a"]}
    assert room.takes(union)
    assert not room.takes(union)


def test_they_are_counted_wherever_they_stand() -> None:
    deep = EMPTY | {
        "properties": {"a": {"type": "array", "items": {"anyOf": [thing(12), thing(12)]}}},
        "required": ["a"],
    }
    assert GrammarRoom().takes(deep)
    room = GrammarRoom()
    assert room.takes(thing(1))
    assert not room.takes(deep)


def test_a_definition_counts_at_each_reference() -> None:
    ref = {"$ref": "#/$defs/d"}
    twice = EMPTY | {"properties": {"a": ref, "b": ref}, "required": ["a", "b"], "$defs": {"d": thing(12)}}
    assert GrammarRoom().takes(twice)
    thrice = EMPTY | {
        "properties": {"a": ref, "b": ref, "c": ref},
        "required": ["a", "b", "c"],
        "$defs": {"d": thing(9)},
    }
    assert not GrammarRoom().takes(thrice)
    unused = EMPTY | {"$defs": {"d": thing(30)}}
    assert GrammarRoom().takes(unused)


def test_definitions_that_double_and_double_are_counted_at_once() -> None:
    defs: dict[str, Any] = {"d0": thing(1)}
    for level in range(1, 100):
        ref = {"$ref": f"#/$defs/d{level - 1}"}
        defs[f"d{level}"] = EMPTY | {"properties": {"a": ref, "b": ref}, "required": ["a", "b"]}
    assert not GrammarRoom().takes({"$ref": "#/$defs/d99", "$defs": defs})
