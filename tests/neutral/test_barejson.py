import itertools
import random
from collections.abc import Iterator
from typing import Protocol

import pytest

from proxy import jsonio
from proxy.neutral.barejson import FenceFilter, Unfencer, UnwrapFilter, Unwrapper
from proxy.neutral.blocks import Text, ToolUse
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    UsageReport,
)
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Usage


class Cutter(Protocol):
    def feed(self, text: str) -> str: ...
    def flush(self) -> str: ...


def run(cutter: Cutter, pieces: list[str]) -> str:
    return "".join(cutter.feed(piece) for piece in pieces) + cutter.flush()


def cuts(text: str) -> Iterator[list[str]]:
    """Whole, character by character, in two at every place, and in three at every two of the first places and the last."""
    yield [text]
    yield [*text, ""]
    for place in range(len(text) + 1):
        yield [text[:place], text[place:]]
    places = sorted({*range(min(len(text), 24)), *range(max(len(text) - 16, 0), len(text))})
    for first, second in itertools.combinations(places, 2):
        yield [text[:first], text[first:second], text[second:]]


def all_cuts(text: str) -> Iterator[list[str]]:
    """Every way to cut a text into pieces that are not empty."""
    for size in range(len(text)):
        for places in itertools.combinations(range(1, len(text)), size):
            ends = (*places, len(text))
            yield [text[start:end] for start, end in zip((0, *places), ends, strict=True)]


FENCED = [
    ('```json\n{"a": 1}\n```', '{"a": 1}'),
    ('\r\n \t```JSON\r\n{"a": 1}\r\n```\r\n\n', '{"a": 1}'),
    ('```Json\n\n  {\n  "a": 1\n}  \n\n```', '{\n  "a": 1\n}'),
    ("```\n[1]\n```", "[1]"),
    ("```json [1] ```", "[1]"),
    ("```json[1]```", "[1]"),
    ('```{"a": 1}```\n', '{"a": 1}'),
    ("```json\n3\n```", "3"),
    ("```json\n```", ""),
    ("```json\n", ""),
    # A fence that is never closed, as in an answer that was cut: what came stays, to the last character.
    ('```json\n{"a": "x \n', '{"a": "x \n'),
    ('```json\n{"a": 1}\n``', '{"a": 1}\n``'),
    ('```json\n{"a": 1}\n`` \n', '{"a": 1}\n`` \n'),
    # The JSON's own fences.
    ('```json\n{"a": "```json\\n{}\\n```"}\n```', '{"a": "```json\\n{}\\n```"}'),
    ('```json\n"```"\n```', '"```"'),
    ("```json\n1\n````", "1\n`"),
    # What follows a closing fence makes it none.
    ('```json\n{"a": 1}\n```\nThere.', '{"a": 1}\n```\nThere.'),
    ("```json\n[1]\n```\n```json\n[2]\n```", "[1]\n```\n```json\n[2]"),
]

UNFENCED = [
    "",
    " \n",
    '{"a": 1}',
    ' \n{"a": 1}\n ',
    '{"a": "```"}',
    '{"a": 1}\n```',
    'Here is the JSON:\n```json\n{"a": 1}\n```',
    "```python\nprint(1)\n```",
    "```jsonl\n{}\n```",
    "```js\n{}\n```",
    "``````",
    "````json\n{}\n````",
    "``{}``",
    "`json`",
    "```",
    "\n ```json",
    "```jſon\n{}\n```",
    "\u00a0```json\n{}\n```",
]


@pytest.mark.parametrize(("text", "bare"), [*FENCED, *[(text, text) for text in UNFENCED]])
def test_fences_at_every_cut(text: str, bare: str) -> None:
    for pieces in cuts(text):
        assert run(Unfencer(), pieces) == bare, pieces


@pytest.mark.parametrize("text", ["```\n`a``\n```\n", "```json\n`` `", " ```JSON{}```", "\n`` {} ```"])
def test_fences_at_every_cut_into_any_number(text: str) -> None:
    whole = run(Unfencer(), [text])
    assert all(run(Unfencer(), pieces) == whole for pieces in all_cuts(text))


def test_fences_by_chance_whatever_comes() -> None:
    chance = random.Random(5)
    parts = ["`", "``", "```", "```json", "json", "\n", " ", "{", "}", "a", "\\", '"']
    for _ in range(20_000):
        pieces = chance.choices(parts, k=chance.randint(0, 9))
        assert run(Unfencer(), pieces) == run(Unfencer(), ["".join(pieces)]), pieces


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" \n", ""),
        ("x", "x"),
        ("{", "{"),
        ("```jso", ""),
        ("```json\n \n", ""),
        ('```json\n{"a"', '{"a"'),
        ('```json\n{"a": \n', '{"a":'),
        ("```json\n{}\n`", "{}"),
        ("```json\n{}\n```\n ", "{}"),
        ("```json\n{}\n` ", "{}\n`"),
        ("{}\n```", "{}\n```"),
    ],
)
def test_no_more_is_held_back_than_could_be_a_fence(text: str, shown: str) -> None:
    unfencer = Unfencer()
    assert "".join(map(unfencer.feed, text)) == shown


