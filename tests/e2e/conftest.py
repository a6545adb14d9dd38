"""The whole proxy on real sockets: an emulated Bedrock behind it, and in front whatever client a test brings."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
import openai
import pytest
import uvicorn
import uvloop

from proxy import jsonio
from proxy.app import create_app
from proxy.bedrock.client import Identities
from proxy.bedrock.endpoint import Endpoints
from proxy.bedrock.sign import AccessKeys
from proxy.config import Config
from proxy.emulator.calls import Call
from proxy.emulator.script import HEADER, read_rules
from proxy.emulator.server import EmulatorServer
from proxy.emulator.settings import Settings
from proxy.http1 import Protocol
from proxy.upstream import EmulatedUpstream, FixedIdentity

T = TypeVar("T")
NODE = Path(__file__).parent / "node"
NODE_FILES = ("package.json", "package-lock.json", ".npmrc", "client.mjs", "agent.mjs", "smoke.mjs")
PATIENCE_S = 20.0
"""No test should need it; a hang shall fail with a name, not hang the run."""


class Backstage:
    """A thread with an event loop, where the emulator and the proxies run; the test's own thread stays free to block."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="backstage")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def close(self) -> None:
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Bedrock:
    """The emulator, and what it has seen of the test."""

    def __init__(self, backstage: Backstage, server: EmulatorServer) -> None:
        self._backstage = backstage
        self.server = server
        self.settings = server.app.settings

    @staticmethod
    def script(**fields: Any) -> dict[str, str]:
        """The header that scripts the answer to one call."""
        return {HEADER: jsonio.encode(fields).decode().encode("ascii", "backslashreplace").decode()}

    def rules(self, *rules: dict[str, Any]) -> None:
        self.server.app.scripts.replace(read_rules(list(rules)))

    @property
    def calls(self) -> list[Call]:
        """Those of models, oldest first; the proxy's look at the account's listing is left out."""
        return [call for call in self.server.app.calls if call.model_id is not None]

    @property
    def call(self) -> Call:
        """The only one there was."""
        (call,) = self.calls
        return call

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Looks whenever a call begins or ends."""
        assert self._backstage.run(self.server.app.calls.wait_until(is_so, PATIENCE_S)), "it never came to that"

    def wait_until_idle(self, calls: int) -> list[Call]:
        """The calls, once there are so many and none is being answered."""
        self.wait_until(lambda: len(self.calls) >= calls and not any(call.is_open for call in self.calls))
        assert len(self.calls) == calls
        return self.calls

    def reset(self) -> None:
        async def forget() -> None:
            is_idle = await self.server.app.calls.wait_until(lambda: self.server.app.calls.open == 0, PATIENCE_S)
            assert is_idle, "a test has left a call to Bedrock open"
            self.server.app.calls.clear()
            self.server.app.scripts.replace([])

        self._backstage.run(forget())


class _Upstream(EmulatedUpstream):
    """The emulator is the test's own, so that the test can look at it; and so may be the identity."""

    def __init__(self, config: Config, bedrock: Bedrock, identities: Identities | None, endpoint: str | None) -> None:
        super().__init__(config, {})
        self._bedrock = bedrock
        self._identities = identities
        self._endpoint = endpoint or bedrock.server.url

    async def _find_the_way(self) -> None:
        settings = self._bedrock.settings
        self.passed_on = frozenset({HEADER})
        self.region = self._config.aws.region or settings.region
        self.identities = self._identities or FixedIdentity(AccessKeys(*next(iter(settings.keys.items()))))
        self.endpoints = Endpoints(self._endpoint, self._endpoint)
        self._resolver = self.resolver(self.region)


