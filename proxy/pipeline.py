"""One request's journey. Read this first.

    bytes --jsonio--> JSON --apis--> Request --routing--> Target --families--> Call --exchange--> Bedrock
    bytes <--apis--- Reply or events  <--families---  body or frames  <--bedrock--

The pipeline takes every step and makes no decision of its own. A stream is answered when its first event is there, so that
an early failure still has a true status; or after `keepalive_s` of silence, when a waiting client has to hear something.
"""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from proxy import jsonio
from proxy.apis.api import Api, Asked, Identity
from proxy.apis.sse import KEEPALIVE
from proxy.config import Config
from proxy.errors import Draining, InternalError, InvalidRequest, ProxyError
from proxy.exchange import Exchange, Unfolding
from proxy.families import FAMILIES
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Event, Finish, Unrecognised, UsageReport
from proxy.neutral.reply import FinishReason, Usage
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record
from proxy.upstream import Upstream

T = TypeVar("T")
_ALPHABET = string.ascii_letters + string.digits
ADAPTED_HEADER = "x-bedrock-proxy-adapted"
STRICT_HEADER = "x-bedrock-proxy-strict"
_TIER_HEADER = "x-amzn-bedrock-service-tier"


@dataclass(slots=True)
class Whole:
    """A complete answer."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Streamed:
    """An answer in pieces. `chunks` frees everything when it is closed, read to its end or not."""

    chunks: AsyncGenerator[bytes]
    headers: dict[str, str] = field(default_factory=dict)


class Pipeline:
    def __init__(
        self,
        config: Config,
        upstream: Upstream,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._upstream = upstream
        self._now = now

    async def answer(self, api: Api, body: bytes, headers: Mapping[str, str], record: Record) -> Whole | Streamed:
        """Raises `ProxyError` for whatever fails before the answer begins. `headers` are the client's, in lower case."""
        adapted = Adaptations(self._config.strict or _is_true(headers.get(STRICT_HEADER, "")))
        asked = api.parse(_decode(body), adapted, self._config.server.max_choices)
        exchange = await self._exchange(asked, adapted, headers, record)
        if asked.request.stream:
            return await self._stream(asked, exchange, record)
        return await self._whole(asked, exchange, record)

    async def _exchange(
        self, asked: Asked, adapted: Adaptations, headers: Mapping[str, str], record: Record
    ) -> Exchange:
        request = asked.request
        record.model, record.is_stream = request.model, request.stream
        target = self._upstream.resolve(request.model)
        record.target = target.model_id
        family = FAMILIES[target.model.family]
        call = family.build(request, target.model, adapted)
        call.headers |= {name: headers[name] for name in self._upstream.passed_on if name in headers}
        record.adapted = adapted.header()
        client = await self._upstream.client(target.region)
        return Exchange(client, target, family, call, self._config.timeouts, self._config.retry)

    async def _whole(self, asked: Asked, exchange: Exchange, record: Record) -> Whole:
        answers = await _together(exchange.whole for _ in range(asked.request.choices))
        replies = [reply for reply, _ in answers]
        for reply in replies:
            record.usage = record.usage + reply.usage
            _tell_if_unknown(reply.finish, reply.finish_word, record)
        record.is_whole = True
        first = answers[0][1]
        record.upstream_request_id = first.request_id
        body = jsonio.encode(asked.render(self._identity(first.headers.get(_TIER_HEADER)), replies))
        return Whole(body, _headers(record))

    async def _stream(self, asked: Asked, exchange: Exchange, record: Record) -> Streamed:
        opening = asyncio.ensure_future(_open_all(exchange, asked.request.choices))
        try:
            await asyncio.wait({opening}, timeout=self._config.timeouts.keepalive_s)
            if opening.done():
                record.upstream_request_id = opening.result()[0].answer.request_id
        except BaseException:
            await _abandon(opening)
            raise
        return Streamed(self._chunks(asked, opening, record), _headers(record))

    async def _chunks(
        self, asked: Asked, opening: asyncio.Future[list[Unfolding]], record: Record
    ) -> AsyncGenerator[bytes]:
        loop = asyncio.get_running_loop()
        writer = asked.stream(self._identity(None))
        usages = [Usage()] * asked.request.choices
        try:
            if not opening.done():
                yield KEEPALIVE
            unfoldings = await opening
            answer = unfoldings[0].answer
            record.upstream_request_id = answer.request_id
            writer = asked.stream(self._identity(answer.headers.get(_TIER_HEADER)))
            record.first_event_s = loop.time() - record.started_s
            begun: bytes = writer.start()
            async with aclosing(_interleave(unfoldings)) as batches:
                async for choice, events in batches:
                    _observe(events, choice, usages, record)
                    chunk = begun + writer.send(events, choice)
                    if chunk:
                        begun = b""
                        yield chunk
            record.is_whole = True
            yield writer.close()
        except ProxyError as error:
            record.error_code = error.code or error.type
            yield writer.fail(error)
        except asyncio.CancelledError:
            if record.has_hung_up:
                raise
            # The end of the grace time: say so rather than break off.
            record.error_code = Draining.default_code
            yield writer.fail(Draining("The proxy is shutting down."))
        except Exception:  # noqa: BLE001  logged whole, and told to the client
            # The status has gone out: only the stream itself can still say that the answer is not whole.
            log.exception("id=%s failed in the middle of a stream", record.request_id)
            record.error_code = "bug"
            yield writer.fail(InternalError("The server had an error while processing your request. Sorry about that!"))
        finally:
            record.usage = sum(usages, Usage())
            await _abandon(opening)

    def _identity(self, service_tier: str | None) -> Identity:
        token = "".join(random.choices(_ALPHABET, k=29))  # noqa: S311  a name, no secret
        return Identity(token, int(self._now()), service_tier or "default")


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes")


