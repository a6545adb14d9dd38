"""`bedrock-proxy explain`: every stage of one request, and nothing sent.

The same translators as in the server, fed by hand: what would go to Bedrock, what was adapted on the way, and, given a
recorded answer, what the client would get.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from proxy import jsonio
from proxy.apis import APIS
from proxy.apis.api import Asked, Identity
from proxy.bedrock.endpoint import model_path
from proxy.bedrock.errors import error_from_frame, is_error_frame
from proxy.bedrock.eventstream import BrokenStream, Decoder
from proxy.cli.serve import config_path
from proxy.config import load
from proxy.errors import NotConfigured, ProxyError, UpstreamBroken
from proxy.families import FAMILIES, Call, Family
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.fold import Fold
from proxy.neutral.stops import StopFilter
from proxy.upstream import Upstream

_FALLBACK_REGION = "us-east-1"
_IDENTITY = Identity(token="0" * 29, created=0, service_tier="default")


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
        upstream = Upstream(config, os.environ)
        text = sys.stdin.buffer.read() if options.request == "-" else Path(options.request).read_bytes()
        reply = options.reply.read_bytes() if options.reply else None
        body = jsonio.decode_strictly(text)
    except (OSError, ValueError) as error:
        print(f"bedrock-proxy: {error}", file=sys.stderr)
        return 2
    if options.model and isinstance(body, dict):
        body["model"] = options.model
    api = APIS["/chat/completions"]
    adapted = Adaptations(options.strict or config.strict)
    try:
        asked = api.parse(body, adapted, config.server.max_choices)
        family, call = _show_call(upstream, asked, adapted)
        if reply is not None:
            print("\n--- answer to the client\n")
            _show_answer(asked, family, call, reply)
    except ProxyError as error:
        print(f"HTTP {error.status}\n{_pretty(api.render_error(error))}")
        return 1
    return 0


def _show_call(upstream: Upstream, asked: Asked, adapted: Adaptations) -> tuple[Family, Call]:
    try:
        region, endpoints = upstream.ask_botocore()
        endpoint = endpoints.runtime
    except NotConfigured:
        region = _FALLBACK_REGION
        endpoint = f"https://bedrock-runtime.{region}.amazonaws.com"
        print(f"(no AWS region is set up: shown for {region})\n")
    target = upstream.resolver(region).resolve(asked.request.model)
    family = FAMILIES[target.model.family]
    call = family.build(asked.request, target.model, adapted)
    operation = family.stream_operation if asked.request.stream or call.stops else family.operation
    print(f"POST {endpoint}{model_path(target.model_id, operation)}")
    if target.region not in (None, region):
        print(f"(the ARN's region: it would go to {target.region})")
    for name, value in {"content-type": "application/json", "accept": "application/json", **call.headers}.items():
        print(f"{name}: {value}")
    print("authorization: (signed when it is sent)\n")
    print(_pretty(jsonio.decode(call.body)))
    print(f"\nadapted: {adapted.header() or 'nothing'}")
    if asked.request.choices > 1:
        print(f"sent {asked.request.choices} times, once a choice")
    if call.stops:
        print(f"matched by the proxy in the text: {jsonio.encode(call.stops).decode()}")
    return family, call


def _show_answer(asked: Asked, family: Family, call: Call, recorded: bytes) -> None:
    if recorded.lstrip()[:1] == b"{":
        print(_pretty(asked.render(_IDENTITY, [family.parse(recorded, call)])))
        return
    writer, reader, fold = asked.stream(_IDENTITY), family.reader(call), Fold()
    stops = StopFilter(call.stops)
    decoder = Decoder()
    chunks = [writer.start()]
    failure: ProxyError | None = None
    try:
        frames = decoder.feed(recorded)
        for position, frame in enumerate(frames):
            if is_error_frame(frame.headers):
                raise error_from_frame(frame.headers, frame.payload)
            events = stops.feed(reader.feed(frames[position : position + 1]))
            fold.feed(events)
            chunks.append(writer.send(events))
        decoder.close()
        reader.close()
        chunks.append(writer.close())
    except BrokenStream as error:
        failure = UpstreamBroken(f"The recorded stream is broken: {error}.")
    except ProxyError as error:
        failure = error
    if not asked.request.stream and failure is None:
        print(_pretty(asked.render(_IDENTITY, [fold.reply()])))
        return
    if failure is not None:
        chunks.append(writer.fail(failure))
    sys.stdout.write(b"".join(chunks).decode())


def _pretty(value: Any) -> str:
    return msgspec.json.format(jsonio.encode(value), indent=2).decode()
