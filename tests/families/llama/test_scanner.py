"""Reading text that is still being written."""

from __future__ import annotations

import re

import pytest

from proxy.families.llama.scanner import Choice, Result, Scanner, Step

WORDS = Choice(("one", "two", "other"))
DIGITS = re.compile(r"[0-9]*")


def finish(reader: Step[Result]) -> Result:
    """The result of a reader that needs no more text."""
    try:
        next(reader)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise AssertionError("it waits for more text")


def test_waits_until_there_is_a_character() -> None:
    scanner = Scanner()
    reader = scanner.peek()
    next(reader)
    scanner.add("")
    next(reader)
    scanner.add("x")
    assert finish(reader) == "x"
    assert scanner.take(1) == "x"
    assert scanner.is_empty
    assert scanner.taken == 1


def test_at_the_end_there_is_none() -> None:
    scanner = Scanner()
    peek, space, run, word = scanner.peek(), scanner.skip_space(), scanner.run(DIGITS), scanner.one_of(WORDS)
    for reader in (peek, space, run, word):
        next(reader)
    scanner.is_closed = True
    assert (finish(peek), finish(space), finish(run), finish(word)) == ("", "", "", None)


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        (["one"], "one"),
        (["o", "n", "e"], "one"),
        (["ot", "her"], "other"),
        (["twofold"], "two"),
        (["x"], None),
        (["o", "x"], None),
        (["ons"], None),
    ],
)
def test_a_word_is_known_as_soon_as_it_can_be(parts: list[str], word: str | None) -> None:
    scanner = Scanner()
    reader = scanner.one_of(WORDS)
    for part in parts:
        next(reader)
        scanner.add(part)
    assert finish(reader) == word
    assert scanner.taken == len(word or "")


def test_of_no_words_none_is_found() -> None:
    assert finish(Scanner("x").see(Choice(()))) is None


def test_a_run_goes_over_every_border() -> None:
    scanner = Scanner("12")
    reader = scanner.run(DIGITS)
    next(reader)
    scanner.add("34")
    next(reader)
    scanner.add("5 6")
    assert finish(reader) == "12345"
    assert finish(scanner.skip_space()) == "6"
    assert finish(scanner.run(re.compile("x*"))) == ""


def test_what_is_seen_ahead_is_not_taken() -> None:
    scanner = Scanner("ab")
    reader = scanner.ahead(3, re.compile("[a-z]*"))
    next(reader)
    scanner.add("cd")
    assert finish(reader) == "abc"
    assert finish(scanner.ahead(5, re.compile("x*"))) == "abcd"
    assert scanner.taken == 0


def test_what_is_held_comes_back_as_it_was_written() -> None:
    scanner = Scanner("abcdef")
    scanner.take(1)
    scanner.hold()
    scanner.take(2)
    scanner.take(1, is_kept=False)
    scanner.take(1)
    assert scanner.release() == "bce"
    assert scanner.release() == ""
    scanner.hold()
    scanner.take(1)
    scanner.forget()
    assert scanner.release() == ""
