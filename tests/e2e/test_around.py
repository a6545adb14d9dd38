"""What stands around a conversation: tier, latency, labels and the user, on each family's wire and back."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
ALL = pytest.mark.parametrize("model", [CLAUDE, LLAMA, NOVA])
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
HOW = pytest.mark.parametrize("how", [{}, STREAM], ids=["whole", "streamed"])


def tiers(reply: Any) -> list[str]:
    """Of the whole answer, or of each chunk."""
    assert reply.status_code == 200, reply.text
    if reply.headers["content-type"] == "application/json":
        return [reply.json()["service_tier"]]
    lines = [line for line in reply.text.splitlines() if line.startswith("data: {")]
    return [jsonio.decode(line.removeprefix("data: "))["service_tier"] for line in lines]


@ALL
@HOW
@pytest.mark.parametrize(
    ("asked", "sent"),
    [("flex", "flex"), ("priority", "priority"), ("fast", "priority"), ("default", None), ("auto", None), (None, None)],
)
def test_a_tier_is_sent_and_told(proxy, bedrock, model, how, asked, sent):
    reply = proxy.chat(model, service_tier=asked, **how)
    assert set(tiers(reply)) == {sent or "default"}
    told = bedrock.call.body.get("serviceTier", {}).get("type")
    assert (told if model == NOVA else bedrock.call.headers.get("x-amzn-bedrock-service-tier")) == sent


@pytest.mark.parametrize("model", [CLAUDE, LLAMA])
@HOW
def test_the_tier_told_is_the_one_used(proxy, bedrock, model, how):
    used = bedrock.script(headers={"x-amzn-bedrock-service-tier": "default"})
    assert set(tiers(proxy.chat(model, headers=used, service_tier="priority", **how))) == {"default"}


def test_the_tier_told_is_the_one_used_by_converse(proxy, bedrock):
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "serviceTier": {"type": "default"},
    }
    assert tiers(proxy.chat(NOVA, headers=bedrock.script(raw={"body": answer}), service_tier="flex")) == ["default"]
    events = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": answer["usage"], "serviceTier": {"type": "default"}}},
    ]
    told = tiers(proxy.chat(NOVA, headers=bedrock.script(events=events), service_tier="flex", **STREAM))
    # It is known at the end.
    assert (set(told[:-1]), told[-1]) == ({"flex"}, "default")


@ALL
@HOW
def test_latency_and_labels(proxy, bedrock, model, how):
    reply = proxy.chat(
        model, performanceConfig={"latency": "optimized"}, metadata={"team": "blue", "place": "Zürich"}, **how
    )
    assert reply.status_code == 200
    assert reply.headers["x-bedrock-proxy-adapted"] == "metadata.place=dropped"
    call = bedrock.call
    if model == NOVA:
        assert call.body["performanceConfig"] == {"latency": "optimized"}
        assert call.body["requestMetadata"] == {"team": "blue"}
    else:
        assert call.headers["x-amzn-bedrock-performanceconfig-latency"] == "optimized"
        assert jsonio.decode(call.headers["x-amzn-bedrock-request-metadata"]) == {"team": "blue"}


@ALL
@pytest.mark.parametrize("name", ["user", "safety_identifier"])
def test_the_user(proxy, bedrock, model, name):
    reply = proxy.chat(model, **{name: "ann@example.com"})
    assert reply.status_code == 200
    if model == CLAUDE:
        assert bedrock.call.body["metadata"] == {"user_id": sha256(b"ann@example.com").hexdigest()}
    else:
        assert reply.headers["x-bedrock-proxy-adapted"] == f"{name}=dropped"
        assert "ann@" not in repr(bedrock.call.body)
