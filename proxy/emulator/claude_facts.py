"""What each Claude model takes beyond the catalogue's facts: thinking, effort, forced tools, structured output.

Source: Anthropic's documentation of extended and adaptive thinking, effort, tool use and structured outputs (October
2026), and the model cards of the Amazon Bedrock user guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.emulator.models import Model

ALL_EFFORTS = ("low", "medium", "high", "xhigh", "max")
EFFORT_BETA = "effort-2025-11-24"


@dataclass(frozen=True, slots=True)
class Traits:
    thinking: tuple[str, ...] = ("adaptive", "disabled")
    """Values of `thinking.type` that the model takes."""
    thinks_unasked: bool = False
    shows_thinking: bool = False
    """Is `display` "summarized" when it is not given? Otherwise thinking comes back empty, with its signature."""
    efforts: tuple[str, ...] = ALL_EFFORTS
    needs_effort_to_disable: bool = False
    """`disabled` is refused with effort xhigh and max."""
    can_force_tools: bool = True
    thinks_when_forced: bool = True
    """Is forcing a tool refused while thinking is on? Otherwise thinking is left out for that call."""
    has_formats: bool = False
    """Structured output: `output_config.format`, and `strict` of a tool."""
    stops_at_window: bool = True
    """Otherwise `max_tokens` must fit into what the input leaves of the context."""


_OLD = Traits(thinking=("enabled", "disabled"), shows_thinking=True, efforts=(), stops_at_window=False)
_ALWAYS = Traits(thinking=("adaptive",), thinks_unasked=True, can_force_tools=False)
_OFF = Traits()
_ON = Traits(thinks_unasked=True)

TRAITS = {
    "claude-3-": Traits(thinking=(), efforts=(), stops_at_window=False),
    "claude-3-7-": _OLD,
    "claude-sonnet-4-2025": _OLD,
    "claude-opus-4-2025": _OLD,
    "claude-opus-4-1": _OLD,
    "claude-sonnet-4-5": Traits(thinking=("enabled", "disabled"), shows_thinking=True, efforts=(), has_formats=True),
    "claude-haiku-4-5": Traits(thinking=("enabled", "disabled"), shows_thinking=True, efforts=(), has_formats=True),
    "claude-opus-4-5": Traits(
        thinking=("enabled", "disabled"), shows_thinking=True, efforts=("low", "medium", "high"), has_formats=True
    ),
    "claude-opus-4-6": Traits(
        thinking=("adaptive", "enabled", "disabled"),
        shows_thinking=True,
        efforts=("low", "medium", "high", "max"),
        has_formats=True,
    ),
    "claude-sonnet-4-6": Traits(
        thinking=("adaptive", "enabled", "disabled"),
        shows_thinking=True,
        efforts=("low", "medium", "high", "max"),
        has_formats=True,
    ),
    "claude-opus-4-7": _OFF,
    "claude-opus-4-8": _OFF,
    "claude-sonnet-5": _ON,
    "claude-opus-5": Traits(thinks_unasked=True, needs_effort_to_disable=True),
    "claude-haiku-5-5": Traits(thinks_unasked=True, needs_effort_to_disable=True, thinks_when_forced=False),
    "claude-sonnet-5-5": Traits(thinking=("adaptive", "between_tools"), thinks_unasked=True, can_force_tools=False),
    "claude-opus-5-5": _ALWAYS,
    "claude-fable-": _ALWAYS,
    "claude-mythos-5": Traits(thinking=("adaptive",), thinks_unasked=True, can_force_tools=False, has_formats=True),
    "claude-mythos-preview": Traits(thinking=("adaptive", "enabled"), thinks_unasked=True, can_force_tools=False),
}


def traits(model: Model) -> Traits:
    """By the longest known beginning of the model's name; a Claude that is not known here is taken as a new one."""
    called = model.name
    known = [name for name in TRAITS if called.startswith(name)]
    return TRAITS[max(known, key=len)] if known else _ON


def thinks(body: Mapping[str, Any], given: Traits) -> bool:
    """Does this body make the model think? `between_tools` never does in a first answer."""
    choice = body.get("tool_choice")
    is_forced = isinstance(choice, dict) and choice.get("type") in ("any", "tool")
    if is_forced and not given.thinks_when_forced:
        return False
    config = body.get("thinking")
    return config["type"] in ("enabled", "adaptive") if config else given.thinks_unasked


BETAS = frozenset(
    {
        "compact-2026-01-12",
        "compact-2026-09-04",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        EFFORT_BETA,
        "fine-grained-tool-streaming-2025-05-14",
        "inline-tools-2026-09-15",
        "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    }
)
"""Flags of `anthropic_beta` that Bedrock knows."""

OLD_BETAS = frozenset({"dev-full-thinking-2025-05-14", "output-128k-2025-02-19", "token-efficient-tools-2025-02-19"})
"""Flags that only the models of before 4.5 know."""

FIELD_BETAS = {
    "context_management": ("context-management-2025-06-27", "compact-2026-01-12"),
    "compaction": ("compact-2026-09-04",),
    "safeguards": ("dangerous-tool-use-2026-09-03",),
}
"""Body fields that exist behind a flag alone."""

EDITS = ("clear_tool_uses_20250919", "compact_20260112")
"""What `context_management` can do on Bedrock: clearing thinking is not among it."""

TOOL_TYPES = {
    "bash_20241022": "bash",
    "bash_20250124": "bash",
    "text_editor_20241022": "str_replace_editor",
    "text_editor_20250124": "str_replace_editor",
    "text_editor_20250429": "str_replace_based_edit_tool",
    "text_editor_20250728": "str_replace_based_edit_tool",
    "computer_20241022": "computer",
    "computer_20250124": "computer",
    "computer_20251124": "computer",
    "memory_20250818": "memory",
    "tool_search_tool_regex": "tool_search_tool_regex",
    "tool_search_tool_regex_20251119": "tool_search_tool_regex",
}
"""The vendor's tools that Bedrock takes -> their fixed names."""
