"""A model's own chat template: Jinja, as the tokenizers of Hugging Face hold it, compiled in a sandbox.

    tokenizer_config.json    {"chat_template": "{% for message in messages %}…", "bos_token": "<s>", …}
    chat_template.jinja      the template alone; the tokens from the tokenizer_config.json beside it, where there is one

A template sees `messages`, `tools`, `add_generation_prompt`, `bos_token`, `eos_token`, `raise_exception` and `strftime_now`.
What a client wrote is broken by a space wherever it holds a special token of the model, so that text can never open a turn.
Source: Hugging Face transformers, `utils/chat_template_utils.py`, 4.57.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes

from proxy import jsonio
from proxy.jinja_sandbox import MOST_CHARACTERS, TICK, Overrun, Sandbox

_MOST_ROUNDS = 200_000
"""Of all the loops of one rendering, and calls; the work of about a second."""
_TOKENIZER_CONFIG = "tokenizer_config.json"
_ADDITIONAL = Path("additional_chat_templates", "tool_use.jinja")
"""Where tokenizers that are stored since 2025 have a template for tools of its own; before, it was one of a list."""
_TOKEN = re.compile(r"[<\[][^\s\"\\]+[>\]]")
"""Other special tokens are words of the language: to break them would garble text and guard nothing."""
_MARK = re.compile(r"</?[A-Za-z|｜][^\s<>{}\"'\\]*>|\[/?[A-Z_]+\]")
"""What stands in the template's own text and looks like a token."""
_ORDINARY = frozenset({"<think>", "</think>"})
"""They open no turn, and templates look for them in earlier answers."""
_THINK = re.compile(r"<(?=/?think>)")
_REMOVED = re.compile(r"(?:(?<!\s)(?<!\\[nrt])(?:\s|\\[nrt])+)?</?think>(?:\s|\\[nrt])*")
"""Such a mark in JSON, with the white space that a template may take away with it: looked for from its first character on,
for from each it would take minutes."""
_LONGEST_REFUSAL = 300
_ALWAYS = r"<(?=\|[A-Za-z0-9_]+\|>)|<(?=｜[^\s<>｜]+｜>)"
_LARGEST_CONTEXT = 10_000_000
"""Tokenizers without a limit say 10 ** 30."""


class BadTemplate(ValueError):
    """A template that cannot be used, for the operator."""


class TemplateRefusal(ValueError):
    """The template does not take this conversation. The message is the template's own, where it has one."""


class TemplateOverrun(TemplateRefusal, OverflowError):
    """It would take too long, or make too much."""


class ChatTemplate:
    """`render` it for each request. Raises `BadTemplate` for one that does not parse."""

    def __init__(
        self,
        text: str,
        *,
        tool_text: str | None = None,
        named_tokens: Mapping[str, str] | None = None,
        tokens: Iterable[str] = (),
        context_tokens: int | None = None,
    ) -> None:
        """`tool_text`: in place of `text` for requests with tools, where it is another one. `named_tokens`:
        `{"bos_token": "<s>"}`, as the template sees them. `tokens`: every special one."""
        self.context_tokens = context_tokens
        self._named_tokens = dict(named_tokens or {})
        self._template, names = _compile(text)
        self._tool_template = self._template
        if tool_text is not None:
            self._tool_template, names = _compile(tool_text)
        self.settings = frozenset(names)
        self.takes_tools = "tools" in names
        self.thinks = "</think>" in text + (tool_text or "")
        special = {
            *self._named_tokens.values(),
            *tokens,
            *_MARK.findall(text),
            *_MARK.findall(tool_text or ""),
        } - _ORDINARY
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
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt. `settings`: further names that the template sees, such as `enable_thinking`.

        Raises `TemplateRefusal`, of which `TemplateOverrun` is one.
        """
        rounds = 0

        def count_round() -> None:
            nonlocal rounds
            rounds += 1
            if rounds > _MOST_ROUNDS:
                raise Overrun("the conversation is too long for it")

        parts: list[str] = []
        size = 0
        try:
            for part in (self._tool_template if tools else self._template).generate(
                **self._named_tokens,
                **settings,
                messages=[self.neutralise(message) for message in messages],
                tools=[self.neutralise(tool) for tool in tools] or None,
                add_generation_prompt=opens_answer,
                strftime_now=now.strftime,
                raise_exception=_refuse,
                **{TICK: count_round},
            ):
                parts.append(part)
                size += len(part)
                if size > MOST_CHARACTERS:
                    raise Overrun("what it makes is too long")
        except TemplateRefusal:
            raise
        except Overrun as error:
            raise TemplateOverrun(str(error)) from None
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
            broken = _THINK.sub("< ", broken)
        return value if broken == text else jsonio.decode(broken)


def _compile(text: str) -> tuple[Template, set[str]]:
    """With the names that stand in it."""
    environment = Sandbox()
    try:
        names = {name.name for name in environment.parse(text).find_all(nodes.Name)}
        return environment.from_string(text), names
    except TemplateSyntaxError as error:
        raise BadTemplate(f"line {error.lineno}: {error.message}") from None
    except (RecursionError, SyntaxError):
        raise BadTemplate("it is nested too deep") from None


def read(path: Path) -> ChatTemplate:
    """A `tokenizer_config.json`, or the Jinja text itself. Raises `BadTemplate` with the path."""
    try:
        if path.suffix == ".json":
            config = _read_config(path)
            text = _template_in(config, "default") or _read_beside(path)
        else:
            text = path.read_text(encoding="utf-8")
            beside = path.with_name(_TOKENIZER_CONFIG)
            config = _read_config(beside) if beside.exists() else {}
        context = config.get("model_max_length")
        beside = path.parent / _ADDITIONAL
        return ChatTemplate(
            text,
            tool_text=beside.read_text(encoding="utf-8")
            if beside.exists()
            else _template_in(config, "tool_use") or None,
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


def _template_in(config: Mapping[str, Any], name: str) -> str:
    """`chat_template` is a text, the `default` one, or a list of named ones. "" where there is none."""
    found = config.get("chat_template")
    entries = found if isinstance(found, list) else [{"name": "default", "template": found}]
    named = {entry.get("name"): entry.get("template") for entry in entries if isinstance(entry, dict)}
    text = named.get(name)
    return text if isinstance(text, str) else ""


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


def _refuse(message: object) -> None:
    raise TemplateRefusal(str(message)[:_LONGEST_REFUSAL])
