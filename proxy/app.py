"""HTTP in: the ASGI application made from one `Config`.

`Gate` is around every request: its id, its key, its record. `Endpoint` is around every call of a model: its body, and
the client that may hang up. Framework pages for 404, 405 and 500 are OpenAI's error object here too.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy import jsonio
from proxy.access.keys import Keyring, check_host
from proxy.apis import APIS, models
from proxy.apis.api import Api
from proxy.apis.openai_error import render_error
from proxy.config import Config
from proxy.errors import (
    Draining,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ProxyError,
    QuotaExceeded,
    RequestTooLarge,
    SlowRequest,
    UnsupportedMediaType,
)
from proxy.pipeline import Pipeline, Whole
from proxy.routing.attempts import retry_after_for_client
from proxy.streaming import StreamResponse
from proxy.telemetry import logs
from proxy.telemetry.logs import log
from proxy.telemetry.record import Record
from proxy.upstream import Upstream

_SORRY = "The server had an error while processing your request. Sorry about that!"
_OPEN_PATHS = frozenset({"/", "/health", "/healthz", "/readyz"})
"""Asked by load balancers and people, without a key."""


def create_app(
    config: Config,
    upstream: Upstream,
    when_ready: Callable[[Upstream], None] | None = None,
    shared_file: Path | None = None,
) -> ASGIApp:
    """`when_ready` is called once the application can take requests. `shared_file`: see `Pipeline`."""
    pipeline = Pipeline(config, upstream, shared_file)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await upstream.start()
        await pipeline.start()
        if when_ready is not None:
            when_ready(upstream)
        try:
            yield
        finally:
            await pipeline.aclose()
            await upstream.aclose()

    async def list_models(_: Request) -> Response:
        return _json(models.render_list(upstream.list_models()))

    async def get_model(request: Request) -> Response:
        return _json(models.render(upstream.describe(request.path_params["id"])))

    async def is_alive(_: Request) -> Response:
        return _json({"status": "ok"})

    async def is_ready(_: Request) -> Response:
        await upstream.check_ready()
        return _json({"status": "ready"})

    # They are tried in this order: those first that are asked for most.
    routes: list[BaseRoute] = []
    for prefix in ("/v1", ""):
        routes += [
            Route(prefix + path, Endpoint(api, pipeline, config), methods=["POST"]) for path, api in APIS.items()
        ]
        routes += [Route(f"{prefix}/models", list_models), Route(f"{prefix}/models/{{id:path}}", get_model)]
    routes += [
        Route("/", is_alive),
        Route("/health", is_alive),
        Route("/healthz", is_alive),
        Route("/readyz", is_ready),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={ProxyError: _on_proxy_error, HTTPException: _on_http_exception, Exception: _on_bug},
    )
    app.router.redirect_slashes = False
    return Gate(app, config)


class Gate:
    """Around every request: names it, lets it in, and writes its record when it is over."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._keys = Keyring(config.auth.secrets)
        self._is_local_only = not self._keys and not config.server.allow_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        record = Record(f"req_{secrets.token_hex(16)}", scope["method"], scope["path"], loop.time())
        scope["record"] = record
        name = (b"x-request-id", record.request_id.encode())

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], name]
            await send(message)

        try:
            if scope["path"] not in _OPEN_PATHS:
                headers = _headers(scope)
                if self._is_local_only:
                    check_host(headers)
                record.owner = self._keys.check(headers)
            await self._app(scope, receive, send_named)
        except ProxyError as error:
            await _error_response(error, record)(scope, receive, send_named)
        finally:
            record.duration_s = loop.time() - record.started_s
            logs.write(record)


