"""A running emulator, and a client that shows what stood on the wire."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from yarl import URL

from proxy import jsonio
from proxy.emulator.calls import Call
from proxy.emulator.models import Model, read_catalog
from proxy.emulator.script import Rule
from proxy.emulator.server import EmulatorServer
from proxy.emulator.settings import Settings

BEARER = {"authorization": "Bearer bedrock-api-key-emulator"}


@dataclass
class Answer:
    """A response as it came. `chunks` are its HTTP chunks; `is_whole` is False when the connection broke."""

    status: int
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)
    is_whole: bool = True

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return jsonio.decode(self.body)

    @property
    def message(self) -> str:
        return self.json["message"]

    @property
    def error(self) -> str:
        return self.headers["x-amzn-errortype"].partition(":")[0]

    @property
    def frames(self) -> list[Any]:
        """As botocore decodes them."""
        buffer = EventStreamBuffer()
        buffer.add_data(self.body)
        return list(buffer)

    @property
    def events(self) -> list[Any]:
        """The JSON objects in its chunks."""
        payloads = [jsonio.decode(frame.payload) for frame in self.frames]
        return [jsonio.decode(b64decode(payload["bytes"])) for payload in payloads]

    @property
    def converse_events(self) -> list[tuple[str, Any]]:
        """Type and payload, without the padding."""
        found = [(frame.headers[":event-type"], jsonio.decode(frame.payload)) for frame in self.frames]
        return [(type, {key: value for key, value in payload.items() if key != "p"}) for type, payload in found]


class Client:
    def __init__(self, session: aiohttp.ClientSession, server: EmulatorServer) -> None:
        self.session = session
        self.server = server

    async def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        # As a file: aiohttp warns of large bodies in memory.
        data = None if body is None else BytesIO(body if isinstance(body, bytes) else jsonio.encode(body))
        url = URL(self.server.url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=BEARER | (headers or {})) as response:
            answer = Answer(response.status, {name.lower(): value for name, value in response.headers.items()})
            part = b""
            try:
                async for data, ends_chunk in response.content.iter_chunks():
                    part += data
                    if ends_chunk:
                        answer.chunks.append(part)
                        part = b""
            except aiohttp.ClientPayloadError:
                answer.is_whole = False
            if part:
                answer.chunks.append(part)
            return answer

    async def get(self, path: str) -> Answer:
        return await self.request("GET", path)

    async def invoke(
        self,
        model: str,
        body: Any,
        script: Any = None,
        *,
        stream: bool = False,
        headers: dict[str, str] | None = None,
        operation: str | None = None,
    ) -> Answer:
        headers = dict(headers or {})
        if script is not None:
            headers["x-emulator-script"] = script if isinstance(script, str) else jsonio.encode(script).decode()
        operation = operation or ("invoke-with-response-stream" if stream else "invoke")
        return await self.request("POST", f"/model/{quote(model, safe='')}/{operation}", body, headers)

    async def converse(self, model: str, body: Any, script: Any = None, *, stream: bool = False) -> Answer:
        operation = "converse-stream" if stream else "converse"
        return await self.invoke(model, body, script, operation=operation)

    @property
    def last_call(self) -> Call:
        return list(self.server.app.calls)[-1]


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(settings, rules)` -> a client of an emulator that runs until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(settings: Settings | None = None, rules: list[Rule] | None = None) -> Client:
            server = await stack.enter_async_context(EmulatorServer(settings, rules))
            return Client(await stack.enter_async_context(aiohttp.ClientSession()), server)

        yield start


@pytest.fixture
async def client(start: Start) -> Client:
    return await start()


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    return read_catalog()


@pytest.fixture(scope="session")
def background_server() -> Iterator[EmulatorServer]:
    """An emulator in a thread of its own, for clients that block."""
    started = threading.Event()
    running: list[tuple[EmulatorServer, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        async with EmulatorServer() as server:
            stop = asyncio.Event()
            running.append((server, asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    started.wait()
    server, loop, stop = running[0]
    yield server
    loop.call_soon_threadsafe(stop.set)
    thread.join()


@pytest.fixture
def connect(background_server: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """`connect("bedrock-runtime", …)` -> boto3's client, set up as the documentation says, by the environment alone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", background_server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", background_server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEMULATOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulator-secret")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    clients: list[Any] = []

    def connect(service: str = "bedrock-runtime", **options: Any) -> Any:
        config = Config(retries={"total_max_attempts": options.pop("attempts", 1)})
        clients.append(boto3.session.Session().client(service, config=config, **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def script() -> Callable[[Any, Any], None]:
    """`script(client, value)` adds a script to every call of a boto3 client, after it has been signed."""

    def script(client: Any, value: Any) -> None:
        def add(request: Any, **_: Any) -> None:
            request.headers["x-emulator-script"] = jsonio.encode(value).decode()

        client.meta.events.register("before-send.*", add)

    return script
