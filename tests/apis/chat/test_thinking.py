"""Thoughts that come back."""

from typing import Any

import pytest

from proxy.apis.chat.thinking import parse_thinking
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning

SIGNED = {"type": "thinking", "thinking": "Hm", "signature": "s"}
REDACTED = {"type": "redacted_thinking", "data": "d"}


def parsed(*blocks: Any, **message: Any) -> tuple[list[Reasoning], str]:
    notes = Adaptations()
    return parse_thinking({"thinking_blocks": list(blocks), **message}, "messages[1]", notes), notes.header()


def test_blocks_go_back_as_they_came() -> None:
    blocks, adapted = parsed(SIGNED, REDACTED, {**SIGNED, "thinking": ""}, {**SIGNED, "index": 3})
    assert blocks == [
        Reasoning("Hm", "s"),
        Reasoning("", redacted="d"),
        Reasoning("", "s"),
        Reasoning("Hm", "s"),
    ]
    assert adapted == ""


def test_the_plain_text_beside_them_says_nothing_new() -> None:
    assert parsed(SIGNED, reasoning_content="Hm", reasoning="Hm") == ([Reasoning("Hm", "s")], "")


@pytest.mark.parametrize("blocks", [[], None])
def test_the_plain_text_alone_is_dropped_and_said(blocks: Any) -> None:
    notes = Adaptations()
    message = {"thinking_blocks": blocks, "reasoning_content": "Hm", "reasoning": "Hm", "content": "x"}
    assert parse_thinking(message, "messages[1]", notes) == []
    assert notes.header() == "messages[1].reasoning_content=dropped, messages[1].reasoning=dropped"
    for empty in (None, ""):
        assert parsed(reasoning_content=empty, reasoning=empty) == ([], "")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Hm"},
        {"type": "thinking", "thinking": "Hm", "signature": None},
        {"type": "thinking", "thinking": "Hm", "signature": ""},
        {"type": "redacted_thinking"},
        {"type": "redacted_thinking", "data": ""},
        {"type": "redacted_thinking", "signature": "s"},
    ],
)
def test_unsigned_blocks_are_dropped_and_said(block: Any) -> None:
    blocks, adapted = parsed(SIGNED, block)
    assert blocks == [Reasoning("Hm", "s")]
    assert adapted == "messages[1].thinking_blocks[1]=dropped"


def test_unknown_keys_are_dropped_and_said() -> None:
    assert parsed({**SIGNED, "cache_control": {"type": "ephemeral"}})[1] == (
        "messages[1].thinking_blocks[0].cache_control=dropped"
    )


@pytest.mark.parametrize(
    ("block", "place", "code"),
    [
        ("Hm", "", "invalid_type"),
        (None, "", "invalid_type"),
        ({}, ".type", "missing_required_parameter"),
        ({"type": "text"}, ".type", "invalid_value"),
        ({**SIGNED, "thinking": 1}, ".thinking", "invalid_type"),
        ({**SIGNED, "signature": []}, ".signature", "invalid_type"),
        ({**REDACTED, "data": {}}, ".data", "invalid_type"),
    ],
)
def test_a_block_of_the_wrong_shape(block: Any, place: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parsed(block)
    assert (raised.value.param, raised.value.code) == (f"messages[1].thinking_blocks[0]{place}", code)


def test_blocks_that_are_no_array() -> None:
    with pytest.raises(InvalidRequest, match=r"'messages\[1\].thinking_blocks': expected an array of objects"):
        parse_thinking({"thinking_blocks": "Hm"}, "messages[1]", Adaptations())
