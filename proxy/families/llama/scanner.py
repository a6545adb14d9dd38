"""Text that is still being written, read from the front.

Readers are generators: each stops (`yield`) where it cannot go on without more text, so what they find does not depend on
how the text was cut. A reader's result is what it returns:

    def reader(scanner: Scanner) -> Step[str]:
        name = yield from scanner.run(WORD)
        …

Every character is looked at a bounded number of times. A reader that waits in a long run, of which every piece means one
thing, may say so (`wait_in`): what comes next of that run then need not wake it and all the readers around it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

Result = TypeVar("Result")
Step = Generator[None, None, Result]

_SPACE = re.compile(r"\s*")


class Mismatch(ValueError):
    """What stands there is not of the form that was looked for, or the text ended in it."""


class Choice:
    """One of several words. None of them may be the beginning of another."""

    __slots__ = ("_longest", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted(words)
        self._longest = max(map(len, self._words), default=0)

    def match(self, text: str, start: int) -> str | None:
        # In their order, everything between a word and a text that begins with it begins with it too.
        at = bisect_right(self._words, text[start : start + self._longest])
        return self._words[at - 1] if at and text.startswith(self._words[at - 1], start) else None

    def is_open(self, text: str, start: int) -> bool:
        """True while the rest of the text is the beginning of a word, but not the whole of it."""
        if len(text) - start >= self._longest:
            return False
        rest = text[start:]
        at = bisect_left(self._words, rest)
        return at < len(self._words) and self._words[at].startswith(rest)


class Scanner:
    __slots__ = ("_at", "_held", "_text", "is_closed", "taken", "waits_in")

    def __init__(self, text: str = "", *, is_closed: bool = False) -> None:
        self._text = text
        self._at = 0
        self._held: list[str] | None = None
        self.is_closed = is_closed
        self.waits_in: Callable[[str], bool] | None = None
        """Says of the next text whether it only goes on with what the reader waits in, and need not be added."""
        self.taken = 0
        """Characters, so far."""

    def add(self, text: str) -> None:
        self._text = self._text[self._at :] + text if self._at < len(self._text) else text
        self._at = 0

    @property
    def is_empty(self) -> bool:
        """Nothing is left that has not been taken."""
        return self._at == len(self._text)

    def hold(self) -> None:
        """From here on, keep what is taken, until `release` or `forget`."""
        self._held = []

    def release(self) -> str:
        """What was kept, as it was written."""
        held, self._held = self._held, None
        return "".join(held or ())

    def forget(self) -> None:
        self._held = None

    def take(self, size: int, *, is_kept: bool = True) -> str:
        """The next characters, which have been seen already."""
        taken = self._text[self._at : self._at + size]
        self._at += size
        self.taken += size
        if is_kept and self._held is not None:
            self._held.append(taken)
        return taken

    def take_match(self, pattern: re.Pattern[str]) -> str:
        """What the pattern finds here in the text so far; it must match the empty text too."""
        found = pattern.match(self._text, self._at)
        size = found.end() - self._at if found else 0
        return self.take(size) if size else ""

    def peek(self) -> Step[str]:
        """The next character, or "" at the end of the text."""
        while self._at == len(self._text):
            if self.is_closed:
                return ""
            yield
        return self._text[self._at]

    def wait_in(self, is_in_run: Callable[[str], bool] | None) -> Step[str]:
        """`peek`, in the middle of a run: as long as nothing else comes, it need not be woken."""
        if self._at < len(self._text):
            return self._text[self._at]
        self.waits_in = is_in_run
        char = yield from self.peek()
        self.waits_in = None
        return char

    def skip_space(self) -> Step[str]:
        """The next character that is no white space, or ""."""
        while True:
            if self._at < len(self._text) and not self._text[self._at].isspace():
                return self._text[self._at]
            self.take_match(_SPACE)
            if self._at < len(self._text):
                return self._text[self._at]
            if self.is_closed:
                return ""
            yield

    def run(self, pattern: re.Pattern[str]) -> Step[str]:
        """The longest run of a class of characters, `[…]*`."""
        parts = []
        while True:
            parts.append(self.take_match(pattern))
            if self._at < len(self._text) or self.is_closed:
                return "".join(parts)
            yield

    def see(self, choice: Choice) -> Step[str | None]:
        """The word that comes next, not yet taken; None as soon as it can be none of them."""
        while True:
            word = choice.match(self._text, self._at)
            if word is not None or self.is_closed or not choice.is_open(self._text, self._at):
                return word
            yield

    def one_of(self, choice: Choice, *, is_kept: bool = True) -> Step[str | None]:
        """The same, and taken."""
        word = yield from self.see(choice)
        if word is not None:
            self.take(len(word), is_kept=is_kept)
        return word

    def ahead(self, size: int, unfinished: re.Pattern[str]) -> Step[str]:
        """Up to `size` characters, not yet taken. It waits while they are few and all of them match `unfinished`."""
        while True:
            rest = self._text[self._at : self._at + size]
            if len(rest) == size or self.is_closed or not unfinished.fullmatch(rest):
                return rest
            yield
