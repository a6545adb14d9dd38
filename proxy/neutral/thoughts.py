"""Which thought led to which call, so that a client which keeps only the calls can be served in its next turn.

Claude wants the signed thoughts of a turn back, in their places, when the results of its calls come. OpenAI's clients
return the ids of the calls and nothing else: by these the thoughts are kept, and found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from proxy.neutral.blocks import Block, Reasoning, ToolUse
from proxy.neutral.events import BlockKind, BlockStart, BlockStop, Event, ReasoningDelta, ReasoningSeal
from proxy.neutral.request import Message


class ThoughtWatch:
    """Call id -> the sealed thoughts between the call before it, or the beginning, and itself. Cheap where there are none."""

    __slots__ = ("_family", "_thought", "_waiting", "thoughts")

    def __init__(self, family: str) -> None:
        self._family = family
        self._thought: Reasoning | None = None
        self._waiting: list[Reasoning] = []
        self.thoughts: dict[str, list[Reasoning]] = {}

    def feed(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, ReasoningDelta):
                if self._thought is not None:
                    self._thought.text += event.text
            elif isinstance(event, BlockStart):
                self._thought = None
                if event.kind is BlockKind.REASONING:
                    self._thought = Reasoning("", family=self._family)
                elif event.kind is BlockKind.TOOL_USE and self._waiting:
                    self.thoughts[event.id] = self._waiting
                    self._waiting = []
            elif isinstance(event, ReasoningSeal) and self._thought is not None:
                self._thought.signature += event.signature
                self._thought.redacted += event.redacted
            elif isinstance(event, BlockStop) and self._thought is not None:
                if self._thought.signature or self._thought.redacted:
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
    blocks: list[Block] = list(found.get(calls[0].id, ()))
    for block in message.blocks:
        if isinstance(block, ToolUse) and block is not calls[0]:
            blocks += found.get(block.id, ())
        blocks.append(block)
    return Message(message.role, blocks, message.param)
