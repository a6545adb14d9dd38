"""The journey of one request without HTTP in front: what it gives, what it notes, and what it frees."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import msgspec
import pytest
import respx

from proxy import jsonio
from proxy.apis import APIS
from proxy.bedrock.client import BedrockClient
from proxy.bedrock.eventstream import encode_frame
from proxy.bedrock.sign import AccessKeys
from proxy.config import Config
from proxy.errors import InvalidRequest, ModelNotFound, RateLimited, UnsupportedParameter
from proxy.families import FAMILIES
from proxy.pipeline import Pipeline, Streamed, Whole
from proxy.routing.catalog import Catalog
from proxy.routing.resolve import Resolver, Target
from proxy.telemetry.record import Record

LLAMA = "meta.llama3-8b-instruct-v1:0"
CHAT = APIS["/chat/completions"]
NOW = 1_700_000_000.9


class Body(httpx.AsyncByteStream):
    """Pieces, and after them the end, a failure, or silence."""

    def __init__(self, pieces: Iterable[bytes], then: Exception | None = None, *, is_endless: bool = False) -> None:
        self._pieces = list(pieces)
        self._then = then
        self._is_endless = is_endless
        self.is_silent = asyncio.Event()
        self.is_closed = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._then is not None:
            raise self._then
        if self._is_endless:
            self.is_silent.set()
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.is_closed.set()


def chunk(text: str, reason: str | None = None) -> bytes:
    inner = {"generation": text, "prompt_token_count": 5, "generation_token_count": 2, "stop_reason": reason}
    payload = {"bytes": b64encode(jsonio.encode(inner)).decode()}
    return encode_frame([(":event-type", "chunk"), (":message-type", "event")], jsonio.encode(payload))


def streamed(body: Body) -> httpx.Response:
    headers = {"content-type": "application/vnd.amazon.eventstream", "x-amzn-requestid": "aws-1"}
    return httpx.Response(200, headers=headers, stream=body)


def whole(text: str = "Hello", reason: str = "stop") -> httpx.Response:
    answer = {"generation": text, "prompt_token_count": 5, "generation_token_count": 2, "stop_reason": reason}
    headers = {"x-amzn-requestid": "aws-1", "x-amzn-bedrock-service-tier": "flex"}
    return httpx.Response(200, headers=headers, content=jsonio.encode(answer))


def refused(name: str) -> httpx.Response:
    return httpx.Response(
        429, headers={"x-amzn-errortype": name, "x-amzn-requestid": "aws-1"}, content=b'{"message":"m"}'
    )


class Wallet:
    async def identity(self) -> AccessKeys:
        return AccessKeys("AKID", "secret")

    async def refresh(self, used: Any) -> None: ...


class AtTheWire:
    """What the pipeline needs of an `Upstream`, over a router of respx."""

    def __init__(self, router: respx.Router, passed_on: Iterable[str] = ()) -> None:
        self.passed_on = frozenset(passed_on)
        self._resolver = Resolver(Catalog.load(), "us-east-1", families=FAMILIES.keys())
        self._transport = httpx.MockTransport(router.async_handler)
        self.regions: list[str | None] = []

    def resolve(self, name: str) -> Target:
        return self._resolver.resolve(name)

    async def client(self, region: str | None) -> BedrockClient:
        self.regions.append(region)
        return BedrockClient(
            endpoint="https://bedrock.example",
            region=region or "us-east-1",
            credentials=Wallet(),
            transport=self._transport,
        )


@pytest.fixture
def router() -> respx.Router:
    return respx.Router(assert_all_called=False)


class Journey:
    """A pipeline, and the record of its last request."""

    def __init__(self, router: respx.Router, options: dict[str, Any], passed_on: Iterable[str] = ()) -> None:
        config = msgspec.convert({"retry": {"attempts": 1}} | options, Config)
        self.upstream = AtTheWire(router, passed_on)
        self._pipeline = Pipeline(config, self.upstream, now=lambda: NOW)  # type: ignore[arg-type]
        self.record = Record("req_1", "POST", "/v1/chat/completions", 0.0)

    async def ask(self, headers: dict[str, str] | None = None, **fields: Any) -> Whole | Streamed:
        await self._pipeline.start()
        body = {"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]} | fields
        self.record = Record("req_1", "POST", "/v1/chat/completions", asyncio.get_running_loop().time())
        return await self._pipeline.answer(CHAT, jsonio.encode(body), headers or {}, self.record)

    async def raw(self, body: bytes) -> Whole | Streamed:
        await self._pipeline.start()
        return await self._pipeline.answer(CHAT, body, {}, self.record)


@pytest.fixture
def journey(router):
    return lambda passed_on=(), **options: Journey(router, options, passed_on)


async def read(answer: Streamed) -> str:
    return b"".join([data async for data in answer.chunks]).decode()


async def test_a_whole_answer(router, journey):
    router.post().mock(return_value=whole())
    trip = journey()
    answer = await trip.ask(seed=1)
    assert answer.headers == {"x-bedrock-proxy-adapted": "seed=dropped", "x-amzn-requestid": "aws-1"}
    value = jsonio.decode(answer.body)
    assert (value["created"], value["service_tier"]) == (1_700_000_000, "flex")
    record = trip.record
    assert (record.model, record.target, record.is_stream, record.is_whole) == (LLAMA, LLAMA, False, True)
    assert (record.usage.input_tokens, record.usage.output_tokens) == (5, 2)
    assert (record.adapted, record.upstream_request_id) == ("seed=dropped", "aws-1")


async def test_a_stream(router, journey):
    body = Body([chunk("Hel"), chunk("lo", "stop")])
    router.post().mock(return_value=streamed(body))
    trip = journey()
    answer = await trip.ask(stream=True)
    assert answer.headers == {"x-amzn-requestid": "aws-1"}
    text = await read(answer)
    assert text.count("data: ") == 5
    assert text.endswith("data: [DONE]\n\n")
    assert trip.record.is_whole
    assert trip.record.first_event_s >= 0
    assert trip.record.usage.output_tokens == 2
    assert body.is_closed.is_set()


async def test_one_piece_of_output_for_each_read(router, journey):
    body = Body([chunk("a") + chunk("b") + chunk("c"), chunk("d"), chunk("", "stop")])
    router.post().mock(return_value=streamed(body))
    pieces = [data async for data in (await journey().ask(stream=True)).chunks]
    assert [piece.count(b"data: ") for piece in pieces] == [4, 1, 1, 1], "role and three; one; the finish; DONE"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":"x"}', b'{"model":"x","model":"y"}'])
async def test_what_is_no_request(router, journey, body):
    with pytest.raises(InvalidRequest):
        await journey().raw(body)
    assert not router.calls


async def test_a_model_that_is_none(router, journey):
    trip = journey()
    with pytest.raises(ModelNotFound):
        await trip.ask(model="gpt-4o")
    assert trip.record.model == "gpt-4o"
    assert not router.calls


@pytest.mark.parametrize(
    ("options", "headers"),
    [({"strict": True}, {}), ({}, {"x-bedrock-proxy-strict": "true"}), ({}, {"x-bedrock-proxy-strict": " TRUE "})],
)
async def test_strict(router, journey, options, headers):
    with pytest.raises(UnsupportedParameter) as caught:
        await journey(**options).ask(headers, seed=1)
    assert caught.value.param == "seed"


async def test_not_strict_by_a_header_that_says_no(router, journey):
    router.post().mock(return_value=whole())
    assert isinstance(await journey().ask({"x-bedrock-proxy-strict": "false"}, seed=1), Whole)


async def test_headers_are_passed_on_by_name_only(router, journey):
    router.post().mock(return_value=whole())
    await journey(passed_on=["x-emulator-script"]).ask(
        {"x-emulator-script": "{}", "x-other": "1", "authorization": "k"}
    )
    await journey().ask({"x-emulator-script": "{}"})
    first, second = (call.request.headers for call in router.calls)
    assert first["x-emulator-script"] == "{}"
    assert "x-other" not in first
    assert first["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert "x-emulator-script" not in second


async def test_an_arn_goes_to_its_own_region(router, journey):
    router.post().mock(return_value=whole())
    trip = journey()
    await trip.ask(model=f"arn:aws:bedrock:eu-west-1::foundation-model/{LLAMA}")
    await trip.ask()
    assert trip.upstream.regions == ["eu-west-1", None]


async def test_choices(router, journey):
    router.post().mock(side_effect=[whole("one"), whole("two"), whole("three")])
    trip = journey()
    answer = await trip.ask(n=3)
    choices = jsonio.decode(answer.body)["choices"]
    assert [choice["message"]["content"] for choice in choices] == ["one", "two", "three"]
    assert trip.record.usage.input_tokens == 15


@pytest.mark.parametrize("stream", [False, True])
async def test_one_choice_that_fails_ends_the_others(router, journey, stream):
    endless = [Body([], is_endless=True) for _ in range(2)]
    others = [httpx.Response(200, stream=body) for body in endless] if not stream else [streamed(b) for b in endless]
    # The refusal comes last, when the others are under way.
    router.post().mock(side_effect=[*others, refused("ThrottlingException")])
    with pytest.raises(RateLimited):
        await journey().ask(n=3, stream=stream)
    for body in endless:
        assert body.is_closed.is_set() or not body.is_silent.is_set()


async def test_a_refusal_before_the_first_event_is_raised(router, journey):
    router.post().mock(return_value=refused("ThrottlingException"))
    with pytest.raises(RateLimited):
        await journey().ask(stream=True)


async def test_a_failure_in_the_stream_is_its_end(router, journey):
    broken = encode_frame([(":exception-type", "throttlingException"), (":message-type", "exception")], b"{}")
    body = Body([chunk("Hel"), broken])
    router.post().mock(return_value=streamed(body))
    trip = journey()
    text = await read(await trip.ask(stream=True))
    *_, last, _ = text.split("\n\n")
    assert jsonio.decode(last.removeprefix("data: ").encode())["error"]["code"] == "rate_limit_exceeded"
    assert not trip.record.is_whole
    assert trip.record.error_code == "rate_limit_exceeded"
    assert body.is_closed.is_set()


async def test_a_bug_in_the_stream_is_its_end_too(router, journey, caplog):
    """An error of ours, which no part of the proxy foresees: here the wire raises what no wire does."""
    body = Body([chunk("Hel")], ZeroDivisionError("a bug"))
    router.post().mock(return_value=streamed(body))
    trip = journey()
    with caplog.at_level(logging.ERROR, "bedrock_proxy"):
        text = await read(await trip.ask(stream=True))
    *_, last, _ = text.split("\n\n")
    error = jsonio.decode(last.removeprefix("data: ").encode())["error"]
    assert (error["type"], error["code"]) == ("server_error", None)
    assert "a bug" not in text
    assert "[DONE]" not in text
    assert "ZeroDivisionError" in caplog.text
    assert body.is_closed.is_set()


async def test_silence_before_the_first_event_is_bridged(router, journey):
    body = Body([], is_endless=True)
    router.post().mock(return_value=streamed(body))
    trip = journey(timeouts={"keepalive_s": 0.01, "first_event_s": 0.05})
    answer = await trip.ask(stream=True)
    assert answer.headers == {}
    first = await anext(answer.chunks)
    assert first == b": keepalive\n\n"
    rest = await read(answer)
    assert '"code":"timeout"' in rest
    assert trip.record.error_code == "timeout"


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("keepalive_s", [0.01, 15])
async def test_a_stream_that_is_left_frees_its_calls(router, journey, n, keepalive_s):
    """Before and after the first event."""
    pieces = [chunk("Hel")] if keepalive_s == 15 else []
    bodies = [Body(pieces, is_endless=True) for _ in range(n)]
    router.post().mock(side_effect=[streamed(body) for body in bodies])
    answer = await journey(timeouts={"keepalive_s": keepalive_s}).ask(stream=True, n=n)
    await anext(answer.chunks)
    await answer.chunks.aclose()
    for body in bodies:
        await body.is_closed.wait()


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_is_cancelled_frees_its_calls(router, journey, n, stream):
    bodies = [Body([], is_endless=True) for _ in range(n)]
    answers = [streamed(body) if stream else httpx.Response(200, stream=body) for body in bodies]
    router.post().mock(side_effect=answers)
    asking = asyncio.ensure_future(journey().ask(stream=stream, n=n))
    for body in bodies:
        await body.is_silent.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for body in bodies:
        assert body.is_closed.is_set()


@pytest.mark.parametrize("has_hung_up", [False, True])
async def test_a_stream_cut_short_by_the_end_of_the_process_says_so(router, journey, has_hung_up):
    body = Body([chunk("Hel")], is_endless=True)
    router.post().mock(return_value=streamed(body))
    trip = journey()
    answer = await trip.ask(stream=True)
    await anext(answer.chunks)
    reading = asyncio.ensure_future(read(answer))
    await body.is_silent.wait()
    trip.record.has_hung_up = has_hung_up
    reading.cancel()
    if has_hung_up:
        with pytest.raises(asyncio.CancelledError):
            await reading
    else:
        assert '"code":"shutting_down"' in await reading
    assert body.is_closed.is_set()


async def test_what_bedrock_says_anew_is_told_in_the_log(router, journey, caplog):
    strange = encode_frame([(":event-type", "brandNew"), (":message-type", "event")], b"{}")
    body = Body([chunk("Hel"), strange, chunk("lo", "because")])
    router.post().mock(return_value=streamed(body))
    with caplog.at_level(logging.WARNING, "bedrock_proxy"):
        text = await read(await journey().ask(stream=True))
    assert text.endswith("data: [DONE]\n\n")
    assert '"finish_reason":"stop"' not in text
    assert "brandNew" in caplog.text
    assert "because" in caplog.text
    router.post().mock(return_value=whole(reason="whatever"))
    with caplog.at_level(logging.WARNING, "bedrock_proxy"):
        await journey().ask()
    assert "whatever" in caplog.text
