"""Cache marks -> `cachePoint`s: which of them a model takes, and where one may stand.

A point has something in front of it in its own message, and neither reasoning nor, directly, a document that Bedrock
reads itself (any but PDF): it refuses those with "messages.0.content.2.type: Field required". Four in all, first tools,
then system, then messages; a longer life may not stand behind a shorter one. Sources: AWS Bedrock user guide, "Prompt
caching", 2026; aws/aws-sdk-java-v2 issue 6277 for the documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, ToolResult
from proxy.neutral.request import Request, Role
from proxy.routing.catalog import Model

_MOST = 4


class CachePoints:
    """The marks of one request that are sent on."""

    __slots__ = ("_adapted", "_ttls")

    def __init__(self, request: Request, model: Model, adapted: Adaptations) -> None:
        self._adapted = adapted
        allowed: list[CacheMark] = []
        for place, mark in _marks(request):
            if place in model.cache_points:
                allowed.append(mark)
            else:
                adapted.drop(mark.param, "This model takes no cache marks here.")
        for mark in allowed[:-_MOST]:
            adapted.drop(mark.param, "Bedrock takes four cache marks; the last ones are kept.")
        self._ttls: dict[int, str | None] = {}
        shortest = "1h"
        for mark in allowed[-_MOST:]:
            ttl = mark.ttl
            if ttl is not None and (ttl not in model.cache_ttls or shortest == "5m" != ttl):
                adapted.change(f"{mark.param}.ttl", "5m", "It cannot be kept for longer here.")
                ttl = None
            shortest = ttl or "5m"
            self._ttls[id(mark)] = ttl

    def put(self, content: list[dict[str, Any]], mark: CacheMark) -> None:
        """The mark behind this content, or as near to its end as Bedrock takes it."""
        if id(mark) not in self._ttls:
            return
        end = len(content)
        while end and _is_read_by_bedrock(content[end - 1]):
            end -= 1
        if not end or not content[end - 1].keys().isdisjoint(("cachePoint", "reasoningContent")):
            self._adapted.drop(mark.param, "There is nothing in front of it that could be kept.")
            return
        if end < len(content):
            self._adapted.change(mark.param, "moved-before-document", "It cannot stand behind such a document.")
        ttl = self._ttls[id(mark)]
        content.insert(end, {"cachePoint": {"type": "default", "ttl": ttl} if ttl else {"type": "default"}})


def _marks(request: Request) -> Iterator[tuple[str, CacheMark]]:
    """In the order of the prompt."""
    for tool in request.tools:
        if tool.cache_mark is not None:
            yield "tools", tool.cache_mark
    for in_system in (True, False):
        for message in request.messages:
            if (message.role is Role.SYSTEM) is in_system:
                for mark in _within(message.blocks):
                    yield "system" if in_system else "messages", mark


def _within(blocks: Sequence[Block]) -> Iterator[CacheMark]:
    for block in blocks:
        if isinstance(block, CacheMark):
            yield block
        elif isinstance(block, ToolResult) and block.cache_mark is not None:
            yield block.cache_mark


def _is_read_by_bedrock(block: dict[str, Any]) -> bool:
    return "document" in block and block["document"]["format"] != "pdf"
