"""Messages in any order -> turns as Bedrock wants them, still in neutral blocks.

User first, user and assistant by turns, no blank text, every call answered in the turn behind it, results first. What
has to be added or moved for that is adapted; a call without its result, or a result without its call, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.errors import InvalidRequest
from proxy.families.tool_names import safe
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Role
from proxy.routing.catalog import Model

PLACEHOLDER = "."
_GO_ON = "Please go on from where you stopped."
_ATTACHED = "(What the tool returned follows.)"


@dataclass(slots=True)
class Turn:
    role: Role
    blocks: list[Block]
    param: str
    """Of its first message."""


def arrange(messages: list[Message], model: Model, adapted: Adaptations) -> tuple[list[Block], list[Turn]]:
    """(what stands in front as system, turns). Tool blocks are not paired yet."""
    first = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    system = [block for message in messages[:first] for block in _speaking(message, model, adapted)]
    if first == len(messages) and system:
        adapted.change(messages[-1].param, "moved-to-user-turn", "It needs a user message with text.")
        return [], [Turn(Role.USER, system, messages[0].param)]
    turns = _merge(messages[first:], model, adapted)
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
    return system, turns


def fold_system(system: list[Block], turns: list[Turn], param: str, adapted: Adaptations) -> None:
    """For models without a system prompt: the first user turn begins with it."""
    if system:
        adapted.change(param, "moved-to-user-turn", "This model takes no system messages.")
        turns[0].blocks = system + turns[0].blocks


def pair(turns: list[Turn]) -> None:
    """Gives calls and results ids that Bedrock takes, each once in the conversation, and brings results into the order
    of their calls, in front of what else the user says.

    Raises `InvalidRequest` for a call whose result is not in the next turn, and for a result of no call before it.
    """
    taken: set[str] = set()
    calls: list[tuple[ToolUse, str]] = []
    for turn in turns:
        if turn.role is Role.USER:
            turn.blocks = _answer(turn, calls)
        calls = []
        if turn.role is Role.ASSISTANT:
            for position, block in enumerate(turn.blocks):
                if isinstance(block, ToolUse):
                    wire_id = _unique(safe(block.id), taken)
                    calls.append((block, wire_id))
                    turn.blocks[position] = replace(block, id=wire_id)
    if calls:
        raise _unanswered([call for call, _ in calls])


def move_attachments(turns: list[Turn], adapted: Adaptations) -> None:
    """For models that take text as a tool's result only: its images and documents go behind the results of its turn."""
    for turn in turns:
        results: list[Block] = []
        moved: list[Block] = []
        for block in turn.blocks:
            if not isinstance(block, ToolResult | CacheMark):
                break
            if isinstance(block, ToolResult):
                attached = [part for part in block.blocks if not isinstance(part, Text)]
                if attached:
                    adapted.change(attached[0].param, "moved-to-user-turn", "A tool's result can only be text here.")
                    texts: list[Text | Image | Document] = [part for part in block.blocks if isinstance(part, Text)]
                    block = replace(block, blocks=texts or [Text(_ATTACHED)])
                    moved += attached
            results.append(block)
        turn.blocks = results + moved + turn.blocks[len(results) :]


def part_results(turns: list[Turn], adapted: Adaptations) -> list[Turn]:
    """For models that let no user speak right behind a tool: a short turn of the assistant's stands between them."""
    parted: list[Turn] = []
    for turn in turns:
        end = next(
            (at for at, block in enumerate(turn.blocks) if not isinstance(block, ToolResult | CacheMark)),
            len(turn.blocks),
        )
        if 0 < end < len(turn.blocks):
            adapted.change(
                turn.param, "assistant-turn-inserted", "No user can speak right behind a tool's result here."
            )
            parted.append(Turn(Role.USER, turn.blocks[:end], turn.param))
            parted.append(Turn(Role.ASSISTANT, [Text(PLACEHOLDER)], turn.param))
            parted.append(Turn(Role.USER, turn.blocks[end:], turn.param))
        else:
            parted.append(turn)
    return parted


def _merge(messages: list[Message], model: Model, adapted: Adaptations) -> list[Turn]:
    """Neighbours of one role become one turn; blank ones vanish; a system message inside finds its place."""
    speaking = [(message, blocks) for message in messages if (blocks := _speaking(message, model, adapted))]
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


def _speaking(message: Message, model: Model, adapted: Adaptations) -> list[Block]:
    """The blocks that can be sent; none when nothing would be said by them."""
    blocks: list[Block] = []
    for block in message.blocks:
        if isinstance(block, Text):
            if block.text.strip():
                blocks.append(block)
        elif isinstance(block, Reasoning):
            if _can_return(block, message, model, adapted):
                blocks.append(block)
        else:
            blocks.append(block)
    if all(isinstance(block, CacheMark) for block in blocks):
        for mark in blocks:
            assert isinstance(mark, CacheMark)
            adapted.drop(mark.param, "There is nothing in front of it to keep.")
        return []
    return blocks


def _can_return(block: Reasoning, message: Message, model: Model, adapted: Adaptations) -> bool:
    """Only Claude's reasoning means anything when it is sent back. Without a signature it is for people to read, and
    leaving it out takes nothing from the conversation."""
    if block.is_sealed and model.signs_thoughts:
        return True
    if block.is_sealed and not block.is_kept:
        adapted.drop(f"{message.param}.thinking_blocks", "Signed reasoning goes back to Claude alone, which made it.")
    return False


def _wrapped(block: Block) -> Block:
    return Text(f"<system>\n{block.text}\n</system>") if isinstance(block, Text) else block


def _end_in_assistant_turn(turns: list[Turn], param: str, model: Model, adapted: Adaptations) -> None:
    if not model.has_prefill:
        adapted.change(param, "user-turn-appended", "This model cannot go on from an assistant message.")
        turns.append(Turn(Role.USER, [Text(_GO_ON)], param))
        return
    last = turns[-1].blocks[-1]
    if isinstance(last, Text) and last.text != last.text.rstrip():
        adapted.change(param, "trailing-space-trimmed", "A last assistant message cannot end in white space.")
        turns[-1].blocks[-1] = Text(last.text.rstrip())


def _answer(turn: Turn, calls: list[tuple[ToolUse, str]]) -> list[Block]:
    """The blocks of the turn that answers these calls. A cache mark stays behind the result it was put in or behind."""
    results: dict[str, list[Block]] = {}
    rest: list[Block] = []
    behind = rest
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            wire_id = next((wire for call, wire in calls if call.id == block.tool_use_id and wire not in results), None)
            if wire_id is None:
                raise InvalidRequest(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=block.param,
                )
            parts: Sequence[Block] = block.blocks
            said: list[Text | Image | Document] = [part for part in parts if isinstance(part, Text | Image | Document)]
            marks = [part for part in parts if isinstance(part, CacheMark)]
            behind = results[wire_id] = [replace(block, tool_use_id=wire_id, blocks=said), *marks]
        elif isinstance(block, CacheMark):
            behind.append(block)
        else:
            behind = rest
            rest.append(block)
    missing = [call for call, wire in calls if wire not in results]
    if missing:
        raise _unanswered(missing)
    return [block for _, wire in calls for block in results[wire]] + rest


def _unanswered(calls: list[ToolUse]) -> InvalidRequest:
    return InvalidRequest(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(call.id for call in calls)}",
        param=calls[0].param,
    )


def _unique(wire_id: str, taken: set[str]) -> str:
    unique, number = wire_id, 1
    while unique in taken:
        number += 1
        unique = safe(f"{wire_id}_{number}")
    taken.add(unique)
    return unique
