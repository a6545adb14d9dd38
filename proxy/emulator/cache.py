"""Prompt caching: which beginning of a prompt is known already, and what it costs.

A prompt is a row of pieces (tools, system blocks, blocks of messages); marks stand behind some. What lies in front of a
mark is kept for that model as long as the mark says, counted from its last use, and read when a later prompt begins the
same way, up to 20 pieces before one of its marks. A beginning shorter than the model's minimum is not kept, without a word.
Source: Anthropic documentation, "Prompt caching"; Amazon Bedrock user guide, "Prompt caching" (2026).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from proxy.emulator.models import Model

LOOK_BACK = 20
TTLS = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Piece:
    """`content`: what it holds, without the mark. `ttl`: of the mark behind it, "" where there is none."""

    content: bytes
    tokens: int
    ttl: str = ""


@dataclass(slots=True)
class Counts:
    """Input tokens; the first three add up to the prompt's."""

    fresh: int
    read: int = 0
    written: int = 0
    written_1h: int = 0
    """Of those written, the ones that are kept for an hour."""


class PromptCache:
    """The beginnings of one emulator's prompts, the last used `size` of them."""

    def __init__(self, size: int, now: Callable[[], datetime]) -> None:
        self._size = size
        self._now = now
        self._kept: OrderedDict[tuple[str, bytes], tuple[datetime, timedelta]] = OrderedDict()
        """Model and digest -> when it is forgotten, how long it is kept."""

    def account(self, pieces: Sequence[Piece], model: Model) -> Counts:
        """How the tokens of this prompt count. What it marks is known from now on."""
        counts = Counts(sum(piece.tokens for piece in pieces))
        marks = [index for index, piece in enumerate(pieces) if piece.ttl]
        if not marks or not model.cache_points:
            return counts
        keys, lengths = _beginnings(pieces, model.id)
        near = {index for mark in marks for index in range(max(0, mark - LOOK_BACK), mark + 1)}
        known = max((index for index in near if self._use(keys[index])), default=-1)
        counts.read = lengths[known] if known >= 0 else 0
        done = counts.read
        for mark in marks:
            if lengths[mark] < model.min_cache_tokens:
                continue
            self._keep(keys[mark], TTLS[pieces[mark].ttl])
            new = max(0, lengths[mark] - done)
            done += new
            counts.written += new
            counts.written_1h += new if pieces[mark].ttl == "1h" else 0
        counts.fresh -= counts.read + counts.written
        return counts

    def clear(self) -> None:
        self._kept.clear()

    def _use(self, key: tuple[str, bytes]) -> bool:
        until, ttl = self._kept.get(key, (None, timedelta()))
        if until is None or until <= self._now():
            return False
        self._keep(key, ttl)
        return True

    def _keep(self, key: tuple[str, bytes], ttl: timedelta) -> None:
        self._kept[key] = (self._now() + ttl, ttl)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _beginnings(pieces: Sequence[Piece], model_id: str) -> tuple[list[tuple[str, bytes]], list[int]]:
    """For each piece, the key of the prompt up to its end, and the tokens up to there."""
    keys, lengths = [], []
    hasher, length = sha256(), 0
    for piece in pieces:
        hasher.update(len(piece.content).to_bytes(8, "big") + piece.content)
        length += piece.tokens
        keys.append((model_id, hasher.digest()))
        lengths.append(length)
    return keys, lengths
