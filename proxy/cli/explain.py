"""`bedrock-proxy explain`: what one request becomes, and nothing sent to Bedrock.

The server's own pipeline, over a transport that keeps what would be sent and plays back a recorded answer. Images and
files behind URLs are fetched, for what they are belongs to what is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import msgspec

from proxy import jsonio
from proxy.apis import APIS
from proxy.bedrock.client import BedrockClient
from proxy.bedrock.endpoint import Endpoints
from proxy.bedrock.sign import AccessKeys
from proxy.cli.serve import config_path
from proxy.config import Config, Retry, load
from proxy.errors import NotConfigured, ProxyError
from proxy.pipeline import Pipeline, Whole
from proxy.telemetry.record import Record
from proxy.upstream import FixedIdentity, Upstream

_FALLBACK_REGION = "us-east-1"
_NOT_SHOWN = frozenset(
    {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "content-length", "user-agent"}
    | {"accept-encoding", "connection", "host"}
)
"""Headers of the call that say nothing of the request."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", help="a JSON file with the body of a chat request; - for standard input")
    parser.add_argument("--model", help="in place of the request's own")
    parser.add_argument(
        "--reply", type=Path, help="a recorded answer of Bedrock, JSON or event stream, to run back through"
    )
    parser.add_argument("--strict", action="store_true", help="refuse what would be adapted")
    parser.add_argument("--config", type=Path, help="YAML file, as for serve")


def run(options: argparse.Namespace) -> int:
    """0; 1 for a request that would be refused, with the error that its client would get; 2 for bad usage."""
    try:
        config = load(config_path(options.config), os.environ)
        text = sys.stdin.buffer.read() if options.request == "-" else Path(options.request).read_bytes()
        recorded = options.reply.read_bytes() if options.reply else None
        body = jsonio.decode_strictly(text)
        upstream = Rehearsal(config, recorded)
    except (OSError, ValueError) as error:
        print(f"bedrock-proxy: {error}", file=sys.stderr)
        return 2
    if isinstance(body, dict):
        if options.model:
            body["model"] = options.model
        if recorded is not None:
            body["stream"] = upstream.is_stream
    return asyncio.run(_explain(config, upstream, jsonio.encode(body), is_strict=options.strict))


class Rehearsal(Upstream):
    """Bedrock as it was recorded. Without a recording it does not answer at all."""

    def __init__(self, config: Config, recorded: bytes | None) -> None:
        """Raises `ValueError` for an alias that leads nowhere."""
        super().__init__(config, os.environ)
        self._recorded = recorded
        self.has_recording = recorded is not None
        self.is_stream = recorded is not None and recorded.lstrip()[:1] != b"{"
        self.calls: list[httpx.Request] = []
        self.trouble_with_recording: str | None = None

    async def _find_the_way(self) -> None:
        self.identities = FixedIdentity(AccessKeys("AKIDEXAMPLE", "unused"))
        try:
            region, self.endpoints = await asyncio.to_thread(self.ask_botocore)
        except NotConfigured:
            region = _FALLBACK_REGION
            print(f"(no AWS region is set up: shown for {region})\n")
            self.endpoints = Endpoints(runtime=f"https://bedrock-runtime.{region}.amazonaws.com", control="")
        self.region, self._resolver = region, self.resolver(region)

    async def _keep_informed(self) -> None:
        """The account is not asked: the catalogue stands for it."""

    def _client(self, endpoint: str, region: str) -> BedrockClient:
        return BedrockClient(
            endpoint=endpoint,
            region=region,
            credentials=self.identities,
            transport=httpx.MockTransport(self._answer),
            connect_s=self._config.timeouts.connect_s,
        )

    def _answer(self, call: httpx.Request) -> httpx.Response:
        self.calls.append(call)
        if self._recorded is None:
            raise httpx.ConnectError("nothing is sent")
        if self.is_stream != call.url.path.endswith("-stream"):
            asked, recorded = ("a whole answer", "a stream") if self.is_stream else ("a stream", "a whole answer")
            self.trouble_with_recording = f"this call asks Bedrock for {asked}, and what was recorded is {recorded}"
            raise httpx.ConnectError(self.trouble_with_recording)
        kind = "application/vnd.amazon.eventstream" if self.is_stream else "application/json"
        return httpx.Response(200, headers={"content-type": kind}, content=self._recorded)


async def _explain(config: Config, upstream: Rehearsal, body: bytes, *, is_strict: bool) -> int:
    config = msgspec.structs.replace(config, retry=Retry(attempts=1), strict=config.strict or is_strict)
    pipeline = Pipeline(config, upstream)
    record = Record("", "POST", "/v1/chat/completions", asyncio.get_running_loop().time())
    api = APIS["/chat/completions"]
    await upstream.start()
    await pipeline.start()
    try:
        answer = await pipeline.answer(api, body, {}, record)
        _show_call(upstream, record)
        print("\n--- answer to the client\n")
        if isinstance(answer, Whole):
            print(_pretty(jsonio.decode(answer.body)))
        else:
            async with aclosing(answer.chunks) as chunks:
                async for chunk in chunks:
                    sys.stdout.write(chunk.decode())
    except ProxyError as error:
        if upstream.calls:
            _show_call(upstream, record)
            if not upstream.has_recording:
                return 0
            if upstream.trouble_with_recording is not None:
                print(f"bedrock-proxy: {upstream.trouble_with_recording}", file=sys.stderr)
                return 2
            print("\n--- answer to the client\n")
        print(f"HTTP {error.status}\n{_pretty(api.render_error(error))}")
        return 1
    finally:
        await pipeline.aclose()
        await upstream.aclose()
    return 0


def _show_call(upstream: Rehearsal, record: Record) -> None:
    call = upstream.calls[0]
    # Without the password that a gateway's URL may hold.
    print(f"POST {call.url.scheme}://{call.url.netloc.decode()}{call.url.raw_path.decode()}")
    for name, value in call.headers.items():
        if name not in _NOT_SHOWN:
            print(f"{name}: {value}")
    print("authorization: (signed when it is sent)\n")
    print(_pretty(jsonio.decode(call.content)))
    print(f"\nadapted: {record.adapted or 'nothing'}")
    if len(upstream.calls) > 1:
        print(f"sent {len(upstream.calls)} times, once a choice")


def _pretty(value: Any) -> str:
    return msgspec.json.format(jsonio.encode(value), indent=2).decode()
