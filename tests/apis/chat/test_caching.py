"""What is said of the prompt cache as a whole."""

from typing import Any

import pytest

from proxy.apis.chat.caching import parse_caching
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Caching

OPTIONS, RETENTION, CONTROL = "prompt_cache_options", "prompt_cache_retention", "cache_control"


def parsed(**body: Any) -> tuple[Caching | None, str]:
    adapted = Adaptations()
    return parse_caching(body, adapted), adapted.header()


def options(is_automatic: bool | None, ttl: str | None = None, word: str | None = None) -> Caching:
    return Caching(is_automatic, f"{OPTIONS}.mode", ttl, f"{OPTIONS}.ttl" if ttl else "", word)


@pytest.mark.parametrize(
    ("body", "caching", "header"),
    [
        ({}, None, ""),
        ({OPTIONS: None, RETENTION: None, CONTROL: None, "prompt_cache_key": None}, None, ""),
        ({OPTIONS: {}}, None, ""),
        ({OPTIONS: {"mode": "implicit"}}, options(True), ""),
        ({OPTIONS: {"mode": "explicit"}}, options(False), ""),
        ({OPTIONS: {"ttl": "30m"}}, options(None, "1h", "30m"), ""),
        ({OPTIONS: {"mode": "implicit", "ttl": "5m"}}, options(True, "5m", "5m"), ""),
        ({OPTIONS: {"mode": "implicit", "scope": "x"}}, options(True), f"{OPTIONS}.scope=dropped"),
        ({RETENTION: "24h"}, Caching(None, f"{OPTIONS}.mode", "1h", RETENTION, "24h"), ""),
        ({RETENTION: "in_memory"}, None, ""),
        ({RETENTION: "in-memory"}, None, ""),
        ({CONTROL: {"type": "ephemeral"}}, Caching(True, CONTROL), ""),
        ({CONTROL: {"type": "ephemeral", "ttl": "1h"}}, Caching(True, CONTROL, "1h", f"{CONTROL}.ttl", "1h"), ""),
        ({CONTROL: {"ttl": "12h"}}, Caching(True, CONTROL, "1h", f"{CONTROL}.ttl", "1h"), f"{CONTROL}.ttl=12h->1h"),
        # Together: of what they say differently, the newest word counts.
        ({OPTIONS: {"mode": "explicit"}, CONTROL: {"type": "ephemeral"}}, options(False), f"{CONTROL}=dropped"),
        ({OPTIONS: {"mode": "implicit"}, CONTROL: {"type": "ephemeral"}}, options(True), ""),
        (
            {OPTIONS: {"mode": "implicit"}, RETENTION: "24h"},
            Caching(True, f"{OPTIONS}.mode", "1h", RETENTION, "24h"),
            "",
        ),
        ({OPTIONS: {"ttl": "30m"}, RETENTION: "24h"}, options(None, "1h", "30m"), ""),
        ({OPTIONS: {"ttl": "5m"}, RETENTION: "24h"}, options(None, "5m", "5m"), f"{RETENTION}=dropped"),
        (
            {CONTROL: {"ttl": "5m"}, RETENTION: "24h"},
            Caching(True, CONTROL, "5m", f"{CONTROL}.ttl", "5m"),
            f"{RETENTION}=dropped",
        ),
        ({OPTIONS: {"ttl": "1h"}, RETENTION: "in_memory"}, options(None, "1h", "1h"), ""),
        ({"prompt_cache_key": "k"}, None, "prompt_cache_key=dropped"),
        ({"prompt_cache_key": ""}, None, ""),
    ],
    ids=str,
)
def test_what_is_said(body: dict[str, Any], caching: Caching | None, header: str) -> None:
    assert parsed(**body) == (caching, header)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({OPTIONS: "implicit"}, OPTIONS, "invalid_type"),
        ({OPTIONS: {"mode": "auto"}}, f"{OPTIONS}.mode", "invalid_value"),
        ({OPTIONS: {"mode": True}}, f"{OPTIONS}.mode", "invalid_type"),
        ({OPTIONS: {"ttl": "1d"}}, f"{OPTIONS}.ttl", "invalid_value"),
        ({OPTIONS: {"ttl": 30}}, f"{OPTIONS}.ttl", "invalid_type"),
        ({RETENTION: "48h"}, RETENTION, "invalid_value"),
        ({RETENTION: 24}, RETENTION, "invalid_type"),
        ({CONTROL: True}, CONTROL, "invalid_type"),
        ({CONTROL: {"type": "x"}}, f"{CONTROL}.type", "invalid_value"),
        ({"prompt_cache_key": 1}, "prompt_cache_key", "invalid_type"),
        # Also where another word counts.
        ({OPTIONS: {"mode": "explicit"}, CONTROL: 1}, CONTROL, "invalid_type"),
        ({OPTIONS: {"mode": "explicit"}, RETENTION: "x"}, RETENTION, "invalid_value"),
    ],
    ids=str,
)
def test_what_it_cannot_be(body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parsed(**body)
    assert (raised.value.param, raised.value.code) == (param, code)