TEXT = BlockStart(BlockKind.TEXT)
END = Finish(FinishReason.STOP, "end_turn")
USAGE = UsageReport(Usage(3, 5))


def filtered(*batches: list[Event]) -> list[Event]:
    fence_filter = FenceFilter()
    return [event for batch in batches for event in fence_filter.feed(batch)]


def test_filter_takes_the_fence_and_leaves_the_rest() -> None:
    thought: list[Event] = [BlockStart(BlockKind.REASONING), ReasoningDelta("```json\n{}\n```"), BlockStop()]
    call: list[Event] = [BlockStart(BlockKind.TOOL_USE, "1", "f"), ArgumentsDelta("```"), BlockStop()]
    assert filtered(
        [*thought, TEXT, TextDelta("```js")],
        [TextDelta("on\n{")],
        [TextDelta('"a": 1}\n'), TextDelta("``"), TextDelta("`\n"), BlockStop()],
        [*call, USAGE, END],
    ) == [*thought, TEXT, TextDelta("{"), TextDelta('"a": 1}'), BlockStop(), *call, USAGE, END]


def test_filter_shows_what_it_held_back_once_the_text_has_ended() -> None:
    cut = Finish(FinishReason.LENGTH, "max_tokens")
    assert filtered([TEXT, TextDelta("```json\n{}\n`")], [BlockStop(), USAGE, cut]) == [
        TEXT,
        TextDelta("{}"),
        BlockStop(),
        USAGE,
        TEXT,
        TextDelta("\n`"),
        BlockStop(),
        cut,
    ]
    assert filtered([TEXT, TextDelta("``"), BlockStop(), END]) == [
        TEXT,
        BlockStop(),
        TEXT,
        TextDelta("``"),
        BlockStop(),
        END,
    ]


def test_filter_matches_over_the_border_of_two_text_blocks() -> None:
    assert filtered([TEXT, TextDelta("``"), BlockStop(), TEXT, TextDelta("`\n{}```"), BlockStop(), END]) == [
        TEXT,
        BlockStop(),
        TEXT,
        TextDelta("{}"),
        BlockStop(),
        END,
    ]


@pytest.mark.parametrize(("text", "bare"), FENCED)
def test_filtered_text_is_the_same(text: str, bare: str) -> None:
    for pieces in ([text], [*text]):
        fold = Fold()
        fold.feed(filtered([TEXT, *map(TextDelta, pieces), BlockStop(), USAGE, END]))
        assert fold.reply().text == bare


WRAPPED = [
    ('{"value": 1}', "1"),
    ('{"value":-1.5e+3}', "-1.5e+3"),
    ('{"value":true}', "true"),
    ('{"value": null }', "null"),
    ('{"value": ""}', '""'),
    ('{"value": "a"}', '"a"'),
    (' \r\n{\t"value" \n:\n "a"\n}\n ', '"a"'),
    ('{"value": "}\\"]\\\\"}', '"}\\"]\\\\"'),
    ('{"value": "\\u0022}\\n"}', '"\\u0022}\\n"'),
    ('{"value": []}', "[]"),
    ('{"value": {}}', "{}"),
    ('{"value": [ 1, {"a": "]}", "b": [[], {}]} ]\n}', '[ 1, {"a": "]}", "b": [[], {}]} ]'),
    ('{"value": {"value": {"value": "\\\\"}}}', '{"value": {"value": "\\\\"}}'),
    ('{"\\u0076alue": 1}', "1"),
    ('{"\\u0076\\u0061\\u006c\\u0075\\u0065": 1}', "1"),
    ('{"value": "é😀\u2028"}', '"é😀\u2028"'),
]

CUT_SHORT = [
    # An answer that was cut: what there is of X.
    ('{"value": 12', "12"),
    ('{"value": "a', '"a'),
    ('{"value": "a\\', '"a\\'),
    ('{"value": [1, ', "[1, "),
    ('{"value": [1]', "[1]"),
    ('{"value": [1]\n', "[1]\n"),
]

OTHER = [
    "",
    " ",
    "1",
    "[]",
    "{}",
    "{ ",
    '{"',
    '{"val',
    '{"val\\',
    '{"value"',
    '{"v}',
    '{"}": ',
    '{"value" :',
    '{"value": ',
    '{"value": }',
    '{"value": ,',
    '{"value" 1}',
    '{"value";1}',
    "{value: 1}",
    '{"other": 1}',
    '{"values": 1}',
    '{"valu": 1}',
    '{"Value": 1}',
    '{"\\u0076alue2": {"value": 1}}',
    '{"va\\xlue": 1}',
    '{"va\\U006cue": 1}',
    '{"va\nlue": 1}',
    '{"a": 1, "value": 2}',
    '{"The answer is so long that it cannot be the key, and who knows whether it ends',
    'The answer is {"value": 1}.',
    "\u00a0{}",
]

