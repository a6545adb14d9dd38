"""One call at the wire: what goes out, and what comes of every way in which an answer can come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx
import pytest
import respx

from proxy.bedrock.client import BedrockClient, outbound_proxy
from proxy.bedrock.eventstream import encode_frame
from proxy.bedrock.sign import AccessKeys, BearerToken
from proxy.emulator.auth import Request, authenticate
from proxy.emulator.settings import Settings
from proxy.errors import (
    CredentialsExpired,
    Forbidden,
    InvalidRequest,
    ModelFailed,
    ModelNotFound,
    NotConfigured,
    Overloaded,
    RateLimited,
    UpstreamBroken,
    UpstreamFailed,
    UpstreamUnreachable,
)

NOW = 1_800_000_000.0
KEYS = AccessKeys("AKIDEMULATOR", "emulator-secret", "a-session-token")
MODEL = "meta.llama3-8b-instruct-v1:0"
STREAM = "invoke-with-response-stream"
EVENT_STREAM = {"content-type": "application/vnd.amazon.eventstream"}
JSON = {"content-type": "application/json", "x-amzn-requestid": "req-1"}


class Wallet:
    def __init__(self, identity: AccessKeys | BearerToken) -> None:
        self._identity = identity
        self.refreshed: list[AccessKeys | BearerToken] = []

    async def identity(self) -> AccessKeys | BearerToken:
        return self._identity

    async def refresh(self, used: AccessKeys | BearerToken) -> None:
        self.refreshed.append(used)


class Body(httpx.AsyncByteStream):
    """Pieces as they come over the network, and perhaps a failure after them."""

    def __init__(self, pieces: Iterable[bytes], failure: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._failure = failure
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._failure is not None:
            raise self._failure

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def router() -> respx.Router:
    return respx.Router(assert_all_called=False)


@pytest.fixture
def make(router):
    def make(endpoint: str = "https://bedrock-runtime.us-west-2.amazonaws.com", identity: Any = KEYS) -> BedrockClient:
        return BedrockClient(
            endpoint=endpoint,
            region="us-west-2",
            credentials=identity if isinstance(identity, Wallet) else Wallet(identity),
            transport=httpx.MockTransport(router.async_handler),
            now=lambda: NOW,
        )

    return make


def as_received(request: httpx.Request) -> Request:
    """As the emulator's verifier, which is not made of our signer, takes it."""
    path, _, query = request.url.raw_path.decode().partition("?")
    headers = [(name.decode().lower(), value.decode()) for name, value in request.headers.raw]
    return Request(request.method, path, query, headers, request.content)


