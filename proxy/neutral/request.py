"""A conversation and how it is to go on, in no vendor's spelling. Data without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from proxy.neutral.blocks import Block, CacheMark, Text


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(slots=True)
class Message:
    """One turn. Order is kept as received: a system message may stand anywhere, one role may speak twice in a row."""

    role: Role
    blocks: list[Block]
    param: str = "messages"
    """Where the client wrote it, for errors and adaptations: `messages[3]`."""

    @property
    def text(self) -> str:
        """The text blocks, joined without anything between."""
        return "".join([block.text for block in self.blocks if isinstance(block, Text)])


@dataclass(slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    param: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    """A JSON Schema, as received. None: it takes nothing."""
    is_strict: bool = False
    """The arguments have to follow the schema to the letter."""
    is_free_text: bool = False
    """Its only argument is the text `input`, which its caller hands over bare."""
    cache_mark: CacheMark | None = None


class ToolChoice(StrEnum):
    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    """At least one."""
    NAMED = "named"
    """This one."""


@dataclass(slots=True)
class OutputFormat:
    """The answer has to be JSON."""

    param: str
    name: str = "answer"
    description: str = ""
    schema: dict[str, Any] | None = None
    """None: any object."""


@dataclass(slots=True)
class Caching:
    """What a client wants of the prompt cache, beside its marks."""

    is_automatic: bool | None = None
    """True: marks are made for it. False: there are none but its own. None leaves it to the operator."""
    param: str = ""
    ttl: str | None = None
    """`5m` or `1h`: of the marks that say none."""
    ttl_param: str = ""
    ttl_word: str | None = None
    """As the client wrote it."""


@dataclass(slots=True)
class Guardrail:
    id: str
    """"": the operator's, whatever it is."""
    version: str
    trace: str | None = None
    """`enabled`, `disabled` or `enabled_full`."""
    param: str = "guardrailConfig"
    stream_mode: str | None = None
    """`sync`: a stream is looked at before it is sent. `async`: while it is."""
    tag_suffix: str | None = None
    """Only what stands in tags with this ending is looked at."""


@dataclass(slots=True)
class Sampling:
    """How to choose tokens. None means that the client left it to the model."""

    max_tokens: int | None = None
    """Of output, reasoning included."""
    temperature: float | None = None
    """0 to 2, as OpenAI counts it."""
    top_p: float | None = None
    stop: list[str] = field(default_factory=list)
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning_effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`."""
    reasoning_tokens: int | None = None
    """A budget in place of an effort."""


@dataclass(slots=True)
class Request:
    model: str
    """As the client named it."""
    messages: list[Message]
    sampling: Sampling = field(default_factory=Sampling)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: ToolChoice = ToolChoice.AUTO
    chosen_tool: str | None = None
    """With `NAMED`."""
    has_parallel_tools: bool = True
    """May one answer hold several calls?"""
    output_format: OutputFormat | None = None
    choices: int = 1
    """How many independent answers."""
    stream: bool = False
    end_user: str | None = None
    """The client's own opaque name for its user; sent on hashed only."""
    service_tier: str | None = None
    """`priority`, `flex` or None for the default."""
    latency: str | None = None
    """`standard` or `optimized`; None leaves it to Bedrock."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The client's own labels, for the operator's records."""
    guardrail: Guardrail | None = None
    caching: Caching | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields we do not know, as received. A family sends on those that are native to it and reports the others."""
    now: float = 0.0
    """When it came, in Unix seconds, for templates that tell the model the date."""
    spelled: dict[str, str] = field(default_factory=dict)
    """What the client called a field when not by its name here: `{"max_tokens": "max_completion_tokens"}`."""

    @property
    def offers_tools(self) -> bool:
        return bool(self.tools) and self.tool_choice is not ToolChoice.NONE

    @property
    def must_call(self) -> bool:
        """Does the client insist on a call?"""
        return bool(self.tools) and self.tool_choice in (ToolChoice.REQUIRED, ToolChoice.NAMED)

    def param(self, name: str) -> str:
        return self.spelled.get(name, name)
