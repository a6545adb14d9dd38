"""Cache marks, in both spellings."""

from typing import Any

import pytest

from proxy.apis.chat.marks import cache_mark
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark

CONTROL, BREAKPOINT = "cache_control", "prompt_cache_breakpoint"
TTLS = "'5m', '1h', '30m', and '12h'"


def parsed(**source: Any) -> tuple[CacheMark | None, str]:
    notes = Adaptations()
    return cache_mark(source, "tools[0]", notes), notes.header()


def refused(strict: bool = False, **source: Any) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        cache_mark(source, "tools[0]", Adaptations(strict))
    return raised.value.message, raised.value.param, raised.value.code


@pytest.mark.parametrize("name", [CONTROL, BREAKPOINT])
@pytest.mark.parametrize(
    ("mark", "ttl", "note"),
    [
        ({}, None, ""),
        ({"ttl": None}, None, ""),
        ({"ttl": "5m"}, "5m", ""),
        ({"ttl": "1h"}, "1h", ""),
        ({"ttl": "30m"}, "1h", "30m->1h"),
        ({"ttl": "12h"}, "1h", "12h->1h"),
    ],
)
def test_every_mark(name: str, mark: dict[str, Any], ttl: str | None, note: str) -> None:
    kind = {"type": "ephemeral"} if name == CONTROL else {"mode": "explicit"}
    at = f"tools[0].{name}"
    assert parsed(**{name: {**kind, **mark}}) == (CacheMark(at, ttl), f"{at}.ttl={note}" if note else "")
    if note:
        assert refused(True, **{name: {**kind, **mark}})[1:] == (f"{at}.ttl", "unsupported_value")


def test_no_mark() -> None:
    assert parsed() == parsed(cache_control=None, prompt_cache_breakpoint=None, text="x") == (None, "")


@pytest.mark.parametrize("mark", [{}, {"ttl": "5m"}])
def test_a_mark_without_its_kind(mark: dict[str, Any]) -> None:
    assert parsed(cache_control=mark) == (CacheMark("tools[0].cache_control", mark.get("ttl")), "")


def test_of_two_marks_the_first_is_taken() -> None:
    both = {BREAKPOINT: {"mode": "explicit", "ttl": "5m"}, CONTROL: {"type": "ephemeral"}}
    assert parsed(**both) == (CacheMark("tools[0].cache_control"), "")


@pytest.mark.parametrize(
    ("source", "message", "place", "code"),
    [
        (
            {CONTROL: "ephemeral"},
            "Invalid type for '{}': expected an object, but got a string instead.",
            CONTROL,
            "invalid_type",
        ),
        (
            {BREAKPOINT: True},
            "Invalid type for '{}': expected an object, but got a boolean instead.",
            BREAKPOINT,
            "invalid_type",
        ),
        (
            {CONTROL: {"type": "ephemeral", "ttl": 300}},
            "Invalid type for '{}': expected a string, but got an integer instead.",
            f"{CONTROL}.ttl",
            "invalid_type",
        ),
        (
            {CONTROL: {"type": "ephemeral", "ttl": "24h"}},
            f"Invalid value: '24h'. Supported values are: {TTLS}.",
            f"{CONTROL}.ttl",
            "invalid_value",
        ),
        (
            {CONTROL: {"type": "persistent"}},
            "Invalid value: 'persistent'. Supported values are: 'ephemeral'.",
            f"{CONTROL}.type",
            "invalid_value",
        ),
        (
            {BREAKPOINT: {"mode": "implicit"}},
            "Invalid value: 'implicit'. Supported values are: 'explicit'.",
            f"{BREAKPOINT}.mode",
            "invalid_value",
        ),
    ],
    ids=str,
)
def test_a_mark_that_is_none(source: dict[str, Any], message: str, place: str, code: str) -> None:
    at = f"tools[0].{place}"
    assert refused(**source) == (message.format(at), at, code)


def test_unknown_keys_are_dropped_and_said() -> None:
    assert parsed(cache_control={"type": "ephemeral", "scope": "global"})[1] == "tools[0].cache_control.scope=dropped"
