"""client.json -> neutral.json, and neutral.json -> bedrock_*.json for each model that a case is about.

chat/requests/<case>    client.json  neutral.json or error.json  adapted.txt where something was  form.json where it is
                        another one than of a plain answer
<family>/requests/<case>    neutral.json  bedrock_<generation>.json: {"model", "adapted", "stops", "headers", "body"}, and
                            what the reader of the answer has to know
"""

from pathlib import Path
from typing import Any

import pytest

from proxy.apis.chat.request import parse
from proxy.apis.openai_error import render_error
from proxy.emulator import claude_rules, llama_rules
from proxy.emulator.models import read_catalog
from proxy.errors import ProxyError
from proxy.families import FAMILIES
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.routing.catalog import Catalog

HERE = Path(__file__).parent


def name(path: Path) -> str:
    return "/".join(path.relative_to(HERE).parts)


@pytest.mark.parametrize("case", sorted((HERE / "chat/requests").iterdir()), ids=lambda case: case.name)
def test_client_to_neutral(case: Path, golden: Any) -> None:
    adapted = Adaptations()
    client = golden.json(case / "client.json")
    try:
        request, form = parse(client, adapted, max_choices=8)
    except ProxyError as error:
        expected = golden.json(case / "error.json")
        assert {"status": error.status, **render_error(error)} == expected
    else:
        assert request == golden.request(case / "neutral.json")
        assert form == golden.form(case / "form.json")
        assert adapted.header() == golden.text(case / "adapted.txt")


@pytest.mark.parametrize("wanted", sorted(HERE.glob("*/requests/*/bedrock_*.json")), ids=name)
def test_neutral_to_bedrock(wanted: Path, golden: Any) -> None:
    expected = golden.json(wanted)
    model = Catalog.load().find(expected["model"])
    assert model is not None
    assert model.is_listed
    request = golden.request(wanted.parent / "neutral.json")
    adapted = Adaptations()
    call = FAMILIES[model.family].build(request, model, adapted)
    assert {
        "model": expected["model"],
        "adapted": adapted.header(),
        "stops": call.stops,
        "headers": call.headers,
        "body": decode(call.body),
        **golden.notes(call),
    } == expected
    assert request == golden.request(wanted.parent / "neutral.json"), "the request was changed"


@pytest.mark.parametrize("wanted", sorted(HERE.glob("*/requests/*/bedrock_*.json")), ids=name)
def test_bedrock_would_take_it(wanted: Path, golden: Any) -> None:
    """By the emulator, which knows nothing of the translators."""
    expected = golden.json(wanted)
    model = read_catalog()[expected["model"]]
    if model.family == "llama":
        llama_rules.check(expected["body"], model)
        images = len(expected["body"].get("images", ()))
        assert llama_rules.read_prompt(expected["body"]["prompt"], model, images).faults == []
    else:
        claude_rules.check(expected["body"], model)


@pytest.mark.parametrize("wanted", sorted(HERE.glob("*/requests/*/bedrock_*.json")), ids=name)
def test_strict_refuses_what_would_be_adapted(wanted: Path, golden: Any) -> None:
    expected = golden.json(wanted)
    model = Catalog.load().find(expected["model"])
    assert model is not None
    request = golden.request(wanted.parent / "neutral.json")
    # What only tells the client something refuses nothing.
    changed = [part for part in expected["adapted"].split(", ") if part and not part.endswith("=without-thoughts")]
    if not changed:
        call = FAMILIES[model.family].build(request, model, Adaptations(is_strict=True))
        assert decode(call.body) == expected["body"]
        return
    with pytest.raises(ProxyError) as raised:
        FAMILIES[model.family].build(request, model, Adaptations(is_strict=True))
    assert raised.value.status == 400
    params = [part.partition("=")[0] for part in changed]
    assert raised.value.param in params
    assert str(raised.value.param) in raised.value.message


def test_every_case_is_looked_at() -> None:
    for case in HERE.glob("*/requests/*"):
        files = {path.name for path in case.iterdir()}
        if case.parts[-3] == "chat":
            rest = files - {"adapted.txt", "form.json"} if "neutral.json" in files else files
            assert rest in ({"client.json", "neutral.json"}, {"client.json", "error.json"}), case
        else:
            assert case.parts[-3] in FAMILIES
            assert "neutral.json" in files
            assert len(files) > 1
            assert all(file == "neutral.json" or file.startswith("bedrock_") for file in files), case
