"""A model's own chat template: Jinja, as the tokenizers of Hugging Face hold it, compiled in a sandbox.

    tokenizer_config.json    {"chat_template": "{% for message in messages %}…", "bos_token": "<s>", …}
    chat_template.jinja      the template alone; the tokens from the tokenizer_config.json beside it, where there is one

A template sees `messages`, `tools`, `add_generation_prompt`, `bos_token`, `eos_token`, `raise_exception`, `strftime_now` and
`tojson`, with white space around blocks trimmed. What a client wrote is broken by a space wherever it holds a special
token of the model, so that text can never open a turn. Source: Hugging Face transformers,
`utils/chat_template_utils.py`, 4.57.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from proxy import jsonio

_MOST_ROUNDS = 200_000
"""Of all the loops of one rendering, and calls; the work of about a second."""
_MOST_CHARACTERS = 50_000_000
_LARGEST_NUMBER = 1_000_000
"""As a width, or as the size of a product of texts or lists."""
_WIDE = re.compile(r"\d{6}")
_TICK = "_count_round"
_TOKENIZER_CONFIG = "tokenizer_config.json"
_TOKEN = re.compile(r"[<\[][^\s\"\\]+[>\]]")
"""Other special tokens are words of the language: to break them would garble text and guard nothing."""
_MARK = re.compile(r"</?[A-Za-z|｜][^\s<>{}\"'\\]*>|\[/?[A-Z_]+\]")
"""What stands in the template's own text and looks like a token."""
_ORDINARY = frozenset({"<think>", "</think>"})
"""They open no turn, and templates look for them in earlier answers."""
_REMOVED = re.compile(r"(?:\s|\\[nrt])*<(/?think>)(?:\s|\\[nrt])*")
"""Such a mark in JSON, with the white space that a template may take away with it."""
_LONGEST_REFUSAL = 300
_ALWAYS = r"<(?=\|[A-Za-z0-9_]+\|>)|<(?=｜[^\s<>｜]+｜>)"
_LARGEST_CONTEXT = 10_000_000
"""Tokenizers without a limit say 10 ** 30."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class BadTemplate(ValueError):
    """A template that cannot be used, for the operator."""


class TemplateRefusal(ValueError):
    """The template does not take this conversation. The message is the template's own, where it has one."""


class ChatTemplate:
    """`render` it for each request. Raises `BadTemplate` for one that does not parse."""

    def __init__(
        self,
        text: str,
        *,
        named_tokens: Mapping[str, str] | None = None,
        tokens: Iterable[str] = (),
        context_tokens: int | None = None,
    ) -> None:
        """`named_tokens`: `{"bos_token": "<s>"}`, as the template sees them. `tokens`: every special one."""
        self.context_tokens = context_tokens
        self._named_tokens = dict(named_tokens or {})
        environment = _Environment()
        try:
            tree = environment.parse(text)
            self._template = environment.from_string(text)
        except TemplateSyntaxError as error:
            raise BadTemplate(f"line {error.lineno}: {error.message}") from None
        except (RecursionError, SyntaxError):
            raise BadTemplate("it is nested too deep") from None
        self.takes_tools = any(name.name == "tools" for name in tree.find_all(nodes.Name))
        special = {*self._named_tokens.values(), *tokens, *_MARK.findall(text)} - _ORDINARY
        self._special = _pattern(token for token in special if _TOKEN.fullmatch(token))
        end = self._named_tokens.get("eos_token", "")
        self.end_tokens: Sequence[str] = (end,) if end.startswith("<") else ()

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        now: datetime,
        tools: Sequence[Mapping[str, Any]] = (),
        opens_answer: bool = True,
    ) -> str:
        """The prompt. Raises `TemplateRefusal`."""
        rounds = 0

        def count_round() -> None:
            nonlocal rounds
            rounds += 1
            if rounds > _MOST_ROUNDS:
                raise SecurityError("the conversation is too long for it")

        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(
                **self._named_tokens,
                messages=[self.neutralise(message) for message in messages],
                tools=[self.neutralise(tool) for tool in tools] or None,
                add_generation_prompt=opens_answer,
                strftime_now=now.strftime,
                raise_exception=_refuse,
                **{_TICK: count_round},
            ):
                parts.append(part)
                size += len(part)
                if size > _MOST_CHARACTERS:
                    raise SecurityError("what it makes is too long")
        except TemplateRefusal:
            raise
        except (
            TemplateError,
            LookupError,
            ArithmeticError,
            TypeError,
            ValueError,
            AttributeError,
            RuntimeError,
        ) as error:
            raise TemplateRefusal(str(error) or type(error).__name__) from None
        return "".join(parts)

    def neutralise(self, value: Any) -> Any:
        """Plain data with a space in every special token: `<|im_end|>` -> `< |im_end|>`. Nothing is ever deleted, since a
        deletion can join two halves into a new token; where one of the template's own would, it finds nothing to delete."""
        text = jsonio.encode(value).decode()
        broken = self._special.sub(r"\g<0> ", text)
        if "think>" in broken and self._special.search(_REMOVED.sub("", broken)):
            broken = _REMOVED.sub(r"< \g<1>", broken)
        return value if broken == text else jsonio.decode(broken)


