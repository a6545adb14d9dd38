"""A whole answer, in no vendor's spelling."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from proxy.neutral.blocks import Reasoning, ReplyBlock, Text, ToolUse


class FinishReason(Enum):
    """Why the model stopped. The wire's own word stands beside it wherever it goes."""

    STOP = "stop"
    """It was done, or met a stop sequence."""
    LENGTH = "length"
    """The answer is not complete: a limit was met."""
    TOOL_USE = "tool_use"
    """It waits for the results of the tools it called."""
    FILTERED = "filtered"
    """A refusal, a content filter or a guardrail."""
    UNKNOWN = "unknown"
    """A word that no table of ours has. Never shown as STOP."""


_CHARACTERS_A_TOKEN = 4


def estimate_tokens(characters: int) -> int:
    """A rule of thumb, for what Bedrock does not count."""
    return -(-characters // _CHARACTERS_A_TOKEN)


def estimate_reasoning(output_tokens: int, thought: int, answer: int, *, is_abridged: bool) -> int:
    """How much of the output was reasoning. `thought`, `answer`: the characters that are shown of each.

    Whole thoughts have their share of the characters. What is shown of abridged ones, a summary or nothing, is less than
    they took: they have what the answer leaves, where that is more.
    """
    shown = thought + answer
    share = -(-output_tokens * thought // shown) if shown else 0
    return max(share, output_tokens - estimate_tokens(answer)) if is_abridged else share


@dataclass(slots=True)
class Usage:
    """Tokens as Bedrock counted them."""

    input_tokens: int = 0
    """Without those read from or written to the cache."""
    output_tokens: int = 0
    """Reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    """The part of the output that is reasoning; estimated from its text where Bedrock does not tell."""
    service_tier: str = ""
    """At which it is billed, where the answer itself says so."""
    is_estimate: bool = False
    """True when the stream was ended early by us and what Bedrock had not yet counted is estimated from its text."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.service_tier or other.service_tier,
            self.is_estimate or other.is_estimate,
        )


@dataclass(slots=True)
class Reply:
    """One answer: its blocks in the order the model produced them."""

    blocks: list[ReplyBlock]
    finish: FinishReason
    finish_word: str
    """As the wire said it: `end_turn`, `max_tokens` …"""
    usage: Usage
    stop_sequence: str | None = None
    trace: Any = None
    """What a guardrail tells of its work, where it was asked to; as the wire has it."""
    refusal: str | None = None
    """The model itself would not answer: why, in its words. With `FILTERED`, beside the text that came before it."""
    unrecognised: list[str] = field(default_factory=list, compare=False)
    """What was new, and left out: no part of the answer. As of `Unrecognised`."""

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def reasoning(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Reasoning))

    @property
    def tool_uses(self) -> list[ToolUse]:
        return [block for block in self.blocks if isinstance(block, ToolUse)]
