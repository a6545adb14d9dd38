"""`bedrock-proxy emulate`: a local Bedrock for tests and first steps, without an AWS account."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.emulator.server import EmulatorServer

DEFAULT_PORT = 9100


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--script", type=Path, metavar="FILE", help="rules that script the answers, YAML or JSON")
    parser.add_argument("--strict-prompts", action="store_true", help="refuse Llama prompts that break their template")
    parser.add_argument("--enforce-eol", action="store_true", help="refuse models past their end of life")


def run(args: Namespace) -> int:
    """Serves until interrupted. 2 when the rules cannot be read, 1 when the port cannot be had."""
    from proxy.emulator.script import BadScript, read_rule_file
    from proxy.emulator.server import run as serve
    from proxy.emulator.settings import Settings

    try:
        rules = read_rule_file(args.script) if args.script else []
    except (BadScript, OSError) as error:
        print(f"{args.script}: {error}", file=sys.stderr)
        return 2
    settings = Settings(has_strict_prompts=args.strict_prompts, enforces_end_of_life=args.enforce_eol)
    try:
        serve(args.host, args.port, rules, settings, when_started=_welcome)
    except OSError as error:
        print(f"cannot listen: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _welcome(server: EmulatorServer) -> None:
    settings = server.app.settings
    print(
        f"A local Amazon Bedrock is listening on {server.url} (Ctrl+C stops it).\n"
        "Point boto3, the AWS CLI or bedrock-proxy at it:\n\n"
        f"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={server.url}\n"
        f"  export AWS_ENDPOINT_URL_BEDROCK={server.url}\n"
        f"  export AWS_ACCESS_KEY_ID=AKIDEMULATOR\n"
        f"  export AWS_SECRET_ACCESS_KEY={settings.keys['AKIDEMULATOR']}\n"
        f"  export AWS_REGION={settings.region} AWS_DEFAULT_REGION={settings.region}\n\n"
        f"What it was asked: {server.url}/_emulator/calls",
        flush=True,
    )
