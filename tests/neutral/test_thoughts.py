"""Thoughts put back in front of the calls they led to, and taken out where a model refuses them."""

import pytest

from proxy.errors import UnsupportedParameter
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.request import Message, Role
from proxy.neutral.thoughts import ThoughtWatch, calls_without_thought, have_thoughts, restore, without_thoughts
from proxy.neutral.unfold import unfold

ONE, TWO = ToolUse("1", "f", "{}"), ToolUse("2", "f", "{}")
FOUND = {"1": [Reasoning("a", "s"), Reasoning("", redacted="r")], "2": [Reasoning("b", "t")]}
KEPT = {
    "1": [Reasoning("a", "s", is_kept=True), Reasoning("", redacted="r", is_kept=True)],
    "2": [Reasoning("b", "t", is_kept=True)],
}


def said(*blocks: Text | Reasoning | ToolUse) -> Message:
    return Message(Role.ASSISTANT, list(blocks), "messages[1]")


def test_the_first_thoughts_open_the_turn_and_others_stand_before_their_call() -> None:
    (message,) = restore([said(Text("Well"), ONE, TWO)], FOUND)
    assert message == said(*KEPT["1"], Text("Well"), ONE, *KEPT["2"], TWO)
    assert not FOUND["1"][0].is_kept


@pytest.mark.parametrize("message", [said(Text("Hi")), said(ToolUse("3", "f", "{}")), said(Reasoning("x", "y"), ONE)])
def test_a_message_is_left_alone_where_nothing_was_kept_or_the_client_brought_its_own(message: Message) -> None:
    assert restore([message], FOUND) == [message]


def test_the_calls_that_are_asked_for() -> None:
    assert calls_without_thought([said(ONE), said(Text("Hi")), said(Reasoning("x", "y"), TWO)]) == ["1"]


def test_without_thoughts() -> None:
    messages = [said(Text("Hi")), *restore([said(Text("Well"), ONE)], FOUND)]
    adapted = Adaptations(is_strict=True)
    assert have_thoughts(messages)
    bare = without_thoughts(messages, adapted)
    assert bare == [said(Text("Hi")), said(Text("Well"), ONE)]
    assert not have_thoughts(bare)
    # Strict mode guards what the client sends: this it has not sent.
    assert adapted.header() == "messages[1].thinking_blocks=refused-by-model"


def test_without_thoughts_of_the_clients() -> None:
    messages = [said(Reasoning("a", "s"), Reasoning("b", "t"), ONE)]
    adapted = Adaptations()
    assert without_thoughts(messages, adapted) == [said(ONE)]
    assert adapted.header() == "messages[1].thinking_blocks=refused-by-model"
    with pytest.raises(UnsupportedParameter) as raised:
        without_thoughts(messages, Adaptations(is_strict=True))
    assert raised.value.param == "messages[1].thinking_blocks"


@pytest.mark.parametrize(
    ("blocks", "thinks", "kept"),
    [
        ([ONE, TWO], False, {}),
        ([Text("Well"), ONE, TWO], True, {"1": [Reasoning("")]}),
        ([Reasoning("a", "s"), ONE, TWO], True, {"1": [Reasoning("a", "s")]}),
        ([ONE, Reasoning("a", "s"), TWO], True, {"1": [Reasoning("")], "2": [Reasoning("a", "s")]}),
        ([Text("No.")], True, {}),
    ],
)
def test_that_there_was_no_thought_is_kept_too(
    blocks: list[Text | Reasoning | ToolUse], thinks: bool, kept: dict[str, list[Reasoning]]
) -> None:
    watch = ThoughtWatch(thinks)
    watch.feed(unfold(Reply(blocks, FinishReason.TOOL_USE, "tool_use", Usage())))
    assert watch.thoughts == kept


def test_where_there_was_none_there_is_none_to_leave_out() -> None:
    messages = restore([said(ONE)], {"1": [Reasoning("")]})
    assert not have_thoughts(messages)
    adapted = Adaptations()
    assert without_thoughts(messages, adapted) == messages
    assert not adapted
