"""The images and documents that messages only name, fetched; and those too large for the model, made smaller.

A message is never changed: one with something to fetch is written anew.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from proxy.errors import InvalidRequest
from proxy.media.fetch import Fetched, Fetcher, Wanted
from proxy.neutral.blocks import Block, Document, Image, ToolResult
from proxy.neutral.request import Message

B = TypeVar("B", bound=Block)


class Media:
    """One per process."""

    def __init__(self, fetcher: Fetcher | None) -> None:
        """None: what a URL names is refused."""
        self._fetcher = fetcher

    async def load(self, messages: Sequence[Message]) -> list[Message]:
        """Raises `InvalidRequest` with the `param` of what cannot be had."""
        wanted = [_wanted(block) for message in messages for block in _named(message.blocks)]
        if not wanted:
            return list(messages)
        if self._fetcher is None:
            raise InvalidRequest(
                "This proxy fetches nothing: send the file itself, as a data: URL.",
                param=wanted[0].param,
                code="invalid_image_url",
            )
        fetched = await self._fetcher.fetch_all(wanted)
        # Base64 of megabytes takes milliseconds, which the other requests of this process should not wait for.
        texts = await asyncio.to_thread(lambda: [b64encode(one.data).decode() for one in fetched])
        found = {item.param: (one, text) for item, one, text in zip(wanted, fetched, texts, strict=True)}
        return [replace(message, blocks=[_filled(block, found) for block in message.blocks]) for message in messages]


def _named(blocks: Sequence[Block]) -> Iterator[Image | Document]:
    for block in blocks:
        if isinstance(block, ToolResult):
            yield from _named(block.blocks)
        elif isinstance(block, Image | Document) and block.url is not None:
            yield block


def _wanted(block: Image | Document) -> Wanted:
    assert block.url is not None
    return Wanted(block.url, block.param, "image" if isinstance(block, Image) else "file")


def _filled(block: B, found: dict[str, tuple[Fetched, str]]) -> B:
    if isinstance(block, ToolResult):
        return replace(block, blocks=[_filled(inner, found) for inner in block.blocks])
    if isinstance(block, Image) and block.url is not None:
        one, text = found[block.param]
        return replace(block, data=text, media_type=one.media_type, url=None)
    if isinstance(block, Document) and block.url is not None:
        one, text = found[block.param]
        return replace(block, data=text, media_type=one.media_type, name=block.name or one.name, url=None)
    return block
