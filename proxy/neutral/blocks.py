"""What a message is made of, in the order it came. Each kind of content is a class of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class Reasoning:
    """What the model thought before it spoke."""

    text: str
