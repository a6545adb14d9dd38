"""The images and documents that messages only name, fetched; and those too large for the model, made smaller.

A message is never changed: one with something to fetch is written anew.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from proxy.errors import InvalidRequest
from proxy.media.fetch import Fetched, Fetcher, Wanted
from proxy.media.kinds import base64_dimensions, decoded_size
from proxy.media.scale import fits, is_available, scale, too_large
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, Document, Image, ToolResult
from proxy.neutral.request import Message

B = TypeVar("B", bound=Block)

_MOST_BYTES = 3_750_000
_LONGEST_SIDE = 8000
"""Of an image, in pixels. Both limits: AWS Bedrock user guide, "Converse" and "Anthropic Claude Messages API", 2026."""
_SCALED_AT_ONCE = 1
"""Scaling takes seconds of a core and hundreds of megabytes."""


class Media:
    """One per process."""

    def __init__(self, fetcher: Fetcher | None) -> None:
        """None: what a URL names is refused."""
        self._fetcher = fetcher
        self._scaling = asyncio.Semaphore(_SCALED_AT_ONCE)

    async def load(self, messages: Sequence[Message], adapted: Adaptations) -> list[Message]:
        """Raises `InvalidRequest` with the `param` of what cannot be had, or cannot be made to fit."""
        return await self._fit(await self._fetch(messages), adapted)

    async def _fit(self, messages: list[Message], adapted: Adaptations) -> list[Message]:
        """Images beyond what Bedrock takes, made smaller where that can be done."""
        fitted: dict[str, tuple[str, str]] = {}
        for message in messages:
            for image in _images(message.blocks):
                size, sides = decoded_size(image.data), base64_dimensions(image.data)
                if not fits(size, sides, max_bytes=_MOST_BYTES, max_side=_LONGEST_SIDE):
                    if not is_available():
                        raise too_large(size, sides, max_bytes=_MOST_BYTES, max_side=_LONGEST_SIDE, param=image.param)
                    async with self._scaling:
                        fitted[image.param] = await asyncio.to_thread(_scaled, image)
                    adapted.change(image.param, "scaled-down", "It is larger than Bedrock takes.")
        if not fitted:
            return messages
        return [
            replace(message, blocks=[_made_smaller(block, fitted) for block in message.blocks]) for message in messages
        ]

    async def _fetch(self, messages: Sequence[Message]) -> list[Message]:
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


def _images(blocks: Sequence[Block]) -> Iterator[Image]:
    for block in blocks:
        if isinstance(block, ToolResult):
            yield from _images(block.blocks)
        elif isinstance(block, Image):
            yield block


def _scaled(image: Image) -> tuple[str, str]:
    data, media_type = scale(b64decode(image.data), max_bytes=_MOST_BYTES, max_side=_LONGEST_SIDE, param=image.param)
    return b64encode(data).decode(), media_type


def _made_smaller(block: B, fitted: dict[str, tuple[str, str]]) -> B:
    if isinstance(block, ToolResult):
        return replace(block, blocks=[_made_smaller(inner, fitted) for inner in block.blocks])
    if isinstance(block, Image) and block.param in fitted:
        data, media_type = fitted[block.param]
        return replace(block, data=data, media_type=media_type)
    return block


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
