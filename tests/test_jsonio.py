import gc
import random
from contextlib import suppress
from typing import Any

import pytest

from proxy import jsonio
from proxy.jsonio import BadJSON, decode_strictly

SOUND: dict[bytes, Any] = {
    b"null": None,
    b" [1, 2.5, true] \n": [1, 2.5, True],
    b'{"a":{"a":{"a":1}}}': {"a": {"a": {"a": 1}}},
    b'[{"a":1},{"a":1}]': [{"a": 1}, {"a": 1}],
    b'{"a":"a","b":"a","":""}': {"a": "a", "b": "a", "": ""},
    # What looks like a quote, a key or a NUL, and is none.
    rb'{"a":"\"","b":"\\","c":"\\\"","d":"\\\\"}': {"a": '"', "b": "\\", "c": '\\"', "d": "\\\\"},
    rb'{"a":"\"a\":1","\"a\"":"{\"a\":1,\"a\":2}"}': {"a": '"a":1', '"a"': '{"a":1,"a":2}'},
    rb'"\\u0000"': "\\u0000",
    rb'{"\\u0000":"\\\\u0000"}': {"\\u0000": "\\\\u0000"},
    rb'"\u005c\u0022\u005C"': '\\"\\',
    rb'"\u2028\u2029\u007f"': "\u2028\u2029\x7f",
    '"\u2028 é 漢 😀"'.encode(): "\u2028 é 漢 😀",
    rb'"\ud83d\ude00"': "😀",
    b"123456789012345678901234567890": 123456789012345678901234567890,
    b"-9223372036854775809": -9223372036854775809,
    b"1" * 400: int("1" * 400),
    b"1e308": 1e308,
    b"-0.0": -0.0,
}


@pytest.mark.parametrize("text", SOUND, ids=lambda text: repr(text)[:40])
def test_sound(text: bytes) -> None:
    value = decode_strictly(text)
    assert value == SOUND[text]
    assert type(value) is type(SOUND[text])


MALFORMED = [
    b"",
    b" \n",
    b"\xef\xbb\xbf{}",
    b"{",
    b"}",
    b"[1,]",
    b'{"a":1,}',
    b"[1 2]",
    b'{"a" 1}',
    b"{'a':1}",
    b"{a:1}",
    b"{1:2}",
    b"{} {}",
    b"// note\n{}",
    b"tru",
    b"True",
    b"nul",
    b"NaN",
    b'{"temperature":NaN}',
    b"Infinity",
    b"[-Infinity]",
    b"1e999",
    b"-1e999",
    b"01",
    b"1.",
    b".5",
    b"+1",
    b"0x10",
    b'"',
    b'"a',
    b'"\\',
    b'"\\x41"',
    b'"\\u00"',
    b'"a\nb"',
    b'"\t"',
    b'"\x00"',
    b"\x00",
    b"\x00\x00\x00{",
    b'"\xff"',
    b'{"\xff":1}',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    rb'"\ud800"',
    rb'"\udc00"',
    rb'"\ud800\ud800"',
    rb'"\ud800a"',
    rb'{"\ud800":1}',
    '{"a":1}'.encode("utf-16"),
    b"1" * 5000,
]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text)[:40])
def test_malformed(text: bytes) -> None:
    with pytest.raises(BadJSON) as raised:
        decode_strictly(text)
    assert str(raised.value)
    assert raised.value.path is None


DUPLICATES = {
    b'{"a":1,"a":2}': "a",
    b'{"a":1,"a":1}': "a",
    b'{"a":1,"b":2,"a":3}': "a",
    b'{"":1,"":2}': "",
    rb'{"a":1,"\u0061":2}': "a",
    rb'{"\"":1,"\u0022":2}': '"',
    b'{"a":{"b":1},"a":{"b":1}}': "a",
    b'{"a":{"b":1},"a":{"c":1}}': "a",
    b'{"a":"x","a":["x","y"]}': "a",
    b'{"messages":[{"role":"user"},{"role":"user","role":"system"}]}': "messages[1].role",
    b'{"m":[[{"x":{"y":{"z":1,"z":2}}}]]}': "m[0][0].x.y.z",
    b'[{"a":1},{"a":1,"a":2}]': "[1].a",
    # The first one in the order of the text.
    b'{"a":[{"b":1,"b":1}],"c":1,"c":1}': "c",
    b'{"a":[{"b":1,"b":1},{"d":1,"d":1}]}': "a[0].b",
}


