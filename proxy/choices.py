"""The `n` answers of one request: begun together, read as they come, freed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

from proxy.bedrock.client import Answer
from proxy.exchange import Exchange, Unfolded, Unfolding
from proxy.neutral.events import Event

T = TypeVar("T")


class Choices:
    """Streams that have begun, every one with its first event. `aclose` it, read to the end or not."""

    def __init__(self, unfoldings: list[Unfolding | Unfolded]) -> None:
        self._unfoldings = unfoldings

    @classmethod
    async def open(cls, exchange: Exchange, count: int) -> Choices:
        """Raises `ProxyError` when one of them fails; the others are freed then."""
        opened: list[Unfolding | Unfolded] = []

        async def open_one() -> None:
            opened.append(await exchange.open())

        try:
            await together([open_one] * count)
        except BaseException:
            await cls(opened).aclose()
            raise
        return cls(opened)

    @property
    def answer(self) -> Answer:
        """That of the first, for what its headers say."""
        return self._unfoldings[0].answer

    async def batches(self) -> AsyncGenerator[tuple[int, list[Event]]]:
        """(choice, events) as they come. A client that reads slowly holds back every one of them."""
        if len(self._unfoldings) == 1:
            async with aclosing(self._unfoldings[0].batches()) as batches:
                async for events in batches:
                    yield 0, events
            return
        queue: asyncio.Queue[tuple[int, list[Event] | Exception | None]] = asyncio.Queue(maxsize=1)
        pumps = [
            asyncio.ensure_future(_pump(choice, unfolding, queue)) for choice, unfolding in enumerate(self._unfoldings)
        ]
        running = len(pumps)
        try:
            while running:
                choice, item = await queue.get()
                if item is None:
                    running -= 1
                elif isinstance(item, Exception):
                    raise item
                else:
                    yield choice, item
        finally:
            await _end(pumps)

    async def aclose(self) -> None:
        for unfolding in self._unfoldings:
            await unfolding.aclose()


async def _pump(
    choice: int,
    unfolding: Unfolding | Unfolded,
    queue: asyncio.Queue[tuple[int, list[Event] | Exception | None]],
) -> None:
    """Ends with None, or with the failure that ended the stream."""
    try:
        async with aclosing(unfolding.batches()) as batches:
            async for events in batches:
                await queue.put((choice, events))
        await queue.put((choice, None))
    except Exception as error:  # noqa: BLE001  raised again by the reader of the queue
        await queue.put((choice, error))


async def abandon(opening: asyncio.Future[Choices]) -> None:
    """Frees what was opened, or is being opened."""
    if not opening.done():
        opening.cancel()
        await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().aclose()


async def together(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """What they give, all made at once; the first failure ends the others and is raised as it is."""
    calls = list(calls)
    if len(calls) == 1:
        return [await calls[0]()]
    started = [asyncio.ensure_future(call()) for call in calls]
    try:
        return list(await asyncio.gather(*started))
    except BaseException:
        await _end(started)
        raise


async def _end(tasks: Iterable[asyncio.Future[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
