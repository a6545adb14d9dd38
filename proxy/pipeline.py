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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from proxy import jsonio
from proxy.apis.api import Api, Asked, Identity
from proxy.apis.sse import KEEPALIVE
from proxy.config import Config
from proxy.conformity import Form, FormWatch
from proxy.errors import Draining, InternalError, InvalidRequest, ModelFailed, ProxyError
from proxy.exchange import Exchange, Unfolded, Unfolding
from proxy.families import FAMILIES
from proxy.media.fetch import Fetcher, FetchSettings
from proxy.media.load import Media
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning
from proxy.neutral.events import Event, Finish, Unrecognised, UsageReport
from proxy.neutral.reply import FinishReason, Usage
from proxy.neutral.request import OutputFormat, Request
from proxy.neutral.thoughts import ThoughtWatch, before_each_call, calls_without_thought, restore
from proxy.routing.resolve import Target
from proxy.storage.thoughts import ThoughtStore
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record
from proxy.upstream import Upstream

T = TypeVar("T")
_ALPHABET = string.ascii_letters + string.digits
ADAPTED_HEADER = "x-bedrock-proxy-adapted"
STRICT_HEADER = "x-bedrock-proxy-strict"
_MOST_THOUGHTS = 10_000
_THOUGHTS_S = 24 * 3600.0
"""How many thoughts are kept for calls whose results have not come yet, and how long."""
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
    """`start` it on the loop that it serves, `aclose` it there. `shared_file`: what the processes of one server share."""

    def __init__(
        self,
        config: Config,
        upstream: Upstream,
        shared_file: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._upstream = upstream
        self._shared_file = shared_file
        self._now = now
        self._fetcher: Fetcher
        self._media: Media
        self._thoughts: ThoughtStore

    async def start(self) -> None:
        media = self._config.media
        settings = FetchSettings(
            max_bytes=media.max_bytes,
            total_s=media.total_s,
            allow_private=frozenset(map(str.lower, media.allow_private)),
        )
        self._fetcher = Fetcher(settings)
        self._media = Media(self._fetcher if media.fetch else None)
        self._thoughts = await ThoughtStore.open(self._shared_file, max_entries=_MOST_THOUGHTS, ttl_s=_THOUGHTS_S)

    async def aclose(self) -> None:
        await self._thoughts.aclose()
        await self._fetcher.aclose()

    async def answer(self, api: Api, body: bytes, headers: Mapping[str, str], record: Record) -> Whole | Streamed:
        """Raises `ProxyError` for whatever fails before the answer begins. `headers` are the client's, in lower case."""
        adapted = Adaptations(self._config.strict or _is_true(headers.get(STRICT_HEADER, "")))
        asked = api.parse(_decode(body), adapted, self._config.server.max_choices)
        record.model, record.is_stream = asked.request.model, asked.request.stream
        target = self._upstream.resolve(asked.request.model)
        record.target = target.model_id
        form = _form(asked.request.output_format, adapted)
        request = await self._prepare(asked.request, target, adapted, record)
        exchange = await self._exchange(request, target, adapted, headers, record)
        if request.stream:
            return await self._stream(asked, exchange, form, record)
        return await self._whole(asked, exchange, form, record)

    async def _prepare(self, request: Request, target: Target, adapted: Adaptations, record: Record) -> Request:
        """The request with what it only names: the images behind its URLs, the thoughts behind its calls."""
        messages = await self._media.load(request.messages, adapted)
        bare_calls = calls_without_thought(messages)
        if bare_calls and FAMILIES[target.model.family].takes_thoughts:
            messages = restore(messages, await self._thoughts.find(record.owner, bare_calls))
        return replace(request, messages=messages)

    async def _exchange(
        self, request: Request, target: Target, adapted: Adaptations, headers: Mapping[str, str], record: Record
    ) -> Exchange:
        family = FAMILIES[target.model.family]
        call = family.build(request, target.model, adapted)
        call.headers |= {name: headers[name] for name in self._upstream.passed_on if name in headers}
        record.adapted = adapted.header()
        client = await self._upstream.client(target.region)
        return Exchange(client, target, family, call, self._config.timeouts, self._config.retry)

    async def _whole(self, asked: Asked, exchange: Exchange, form: Form | None, record: Record) -> Whole:
        answers = await _together(exchange.whole for _ in range(asked.request.choices))
        replies = [reply for reply, _ in answers]
        for reply in replies:
            record.usage = record.usage + reply.usage
            _tell_if_unknown(reply.finish, reply.finish_word, record)
            await self._keep(before_each_call(reply.blocks), exchange.family_name, record)
            if form is not None:
                self._judge(form.complaint(reply), record)
        record.is_whole = True
        first = answers[0][1]
        record.upstream_request_id = first.request_id
        body = jsonio.encode(asked.render(self._identity(first.headers.get(_TIER_HEADER)), replies))
        return Whole(body, _headers(record))

    async def _stream(self, asked: Asked, exchange: Exchange, form: Form | None, record: Record) -> Streamed:
        opening = asyncio.ensure_future(_open_all(exchange, asked.request.choices))
        try:
            await asyncio.wait({opening}, timeout=self._config.timeouts.keepalive_s)
            if opening.done():
                record.upstream_request_id = opening.result()[0].answer.request_id
        except BaseException:
            await _abandon(opening)
            raise
        return Streamed(
            self._chunks(asked, opening, _Watches(asked.request, exchange.family_name, form), record), _headers(record)
        )

    async def _chunks(
        self, asked: Asked, opening: asyncio.Future[list[Unfolding | Unfolded]], watches: _Watches, record: Record
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
                    watches.feed(events, choice)
                    if _observe(events, choice, usages, record):
                        # Before the client can know of the calls, and answer with their results.
                        await self._keep(watches.thoughts(choice), watches.family, record)
                        self._judge(watches.complaint(choice), record)
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

    async def _keep(self, thoughts: Mapping[str, list[Reasoning]], family: str, record: Record) -> None:
        for tool_use_id, blocks in thoughts.items():
            signed = [replace(block, family=family) for block in blocks]
            await self._thoughts.keep(record.owner, [tool_use_id], signed)

    def _judge(self, complaint: str | None, record: Record) -> None:
        """Raises for an answer that is not in the form that was asked for, or has it reported, as the operator likes."""
        if complaint is None:
            return
        log.warning("id=%s the answer does not have the form that was asked for", record.request_id)
        if self._config.schema_mismatch == "error":
            raise ModelFailed(
                f"The model's answer does not have the form asked for: {complaint}", code="schema_mismatch"
            )
        record.adapted = ", ".join(filter(None, (record.adapted, "response_format=not-met")))

    def _identity(self, service_tier: str | None) -> Identity:
        token = "".join(random.choices(_ALPHABET, k=29))  # noqa: S311  a name, no secret
        return Identity(token, int(self._now()), service_tier or "default")


class _Watches:
    """What has to be known of each choice's stream when it finishes, where anything has: most streams have no watch."""

    __slots__ = ("_forms", "_thoughts", "family")

    def __init__(self, request: Request, family: str, form: Form | None) -> None:
        self.family = family
        has_thoughts = bool(request.tools) and FAMILIES[family].takes_thoughts
        self._thoughts = [ThoughtWatch(family) for _ in range(request.choices if has_thoughts else 0)]
        self._forms: list[FormWatch] = [form.watch() for _ in range(request.choices)] if form is not None else []

    def feed(self, events: list[Event], choice: int) -> None:
        if self._thoughts:
            self._thoughts[choice].feed(events)
        if self._forms:
            self._forms[choice].feed(events)

    def thoughts(self, choice: int) -> Mapping[str, list[Reasoning]]:
        return self._thoughts[choice].thoughts if self._thoughts else {}

    def complaint(self, choice: int) -> str | None:
        return self._forms[choice].complaint if self._forms else None


def _form(output: OutputFormat | None, adapted: Adaptations) -> Form | None:
    """Raises `InvalidRequest` for a schema that is none, before the model is asked."""
    if output is None:
        return None
    form = Form(output)
    for param in form.unchecked:
        adapted.change(param, "not-checked", "It is no regular expression that can be checked here.")
    return form


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


def _observe(events: list[Event], choice: int, usages: list[Usage], record: Record) -> bool:
    """Has the choice finished?"""
    has_finished = False
    for event in events:
        if isinstance(event, UsageReport):
            usages[choice] = event.usage
        elif isinstance(event, Finish):
            has_finished = True
            _tell_if_unknown(event.reason, event.word, record)
        elif isinstance(event, Unrecognised):
            log.warning("id=%s Bedrock sent something new, which was left out: %s", record.request_id, event.what)
    return has_finished


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


async def _open_all(exchange: Exchange, choices: int) -> list[Unfolding | Unfolded]:
    opened: list[Unfolding | Unfolded] = []

    async def open_one() -> None:
        opened.append(await exchange.open())

    try:
        await _together([open_one] * choices)
    except BaseException:
        for unfolding in opened:
            await unfolding.aclose()
        raise
    return opened


async def _interleave(unfoldings: list[Unfolding | Unfolded]) -> AsyncGenerator[tuple[int, list[Event]]]:
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


async def _abandon(opening: asyncio.Future[list[Unfolding | Unfolded]]) -> None:
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
