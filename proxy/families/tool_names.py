"""Tool names and call ids that Bedrock takes, and the way back.

Bedrock wants `[a-zA-Z0-9_-]{1,64}` of both; clients send dots, slashes and the long names of MCP servers. A safe name is
made from the name alone, so that it is the same in every turn of a conversation and prompt caches stay warm. Source:
botocore 1.44 service model (`ToolName`, `ToolUseId`); Anthropic API documentation, "Tool use", 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from proxy.errors import InvalidRequest
from proxy.neutral.blocks import ToolUse
from proxy.neutral.request import Request

_SAFE = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNSAFE_CHARACTER = re.compile(r"[^a-zA-Z0-9_-]")
_READABLE = 55
"""Characters of the client's name that are kept in front of its digest."""


class ToolNames:
    """The names of one request: those of its tools, and those that its history called. Of two that Bedrock would know by
    the same name the last is meant."""

    __slots__ = ("_by_wire",)

    def __init__(self, names: Iterable[str]) -> None:
        self._by_wire = {safe(name): name for name in names}

    @classmethod
    def of(cls, request: Request) -> ToolNames:
        """Raises `InvalidRequest` for a tool whose safe name another one has: a call of either could not be told apart."""
        called = (block.name for message in request.messages for block in message.blocks if isinstance(block, ToolUse))
        names: dict[str, str] = {}
        for tool in request.tools:
            other = names.setdefault(safe(tool.name), tool.name)
            if other != tool.name:
                raise InvalidRequest(
                    f"Invalid '{tool.param}.name': for Bedrock '{tool.name[:100]}' and '{other[:100]}' are the same name. "
                    "Rename one of the tools.",
                    param=f"{tool.param}.name",
                    code="invalid_value",
                )
        return cls([*called, *names.values()])

    def to_client(self, wire_name: str) -> str:
        """A name that the model made up comes back as it is."""
        return self._by_wire.get(wire_name, wire_name)


def safe(text: str) -> str:
    """A name or an id as Bedrock takes it: itself where it can be, else what is readable of it and a digest."""
    if _SAFE.fullmatch(text):
        return text
    digest = sha256(text.encode()).hexdigest()[:8]
    return f"{_UNSAFE_CHARACTER.sub('_', text)[:_READABLE]}_{digest}"
