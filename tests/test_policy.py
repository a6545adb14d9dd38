"""Which guardrail a request has to pass, of those that the operator and the client name."""

from typing import Any

import msgspec
import pytest

from proxy.access.keys import Keyring
from proxy.config import Config
from proxy.errors import InvalidRequest
from proxy.families import FAMILIES
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Guardrail, Request
from proxy.policy import Policy
from proxy.routing.aliases import Alias
from proxy.routing.catalog import Catalog
from proxy.routing.resolve import Resolver

SONNET, HAIKU, LLAMA = (
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
    "meta.llama3-8b-instruct-v1:0",
)
ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/"
ID, VERSION, TRACE = (f"x-amzn-bedrock-{name}" for name in ("guardrailidentifier", "guardrailversion", "trace"))


def guard(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "version": 1, **more}


def applied(
    options: dict[str, Any],
    asked: Guardrail | None = None,
    *,
    model: str = SONNET,
    key: str = "",
    headers: dict[str, str] | None = None,
) -> Guardrail | None:
    config = msgspec.convert(options, Config)
    entries = {name: config.entry(name) for name in config.models}
    aliases = {name: Alias(entry.id, entry.family) for name, entry in entries.items()}
    resolver = Resolver(Catalog.load(), "us-east-1", families=FAMILIES, aliases=aliases)
    owner = Keyring(config.auth.secrets).check({"authorization": f"Bearer {key}"})
    request = Request(model, [], guardrail=asked)
    kept = Policy(config, resolver.resolve).apply(
        request, resolver.resolve(model), owner, headers or {}, Adaptations(is_strict=True)
    )
    assert request.guardrail is asked, "the request was changed"
    return kept.guardrail


EVERYWHERE: dict[str, Any] = {
    "guardrail": guard("all", trace="enabled"),
    "models": {"mine": {"id": SONNET, "guardrail": guard("model")}, "other": {"id": SONNET}, "small": HAIKU},
    "auth": {"keys": ["plain", {"key": "guarded", "guardrail": guard("key", version="DRAFT")}, {"key": "bare"}]},
}


@pytest.mark.parametrize(
    ("key", "model", "kept"),
    [
        ("guarded", SONNET, Guardrail("key", "DRAFT")),
        ("guarded", LLAMA, Guardrail("key", "DRAFT")),
        ("plain", "mine", Guardrail("model", "1")),
        ("bare", "mine", Guardrail("model", "1")),
        # The model behind, by whatever name it is called.
        ("plain", "other", Guardrail("model", "1")),
        ("plain", SONNET, Guardrail("model", "1")),
        ("plain", SONNET.replace(":", "%3A"), Guardrail("model", "1")),
        ("plain", f"us.{SONNET}", Guardrail("model", "1")),
        ("plain", f"global.{SONNET}", Guardrail("model", "1")),
        ("plain", f"arn:aws:bedrock:eu-west-1::foundation-model/{SONNET}", Guardrail("model", "1")),
        ("plain", f"arn:aws:bedrock:eu-west-1::foundation-model/{SONNET}/", Guardrail("model", "1")),
        ("plain", SONNET.removesuffix(":0"), Guardrail("model", "1")),
        ("plain", f"us.{SONNET}:200k", Guardrail("model", "1")),
        ("plain", f"{SONNET}0", Guardrail("model", "1")),
        ("plain", "small", Guardrail("all", "1", "enabled")),
        ("plain", LLAMA, Guardrail("all", "1", "enabled")),
    ],
)
def test_the_key_goes_before_the_model_and_that_before_all(key: str, model: str, kept: Guardrail) -> None:
    assert applied(EVERYWHERE, key=key, model=model) == kept


def test_of_two_entries_for_a_model_the_called_one_counts() -> None:
    models = {name: {"id": SONNET, "guardrail": guard(name)} for name in ("first", "second")}
    kept = [applied({"models": models}, model=model) for model in ("first", "second", SONNET)]
    assert [guardrail and guardrail.id for guardrail in kept] == ["first", "second", "first"]


