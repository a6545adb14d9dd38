"""A reply as it unfolds, in no vendor's spelling.

    (BlockStart  (TextDelta | ReasoningDelta | ReasoningSeal | ArgumentsDelta)*  BlockStop)*  Finish
    with UsageReport anywhere

Blocks do not overlap. Every delta stands inside an open block of its kind; readers supply the start that some wires leave
out. `Finish` comes once. A `UsageReport` counts everything so far: a later one replaces an earlier one, and one may follow
`Finish`. A failure is not an event: readers raise it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from proxy.neutral.reply import FinishReason, Usage


class BlockKind(Enum):
    TEXT = "text"
    REASONING = "reasoning"
    TOOL_USE = "tool_use"


@dataclass(slots=True)
class BlockStart:
    kind: BlockKind
    id: str = ""
    """Of a tool use."""
    name: str = ""
    """Of the tool that is called."""


@dataclass(slots=True)
class TextDelta:
    text: str


@dataclass(slots=True)
class ReasoningDelta:
    text: str


@dataclass(slots=True)
class ReasoningSeal:
    """What makes a block of reasoning valid when it is sent back: its signature, or, redacted, all there is of it."""

    signature: str = ""
    redacted: str = ""


@dataclass(slots=True)
class ArgumentsDelta:
    """A piece of the JSON text of a tool's arguments."""

    text: str


@dataclass(slots=True)
class BlockStop:
    pass


@dataclass(slots=True)
class UsageReport:
    usage: Usage


@dataclass(slots=True)
class Finish:
    reason: FinishReason
    word: str
    """As the wire said it."""
    stop_sequence: str | None = None
    trace: Any = None
    """As of a `Reply`."""
    refusal: str | None = None
    """As of a `Reply`."""


@dataclass(slots=True)
class Unrecognised:
    """The wire carried something new, `what`, that was left out. The pipeline writes it to the log."""

    what: str


Event = (
    BlockStart
    | TextDelta
    | ReasoningDelta
    | ReasoningSeal
    | ArgumentsDelta
    | BlockStop
    | UsageReport
    | Finish
    | Unrecognised
)
