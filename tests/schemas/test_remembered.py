from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.schemas.remembered import LONGEST_KEPT, MOST_KEPT, remembered


class Counting:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def make(self, schema: Any, param: str, *, is_wide: bool = False) -> list[Any]:
        self.calls.append(schema)
        if schema == "bad":
            raise InvalidRequest("bad")
        return [schema, param, is_wide]


def test_the_same_is_made_once() -> None:
    counting = Counting()
    make = remembered(counting.make)
    first = make({"a": 1}, "p", is_wide=True)
    assert first == [{"a": 1}, "p", True]
    assert make({"a": 1}, "p", is_wide=True) is first
    assert len(counting.calls) == 1


@pytest.mark.parametrize(
    ("schema", "param", "more"),
    [
        ({"a": True}, "p", {}),
        ({"a": 1.0}, "p", {}),
        ({"a": 1}, "q", {}),
        ({"a": 1}, "p", {"is_wide": True}),
        (None, "p", {}),
    ],
)
def test_what_differs_is_made_anew(schema: Any, param: str, more: dict[str, bool]) -> None:
    make = remembered(Counting().make)
    assert make({"a": 1}, "p") == [{"a": 1}, "p", False]
    assert make(schema, param, **more) == [schema, param, more.get("is_wide", False)]


def test_refusals_are_not_kept() -> None:
    counting = Counting()
    make = remembered(counting.make)
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            make("bad", "p")
    assert len(counting.calls) == 2


def test_the_oldest_is_forgotten_and_the_longest_never_kept() -> None:
    counting = Counting()
    make = remembered(counting.make)
    for number in range(MOST_KEPT + 1):
        make(number, "p")
    make(1, "p")
    assert len(counting.calls) == MOST_KEPT + 1
    make(0, "p")
    assert len(counting.calls) == MOST_KEPT + 2
    for _ in range(2):
        make("a" * LONGEST_KEPT, "p")
    assert len(counting.calls) == MOST_KEPT + 4
    make("a" * (LONGEST_KEPT - 2), "p")
    make("a" * (LONGEST_KEPT - 2), "p")
    assert len(counting.calls) == MOST_KEPT + 5
