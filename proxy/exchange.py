"""One call to Bedrock, tried until it answers: whole, or as events that unfold.

Nothing has reached the client before `whole` or `open` returns, so up to there a failure may be tried again. A whole answer
with stop sequences that we match ourselves is read as a stream too: it ends where it should, in the same place, and
nobody pays for what comes after.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from proxy.bedrock.client import Answer, BedrockClient
from proxy.bedrock.eventstream import Frame
from proxy.config import Retry, Timeouts
from proxy.errors import CredentialsExpired, ProxyError, UpstreamBroken, UpstreamTimeout
from proxy.families import Call, Family, StreamReader
from proxy.filters import Filters
from proxy.neutral.events import Event, Unrecognised, UsageReport
from proxy.neutral.fold import Fold
from proxy.neutral.reply import Reply
from proxy.neutral.unfold import unfold
from proxy.patience import Patience
from proxy.routing.attempts import RetryPolicy, next_delay
from proxy.routing.resolve import Target

T = TypeVar("T")
_TOO_LATE = "Bedrock did not begin its answer in time."
_TOO_SLOW = "Bedrock did not finish its answer in time."
_BESIDE_THE_ANSWER = (UsageReport, Unrecognised)
_LINGER_S = 1.0
"""After the end of an answer the connection should end as well, and can then be used again. This long it is waited for."""


class Exchange:
    """The same call may be made several times (`n` choices, retries): each `whole` or `open` is one answer."""

    def __init__(
        self,
        client: BedrockClient,
        target: Target,
        family: Family,
        call: Call,
        timeouts: Timeouts,
        retry: Retry,
        instead: Mapping[type[ProxyError], Callable[[], Call]] = MappingProxyType({}),
    ) -> None:
        """`instead`: refusals of a part that the call can do without, and what gives the call to be made then."""
        self.model = target.model
        self._client = client
        self._target = target
        self._family = family
        self._call = call
        self._instead = dict(instead)
        self._timeouts = timeouts
        self._policy = RetryPolicy(attempts=retry.attempts)
        self._retry_deadline_s = retry.deadline_s

    @property
    def thinks(self) -> bool:
        return self._call.thinks

    async def whole(self) -> tuple[Reply, Answer]:
        """Raises `ProxyError`. The `Answer` is read to its end; its headers are still of interest."""
        return await self._with_less_if_refused(self._whole)

    async def open(self) -> Unfolding | Unfolded:
        """The answer from its first event on. Raises `ProxyError` for a failure before it."""
        return await self._with_less_if_refused(self._open)

    async def _with_less_if_refused(self, work: Callable[[Call], Awaitable[T]]) -> T:
        while True:
            call = self._call
            try:
                return await work(call)
            except ProxyError as error:
                # Another choice may have found out first.
                if call is self._call:
                    build = self._instead.pop(type(error), None)
                    if build is None:
                        raise
                    self._call = build()

    async def _whole(self, call: Call) -> tuple[Reply, Answer]:
        async with _within(self._timeouts.total_s, _TOO_SLOW):
            if call.stops and call.can_stream:
                unfolding = await self._open(call)
                fold = Fold()
                async for events in unfolding.batches():
                    fold.feed(events)
                return fold.reply(), unfolding.answer
            reply, answer = await self._until_answered(lambda: self._ask_once(call))
            return Filters(call).feed_whole(reply), answer

    async def _open(self, call: Call) -> Unfolding | Unfolded:
        if not call.can_stream:
            reply, answer = await self._whole(call)
            return Unfolded(answer, unfold(reply))
        end_s = asyncio.get_running_loop().time() + self._timeouts.total_s
        async with _within(self._timeouts.total_s, _TOO_LATE):
            return await self._until_answered(lambda: self._open_once(call, end_s))

    async def _ask_once(self, call: Call) -> tuple[Reply, Answer]:
        answer = await self._send(call, self._family.operation)
        try:
            return self._family.parse(await answer.body(), _own(call)), answer
        finally:
            await answer.aclose()

    async def _open_once(self, call: Call, end_s: float) -> Unfolding:
        async with _within(self._timeouts.first_event_s, _TOO_LATE):
            answer = await self._send(call, self._family.stream_operation)
            reader = self._family.reader(_own(call))
            unfolding = Unfolding(answer, reader, Filters(call), self._timeouts.gap_s, end_s)
            try:
                await unfolding.begin()
            except BaseException:
                await answer.aclose()
                raise
            return unfolding

    async def _send(self, call: Call, operation: str) -> Answer:
        return await self._client.call(self._target.model_id, operation, call.body, call.headers)

    async def _until_answered(self, attempt: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        started, tried, has_refreshed = loop.time(), 0, False
        while True:
            try:
                return await attempt()
            except ProxyError as error:
                tried += not isinstance(error, CredentialsExpired)
                delay_s = next_delay(
                    self._policy,
                    error,
                    tried,
                    elapsed_s=loop.time() - started,
                    deadline_s=self._retry_deadline_s,
                    roll=random.random(),  # noqa: S311  jitter, no secret
                    refreshed=has_refreshed,
                )
                if delay_s is None:
                    raise
                if isinstance(error, CredentialsExpired):
                    has_refreshed = True
                    await self._client.refresh_credentials(error)
                await asyncio.sleep(delay_s)


def _own(call: Call) -> Call:
    """The call with a token of one answer's own."""
    return replace(call, answer_token=secrets.token_hex(6))


