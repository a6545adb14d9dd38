"""Reply -> events: for an answer that could only be had whole and is wanted as a stream."""

from __future__ import annotations

from proxy.neutral.blocks import Reasoning, Text
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.reply import Reply


def unfold(reply: Reply) -> list[Event]:
    """Folded, the events are the reply again."""
    events: list[Event] = [*map(Unrecognised, reply.unrecognised)]
    for block in reply.blocks:
        if isinstance(block, Text):
            events += [BlockStart(BlockKind.TEXT), TextDelta(block.text)]
        elif isinstance(block, Reasoning):
            events += [BlockStart(BlockKind.REASONING), ReasoningDelta(block.text)]
            if block.signature or block.redacted:
                events.append(ReasoningSeal(block.signature, block.redacted))
        else:
            events += [BlockStart(BlockKind.TOOL_USE, block.id, block.name), ArgumentsDelta(block.arguments)]
        events.append(BlockStop())
    finish = Finish(reply.finish, reply.finish_word, reply.stop_sequence, reply.trace, reply.refusal)
    events += [UsageReport(reply.usage), finish]
    return events
