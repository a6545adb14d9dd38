"""The command `bedrock-proxy`. Each subcommand is a module with `add_arguments` and `run`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from proxy import __version__

_COMMANDS = {
    "serve": "serve OpenAI's API in front of Bedrock",
    "explain": "show what a request would become, and send nothing to Bedrock",
    "emulate": "run a local Bedrock, for tests without an AWS account",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 0, or with 2 and a line on what is wrong."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="bedrock-proxy", description="OpenAI's API for the models of Amazon Bedrock.")
    parser.add_argument("--version", action="version", version=f"bedrock-proxy {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, help_text in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        # Only the module of the command that was asked for is imported: starting fast is a feature.
        if name in words[:1]:
            module = importlib.import_module(f"proxy.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    options = parser.parse_args(words)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read has seen enough, as `head` does. What is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)