def read(path: Path) -> ChatTemplate:
    """A `tokenizer_config.json`, or the Jinja text itself. Raises `BadTemplate` with the path."""
    try:
        if path.suffix == ".json":
            config = _read_config(path)
            text = _template_in(config) or _read_beside(path)
        else:
            text = path.read_text(encoding="utf-8")
            beside = path.with_name(_TOKENIZER_CONFIG)
            config = _read_config(beside) if beside.exists() else {}
        context = config.get("model_max_length")
        return ChatTemplate(
            text,
            named_tokens=_named_tokens(config),
            tokens=_special_tokens(config),
            context_tokens=context if isinstance(context, int) and 0 < context <= _LARGEST_CONTEXT else None,
        )
    except OSError as error:
        raise BadTemplate(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadTemplate(f"{path}: is not UTF-8") from None
    except BadTemplate as error:
        raise BadTemplate(f"{path}: {error}") from None


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = jsonio.decode(path.read_bytes())
    except jsonio.UNREADABLE as error:
        raise BadTemplate(f"{path.name} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise BadTemplate(f"{path.name} is not a JSON object")
    return config


def _template_in(config: Mapping[str, Any]) -> str:
    """`chat_template` is a text, or a list of named ones. "" where there is none."""
    found = config.get("chat_template")
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found if isinstance(entry, dict)}
        found = named.get("default")
    return found if isinstance(found, str) else ""


def _read_beside(path: Path) -> str:
    beside = path.with_name("chat_template.jinja")
    if not beside.exists():
        raise BadTemplate(f"it has no chat_template, and no {beside.name} is beside it")
    return beside.read_text(encoding="utf-8")


def _named_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """A token is a text, or `{"content": "<s>", …}`."""
    found = {name: _content(value) for name, value in config.items() if name.endswith("_token")}
    return {name: token for name, token in found.items() if token}


def _special_tokens(config: Mapping[str, Any]) -> list[str]:
    added = config.get("added_tokens_decoder")
    more = config.get("additional_special_tokens")
    known = [entry for entry in added.values() if _is_special(entry)] if isinstance(added, dict) else []
    return [_content(entry) for entry in [*known, *(more if isinstance(more, list) else ())]]


def _is_special(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("special") is True


def _content(token: Any) -> str:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""


def _pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """The first character of every token. Longer tokens need not go first: each is looked for by itself."""
    return re.compile(
        "|".join([_ALWAYS, *(f"{re.escape(token[0])}(?={re.escape(token[1:])})" for token in sorted(tokens))])
    )


class _Environment(ImmutableSandboxedEnvironment):
    """Beside what the sandbox keeps from a template, it cannot run for ever or fill the memory."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        self.filters["tojson"] = _to_json
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.body.insert(0, nodes.ExprStmt(nodes.Call(nodes.Name(_TICK, "load"), [], [], None, None)))
        tree.set_lineno(1)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            if _length(left) + _length(right) > _MOST_CHARACTERS:
                raise SecurityError("what it makes is too long")
            return super().call_binop(context, operator, left, right)
        size = max(_length(left), _length(right))
        number = max(abs(value) if isinstance(value, int | float) else 0 for value in (left, right))
        is_wide = operator == "%" and isinstance(left, str) and _WIDE.search(left)
        if is_wide or size * number > _LARGEST_NUMBER or (operator == "**" and number > 1000):
            raise SecurityError("what it makes is too long")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Any, called: Any, /, *args: Any, **named: Any) -> Any:
        context[_TICK]()  # macros can call each other
        if any(isinstance(value, int) and value > _LARGEST_NUMBER for value in (*args, *named.values())):
            raise SecurityError("what it makes is too long")
        return super().call(context, called, *args, **named)


class _Generation(Extension):
    """`{% generation %}…{% endgeneration %}`, around what a trainer looks for: it changes nothing."""

    tags = {"generation"}  # noqa: RUF012  as the base class has it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _refuse(message: object) -> None:
    raise TemplateRefusal(str(message)[:_LONGEST_REFUSAL])


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
