import pytest

from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.reply import FinishReason, Reply, Usage, estimate_reasoning


def test_usage_adds_up() -> None:
    first, second = Usage(1, 2, 3, 4, 5), Usage(10, 20, 30, 40, 50, is_estimate=True)
    assert first + second == Usage(11, 22, 33, 44, 55, is_estimate=True)
    assert first + first == Usage(2, 4, 6, 8, 10, is_estimate=False)
    assert sum([first, second], Usage()) == first + second


def test_a_reply_by_kind_of_block() -> None:
    call = ToolUse("c", "f", "{}")
    blocks = [Reasoning("a"), Text("b"), call, Reasoning("c"), Text("d")]
    reply = Reply(blocks, FinishReason.STOP, "end_turn", Usage())
    assert (reply.text, reply.reasoning, reply.tool_uses) == ("bd", "ac", [call])
    empty = Reply([], FinishReason.STOP, "end_turn", Usage())
    assert (empty.text, empty.reasoning, empty.tool_uses) == ("", "", [])


@pytest.mark.parametrize(
    ("output_tokens", "thought", "answer", "is_abridged", "reasoning"),
    [
        (100, 300, 100, False, 75),
        (100, 0, 400, False, 0),
        (100, 1, 4000, False, 1),
        (55, 227, 0, False, 55),
        (0, 10, 10, False, 0),
        (0, 0, 0, False, 0),
        # A summary, or nothing: the answer took 100 of the 1,000.
        (1000, 200, 400, True, 900),
        (1000, 0, 400, True, 900),
        (100, 300, 100, True, 75),
        (100, 0, 500, True, 0),
        (0, 0, 0, True, 0),
    ],
)
def test_reasoning_is_estimated(
    output_tokens: int, thought: int, answer: int, is_abridged: bool, reasoning: int
) -> None:
    assert estimate_reasoning(output_tokens, thought, answer, is_abridged=is_abridged) == reasoning
