import itertools
import random
from collections.abc import Iterator
from os.path import commonprefix

import pytest

from proxy.neutral.events import (
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    Unrecognised,
    UsageReport,
)
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Usage
from proxy.neutral.stops import StopFilter, StopMatcher, longest_open_end

STOPS = ["".join(letters) for size in (1, 2, 3) for letters in itertools.product("ab", repeat=size)]
PAIRS = list(itertools.combinations_with_replacement(STOPS, 2))
TEXTS = ["".join(letters) for size in range(9) for letters in itertools.product("ab", repeat=size)]


def cut_by_hand(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """What may be shown of a whole text, and the stop: the one that is complete first; of two at once, the longer."""
    for end in range(1, len(text) + 1):
        met = [stop for stop in stops if text[:end].endswith(stop)]
        if met:
            longest = max(met, key=len)
            return text[: end - len(longest)], longest
    return text, None


def run(pieces: list[str], stops: tuple[str, ...]) -> tuple[str, str | None]:
    matcher = StopMatcher(stops)
    shown = "".join(matcher.feed(piece) for piece in pieces)
    return shown + matcher.flush(), matcher.hit


def all_cuts(text: str) -> Iterator[list[str]]:
    """Every way to cut a text into pieces that are not empty."""
    for size in range(len(text)):
        for places in itertools.combinations(range(1, len(text)), size):
            ends = (*places, len(text))
            yield [text[start:end] for start, end in zip((0, *places), ends, strict=True)]


def test_one_character_at_a_time_every_text_and_every_pair() -> None:
    for stops in PAIRS:
        for text in TEXTS:
            assert run(list(text), stops) == cut_by_hand(text, stops), (text, stops)
            assert run([text], stops) == cut_by_hand(text, stops), (text, stops)


def test_every_cut_of_shorter_texts() -> None:
    for stops in PAIRS:
        for text in TEXTS[: 2**6 - 1]:  # up to five characters
            expected = cut_by_hand(text, stops)
            for pieces in all_cuts(text):
                assert run(pieces, stops) == expected, (pieces, stops)


def test_longer_texts_three_stops_and_empty_pieces_by_chance() -> None:
    chance = random.Random(3)
    for _ in range(10_000):
        stops = tuple("".join(chance.choices("abc", k=chance.randint(1, 5))) for _ in range(3))
        pieces = ["".join(chance.choices("abc", k=chance.randint(0, 5))) for _ in range(8)]
        assert run(pieces, stops) == cut_by_hand("".join(pieces), stops), (pieces, stops)


def test_holds_back_no_more_than_it_must() -> None:
    """After each character, all that is certain is out: what every way the text could go on has in common."""
    futures = ["".join(letters) for size in range(4) for letters in itertools.product("abc", repeat=size)]
    for stops in PAIRS:
        for text in TEXTS[: 2**6 - 1]:  # up to five characters
            matcher = StopMatcher(stops)
            shown = "".join(matcher.feed(letter) for letter in text)
            outcomes = [cut_by_hand(text + future, stops)[0] for future in futures]
            certain = commonprefix(outcomes)  # noqa: RUF071  of characters is what is meant
            assert shown == certain, (text, stops)


@pytest.mark.parametrize(
    ("text", "sequences", "size"),
    [
        ("", ["ab"], 0),
        ("xa", ["ab"], 1),
        ("xab", ["ab"], 0),
        ("xab", ["abc", "b"], 2),
        ("aa", ["aaa"], 2),
        ("aaa", ["aaa"], 2),
        ("x", ["x"], 0),
        ("User", ["\nUser:"], 0),
        ("\nUser", ["\nUser:"], 5),
        ("x", [], 0),
    ],
)
def test_longest_open_end(text: str, sequences: list[str], size: int) -> None:
    assert longest_open_end(text, sequences) == size


def test_matcher_is_silent_after_a_hit() -> None:
    matcher = StopMatcher(["."])
    assert matcher.feed("a.b") == "a"
    assert matcher.feed("c") == ""
    assert matcher.flush() == ""
    assert matcher.hit == "."


def test_stops_are_characters_and_not_patterns() -> None:
    assert run(["a.*b"], (".*",)) == ("a", ".*")
    assert run(["😀\u2028é"], ("\u2028",)) == ("😀", "\u2028")
    assert run(["\n", "\n"], ("\n\n",)) == ("", "\n\n")
    # Case and composition count: e + U+0301 is not é.
    assert run(["STOP e\u0301"], ("stop", "\u00e9")) == ("STOP e\u0301", None)


TEXT, REASONING = BlockStart(BlockKind.TEXT), BlockStart(BlockKind.REASONING)
END = Finish(FinishReason.LENGTH, "length")
USAGE = UsageReport(Usage(3, 5))


def filtered(stops: list[str], *batches: list[Event]) -> list[Event]:
    stop_filter = StopFilter(stops)
    return [event for batch in batches for event in stop_filter.feed(batch)]


def hit(stop: str) -> list[Event]:
    return [BlockStop(), Finish(FinishReason.STOP, "stop_sequence", stop)]


def test_filter_ends_the_reply_inside_a_batch_and_over_batches() -> None:
    assert filtered(["##"], [TEXT, TextDelta("a#"), TextDelta("#b"), BlockStop(), USAGE, END]) == [
        TEXT,
        TextDelta("a"),
        *hit("##"),
        USAGE,
    ]
    assert filtered(["##"], [TEXT, TextDelta("a#")], [TextDelta("#")], [TextDelta("b"), BlockStop(), END]) == [
        TEXT,
        TextDelta("a"),
        *hit("##"),
    ]


def test_filter_says_when_it_is_done() -> None:
    stop_filter = StopFilter(["x"])
    stop_filter.feed([TEXT, TextDelta("a")])
    assert not stop_filter.is_done
    stop_filter.feed([TextDelta("bx")])
    assert stop_filter.is_done


def test_filter_shows_what_it_held_back_once_the_text_has_ended() -> None:
    assert filtered(["##"], [TEXT, TextDelta("a#")], [BlockStop(), USAGE, END]) == [
        TEXT,
        TextDelta("a"),
        BlockStop(),
        USAGE,
        TEXT,
        TextDelta("#"),
        BlockStop(),
        END,
    ]


def test_filter_matches_over_the_border_of_two_text_blocks() -> None:
    events: list[Event] = [TEXT, TextDelta("a#"), BlockStop(), TEXT, TextDelta("#b"), BlockStop(), END]
    assert filtered(["##"], events) == [TEXT, TextDelta("a"), BlockStop(), TEXT, *hit("##")]


def test_filter_leaves_reasoning_and_the_rest_alone() -> None:
    events: list[Event] = [REASONING, ReasoningDelta("a##b"), BlockStop(), Unrecognised("x"), TEXT, TextDelta("c")]
    assert filtered(["##"], events) == events


def test_no_empty_delta_is_made() -> None:
    assert filtered(["##"], [TEXT, TextDelta("#")]) == [TEXT]


def check_order(events: list[Event]) -> None:
    """Every delta inside an open block of its kind, and one Finish, after every block."""
    is_open, finishes = None, 0
    for event in events:
        match event:
            case BlockStart(kind):
                assert is_open is None
                is_open = kind
            case BlockStop():
                assert is_open is not None
                is_open = None
            case TextDelta():
                assert is_open is BlockKind.TEXT
            case ReasoningDelta():
                assert is_open is BlockKind.REASONING
            case Finish():
                assert is_open is None
                finishes += 1
    assert finishes == 1
    assert is_open is None


def test_filter_keeps_the_order_of_events_whatever_comes() -> None:
    chance = random.Random(11)
    for _ in range(2000):
        stops = ["".join(chance.choices("ab", k=chance.randint(1, 3))) for _ in range(2)]
        events: list[Event] = []
        shown = ""
        for _ in range(3):
            if chance.random() < 0.3:
                events += [REASONING, ReasoningDelta("aabb"), BlockStop()]
            pieces = ["".join(chance.choices("abc", k=chance.randint(1, 3))) for _ in range(3)]
            shown += "".join(pieces)
            events += [TEXT, *map(TextDelta, pieces), BlockStop()]
        events += [USAGE, END]
        stop_filter, out = StopFilter(stops), []
        while events:
            size = chance.randint(1, 4)
            out += stop_filter.feed(events[:size])
            events = events[size:]
        check_order(out)
        fold = Fold()
        fold.feed(out)
        reply = fold.reply()
        text, stop = cut_by_hand(shown, tuple(stops))
        assert (reply.text, reply.stop_sequence) == (text, stop)
        assert (reply.finish is FinishReason.STOP) == (stop is not None) == stop_filter.is_done
