"""Bytes on a socket that are HTTP badly, or not at all: refused or dropped, and the next client is served."""

from __future__ import annotations

import socket

import pytest

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
BODY = jsonio.encode({"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]})
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


@pytest.fixture
def say(proxy, bedrock):
    """Sends bytes, says no more, and gives all that comes back."""

    def say(*parts: bytes) -> bytes:
        with proxy.connect() as connection:
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while data := connection.recv(65536):
                    answer += data
            except ConnectionResetError:
                pass  # closed with some of ours unread
            return answer

    yield say
    assert proxy.is_alive()


def key(proxy) -> bytes:
    return f"authorization: Bearer {proxy.key}\r\n".encode()


def check_refusal(answer: bytes, statuses: tuple[int, ...] = (400,)) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    assert int(status_line.split(" ")[1]) in statuses, answer
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["content-length"]) == len(body)
    assert sorted(jsonio.decode(body)["error"]) == ["code", "message", "param", "type"]


@pytest.mark.parametrize(
    "request_",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"POST /v1/chat/completions\r\n\r\n",
        b"POST /v1/chat/completions HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"POST /v1/chat/completions HTTX/1.1\r\nhost: localhost\r\n\r\n",
        b"FROBNICATE /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n",
        CHAT + b"content-length: -1\r\n\r\n" + BODY,
        CHAT + b"content-length: ten\r\n\r\n" + BODY,
        CHAT + b"content-length: 99999999999999999999999\r\n\r\n" + BODY,
        CHAT + b"content-length: 10\r\ncontent-length: 20\r\n\r\n" + BODY,
        CHAT + b"content-length: 10\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        CHAT + b"a header without a colon\r\n\r\n",
        CHAT + b"na\x00me: value\r\n\r\n",
        CHAT + b"name: val\x00ue\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_not_http(say, request_):
    # Without a version it is HTTP/0.9, and then its key is missing.
    check_refusal(say(request_), (400, 401) if request_ == b"POST /v1/chat/completions\r\n\r\n" else (400,))


def test_a_head_without_end(proxy):
    """Refused before it has eaten the memory."""
    with proxy.connect() as connection, pytest.raises(OSError):
        connection.sendall(CHAT)
        for _ in range(10_000):
            connection.sendall(b"x: " + b"y" * 10_000 + b"\r\n")
    assert proxy.is_alive()


def test_a_head_without_end_in_one_header(proxy):
    with proxy.connect() as connection, pytest.raises(OSError):
        connection.sendall(CHAT + b"x: ")
        for _ in range(10_000):
            connection.sendall(b"y" * 10_000)
    assert proxy.is_alive()


def test_a_head_that_is_too_large_is_told_so(proxy):
    with proxy.connect() as connection:
        connection.sendall(CHAT + b"x: " + b"y" * 70_000)
        connection.sendall(b"y" * 70_000)
        answer = connection.recv(65536)
    check_refusal(answer, (431,))


def test_a_large_head_that_is_still_a_head(proxy):
    """Scripts of the emulator, cookies and traces take room."""
    headers = {f"x-{number}": "y" * 1000 for number in range(100)}
    assert proxy.chat(LLAMA, headers=headers).status_code == 200


@pytest.mark.parametrize("path", [b"//v1/chat/completions", b"/v1/chat/../chat/completions", b"/v1/./chat/completions"])
def test_paths_are_taken_as_they_are(proxy, say, path):
    answer = say(b"POST %b HTTP/1.1\r\nhost: localhost\r\n%bcontent-length: 2\r\n\r\n{}" % (path, key(proxy)))
    check_refusal(answer, (404,))


def test_a_body_shorter_than_promised(proxy, bedrock, say):
    answer = say(CHAT + key(proxy) + b"content-length: 1000\r\n\r\n" + BODY)
    assert answer == b""
    assert bedrock.calls == []


def test_a_body_longer_than_promised(proxy, bedrock, say):
    """What follows is another request, and a bad one."""
    answer = say(CHAT + key(proxy) + b"content-length: %d\r\n\r\n" % (len(BODY) - 10) + BODY)
    check_refusal(answer[: answer.find(b"HTTP/1.1", 10)] if answer.count(b"HTTP/1.1") > 1 else answer)
    assert bedrock.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}x\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ],
    ids=repr,
)
def test_broken_chunks(proxy, bedrock, say, body):
    answer = say(CHAT + key(proxy) + b"transfer-encoding: chunked\r\n\r\n" + body)
    check_refusal(answer)
    assert bedrock.calls == []


def test_chunks_that_end_in_the_middle(proxy, bedrock, say):
    assert say(CHAT + key(proxy) + b"transfer-encoding: chunked\r\n\r\n5\r\n{") == b""
    assert bedrock.calls == []


@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_request_in_crumbs(proxy, bedrock, size):
    request = CHAT + key(proxy) + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    with proxy.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(request), size):
            connection.sendall(request[at : at + size])
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"You said: Hi" in answer


def test_requests_in_one_go_are_answered_in_order(proxy, bedrock):
    one = CHAT + key(proxy) + b"content-length: %d\r\n\r\n" % len(BODY) + BODY
    models = b"GET /v1/models/%b HTTP/1.1\r\nhost: localhost\r\n%bconnection: close\r\n\r\n" % (
        LLAMA.encode(),
        key(proxy),
    )
    with proxy.connect() as connection:
        connection.sendall(one + one + models)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.rindex(b"You said: Hi") < answer.index(b'"owned_by":"meta"')


def test_a_websocket_is_not_served(proxy, say):
    upgrade = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n\r\n"
    answer = say(b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\n" + key(proxy) + upgrade)
    check_refusal(answer, (404, 426))


def test_many_connections_that_say_nothing(proxy):
    idle = [proxy.connect() for _ in range(200)]
    assert proxy.is_alive()
    for connection in idle:
        connection.close()


def test_no_host(say):
    answer = say(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.")
    assert b" 200 OK\r\n" in answer
