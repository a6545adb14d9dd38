"""The emulator on a port: inside a running event loop, or by itself until it is interrupted.

It speaks HTTP through uvicorn's protocol class, without uvicorn's server around it: no signal handlers, no ticking, and
a connection can be cut in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from proxy.emulator.app import Emulator, create_app
from proxy.emulator.script import Rule
from proxy.emulator.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_S = 300
"""Longer than any client keeps an idle connection: one that closes just as it is used again fails that call."""


class _Connection(HttpToolsProtocol):
    """uvicorn's, which lets the application have the transport, to be able to cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {"transport": transport}
        super().connection_made(transport)


class EmulatorServer:
    """A running emulator: `async with EmulatorServer() as server: … server.url …`. Port 0 is any free one."""

    def __init__(
        self,
        settings: Settings | None = None,
        rules: list[Rule] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.app: Emulator = create_app(settings, rules)
        self._host = host
        self._port = port
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None, "not started"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """`http://127.0.0.1:49152`"""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Raises `OSError` when the port is taken."""
        config = uvicorn.Config(
            self.app,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        config.load()
        connection = partial(_Connection, config=config, server_state=self._state, app_state={})
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(connection, self._host, self._port, family=family, backlog=BACKLOG)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes every connection, whatever is still being said on it."""
        assert self._server is not None
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)
        await self._server.wait_closed()


def run(
    host: str,
    port: int,
    rules: list[Rule] | None = None,
    settings: Settings | None = None,
    *,
    when_started: Callable[[EmulatorServer], None] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM. Raises `OSError` when the port is taken."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(EmulatorServer(settings, rules, host=host, port=port), when_started))


async def _serve(server: EmulatorServer, when_started: Callable[[EmulatorServer], None] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers; there, Ctrl+C raises KeyboardInterrupt.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with server:
        if when_started is not None:
            when_started(server)
        await stop.wait()
