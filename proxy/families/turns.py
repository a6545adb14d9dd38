"""Messages in any order -> turns as Claude and Converse want them, still in neutral blocks.

User first, user and assistant by turns, no blank text, every call answered in the turn behind it, results first. What
has to be added or moved for that is adapted; a call without its result, or a result without its call, is refused. Sources:
Anthropic API documentation, "Messages"; AWS Bedrock API reference, "Message", 2026.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy.errors import InvalidRequest
from proxy.families.tool_names import safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role
from proxy.routing.catalog import Model

PLACEHOLDER = "."
_GO_ON = "Please go on from where you stopped."


@dataclass(slots=True)
class Turn:
    role: Role
    blocks: list[Block]
    param: str
    """Of its first message."""


def arrange(
    messages: list[Message], model: Model, adapted: Adaptations, *, takes_thoughts: bool
) -> tuple[list[Block], list[Turn]]:
    """(what stands in front as system, turns). `takes_thoughts`: sealed ones go back to the model.

    Raises `InvalidRequest` for a call whose result is not in the next turn, and for a result of no call before it.
    """
    first = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    system = [block for message in messages[:first] for block in _speaking(message, adapted, takes_thoughts)]
    if first == len(messages) and system:
        adapted.change(messages[-1].param, "moved-to-user-turn", "It needs a user message with text.")
        return [], [Turn(Role.USER, system, messages[0].param)]
    turns = _merge(messages[first:], model, adapted, takes_thoughts)
    last = next((message for message in reversed(messages) if message.role is not Role.SYSTEM), messages[-1])
    if not turns or (turns[-1].role is Role.ASSISTANT and last.role is Role.USER):
        # A last word of the user's that is blank: left out, it would make the answer before it one to go on from.
        adapted.change(last.param, "placeholder", "It needs a user message with text.")
        turns.append(Turn(Role.USER, [Text(PLACEHOLDER)], last.param))
    if turns[0].role is not Role.USER:
        adapted.change(messages[first].param, "user-turn-inserted", "A conversation has to begin with a user message.")
        turns.insert(0, Turn(Role.USER, [Text(PLACEHOLDER)], messages[first].param))
    if turns[-1].role is Role.ASSISTANT:
        _end_in_assistant_turn(turns, messages[-1].param, model, adapted)
    _pair(turns)
    return system, turns


def _merge(messages: list[Message], model: Model, adapted: Adaptations, takes_thoughts: bool) -> list[Turn]:
    """Neighbours of one role become one turn; blank ones vanish; a system message inside finds its place."""
    speaking = [(message, blocks) for message in messages if (blocks := _speaking(message, adapted, takes_thoughts))]
    turns: list[Turn] = []
    for position, (message, blocks) in enumerate(speaking):
        role: Role = message.role
        if role is Role.SYSTEM:
            after = next((other.role for other, _ in speaking[position + 1 :] if other.role is not Role.SYSTEM), None)
            before = turns[-1].role if turns else None
            # Models with system turns take them after a user's turn, last or before the assistant's.
            if not (model.has_system_turns and before in (Role.USER, Role.SYSTEM) and after is not Role.USER):
                adapted.change(message.param, "moved-to-user-turn", "This model takes system messages first only.")
                role = Role.USER
                blocks = [_wrapped(block) for block in blocks]
        if turns and turns[-1].role is role:
            turns[-1].blocks += blocks
        else:
            turns.append(Turn(role, blocks, message.param))
    return turns


def _speaking(message: Message, adapted: Adaptations, takes_thoughts: bool) -> list[Block]:
    """The blocks that can be sent; none when nothing would be said by them."""
    blocks: list[Block] = []
    for block in message.blocks:
        if isinstance(block, Text):
            if block.text.strip():
                blocks.append(block)
        elif isinstance(block, Reasoning):
            if takes_thoughts and block.is_sealed:
                blocks.append(block)
            elif not block.is_kept:
                adapted.drop(f"{message.param}.thinking_blocks", "The model cannot use it here.")
        else:
            blocks.append(block)
    if all(isinstance(block, CacheMark) for block in blocks):
        for mark in blocks:
            assert isinstance(mark, CacheMark)
            adapted.drop(mark.param, "There is nothing in front of it to keep.")
        return []
    return blocks


def _wrapped(block: Block) -> Block:
    return Text(f"<system>\n{block.text}\n</system>") if isinstance(block, Text) else block


def _end_in_assistant_turn(turns: list[Turn], param: str, model: Model, adapted: Adaptations) -> None:
    blocks = turns[-1].blocks
    end = max(at for at, block in enumerate(blocks) if not isinstance(block, CacheMark))
    last = blocks[end]
    if not (model.has_prefill and isinstance(last, Text)):
        adapted.change(param, "user-turn-appended", "This model cannot go on from such an assistant message.")
        turns.append(Turn(Role.USER, [Text(_GO_ON)], param))
    elif last.text != last.text.rstrip():
        adapted.change(param, "trailing-space-trimmed", "A last assistant message cannot end in white space.")
        blocks[end] = Text(last.text.rstrip())


def _pair(turns: list[Turn]) -> None:
    """Gives calls and results ids that Bedrock takes, each once in the conversation, and brings results into the order
    of their calls, in front of what else the user says.
    """
    taken: dict[str, int] = {}
    calls: list[ToolUse] = []
    wire_ids: list[str] = []
    for turn in turns:
        if turn.role is Role.USER:
            turn.blocks = _answer(turn, calls, wire_ids)
        calls = [block for block in turn.blocks if isinstance(block, ToolUse)]
        wire_ids = [_unique(safe(call.id), taken) for call in calls]
        if calls:
            left = iter(wire_ids)
            turn.blocks = [
                replace(block, id=next(left)) if isinstance(block, ToolUse) else block for block in turn.blocks
            ]
    if calls:
        raise _unanswered(calls)


def _answer(turn: Turn, calls: list[ToolUse], wire_ids: list[str]) -> list[Block]:
    """The blocks of the turn that answers these calls. A cache mark stays behind the result it was put in or behind."""
    waiting: dict[str, list[str]] = {}
    for call, wire_id in zip(calls, wire_ids, strict=True):
        waiting.setdefault(call.id, []).append(wire_id)
    results: dict[str, list[Block]] = {}
    rest: list[Block] = []
    behind = rest
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            if not waiting.get(block.tool_use_id):
                raise InvalidRequest(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=block.param,
                )
            wire_id = waiting[block.tool_use_id].pop(0)
            behind = results[wire_id] = [replace(block, tool_use_id=wire_id, cache_mark=None)]
            if block.cache_mark is not None:
                behind.append(block.cache_mark)
        elif isinstance(block, CacheMark):
            behind.append(block)
        else:
            behind = rest
            rest.append(block)
    if len(results) < len(calls):
        raise _unanswered([call for call, wire_id in zip(calls, wire_ids, strict=True) if wire_id not in results])
    return [block for wire_id in wire_ids for block in results[wire_id]] + rest


def _unanswered(calls: list[ToolUse]) -> InvalidRequest:
    return InvalidRequest(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(call.id for call in calls)[:500]}",
        param=calls[0].param,
    )


def _unique(wire_id: str, taken: dict[str, int]) -> str:
    """`taken` has all ids, each with the last number that was put behind it."""
    unique = wire_id
    while unique in taken:
        taken[wire_id] += 1
        unique = safe(f"{wire_id}_{taken[wire_id]}")
    taken[unique] = 1
    return unique
