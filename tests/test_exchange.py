"""One call until it is answered, at the wire: attempts, time, stop sequences, and connections that are freed."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest
import respx

from proxy import jsonio
from proxy.bedrock.client import BedrockClient
from proxy.bedrock.eventstream import encode_frame
from proxy.bedrock.sign import AccessKeys
from proxy.config import Retry, Timeouts
from proxy.errors import (
    GrammarRefused,
    InvalidRequest,
    ModelFailed,
    Overloaded,
    StreamRefused,
    ThoughtsRefused,
    UpstreamBroken,
    UpstreamTimeout,
)
from proxy.exchange import Exchange
from proxy.families import FAMILIES, Call
from proxy.neutral.events import Finish, TextDelta, UsageReport
from proxy.neutral.reply import FinishReason
from proxy.routing.catalog import Catalog
from proxy.routing.resolve import Resolver

RESOLVER = Resolver(Catalog.load(), "us-east-1", families=FAMILIES.keys())
LLAMA = "meta.llama3-8b-instruct-v1:0"
WHOLE = jsonio.encode(
    {"generation": "Hello", "prompt_token_count": 5, "generation_token_count": 1, "stop_reason": "stop"}
)
FAILED = httpx.Response(500, headers={"x-amzn-errortype": "InternalServerException"})
BUSY = httpx.Response(503, headers={"x-amzn-errortype": "ServiceUnavailableException"})
INVALID = httpx.Response(400, headers={"x-amzn-errortype": "ValidationException"}, content=b'{"message":"m"}')


class Body(httpx.AsyncByteStream):
    """Pieces, and after them the end, a failure, or silence."""

    def __init__(self, pieces: Iterable[bytes], then: Exception | None = None, *, is_endless: bool = False) -> None:
        self._pieces = list(pieces)
        self._then = then
        self._is_endless = is_endless
        self.read = 0
        self.is_read = asyncio.Event()
        """All of it, and there is nothing but silence to come."""
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.read += 1
            yield piece
        if self._then is not None:
            raise self._then
        if self._is_endless:
            self.is_read.set()
            await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.is_closed = True


def chunk(text: str, reason: str | None = None, count: int = 1) -> bytes:
    return framed({"generation": text, "prompt_token_count": 5, "generation_token_count": count, "stop_reason": reason})


def framed(inner: dict[str, Any]) -> bytes:
    payload = {"bytes": b64encode(jsonio.encode(inner)).decode()}
    return encode_frame([(":event-type", "chunk"), (":message-type", "event")], jsonio.encode(payload))


def exception(name: str) -> bytes:
    return encode_frame([(":exception-type", name), (":message-type", "exception")], b'{"message":"m"}')


def streamed(body: Body) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/vnd.amazon.eventstream"}, stream=body)


def whole() -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, content=WHOLE)


class Wallet:
    async def identity(self) -> AccessKeys:
        return AccessKeys("AKID", "secret")

    async def refresh(self, used: Any) -> None:
        raise AssertionError("nothing has expired")


@pytest.fixture
def router() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
def make(router):
    def make(
        stops: tuple[str, ...] = (), attempts: int = 3, instead: Any = None, model: str = LLAMA, **timeouts: float
    ) -> Exchange:
        target = RESOLVER.resolve(model)
        client = BedrockClient(
            endpoint="https://bedrock.example",
            region="us-east-1",
            credentials=Wallet(),
            transport=httpx.MockTransport(router.async_handler),
        )
        return Exchange(
            client,
            target,
            FAMILIES[target.model.family],
            Call(b'{"prompt":"Hi"}', {"x-amzn-bedrock-service-tier": "flex"}, list(stops)),
            Timeouts(**timeouts),
            Retry(attempts=attempts),
            instead or {},
        )

    return make


async def texts(unfolding: Any) -> str:
    out = ""
    async for events in unfolding.batches():
        out += "".join(event.text for event in events if isinstance(event, TextDelta))
    return out


async def test_a_whole_answer(router, make):
    route = router.post(path=f"/model/{LLAMA}/invoke").mock(return_value=whole())
    reply, answer = await make().whole()
    assert (reply.text, reply.finish, reply.usage.input_tokens, reply.usage.output_tokens) == (
        "Hello",
        FinishReason.STOP,
        5,
        1,
    )
    assert route.calls.last.request.content == b'{"prompt":"Hi"}'
    assert route.calls.last.request.headers["x-amzn-bedrock-service-tier"] == "flex"
    await answer.aclose()


async def test_a_stream(router, make):
    body = Body([chunk("Hel"), chunk("lo") + chunk("", "stop", 2)])
    router.post(path=f"/model/{LLAMA}/invoke-with-response-stream").mock(return_value=streamed(body))
    unfolding = await make().open()
    assert body.read == 1, "it is open from its first event on"
    batches = [events async for events in unfolding.batches()]
    events = [event for batch in batches for event in batch]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]
    assert [event.reason for event in events if isinstance(event, Finish)] == [FinishReason.STOP]
    assert [event.usage.output_tokens for event in events if isinstance(event, UsageReport)][-1] == 2
    assert body.is_closed


@pytest.mark.parametrize(
    ("answers", "calls"), [([FAILED, whole()], 2), ([FAILED, BUSY, whole()], 3), ([httpx.ReadError("x"), whole()], 2)]
)
async def test_attempts(router, make, answers, calls):
    route = router.post().mock(side_effect=answers)
    reply, _ = await make().whole()
    assert reply.text == "Hello"
    assert route.call_count == calls


async def test_the_last_failure_is_the_answer(router, make):
    route = router.post().mock(side_effect=[FAILED, BUSY, whole()])
    with pytest.raises(Overloaded):
        await make(attempts=2).whole()
    assert route.call_count == 2


async def test_what_cannot_be_mended_is_not_tried_again(router, make):
    route = router.post().mock(return_value=INVALID)
    with pytest.raises(InvalidRequest):
        await make().whole()
    with pytest.raises(InvalidRequest):
        await make().open()
    assert route.call_count == 2


@pytest.mark.parametrize(
    "body",
    [
        Body([]),
        Body([exception("modelStreamErrorException")]),
        Body([b"\x00" * 16]),
        Body([chunk("Hel")[:20]]),
        Body([], httpx.ReadError("x")),
    ],
)
async def test_a_stream_that_ends_before_it_begins_is_tried_again(router, make, body):
    good = Body([chunk("Hello", "stop")])
    route = router.post().mock(side_effect=[streamed(body), streamed(good)])
    assert await texts(await make().open()) == "Hello"
    assert route.call_count == 2
    assert body.is_closed


async def test_a_count_is_no_answer_yet(router, make):
    """Claude tells the size of the prompt first. What fails right behind that has shown the client nothing."""
    counted = framed({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}})
    start = framed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hello"}})
    end = [framed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}), framed({"type": "message_stop"})]
    failing = [
        Body([counted, exception("modelStreamErrorException")]),
        Body([counted + exception("modelStreamErrorException")]),
        Body([counted, framed({"type": "error", "error": {"type": "overloaded_error", "message": "m"}})]),
    ]
    good = streamed(Body([counted, start, *end]))
    for body in failing:
        route = router.post().mock(side_effect=[streamed(body), good])
        unfolding = await make(model="anthropic.claude-3-haiku-20240307-v1:0").open()
        assert await texts(unfolding) == "Hello"
        assert route.call_count == 2
        route.reset()


async def test_after_the_first_event_there_is_one_attempt(router, make):
    route = router.post().mock(side_effect=[streamed(Body([chunk("Hel"), exception("modelStreamErrorException")]))])
    unfolding = await make().open()
    with pytest.raises(ModelFailed):
        await texts(unfolding)
    assert route.call_count == 1


async def test_a_stream_without_its_end(router, make):
    body = Body([chunk("Hel"), chunk("lo")])
    router.post().mock(return_value=streamed(body))
    unfolding = await make().open()
    with pytest.raises(UpstreamBroken):
        await texts(unfolding)
    assert body.is_closed


@pytest.mark.parametrize("pieces", [[], [chunk("")[:20]]])
async def test_a_first_event_that_does_not_come(router, make, pieces):
    body = Body(pieces, is_endless=True)
    route = router.post().mock(return_value=streamed(body))
    with pytest.raises(UpstreamTimeout):
        await make(first_event_s=0.02).open()
    assert body.is_closed
    assert route.call_count == 1, "who has waited so long does not wait again"


async def test_a_next_event_that_does_not_come(router, make):
    body = Body([chunk("Hel")], is_endless=True)
    router.post().mock(return_value=streamed(body))
    unfolding = await make(gap_s=0.02).open()
    with pytest.raises(UpstreamTimeout, match="fell silent"):
        await texts(unfolding)
    assert body.is_closed


async def test_the_time_that_the_client_takes_is_not_bedrocks(router, make):
    """Between two reads of ours, the clock of the gap stands still."""
    body, silent = Body([chunk("Hel"), chunk("lo"), chunk("", "stop")]), Body([chunk("x")], is_endless=True)
    router.post().mock(side_effect=[streamed(body), streamed(silent)])
    unfolding, other = await make(gap_s=0.02).open(), await make(gap_s=0.04).open()
    out = ""
    async for events in unfolding.batches():
        out += "".join(event.text for event in events if isinstance(event, TextDelta))
        if out == "Hel":
            with pytest.raises(UpstreamTimeout):  # so long the client takes
                await texts(other)
    assert out == "Hello"


async def test_an_answer_that_takes_too_long_in_all(router, make):
    router.post().mock(return_value=httpx.Response(200, stream=Body([b"{"], is_endless=True)))
    with pytest.raises(UpstreamTimeout):
        await make(total_s=0.02).whole()


async def test_what_comes_after_the_end_takes_nothing_from_it(router, make):
    for then in (exception("internalServerException"), b"\x00" * 16):
        body = Body([chunk("Hello", "stop"), then])
        router.post().mock(return_value=streamed(body))
        assert await texts(await make().open()) == "Hello"
        assert body.is_closed


async def test_what_came_with_an_unreadable_frame_is_given_first(router, make):
    unreadable = encode_frame([(":event-type", "chunk"), (":message-type", "event")], b'{"bytes":"e30=')
    body = Body([chunk("Hel") + chunk("lo") + unreadable])
    router.post().mock(return_value=streamed(body))
    seen = ""
    unfolding = await make().open()
    with pytest.raises(UpstreamBroken):
        async for events in unfolding.batches():
            seen += "".join(event.text for event in events if isinstance(event, TextDelta))
    assert seen == "Hello"


async def test_an_unreadable_frame_behind_text_that_is_held_back(router, make):
    """It is not waited for what may come after it."""
    unreadable = encode_frame([(":event-type", "chunk"), (":message-type", "event")], b'{"bytes":"e30=')
    router.post().mock(return_value=streamed(Body([chunk("<") + unreadable], is_endless=True)))
    unfolding = await make(stops=("<end>",)).open()
    with pytest.raises(UpstreamBroken):
        await texts(unfolding)


async def test_an_answer_has_begun_when_its_text_is_held_back(router, make):
    """What does not come any more is missed in its middle, and not waited for as for a first event."""
    router.post().mock(return_value=streamed(Body([chunk("<")], is_endless=True)))
    unfolding = await make(stops=("<end>",), gap_s=0.01).open()
    with pytest.raises(UpstreamTimeout, match="in the middle"):
        await texts(unfolding)


@pytest.mark.parametrize("pieces", [["Hello STOP and more"], ["Hello ST", "OP and more"], list("Hello STOP and more")])
async def test_a_stop_ends_the_answer_and_the_call(router, make, pieces):
    def body() -> Body:
        return Body([chunk(piece, count=number + 1) for number, piece in enumerate(pieces)], is_endless=True)

    bodies = [body(), body()]
    router.post(path__regex=".*-stream").mock(side_effect=[streamed(one) for one in bodies])
    reply, _ = await make(stops=("STOP",)).whole()
    assert (reply.text, reply.finish, reply.stop_sequence) == ("Hello ", FinishReason.STOP, "STOP")
    assert reply.usage.output_tokens > 0
    assert await texts(await make(stops=("STOP",)).open()) == "Hello "
    assert all(one.is_closed for one in bodies)


async def test_a_stop_that_does_not_come(router, make):
    router.post(path__regex=".*-stream").mock(return_value=streamed(Body([chunk("Hello ST"), chunk("", "length")])))
    reply, _ = await make(stops=("STOP",)).whole()
    assert (reply.text, reply.finish) == ("Hello ST", FinishReason.LENGTH)


async def test_an_opened_answer_that_nobody_reads_is_freed(router, make):
    body = Body([chunk("Hel")], is_endless=True)
    router.post().mock(return_value=streamed(body))
    unfolding = await make().open()
    await unfolding.aclose()
    assert body.is_closed


async def test_a_call_that_is_cancelled_is_freed(router, make):
    body = Body([], is_endless=True)
    router.post().mock(return_value=streamed(body))
    opening = asyncio.ensure_future(make().open())
    await body.is_read.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert body.is_closed


WHOLE_ONLY = httpx.Response(
    400,
    headers={"x-amzn-errortype": "ValidationException"},
    content=b'{"message":"The model is unsupported for streaming."}',
)


@pytest.mark.parametrize("stops", [(), ("lo",)])
async def test_a_model_that_refuses_to_stream_is_asked_for_all_of_its_answer(stops, router, make):
    refused = router.post(path=f"/model/{LLAMA}/invoke-with-response-stream").mock(return_value=WHOLE_ONLY)
    asked = router.post(path=f"/model/{LLAMA}/invoke").mock(side_effect=[whole() for _ in range(2)])
    exchange = make(stops, instead={StreamRefused: lambda: Call(b"{}", stops=list(stops), can_stream=False)})
    expected = "Hel" if stops else "Hello"
    for _ in range(2):
        unfolding = await exchange.open()
        assert await texts(unfolding) == expected
    assert (refused.call_count, asked.call_count) == (1, 2), "it is known from the first refusal on"


async def test_stops_need_no_stream(router, make):
    router.post(path=f"/model/{LLAMA}/invoke-with-response-stream").mock(return_value=WHOLE_ONLY)
    router.post(path=f"/model/{LLAMA}/invoke").mock(return_value=whole())
    bare = Call(b"{}", stops=["lo"], can_stream=False)
    reply, answer = await make(("lo",), instead={StreamRefused: lambda: bare}).whole()
    assert (reply.text, reply.stop_sequence) == ("Hel", "lo")
    await answer.aclose()


REFUSED = httpx.Response(
    400,
    headers={"x-amzn-errortype": "ValidationException"},
    content=b'{"message":"messages.1.content.0: Invalid `signature` in `thinking` block"}',
)


class Bare:
    """What is to be asked without thoughts, and how often that was wanted."""

    def __init__(self) -> None:
        self.wanted = 0

    def __call__(self) -> Call:
        self.wanted += 1
        return Call(b'{"prompt":"bare"}')


async def test_refused_thoughts_are_left_out_once(router, make):
    route = router.post(path=f"/model/{LLAMA}/invoke").mock(side_effect=[REFUSED, whole()])
    bare = Bare()
    reply, answer = await make(attempts=1, instead={ThoughtsRefused: bare}).whole()
    assert reply.text == "Hello"
    assert [call.request.content for call in route.calls] == [b'{"prompt":"Hi"}', b'{"prompt":"bare"}']
    assert bare.wanted == 1
    await answer.aclose()


async def test_refused_thoughts_in_a_stream(router, make):
    body = Body([chunk("Hello", "stop")])
    route = router.post(path=f"/model/{LLAMA}/invoke-with-response-stream").mock(side_effect=[REFUSED, streamed(body)])
    assert await texts(await make(attempts=1, instead={ThoughtsRefused: Bare()}).open()) == "Hello"
    assert route.calls.last.request.content == b'{"prompt":"bare"}'


async def test_two_refusals_each_for_its_own_reason(router, make):
    too_large = httpx.Response(
        400, json={"message": "The compiled grammar is too large."}, headers={"x-amzn-errortype": "ValidationException"}
    )
    router.post(path=f"/model/{LLAMA}/invoke").mock(side_effect=[REFUSED, too_large, whole()])
    thoughts, grammars = Bare(), Bare()
    reply, answer = await make(attempts=1, instead={ThoughtsRefused: thoughts, GrammarRefused: grammars}).whole()
    assert (reply.text, thoughts.wanted, grammars.wanted) == ("Hello", 1, 1)
    await answer.aclose()


async def test_what_is_refused_again_is_told(router, make):
    route = router.post(path=f"/model/{LLAMA}/invoke").mock(return_value=REFUSED)
    for bare, calls in ((Bare(), 2), (None, 3)):
        with pytest.raises(ThoughtsRefused):
            await make(instead=bare and {ThoughtsRefused: bare}).whole()
        assert route.call_count == calls


async def test_every_choice_goes_without_the_thoughts_that_one_was_refused(router, make):
    """Both were on their way when the first was refused; what to ask in their place is found out once."""
    both = asyncio.Barrier(2)

    async def judge(request: httpx.Request) -> httpx.Response:
        if request.content == b'{"prompt":"bare"}':
            return whole()
        await both.wait()
        return REFUSED

    route = router.post(path=f"/model/{LLAMA}/invoke").mock(side_effect=judge)
    bare = Bare()
    exchange = make(instead={ThoughtsRefused: bare})
    answers = await asyncio.gather(exchange.whole(), exchange.whole())
    assert [reply.text for reply, _ in answers] == ["Hello", "Hello"]
    assert (route.call_count, bare.wanted) == (4, 1)
    for _, answer in answers:
        await answer.aclose()
