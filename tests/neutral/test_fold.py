import pytest

from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Reply, Usage

TEXT, REASONING, STOP = BlockStart(BlockKind.TEXT), BlockStart(BlockKind.REASONING), BlockStop()
END = Finish(FinishReason.STOP, "end_turn")


def folded(*events: Event) -> Reply:
    fold = Fold()
    for event in events:
        fold.feed([event])
    return fold.reply()


def test_everything() -> None:
    reply = folded(
        UsageReport(Usage(5, 1)),
        REASONING,
        ReasoningDelta("thi"),
        ReasoningDelta("nk"),
        ReasoningSeal(signature="c2ln"),
        STOP,
        TEXT,
        TextDelta("Hel"),
        STOP,
        Unrecognised("x"),
        REASONING,
        ReasoningSeal(redacted="b3BhcXVl"),
        STOP,
        TEXT,
        TextDelta("l"),
        TextDelta("o"),
        STOP,
        BlockStart(BlockKind.TOOL_USE, "call_1", "f"),
        ArgumentsDelta('{"a"'),
        ArgumentsDelta(":1}"),
        STOP,
        UsageReport(Usage(5, 9, 1, 2, 3)),
        Finish(FinishReason.STOP, "stop_sequence", "\n"),
    )
    assert reply == Reply(
        blocks=[
            Reasoning("think", signature="c2ln"),
            Text("Hel"),
            Reasoning("", redacted="b3BhcXVl"),
            Text("lo"),
            ToolUse("call_1", "f", '{"a":1}'),
        ],
        finish=FinishReason.STOP,
        finish_word="stop_sequence",
        stop_sequence="\n",
        usage=Usage(5, 9, 1, 2, 3),
    )


def test_blocks_without_deltas_are_empty() -> None:
    assert folded(END) == Reply(blocks=[], finish=FinishReason.STOP, finish_word="end_turn", usage=Usage())
    assert folded(TEXT, STOP, REASONING, STOP, END).blocks == [Text(""), Reasoning("")]


def test_a_usage_report_may_follow_the_end() -> None:
    assert folded(END, UsageReport(Usage(7, 8))).usage == Usage(7, 8)


def test_batches() -> None:
    fold = Fold()
    fold.feed([TEXT, TextDelta("a"), TextDelta("b"), STOP, END])
    assert fold.reply().blocks == [Text("ab")]


def test_no_end_is_no_reply() -> None:
    fold = Fold()
    fold.feed([TEXT, TextDelta("a")])
    with pytest.raises(ValueError, match="Finish"):
        fold.reply()
