"""One signed call to Bedrock -> status, headers, body or frames. The only module that talks HTTP.

A call that fails is raised as a `ProxyError`: what AWS said (`bedrock/errors.py`), or what happened on the way there.
"""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from typing import Protocol

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from proxy import __version__
from proxy.access.keys import is_loopback
from proxy.bedrock.endpoint import model_path
from proxy.bedrock.errors import error_from_frame, error_from_response, is_error_frame
from proxy.bedrock.eventstream import BrokenStream, Decoder, Frame
from proxy.bedrock.sign import AccessKeys, BearerToken, sign
from proxy.errors import CredentialsExpired, NotConfigured, ProxyError, UpstreamBroken, UpstreamUnreachable

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_TRANSPORT_FAILURES = (httpx.TransportError, aiohttp.ClientError, OSError)
_IDLE_S = 60.0
"""A connection that nobody used for so long is closed by us: before the 350 s after which NAT and load balancers in
front of Bedrock forget it in silence."""


class Answer:
    """A 200 of Bedrock. Read it with `body` or `frames`, and `aclose` it in any case."""

    __slots__ = ("_is_closed", "_response", "headers")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._is_closed = False
        self.headers: Mapping[str, str] = response.headers

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-amzn-requestid")

    async def body(self) -> bytes:
        """Raises `UpstreamUnreachable` when the connection breaks."""
        try:
            return b"".join([data async for data in self._stream()])
        except _TRANSPORT_FAILURES as error:
            raise _unreachable(error) from error

    async def frames(self) -> AsyncIterator[list[Frame]]:
        """The frames of one network read at a time, those before a failure included.

        Raises `UpstreamBroken` for a broken frame or connection, and the error that an exception frame tells of.
        """
        decoder = Decoder()
        try:
            async for data in self._stream():
                try:
                    frames = decoder.feed(data)
                except BrokenStream as error:
                    frames, failure = _until_exception(error.frames, self.request_id)
                    if frames:
                        yield frames
                    if failure is not None:
                        raise failure from None
                    raise UpstreamBroken(f"Bedrock's stream is broken: {error}.") from error
                frames, failure = _until_exception(frames, self.request_id)
                if frames:
                    yield frames
                if failure is not None:
                    raise failure
            decoder.close()
        except _TRANSPORT_FAILURES as error:
            raise UpstreamBroken("The connection to Bedrock broke off in the middle of the answer.") from error
        except BrokenStream as error:
            raise UpstreamBroken(f"Bedrock's stream is broken: {error}.") from error

    async def aclose(self) -> None:
        """Frees the connection; one that has not been read to its end is closed."""
        if not self._is_closed:
            self._is_closed = True
            await self._stream().aclose()

    def _stream(self) -> httpx.AsyncByteStream:
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return stream


def _until_exception(frames: list[Frame], request_id: str | None) -> tuple[list[Frame], ProxyError | None]:
    sound: Mapping[str, str] | None = None
    for position, frame in enumerate(frames):
        if frame.headers is sound:
            continue
        sound = frame.headers
        if is_error_frame(sound):
            failure = error_from_frame(sound, frame.payload, upstream_request_id=request_id)
            return frames[:position], failure
    return frames, None


class Identities(Protocol):
    """Where the keys that sign come from."""

    async def identity(self) -> AccessKeys | BearerToken: ...

    async def refresh(self, used: AccessKeys | BearerToken) -> None: ...


