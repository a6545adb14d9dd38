"""What a Llama model writes -> text and calls, at every cut."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from proxy import jsonio
from proxy.families.llama.calls import CallParser
from proxy.families.llama.pieces import CallEnd, CallStart, Piece
from proxy.families.llama.tool_prompts import Syntax, render_call
from proxy.neutral.blocks import ToolUse
from proxy.neutral.events import ArgumentsDelta, TextDelta

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "share": {"type": "number"},
        "exact": {"type": "boolean"},
        "hours": {"type": "array", "items": {"type": "integer"}},
        "place": {"type": "object", "properties": {"zip": {"type": "string"}, "floor": {"type": "integer"}}},
    },
}
FUNCTIONS: dict[str, Any] = {"get_weather": WEATHER, "get": None, "get-time_2": {"type": "object", "properties": {}}}

PARIS = ("get_weather", {"city": "Paris"})
GET = ("get", {})
BROKEN = object()

Outcome = list[Any]
"""Text as str, a complete call as (name, arguments), any other as (name, BROKEN, the text of its arguments)."""


def fed(parser: CallParser, text: str) -> list[Piece]:
    """As the reader of an answer does it."""
    piece = parser.pass_on(text)
    return parser.feed(text) if piece is None else [piece]


def pieces(parser: CallParser, parts: Iterable[str]) -> list[Piece]:
    out = [piece for part in parts for piece in fed(parser, part)]
    return out + parser.close()


def outcome(out: list[Piece]) -> Outcome:
    found: Outcome = []
    call: str | None = None
    arguments = ""
    for piece in out:
        match piece:
            case TextDelta(text):
                assert text and call is None
                if found and isinstance(found[-1], str):
                    found[-1] += text
                else:
                    found.append(text)
            case CallStart(name):
                assert call is None
                call, arguments = name, ""
            case ArgumentsDelta(text):
                assert text and call is not None
                arguments += text
            case CallEnd(is_complete):
                assert call is not None
                found.append((call, jsonio.decode(arguments)) if is_complete else (call, BROKEN, arguments))
                call = None
    assert call is None
    return found


def read(text: str, parts: Iterable[str] | None = None, **options: Any) -> Outcome:
    return outcome(pieces(CallParser(FUNCTIONS, **options), [text] if parts is None else parts))


CALLS: dict[str, tuple[str, Outcome]] = {
    # Hermes and Qwen.
    "hermes": ('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', [PARIS]),
    "hermes several": (
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>',
        [PARIS, GET],
    ),
    "hermes behind text": (
        'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>',
        ["Let me see.\n", PARIS],
    ),
    "hermes after a thought": (
        '<think>\nHm.\n</think>\n\n<tool_call>{"arguments": {"city": "Paris"}, "name": "get_weather"}</tool_call>',
        ["<think>\nHm.\n</think>\n\n", PARIS],
    ),
    # Mistral, whose [TOOL_CALLS] is a special token and not shown.
    "mistral": (
        '[{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "get", "arguments": {}}]',
        [PARIS, GET],
    ),
    # The pythonic list.
    "python": ("[get_weather(city='Paris')]", [PARIS]),
    "python double quotes": ('[get_weather(city="Paris")]', [PARIS]),
    "python several": ("[get_weather(city='Paris'), get(), get-time_2( ) ]", [PARIS, GET, ("get-time_2", {})]),
    "python lines": ("[\n    get_weather(\n        city = 'Paris',\n    ),\n    get(),\n]", [PARIS, GET]),
    "python values": (
        "[get(a=1, b=-2.50, c=True, d=None, e=false, f=null, g=+3, h=.5, i=1_000, j='x')]",
        [
            (
                "get",
                {"a": 1, "b": -2.5, "c": True, "d": None, "e": False, "f": None, "g": 3, "h": 0.5, "i": 1000, "j": "x"},
            )
        ],
    ),
    "python nested": (
        "[get(a=[1, (2, 3), [], {}], b={'k': {'l': [True, None]}, 7: 'x'}, c=('y'), d=(1,))]",
        [("get", {"a": [1, [2, 3], [], {}], "b": {"k": {"l": [True, None]}, "7": "x"}, "c": "y", "d": [1]})],
    ),
    "python strings": (
        r"""[get(a='it\'s', b="a \"b\"", c='\n\t\\ \x41\u00e9\U0001F600\101', d=r'\d+\'', e='''x'y''z''', f='a' "b")]""",
        [
            (
                "get",
                {"a": "it's", "b": 'a "b"', "c": "\n\t\\ Aé😀A", "d": r"\d+\'", "e": "x'y''z", "f": "ab"},
            )
        ],
    ),
    "python bad escapes": (
        r"[get(a='C:\Users\xampp\New', b='\d+\.\w', c='\ud83d\ude00 \ud83d!', d='')]",
        [("get", {"a": "C:\\Users\\xampp\\New", "b": r"\d+\.\w", "c": "😀 \ufffd!", "d": ""})],
    ),
    "python raw newline": ("[get(a='x\ny', b='x\\\ny')]", [("get", {"a": "x\ny", "b": "xy"})]),
    "python unicode": ("[get(größe='Zürich', a='東京 \u2028')]", [("get", {"größe": "Zürich", "a": "東京 \u2028"})]),
    "python unpacked": (
        "[get(a=1, **{'a b': 2, 'c': [3]}, **{}), get(**{'x': 1})]",
        [("get", {"a": 1, "a b": 2, "c": [3]}), ("get", {"x": 1})],
    ),
    "python brackets in strings": (
        "[get(a=')]', b=['),', '(']), get()]",
        [("get", {"a": ")]", "b": ["),", "("]}), GET],
    ),
    "python keywords of the language": (
        "[get(from='a', class='b', x-y=1)]",
        [("get", {"from": "a", "class": "b", "x-y": 1})],
    ),
    "python not quite numbers": (
        "[get(a=007, b=2024-01-31, c=[007, 1e999], d=1.2.3)]",
        [("get", {"a": "007", "b": "2024-01-31", "c": ["007", "1e999"], "d": "1.2.3"})],
    ),
    "python adjacent strings in a list": ("[get(a=['x' 'y', ('z' \"w\")])]", [("get", {"a": ["xy", "zw"]})]),
    "python unclosed list": ("[get_weather(city='Paris')", [PARIS]),
    "python list in a list": ("[[get_weather(city='Paris')]]", [PARIS]),
    "python tagged": ("<|python_tag|>[get_weather(city='Paris')]<|eom_id|>", [PARIS]),
    "python started and ended": ("<|python_start|>[get_weather(city='Paris')]<|python_end|><|eom|>", [PARIS]),
    "python bare behind a tag": ("<|python_tag|>get_weather(city='Paris')", [PARIS]),
    "python built-in's way": ('<|python_tag|>get_weather.call(city="Paris")\nget.call()', [PARIS, GET]),
    # JSON objects.
    "json": ('{"name": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
    "json typed": ('{"type": "function", "name": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
    "json arguments": ('{"name": "get_weather", "arguments": {"city": "Paris"}, "id": "call_1"}', [PARIS]),
    "json more behind": (
        '{"name":"get_weather","parameters":{"city":"Paris"},"type":"function","x":[{"y":1}],"z":0}',
        [PARIS],
    ),
    "json wrapped": ('{"function": {"name": "get_weather", "parameters": {"city": "Paris"}}}', [PARIS]),
    "json wrapped and typed": (
        '{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}}',
        [PARIS],
    ),
    "json function is a name": ('{"function": "get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
    "json name last": ('{"parameters": {"city": "Paris"}, "name": "get_weather"}', [PARIS]),
    "json name last, text": ('{"arguments": "{\\"city\\": \\"Paris\\"}", "name": "get_weather"}', [PARIS]),
    "json no parameters": ('{"name": "get"}', [GET]),
    "json null": ('{"name": "get", "parameters": null}', [GET]),
    "json empty": ('{"name": "get", "parameters": {}}', [GET]),
    "json empty text": ('{"name": "get", "parameters": ""}', [GET]),
    "json semicolons": ('{"name": "get"}; {"name": "get_weather", "parameters": {"city": "Paris"}};', [GET, PARIS]),
    "json commas": ('{"name": "get", "parameters": {}}, {"name": "get"}', [GET, GET]),
    "json lines": ('{"name": "get", "parameters": {}}\n{"name": "get"}\n\n', [GET, GET]),
    "json list": ('[{"name": "get"}, {"name": "get_weather", "parameters": {"city": "Paris"}}]', [GET, PARIS]),
    "json tagged twice": ('<|python_tag|>{"name": "get"}<|python_tag|>{"name": "get"}<|eom_id|>', [GET, GET]),
    "json a brace too few": ('{"name": "get_weather", "parameters": {"city": "Paris"}', [PARIS]),
    "json a brace too many": ('{"name": "get_weather", "parameters": {"city": "Paris"}}}', [PARIS]),
    "json the second after a missing brace": (
        '{"name":"get","parameters":{},\n{"name":"get","parameters":{}}',
        [GET, GET],
    ),
    "json in Python's spelling": (
        "{'name': 'get', 'parameters': {'a': 'it\\'s', 'b': True, 'c': None, 'd': [False,],}}",
        [("get", {"a": "it's", "b": True, "c": None, "d": [False]})],
    ),
    "json strings": (
        r'{"name":"get","parameters":{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","é\n":"}]","b":""}}',
        [("get", {"a": '"\\/\b\f\n\r\té😀', "é\n": "}]", "b": ""})],
    ),
    "json bad escapes": (
        '{"name":"get","parameters":{"a":"\\d+\\.\\x41 \\u12 \\ud83d. it\\\'s\nnew\tline \\ude00\\ud83d\\u00e9"}}',
        [("get", {"a": "\\d+\\.\\x41 \\u12 \ufffd. it's\nnew\tline \ufffd\ufffdé"})],
    ),
    "json numbers": (
        '{"name":"get","parameters":{"a":1.10,"b":-0,"c":1E+5,"d":123456789012345678901234567890,"e":007,"f":+1,"g":1.}}',
        [("get", {"a": 1.1, "b": 0, "c": 1e5, "d": 123456789012345678901234567890, "e": "007", "f": 1, "g": 1})],
    ),
    "json nested": (
        '{"name":"get","parameters":{"a":{"b":[{"c":[]},[[1]],{}],"d":{}},"e":[[],{}]}}',
        [("get", {"a": {"b": [{"c": []}, [[1]], {}], "d": {}}, "e": [[], {}]})],
    ),
    # <function=…>
    "function": ('<function=get_weather>{"city": "Paris"}</function>', [PARIS]),
    "function without an end": ('<function=get_weather>{"city": "Paris"}', [PARIS]),
    "function with braces": (
        '<function=get>{"a": {"b": "}</function>{"}, "c": "it\'s"}</function>',
        [("get", {"a": {"b": "}</function>{"}, "c": "it's"})],
    ),
    "function without arguments": ("<function=get></function>", [GET]),
    "functions": ("<function=get>{}</function>\n<function=get> {} </function>", [GET, GET]),
    "function, garbled": ('<function=get_weather{"city": "Paris"}</function>', [PARIS]),
    "function after text": ('I look.<function=get_weather>{"city": "Paris"}</function>', ["I look.", PARIS]),
    # What stands around them.
    "white space": ("\n\n  [get()] \n", [GET]),
    "header": ("<|start_header_id|>assistant<|end_header_id|>\n\n[get()]", [GET]),
    "header of Llama 4": ("<|header_start|>assistant<|header_end|>\n\n[get()]<|eot|>", [GET]),
    "role": ("assistant\n\n[get()]", [GET]),
    "fence": ("```json\n[get()]\n```", [GET]),
    "fence and text": ("Look:\n```python\n[get()]\n```\nDone.", ["Look:\n", GET, "\n\nDone."]),
    "fence and function": ("```\n<function=get>{}</function>\n```", [GET]),
    "text before": ("I look.\n\n[get_weather(city='Paris')]", ["I look.\n\n", PARIS]),
    "text before a tag": ('I look.<|python_tag|>{"name": "get"}', ["I look.", GET]),
    "text after": ("[get()]\n\nThat is it.", [GET, "\n\nThat is it."]),
    "text after a function": ("<function=get>{}</function> That is it.", [GET, " That is it."]),
    "text between": ("[get()]\nand\n[get()]\n", [GET, "\nand\n", GET]),
    "text from a list on": ("[get(), then this]", [GET, ", then this]"]),
    "two turns": ("[get()]<|eom_id|><|start_header_id|>assistant<|end_header_id|>\n\n[get()]", [GET, GET]),
    # What is coerced.
    "coerced json": (
        '{"name":"get_weather","parameters":{"city":7.10,"days":"3","share":"0.5","exact":"True","hours":"[1, \\"2\\"]",'
        '"place":{"zip":"007","floor":"2"}}}',
        [
            (
                "get_weather",
                {
                    "city": "7.10",
                    "days": 3,
                    "share": 0.5,
                    "exact": True,
                    "hours": [1, 2],
                    "place": {"zip": "007", "floor": 2},
                },
            )
        ],
    ),
    "coerced python": (
        "[get_weather(city=7.10, days='3', exact='false', hours=['1', 2], place={'zip': 75001, 'floor': '2'}), "
        "get_weather(place='{\"floor\": \"2\"}', city='007', days=r'4', hours='none')]",
        [
            (
                "get_weather",
                {"city": "7.10", "days": 3, "exact": False, "hours": [1, 2], "place": {"zip": "75001", "floor": 2}},
            ),
            ("get_weather", {"place": {"floor": 2}, "city": "007", "days": 4, "hours": "none"}),
        ],
    ),
    "coerced, read before its name": (
        '{"parameters": {"days": "3", "hours": ["1"]}, "name": "get_weather"}',
        [("get_weather", {"days": 3, "hours": [1]})],
    ),
    # What is broken after it has begun.
    "cut off in a string": ("[get_weather(city='Par", [("get_weather", BROKEN, '{"city":"Par')]),
    "cut off behind a string": ("[get_weather(city='Paris'", [("get_weather", BROKEN, '{"city":"Paris"')]),
    "cut off in a list": ("[get_weather(hours=[1, 2", [("get_weather", BROKEN, '{"hours":[1, 2')]),
    "cut off in a converted string": (
        '{"name":"get_weather","parameters":{"days":"3',
        [("get_weather", BROKEN, '{"days":"3')],
    ),
    "cut off in json": (
        '{"name": "get", "parameters": {"a": [1, {"b": "c\\',
        [("get", BROKEN, '{"a":[1,{"b":"c\\\\')],
    ),
    "cut off in the second": ("[get(), get(a='", [GET, ("get", BROKEN, '{"a":"')]),
    "cut off between": ("[get(), get_we", [GET, ", get_we"]),
    "garbled": ('{"name":"get","parameters":{"a":1,"b":x}} y', [("get", BROKEN, '{"a":1,"b":'), "x}} y"]),
    "garbled, then a call": ("[get(a=1, b=c)]\n[get()]", [("get", BROKEN, '{"a":1, b='), "c)]\n", GET]),
    "garbled list": ("[get(a=1, b=[1 2])]", [("get", BROKEN, '{"a":1,"b":[1 2]'), ")]"]),
    "positional": ("[get(a=1, 2)]", [("get", BROKEN, '{"a":1, 2'), ")]"]),
    "two values": ("[get(a=1 2)]", [("get", BROKEN, '{"a":1'), "2)]"]),
}

TEXTS = [
    "Hermes writes <tool_call> in front.",
    "<tool_call>",
    "<tool_call>\nnothing\n</tool_call>",
    '<tool_call>\n{"name": "unknown", "arguments": {}}\n</tool_call>',
    "<tool_call>\n<function=get>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
    "a <table> and a <t",
    "",
    " ",
    "\n\n",
    "Hello",
    "\n\nHello, world!\n\n  * a\n  * b\n",
    "I could call get_weather(city='Paris').",
    'See [get()] here, or {"name": "get"} there.',
    "[1] Smith, [2] Jones",
    "[]",
    "[] ",
    "[x]",
    "[get]",
    "[get (a=1)]",
    "[gets(a=1)]",
    "[forecast(city='Paris')]",
    "[get('Paris')]",
    "[get(city)]",
    "[get(city=Paris)]",
    "[get(city=Trueish)]",
    "[get(city=-)]",
    "[get(city=b'x')]",
    "[get(**1)]",
    "[get(*{})]",
    "[get(**{1, 2})]",
    "[get(**{None: 2})]",
    "[get(,)]",
    "[get(",
    "[get(a=",
    "[[[get()]]]",
    "get(a=1)",
    "{}",
    "{",
    '{"name',
    '{"name": "forecast", "parameters": {"city": "Paris"}}',
    '{"name": "get", "age": 3}',
    '{"name": "get" "parameters": {}}',
    '{"name": "get", "parameters": [1]}',
    '{"name": "get", "parameters": "Paris"}',
    '{"name": "get", "parameters": {"a"',
    '{"name": "get", "parameters": {city: 1}}',
    '{"name": "get", "parameters": {"a" 1}}',
    '{"name": "get", "description": "Gets.", "parameters": {}}',
    '{"name": 3}',
    '{"name" "get"}',
    '{"type": "object", "name": "get"}',
    '{"parameters": {"a": 1}}',
    '{"parameters": {"a": 1}, "name": "forecast"}',
    '{"parameters": {1, 2}, "name": "get"}',
    '{"parameters": {"a": [1}, "name": "get"}',
    '{"parameters": {[1]: 2}, "name": "get"}',
    '{"function": {"function": {"name": "get"}}}',
    '{"a": {"name": "get", "parameters": {}}}',
    '[{"name": "forecast"}]',
    "<function=forecast>{}</function>",
    "<function=get>",
    "<function=get>city",
    "<function=get></functions>",
    "<functional>",
    "< function=get>{}",
    "a < b <| c <|d|> <f",
    "<",
    "x <",
    "``",
    "```",
    "`get()`",
    "```python\nprint(1)\n```\n",
    '```json\n{"a": 1}\n```',
    "assistant",
    "assistant\n\nHello",
    "assistants are here",
    "<|eot_id|>",
    "[get_weather](https://example.com)",
]
"""Given back to the letter."""

MARKED = {
    "<|python_tag|>print(1)": "print(1)",
    "<|python_tag|>[forecast()]": "[forecast()]",
    "<|python_start|>Hello<|python_end|>": "Hello",
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello": "\n\nHello",
    "a <|python_tag|> b": "a  b",
}


@pytest.mark.parametrize("case", CALLS)
def test_calls(case: str) -> None:
    text, expected = CALLS[case]
    assert read(text) == expected


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_call_is_text_to_the_letter(text: str) -> None:
    assert read(text) == ([text] if text else [])


@pytest.mark.parametrize("text", MARKED)
def test_marks_are_no_text(text: str) -> None:
    assert read(text) == [MARKED[text]]


@pytest.mark.parametrize("text", [*(text for text, _ in CALLS.values()), *TEXTS, *MARKED])
def test_cuts_do_not_matter(text: str) -> None:
    whole = read(text)
    assert read(text, text) == whole
    for cut in range(len(text)):
        assert read(text, [text[:cut], text[cut:]]) == whole, cut


TIMELINES: dict[str, list[tuple[str, list[Piece]]]] = {
    "text at once": [("H", [TextDelta("H")]), ("i <b", [TextDelta("i <b")]), ("\n", [TextDelta("\n")])],
    "white space is held at the beginning": [("\n\n", []), ("H", [TextDelta("\n\nH")])],
    "a list that is none": [("[", []), ("g", []), ("e", []), ("n", [TextDelta("[gen")])],
    "an object that is none": [('{"', []), ("na", []), ("ti", [TextDelta('{"nati')])],
    "a name that was not offered": [('{"name": "get_', []), ("s", [TextDelta('{"name": "get_s')])],
    "a name that is too long": [('{"name": "get_weather', []), ("s", [TextDelta('{"name": "get_weathers')])],
    "a fence that holds none": [("```py", []), ("thon\n", []), ("x", [TextDelta("```python\nx")])],
    "a tag that is none": [("a <", [TextDelta("a ")]), ("f", []), ("o", [TextDelta("<fo")])],
    "code behind a tag": [("<|python_", []), ("tag|>", []), ("ge", []), ("o = 1", [TextDelta("geo = 1")])],
    "json strings stream": [
        ('{"name": "get_weather", "parameters": {"city"', []),
        (":", []),
        (' "', [CallStart("get_weather"), ArgumentsDelta('{"city":"')]),
        ("Pa", [ArgumentsDelta("Pa")]),
        ("ris \\", [ArgumentsDelta("ris ")]),
        ("ud83d", []),
        ("\\ude00x", [ArgumentsDelta("😀x")]),
        ('"', [ArgumentsDelta('"')]),
        (', "days": "', [ArgumentsDelta(',"days":')]),
        ("3", []),
        ('"', [ArgumentsDelta("3")]),
        ("}", [ArgumentsDelta("}"), CallEnd()]),
        ("}", []),
    ],
    "json elements stream": [
        ('{"name": "get", "parameters": {"a": [', []),
        ("1", []),
        (",", [CallStart("get"), ArgumentsDelta('{"a":[1')]),
        ('{"b": tru', []),
        ("e", []),
        ("}", [ArgumentsDelta(',{"b":true}')]),
        ("]}", [ArgumentsDelta("]}"), CallEnd()]),
    ],
    "python arguments stream": [
        ("[get_weather(", []),
        ("city=", []),
        ("'P", [CallStart("get_weather"), ArgumentsDelta('{"city":"P')]),
        ("aris'", [ArgumentsDelta("aris")]),
        (",", [ArgumentsDelta('"')]),
        (" hours=[", [ArgumentsDelta(',"hours":')]),
        ("1, 2", []),
        ("]", [ArgumentsDelta("[1,2]")]),
        (", days=3", []),
        (")", [ArgumentsDelta(',"days":3}'), CallEnd()]),
        (", get(", []),
        (")", [CallStart("get"), ArgumentsDelta("{}"), CallEnd()]),
        ("]", []),
    ],
    "a function streams": [
        ("<function=get", []),
        (">", []),
        ('{"a": "', [CallStart("get"), ArgumentsDelta('{"a":"')]),
        ('b"}', [ArgumentsDelta('b"}'), CallEnd()]),
        ("</func", []),
        ("tion>\n", []),
        ("Hi", [TextDelta("\nHi")]),
    ],
}


@pytest.mark.parametrize("case", TIMELINES)
def test_what_is_known_is_given_at_once(case: str) -> None:
    parser = CallParser(FUNCTIONS)
    for text, expected in TIMELINES[case]:
        assert fed(parser, text) == expected, text
    assert parser.close() == []


@pytest.mark.parametrize(
    ("prefill", "text", "expected"),
    [
        ("[", "get_weather(city='Paris')]", [PARIS]),
        ("[", "get(), get()]", [GET, GET]),
        ("[", "[get()]", [GET]),
        ("[", '{"name": "get"}]', [GET]),
        ("[", "I cannot.", ["I cannot."]),
        ("[", "\n[get()]", [GET]),
        ("[", "", []),
        ("[get_weather(", "city='Paris')]", [PARIS]),
        ("[get_weather(", "city='Par", [("get_weather", BROKEN, '{"city":"Par')]),
        ("[get_weather(", ")]", [("get_weather", {})]),
        ("[get_weather(", "I cannot (yet).", ["I cannot (yet)."]),
        ('{"name": "', 'get_weather", "parameters": {"city": "Paris"}}', [PARIS]),
        ('{"name": "', '{"name": "get"}', [GET]),
        ('{"name": "', "I cannot.\n[get()]", ["I cannot.\n", GET]),
        ('{"name": "get_weather", "parameters": {', '"city": "Paris"}}', [PARIS]),
        ('{"name": "get_weather", "parameters": {', "}}", [("get_weather", {})]),
        ("<function=get_weather>", '{"city": "Paris"}</function>', [PARIS]),
    ],
)
def test_prefill_is_read_first_and_never_given_back(prefill: str, text: str, expected: Outcome) -> None:
    assert read(text, prefill=prefill) == expected
    assert read(text, text, prefill=prefill) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[get(), get_weather(city='Paris')] Done.", [GET, " Done."]),
        ('{"name": "get"}; {"name": "get"}; {"name": "get", "parameters": {"a": "b"}}', [GET]),
        ("[get(), get(a='cut", [GET]),
        ("[get()]", [GET]),
    ],
)
def test_calls_beyond_the_limit_are_left_out(text: str, expected: Outcome) -> None:
    assert outcome(pieces(CallParser(FUNCTIONS, max_calls=1), text)) == expected


def test_without_functions_all_is_text() -> None:
    text = '[get()]\n{"name": "get"}\n<function=get>{}'
    parser = CallParser({})
    assert outcome(pieces(parser, text)) == [text]


_WORDS = [
    "[", "]", "(", ")", "{", "}", '"', "'", ",", ";", ":", "=", "\\", "\n", " ", "<", "|", "<|python_tag|>", "<function=get>",
    "</function>", "get(", "get", "get_weather", '"name"', '"parameters"', '"get"', "a=", "1", "-", ".5", "True", "null",
    "r'", "**", "x", "```", "json", "\\u", "d83d", "'''", "é", '{"name": "get", "parameters": {"a": ', "[get(a=",
    "assistant\n",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(300))
def test_any_garbage_is_the_same_at_any_cut(seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices(_WORDS, k=dice.randint(1, 60)))
    whole = read(text)
    assert read(text, text) == whole
    cuts = sorted(dice.sample(range(len(text) + 1), k=min(len(text), 5)))
    assert read(text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]) == whole


def _any_text(dice: random.Random) -> str:
    return "".join(dice.choices("ab '\"\\\n\t{}[](),=<>|:;éß東\u2028\u200b\x00\x7f😀`#", k=dice.randint(0, 12)))


def _any_value(dice: random.Random, depth: int = 0) -> Any:
    match dice.randrange(8 if depth < 3 else 6):
        case 0:
            return dice.choice([True, False, None])
        case 1:
            return dice.choice([0, -1, 10**25, dice.randint(-1000, 1000)])
        case 2:
            return dice.choice([0.5, -1e-7, 1e22, dice.random()])
        case 6:
            return [_any_value(dice, depth + 1) for _ in range(dice.randint(0, 3))]
        case 7:
            return {_any_text(dice): _any_value(dice, depth + 1) for _ in range(dice.randint(0, 3))}
        case _:
            return _any_text(dice)


@pytest.mark.parametrize("syntax", Syntax)
@pytest.mark.parametrize("seed", range(40))
def test_calls_as_they_are_written_into_the_history_are_read_again(syntax: Syntax, seed: int) -> None:
    dice = random.Random(seed)
    calls = [
        (dice.choice(["get", "get-time_2"]), {_any_text(dice): _any_value(dice) for _ in range(dice.randint(0, 4))})
        for _ in range(dice.randint(1, 4))
    ]
    text = render_call(syntax, [ToolUse("id", name, jsonio.encode(value).decode()) for name, value in calls])
    assert read(text) == calls
    assert read(text, text) == calls


_HOSTILE = [
    "{", "[", "<", "`", " ", "\n", "<|", "<f", "{\n", "[\n", "```\n", "<|python_tag|>", "\n[get(a=[", '\n{"name":"get',
    "[[get(",    "\n[get(a='", "[get(a=1), ", '\n{"parameters":{"a":', "<function=get>",
]  # fmt: skip
_HOSTILE_STARTS = [
    '{"name":"get","parameters":{"a":', '{"name":"get","parameters":{"a":"', '{"parameters":{"a":', "[get(a=", "[get(a='",
    "[get(a=[", '{"name":"get","parameters":{},', "[get()]", "[get(",
]  # fmt: skip


def _work(text: str) -> int:
    """How many functions are called to read it character by character: a measure that no clock disturbs."""
    count = 0

    def on_event(frame: object, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    parser = CallParser(FUNCTIONS)
    sys.setprofile(on_event)
    try:
        for char in text:
            fed(parser, char)
        parser.close()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("start", ["", *_HOSTILE_STARTS])
def test_hostile_text_costs_in_proportion_to_its_length(start: str) -> None:
    size = 800
    for repeated in [*_HOSTILE, "1,", "'x' ", '\\"', "\\u00e9", "a=1,", '"a":"b",']:
        assert _work(start + (repeated * size)[:size]) < size * 120, repeated


def test_what_is_nested_beyond_reason_is_broken_not_fatal() -> None:
    deep = "[" * 10_000
    assert read(f'{{"name":"get","parameters":{{"a":{deep}')[0][:1] != GET
    assert read(f'{{"name":"get","parameters":{{"b":1,"a":{deep}')[0] == ("get", BROKEN, '{"b":1,"a":' + "[" * 63)
    assert read(f"[get(a={deep}")[0] == ("get", BROKEN, '{"a":' + "[" * 65)
    assert read(f'{{"parameters":{{"a":{deep}') == [f'{{"parameters":{{"a":{deep}']
    level = '{"a":' * 63 + "1" + "}" * 63
    assert read(f'{{"name":"get","parameters":{{"b":{level}}}}}') == [("get", {"b": jsonio.decode(level)})]