class Endpoint:
    """One client-facing API: reads the body, has the pipeline answer, and watches for a client that hangs up."""

    def __init__(self, api: Api, pipeline: Pipeline, config: Config) -> None:
        self._api = api
        self._pipeline = pipeline
        self._server = config.server
        self._timeouts = config.timeouts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record: Record = scope["record"]
        headers = _headers(scope)
        _check_content(headers)
        body = await self._read(headers, receive)
        if body is None:
            record.has_hung_up = True
            return
        task = asyncio.current_task()
        assert task is not None
        watch = asyncio.ensure_future(_cancel_when_gone(task, receive, record))
        try:
            answer = await self._pipeline.answer(self._api, body, headers, record)
            response: ASGIApp
            if isinstance(answer, Whole):
                response = Response(answer.body, headers=answer.headers, media_type="application/json")
            else:
                response = StreamResponse(answer, self._timeouts.keepalive_s)
            await response(scope, receive, send)
        except asyncio.CancelledError:
            # The client has left, or the grace time is over.
            task.uncancel()
            if not record.has_hung_up and not record.status:
                error = Draining("The proxy is shutting down.")
                await _error_response(error, record)(scope, receive, send)
        except ProxyError as error:
            await _error_response(error, record)(scope, receive, send)
        except Exception:
            if record.status:
                raise
            # Answered here, where the connection stays in order for the requests behind this one.
            log.exception("id=%s failed", record.request_id)
            await _error_response(InternalError(_SORRY), record)(scope, receive, send)
        finally:
            watch.cancel()

    async def _read(self, headers: Mapping[str, str], receive: Receive) -> bytes | None:
        """The whole body; None when the client has left. Raises `RequestTooLarge`, `SlowRequest`."""
        limit = self._server.max_body_bytes
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._timeouts.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    if size > limit:
                        raise _too_large(limit)
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise SlowRequest("The request body did not arrive in time.") from None


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _check_content(headers: Mapping[str, str]) -> None:
    kind, _, parameters = headers.get("content-type", "application/json").partition(";")
    kind = kind.strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType(
            f"Unsupported content type '{kind[:100]}': the body has to be JSON, sent with 'Content-Type: application/json'."
        )
    charset = parameters.partition("charset=")[2].strip().strip('"').lower()
    if charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(f"Unsupported charset '{charset[:100]}': JSON is UTF-8.")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"Unsupported content encoding '{encoding[:100]}': send the body uncompressed.")


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request body is too large: at most {limit} bytes are taken.")


async def _cancel_when_gone(task: asyncio.Task[Any], receive: Receive, record: Record) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    # The server says so too when the answer has been given.
    if not record.is_whole:
        record.has_hung_up = True
        task.cancel()


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(jsonio.encode(value), status, headers, media_type="application/json")


def _error_response(error: ProxyError, record: Record | None) -> Response:
    headers = {}
    if error.status in (429, 503):
        roll = random.random()  # noqa: S311  spreads the clients, no secret
        headers["retry-after"] = str(retry_after_for_client(error, roll))
    if isinstance(error, QuotaExceeded):
        # SDKs try every 429 again unless they are told not to.
        headers["x-should-retry"] = "false"
    if error.upstream_request_id:
        headers["x-amzn-requestid"] = error.upstream_request_id
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = error.allow
    if record is not None:
        record.error_code = error.upstream_code or error.code or error.type
    return _json(render_error(error), error.status, headers)


async def _on_proxy_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProxyError)
    return _error_response(error, request.scope.get("record"))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    at = f"{request.method} {request.url.path[:200]}"
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "POST")
        failure: ProxyError = MethodNotAllowed(f"Not allowed to {at}: use {allow}.", allow=allow)
    elif error.status_code == 404:
        failure = NotFound(f"Invalid URL ({at}){_hint(request.url.path)}")
    else:
        failure = InternalError(_SORRY)
    return await _on_proxy_error(request, failure)


def _hint(path: str) -> str:
    if path.startswith("/v1/v1/"):
        return ": the base URL ends in /v1 once too often."
    if path.endswith("/chat/completions/chat/completions"):
        return ": the base URL ends in /v1, without /chat/completions."
    return "."


async def _on_bug(request: Request, error: Exception) -> Response:
    return await _on_proxy_error(request, InternalError(_SORRY))
