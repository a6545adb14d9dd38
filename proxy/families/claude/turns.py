"""Messages in any order -> system blocks, and turns as Claude wants them: user first, never two of one role in a row."""

from __future__ import annotations

from typing import Any

from proxy.families.claude.content import ContentWriter
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Message, Role
from proxy.routing.catalog import Model

Json = dict[str, Any]

_PLACEHOLDER = "."
_GO_ON = "Please go on from where you stopped."


def conversation(
    messages: list[Message], model: Model, adapted: Adaptations, writer: ContentWriter
) -> tuple[list[Json], list[Json]]:
    """(`system`, `messages`)."""
    first = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
    system = [block for message in messages[:first] for block in writer.write(message)]
    turns = _merge(messages[first:], model, adapted, writer)
    if first == len(messages) and system:
        adapted.change(messages[-1].param, "moved-to-user-turn", "It needs a user message with text.")
        return [], [_turn(Role.USER, system)]
    last = next((message for message in reversed(messages) if message.role is not Role.SYSTEM), messages[-1])
    if not turns or (turns[-1]["role"] == Role.ASSISTANT and last.role is Role.USER):
        # A last word of the user's that is blank: left out, it would make the answer before it one to go on from.
        adapted.change(last.param, "placeholder", "It needs a user message with text.")
        turns.append(_turn(Role.USER, [text_block(_PLACEHOLDER)]))
    if turns[0]["role"] != Role.USER:
        adapted.change(messages[first].param, "user-turn-inserted", "A conversation has to begin with a user message.")
        turns.insert(0, _turn(Role.USER, [text_block(_PLACEHOLDER)]))
    if turns[-1]["role"] == Role.ASSISTANT:
        _end_in_assistant_turn(turns, messages[-1].param, model, adapted)
    return system, turns


def text_block(text: str) -> Json:
    return {"type": "text", "text": text}


def _merge(messages: list[Message], model: Model, adapted: Adaptations, writer: ContentWriter) -> list[Json]:
    """Neighbours of one role become one turn; blank ones vanish; a system message inside finds its place."""
    speaking = [(message, blocks) for message in messages if (blocks := writer.write(message))]
    turns: list[Json] = []
    for position, (message, blocks) in enumerate(speaking):
        role: Role = message.role
        if role is Role.SYSTEM:
            after = next((other.role for other, _ in speaking[position + 1 :] if other.role is not Role.SYSTEM), None)
            before = turns[-1]["role"] if turns else None
            # Models with system turns take them after a user's turn, last or before the assistant's.
            if not (model.has_system_turns and before in (Role.USER, Role.SYSTEM) and after is not Role.USER):
                adapted.change(message.param, "moved-to-user-turn", "This model takes system messages first only.")
                role = Role.USER
                for block in blocks:
                    block["text"] = f"<system>\n{block['text']}\n</system>"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append(_turn(role, blocks))
        if role is Role.USER:
            # The results of calls come first. Sorting keeps the order of all else.
            turns[-1]["content"].sort(key=lambda block: block["type"] != "tool_result")
    return turns


def _end_in_assistant_turn(turns: list[Json], param: str, model: Model, adapted: Adaptations) -> None:
    last = turns[-1]["content"][-1]
    if not model.has_prefill or last["type"] != "text":
        adapted.change(param, "user-turn-appended", "This model cannot go on from such an assistant message.")
        turns.append(_turn(Role.USER, [text_block(_GO_ON)]))
        return
    trimmed = last["text"].rstrip()
    if trimmed != last["text"]:
        adapted.change(param, "trailing-space-trimmed", "A last assistant message cannot end in white space.")
        last["text"] = trimmed


def _turn(role: Role, blocks: list[Json]) -> Json:
    return {"role": role, "content": blocks}
