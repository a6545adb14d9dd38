"""HTTP/1.1 as uvicorn reads it, and what it lacks: refusals in OpenAI's form, bounds for head and trailers, and no upgrades.

uvicorn answers what is not HTTP with a line of text, takes a head of any length for any time, and waits for ever for a client
that takes nothing of its answer, while the answer's upstream connection waits with it. Of a request that offers
to speak HTTP/2, as Java's HttpClient and `curl --http2` do with every request over plain HTTP, it loses the body.
"""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy import jsonio
from proxy.apis.openai_error import render_error
from proxy.errors import InvalidRequest

_LARGEST_HEAD = 131_072
"""Bytes of request line and headers: room for long keys, traces and the scripts of the emulator. As many may stand in
trailers, of which the parser keeps each to its end."""


_MOST_HELD = 65_536
"""Bytes, the size at which transports call for a pause."""


class Cork:
    """A transport that sends what is written in one turn of the loop in one piece.

    uvicorn writes the head of an answer, each part of its body and its end on their own, and every write is a call of the
    kernel: half of the work of a stream that is quick. What waits for the network writes in a later turn, and is not held up.
    """

    __slots__ = ("_held", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > _MOST_HELD:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            # To one that the client has left uvloop refuses to write.
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """One connection. A silent one, and a head that does not come to its end, is closed after `timeout_keep_alive`."""

    stalled_s = 300.0
    """A client that takes nothing for so long, though much waits for it, has hung up."""
    _stalled: asyncio.TimerHandle | None = None
    _head_size = 0
    _is_in_head = True
    """Or in trailers."""
    _has_headers = False
    _reading = 0
    _has_offer = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._cork = Cork(transport, self.loop)
        super().connection_made(self._cork)  # type: ignore[arg-type]
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def eof_received(self) -> None:
        self._cork.flush()  # the transport closes itself now

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._cork.flush()  # nothing more comes in this turn
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_waiting()
        super().resume_writing()

    def _stop_waiting(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def data_received(self, data: bytes) -> None:
        self._reading = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":
                self._refuse(HTTPStatus.BAD_REQUEST, "Invalid HTTP request: CONNECT is for forward proxies.")
            else:
                self._go_on_as_before(data[offer.args[0] :])
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST, "Invalid HTTP request: it cannot be read.")
        else:
            if self._is_in_head:
                self._head_size += len(data)
                if self._head_size > _LARGEST_HEAD:
                    self._refuse(
                        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                        f"Invalid HTTP request: its head is larger than {_LARGEST_HEAD} bytes.",
                    )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._has_headers = False
        self._head_size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers are dropped: they come when the headers have been acted upon. RFC 9110, section 6.5.1, allows for it.
        if not self._has_headers:
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        # That of the last chunk has trailers behind it, and no body.
        self._is_in_head = True
        self._head_size = -self._reading  # nobody knows which part of it comes behind

    def on_body(self, body: bytes) -> None:
        self._is_in_head = False
        super().on_body(body)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._has_headers = True
        self._unset_keepalive_if_required()
        self._has_offer = self.parser.should_upgrade()
        if not self._has_offer:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = False
        if not self._has_offer:
            super().on_message_complete()

    def _go_on_as_before(self, rest: bytes) -> None:
        """Reads the request again without its offer. A server may pass over one: RFC 9110, section 7.8."""
        head = [b"%b %b HTTP/1.1\r\n" % (self.parser.get_method(), self.url)]
        for name, value in self.headers:
            if name == b"connection":
                value = b"close" if b"close" in value.lower() else b"keep-alive"
            if name != b"upgrade":
                head.append(b"%b: %b\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join(head) + b"\r\n" + rest)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()  # in the middle of an answer there is no room for another
            return
        body = jsonio.encode(render_error(InvalidRequest(message)))
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: req_%b\r\n"
            b"connection: close\r\n\r\n%b"
            % (status, status.phrase.encode(), len(body), secrets.token_hex(16).encode(), body)
        )
        self.transport.close()
