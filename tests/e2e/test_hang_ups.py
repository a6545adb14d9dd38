"""A client that leaves frees its call to Bedrock at once; one that reads slowly holds it back."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import closing
from typing import Any

import openai
import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = pytest.mark.parametrize("model", [LLAMA, CLAUDE])
CHOICES = pytest.mark.parametrize("n", [1, 3])
HI: Any = [{"role": "user", "content": "Hello there"}]


def send(proxy: Any, script: dict[str, str], **fields: Any) -> socket.socket:
    """A request on a connection of its own, which the test may close when it likes."""
    body = jsonio.encode({"model": LLAMA, "messages": HI} | fields)
    headers = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (headers | proxy.authorization | script).items()]
    connection = proxy.connect()
    connection.sendall("\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, "", ""]).encode() + body)
    return connection


def read_until(connection: socket.socket, mark: bytes, count: int = 1) -> bytes:
    seen = b""
    while seen.count(mark) < count:
        data = connection.recv(65536)
        assert data, f"the connection was closed after {seen!r}"
        seen += data
    return seen


@BOTH
@CHOICES
def test_before_the_first_event(proxy, bedrock, model, n):
    script = bedrock.script(fault={"kind": "stall", "after_events": 0})
    with closing(send(proxy, script, model=model, stream=True, n=n)):
        bedrock.wait_until(lambda: len(bedrock.calls) == n)
    assert [call.hung_up for call in bedrock.wait_until_idle(n)] == [True] * n


@BOTH
@CHOICES
def test_before_the_status_line_of_bedrock(proxy, bedrock, model, n):
    with closing(send(proxy, bedrock.script(delay_ms=3_600_000), model=model, stream=True, n=n)):
        bedrock.wait_until(lambda: len(bedrock.calls) == n)
    assert [call.hung_up for call in bedrock.wait_until_idle(n)] == [True] * n


@BOTH
@CHOICES
def test_in_the_middle_of_a_stream(proxy, bedrock, model, n):
    script = bedrock.script(text=["One", " two"], fault={"kind": "stall", "after_events": 5 if model == CLAUDE else 2})
    with closing(send(proxy, script, model=model, stream=True, n=n)) as connection:
        read_until(connection, b'" two"', n)
    assert [call.hung_up for call in bedrock.wait_until_idle(n)] == [True] * n


@CHOICES
def test_by_a_reset(proxy, bedrock, n):
    """Not the end of the connection, but its sudden death."""
    script = bedrock.script(text=["One", " two"], fault={"kind": "stall", "after_events": 2})
    with closing(send(proxy, script, stream=True, n=n)) as connection:
        read_until(connection, b'" two"', n)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert [call.hung_up for call in bedrock.wait_until_idle(n)] == [True] * n


@BOTH
@CHOICES
def test_during_a_whole_answer(proxy, bedrock, model, n):
    with closing(send(proxy, bedrock.script(delay_ms=3_600_000), model=model, n=n)):
        bedrock.wait_until(lambda: len(bedrock.calls) == n)
    assert [call.hung_up for call in bedrock.wait_until_idle(n)] == [True] * n


def test_inside_the_body_of_a_whole_answer(proxy, bedrock):
    with closing(send(proxy, bedrock.script(fault={"kind": "stall", "after_bytes": 10}))):
        bedrock.wait_until(lambda: len(bedrock.calls) == 1)
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_during_a_whole_answer_that_is_read_as_a_stream(proxy, bedrock):
    script = bedrock.script(text=["One", " two"], fault={"kind": "stall", "after_events": 2})
    with closing(send(proxy, script, stop="never")):
        bedrock.wait_until(lambda: len(bedrock.calls) == 1)
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_while_the_proxy_waits_to_try_again(serve, bedrock):
    proxy = serve()
    error = {"type": "ServiceUnavailableException"}
    with closing(send(proxy, bedrock.script(error=error, headers={"x-amz-retry-after": "200"}))):
        bedrock.wait_until_idle(1)
    # An answer that takes longer than the wait would have.
    assert proxy.chat(LLAMA, headers=bedrock.script(delay_ms=400)).status_code == 200
    assert len(bedrock.calls) == 2, "nothing was tried again for a client that has left"


def test_in_the_middle_of_the_request(proxy, bedrock):
    with proxy.connect() as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer "
            + proxy.key.encode()
            + b'\r\ncontent-length: 1000\r\n\r\n{"model":'
        )
    assert proxy.is_alive()
    assert len(bedrock.calls) == 1


def test_before_the_first_event_after_the_status_line(serve, bedrock):
    """A keep-alive comment has gone out, the model has said nothing yet."""
    proxy = serve(timeouts={"keepalive_s": 0.02})
    with closing(send(proxy, bedrock.script(delay_ms=3_600_000), stream=True)) as connection:
        read_until(connection, b": keepalive\n\n", 2)
    assert bedrock.wait_until_idle(1)[0].hung_up


async def test_an_sdk_that_closes_its_stream(proxy, bedrock):
    script = bedrock.script(text="word " * 100, fault={"kind": "stall", "after_events": 50})
    async with proxy.async_openai() as client:
        stream = await client.chat.completions.create(model=LLAMA, messages=HI, stream=True, extra_headers=script)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
    assert bedrock.wait_until_idle(1)[0].hung_up


def test_an_sdk_that_loses_its_patience(proxy, bedrock):
    script = bedrock.script(delay_ms=3_600_000)
    with proxy.openai(timeout=0.2) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model=LLAMA, messages=HI, extra_headers=script)
    assert bedrock.wait_until_idle(1)[0].hung_up


@BOTH
def test_a_connection_is_used_again_after_a_whole_stream(proxy, bedrock, model):
    """And so hung_up above means something: an answer read to its end leaves no broken connection behind."""
    assert proxy.chat(model, stream=True).text.endswith("data: [DONE]\n\n")
    assert not bedrock.wait_until_idle(1)[0].hung_up


def test_nothing_is_left_behind(proxy, bedrock):
    """No task of a request outlives it, however it ended."""

    async def count() -> int:
        return len(asyncio.all_tasks())

    assert proxy.is_alive()
    before = proxy.backstage.run(count())
    scripts = [
        bedrock.script(fault={"kind": "stall", "after_events": 0}),
        bedrock.script(fault={"kind": "stall", "after_events": 2}),
        bedrock.script(fault={"kind": "cut", "after_events": 2}),
        bedrock.script(delay_ms=3_600_000),
        bedrock.script(error={"type": "ThrottlingException"}),
        bedrock.script(text="all of it"),
    ]
    for script in scripts:
        for n in (1, 3):
            asked = len(bedrock.calls)
            with closing(send(proxy, script, stream=True, n=n)):
                bedrock.wait_until(lambda asked=asked: len(bedrock.calls) > asked)
    bedrock.wait_until(lambda: not any(call.is_open for call in bedrock.calls))
    # The last ones end within a few turns of the loop.
    assert any(proxy.is_alive() and proxy.backstage.run(count()) <= before for _ in range(200))


PIECE = "x" * 20_000
PIECES = 4_000
"""More in all than the sockets on the way can hold, also where the system lends them tens of megabytes."""


@CHOICES
def test_a_slow_reader_holds_bedrock_back(proxy, bedrock, n):
    endless = {"events": [{"generation": PIECE, "stop_reason": None}] * PIECES}
    bedrock.rules({"match": {"text": "at length"}, "script": endless})
    messages = [{"role": "user", "content": "Tell me at length"}]
    with closing(send(proxy, {}, messages=messages, stream=True, n=n)) as slow:
        read_until(slow, b"HTTP/1.1 200")
        slow_calls = bedrock.calls
        sent = -1
        # The proxy goes on with others. If it read ahead for the slow one, every round would show it, up to the end.
        while sent < (sent := sum(call.bytes_sent for call in slow_calls)):
            assert all(proxy.is_alive() for _ in range(20))
        assert [call.is_open for call in slow_calls] == [True] * n
        # What was held back comes as soon as it is read.
        read_until(slow, PIECE.encode(), 3 * n)
    bedrock.wait_until(lambda: not any(call.is_open for call in slow_calls))
    assert [call.hung_up for call in slow_calls] == [True] * n
