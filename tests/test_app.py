"""The ASGI application without a server: its routes, its refusals and its log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from proxy import jsonio
from proxy.app import create_app
from proxy.config import Config
from proxy.errors import NotConfigured
from proxy.upstream import EmulatedUpstream, Upstream

LLAMA = "meta.llama3-8b-instruct-v1:0"
BODY = {"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]}
JSON = {"content-type": "application/json", "host": "localhost"}


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.is_complete = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            assert self.status == 0, "one answer only"
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert not self.is_complete
            self.body += message.get("body", b"")
            self.is_complete = not message.get("more_body", False)

    @property
    def error(self) -> dict[str, Any]:
        error = jsonio.decode(self.body)["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        assert self.headers["content-type"] == "application/json"
        return error


class Client:
    """Calls an application that has been started."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] = JSON, *, leaves: bool = False
    ) -> Answer:
        """With `leaves`, the client goes away before its body is complete."""
        answer = Answer()
        await self._app(_scope(method, path, headers), _receive(body, leaves), answer.send)
        return answer

    async def fail(self, method: str, path: str) -> tuple[Answer, Exception]:
        """For an application that raises after it has answered."""
        answer = Answer()
        with pytest.raises(Exception) as caught:
            await self._app(_scope(method, path, JSON), _receive(b"", False), answer.send)
        return answer, caught.value

    async def chat(self, headers: dict[str, str] = JSON, **fields: Any) -> Answer:
        return await self.request("POST", "/v1/chat/completions", jsonio.encode(BODY | fields), headers)


def _scope(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "root_path": "", "query_string": b"", "headers": raw}


def _receive(body: bytes, leaves: bool) -> Any:
    messages = [{"type": "http.request", "body": body, "more_body": leaves}]
    if leaves:
        messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()  # the client listens
        return messages.pop(0)

    return receive


async def run(app: Any) -> AsyncIterator[Client]:
    """The application between its startup and its shutdown."""
    messages: asyncio.Queue[Any] = asyncio.Queue()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    living = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, messages.get, answers.put))
    messages.put_nowait({"type": "lifespan.startup"})
    assert await answers.get() == {"type": "lifespan.startup.complete"}
    yield Client(app)
    messages.put_nowait({"type": "lifespan.shutdown"})
    await living
    assert await answers.get() == {"type": "lifespan.shutdown.complete"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    config = Config()
    async for client in run(create_app(config, EmulatedUpstream(config, {}))):
        yield client


class Broken(EmulatedUpstream):
    """An upstream with a bug."""

    def list_models(self) -> Any:
        raise ZeroDivisionError("a secret of ours")

    async def check_ready(self) -> None:
        raise NotConfigured("no luck")


@pytest.fixture
async def broken() -> AsyncIterator[Client]:
    config = Config()
    async for client in run(create_app(config, Broken(config, {}))):
        yield client


async def test_when_ready_is_called_once_it_can_take_requests():
    seen: list[Upstream] = []
    config = Config()
    upstream = EmulatedUpstream(config, {})
    async for client in run(create_app(config, upstream, seen.append)):
        assert seen == [upstream]
        assert (await client.chat()).status == 200


async def test_chat(client):
    answer = await client.chat()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert jsonio.decode(answer.body)["choices"][0]["message"]["content"] == "You said: Hi"
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_stream(client):
    answer = await client.chat(stream=True)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.is_complete
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("path", ["/", "/health", "/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health(client, path, method):
    answer = await client.request(method, path, headers={})
    assert answer.status == 200
    assert answer.headers["x-request-id"].startswith("req_")


async def test_not_ready(broken):
    answer = await broken.request("GET", "/readyz")
    assert (answer.status, answer.error["message"]) == (503, "no luck")
    assert (await broken.request("GET", "/healthz")).status == 200


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_models(client, prefix):
    listed = jsonio.decode((await client.request("GET", f"{prefix}/models")).body)["data"]
    one = await client.request("GET", f"{prefix}/models/{listed[0]['id']}")
    assert jsonio.decode(one.body) == listed[0]


async def test_a_bug_is_an_error_of_openais_form(broken):
    """And it goes on to the server, which logs it whole."""
    answer, bug = await broken.fail("GET", "/v1/models")
    assert isinstance(bug, ZeroDivisionError)
    assert (answer.status, answer.error["type"]) == (500, "server_error")
    assert b"secret" not in answer.body
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_client_that_leaves_while_it_sends(client):
    assert (await client.request("POST", "/v1/chat/completions", b'{"mod', leaves=True)).status == 0


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/chat/completions", {"host": "evil.example"}, 403),
        ("POST", "/v1/chat/completions", {"host": "localhost", "content-type": "text/plain"}, 415),
        ("POST", "/v1/chat/completions", JSON | {"content-encoding": "gzip"}, 415),
        ("POST", "/v1/chat/completions", JSON | {"content-length": "999999999999"}, 413),
        ("POST", "/v1/chat/completions", JSON, 400),
        ("GET", "/v1/chat/completions", JSON, 405),
        ("POST", "/v1/nothing", JSON, 404),
        ("GET", "/v1/models/nothing", JSON, 404),
    ],
)
async def test_refusals(client, method, path, headers, status):
    answer = await client.request(method, path, b"", headers)
    assert answer.status == status
    assert answer.error["message"]
    assert answer.headers["x-request-id"].startswith("req_")


async def test_keys():
    config = msgspec.convert({"auth": {"keys": ["sk-right"]}}, Config)
    async for client in run(create_app(config, EmulatedUpstream(config, {}))):
        assert (await client.chat()).status == 401
        assert (await client.chat(JSON | {"authorization": "Bearer sk-right", "host": "anything"})).status == 200


async def test_the_log_has_a_line_a_request(client, caplog):
    with caplog.at_level(logging.INFO, "bedrock_proxy"):
        answer = await client.chat(seed=1)
        await client.chat(model="gpt-4o\nforged line", stream=True)
        await client.request("GET", "/v1/x\r\nforged: y")
    one, two, three = caplog.messages
    assert one.startswith("POST /v1/chat/completions 200 ")
    assert f"id={answer.headers['x-request-id']}" in one
    assert f"model={LLAMA}" in one
    assert "adapted=[seed=dropped]" in one
    assert f"aws={answer.headers['x-amzn-requestid']}" in one
    assert "in=" in one
    assert " 404 " in two
    assert "error=model_not_found" in two
    assert "model=gpt-4o?forged" in two
    assert " 404 " in three
    assert not any("\n" in line or "\r" in line for line in caplog.messages)


async def test_the_log_is_quiet_when_it_shall_be(client, caplog):
    with caplog.at_level(logging.WARNING, "bedrock_proxy"):
        await client.chat()
    assert caplog.messages == []
