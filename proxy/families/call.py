"""What a family hands to the pipeline: one call to Bedrock, and the objects that read what comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.bedrock.eventstream import Frame
from proxy.families.tool_names import ToolNames
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Event
from proxy.neutral.reply import Reply, Usage
from proxy.neutral.request import Guardrail, Request
from proxy.routing.catalog import Model


@dataclass(slots=True)
class Call:
    """A request body in the family's own form."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """Beside content-type, signing and host."""
    stops: list[str] = field(default_factory=list)
    """Stop sequences that the model cannot be told of: the pipeline matches them in the text."""
    can_stream: bool = True
    """False where the model cannot stream this very request: the pipeline asks for the whole answer and unfolds it."""
    guardrail: Guardrail | None = None
    """That the answer has to have passed."""
    names: ToolNames = field(default_factory=lambda: ToolNames(()))
    """To give the tools in the answer the client's names again."""
    is_bare_json: bool = False
    """The text of the answer is to be JSON and nothing else: a code fence around it is taken away."""
    answer_tool: str | None = None
    """The wire name of a tool whose arguments are the answer's text: how a model without schemas is made to follow one."""
    answer_token: str = ""
    """Unlike in every other answer: for the ids of what the wire gives none."""
    reading: object = None
    """The family's own notes, for the reading of the answer."""
    answer_key: str | None = None
    """The answer is the value under this key of those arguments, not all of them."""
    argument_keys: Mapping[str, str] = field(default_factory=dict)
    """The client's name of a tool -> the key of its arguments under which the client's own stand."""
    thinks: bool = False
    """Is a Claude free to think before it answers?"""
    most_calls: int | None = None
    """The model may call more tools than the client wants: so many calls are kept, the first ones."""

    @property
    def is_traced(self) -> bool:
        """Is the answer to tell what its guardrail did?"""
        return self.guardrail is not None and self.guardrail.trace not in (None, "disabled")


class StreamReader(Protocol):
    """One per answer. Frames in, events out; `close` raises `UpstreamBroken` when the answer has no end."""

    is_ended: bool
    """The end of the answer has been read; nothing that comes after it matters."""

    def feed(self, frames: Iterable[Frame], out: list[Event]) -> None:
        """Appends the events that the frames make. Where one raises, those of the frames before it are there."""
        ...

    def close(self) -> None: ...

    def usage_so_far(self) -> Usage:
        """For an answer that is ended before its end."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a wire form."""

    operation: str
    """The last part of the URL: `invoke`, `converse`."""
    stream_operation: str
    build: Callable[[Request, Model, Adaptations], Call]
    """Raises `InvalidRequest` for what the model cannot take; notes in the `Adaptations` what it has to change."""
    parse: Callable[[bytes, Call], Reply]
    """The body of a 200, and the call it answers. Raises `UpstreamBroken` when it is not an answer."""
    reader: Callable[[Call], StreamReader]