class BedrockClient:
    """Calls to one region. `transport` is httpx's interface, so that a test can stand at the wire."""

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        credentials: Identities,
        transport: httpx.AsyncBaseTransport,
        connect_s: float = 5.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        url = httpx.URL(endpoint)
        self.endpoint = endpoint.rstrip("/")
        self.region = region
        self._host = url.netloc.decode()
        self._prefix = url.raw_path.decode().rstrip("/")
        self._credentials = credentials
        self._transport = transport
        self._extensions = {"timeout": {"connect": connect_s}}
        self._now = now
        # A signature shows no secret, a bearer key is one.
        self._hides_keys = url.scheme == "https" or is_loopback(url.host)

    async def call(self, model_id: str, operation: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST /model/{model_id}/{operation}. Raises `ProxyError` for anything but a 200 with an answer in it."""
        sent = {"content-type": "application/json", "accept": "application/json", **headers}
        identity = await self._credentials.identity()
        response = await self._send(identity, "POST", model_path(model_id, operation), "", sent, body)
        is_stream = operation.endswith("-stream")
        content_type = response.headers.get("content-type", "")
        if (
            response.status_code == 200
            and "x-amzn-errortype" not in response.headers
            and (content_type.startswith(_EVENT_STREAM) or not is_stream)
        ):
            return Answer(response)
        answer = Answer(response)
        try:
            text = await answer.body()
        finally:
            await answer.aclose()
        error = error_from_response(response.status_code, response.headers, text)
        if isinstance(error, CredentialsExpired):
            error.used = identity
        raise error

    async def get(self, path: str, query: str) -> tuple[int, bytes]:
        """GET, for the control plane: status and body."""
        identity = await self._credentials.identity()
        response = await self._send(identity, "GET", path, query, {"accept": "application/json"}, b"")
        answer = Answer(response)
        try:
            return response.status_code, await answer.body()
        finally:
            await answer.aclose()

    async def _send(
        self,
        identity: AccessKeys | BearerToken,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
    ) -> httpx.Response:
        if isinstance(identity, BearerToken) and not self._hides_keys:
            raise NotConfigured(
                "The proxy has a Bedrock API key and an upstream without TLS, which would let others read the key. "
                "This is for its operator to mend."
            )
        path = self._prefix + path
        headers |= sign(
            identity,
            method=method,
            region=self.region,
            host=self._host,
            path=path,
            query=query,
            headers=headers,
            body=body,
            now=self._now(),
        )
        headers["host"] = self._host
        # Not signed: a hop on the way may change them.
        headers["user-agent"] = f"bedrock-proxy/{__version__}"
        headers["accept-encoding"] = "identity"
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        url = self.endpoint[: len(self.endpoint) - len(self._prefix)] + path + (f"?{query}" if query else "")
        request = httpx.Request(method, _parsed(url), headers=raw, content=body, extensions=self._extensions)
        try:
            return await self._transport.handle_async_request(request)
        except _TRANSPORT_FAILURES as error:
            raise _unreachable(error) from error

    async def refresh_credentials(self, error: CredentialsExpired) -> None:
        """Reads the credentials anew, after Bedrock has said that those of a call have expired."""
        if isinstance(error.used, AccessKeys | BearerToken):
            await self._credentials.refresh(error.used)


_parsed = lru_cache(httpx.URL)
"""Of a handful of models' URLs, asked for again and again: to parse one is a sixth of sending a request."""


def _unreachable(error: BaseException) -> UpstreamUnreachable:
    return UpstreamUnreachable(f"The connection to Bedrock failed ({type(error.__cause__ or error).__name__}).")


def open_transport(proxy: str | None = None, ca_bundle: str | None = None) -> httpx.AsyncBaseTransport:
    """The real one: aiohttp's connections behind httpx's interface. Needs a running loop; `aclose` it."""
    context = httpx.create_ssl_context(verify=ca_bundle or True)
    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=context,
        keepalive_timeout=_IDLE_S,
        socket_factory=_socket_with_keepalive,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    return AiohttpTransport(client=session, verify=context, proxy=httpx.Proxy(proxy) if proxy else None)


def outbound_proxy(endpoint: str) -> str | None:
    """The proxy that the operator's HTTPS_PROXY and NO_PROXY name for an endpoint."""
    url = httpx.URL(endpoint)
    address = urllib.request.getproxies().get(url.scheme)
    return None if not address or urllib.request.proxy_bypass(url.netloc.decode()) else address


def _socket_with_keepalive(address: aiohttp.AddrInfoType) -> socket.socket:
    """TCP keep-alive, so that a peer that vanished is noticed in a long silence too."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    opened.setblocking(False)
    return opened