class Unfolding:
    """An answer that has begun. `batches` gives the events of one network read at a time, the first ones included."""

    def __init__(self, answer: Answer, reader: StreamReader, filters: Filters, gap_s: float, end_s: float) -> None:
        """`end_s`: when the answer has to be whole, on the event loop's clock."""
        self.answer = answer
        self._frames = answer.frames()
        self._reader = reader
        self._filters = filters
        self._gap_s = gap_s
        self._end_s = end_s
        self._has_begun = False
        self._first: list[Event] = []
        self._failure: ProxyError | None = None
        """What the last read ended in, to be raised when its events have been given."""

    async def begin(self) -> None:
        """Waits for the first event of the answer itself. Raises when it ends, or fails, before that."""
        while not self._has_begun:
            if self._failure is not None:
                raise self._failure
            frames = await anext(self._frames, None)
            if frames is None:
                self._reader.close()
                raise UpstreamBroken("Bedrock's answer is empty.")
            self._first += self._read(frames)

    async def batches(self) -> AsyncGenerator[list[Event]]:
        """Raises `ProxyError` for a failure inside the answer, after everything that came before it. Closes itself."""
        loop = asyncio.get_running_loop()
        try:
            yield self._first
            async with Patience() as patience:
                while not self._filters.is_done:
                    if self._failure is not None:
                        raise self._failure
                    wait_s = _LINGER_S if self._reader.is_ended else self._gap_s
                    patience.wait_until(min(loop.time() + wait_s, self._end_s))
                    frames = await anext(self._frames, None)
                    patience.rest()
                    if frames is None:
                        self._reader.close()
                        return
                    events = self._read(frames)
                    if events:
                        yield events
        except TimeoutError:
            if not self._reader.is_ended:
                is_late = loop.time() >= self._end_s
                raise UpstreamTimeout(
                    _TOO_SLOW if is_late else "Bedrock fell silent in the middle of its answer."
                ) from None
        except ProxyError:
            # What breaks after the end of the answer takes nothing from it.
            if not self._reader.is_ended:
                raise
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Frees the upstream connection, at once where the answer is not at its end."""
        await self.answer.aclose()

    def _read(self, frames: list[Frame]) -> list[Event]:
        events: list[Event] = []
        try:
            self._reader.feed(frames, events)
        except ProxyError as error:
            # What cannot be read takes nothing from what came before it.
            if not events:
                raise
            self._failure = error
        if not self._has_begun:
            self._has_begun = any(not isinstance(event, _BESIDE_THE_ANSWER) for event in events)
        if not self._filters:
            return events
        was_done = self._filters.is_done
        events = self._filters.feed(events)
        if self._filters.is_done and not was_done:
            # The end that would have brought the count is not waited for.
            events.insert(-1, UsageReport(self._reader.usage_so_far()))
        return events


class Unfolded:
    """An answer that could only be had whole, as if it had unfolded."""

    def __init__(self, answer: Answer, events: list[Event]) -> None:
        self.answer = answer
        self._events = events

    async def batches(self) -> AsyncGenerator[list[Event]]:
        yield self._events

    async def aclose(self) -> None:
        await self.answer.aclose()


@asynccontextmanager
async def _within(delay_s: float, message: str) -> AsyncGenerator[None]:
    """`asyncio.timeout` whose end is an `UpstreamTimeout`."""
    try:
        async with asyncio.timeout(delay_s):
            yield
    except TimeoutError:
        raise UpstreamTimeout(message) from None
