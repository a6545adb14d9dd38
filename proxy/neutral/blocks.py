"""What a message is made of, in the order it came. Each kind of content is a class of its own.

Values go by reference: base64 stays the text that was received, and so do the arguments of a tool, until a wire needs
something else. `param` says where the client wrote a thing, for errors and adaptations: `messages[3].content[1]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class Image:
    param: str
    data: str = ""
    """Base64."""
    media_type: str = ""
    """`image/png`, `image/jpeg`, `image/gif` or `image/webp`."""
    url: str | None = None
    """An https URL that is still to be fetched; then `data` is empty."""


@dataclass(slots=True)
class Document:
    param: str
    data: str = ""
    """Base64."""
    media_type: str = ""
    name: str = ""
    """As the client called the file; for people."""
    url: str | None = None
    """An https URL that is still to be fetched; then `data` is empty."""


@dataclass(slots=True)
class Reasoning:
    """What a model thought before it spoke."""

    text: str
    signature: str = ""
    """Opaque. Claude alone makes one, whichever way it is asked, and without it takes nothing back."""
    redacted: str = ""
    """In place of the text: what only the model can read."""
    is_kept: bool = False
    """The client has not sent it: the proxy had kept it."""

    @property
    def is_sealed(self) -> bool:
        """Can it go back to the model?"""
        return bool(self.signature or self.redacted)

    @property
    def says_none(self) -> bool:
        """Kept in place of a thought: the model was free to think before its call, and did not."""
        return self.is_kept and not self.is_sealed


@dataclass(slots=True)
class ToolUse:
    """A call that the model made."""

    id: str
    name: str
    arguments: str
    """JSON text, as received."""
    param: str = ""


@dataclass(slots=True)
class ToolResult:
    """What came of a call: a block of a user's message."""

    tool_use_id: str
    blocks: list[Text | Image | Document] = field(default_factory=list)
    param: str = ""
    cache_mark: CacheMark | None = None
    error_param: str | None = None
    """Where the client says that the call failed: `messages[3].is_error`. None: it does not say so."""


@dataclass(slots=True)
class CacheMark:
    """Everything up to here may be kept in the prompt cache."""

    param: str
    ttl: str | None = None
    """`5m` or `1h`; None leaves it to the model."""


Block = Text | Image | Document | Reasoning | ToolUse | ToolResult | CacheMark
"""In a request."""

ReplyBlock = Text | Reasoning | ToolUse
"""In an answer."""
