"""Where a conversation stands in the middle of calling tools, and whether the thoughts that led there are still with it."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.neutral.blocks import Block, CacheMark, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role


def is_sealed_thought(block: Block) -> bool:
    """Only what Claude has sealed itself may go back to it."""
    return isinstance(block, Reasoning) and block.is_sealed


def is_blank(block: Block) -> bool:
    return isinstance(block, Text) and not block.text.strip()


def begins_without_thought(messages: Sequence[Message]) -> bool:
    """Do results come now for a turn that no thought opens? A model that thinks by a budget refuses that."""
    messages = _spoken(messages)
    end = _end_of_calls(messages)
    begin = end
    while begin and messages[begin - 1].role is Role.ASSISTANT:
        begin -= 1
    blocks = [block for message in messages[begin:end] for block in message.blocks if _says(block)]
    return end > 0 and not any(is_sealed_thought(block) for block in blocks[:1])


def calls_without_thoughts(messages: Sequence[Message]) -> list[str]:
    """The `param` of each turn since the user spoke last that calls tools and has lost the thought with it."""
    messages = _spoken(messages)
    params: list[str] = []
    calling: list[Message] = []
    for message in reversed(messages[: _end_of_calls(messages)]):
        if message.role is Role.ASSISTANT:
            calling.append(message)
        elif message.role is Role.USER:
            params += _without_thought(calling)
            calling = []
            if not any(isinstance(block, ToolResult) for block in message.blocks):
                break
    return (params + _without_thought(calling))[::-1]


def _spoken(messages: Sequence[Message]) -> Sequence[Message]:
    """Those that are sent: a blank one says nothing, and does not end the calls before it."""
    return [message for message in messages if any(map(_says, message.blocks))]


def _says(block: Block) -> bool:
    return is_sealed_thought(block) or not (isinstance(block, Reasoning | CacheMark) or is_blank(block))


def _without_thought(turn: Sequence[Message]) -> list[str]:
    """`turn`: neighbours, the last first."""
    blocks = [block for message in turn for block in message.blocks]
    is_accounted_for = any(isinstance(block, Reasoning) and (block.is_sealed or block.says_none) for block in blocks)
    if is_accounted_for or not any(isinstance(block, ToolUse) for block in blocks):
        return []
    return [next(message.param for message in turn if any(isinstance(block, ToolUse) for block in message.blocks))]


def _end_of_calls(messages: Sequence[Message]) -> int:
    """Behind the last message of the assistant's, where results of its calls follow; else 0."""
    end = len(messages)
    while end and messages[end - 1].role is not Role.ASSISTANT:
        end -= 1
    has_results = any(isinstance(block, ToolResult) for message in messages[end:] for block in message.blocks)
    return end if has_results else 0
