"""Which thought led to which call, so that a client which keeps only the calls can be served in its next turn.

Claude wants the signed thoughts of a turn back, in their places, when the results of its calls come. OpenAI's clients
return the ids of the calls and nothing else: by these the thoughts are kept, and found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Reasoning, ToolUse
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
)
from proxy.neutral.request import Message

_REFUSED = "refused-by-model"
_ANSWER = (TextDelta, ArgumentsDelta)
"""Most events, and no thoughts."""


class ThoughtWatch:
    """Call id -> the sealed thoughts between the call before it, or the beginning, and itself. Cheap where there are none.

    Of a model that `thinks`, and began to call without a thought, an empty one is kept: it is not to be missed later.
    """

    __slots__ = ("_pieces", "_thinks", "_thought", "_waiting", "thoughts")

    def __init__(self, thinks: bool = False) -> None:
        self._thinks = thinks
        self._thought: Reasoning | None = None
        self._pieces: list[str] = []
        self._waiting: list[Reasoning] = []
        self.thoughts: dict[str, list[Reasoning]] = {}

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, _ANSWER):
                continue
            if isinstance(event, ReasoningDelta):
                self._pieces.append(event.text)
            elif isinstance(event, BlockStart):
                self._thought = None
                if event.kind is BlockKind.REASONING:
                    self._thought = Reasoning("")
                    self._pieces = []
                elif event.kind is BlockKind.TOOL_USE and (self._waiting or self._thinks):
                    if self._waiting or not self.thoughts:
                        self.thoughts[event.id] = self._waiting or [Reasoning("")]
                    self._waiting = []
            elif isinstance(event, ReasoningSeal) and self._thought is not None:
                self._thought.signature += event.signature
                self._thought.redacted += event.redacted
            elif isinstance(event, BlockStop) and self._thought is not None:
                if self._thought.is_sealed:
                    self._thought.text = "".join(self._pieces)
                    self._waiting.append(self._thought)
                self._thought = None


def calls_without_thought(messages: Sequence[Message]) -> list[str]:
    """The ids of calls in messages that brought no thoughts of their own."""
    return [
        block.id
        for message in messages
        if not any(isinstance(block, Reasoning) for block in message.blocks)
        for block in message.blocks
        if isinstance(block, ToolUse)
    ]


def restore(messages: Sequence[Message], found: Mapping[str, list[Reasoning]]) -> list[Message]:
    """The messages with the thoughts back in their places: the first ones open the turn, others stand before their call."""
    return [_restore(message, found) for message in messages]


def _restore(message: Message, found: Mapping[str, list[Reasoning]]) -> Message:
    calls = [block for block in message.blocks if isinstance(block, ToolUse)]
    if not any(call.id in found for call in calls) or any(isinstance(block, Reasoning) for block in message.blocks):
        return message
    blocks: list[Block] = _kept(found, calls[0])
    for block in message.blocks:
        if isinstance(block, ToolUse) and block is not calls[0]:
            blocks += _kept(found, block)
        blocks.append(block)
    return Message(message.role, blocks, message.param)


def _kept(found: Mapping[str, list[Reasoning]], call: ToolUse) -> list[Block]:
    return [replace(thought, is_kept=True) for thought in found.get(call.id, ())]


def have_thoughts(messages: Sequence[Message]) -> bool:
    """Are there any, sent by the client or kept?"""
    return any(isinstance(block, Reasoning) and not block.says_none for message in messages for block in message.blocks)


def without_thoughts(messages: Sequence[Message], adapted: Adaptations) -> list[Message]:
    """What is left to ask when the model has refused them."""
    return [_bare(message, adapted) for message in messages]


def _bare(message: Message, adapted: Adaptations) -> Message:
    blocks: list[Block] = []
    for block in message.blocks:
        if not isinstance(block, Reasoning) or block.says_none:
            blocks.append(block)
        elif block.is_kept:
            adapted.tell(f"{message.param}.thinking_blocks", _REFUSED)
        else:
            adapted.change(f"{message.param}.thinking_blocks", _REFUSED, "The model does not take it back.")
    return replace(message, blocks=blocks)
