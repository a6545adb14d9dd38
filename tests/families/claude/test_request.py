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
            latency="optimized",
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
    built = claude.build(claude.asked(metadata={f"k{n}{'x' * 60}": "\n" * 256 for n in range(16)}), "sonnet-4-5")
    assert (built.call.headers, built.adapted) == ({}, "metadata=dropped")
    for metadata, param in (({"é": "a"}, "metadata.?"), ({"a": "x" * 257}, "metadata.a"), ({"": "x"}, "metadata.")):
        built = claude.build(claude.asked(metadata={**metadata, "team": "blue"}), "sonnet-4-5")
        assert (built.call.headers, built.adapted) == (
            {"x-amzn-bedrock-request-metadata": '{"team":"blue"}'},
            f"{param}=dropped",
        )
    assert claude.build(claude.asked(guardrail=Guardrail("g", "1")), "sonnet-4-5").call.headers == {
        "x-amzn-bedrock-guardrailidentifier": "g",
        "x-amzn-bedrock-guardrailversion": "1",
    }


def test_the_user_is_hashed(claude: Any) -> None:
    built = claude.build(claude.asked(end_user="me@example.com"), "sonnet-4-5", is_strict=True)
    assert built.body["metadata"] == {"user_id": sha256(b"me@example.com").hexdigest()}
