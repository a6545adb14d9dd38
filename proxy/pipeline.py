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
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from proxy import jsonio
from proxy.apis.api import Api, Asked, Identity
from proxy.apis.sse import KEEPALIVE, comment
from proxy.bedrock.client import Answer
from proxy.calling import CallBuilder, WholeOnly
from proxy.choices import Choices, abandon, together
from proxy.config import Config
from proxy.conformity import Form
from proxy.errors import Draining, InternalError, InvalidRequest, ModelFailed, ProxyError
from proxy.exchange import Exchange
from proxy.families import FAMILIES
from proxy.media.fetch import Fetcher, FetchSettings
from proxy.media.load import Media
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning
from proxy.neutral.request import OutputFormat, Request
from proxy.neutral.thoughts import calls_without_thought, restore
from proxy.neutral.unfold import unfold
from proxy.policy import Policy
from proxy.routing.resolve import Target
from proxy.storage.thoughts import ThoughtStore
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record
from proxy.upstream import Upstream
from proxy.watch import Watch

_ALPHABET = string.ascii_letters + string.digits
ADAPTED_HEADER = "x-bedrock-proxy-adapted"
STRICT_HEADER = "x-bedrock-proxy-strict"
_MOST_THOUGHTS = 20_000
_THOUGHTS_S = 24 * 3600.0
"""How many thoughts are kept for calls whose results have not come yet, and how long."""
_NOT_MET = "response_format=not-met"
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
        self._policy = Policy(config, upstream.resolve)
        self._whole_only = WholeOnly()
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
        request = self._policy.apply(asked.request, target, record.owner, headers, adapted)
        form = _form(asked.request.output_format, adapted)
        request = await self._prepare(request, target, adapted, record)
        exchange = await self._exchange(request, target, adapted, headers, record)
        if request.stream:
            return await self._stream(asked, exchange, form, record)
        return await self._whole(asked, exchange, form, record)

    async def _prepare(self, request: Request, target: Target, adapted: Adaptations, record: Record) -> Request:
        """The request with what it only names: the images behind its URLs, the thoughts behind its calls."""
        messages = await self._media.load(request.messages, adapted)
        bare_calls = calls_without_thought(messages)
        if bare_calls and target.model.signs_thoughts:
            messages = restore(messages, await self._thoughts.find(record.owner, bare_calls))
        return replace(request, messages=messages, now=self._now())

    async def _exchange(
        self, request: Request, target: Target, adapted: Adaptations, headers: Mapping[str, str], record: Record
    ) -> Exchange:
        passed_on = {name: headers[name] for name in self._upstream.passed_on if name in headers}
        builder = CallBuilder(request, target, adapted, passed_on, record, self._whole_only)
        call = builder.build()
        client = await self._upstream.client(target.region)
        family = FAMILIES[target.model.family]
        return Exchange(client, target, family, call, self._config.timeouts, self._config.retry, builder.instead)

    async def _whole(self, asked: Asked, exchange: Exchange, form: Form | None, record: Record) -> Whole:
        answers = await together(exchange.whole for _ in range(asked.request.choices))
        replies = [reply for reply, _ in answers]
        watch = Watch(asked.request, exchange.model, form, record.request_id, thinks=exchange.thinks)
        for choice, reply in enumerate(replies):
            watch.feed(unfold(reply), choice)
            record.usage = watch.usage
            await self._keep(watch.thoughts(choice), record)
            self._report(watch.complaint(choice), record)
        record.is_whole = True
        first = answers[0][1]
        record.upstream_request_id = first.request_id
        body = jsonio.encode(asked.render(self._identity(asked, first), replies))
        return Whole(body, _headers(record))

    async def _stream(self, asked: Asked, exchange: Exchange, form: Form | None, record: Record) -> Streamed:
        opening = asyncio.ensure_future(Choices.open(exchange, asked.request.choices))
        try:
            await asyncio.wait({opening}, timeout=self._config.timeouts.keepalive_s)
            if opening.done():
                record.upstream_request_id = opening.result().answer.request_id
        except BaseException:
            await abandon(opening)
            raise
        watch = Watch(asked.request, exchange.model, form, record.request_id, thinks=exchange.thinks)
        return Streamed(self._chunks(asked, opening, watch, record, record.adapted), _headers(record))

    async def _chunks(
        self, asked: Asked, opening: asyncio.Future[Choices], watch: Watch, record: Record, told: str
    ) -> AsyncGenerator[bytes]:
        """`told`: the adaptations in the header, which may have gone out before all were known."""
        loop = asyncio.get_running_loop()
        writer = asked.stream(self._identity(asked, None))
        try:
            if not opening.done():
                yield KEEPALIVE
            choices = await opening
            record.upstream_request_id = choices.answer.request_id
            writer = asked.stream(self._identity(asked, choices.answer))
            record.first_event_s = loop.time() - record.started_s
            comments = b"" if record.adapted == told else comment(f"{ADAPTED_HEADER}: {record.adapted}")
            async with aclosing(choices.batches()) as batches:
                async for choice, events in batches:
                    if watch.feed(events, choice):
                        # Before the client can know of the calls, and answer with their results.
                        await self._keep(watch.thoughts(choice), record)
                        comments += self._report(watch.complaint(choice), record)
                    chunk = comments + writer.send(events, choice)
                    if chunk:
                        comments = b""
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
            record.usage = watch.usage
            await abandon(opening)

    async def _keep(self, thoughts: Mapping[str, list[Reasoning]], record: Record) -> None:
        for tool_use_id, blocks in thoughts.items():
            await self._thoughts.keep(record.owner, [tool_use_id], blocks)

    def _report(self, complaint: str | None, record: Record) -> bytes:
        """Raises for an answer that is not in the form asked for, or reports it, as the operator likes.

        Of a stream the header has gone: what is given back is a comment that says the same.
        """
        if complaint is None:
            return b""
        log.warning("id=%s the answer does not have the form that was asked for", record.request_id)
        if self._config.schema_mismatch == "error":
            raise ModelFailed(
                f"The model's answer does not have the form asked for: {complaint}", code="schema_mismatch"
            )
        record.adapted = ", ".join(filter(None, (record.adapted, _NOT_MET)))
        return comment(f"{ADAPTED_HEADER}: {_NOT_MET}")

    def _identity(self, asked: Asked, answer: Answer | None) -> Identity:
        """The tier is what Bedrock says; where it says nothing, what it was asked for, for it refuses what it has not."""
        token = "".join(random.choices(_ALPHABET, k=29))  # noqa: S311  a name, no secret
        told = answer.headers.get(_TIER_HEADER) if answer is not None else None
        return Identity(token, int(self._now()), told or asked.request.service_tier or "default")


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
