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


def test_what_changes_a_refusal_only_makes_no_difference() -> None:
    calls: list[Any] = []

    @remembered
    def make(schema: Any, *, name: str, budget: object) -> None:
        calls.append(schema)

    make({}, name="a", budget=object())
    make({}, name="b", budget=object())
    assert len(calls) == 1


def test_the_oldest_is_forgotten() -> None:
    calls: list[str] = []

    @remembered
    def make(schema: str) -> str:
        calls.append(schema[:4])
        return schema

    most = MOST_KEPT // LONGEST_KEPT
    texts = [f"{at:04d}".ljust(LONGEST_KEPT // 2 - 2, "x") for at in range(most + 1)]
    for text in texts:
        make(text)
    make(texts[1])
    assert len(calls) == most + 1
    make(texts[0])
    assert calls[-1] == "0000"
    assert len(calls) == most + 2


@pytest.mark.parametrize(("sent", "made", "is_kept"), [(2, 2, True), (LONGEST_KEPT - 10, 2, True), (LONGEST_KEPT, 2, False),
                                                       (2, LONGEST_KEPT, False)])  # fmt: skip
def test_what_is_long_or_became_so_is_never_kept(sent: int, made: int, is_kept: bool) -> None:
    calls: list[int] = []

    @remembered
    def make(schema: str) -> str:
        calls.append(len(schema))
        return "a" * made

    make("a" * sent)
    make("a" * sent)
    assert len(calls) == (1 if is_kept else 2)
