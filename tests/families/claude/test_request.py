"""What goes around the conversation: headers, hashed users, labels. The fields themselves are in tests/golden/claude."""

from hashlib import sha256
from typing import Any

from proxy.neutral.request import Guardrail


def test_headers(claude: Any) -> None:
    built = claude.build(
        claude.asked(
            guardrail=Guardrail("gr-1", "DRAFT", "enabled_full"),
            metadata={"team": "blue"},
            service_tier="priority",
            extra={"performanceConfig": {"latency": "optimized"}},
        ),
        "sonnet-4-5",
        is_strict=True,
    )
    assert built.call.headers == {
        "x-amzn-bedrock-guardrailidentifier": "gr-1",
        "x-amzn-bedrock-guardrailversion": "DRAFT",
        "x-amzn-bedrock-trace": "ENABLED_FULL",
        "x-amzn-bedrock-service-tier": "priority",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-request-metadata": '{"team":"blue"}',
    }
    assert set(built.body) == {"anthropic_version", "max_tokens", "messages"}


def test_headers_that_cannot_be(claude: Any) -> None:
    for extra in ({"performanceConfig": {"latency": "x"}}, {"performanceConfig": "optimized"}):
        built = claude.build(claude.asked(extra=extra), "sonnet-4-5")
        assert (built.call.headers, built.adapted) == ({}, "performanceConfig=dropped")
    for metadata in ({"a": "é"}, {"a": "x" * 257}, {f"k{n}": "x" * 250 for n in range(40)}):
        built = claude.build(claude.asked(metadata=metadata), "sonnet-4-5")
        assert (built.call.headers, built.adapted) == ({}, "metadata=dropped")
    assert claude.build(claude.asked(guardrail=Guardrail("g", "1")), "sonnet-4-5").call.headers == {
        "x-amzn-bedrock-guardrailidentifier": "g",
        "x-amzn-bedrock-guardrailversion": "1",
    }


def test_the_user_is_hashed(claude: Any) -> None:
    built = claude.build(claude.asked(end_user="me@example.com"), "sonnet-4-5", is_strict=True)
    assert built.body["metadata"] == {"user_id": sha256(b"me@example.com").hexdigest()}
