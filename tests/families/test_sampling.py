"""Temperature and top_p, where a model takes both, one or neither."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from proxy.errors import InvalidRequest
from proxy.families.sampling import temperature_and_top_p, top_k
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request, Sampling
from proxy.routing.catalog import Catalog

MODEL = Catalog.load().all()[0]
Pair = tuple[float | None, float | None]


@pytest.mark.parametrize(
    ("takes", "asked", "sent", "adapted"),
    [
        ("any", (None, None), (None, None), ""),
        ("any", (0.5, 0.9), (0.5, 0.9), ""),
        ("any", (1.5, 0.9), (1, 0.9), "temperature=1.5->1"),
        ("one", (0.5, None), (0.5, None), ""),
        ("one", (None, 0.9), (None, 0.9), ""),
        ("one", (0.5, 0.9), (0.5, None), "top_p=dropped"),
        ("one", (0.5, 1), (0.5, None), ""),
        # The default is the one to spare.
        ("one", (1, 0.9), (None, 0.9), ""),
        ("one", (1.5, 0.9), (None, 0.9), "temperature=1.5->1"),
        ("one", (1, 1), (1, None), ""),
        ("none", (1, 1), (None, None), ""),
        ("none", (0.5, 0.9), (None, None), "temperature=dropped, top_p=dropped"),
    ],
)
def test_temperature_and_top_p(takes: Literal["any", "one", "none"], asked: Pair, sent: Pair, adapted: str) -> None:
    notes = Adaptations()
    request = Request("m", [], Sampling(temperature=asked[0], top_p=asked[1]))
    assert temperature_and_top_p(request, replace(MODEL, sampling=takes), notes) == sent
    assert notes.header() == adapted


@pytest.mark.parametrize(
    ("id", "asked", "sent", "adapted"),
    [
        ("amazon.nova-pro-v1:0", 128, 128, ""),
        ("amazon.nova-pro-v1:0", 500, 128, "top_k=500->128"),
        ("anthropic.claude-sonnet-4-6", 10**9, 500, "top_k=1000000000->500"),
        ("anthropic.claude-sonnet-4-6", 0, 0, ""),
        # Nobody has said how far it goes.
        ("zai.glm-5", 10**9, 10**9, ""),
    ],
)
def test_top_k(id: str, asked: int, sent: int, adapted: str) -> None:
    model, notes = Catalog.load().find(id), Adaptations()
    assert model is not None
    assert top_k(Request("m", [], extra={"top_k": asked}), model, notes) == sent
    assert notes.header() == adapted


@pytest.mark.parametrize("asked", ["5", 0.5, True, -1, [5]])
def test_a_top_k_that_is_none(asked: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        top_k(Request("m", [], extra={"top_k": asked}), MODEL, Adaptations())
    assert raised.value.param == "top_k"
