"""The arguments of one call -> the JSON text of one object."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio
from proxy.families.llama.arguments import ArgumentsReader
from proxy.families.llama.coercion import Shape
from proxy.families.llama.scanner import Mismatch, Scanner

SCHEMA = {"properties": {"n": {"type": "integer"}, "s": {"type": "string"}, "l": {"items": {"type": "integer"}}}}


def read(text: str, schema: Any = SCHEMA) -> list[str]:
    """The fragments, when nothing is cut."""
    fragments: list[str] = []
    reader = ArgumentsReader(Scanner(text, is_closed=True), fragments.append)
    list(reader.json_object(Shape(schema)) if text[0] == "{" else reader.keywords(Shape(schema)))
    return fragments


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("{}", ["{}"]),
        (")", ["{}"]),
        ('{ "a" : { } , "b":[ ], }', ['{"a":{}', ',"b":[]', "}"]),
        ("a = {}, b=[], )", ['{"a":', "{}", ',"b":', "[]", "}"]),
        ('{"a":{"b":[1,[true]]}}', ['{"a":{"b":[1', ",[true", "]", "]", "}", "}"]),
        ('{"s":"x\\ny"}', ['{"s":"', "x", "\\n", "y", '"', "}"]),
        ("s='x\\ny')", ['{"s":"', "x", "\\n", "y", '"', "}"]),
        ('{"n":"5","s":1.50,"l":["1","x"]}', ['{"n":', "5", ',"s":"1.50"', ',"l":[', "1", ",", '"x"', "]", "}"]),
        ("n='5', s=1.50, l=['1','x'])", ['{"n":', "5", ',"s":"1.50"', ',"l":', '[1,"x"]', "}"]),
        ("**{'n': '5'}, s=\"\")", ['{"n":5', ',"s":"', '"', "}"]),
        ("s='a'\n'b')", ['{"s":"', "a", "b", '"', "}"]),
        ("n='4' '2')", ['{"n":', "42", "}"]),
        ("s=('a' 'b'), n=('1'))", ['{"s":', '"ab"', ',"n":', "1", "}"]),
        ("s=R'\\d')", ['{"s":"', "\\\\", "d", '"', "}"]),
    ],
)
def test_fragments(text: str, fragments: list[str]) -> None:
    # An escape and what is around it may come in one fragment or in several.
    assert "".join(read(text)) == "".join(fragments)
    assert read(text)[0] == fragments[0]
    assert jsonio.decode("".join(fragments)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{1", '{"a"', '{"a"}', '{"a" 1}', '{"a":}', '{"a":x}', '{"a":"', '{"a":"b', '{a:1}', "{,}", '{"a":[1', '{"a":[,]}',
        "a", "a=", "a=)", "a,", "=1)", "1)", "a=x)", "a='", "a=[", "a=[)", "**", "**1)", "**{'a'", "*{})", "**{1})",
        "a==1)", "f(",
        "a=lambda: 1)", "a=f'x')",
    ],
)  # fmt: skip
def test_what_does_not_begin_like_arguments_says_nothing_of_them(text: str) -> None:
    said: list[str] = []
    reader = ArgumentsReader(Scanner(text, is_closed=True), said.append)
    with pytest.raises(Mismatch):
        list(reader.json_object(Shape(SCHEMA)) if text[0] == "{" else reader.keywords(Shape(SCHEMA)))
    has_begun = any(text.startswith(begun) for begun in ('{"a":"', '{"a":[1', "a='", "a=["))
    assert bool(said) == has_begun