def test_one_imported_model_is_not_another_of_its_generation() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:imported-model/"
    models: dict[str, Any] = {
        "guarded": {"id": f"{arn}one", "family": "llama3.1", "guardrail": guard("one")},
        "same": {"id": f"{arn}one", "family": "llama3.1"},
        "other": {"id": f"{arn}two", "family": "llama3.1"},
    }
    kept = [applied({"models": models}, model=model) for model in ("guarded", "same", "other")]
    assert kept == [Guardrail("one", "1"), Guardrail("one", "1"), None]


def test_an_entry_for_nothing_that_can_be_called_is_passed_by() -> None:
    models = {"lost": {"id": "us.nobody.knows-this", "guardrail": guard("lost")}}
    assert applied({"models": models}) is None


def test_nobody_has_set_one() -> None:
    asked = Guardrail("mine", "2", "enabled", stream_mode="async", tag_suffix="x")
    assert applied({}) is None
    assert applied({}, asked) == asked
    assert applied({}, headers={ID: "mine", VERSION: "2"}) == Guardrail("mine", "2", param=ID)
    for how in (Guardrail("", "", "enabled"), Guardrail("", "", tag_suffix="x")):
        with pytest.raises(InvalidRequest, match=r"'guardrailConfig\.guardrailIdentifier'"):
            applied({}, how)
    with pytest.raises(InvalidRequest) as raised:
        applied({}, headers={TRACE: "ENABLED"})
    assert raised.value.param == ID


def test_body_and_headers() -> None:
    named, traced = {ID: "mine", VERSION: "2"}, Guardrail("", "", "enabled")
    assert applied({}, traced, headers=named) == Guardrail("mine", "2", "enabled")
    assert applied({}, Guardrail("mine", "2"), headers={**named, TRACE: "ENABLED"}) == Guardrail("mine", "2", "enabled")
    for other in (Guardrail("other", "2"), Guardrail("mine", "1")):
        with pytest.raises(InvalidRequest) as raised:
            applied({}, other, headers=named)
        assert (raised.value.param, raised.value.code) == (ID, "invalid_value")


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (Guardrail("all", "1"), Guardrail("all", "1", "enabled")),
        (Guardrail(f"{ARN}all", "1"), Guardrail("all", "1", "enabled")),
        (Guardrail("", "", "enabled_full"), Guardrail("all", "1", "enabled_full")),
        (Guardrail("all", "1", "disabled"), Guardrail("all", "1", "disabled")),
        (Guardrail("", "", stream_mode="sync"), Guardrail("all", "1", "enabled", stream_mode="sync")),
    ],
)
def test_the_same_one_or_its_trace_can_be_asked_for(asked: Guardrail, kept: Guardrail) -> None:
    assert applied({"guardrail": guard("all", trace="enabled")}, asked) == kept


@pytest.mark.parametrize(
    "asked",
    [
        Guardrail("other", "1"),
        Guardrail("all", "2"),
        Guardrail("all", "DRAFT"),
        Guardrail(f"{ARN}other", "1"),
        Guardrail("all", "1", stream_mode="async"),
        Guardrail("", "", stream_mode="async"),
        Guardrail("all", "1", tag_suffix="x"),
        Guardrail("", "", tag_suffix="x"),
    ],
)
def test_it_can_be_neither_replaced_nor_weakened(asked: Guardrail) -> None:
    for options in ({"guardrail": guard("all")}, {"models": {"mine": {"id": SONNET, "guardrail": guard("all")}}}):
        with pytest.raises(InvalidRequest) as raised:
            applied(options, asked)
        assert (raised.value.param, raised.value.code) == ("guardrailConfig", "guardrail_not_allowed")
        assert "all" not in raised.value.message.split()
    with pytest.raises(InvalidRequest) as raised:
        applied({"guardrail": guard("all")}, headers={ID: "other", VERSION: "1"})
    assert raised.value.param == ID