def _decode(body: bytes) -> object:
    try:
        return jsonio.decode_strictly(body)
    except jsonio.BadJSON as error:
        raise InvalidRequest(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
            "correctly. The API expects a JSON payload, but what was sent was not valid JSON: "
            f"{error}.)",
            param=error.path,
        ) from None


def _headers(record: Record) -> dict[str, str]:
    headers = {}
    if record.adapted:
        headers[ADAPTED_HEADER] = record.adapted
    if record.upstream_request_id:
        headers["x-amzn-requestid"] = record.upstream_request_id
    return headers


def _observe(events: list[Event], choice: int, usages: list[Usage], record: Record) -> None:
    for event in events:
        if isinstance(event, UsageReport):
            usages[choice] = event.usage
        elif isinstance(event, Finish):
            _tell_if_unknown(event.reason, event.word, record)
        elif isinstance(event, Unrecognised):
            log.warning("id=%s Bedrock sent something new, which was left out: %s", record.request_id, event.what)


def _tell_if_unknown(reason: FinishReason, word: str, record: Record) -> None:
    if reason is FinishReason.UNKNOWN:
        log.warning("id=%s Bedrock stopped for a reason that is not known: %r", record.request_id, word)


async def _together(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """All of them at once; the first failure ends the others and is raised as it is."""
    calls = list(calls)
    if len(calls) == 1:
        return [await calls[0]()]
    started = [asyncio.ensure_future(call()) for call in calls]
    try:
        return list(await asyncio.gather(*started))
    except BaseException:
        await _end(started)
        raise


async def _open_all(exchange: Exchange, choices: int) -> list[Unfolding]:
    opened: list[Unfolding] = []

    async def open_one() -> None:
        opened.append(await exchange.open())

    try:
        await _together([open_one] * choices)
    except BaseException:
        for unfolding in opened:
            await unfolding.aclose()
        raise
    return opened


async def _interleave(unfoldings: list[Unfolding]) -> AsyncGenerator[tuple[int, list[Event]]]:
    """(choice, batch) as they come. A client that reads slowly holds back every one of them."""
    if len(unfoldings) == 1:
        async with aclosing(unfoldings[0].batches()) as batches:
            async for events in batches:
                yield 0, events
        return
    queue: asyncio.Queue[tuple[int, list[Event] | Exception | None]] = asyncio.Queue(maxsize=1)

    async def pump(choice: int) -> None:
        try:
            async with aclosing(unfoldings[choice].batches()) as batches:
                async for events in batches:
                    await queue.put((choice, events))
            await queue.put((choice, None))
        except Exception as error:  # noqa: BLE001  raised again by the reader of the queue
            await queue.put((choice, error))

    pumps = [asyncio.ensure_future(pump(choice)) for choice in range(len(unfoldings))]
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


async def _abandon(opening: asyncio.Future[list[Unfolding]]) -> None:
    """Frees what was opened, or is being opened."""
    if not opening.done():
        opening.cancel()
        await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        for unfolding in opening.result():
            await unfolding.aclose()


async def _end(tasks: Iterable[asyncio.Future[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
