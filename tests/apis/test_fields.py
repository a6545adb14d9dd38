"""The readers of single fields. Their words are in tests/apis/chat."""

from typing import Any

import pytest

from proxy.apis import fields
from proxy.errors import InvalidRequest


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (0, "an integer"),
        (10**30, "an integer"),
        (0.0, "a decimal number"),
        ("", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_kinds(value: Any, name: str) -> None:
    assert fields.kind_of(value) == name


def test_paths() -> None:
    assert fields.join("", "n") == "n"
    assert fields.join("messages[0]", "role") == "messages[0].role"
    with pytest.raises(InvalidRequest) as raised:
        fields.integer({"n": 0}, "n", 1, 8, "a.b[0]")
    assert raised.value.param == "a.b[0].n"


@pytest.mark.parametrize("read", [fields.boolean, fields.string, fields.mapping, fields.array])
def test_absent_and_null_are_none(read: Any) -> None:
    assert read({}, "x") is None
    assert read({"x": None}, "x") is None


def test_values_are_given_as_they_are() -> None:
    body = {"b": False, "s": "", "o": {}, "a": [], "i": 3, "d": 0.5, "w": "low"}
    assert fields.boolean(body, "b") is False
    assert fields.string(body, "s") == ""
    assert fields.mapping(body, "o") is body["o"]
    assert fields.array(body, "a") is body["a"]
    assert fields.integer(body, "i", 3, 3) == 3
    assert fields.decimal(body, "d", 0.5, 0.5) == 0.5
    assert fields.decimal(body, "i", 0, 3) == 3
    assert fields.word(body, "w", ("low", "high")) == "low"


@pytest.mark.parametrize(
    ("allowed", "listed"), [(("a",), "'a'"), (("a", "b"), "'a' and 'b'"), (("a", "b", "c"), "'a', 'b', and 'c'")]
)
def test_lists_of_words(allowed: tuple[str, ...], listed: str) -> None:
    assert fields.invalid_word("x", "y", allowed).message == f"Invalid value: 'y'. Supported values are: {listed}."


def test_numbers_without_end_are_cut() -> None:
    with pytest.raises(InvalidRequest) as raised:
        fields.integer({"seed": 10**4000}, "seed", 0, 9)
    assert raised.value.message.endswith("but got 10000000000000000000… instead.")
