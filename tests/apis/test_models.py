from dataclasses import replace

from proxy.apis.models import render, render_list
from proxy.routing.catalog import LongInput, Price
from proxy.routing.listed import ListedModel

LLAMA = ListedModel("us.meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B", 1733443200, "meta", 128_000, 2048)


def test_one() -> None:
    assert render(LLAMA) == {
        "id": "us.meta.llama3-3-70b-instruct-v1:0",
        "object": "model",
        "created": 1733443200,
        "owned_by": "meta",
        "context_window": 128_000,
        "max_output_tokens": 2048,
        "features": [],
    }


def test_what_it_can_and_what_it_costs() -> None:
    listed = replace(
        LLAMA,
        features=("images", "tools"),
        price_usd=Price(input=0.1, output=0.5, cache_read=0.01),
        long_input=LongInput(above_tokens=100_000, price_factor=5),
    )
    rendered = render(listed)
    assert rendered["features"] == ["images", "tools"]
    assert rendered["pricing"] == {
        "input": 0.1,
        "output": 0.5,
        "cache_read": 0.01,
        "long_input": {"above_tokens": 100_000, "price_factor": 5},
    }


def test_list() -> None:
    assert render_list([LLAMA]) == {"object": "list", "data": [render(LLAMA)]}
    assert render_list([]) == {"object": "list", "data": []}
