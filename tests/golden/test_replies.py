"""upstream.json -> neutral.json -> client.json.

The folder's first name is the family that reads the first file; chat alone has cases that no single call gives. Where
neutral.json is a list, it holds one reply per choice. A form.json says how the client asked for its answer.
"""

from pathlib import Path
from typing import Any

import pytest

from proxy.apis.chat.reply import Envelope, render
from proxy.families import FAMILIES
from proxy.filters import Filters
from proxy.jsonio import decode, encode

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/replies/*"))
ENVELOPE = Envelope("chatcmpl-0123456789abcdefghijklmnopqrs", 1763719200, "gpt-4o")


def name(case: Path) -> str:
    return f"{case.parts[-3]}/{case.name}"


@pytest.mark.parametrize("case", [case for case in CASES if case.parts[-3] in FAMILIES], ids=name)
def test_upstream_to_neutral(case: Path, golden: Any) -> None:
    family = FAMILIES[case.parts[-3]]
    call = golden.call(case / "call.json")
    reply = family.parse((case / "upstream.json").read_bytes(), call)
    assert Filters(call).feed_whole(reply) == golden.reply(case / "neutral.json")


@pytest.mark.parametrize("case", CASES, ids=name)
def test_neutral_to_client(case: Path, golden: Any) -> None:
    rendered = render(ENVELOPE, golden.replies(case / "neutral.json"), golden.form(case / "form.json"))
    expected = golden.json(case / "client.json")
    assert rendered == expected
    # Key for key in the same order, as it goes over the wire.
    assert decode(encode(rendered)) == expected
    assert list(rendered) == list(expected)


def test_every_case_is_looked_at() -> None:
    assert {case.parts[-3] for case in CASES} <= {"chat", *FAMILIES}
    for case in CASES:
        files = {path.name for path in case.iterdir()}
        upstream = {"upstream.json"} if case.parts[-3] in FAMILIES else set()
        assert files - {"form.json", "call.json"} == {"neutral.json", "client.json"} | upstream, case
