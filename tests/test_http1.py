"""The HTTP protocol alone, in front of an application that says what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from proxy.http1 import Cork, Protocol


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers `{method} {path} {body}`; on /slow and, with more than any buffer takes, on /long without an end; on /headers
    with their names."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/headers":
        body = b",".join(name for name, _ in scope["headers"])
    text = f"{scope['method']} {scope['path']} {body.decode()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] in ("/slow", "/long"):
        body = text if scope["path"] == "/slow" else text.ljust(50_000_000)
        await send({"type": "http.response.body", "body": body, "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        return
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """`reader, writer = await connect(timeout_keep_alive=5)`"""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def connect(
        timeout_keep_alive: float = 5, protocol: type[Protocol] = Protocol
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        config = uvicorn.Config(echo, lifespan="off", log_config=None, timeout_keep_alive=timeout_keep_alive)  # type: ignore[arg-type]
        config.load()
        made = partial(protocol, config=config, server_state=ServerState(), app_state={})
        server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        servers.append(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()
    for server in servers:
        server.close()
        await server.wait_closed()


async def answer_to(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0", b"foo/2, bar"])
@pytest.mark.parametrize("in_parts", [False, True])
async def test_an_offer_to_speak_another_protocol_is_passed_over(connect, offer, in_parts):
    reader, writer = await connect()
    head = b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: %b\r\ncontent-length: 5\r\n\r\n"
    for part in (head % offer, b"he", b"llo") if in_parts else (head % offer + b"hello",):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(b"GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answer = await answer_to(reader)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"POST /a hello") < answer.index(b"GET /b ")


async def test_an_offer_with_a_body_in_chunks(connect):
    reader, writer = await connect()
    writer.write(
        b"POST /a HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel"
    )
    writer.write(b"lo\r\n0\r\n\r\nGET /b HTTP/1.1\r\nconnection: close\r\n\r\n")
    answer = await answer_to(reader)
    assert answer.index(b"POST /a hello") < answer.index(b"GET /b ")


async def test_an_offer_that_also_says_goodbye(connect):
    reader, writer = await connect()
    writer.write(b"POST /a HTTP/1.1\r\nconnection: Close, Upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello")
    assert b"POST /a hello" in await answer_to(reader)


async def test_this_is_no_forward_proxy(connect):
    reader, writer = await connect()
    writer.write(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n")
    assert (await answer_to(reader)).startswith(b"HTTP/1.1 400 ")


async def test_a_silent_connection_is_closed(connect):
    reader, _ = await connect(timeout_keep_alive=0.02)
    assert await answer_to(reader) == b""


async def test_a_head_that_comes_in_drips_is_not_waited_for(connect):
    reader, writer = await connect(timeout_keep_alive=0.02)
    writer.write(b"GET / HTTP/1.1\r\n")
    drips = asyncio.ensure_future(_drip(writer))
    with suppress(ConnectionResetError):  # closed with some drips unread
        assert await answer_to(reader) == b""
    drips.cancel()
    await asyncio.gather(drips, return_exceptions=True)


class Pipe:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
async def cork(pipe: Pipe) -> Any:
    return Cork(pipe, asyncio.get_running_loop())  # type: ignore[arg-type]


async def test_what_is_written_in_one_turn_goes_out_in_one_piece(cork, pipe):
    for data in (b"head ", b"body ", b"end"):
        cork.write(data)
    assert pipe.written == []
    await asyncio.sleep(0)
    cork.write(b"next")
    assert pipe.written == [b"head body end"]
    await asyncio.sleep(0)
    assert pipe.written == [b"head body end", b"next"]


async def test_much_does_not_wait_for_the_turn_to_end(cork, pipe):
    cork.write(b"a")
    cork.write(b"b" * 70_000)
    assert [len(data) for data in pipe.written] == [70_001]
    await asyncio.sleep(0)
    assert len(pipe.written) == 1


async def test_a_close_comes_behind_what_was_written(cork, pipe):
    cork.write(b"a")
    cork.close()
    await asyncio.sleep(0)
    assert (pipe.written, pipe.is_closed) == ([b"a"], True)


async def test_what_is_held_for_a_client_that_has_left_is_dropped(cork, pipe):
    cork.write(b"a")
    pipe.close()
    cork.flush()
    assert pipe.written == []


async def test_a_client_that_takes_nothing_has_hung_up(connect):
    lost = asyncio.get_running_loop().create_future()

    class Impatient(Protocol):
        stalled_s = 0.02

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set_result(None)

    reader, writer = await connect(protocol=Impatient)
    writer.write(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"GET /long ")
    async with asyncio.timeout(10):
        await lost
    with suppress(ConnectionResetError):
        assert len(await answer_to(reader)) < 50_000_000


async def test_a_client_that_goes_on_reading_stops_that_clock(connect):
    clocks = []

    class Watched(Protocol):
        def pause_writing(self) -> None:
            super().pause_writing()
            clocks.append(self._stalled)

    reader, writer = await connect(protocol=Watched)
    writer.write(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
    begun = await reader.readuntil(b"GET /long ")
    size = len(begun) - begun.index(b"GET")
    while size < 50_000_000:
        size += len(await reader.read(1_000_000))
    assert clocks
    assert all(clock.cancelled() for clock in clocks)
    writer.close()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x: y\r\n")
        await asyncio.sleep(0)


async def test_a_request_stops_the_clock(connect):
    reader, writer = await connect(timeout_keep_alive=0.02)
    writer.write(b"POST /a HTTP/1.1\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhel")
    silent, _ = await connect(timeout_keep_alive=0.04)
    assert await answer_to(silent) == b"", "that long an idle connection may live"
    writer.write(b"lo")
    assert b"POST /a hello" in await answer_to(reader)


async def test_in_the_middle_of_an_answer_there_is_no_room_for_a_refusal(connect):
    reader, writer = await connect()
    writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    begun = await reader.readuntil(b"GET /slow ")
    writer.write(b"\x00 this is not HTTP \x00\r\n\r\n")
    rest = await answer_to(reader)
    assert begun.startswith(b"HTTP/1.1 200 ")
    assert b"400" not in rest


async def test_the_head_of_each_request_is_counted_anew(connect):
    reader, writer = await connect()
    one = b"GET /a HTTP/1.1\r\nx: %b\r\n" % (b"y" * 100_000)
    for ending in (b"\r\n", b"\r\n", b"connection: close\r\n\r\n"):
        writer.write(one)
        await writer.drain()
        writer.write(ending)
    assert (await answer_to(reader)).count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("body", [b"", b"2\r\nhi\r\n"])
@pytest.mark.parametrize("trailer", [b"y" * 80_000, b"a: b\r\n" * 13_000])
async def test_trailers_are_bounded_too(connect, body, trailer):
    reader, writer = await connect()
    writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + body + b"0\r\nx: 1\r\nx: ")
    answer = b"HTTP/1.1 431 "
    with suppress(ConnectionError):  # there may have been more of it on the way
        for _ in range(20):
            writer.write(trailer)
            await writer.drain()
        answer = await answer_to(reader)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_chunks_of_any_size_are_no_trailers(connect):
    reader, writer = await connect()
    writer.write(b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
    for size in (1, 300_000, 2, 150_000):
        writer.write(b"%x\r\n" % size)
        await writer.drain()
        writer.write(b"y" * size + b"\r\n")
    writer.write(b"0\r\n\r\n")
    answer = await answer_to(reader)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"y") == 450_003


async def test_trailers_are_no_headers(connect):
    """They would be those of a client behind a gateway that checks headers."""
    reader, writer = await connect()
    writer.write(
        b"POST /headers HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\nauthorization: Bearer other\r\n\r\n"
    )
    answer = await answer_to(reader)
    assert b"POST /headers host,connection,transfer-encoding\r\n" in answer


async def test_a_head_that_is_too_large(connect):
    reader, writer = await connect()
    writer.write(b"GET /a HTTP/1.1\r\nx: " + b"y" * 200_000)
    answer = await answer_to(reader)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"x-request-id: req_" in answer
    assert b'"type":"invalid_request_error"' in answer
