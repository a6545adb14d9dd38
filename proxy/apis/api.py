"""What a client-facing API is to the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.errors import ProxyError
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Event
from proxy.neutral.reply import Reply
from proxy.neutral.request import Request


@dataclass(frozen=True, slots=True)
class Identity:
    """What the pipeline, not the translator, knows of an answer: clocks and chance are outside the pure part."""

    token: str
    """29 letters and digits, unique to the answer."""
    created: int
    """Seconds since 1970."""
    service_tier: str
    """That Bedrock says it used."""


class StreamWriter(Protocol):
    """Events -> bytes on the wire, for all choices of one answer."""

    def send(self, events: list[Event], choice: int = 0) -> bytes: ...

    def close(self) -> bytes: ...

    def fail(self, error: ProxyError) -> bytes: ...


class Asked(Protocol):
    """One parsed request: the neutral form, and how its answer is to be written."""

    request: Request

    def render(self, identity: Identity, replies: Sequence[Reply]) -> dict[str, Any]: ...

    def stream(self, identity: Identity) -> StreamWriter: ...


class Api(Protocol):
    def parse(self, body: Any, adapted: Adaptations, max_choices: int) -> Asked:
        """Decoded JSON -> what was asked. Raises `InvalidRequest`."""
        ...

    def render_error(self, error: ProxyError) -> dict[str, Any]: ...
