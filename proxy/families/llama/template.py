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

from proxy.families.llama.turn import IPYTHON, Turn, is_begun, speaking
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Image
from proxy.neutral.request import Role


class Template(Protocol):
    @property
    def end_tokens(self) -> Sequence[str]:
        """What ends a turn. Bedrock leaves it out of the text; where one leaks, it is no part of the answer."""
        ...

    def render(self, turns: Sequence[Turn], adapted: Adaptations, prefill: str = "") -> str:
        """`prefill`: how the answer begins, unless the client has begun it."""
        ...


_IMAGE = "<|image|>"
"""Where an image stands in the prompt of a model that can see."""
_HEADER_TOKEN = re.compile(r"<(?=\|[A-Za-z0-9_]+\|>)")


@dataclass(frozen=True, slots=True)
class HeaderTemplate:
    """Llama 3 and later: every turn has a header, in any order of roles."""

    header_start: str
    header_end: str
    end_of_turn: str
    end_of_message: str
    """In place of the former, after a call and after its result: the turn goes on."""
    end_tokens: Sequence[str]

    def render(self, turns: Sequence[Turn], adapted: Adaptations, prefill: str = "") -> str:
        parts = ["<|begin_of_text|>"]
        turns = speaking(turns)
        goes_on = is_begun(turns)
        for turn in turns[:-1] if goes_on else turns:
            ends = self.end_of_message if turn.has_calls or turn.role == IPYTHON else self.end_of_turn
            parts += [self._header(turn.role), self._text(turn).strip(), ends]
        parts.append(self._header(Role.ASSISTANT))
        # The model goes on from these very characters.
        parts.append(self._text(turns[-1]) if goes_on else prefill)
        return "".join(parts)

    @staticmethod
    def neutralise(text: str) -> str:
        """`<|eot_id|>` -> `< |eot_id|>`: no tokenizer of these generations takes that for a token."""
        return _HEADER_TOKEN.sub("< ", text)

    def _text(self, turn: Turn) -> str:
        return "".join([_IMAGE if isinstance(piece, Image) else self.neutralise(piece) for piece in turn.pieces])

    def _header(self, role: str) -> str:
        return f"{self.header_start}{role}{self.header_end}\n\n"


_LLAMA2_MARKER = re.compile(r"\[(?=/?INST\])|<(?=</?SYS>>)|<(?=/?s>)")


@dataclass(slots=True)
class _Exchange:
    user: str
    answer: str | None = None


class Llama2Template:
    """Llama 2 chat: pairs of a user text and an answer, the system text inside the first, or all of it where that is empty:
    the model was never shown a system text without a question."""

    end_tokens: Sequence[str] = ("</s>",)

    def render(self, turns: Sequence[Turn], adapted: Adaptations, prefill: str = "") -> str:
        system, exchanges = self._exchanges(turns, adapted)
        if system:
            exchanges[0].user = f"<<SYS>>\n{self.neutralise(system)}\n<</SYS>>\n\n{exchanges[0].user}"
        parts = []
        for exchange in exchanges[:-1]:
            parts.append(f"<s>[INST] {exchange.user} [/INST] {exchange.answer} </s>")
        last = exchanges[-1]
        parts.append(f"<s>[INST] {last.user} [/INST]")
        if last.answer is not None or prefill:
            parts.append(f" {last.answer or prefill}")
        return "".join(parts)

    @staticmethod
    def neutralise(text: str) -> str:
        """`[INST]` -> `[ INST]`, `<<SYS>>` -> `< <SYS>>`, `</s>` -> `< /s>`."""
        return _LLAMA2_MARKER.sub(r"\g<0> ", text)

    def _exchanges(self, turns: Sequence[Turn], adapted: Adaptations) -> tuple[str, list[_Exchange]]:
        first = next((i for i, turn in enumerate(turns) if turn.role != Role.SYSTEM), len(turns))
        system = "\n\n".join(text for turn in turns[:first] if (text := turn.text.strip()))
        grouped: list[tuple[str, list[str]]] = []
        for position, turn in enumerate(turns[first:], first):
            role, text = turn.role, turn.text
            is_last = position == len(turns) - 1
            if role != Role.USER and not text.strip():
                continue
            if role == Role.SYSTEM:
                adapted.change(turn.param, "moved-to-user-turn", "This model takes system messages first only.")
                role = Role.USER
            text = text if is_last and role == Role.ASSISTANT else text.strip()
            if grouped and grouped[-1][0] == role:
                grouped[-1][1].append(text)
            else:
                grouped.append((role, [text]))
        if not grouped or grouped[0][0] == Role.ASSISTANT:
            if grouped:
                adapted.change(
                    turns[first].param, "user-turn-inserted", "A conversation has to begin with a user message."
                )
            grouped.insert(0, (Role.USER, [""]))
        exchanges: list[_Exchange] = []
        for role, texts in grouped:
            text = self.neutralise("\n\n".join(filter(None, texts)))
            if role == Role.USER:
                exchanges.append(_Exchange(text))
            else:
                exchanges[-1].answer = text
        if system and len(exchanges) == 1 and not exchanges[0].user:
            adapted.change(turns[first - 1].param, "moved-to-user-turn", "It needs a user message with text.")
            system, exchanges[0].user = "", self.neutralise(system)
        return system, exchanges


_LLAMA3 = HeaderTemplate(
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eot_id|>",
    ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"),
)
_LLAMA4 = HeaderTemplate(
    "<|header_start|>", "<|header_end|>", "<|eot|>", "<|eom|>", ("<|eot|>", "<|eom|>", "<|end_of_text|>")
)

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
