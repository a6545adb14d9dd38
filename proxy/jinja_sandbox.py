"""Jinja for templates of others: what they can reach is plain data, and they can neither run for ever nor fill the memory.

As transformers sets it up: white space around blocks trimmed, `tojson` that is Python's, `break`, `continue` and
`generation`. Source: Hugging Face transformers, `utils/chat_template_utils.py`, 4.57.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_CHARACTERS = 50_000_000
TICK = "_count_round"
"""What a template calls on every round of a loop, and at every call."""
_LARGEST_NUMBER = 1_000_000
"""As a width, or as the size of a product of texts or lists."""
_WIDE = re.compile(r"\d{6}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Overrun(SecurityError):
    """It would take too long, or make too much."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Beside what the sandbox keeps from a template, it cannot run for ever or fill the memory."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        self.filters["tojson"] = _to_json
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.body.insert(0, nodes.ExprStmt(nodes.Call(nodes.Name(TICK, "load"), [], [], None, None)))
        tree.set_lineno(1)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            if _length(left) + _length(right) > MOST_CHARACTERS:
                raise Overrun("what it makes is too long")
            return super().call_binop(context, operator, left, right)
        size = max(_length(left), _length(right))
        number = max(abs(value) if isinstance(value, int | float) else 0 for value in (left, right))
        is_wide = operator == "%" and isinstance(left, str) and _WIDE.search(left)
        if is_wide or size * number > _LARGEST_NUMBER or (operator == "**" and number > 1000):
            raise Overrun("what it makes is too long")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, called: Any, /, *args: Any, **named: Any) -> Any:
        context[TICK]()  # macros can call each other
        if any(isinstance(value, int) and value > _LARGEST_NUMBER for value in (*args, *named.values())):
            raise Overrun("what it makes is too long")
        return super().call(context, called, *args, **named)


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}`, around what a trainer looks for: it changes nothing."""

    tags = {"generation"}  # noqa: RUF012  as the base class has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Sequence[str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Python's `json.dumps`, without the escapes that Jinja's own filter makes for HTML."""
    written = msgspec.json.encode(value, order="sorted" if sort_keys else None)
    is_compact = separators is not None and tuple(separators) == (",", ":")
    text = (written if is_compact else msgspec.json.format(written, indent=indent or 0)).decode()
    return _NOT_ASCII.sub(_escape, text) if ensure_ascii else text


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
