from typing import Any

import pytest

from proxy.neutral.calls import CallFilter
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from proxy.neutral.reply import FinishReason, Usage

STOP = BlockStop()
END = Finish(FinishReason.TOOL_USE, "tool_use")


def call(name: str) -> list[Event]:
    return [BlockStart(BlockKind.TOOL_USE, name, name), ArgumentsDelta("{"), ArgumentsDelta("}"), STOP]


def text(said: str) -> list[Event]:
    return [BlockStart(BlockKind.TEXT), TextDelta(said), STOP]


THOUGHT: list[Event] = [BlockStart(BlockKind.REASONING), ReasoningDelta("Hm."), STOP]
CASES: dict[str, tuple[list[Event], list[Event]]] = {
    "none": ([*text("a"), END], [*text("a"), END]),
    "one": ([*text("a"), *call("x"), END], [*text("a"), *call("x"), END]),
    "several": ([*call("x"), *call("y"), *call("z"), END], [*call("x"), END]),
    "what stands between them": (
        [*call("x"), *text("a"), *call("y"), *THOUGHT, *call("z"), *text("b"), END],
        [*call("x"), *text("a"), *THOUGHT, *text("b"), END],
    ),
    "a count in the middle of one": (
        [*call("x"), *call("y")[:2], UsageReport(Usage(1, 2)), *call("y")[2:], END],
        [*call("x"), UsageReport(Usage(1, 2)), END],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_only_the_first_call_is_kept(case: str) -> None:
    events, wanted = CASES[case]
    assert CallFilter(1).feed(events) == wanted
    one_by_one: Any = CallFilter(1)
    assert [told for event in events for told in one_by_one.feed([event])] == wanted


def test_where_no_call_is_wanted_the_answer_ends_without_one() -> None:
    events = [*text("a"), *call("x"), *call("y"), UsageReport(Usage(1, 2)), END]
    assert CallFilter(0).feed(events) == [*text("a"), UsageReport(Usage(1, 2)), Finish(FinishReason.STOP, "tool_use")]


def test_where_none_is_wanted_another_end_stays_as_it_is() -> None:
    cut = Finish(FinishReason.LENGTH, "max_tokens")
    assert CallFilter(0).feed([*call("x"), cut]) == [cut]
