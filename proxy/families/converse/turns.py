"""What some models that Converse serves want of a conversation beside the rules that hold for all."""

from __future__ import annotations

from dataclasses import replace

from proxy.families.turns import PLACEHOLDER, Turn
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text, ToolResult
from proxy.neutral.request import Role

_ATTACHED = "(What the tool returned follows.)"


def fold_system(system: list[Block], turns: list[Turn], param: str, adapted: Adaptations) -> None:
    """For models without a system prompt: the first user turn begins with it."""
    if system:
        adapted.change(param, "moved-to-user-turn", "This model takes no system messages.")
        turns[0].blocks = system + turns[0].blocks


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
