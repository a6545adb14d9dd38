from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.reply import FinishReason, Reply, Usage


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
