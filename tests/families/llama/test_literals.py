"""Values in JSON's and Python's spelling, against the readers of both languages."""

from __future__ import annotations

import ast
import random
from typing import Any

import pytest

from proxy import jsonio
from proxy.families.llama.literals import JSON, PYTHON, Dialect, number, read_literal, string, value
from proxy.families.llama.scanner import Mismatch, Scanner


def read_string(written: str, dialect: Dialect, *, is_raw: bool = False) -> str:
    """Fed character by character, so that every escape is cut everywhere."""
    scanner, parts = Scanner(), list[str]()
    reader = string(scanner, dialect, parts.append, is_raw=is_raw)
    scanner.add(written[0])
    for char in written[1:]:
        next(reader)
        scanner.add(char)
    scanner.is_closed = True
    with pytest.raises(StopIteration):
        next(reader)
    assert scanner.is_empty
    assert all(parts)
    return "".join(parts)


def random_text(dice: random.Random) -> str:
    return "".join(dice.choices("aZ09 '\"\\/\n\r\t\b\0\x1b\x7fé東\u2028😀{}[]", k=dice.randint(0, 20)))


@pytest.mark.parametrize("seed", range(100))
def test_json_strings_mean_what_a_json_decoder_says(seed: int) -> None:
    dice = random.Random(seed)
    text = random_text(dice)
    written = jsonio.encode(text).decode()
    assert read_string(written, JSON) == text
    units = [int.from_bytes(pair, "big") for pair in zip(*[iter(text.encode("utf-16-be"))] * 2, strict=True)]
    escaped = '"' + "".join(dice.choice((rf"\u{unit:04x}", rf"\u{unit:04X}")) for unit in units) + '"'
    assert jsonio.decode(escaped) == text
    assert read_string(escaped, JSON) == text


@pytest.mark.parametrize("seed", range(100))
def test_python_strings_mean_what_python_says(seed: int) -> None:
    dice = random.Random(seed)
    text = random_text(dice)
    octal = "".join(f"\\{ord(char):03o}" if ord(char) < 256 else char for char in text)
    numbered = "".join(dice.choice((f"\\U{ord(char):08x}", f"\\x{ord(char) % 256:02X}")) for char in text)
    for source in (repr(text), ascii(text), f"'{octal}'", f'"{numbered}"', f"'''{octal}'''", f'"""{numbered}"""'):
        assert read_string(source, PYTHON) == ast.literal_eval(source)


@pytest.mark.parametrize(
    "source",
    [
        r"'\a\b\f\n\r\t\v\'\"\\'",
        r"'\1\12\123\1234\08\8'.",
        "'a\\\nb\\\r\nc'",
        r"'''a'b''c\'''d'''",
        '""""a"""',
        "''",
        '""',
    ],
)
def test_python_escapes(source: str) -> None:
    source = source.removesuffix(".").replace(r"\8", "8")
    assert read_string(source, PYTHON) == ast.literal_eval(source)


@pytest.mark.parametrize("source", [r"r'\d\'\\'", r"r'''\n''\''''"])
def test_raw_strings(source: str) -> None:
    assert read_string(source[1:], PYTHON, is_raw=True) == ast.literal_eval(source)


@pytest.mark.parametrize(
    ("written", "dialect", "meant"),
    [
        (r'"\d \q \x41 \101 \a \u12g4 \U0001F600"', JSON, r"\d \q \x41 \101 \a \u12g4 \U0001F600"),
        (r"'\d \q \xg1 \N{DASH} \u12g4 \/'", PYTHON, r"\d \q \xg1 \N{DASH} \u12g4 \/"),
        (r"'\U00110000 \U12345678 \777'", PYTHON, r"\U00110000 \U12345678 ?7"),
        (r'"\ud83d"', JSON, "\ufffd"),
        (r'"\ud83dx\ude00\ud83d\ud83d\ude00\ud83d\n"', JSON, "\ufffdx\ufffd\ufffd😀\ufffd\n"),
        (r"'\ud83d\ude00\ud83d\U0000d83d'", PYTHON, "😀\ufffd\ufffd"),
    ],
)
def test_escapes_that_mean_nothing_are_themselves(written: str, dialect: Dialect, meant: str) -> None:
    assert read_string(written, dialect) == meant


@pytest.mark.parametrize("written", ['"', '"a', '"a\\', '"a\\"', '"\\ud83d', "'''a''", "'''"])
def test_a_string_that_is_cut_off(written: str) -> None:
    for dialect in (JSON, PYTHON):
        if dialect is PYTHON or written[0] == '"':
            with pytest.raises(Mismatch):
                list(string(Scanner(written, is_closed=True), dialect, lambda piece: None))


NUMBERS = {
    "0": "0",
    "-1.50": "-1.50",
    "1e5": "1e5",
    "+3": "3",
    ".5": "0.5",
    "-.5": "-0.5",
    "5.": "5",
    "5.e3": "5e3",
    "1_000_000": "1000000",
    "9" * 300: "9" * 300,
    "007": None,
    "1e999": None,
    "9" * 400: None,
    "2024-01-31": None,
    "0x1F": None,
    "1.2.3": None,
    "1+2j": None,
    "++1": None,
}


@pytest.mark.parametrize("written", NUMBERS)
def test_numbers(written: str) -> None:
    assert number(written) == NUMBERS[written]


LITERALS: dict[str, Any] = {
    " [1, 'a', None, true] ": [1, "a", None, True],
    "{'a': (1, 2.5), 2: [], -3: {}}": {"a": [1, 2.5], "2": [], "-3": {}},
    "('a' \"b\")": "ab",
    "(1)": 1,
    "((1,),)": [[1]],
    "'x'": "x",
    "-7": -7,
    "007": "007",
    "False": False,
    "[007, 1e999, 1.10]": ["007", "1e999", 1.1],
}


@pytest.mark.parametrize("text", LITERALS)
def test_whole_literals(text: str) -> None:
    assert read_literal(text) == LITERALS[text]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "[", "[1", "[1)", "[1 2]", "[1, 2] 3", "[,]", "{1}", "{'a'}", "{[1]: 2}", "{(1,): 2}", "{True: 1}",
        "{1.5: 1}", "[x]", "[Truely]", "[true_]", "[1 if 1 else 2]", "[a.b]", "[__import__('os')]", "[1:2]", "f'x'",
        "b'x'", "*",
        "[-]", "-x", "[1 (2)]", "['a' 1]", "['a' (2)]", "[" * 65 + "]" * 65, "{'a': }", "'a", "None None", "[1] + [2]",
        "()()",
    ],
)  # fmt: skip
def test_what_is_no_literal(text: str) -> None:
    with pytest.raises(Mismatch):
        read_literal(text)


def test_json_spells_slashes_its_own_way() -> None:
    for dialect, meant in ((JSON, "a/b"), (PYTHON, r"a\/b")):
        with pytest.raises(StopIteration) as end:
            next(value(Scanner(r'["a\/b"]', is_closed=True), dialect))
        assert end.value.value == [meant]