@pytest.mark.parametrize("text", DUPLICATES, ids=lambda text: text.decode())
def test_duplicate_keys(text: bytes) -> None:
    with pytest.raises(BadJSON, match="twice") as raised:
        decode_strictly(text)
    assert raised.value.path == DUPLICATES[text]


NULS = {
    rb'"\u0000"': None,
    rb'{"a":"\u0000"}': "a",
    rb'{"messages":[{"content":"x"},{"content":"a\u0000b"}]}': "messages[1].content",
    rb'{"a\u0000b":1}': "a␀b",
    rb'{"x":[{"\u0000":1}]}': "x[0].␀",
    rb'{"a":"\\u0000","b":"\\\u0000"}': "b",
    rb'["\\","\u0000"]': "[1]",
}


@pytest.mark.parametrize("text", NULS, ids=lambda text: text.decode())
def test_nul(text: bytes) -> None:
    with pytest.raises(BadJSON, match="NUL") as raised:
        decode_strictly(text)
    assert raised.value.path == NULS[text]


BRACKETS = [(b"[", b"]"), (b'{"a":', b"}")]


@pytest.mark.parametrize(("opening", "closing"), BRACKETS)
def test_nesting_of_100_000(opening: bytes, closing: bytes) -> None:
    for text in (opening * 100_000, opening * 100_000 + b"1" + closing * 100_000):
        with pytest.raises(BadJSON):
            decode_strictly(text)


@pytest.mark.parametrize("inner", [b"1", rb'"\u0000"', b'{"a":1,"a":2}', b"[NaN]"])
@pytest.mark.parametrize(("opening", "closing"), BRACKETS)
def test_no_depth_that_breaks_anything(opening: bytes, closing: bytes, inner: bytes) -> None:
    """Between what is fine and what is refused there is no depth at which something else happens."""
    for depth in range(0, 1100, 7):
        text = opening * depth + inner + closing * depth
        try:
            value = decode_strictly(text)
        except BadJSON as error:
            assert len(str(error)) < 400
        else:
            # It can be sent on inside something larger, by code that is called from deeper down.
            for _ in range(20):
                value = [value]
            assert jsonio.encode(value) == b"[" * 20 + text + b"]" * 20


def test_depth_of_real_requests_is_far_from_the_limit() -> None:
    assert decode_strictly(b"[" * 200 + b"]" * 200)


@pytest.mark.parametrize(
    "text", [b'{"%b":1,"%b":2}' % (b"k" * 100_000, b"k" * 100_000), b'{"%b\\u0000":1}' % (b"k" * 9_000)]
)
def test_long_keys_are_not_given_back(text: bytes) -> None:
    with pytest.raises(BadJSON) as raised:
        decode_strictly(text)
    assert raised.value.path == "k" * 200
    assert len(str(raised.value)) < 300


def test_whatever_is_encoded_is_read_back() -> None:
    """A document without a duplicate is never taken for one with, whatever its strings are made of."""
    chance = random.Random(6)

    def string() -> str:
        return "".join(chance.choices('"\\/bu0{}[]:, é\n\u2028', k=chance.randrange(6)))

    def value(depth: int) -> Any:
        match chance.randrange(6 if depth else 4):
            case 0:
                return string()
            case 1:
                return chance.choice([0, -1, 2.5, 10**20, True, None])
            case 2 | 3:
                return string() + string()
            case 4:
                return [value(depth - 1) for _ in range(chance.randrange(4))]
            case _:
                return {string(): value(depth - 1) for _ in range(chance.randrange(4))}

    for _ in range(3000):
        original = value(4)
        assert decode_strictly(jsonio.encode(original)) == original


def test_encoding_refuses_what_is_not_json() -> None:
    assert jsonio.encode([float("nan"), float("inf")]) == b"[null,null]"
    with pytest.raises(UnicodeEncodeError):
        jsonio.encode("\ud800")


@pytest.mark.parametrize("text", [b"[1]", b"[1", b'{"a":1,"a":2}'])
def test_the_collector_runs_again(text: bytes) -> None:
    with suppress(BadJSON):
        decode_strictly(text.ljust(1_000_000))
    assert gc.isenabled()
