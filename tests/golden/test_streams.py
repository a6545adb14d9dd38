"""upstream.jsonl -> events.jsonl -> client.sse, however the bytes are cut.

    upstream.jsonl   the model's own events; here they become the frames that Bedrock sends
    events.jsonl     what the reader makes of them
    client.sse       what a client gets that asked for usage
    whole.json       the same answer as InvokeModel would give it
    error.json       {"class", "error"}: in place of whole.json, what the reader raises after the last event
    call.json        what the request was, as far as the reader has to know

The folder's first name is the family. Those of chat begin at events.jsonl; a form.json says how their client asked.
"""

import itertools
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.apis.chat.reply import Envelope
from proxy.apis.chat.request import AnswerForm
from proxy.apis.chat.stream import ChatStream
from proxy.apis.openai_error import render_error
from proxy.bedrock.eventstream import Decoder, Frame, encode_frame
from proxy.errors import ProxyError, UpstreamError
from proxy.families import FAMILIES, StreamReader
from proxy.filters import Filters
from proxy.neutral.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    TextDelta,
)
from proxy.neutral.fold import Fold

HERE = Path(__file__).parent
ALL = sorted(HERE.glob("*/streams/*"))
CASES = [case for case in ALL if case.parts[-3] != "chat"]
WHOLE = [case for case in CASES if (case / "whole.json").exists()]
FAILING = [case for case in CASES if (case / "error.json").exists()]
ENVELOPE = Envelope("chatcmpl-0123456789abcdefghijklmnopqrs", 1763719200, "gpt-4o")
FORM = AnswerForm(includes_usage=True)
HEADERS = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")]


def name(case: Path) -> str:
    return f"{case.parts[-3]}/{case.name}"


def wire(case: Path) -> list[bytes]:
    """The frames, each with padding of another length, as Bedrock sends them."""
    inner = (case / "upstream.jsonl").read_bytes().splitlines()
    padding = itertools.cycle("abcdefghijklmnopqrstuvwxyz")
    return [
        encode_frame(HEADERS, b'{"bytes":"%b","p":"%b"}' % (b64encode(line), (next(padding) * (at % 7)).encode()))
        for at, line in enumerate(inner)
    ]


def new_reader(case: Path, golden: Any) -> StreamReader:
    return FAMILIES[case.parts[-3]].reader(golden.call(case / "call.json"))


def batches(case: Path, pieces: Iterable[bytes], golden: Any) -> Iterator[list[Event]]:
    """Through decoder, reader and filters, one batch for each piece. Raises what they raise."""
    decoder, reader, filters = Decoder(), new_reader(case, golden), Filters(golden.call(case / "call.json"))
    for piece in pieces:
        events: list[Event] = []
        reader.feed(decoder.feed(piece), events)
        yield filters.feed(events)
    decoder.close()
    reader.close()


def events_of(case: Path, pieces: Iterable[bytes], golden: Any) -> tuple[list[Event], ProxyError | None]:
    events: list[Event] = []
    try:
        for batch in batches(case, pieces, golden):
            events += batch
    except ProxyError as error:
        return events, error
    return events, None


def check_order(events: list[Event]) -> None:
    is_open, finishes = None, 0
    for event in events:
        match event:
            case BlockStart(kind):
                assert is_open is None, "blocks overlap"
                is_open = kind
            case BlockStop():
                assert is_open is not None, "a block is stopped twice"
                is_open = None
            case TextDelta():
                assert is_open is BlockKind.TEXT
            case ReasoningDelta() | ReasoningSeal():
                assert is_open is BlockKind.REASONING
            case ArgumentsDelta():
                assert is_open is BlockKind.TOOL_USE
            case Finish():
                assert is_open is None, "a block is open at the end"
                finishes += 1
    assert finishes == 1


@pytest.mark.parametrize("case", CASES, ids=name)
def test_upstream_to_events(case: Path, golden: Any) -> None:
    """One frame at a time, so that what comes before a failure is seen."""
    events, error = events_of(case, wire(case), golden)
    assert events == golden.events(case / "events.jsonl")
    if case in FAILING:
        assert error is not None
        expected = golden.json(case / "error.json")
        assert {"class": type(error).__name__, **render_error(error)} == expected
    else:
        assert error is None
        check_order(events)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_events_to_client(case: Path, golden: Any) -> None:
    writer = ChatStream(ENVELOPE, 1, FORM)
    sent = writer.send(golden.events(case / "events.jsonl"))
    if case in FAILING:
        raised = events_of(case, wire(case), golden)[1]
        assert raised is not None
        sent += writer.fail(raised)
    else:
        sent += writer.close()
    assert sent.decode() == (case / "client.sse").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [case for case in ALL if case.parts[-3] == "chat"], ids=name)
