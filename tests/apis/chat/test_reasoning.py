"""How deep to think, in three spellings."""

from typing import Any

import pytest

from proxy.apis.chat.reasoning import Depth, parse_depth
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations

EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
LISTED = "'none', 'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'"


def parsed(**body: Any) -> tuple[Depth, str]:
    notes = Adaptations()
    return parse_depth(body, notes), notes.header()


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_effort(effort: str) -> None:
    assert parsed(reasoning_effort=effort) == (Depth(effort), "")
    assert parsed(reasoning={"effort": effort}) == (Depth(effort), "")
    assert parsed(reasoning_effort=effort, reasoning={"effort": effort}) == (Depth(effort), "")


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        ({}, Depth()),
        ({"reasoning_effort": None, "reasoning": None, "include_reasoning": None}, Depth()),
        ({"reasoning": {}}, Depth()),
        ({"reasoning": {"effort": None, "max_tokens": None, "enabled": None, "exclude": None}}, Depth()),
        ({"reasoning": {"max_tokens": 2000}}, Depth(tokens=2000)),
        ({"reasoning": {"max_tokens": 1, "effort": "low"}}, Depth("low", 1)),
        ({"reasoning": {"enabled": True}}, Depth("medium")),
        ({"reasoning": {"enabled": True, "effort": "high"}}, Depth("high")),
        ({"reasoning": {"enabled": True}, "reasoning_effort": "low"}, Depth("low")),
        ({"reasoning": {"enabled": True, "max_tokens": 5}}, Depth(tokens=5)),
        ({"reasoning": {"enabled": False}}, Depth("none")),
        ({"reasoning": {"exclude": True}}, Depth(is_shown=False)),
        ({"reasoning": {"exclude": False}}, Depth()),
        ({"include_reasoning": False}, Depth(is_shown=False)),
        ({"include_reasoning": True}, Depth()),
        ({"include_reasoning": False, "reasoning": {"effort": "low", "exclude": False}}, Depth("low", is_shown=False)),
    ],
    ids=str,
)
def test_every_spelling(body: dict[str, Any], depth: Depth) -> None:
    assert parsed(**body) == (depth, "")


@pytest.mark.parametrize(
    ("body", "depth", "said"),
    [
        ({"reasoning": {"enabled": False, "effort": "high"}}, Depth("none"), "reasoning.effort=dropped"),
        ({"reasoning": {"enabled": False}, "reasoning_effort": "low"}, Depth("none"), "reasoning_effort=dropped"),
        ({"reasoning": {"enabled": False, "max_tokens": 5}}, Depth("none"), "reasoning.max_tokens=dropped"),
        ({"reasoning": {"effort": "none", "max_tokens": 5}}, Depth("none"), "reasoning.max_tokens=dropped"),
        ({"reasoning": {"max_tokens": 5}, "reasoning_effort": "none"}, Depth("none"), "reasoning.max_tokens=dropped"),
        ({"reasoning": {"enabled": True, "effort": "none"}}, Depth("none"), "reasoning.enabled=dropped"),
        ({"reasoning": {"enabled": False, "effort": "none"}}, Depth("none"), ""),
    ],
    ids=str,
)
def test_off_is_off_and_what_says_otherwise_is_named(body: dict[str, Any], depth: Depth, said: str) -> None:
    assert parsed(**body) == (depth, said)


@pytest.mark.parametrize(
    ("body", "spelled"),
    [
        ({"reasoning_effort": "low"}, {}),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "reasoning.effort"}),
        ({"reasoning": {"max_tokens": 5}}, {"reasoning_tokens": "reasoning.max_tokens"}),
        ({"reasoning": {"enabled": True}}, {"reasoning_effort": "reasoning.enabled"}),
        ({"reasoning": {"enabled": False}}, {"reasoning_effort": "reasoning.enabled"}),
    ],
    ids=str,
)
def test_what_the_client_called_it(body: dict[str, Any], spelled: dict[str, str]) -> None:
    assert parsed(**body)[0].spelled == spelled


def test_openais_own_spelling_wins_and_that_is_said() -> None:
    assert parsed(reasoning_effort="low", reasoning={"effort": "high"}) == (Depth("low"), "reasoning.effort=dropped")


def test_unknown_keys_are_dropped_and_said() -> None:
    assert parsed(reasoning={"summary": "auto", "effort": "low"}) == (Depth("low"), "reasoning.summary=dropped")
    assert parsed(reasoning={"summary": None}) == (Depth(), "")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"reasoning": "high"}, "reasoning", "invalid_type"),
        ({"reasoning": {"effort": 1}}, "reasoning.effort", "invalid_type"),
        ({"reasoning": {"max_tokens": "many"}}, "reasoning.max_tokens", "invalid_type"),
        ({"reasoning": {"max_tokens": 0}}, "reasoning.max_tokens", "integer_below_min_value"),
        ({"reasoning": {"max_tokens": 2**31}}, "reasoning.max_tokens", "integer_above_max_value"),
        ({"reasoning": {"enabled": "yes"}}, "reasoning.enabled", "invalid_type"),
        ({"reasoning": {"exclude": 1}}, "reasoning.exclude", "invalid_type"),
        ({"reasoning_effort": 1}, "reasoning_effort", "invalid_type"),
        ({"include_reasoning": "no"}, "include_reasoning", "invalid_type"),
    ],
    ids=str,
)
def test_wrong_shapes(body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parsed(**body)
    assert (raised.value.param, raised.value.code) == (param, code)


@pytest.mark.parametrize("body", [{}, {"reasoning_effort": "low"}])
def test_an_unknown_effort(body: dict[str, Any]) -> None:
    """Also where the other spelling wins."""
    with pytest.raises(InvalidRequest) as raised:
        parsed(**body, reasoning={"effort": "extreme"})
    assert raised.value.message == f"Invalid value: 'extreme'. Supported values are: {LISTED}."
    assert raised.value.param == "reasoning.effort"
