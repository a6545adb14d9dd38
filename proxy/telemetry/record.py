"""What is known of one request when it is over. One record feeds the log, and whatever else wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.neutral.reply import Usage


@dataclass(slots=True)
class Record:
    """Filled in on the way. No content of the conversation, no secret."""

    request_id: str
    method: str
    path: str
    started_s: float
    """On the event loop's clock."""
    owner: str = ""
    """Whose key it is, without the key."""
    model: str | None = None
    """As the client named it."""
    target: str | None = None
    """The id that went to Bedrock."""
    is_stream: bool = False
    status: int = 0
    error_code: str | None = None
    """Of a failure before or inside the answer."""
    is_whole: bool = False
    """The answer was given to its end."""
    has_hung_up: bool = False
    """The client left before that."""
    upstream_request_id: str | None = None
    first_event_s: float | None = None
    """Seconds from the start to the first bytes of the answer."""
    duration_s: float = 0.0
    usage: Usage = field(default_factory=Usage)
    adapted: str = ""
