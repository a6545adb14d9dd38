"""tests/golden/converse: one file a case.

    bodies/<case>.json     {"model", "facts"?, "request", "adapted", "stops"?, "can_stream"?, "answer_tool"?, "body"} or, for
                           what is refused, {"model", "facts"?, "request", "error": {"param", "message"}}
    answers/<case>.json    {"call"?, "body", "reply"} or {"call"?, "body", "error"}
    unfolding/<case>.json  {"call"?, "frames": [[event type, payload], …], "events"} and "error" where it ends in one

`facts` replace those of the catalogue. `call` is {"tools", "answer_tool", "guardrail"}: client names, the tool that is the
answer, and what the answer has to have passed.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy import jsonio
from proxy.bedrock.eventstream import Decoder
from proxy.errors import InvalidRequest, ProxyError
from proxy.families import Call
from proxy.families.converse import FAMILY
from proxy.families.tool_names import ToolNames
from proxy.filters import Filters
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import Event
from proxy.neutral.fold import Fold
from proxy.neutral.request import Guardrail

GOLDEN = Path(__file__).parents[2] / "golden/converse"
BODIES = sorted(GOLDEN.glob("bodies/*.json"))
ANSWERS = sorted(GOLDEN.glob("answers/*.json"))
UNFOLDING = sorted(GOLDEN.glob("unfolding/*.json"))


def stem(case: Path) -> str:
    return case.stem


def call_of(case: dict[str, Any]) -> Call:
    given = case.get("call", {})
    return Call(
        b"",
        names=ToolNames(given.get("tools", ())),
        answer_tool=given.get("answer_tool"),
        guardrail=Guardrail(**given["guardrail"]) if "guardrail" in given else None,
    )


@pytest.mark.parametrize("path", BODIES, ids=stem)
def test_a_request_becomes_a_body(path: Path, converse: Any) -> None:
    case = converse.read(path)
    model = converse.model(case["model"], **case.get("facts", {}))
    request = converse.request(case["request"])
    adapted = Adaptations()
    if "error" in case:
        with pytest.raises(InvalidRequest) as raised:
            FAMILY.build(request, model, adapted)
        assert {"param": raised.value.param, "message": raised.value.message} == case["error"]
    else:
        call = converse.build(request, model, adapted)
        assert {
            "adapted": adapted.header(),
            "stops": call.stops,
            "can_stream": call.can_stream,
            "answer_tool": call.answer_tool,
            "answer_key": call.answer_key,
            "body": jsonio.decode(call.body),
        } == {
            "adapted": case["adapted"],
            "stops": case.get("stops", []),
            "can_stream": case.get("can_stream", True),
            "answer_tool": case.get("answer_tool"),
            "answer_key": case.get("answer_key"),
            "body": case["body"],
        }
        assert call.headers == {}
    assert request == converse.request(case["request"]), "the request was changed"


@pytest.mark.parametrize("path", BODIES, ids=stem)
def test_strict_refuses_what_would_be_adapted(path: Path, converse: Any) -> None:
    case = converse.read(path)
    model = converse.model(case["model"], **case.get("facts", {}))
    request = converse.request(case["request"])
    if case.get("adapted"):
        with pytest.raises(InvalidRequest) as raised:
            FAMILY.build(request, model, Adaptations(is_strict=True))
        assert raised.value.param in [part.partition("=")[0] for part in case["adapted"].split(", ")]
    elif "body" in case:
        assert jsonio.decode(FAMILY.build(request, model, Adaptations(is_strict=True)).body) == case["body"]


@pytest.mark.parametrize("path", ANSWERS, ids=stem)
def test_an_answer_becomes_a_reply(path: Path, converse: Any) -> None:
    case = converse.read(path)
    body = jsonio.encode(case["body"])
    if "error" in case:
        with pytest.raises(ProxyError) as raised:
            FAMILY.parse(body, call_of(case))
        assert type(raised.value).__name__ == case["error"]
    else:
        assert Filters(call_of(case)).feed_whole(FAMILY.parse(body, call_of(case))) == converse.reply(case["reply"])


def cuts(frames: list[bytes]) -> Iterator[list[bytes]]:
    """Ways to cut the same bytes: whole, at every frame, byte by byte, and once anywhere."""
    data = b"".join(frames)
    yield [data]
    yield frames
    for at in range(1, len(frames)):
        yield [b"".join(frames[:at]), b"".join(frames[at:])]
    for size in (1, 7, 100):
        yield [data[at : at + size] for at in range(0, len(data), size)]
    for at in range(1, len(data), 17):
        yield [data[:at], b"", data[at:]]


@pytest.mark.parametrize("path", UNFOLDING, ids=stem)
def test_frames_become_events_however_they_are_cut(path: Path, converse: Any) -> None:
    case = converse.read(path)
    padding = itertools.cycle(["", "a", "abcdef"])
    frames = [converse.frame(kind, payload, next(padding)) for kind, payload in case["frames"]]
    expected = converse.events(case["events"])
    for pieces in cuts(frames):
        reader, decoder, filters = FAMILY.reader(call_of(case)), Decoder(), Filters(call_of(case))
        events: list[Event] = []
        error = ""
        try:
            for piece in pieces:
                read: list[Event] = []
                reader.feed(decoder.feed(piece), read)
                events += filters.feed(read)
            decoder.close()
            reader.close()
        except ProxyError as raised:
            error = type(raised).__name__
        assert error == case.get("error", "")
        if error:
            # What came in the same read as the failure may be lost with it.
            assert events == expected[: len(events)]
        else:
            assert events == expected
            assert reader.is_ended


@pytest.mark.parametrize("path", UNFOLDING, ids=stem)
def test_folded_events_are_the_whole_answer(path: Path, converse: Any) -> None:
    """Of the cases that stand in both folders by the same name, all that the two ways to ask can say alike."""
    whole = GOLDEN / "answers" / path.name
    case = converse.read(path)
    if not whole.exists() or "error" in case:
        assert path.stem not in {answer.stem for answer in ANSWERS} or "error" in converse.read(whole)
        return
    fold = Fold()
    fold.feed(converse.events(case["events"]))
    assert fold.reply() == converse.reply(converse.read(whole)["reply"])