FOLLOWED = [
    # X has gone out when it shows that this is not the object that was asked for.
    ('{"value": 1, "more": 2}', '1, "more": 2}'),
    ('{"value": [1]]}', "[1]]}"),
    ('{"value": 1}}', "1}}"),
    ('{"value": 1} x', "1} x"),
    ('{"value": 1}\n{"value": 2}', '1}\n{"value": 2}'),
    ('{"value": tr ue}', "tr ue}"),
    ('{"value": "a" "b"}', '"a" "b"}'),
]


@pytest.mark.parametrize(
    ("text", "value"), [*WRAPPED, *CUT_SHORT, *[(text, text) for text in OTHER], *FOLLOWED], ids=repr
)
def test_unwrapping_at_every_cut(text: str, value: str) -> None:
    for pieces in cuts(text):
        assert run(Unwrapper("value"), pieces) == value, pieces


def test_unwrapping_at_every_cut_into_any_number() -> None:
    for text, value in (('{"v": "\\"\\\\" }', '"\\"\\\\"'), ('{"v":["]"]}', '["]"]'), ('{"\\u0076":1}', "1")):
        assert all(run(Unwrapper("v"), pieces) == value for pieces in all_cuts(text))


@pytest.mark.parametrize("key", ["v", "value", "the_answer_2"])
def test_the_key_as_it_is_and_escaped(key: str) -> None:
    escaped = [f"\\u{ord(letter):04x}" for letter in key]
    mixed = [
        letter if place % 2 else escape.upper().replace("U", "u")
        for place, (letter, escape) in enumerate(zip(key, escaped, strict=True))
    ]
    for spelled in (key, "".join(escaped), "".join(mixed)):
        for pieces in cuts(f'{{"{spelled}": [1]}}'):
            assert run(Unwrapper(key), pieces) == "[1]", pieces


def test_any_value_comes_out_by_chance() -> None:
    chance = random.Random(7)

    def value(depth: int) -> object:
        leaf = chance.choice([None, True, 0, -2.5, "", 'a"}]{[\\', "\n\\\\", "é\u2028😀"])
        if depth == 0:
            return leaf
        kind = chance.randrange(3)
        if kind == 0:
            return [value(depth - 1) for _ in range(chance.randint(0, 3))]
        if kind == 1:
            return {str(value(0)): value(depth - 1) for _ in range(chance.randint(0, 3))}
        return leaf

    for _ in range(3000):
        inner = jsonio.encode(value(3)).decode()
        text = f'{{"value":{inner}}}'
        places = sorted(chance.choices(range(len(text) + 1), k=chance.randint(0, 6)))
        pieces = [text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])]
        assert run(Unwrapper("value"), pieces) == inner, pieces


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"value": ', ""),
        ('{"value": "a', '"a'),
        ('{"value": "a" ', '"a"'),
        ('{"value": [1, 2', "[1, 2"),
        ('{"value": [1, 2]}\n', "[1, 2]"),
        ('{"o', ""),
        ("{x", "{x"),
        ('{"value" x', '{"value" x'),
    ],
)
def test_no_more_is_held_back_than_could_be_wrapping(text: str, shown: str) -> None:
    unwrapper = Unwrapper("value")
    assert "".join(map(unwrapper.feed, text)) == shown


def block(kind: BlockKind, text: str, size: int, name: str = "") -> list[Event]:
    delta = ArgumentsDelta if kind is BlockKind.TOOL_USE else TextDelta
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [BlockStart(kind, name, name), *(delta(piece) for piece in pieces), BlockStop()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_the_object_is_taken_from_around_answers_and_arguments(size: int) -> None:
    seen = UnwrapFilter("value", {"odd": "value"})
    out = seen.feed(
        [
            *block(BlockKind.TEXT, '{"value": ["a"]}', size),
            *block(BlockKind.TOOL_USE, '{"value":{"filter[id]":"}"}}', size, "odd"),
            *block(BlockKind.TOOL_USE, '{"value":1}', size, "plain"),
            *block(BlockKind.TEXT, "No.", size),
            *block(BlockKind.TOOL_USE, "{}", size, "odd"),
            *block(BlockKind.TEXT, '{"value":', size),
        ]
    )
    fold = Fold()
    fold.feed([*out, Finish(FinishReason.STOP, "stop")])
    assert fold.reply().blocks == [
        Text('["a"]'),
        ToolUse("odd", "odd", '{"filter[id]":"}"}'),
        ToolUse("plain", "plain", '{"value":1}'),
        Text("No."),
        ToolUse("odd", "odd", "{}"),
        Text('{"value":'),
    ]


def test_what_is_within_streams_as_it_comes() -> None:
    seen = UnwrapFilter("value", {})
    assert seen.feed([BlockStart(BlockKind.TEXT), TextDelta('{"value": [1, ')]) == [
        BlockStart(BlockKind.TEXT),
        TextDelta("[1, "),
    ]
    thought: list[Event] = [BlockStart(BlockKind.REASONING), ReasoningDelta('{"value": 1}'), BlockStop()]
    assert UnwrapFilter(None, {"odd": "value"}).feed([*thought, *block(BlockKind.TEXT, '{"value":1}', 20)]) == [
        *thought,
        *block(BlockKind.TEXT, '{"value":1}', 20),
    ]