@dataclass
class Proxy:
    """A running proxy. `key` is one that it takes; without any it takes everyone."""

    backstage: Backstage
    upstream: _Upstream
    port: int
    key: str
    http: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def openai(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(**{"base_url": self.base_url, "api_key": self.key, "max_retries": 0} | options)

    def async_openai(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**{"base_url": self.base_url, "api_key": self.key, "max_retries": 0} | options)

    def chat(
        self, model: str, prompt: str = "Hi", headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        """A chat request as JSON over plain HTTP; the answer read to its end."""
        body = {"model": model, "messages": [{"role": "user", "content": prompt}]} | fields
        return self.http.post("/v1/chat/completions", json=body, headers=headers)

    @contextmanager
    def streaming(self, model: str, headers: dict[str, str] | None = None, **fields: Any) -> Iterator[httpx.Response]:
        """A streamed chat, to be read, or left, by the test."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True} | fields
        with self.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            yield response

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def is_alive(self) -> bool:
        """It still answers, and with an answer of the model."""
        return "You said" in self.chat("meta.llama3-8b-instruct-v1:0").text


class Theatre:
    """Makes proxies in front of one emulator."""

    def __init__(self, backstage: Backstage, bedrock: Bedrock) -> None:
        self.backstage = backstage
        self.bedrock = bedrock

    @contextmanager
    def proxy(
        self,
        options: dict[str, Any],
        identities: Identities | None = None,
        endpoint: str | None = None,
        shared_file: Path | None = None,
    ) -> Iterator[Proxy]:
        config = msgspec.convert(options, Config)
        key = config.auth.secrets[0] if config.auth.keys else "any"
        with ExitStack() as stack:
            upstream = _Upstream(config, self.bedrock, identities, endpoint)
            port = self.backstage.run(self._start(config, upstream, shared_file, stack))
            http = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {key}"},
                timeout=PATIENCE_S,
                trust_env=False,
            )
            yield Proxy(self.backstage, upstream, port, key, stack.enter_context(http))

    @contextmanager
    def elsewhere(self, settings: Settings) -> Iterator[Theatre]:
        """The same in front of an emulator of the test's own."""
        server = EmulatorServer(settings)
        self.backstage.run(server.__aenter__())
        try:
            yield Theatre(self.backstage, Bedrock(self.backstage, server))
        finally:
            self.backstage.run(server.__aexit__(None, None, None))

    async def _start(self, config: Config, upstream: _Upstream, shared_file: Path | None, stack: ExitStack) -> int:
        ready = asyncio.Event()
        app = create_app(config, upstream, lambda _: ready.set(), shared_file)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        listener = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def stop() -> None:
            server.should_exit = True
            await serving

        stack.callback(lambda: self.backstage.run(stop()))
        await ready.wait()
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    backstage = Backstage()
    server = EmulatorServer(Settings(max_calls=5000))
    backstage.run(server.__aenter__())
    yield Theatre(backstage, Bedrock(backstage, server))
    backstage.run(server.__aexit__(None, None, None))
    backstage.close()


@pytest.fixture(scope="session")
def standing_proxy(theatre: Theatre) -> Iterator[Proxy]:
    """One for all tests that need nothing special. It tries no call twice, so that tests see each answer as it is."""
    with theatre.proxy({"auth": {"keys": ["sk-proxy-0123456789abcdef"]}, "retry": {"attempts": 1}}) as proxy:
        yield proxy


@pytest.fixture
def bedrock(theatre: Theatre) -> Iterator[Bedrock]:
    """The emulator, which has seen nothing yet."""
    theatre.bedrock.reset()
    yield theatre.bedrock
    theatre.bedrock.reset()


@pytest.fixture
def proxy(standing_proxy: Proxy, bedrock: Bedrock) -> Proxy:
    return standing_proxy


@pytest.fixture
def serve(theatre: Theatre, bedrock: Bedrock) -> Iterator[Callable[..., Proxy]]:
    """`serve(timeouts={"gap_s": 0.1})`: a proxy of the test's own."""
    with ExitStack() as stack:
        yield lambda identities=None, endpoint=None, shared_file=None, **options: stack.enter_context(
            theatre.proxy(options, identities, endpoint, shared_file)
        )


@pytest.fixture(scope="session")
def standing_client(standing_proxy: Proxy) -> Iterator[openai.OpenAI]:
    with standing_proxy.openai() as client:
        yield client


@pytest.fixture
def client(proxy: Proxy, standing_client: openai.OpenAI) -> openai.OpenAI:
    """openai-python, which tries nothing twice, in front of `proxy`."""
    return standing_client


@pytest.fixture(scope="session")
def node_folder(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the locked clients for Node are installed: beside the scripts if they are already, else in pytest's cache."""
    if not (shutil.which("node") and shutil.which("npm")):
        reason = "node and npm are not installed, so the clients for Node cannot be asked"
        if os.environ.get("BEDROCK_PROXY_REQUIRE_NODE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    if all((NODE / "node_modules" / name).is_dir() for name in ("openai", "ai")):
        return NODE
    digest = sha256(b"".join((NODE / name).read_bytes() for name in NODE_FILES)).hexdigest()[:16]
    cache = getattr(pytestconfig, "cache", None)  # it can be switched off
    folder = cache.mkdir(f"node-{digest}") if cache is not None else tmp_path_factory.mktemp("node")
    if not (folder / "complete").exists():
        for name in NODE_FILES:
            shutil.copy(NODE / name, folder / name)
        npm = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True)
        assert npm.returncode == 0, npm.stdout + npm.stderr
        (folder / "complete").touch()
    return folder