SETTINGS = Settings(now=lambda: datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (MODEL, f"/model/{MODEL}/invoke"),
        (
            "arn:aws:bedrock:us-west-2:1:imported-model/x",
            "/model/arn:aws:bedrock:us-west-2:1:imported-model%2Fx/invoke",
        ),
        ("a b+c", "/model/a%20b%2Bc/invoke"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/gateway/bedrock"])
async def test_a_call_is_signed_for_what_stands_on_the_wire(router, make, model, path, prefix):
    route = router.post().respond(200, headers=JSON, content=b"{}")
    client = make(f"https://gateway.example:8443{prefix}/")
    await client.call(model, "invoke", b'{"prompt":"Hi"}', {"x-amzn-bedrock-service-tier": "flex"})
    request = route.calls.last.request
    assert request.url.raw_path.decode() == prefix + path
    assert request.content == b'{"prompt":"Hi"}'
    headers = request.headers
    assert headers["host"] == "gateway.example:8443"
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("bedrock-proxy/")
    assert "x-amzn-bedrock-service-tier" in headers["authorization"]
    assert "user-agent" not in headers["authorization"]
    assert authenticate(as_received(request), SETTINGS) == "us-west-2"


async def test_a_get_is_signed_with_its_query(router, make):
    route = router.get().respond(403, headers=JSON, content=b'{"message":"no"}')
    assert await make().get("/inference-profiles", "type=APPLICATION&maxResults=1000") == (403, b'{"message":"no"}')
    assert authenticate(as_received(route.calls.last.request), SETTINGS) == "us-west-2"


@pytest.mark.parametrize("endpoint", ["https://bedrock.example", "http://127.0.0.1:9100", "http://localhost:9100"])
async def test_a_bearer_key(router, make, endpoint):
    route = router.post().respond(200, headers=JSON, content=b"{}")
    await make(endpoint, BearerToken("bedrock-api-key-emulator")).call(MODEL, "invoke", b"{}", {})
    assert route.calls.last.request.headers["authorization"] == "Bearer bedrock-api-key-emulator"


async def test_a_bearer_key_is_never_sent_in_the_open(router, make):
    route = router.post().respond(200)
    with pytest.raises(NotConfigured):
        await make("http://bedrock.example", BearerToken("secret")).call(MODEL, "invoke", b"{}", {})
    assert not route.called


async def test_an_answer(router, make):
    body = Body([b'{"gener', b'ation":"Hi"}'])
    router.post().mock(return_value=httpx.Response(200, headers=JSON, stream=body))
    answer = await make().call(MODEL, "invoke", b"{}", {})
    assert answer.request_id == "req-1"
    assert await answer.body() == b'{"generation":"Hi"}'
    await answer.aclose()
    await answer.aclose()
    assert body.closed == 1


@pytest.mark.parametrize(
    ("status", "headers", "text", "kind"),
    [
        (400, {"x-amzn-errortype": "ValidationException:http://x"}, b'{"message":"m"}', InvalidRequest),
        (403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message":"m"}', Forbidden),
        (404, {"x-amzn-errortype": "ResourceNotFoundException"}, b'{"message":"m"}', ModelNotFound),
        (424, {"x-amzn-errortype": "ModelErrorException"}, b'{"message":"m"}', ModelFailed),
        (429, {"x-amzn-errortype": "ThrottlingException"}, b'{"message":"m"}', RateLimited),
        (429, {}, b"", RateLimited),
        (500, {}, b'{"__type":"com.amazon#InternalServerException"}', UpstreamFailed),
        (503, {}, b"<html>", Overloaded),
        (302, {"location": "https://elsewhere.example"}, b"", UpstreamBroken),
        (200, {"x-amzn-errortype": "ThrottlingException"}, b'{"message":"m"}', RateLimited),
    ],
)
@pytest.mark.parametrize("operation", ["invoke", STREAM])
async def test_a_refusal(router, make, status, headers, text, kind, operation):
    body = Body([text])
    router.post().mock(return_value=httpx.Response(status, headers=JSON | headers, stream=body))
    with pytest.raises(kind) as caught:
        await make().call(MODEL, operation, b"{}", {})
    assert type(caught.value) is kind
    assert caught.value.upstream_request_id == "req-1"
    assert body.closed == 1


async def test_a_stream_that_is_none(router, make):
    router.post().respond(200, headers=JSON, content=b'{"generation":"Hi"}')
    with pytest.raises(UpstreamBroken):
        await make().call(MODEL, STREAM, b"{}", {})


async def test_expired_credentials_are_named_to_their_source(router, make):
    router.post().respond(403, headers={"x-amzn-errortype": "ExpiredTokenException"})
    wallet = Wallet(KEYS)
    client = make(identity=wallet)
    with pytest.raises(CredentialsExpired) as caught:
        await client.call(MODEL, "invoke", b"{}", {})
    await client.refresh_credentials(caught.value)
    assert wallet.refreshed == [KEYS]


async def test_credentials_that_expired_inside_a_stream_are_nobodys(make):
    """The error of a frame does not know with which keys the call was signed."""
    wallet = Wallet(KEYS)
    await make(identity=wallet).refresh_credentials(CredentialsExpired("expired"))
    assert wallet.refreshed == []


FAILURES = [
    httpx.ConnectError("no route to 10.1.2.3"),
    httpx.ConnectTimeout("10.1.2.3"),
    httpx.ReadError("10.1.2.3"),
    httpx.RemoteProtocolError("10.1.2.3"),
    aiohttp.ClientConnectionError("10.1.2.3"),
    aiohttp.ServerDisconnectedError("10.1.2.3"),
    ConnectionResetError("10.1.2.3"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_no_way_to_bedrock(router, make, failure):
    router.post().mock(side_effect=failure)
    with pytest.raises(UpstreamUnreachable) as caught:
        await make().call(MODEL, "invoke", b"{}", {})
    assert caught.value.is_retryable
    assert "10.1.2.3" not in caught.value.message


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_a_connection_that_breaks_in_an_answer(router, make, failure):
    router.post().mock(return_value=httpx.Response(200, headers=JSON, stream=Body([b'{"gen'], failure)))
    answer = await make().call(MODEL, "invoke", b"{}", {})
    with pytest.raises(UpstreamUnreachable):
        await answer.body()


def event(text: str) -> bytes:
    return encode_frame([(":event-type", "chunk"), (":message-type", "event")], text.encode())


def exception(name: str, header: str = ":exception-type", kind: str = "exception") -> bytes:
    return encode_frame([(header, name), (":message-type", kind)], b'{"message":"m"}')


async def read(
    router, make, pieces: Iterable[bytes], failure: Exception | None = None
) -> tuple[list[str], Exception | None]:
    """The payloads of the frames that came, and what the stream ended in."""
    headers = EVENT_STREAM | {"x-amzn-requestid": "req-1"}
    router.post().mock(return_value=httpx.Response(200, headers=headers, stream=Body(pieces, failure)))
    answer = await make().call(MODEL, STREAM, b"{}", {})
    seen: list[str] = []
    try:
        async for frames in answer.frames():
            seen += [frame.payload.decode() for frame in frames]
    except (UpstreamBroken, UpstreamFailed, RateLimited) as error:
        return seen, error
    finally:
        await answer.aclose()
    return seen, None


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_frames_come_out_whole_however_they_were_cut(router, make, size):
    wire = b"".join(event(f"event {number}") for number in range(5))
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert await read(router, make, pieces) == ([f"event {number}" for number in range(5)], None)


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (exception("throttlingException"), RateLimited),
        (exception("internalServerException"), UpstreamFailed),
        (exception("InternalFailure", ":error-code", "error"), UpstreamFailed),
        (exception("throttlingException", ":event-type", "event"), RateLimited),
        (event("damaged")[:-1] + b"\x00", UpstreamBroken),
        (event("cut off")[:-5], UpstreamBroken),
        (b"\x00" * 16, UpstreamBroken),
        (b"<html>a gateway's page</html>", UpstreamBroken),
    ],
)
async def test_frames_before_a_failure_are_not_lost(router, make, last, kind, size):
    wire = event("one") + event("two") + last
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    seen, failure = await read(router, make, pieces)
    assert seen == ["one", "two"]
    assert type(failure) is kind


async def test_an_exception_before_damage_in_the_same_read_is_the_failure(router, make):
    seen, failure = await read(router, make, [event("one") + exception("throttlingException") + b"\x00" * 16])
    assert seen == ["one"]
    assert isinstance(failure, RateLimited)
    assert failure.upstream_request_id == "req-1"


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_a_connection_that_breaks_in_a_stream(router, make, failure):
    seen, error = await read(router, make, [event("one")], failure)
    assert seen == ["one"]
    assert isinstance(error, UpstreamBroken)


@pytest.mark.parametrize(
    ("endpoint", "environ", "proxy"),
    [
        ("https://bedrock.example", {}, None),
        ("https://bedrock.example", {"https_proxy": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ("https://bedrock.example", {"http_proxy": "http://proxy.example:3128"}, None),
        ("https://bedrock.example", {"https_proxy": "http://proxy.example", "no_proxy": "bedrock.example"}, None),
        ("https://bedrock.example:8443", {"https_proxy": "http://proxy.example", "no_proxy": ".example"}, None),
        ("http://127.0.0.1:9100", {"http_proxy": "http://proxy.example", "no_proxy": "127.0.0.1"}, None),
        ("http://127.0.0.1:9100", {"http_proxy": "http://proxy.example"}, "http://proxy.example"),
    ],
)
def test_the_operators_own_http_proxy(monkeypatch, endpoint, environ, proxy):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert outbound_proxy(endpoint) == proxy
