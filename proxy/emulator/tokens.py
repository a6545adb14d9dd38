"""The emulator's tokenizer: text -> tokens that join to the same text, and so counts that can be checked by hand.

One token is, whichever fits first at a place:

    <|…|>                       a special token of a Llama prompt
    up to 10 letters, digits    with the one space before them:  "Hello", " world"
    a run of white space        up to 16 characters
    one other character         with the one space before it:    "!", " —", "🙂"

A character is never split. The first n tokens of a text, joined, are again n tokens: nothing looks ahead.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<\|\w+\|>| ?\w{1,10}|\s{2,16}| ?[^\w\s]|\s")

tokenise = _TOKEN.findall


def count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))


def cut(pieces: list[str], length: int) -> list[str]:
    """The pieces of a text that hold its first `length` characters."""
    kept = []
    for piece in pieces:
        if length <= 0:
            break
        kept.append(piece[:length])
        length -= len(piece)
    return kept
