"""Room for the answer, and what goes around it. Everything else is in tests/golden/llama/requests."""

from typing import Any

import pytest

from proxy.families.llama.request import build
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Guardrail, Message, Request, Role, Sampling
from proxy.routing.catalog import Catalog


def max_gen_len(model_id: str, prompt_bytes: int, asked: int | None = None) -> int:
    model = Catalog.load().find(model_id)
    assert model is not None
    text = "x" * (prompt_bytes - len("<s>[INST]  [/INST]"))
    request = Request("m", [Message(Role.USER, [Text(text)])], Sampling(max_tokens=asked))
    adapted = Adaptations(is_strict=True)
    value = decode(build(request, model, adapted).body)["max_gen_len"]
    assert isinstance(value, int)
    return value


LLAMA2 = "meta.llama2-13b-chat-v1"  # 4,096 tokens of context, 2,048 of output


@pytest.mark.parametrize(
    ("prompt_bytes", "room"),
    [
        (30, 2048),
        (3 * 2048, 2048),  # three bytes or more a token: half the context is certainly free
        (3 * 2049, 2047),
        (3 * 3000, 1096),
        (3 * 4000, 256),  # some room is asked for in any case: Bedrock knows whether there is any
        (3 * 9000, 256),
    ],
)
def test_our_own_default_leaves_room_for_the_prompt(prompt_bytes: int, room: int) -> None:
    assert max_gen_len(LLAMA2, prompt_bytes) == room


def test_what_the_client_asks_for_is_not_ours_to_change() -> None:
    assert max_gen_len(LLAMA2, 3 * 9000, asked=2000) == 2000
    assert max_gen_len(LLAMA2, 3 * 9000, asked=1) == 1


def test_what_llama_lacks(llama: Any) -> None:
    for name, asked in (("reasoning_effort", "low"), ("reasoning_tokens", 2000)):
        request = llama.asked(sampling=Sampling(**{name: asked}))
        assert llama.build(request, "3-3").adapted == f"{name}=dropped"
    assert llama.build(llama.asked(sampling=Sampling(reasoning_effort="none")), "3-3", is_strict=True).adapted == ""
    built = llama.build(llama.asked(extra={"top_k": 5}, latency="optimized", end_user="me"), "3-3")
    assert built.adapted == "top_k=dropped, end_user=dropped"
    assert built.call.headers == {"x-amzn-bedrock-performanceconfig-latency": "optimized"}


def test_headers(llama: Any) -> None:
    request = llama.asked(guardrail=Guardrail("gr", "1", "enabled"), metadata={"team": "x"}, service_tier="flex")
    assert llama.build(request, "3-3", is_strict=True).call.headers == {
        "x-amzn-bedrock-service-tier": "flex",
        "x-amzn-bedrock-guardrailidentifier": "gr",
        "x-amzn-bedrock-guardrailversion": "1",
        "x-amzn-bedrock-trace": "ENABLED",
        "x-amzn-bedrock-request-metadata": '{"team":"x"}',
    }
