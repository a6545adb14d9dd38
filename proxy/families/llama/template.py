"""Conversations as the prompts that each Llama generation was trained on.

Llama 3    <|begin_of_text|><|start_header_id|>user<|end_header_id|>⏎⏎{text}<|eot_id|> … and the assistant's open header
Llama 4    the same with <|header_start|>, <|header_end|>, <|eot|>
Llama 2    <s>[INST] <<SYS>>⏎{system}⏎<</SYS>>⏎⏎{user} [/INST] {answer} </s><s>[INST] {user} [/INST]

Bedrock reads special tokens wherever they stand in the prompt, so text from a client is neutralised: a space goes into
each of them, after it has been joined and before it meets the template. Nothing is ever deleted, since a deletion can
join two halves into a new token. Source: meta-llama/llama-models prompt formats and tokenizers; meta-llama/llama
`generation.py`, 2024 to 2025.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Message, Role


class Template(Protocol):
    @property
    def end_tokens(self) -> Sequence[str]:
        """What ends a turn. Bedrock leaves it out of the text; where one leaks, it is no part of the answer."""
        ...

    def render(self, messages: Sequence[Message], adapted: Adaptations) -> str: ...


_HEADER_TOKEN = re.compile(r"<(?=\|[A-Za-z0-9_]+\|>)")


@dataclass(frozen=True, slots=True)
class HeaderTemplate:
    """Llama 3 and later: every turn has a header, in any order of roles."""

    header_start: str
    header_end: str
    end_of_turn: str
    end_tokens: Sequence[str]

    def render(self, messages: Sequence[Message], adapted: Adaptations) -> str:
        parts = ["<|begin_of_text|>"]
        # An empty answer in the history would teach the model to give one, and an empty instruction says nothing.
        speaking = [(message, message.text) for message in messages]
        speaking = [(m, text) for m, text in speaking if m.role is Role.USER or text.strip()]
        for message, text in speaking[:-1]:
            parts += self._turn(message, text.strip())
        if speaking and speaking[-1][0].role is Role.ASSISTANT:
            # The model goes on from these very characters.
            parts += [self._header(Role.ASSISTANT), self.neutralise(speaking[-1][1])]
        else:
            for message, text in speaking[-1:]:
                parts += self._turn(message, text.strip())
            parts.append(self._header(Role.ASSISTANT))
        return "".join(parts)

    @staticmethod
    def neutralise(text: str) -> str:
        """`<|eot_id|>` -> `< |eot_id|>`: no tokenizer of these generations takes that for a token."""
        return _HEADER_TOKEN.sub("< ", text)

    def _turn(self, message: Message, text: str) -> list[str]:
        return [self._header(message.role), self.neutralise(text), self.end_of_turn]

    def _header(self, role: Role) -> str:
        return f"{self.header_start}{role}{self.header_end}\n\n"


_LLAMA2_MARKER = re.compile(r"\[(?=/?INST\])|<(?=</?SYS>>)|<(?=/?s>)")


@dataclass(slots=True)
class _Exchange:
    user: str
    answer: str | None = None


class Llama2Template:
    """Llama 2 chat: pairs of a user text and an answer, the system text inside the first."""

    end_tokens: Sequence[str] = ("</s>",)

    def render(self, messages: Sequence[Message], adapted: Adaptations) -> str:
        system, exchanges = self._exchanges(messages, adapted)
        if system:
            exchanges[0].user = f"<<SYS>>\n{self.neutralise(system)}\n<</SYS>>\n\n{exchanges[0].user}"
        parts = []
        for exchange in exchanges[:-1]:
            parts.append(f"<s>[INST] {exchange.user} [/INST] {exchange.answer} </s>")
        last = exchanges[-1]
        parts.append(f"<s>[INST] {last.user} [/INST]")
        if last.answer is not None:
            parts.append(f" {last.answer}")
        return "".join(parts)

    @staticmethod
    def neutralise(text: str) -> str:
        """`[INST]` -> `[ INST]`, `<<SYS>>` -> `< <SYS>>`, `</s>` -> `< /s>`."""
        return _LLAMA2_MARKER.sub(r"\g<0> ", text)

    def _exchanges(self, messages: Sequence[Message], adapted: Adaptations) -> tuple[str, list[_Exchange]]:
        first = next((i for i, message in enumerate(messages) if message.role is not Role.SYSTEM), len(messages))
        system = "\n\n".join(text for message in messages[:first] if (text := message.text.strip()))
        grouped: list[tuple[Role, list[str]]] = []
        for position, message in enumerate(messages[first:], first):
            role, text = message.role, message.text
            is_last = position == len(messages) - 1
            if role is not Role.USER and not text.strip():
                continue
            if role is Role.SYSTEM:
                adapted.change(message.param, "moved-to-user-turn", "This model takes system messages first only.")
                role = Role.USER
            text = text if is_last and role is Role.ASSISTANT else text.strip()
            if grouped and grouped[-1][0] is role:
                grouped[-1][1].append(text)
            else:
                grouped.append((role, [text]))
        if not grouped or grouped[0][0] is Role.ASSISTANT:
            if grouped:
                adapted.change(
                    messages[first].param, "user-turn-inserted", "A conversation has to begin with a user message."
                )
            grouped.insert(0, (Role.USER, [""]))
        exchanges: list[_Exchange] = []
        for role, texts in grouped:
            text = self.neutralise("\n\n".join(filter(None, texts)))
            if role is Role.USER:
                exchanges.append(_Exchange(text))
            else:
                exchanges[-1].answer = text
        return system, exchanges


_LLAMA3 = HeaderTemplate(
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>")
)
_LLAMA4 = HeaderTemplate("<|header_start|>", "<|header_end|>", "<|eot|>", ("<|eot|>", "<|eom|>", "<|end_of_text|>"))

TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        "llama2": Llama2Template(),
        "llama3": _LLAMA3,
        "llama3.1": _LLAMA3,
        "llama3.2": _LLAMA3,
        "llama3.3": _LLAMA3,
        "llama4": _LLAMA4,
    }
)
"""The names are those of the `template` column in `routing/catalog.toml`."""
