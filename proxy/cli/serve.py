"""`bedrock-proxy serve`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from proxy import __version__
from proxy.access.keys import is_loopback
from proxy.app import create_app
from proxy.config import CONFIG_VARIABLE, KEY_VARIABLE, Config, ConfigError, load
from proxy.http1 import Protocol
from proxy.routing.listed import ListedModel
from proxy.telemetry import logs
from proxy.upstream import EmulatedUpstream, Upstream

_DEFAULT_FILE = Path("config.yaml")
_KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that it is they who close them and no request meets a closed one."""
_BACKLOG = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, help=f"YAML file; else {CONFIG_VARIABLE}, else ./config.yaml if it is there"
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (8000)")
    parser.add_argument("--workers", type=int, help="processes (1)")
    parser.add_argument("--emulator", action="store_true", help="answer from an embedded Bedrock emulator, without AWS")
    parser.add_argument("--allow-open", action="store_true", help="serve other addresses without a key")


def run(options: argparse.Namespace) -> int:
    try:
        config = load(config_path(options.config), os.environ, _overrides(options))
        _check_access(config)
        make = _Application(config, options.emulator)
        make.upstream()
        listener = _listen(config)
        make.port = listener.getsockname()[1]
    except ValueError as error:
        print(f"bedrock-proxy: {error}", file=sys.stderr)
        return 2
    if config.server.workers == 1:
        _exit_cleanly_on_signals()
        server = uvicorn.Server(_uvicorn_config(make, config))
        server.run(sockets=[listener])
        return 0 if server.started else 3
    print(_banner(config, make.port, asyncio.run(make.probe())), flush=True)
    # Only this user can read the directory, and it goes when the server does.
    with tempfile.TemporaryDirectory(prefix="bedrock-proxy-") as folder:
        worker = make.for_worker(Path(folder) / "shared.sqlite")
        Multiprocess(_uvicorn_config(worker, config), sockets=[listener]).run()
    return 0


def config_path(chosen: Path | None) -> Path | None:
    """The file that was named, else the one in the working directory, else none."""
    if chosen is not None:
        return chosen
    if os.environ.get(CONFIG_VARIABLE):
        return Path(os.environ[CONFIG_VARIABLE])
    return _DEFAULT_FILE if _DEFAULT_FILE.exists() else None


def _exit_cleanly_on_signals() -> None:
    """uvicorn raises a signal again once it has stopped for it; being told to stop is no failure."""

    def stop(number: int, frame: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


class _Application:
    """Makes the ASGI application, in whichever process runs it."""

    def __init__(
        self, config: Config, is_emulated: bool, *, has_banner: bool = True, shared_file: Path | None = None
    ) -> None:
        self.shared_file = shared_file
        self.config = config
        self.is_emulated = is_emulated
        self.port = config.server.port
        """That the listener was given in the end, where the configuration says 0."""
        self.has_banner = has_banner

    def __call__(self) -> Any:
        logs.set_up(self.config.log.level)
        app = create_app(self.config, self.upstream(), self._say if self.has_banner else None, self.shared_file)
        # What is here by now stays. The collector takes 50 ms to look through it, and all streams stand still meanwhile.
        gc.freeze()
        return app

    def for_worker(self, shared_file: Path) -> _Application:
        """The same for one process of several, which share a file and leave the first words to their parent."""
        return _Application(self.config, self.is_emulated, has_banner=False, shared_file=shared_file)

    async def probe(self) -> Upstream:
        """What the workers are going to find."""
        upstream = self.upstream()
        await upstream.start()
        await upstream.aclose()
        return upstream

    def upstream(self) -> Upstream:
        """Raises `ValueError` for a configuration that leads nowhere."""
        return (EmulatedUpstream if self.is_emulated else Upstream)(self.config, os.environ)

    def _say(self, upstream: Upstream) -> None:
        print(_banner(self.config, self.port, upstream), flush=True)


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "server.host": options.host,
        "server.port": options.port,
        "server.workers": options.workers,
        "server.allow_open": options.allow_open or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _check_access(config: Config) -> None:
    server = config.server
    if not (config.auth.keys or server.allow_open or is_loopback(server.host)):
        raise ConfigError(
            f"server.host: found {server.host!r}, which others can reach, and no key is set. Set {KEY_VARIABLE} "
            "or auth.keys, or pass --allow-open if everyone who reaches the port may spend your money."
        )


def _listen(config: Config) -> socket.socket:
    host, port = config.server.host, config.server.port
    with ExitStack() as stack:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Now, not when the application is ready: whoever comes in between waits, and is not turned away.
            listener.listen(_BACKLOG)
        except OSError as error:
            raise ConfigError(f"server.port: cannot listen on {host}:{port}: {error.strerror or error}") from None
        stack.pop_all()
    listener.set_inheritable(True)
    return listener


def _uvicorn_config(make: _Application, config: Config) -> uvicorn.Config:
    return uvicorn.Config(
        make,
        factory=True,
        workers=config.server.workers,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=Protocol,
        ws="none",
        lifespan="on",
        backlog=_BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # Running answers are cancelled then, and end with a word to the client. Fractions of a second will do as well.
        timeout_graceful_shutdown=config.server.grace_s,  # type: ignore[arg-type]
    )


def _banner(config: Config, port: int, upstream: Upstream) -> str:
    host = config.server.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
    identity = upstream.identities.describe()
    endpoint = upstream.endpoints.runtime if upstream.endpoints else "none"
    if isinstance(upstream, EmulatedUpstream):
        # With several workers each has its own, and this one is gone.
        endpoint = f"the embedded emulator, no AWS{f': {endpoint}' if config.server.workers == 1 else ''}"
    lines = [
        f"bedrock-proxy {__version__}",
        f"  listening    {url}  ({_access(config)})",
        f"  upstream     {endpoint}",
        f"  region       {upstream.region or 'none: set AWS_REGION, or aws.region in config.yaml'}",
    ]
    if identity is not None:
        tail = f", …{identity.key_tail}" if identity.key_tail else ""
        lines.append(f"  credentials  {identity.source}{tail}")
    else:
        lines += [
            "  credentials  none found yet: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or",
            "               AWS_BEARER_TOKEN_BEDROCK, or run on a machine with a role. Requests get a 503 until then.",
            "               To try the proxy without AWS: bedrock-proxy serve --emulator",
        ]
    names = upstream.list_models()
    lines.append(f"  models       {len(names)}, at {url}/models")
    if upstream.trouble is not None:
        lines.append(f"  trouble      {upstream.trouble}")
    if names:
        key = ' -H "Authorization: Bearer $YOUR_KEY"' if config.auth.keys else ""
        body = f'{{"model": "{_example(names)}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
        lines.append(f"  try          curl {url}/chat/completions{key} -H 'Content-Type: application/json' -d '{body}'")
    return "\n".join(lines)


def _access(config: Config) -> str:
    if config.auth.keys:
        return f"{len(config.auth.keys)} key{'s' if len(config.auth.keys) > 1 else ''}"
    return "no key, open to all who reach it" if config.server.allow_open else "no key, this machine only"


def _example(models: Sequence[ListedModel]) -> str:
    return next((model.id for model in models if "llama3-3" in model.id), models[0].id)