def test_events_to_client_in_every_form(case: Path, golden: Any) -> None:
    events = golden.events(case / "events.jsonl")
    check_order(events)
    for size in (len(events), 1, 2, 3):
        writer = ChatStream(ENVELOPE, 1, golden.form(case / "form.json"))
        sent = b""
        for at in range(0, len(events), size):
            sent += writer.send(events[at : at + size])
        assert (sent + writer.close()).decode() == (case / "client.sse").read_text(encoding="utf-8")


def cuts(frames: list[bytes]) -> Iterator[list[bytes]]:
    """Ways to cut the same bytes: whole, at every frame and every pair of frames, everywhere, and across the frames."""
    data = b"".join(frames)
    yield [data]
    for size in (1, 2):
        for places in itertools.combinations(range(1, len(frames)), size):
            ends = (*places, len(frames))
            yield [b"".join(frames[start:end]) for start, end in zip((0, *places), ends, strict=True)]
    for size in (1, 3, 7, 64, 1000):
        yield [data[at : at + size] for at in range(0, len(data), size)]
    for at in range(1, len(data), 17):
        yield [data[:at], b"", data[at:]]


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_however_it_is_cut(case: Path, golden: Any) -> None:
    expected = golden.events(case / "events.jsonl")
    client = (case / "client.sse").read_bytes()
    for pieces in cuts(wire(case)):
        writer = ChatStream(ENVELOPE, 1, FORM)
        events, sent = [], b""
        for batch in batches(case, pieces, golden):
            events += batch
            sent += writer.send(batch)
        assert events == expected
        assert sent + writer.close() == client


@pytest.mark.parametrize("case", FAILING, ids=name)
def test_a_failure_is_the_same_however_it_is_cut(case: Path, golden: Any) -> None:
    expected = golden.events(case / "events.jsonl")
    for pieces in cuts(wire(case)):
        events, error = events_of(case, pieces, golden)
        assert error is not None
        assert {"class": type(error).__name__, **render_error(error)} == golden.json(case / "error.json")
        # What came in the same read as the failure may be lost with it; nothing else may be there.
        assert events == expected[: len(events)]


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_folded_it_is_the_whole_answer(case: Path, golden: Any) -> None:
    fold = Fold()
    for batch in batches(case, wire(case), golden):
        fold.feed(batch)
    call = golden.call(case / "call.json")
    whole = FAMILIES[case.parts[-3]].parse((case / "whole.json").read_bytes(), call)
    assert fold.reply() == Filters(call).feed_whole(whole)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_cut_off_after_any_frame_it_is_broken(case: Path, golden: Any) -> None:
    frames = wire(case)
    finishes = [isinstance(event, Finish) for event in golden.events(case / "events.jsonl")]
    for size in range(len(frames)):
        reader = new_reader(case, golden)
        events: list[Event] = []
        reader.feed(Decoder().feed(b"".join(frames[:size])), events)
        has_end = any(isinstance(event, Finish) for event in events)
        assert reader.is_ended == has_end
        if has_end:
            reader.close()
        else:
            with pytest.raises(UpstreamError, match="before the answer did"):
                reader.close()
    assert sum(finishes) == (case in WHOLE)


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_events_of_a_new_kind_are_told_and_change_nothing(case: Path, golden: Any) -> None:
    news = Frame({":message-type": "event", ":event-type": "brandNew"}, b"{}")
    reader, filters = new_reader(case, golden), Filters(golden.call(case / "call.json"))
    events = []
    for frame in wire(case):
        told: list[Event] = []
        reader.feed([news, *Decoder().feed(frame)], told)
        assert repr(told[0]) == "Unrecognised(what=\"event type 'brandNew'\")"
        events += filters.feed(told[1:])
    assert events == golden.events(case / "events.jsonl")


def test_every_case_is_looked_at() -> None:
    assert {case.parts[-3] for case in CASES} <= set(FAMILIES)
    assert len(WHOLE) + len(FAILING) == len(CASES)
    for case in ALL:
        files = {path.name for path in case.iterdir()}
        if case not in CASES:
            assert files - {"form.json"} == {"events.jsonl", "client.sse"}, case
            continue
        outcome = "whole.json" if case in WHOLE else "error.json"
        assert files - {"call.json"} == {"upstream.jsonl", "events.jsonl", "client.sse", outcome}, case
