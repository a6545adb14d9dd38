from proxy.apis.models import render, render_list
from proxy.routing.resolve import ListedModel

LLAMA = ListedModel("us.meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B", 1733443200, "meta", 128_000, 2048)


def test_one() -> None:
    assert render(LLAMA) == {
        "id": "us.meta.llama3-3-70b-instruct-v1:0",
        "object": "model",
        "created": 1733443200,
        "owned_by": "meta",
        "context_window": 128_000,
        "max_output_tokens": 2048,
    }


def test_list() -> None:
    assert render_list([LLAMA]) == {"object": "list", "data": [render(LLAMA)]}
    assert render_list([]) == {"object": "list", "data": []}
