"""Answers by chance: calls in every syntax, with texts around them, garbled and cut off. Every word in them is unique."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import Any

import pytest

from proxy import jsonio
from proxy.families.llama.calls import CallParser
from proxy.families.llama.pieces import CallEnd, CallStart, Piece
from proxy.neutral.events import ArgumentsDelta, TextDelta

ROUNDS = 150
WORD = re.compile(r"W\d+Z")
TOKEN = re.compile(r"W\d+Z|.", re.DOTALL)
SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer"},
        "flag": {"type": "boolean"},
        "list": {"type": "array", "items": {"type": "integer"}},
        "object": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
}
FUNCTIONS: dict[str, Any] = {"get_weather": SCHEMA, "get": None}
NAMES = [*SCHEMA["properties"], "other"]
NOISE = [
    *"[](){}\"',:;=\\<|`\n -.",
    "True",
    "null",
    "r'",
    "**",
    "1e5",
    "\\u12",
    "'''",
    "</function>",
    "[get(",
    "<|python_tag|>",
]


class Writer:
    """A model that is drunk."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._words = 0

    def answer(self) -> str:
        kinds = [self._pythonic, self._json, self._tagged]
        favourite = self.dice.choice(kinds)
        text = self.dice.choice(
            ["", f"{self._word()} {self._word()}.\n", f"{self._word()}\n\n", "```json\n", "<|python_tag|>"]
        )
        text += favourite()
        for _ in range(self.dice.randrange(3)):
            text += self.dice.choice(["; ", "\n", ", ", " "]) + self.dice.choice([favourite, *kinds])()
        return text + self.dice.choice(["", "\n", f"\n{self._word()}", "]", "\n```", "<|eot_id|>"])

    def garbled(self, text: str) -> str:
        """With words left whole."""
        tokens = TOKEN.findall(text)
        for _ in range(self.dice.randint(1, 3)):
            at = self.dice.randrange(len(tokens))
            match self.dice.randrange(4):
                case 0:
                    tokens = tokens[: at + 1]
                case 1 if not WORD.match(tokens[at]):
                    tokens[at] = self.dice.choice(NOISE)
                case 2:
                    tokens[at : at + 2] = reversed(tokens[at : at + 2])
                case _:
                    tokens.insert(at, self.dice.choice(NOISE))
        return "".join(tokens)

    def _word(self) -> str:
        self._words += 1
        return f"W{self._words}Z"

    def _names(self) -> list[str]:
        return self.dice.sample(NAMES, k=self.dice.randint(0, 3))

    def _pythonic(self) -> str:
        calls = []
        for _ in range(self.dice.randint(1, 2)):
            given = ", ".join(f"{name}={self._value(True)}" for name in self._names())
            calls.append(f"{self.dice.choice([*FUNCTIONS])}({given})")
        return f"[{', '.join(calls)}]"

    def _json(self) -> str:
        name, given = self.dice.choice([*FUNCTIONS]), self._object()
        return self.dice.choice(
            [
                f'{{"name": "{name}", "parameters": {given}}}',
                f'{{"type": "function", "name": "{name}", "arguments": {given}}}',
                f'{{"function": {{"name": "{name}", "arguments": {given}}}}}',
                f'{{"parameters": {given}, "name": "{name}"}}',
            ]
        )

    def _tagged(self) -> str:
        return f"<function={self.dice.choice([*FUNCTIONS])}>{self._object()}</function>"

    def _object(self) -> str:
        return "{" + ", ".join(f'"{name}": {self._value(False)}' for name in self._names()) + "}"

    def _value(self, is_python: bool, depth: int = 0) -> str:
        quote = self.dice.choice("'\"") if is_python else '"'
        match self.dice.randrange(9 if depth < 3 else 5):
            case 0:
                return self.dice.choice(["1", "-2.5", *(["True", "None"] if is_python else ["true", "null"])])
            case 1:
                return f"{quote}{self.dice.randint(0, 99)}{quote}"
            case 2 | 3 | 4:
                between = self.dice.choice(["", " ", "\\n", "\\u00e9", "\\ud83d\\ude00", "é", ", "])
                return f"{quote}{self._word()}{between}{self._word()}{quote}"
            case 5 | 6:
                return f"[{', '.join(self._value(is_python, depth + 1) for _ in range(self.dice.randint(0, 3)))}]"
            case _:
                members = [f"{quote}{self._word()}{quote}: {self._value(is_python, depth + 1)}" for _ in range(2)]
                return "{" + ", ".join(members[: self.dice.randint(0, 2)]) + "}"


def fed(parser: CallParser, text: str) -> list[Piece]:
    """As the reader of an answer does it."""
    piece = parser.pass_on(text)
    return parser.feed(text) if piece is None else [piece]


def read(parts: Iterable[str]) -> list[Any]:
    """Texts, and calls as [name, arguments]."""
    parser = CallParser(FUNCTIONS)
    found: list[Any] = []
    is_open = False
    for piece in [*(piece for part in parts for piece in fed(parser, part)), *parser.close()]:
        match piece:
            case TextDelta(text):
                assert text and not is_open
                if found and isinstance(found[-1], str):
                    found[-1] += text
                else:
                    found.append(text)
            case CallStart(name):
                assert not is_open
                is_open = True
                found.append([name, ""])
            case ArgumentsDelta(text):
                assert text and is_open
                found[-1][1] += text
            case CallEnd(is_complete):
                assert is_open
                is_open = False
                if is_complete:
                    assert isinstance(jsonio.decode(found[-1][1]), dict)
    assert not is_open
    return found


@pytest.mark.parametrize("seed", range(8))
def test_nothing_that_was_written_is_lost_however_it_is_garbled_or_cut(seed: int) -> None:
    calls = 0
    for round_ in range(ROUNDS):
        writer = Writer(seed * ROUNDS + round_)
        answer = writer.answer()
        text = writer.garbled(answer) if round_ % 5 else answer
        whole = read([text])
        assert read(text) == whole, text
        cuts = sorted(writer.dice.sample(range(len(text) + 1), k=min(4, len(text))))
        assert read([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]) == whole, text
        shown = "\n".join(one if isinstance(one, str) else one[1] for one in whole)
        assert set(WORD.findall(text)) <= set(WORD.findall(shown)), text
        calls += sum(isinstance(one, list) for one in whole)
    assert calls > ROUNDS
