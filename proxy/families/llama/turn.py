"""One turn of a Llama conversation: who speaks, and what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.neutral.blocks import Image
from proxy.neutral.request import Message, Role

IPYTHON = "ipython"
"""The role of what came of a call."""


@dataclass(slots=True)
class Turn:
    role: str
    pieces: list[str | Image]
    """Text as the client gave it, and images in their places. No two texts in a row."""
    param: str
    has_calls: bool = False

    @property
    def text(self) -> str:
        return "".join([piece for piece in self.pieces if isinstance(piece, str)])

    @property
    def is_blank(self) -> bool:
        return not self.text.strip() and not any(isinstance(piece, Image) for piece in self.pieces)


def speaking(turns: Sequence[Turn]) -> list[Turn]:
    """Without blank ones: an empty answer would teach the model to give one, and an empty instruction says nothing."""
    return [turn for turn in turns if turn.role == Role.USER or not turn.is_blank]


def is_begun(turns: Sequence[Turn]) -> bool:
    """Is the last of the speaking turns the beginning of the answer? Calls are whole: their answer comes after them."""
    return bool(turns) and turns[-1].role == Role.ASSISTANT and not turns[-1].has_calls


def plain(messages: Sequence[Message]) -> list[Turn]:
    """The turns of messages that hold nothing but text."""
    return [Turn(message.role, [message.text], message.param) for message in messages]
