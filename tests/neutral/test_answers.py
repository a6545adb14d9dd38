"""A tool whose call is the answer."""

from __future__ import annotations

import pytest

from proxy.neutral.answers import AnswerFilter
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import FinishReason, Usage

STOPPED = Finish(FinishReason.STOP, "tool_use")
CALLED = Finish(FinishReason.TOOL_USE, "tool_use")
CUT = Finish(FinishReason.LENGTH, "max_tokens")
THOUGHT: list[Event] = [BlockStart(BlockKind.REASONING), ReasoningDelta("Hm"), BlockStop()]
BESIDE: list[Event] = [UsageReport(Usage(1, 2)), Unrecognised("news")]


def text(*pieces: str) -> list[Event]:
    return [BlockStart(BlockKind.TEXT), *map(TextDelta, pieces), BlockStop()]


def call(name: str, *pieces: str) -> list[Event]:
    return [BlockStart(BlockKind.TOOL_USE, "call_1", name), *map(ArgumentsDelta, pieces), BlockStop()]


ANSWER = call("answer", '{"a":', "1}")
SAID = text('{"a":', "1}")
CASES: dict[str, tuple[list[Event], list[Event]]] = {
    "an answer": ([*ANSWER, CALLED], [*SAID, STOPPED]),
    "talk around it": ([*text("One."), *ANSWER, *text("Two."), CALLED], [*SAID, STOPPED]),
    "a thought": ([*THOUGHT, *ANSWER, CALLED], [*THOUGHT, *SAID, STOPPED]),
    "a second one": ([*ANSWER, *call("answer", "{}"), CALLED], [*SAID, STOPPED]),
    "another tool": ([*text("One."), *call("f", "{}"), *text("Two."), CALLED], [*call("f", "{}"), CALLED]),
    "both": (
        [*text("One."), *ANSWER, *text("Two."), *call("f", "{}"), CALLED],
        [*SAID, *call("f", "{}"), CALLED],
    ),
    "none": ([*text("No", "."), *THOUGHT, STOPPED], [*THOUGHT, *text("No", "."), STOPPED]),
    "one that is cut off": ([*ANSWER, CUT], [*SAID, CUT]),
    "what is told beside it": (
        [*text("One.")[:2], *BESIDE, BlockStop(), *ANSWER[:2], *BESIDE, *ANSWER[2:], *call("answer")[:1], *BESIDE],
        [*BESIDE, *SAID[:2], *BESIDE, *SAID[2:], *BESIDE],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_a_call_that_is_the_answer(case: str) -> None:
    events, expected = CASES[case]
    assert AnswerFilter("answer").feed(events) == expected
    for size in (1, 2, 3):
        one = AnswerFilter("answer")
        told = [one.feed(events[at : at + size]) for at in range(0, len(events), size)]
        assert [event for batch in told for event in batch] == expected


def test_an_answer_is_told_as_it_comes() -> None:
    one = AnswerFilter("answer")
    assert [one.feed([event]) for event in ANSWER] == [[event] for event in SAID]
