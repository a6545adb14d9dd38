import random

from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.events import Finish, ReasoningSeal, UsageReport
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.unfold import unfold

EVERYTHING = Reply(
    blocks=[
        Reasoning("think", signature="c2ln"),
        Text("Hello"),
        Reasoning("", redacted="b3BhcXVl"),
        Reasoning("plain"),
        Text(""),
        ToolUse("call_1", "f", '{"a":1}'),
    ],
    finish=FinishReason.TOOL_USE,
    finish_word="tool_use",
    usage=Usage(1, 2, 3, 4, 5),
    stop_sequence="x",
)


def folded(reply: Reply) -> Reply:
    fold = Fold()
    fold.feed(unfold(reply))
    return fold.reply()


def test_folded_it_is_the_reply_again() -> None:
    assert folded(EVERYTHING) == EVERYTHING
    empty = Reply([], FinishReason.FILTERED, "refusal", Usage())
    assert folded(empty) == empty


def test_the_end_is_at_the_end_and_only_what_is_sealed_has_a_seal() -> None:
    events = unfold(EVERYTHING)
    assert isinstance(events[-2], UsageReport)
    assert isinstance(events[-1], Finish)
    assert sum(isinstance(event, ReasoningSeal) for event in events) == 2


def test_any_order_of_blocks() -> None:
    chance = random.Random(2)
    for _ in range(200):
        blocks = chance.choices(EVERYTHING.blocks, k=chance.randrange(6))
        reply = Reply(blocks, chance.choice(list(FinishReason)), "word", Usage(chance.randrange(9)))
        assert folded(reply) == reply
