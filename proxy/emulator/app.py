"""The emulator as an ASGI application: one request in, checked as Bedrock checks it, one answer out.

    POST   /model/{modelId}/invoke                          GET /foundation-models        GET /foundation-models/{id}
    POST   /model/{modelId}/invoke-with-response-stream     GET /inference-profiles       GET /inference-profiles/{id}
    POST   /model/{modelId}/converse                        POST   /model/{modelId}/converse-stream
    POST   /model/{modelId}/count-tokens
    GET    /_emulator/health    GET, DELETE /_emulator/calls    GET, PUT, DELETE /_emulator/rules

The order of a call's checks: size, credentials, script, operation, model, headers, body.
"""

from __future__ import annotations

from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from proxy import jsonio
from proxy.emulator import control, runtime
from proxy.emulator.auth import Request, authenticate
from proxy.emulator.cache import PromptCache
from proxy.emulator.calls import MAX_BODY, Call, Calls, without_secrets
from proxy.emulator.models import Model, Models, read_catalog
from proxy.emulator.observe import observe
from proxy.emulator.refusal import Refusal, invalid
from proxy.emulator.script import HEADER, BadScript, Rule, Script, Scripts, check_fits
from proxy.emulator.settings import Settings
from proxy.emulator.stream import ClientGone, ConnectionCut, Message, Receive, Reply, Send, Wire, play

MAX_REQUEST = 25_000_000
"""Bytes of an InvokeModel body; botocore 1.44 service model."""


def create_app(settings: Settings | None = None, rules: list[Rule] | None = None) -> Emulator:
    """The application. `rules` are scripts that wait for the calls they match."""
    return Emulator(settings or Settings(), rules or [])


class Emulator:
    """A local Bedrock, runtime and control plane on one port."""

    def __init__(self, settings: Settings, rules: list[Rule]) -> None:
        self.settings = settings
        self.models = Models(
            read_catalog(settings.catalog),
            settings.resources,
            settings.account,
            settings.now().date() if settings.enforces_end_of_life else None,
        )
        self.calls = Calls(settings.max_calls)
        self.scripts = Scripts(rules)
        self.cache = PromptCache(settings.max_cached, settings.now)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            return
        body = await _read_body(receive)
        if body is None:
            return
        request = _read_request(scope, body)
        wire_tools = (receive, send, scope.get("state", {}).get("transport"))
        if request.raw_path.startswith("/_emulator/"):
            await observe(self, request, send)
            return
        call = self._note(request)
        reply, script = self._answer(request, call)
        call.error = reply.error
        wire = Wire(*wire_tools, script.split, call)
        self.calls.begin(call)
        try:
            await play(reply, script, wire, call)
        except ClientGone:
            call.hung_up = True
        except ConnectionCut:
            pass
        finally:
            wire.close()
            self.calls.end(call)

    def _note(self, request: Request) -> Call:
        segments = request.raw_path.split("/")[1:]
        is_model_call = len(segments) == 3 and segments[0] == "model"
        return Call(
            number=self.calls.total + 1,
            method=request.method,
            path=request.raw_path + (f"?{request.query}" if request.query else ""),
            operation=segments[2] if is_model_call else segments[0],
            model_id=unquote(segments[1]) if is_model_call else None,
            headers=without_secrets(request.headers),
            body=_remember(request.body),
            request_id=str(uuid4()),
        )

    def _answer(self, request: Request, call: Call) -> tuple[Reply, Script]:
        script = Script()
        try:
            if len(request.body) > MAX_REQUEST:
                raise invalid(
                    "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length "
                    f"less than or equal to {MAX_REQUEST}"
                )
            call.region = authenticate(request, self.settings)
            script = self._choose_script(request, call)
            if script.error is not None:
                error = script.error
                raise Refusal(error.type, error.message, status=error.status, members=error.members)
            reply = self._dispatch(request, call, script) if script.raw is None else runtime.raw_reply(script.raw)
        except Refusal as refusal:
            reply = Reply(refusal.status, _error_headers(refusal), jsonio.encode(refusal.body), error=refusal.type)
        except BadScript as error:
            # Not in Bedrock's shape: nobody shall take a test's own mistake for an answer.
            body = jsonio.encode({"emulator": str(error)})
            reply, script = Reply(400, [("content-type", "application/json")], body, error="BadScript"), Script()
        common = [("date", format_datetime(self.settings.now(), usegmt=True)), ("x-amzn-requestid", call.request_id)]
        if reply.frames is None:
            common.append(("content-length", str(len(reply.body))))
        reply.headers = _merge(common + reply.headers, script.headers)
        return reply, script

    def _choose_script(self, request: Request, call: Call) -> Script:
        """Raises `BadScript`."""
        header = request.header(HEADER)
        raw = None if header is None else header.encode("latin-1")
        names, text = [] if call.model_id is None else [call.model_id], ""
        model = None if call.model_id is None else runtime.guess_model(call.model_id, self.models)
        if raw is None and model is not None:
            names.append(model.id)
            text = runtime.last_user_text(_decode(request.body), model, call.operation)
        script = self.scripts.choose(raw, names, text, call.operation)
        check_fits(
            script, is_stream=call.operation in runtime.STREAMS, is_converse=call.operation.startswith("converse")
        )
        return script

    def _dispatch(self, request: Request, call: Call, script: Script) -> Reply:
        assert call.region is not None
        segments = [unquote(segment) for segment in request.raw_path.split("/")[1:]]
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        match request.method, segments:
            case "POST", ["model", identifier, operation] if operation in runtime.OPERATIONS:
                model = self._find(identifier, operation, call.region)
                call.model = model.id
                return runtime.answer(request, model, script, call, self.settings, self.cache)
            case "GET", ["foundation-models"]:
                found = control.list_models(self.models, call.region, query)
            case "GET", ["foundation-models", identifier]:
                found = control.get_model(self.models, call.region, identifier)
            case "GET", ["inference-profiles"]:
                found = control.list_profiles(self.models, call.region, query)
            case "GET", ["inference-profiles", identifier]:
                found = control.get_profile(self.models, call.region, identifier)
            case _:
                raise Refusal("UnknownOperationException", "The requested operation is not recognized by the service.")
        return Reply(200, [("content-type", "application/json")], jsonio.encode(found))

    def _find(self, identifier: str, operation: str, region: str) -> Model:
        # CountTokens takes plain ids, and those also of models that answer through a profile alone.
        if operation == runtime.COUNT and identifier in self.models.by_id:
            return self.models.by_id[identifier]
        return self.models.resolve(identifier, region)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or None when the client left before it had sent it. What is far too long is not kept."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= MAX_REQUEST:
            parts.append(part)
        size += len(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _read_request(scope: Message, body: bytes) -> Request:
    # `path` is decoded: a %2F in it could no longer be told from the slashes between the segments.
    return Request(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
    )


def _remember(body: bytes) -> Any:
    if len(body) > MAX_BODY:
        return {"bytes": len(body)}
    value = _decode(body)
    return body.decode("utf-8", "replace") if value is None and body else value


def _decode(body: bytes) -> Any:
    """The body's JSON, or None."""
    try:
        return jsonio.decode(body)
    except (ValueError, RecursionError):
        return None


def _error_headers(refusal: Refusal) -> list[tuple[str, str]]:
    headers = [("content-type", "application/json")]
    return headers if refusal.header is None else [*headers, ("x-amzn-errortype", refusal.header)]


def _merge(headers: list[tuple[str, str]], extra: dict[str, str]) -> list[tuple[str, str]]:
    names = {name.lower() for name in extra}
    return [(name, value) for name, value in headers if name not in names] + list(extra.items())
