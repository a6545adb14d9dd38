from dataclasses import replace
from typing import Any

import pytest

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations


def built(converse: Any, model: Any, **more: Any) -> tuple[dict[str, Any], str]:
    """(what goes to the model past Converse, adaptations)"""
    model = converse.model(model) if isinstance(model, str) else model
    adapted = Adaptations()
    body = jsonio.decode(
        converse.build(
            converse.request({"messages": [{"role": "user", "blocks": ["Hi"]}], **more}), model, adapted
        ).body
    )
    return body.get("additionalModelRequestFields", {}), adapted.header()


def test_claude_may_adapt_without_a_choice_of_effort(converse: Any) -> None:
    model = converse.model("anthropic.claude-opus-5-5")
    assert model.thinking is not None
    model = replace(model, thinking=replace(model.thinking, efforts=()))
    fields, _ = built(converse, model, sampling={"reasoning_effort": "high"})
    assert fields == {"thinking": {"type": "adaptive", "display": "summarized"}}


NOVA, GPT, GROK, R1 = "amazon.nova-2-lite-v1:0", "openai.gpt-6-sol", "xai.grok-4.7", "deepseek.r1-v1:0"
QWEN, V3, OSS = "qwen.qwen3-32b-v1:0", "deepseek.v3-v1:0", "openai.gpt-oss-120b-1:0"


@pytest.mark.parametrize(
    ("model", "sampling", "fields", "adapted"),
    [
        (GPT, {"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}, ""),
        (GPT, {"reasoning_effort": "max"}, {"reasoning": {"effort": "xhigh"}}, "reasoning_effort=max->xhigh"),
        (GPT, {"reasoning_tokens": 3000}, {"reasoning": {"effort": "medium"}}, "reasoning_tokens=3000->medium"),
        (
            GPT,
            {"reasoning_tokens": 3000, "reasoning_effort": "low"},
            {"reasoning": {"effort": "low"}},
            "reasoning_tokens=dropped",
        ),
        (GROK, {"reasoning_effort": "none"}, {"reasoning": {"effort": "low"}}, "reasoning_effort=none->low"),
        (OSS, {"reasoning_effort": "none"}, {"reasoning_effort": "low"}, "reasoning_effort=none->low"),
        (QWEN, {"reasoning_effort": "none"}, {}, ""),
        (QWEN, {"reasoning_effort": "minimal"}, {"reasoning_config": "low"}, "reasoning_effort=minimal->low"),
        (V3, {"reasoning_effort": "none"}, {}, ""),
        (NOVA, {"reasoning_effort": "none"}, {"reasoningConfig": {"type": "disabled"}}, ""),
        (
            NOVA,
            {"reasoning_effort": "low"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            "",
        ),
        (
            R1,
            {"reasoning_effort": "low", "reasoning_tokens": 1},
            {},
            "reasoning_effort=dropped, reasoning_tokens=dropped",
        ),
        (R1, {"reasoning_effort": "none"}, {}, "reasoning_effort=dropped"),
        ("amazon.nova-pro-v1:0", {"reasoning_effort": "none"}, {}, ""),
        ("amazon.nova-pro-v1:0", {"reasoning_effort": "low"}, {}, "reasoning_effort=dropped"),
    ],
)
def test_efforts(model: str, sampling: dict[str, Any], fields: Any, adapted: str, converse: Any) -> None:
    assert built(converse, model, sampling=sampling) == (fields, adapted)


@pytest.mark.parametrize(
    ("model", "extra", "sampling", "fields", "adapted"),
    [
        (
            NOVA,
            {"reasoningConfig": {"type": "disabled"}},
            {"reasoning_effort": "high"},
            {"reasoningConfig": {"type": "disabled"}},
            "reasoning_effort=dropped",
        ),
        (
            "anthropic.claude-opus-4-7",
            {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
            {"reasoning_effort": "high"},
            {"thinking": {"type": "disabled"}},
            "reasoning_effort=dropped",
        ),
        (
            "anthropic.claude-opus-4-7",
            {
                "thinking": {"type": "adaptive"},
                "additionalModelRequestFields": {"thinking": {"type": "disabled"}},
            },
            {},
            {"thinking": {"type": "disabled"}},
            "thinking=dropped",
        ),
        (
            "anthropic.claude-opus-4-7",
            {"output_config": {"effort": "low"}},
            {"reasoning_effort": "high"},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
            "reasoning_effort=dropped",
        ),
        (
            "amazon.nova-pro-v1:0",
            {"top_k": 3, "inferenceConfig": {"topK": 5}},
            {},
            {"inferenceConfig": {"topK": 5}},
            "top_k=dropped",
        ),
    ],
    ids=str,
)
def test_two_words_for_one_thing(
    model: str, extra: Any, sampling: Any, fields: Any, adapted: str, converse: Any
) -> None:
    """The model's own comes first, and what gives way to it is named."""
    assert built(converse, model, extra=extra, sampling=sampling) == (fields, adapted)


def test_a_budget_that_contradicts_the_limit(converse: Any) -> None:
    extra = {"thinking": {"type": "enabled", "budget_tokens": 5000}}
    fields, adapted = built(converse, "anthropic.claude-sonnet-4-5-20250929-v1:0", extra=extra)
    assert (fields, adapted) == (extra, "")
    with pytest.raises(InvalidRequest) as raised:
        built(converse, "anthropic.claude-sonnet-4-5-20250929-v1:0", extra=extra, sampling={"max_tokens": 4000})
    assert raised.value.param == "thinking.budget_tokens"


@pytest.mark.parametrize("model", [NOVA, GPT, "anthropic.claude-sonnet-4-5-20250929-v1:0"])
def test_what_bedrock_itself_reads_is_no_field_of_a_models(converse: Any, model: str) -> None:
    """Guardrails are the policy's to decide, and `guardrailConfig` the only way to ask for one."""
    name = "amazon-bedrock-guardrailConfig"
    with pytest.raises(InvalidRequest) as raised:
        built(converse, model, extra={"additionalModelRequestFields": {"top_k": 1, name: {"tagSuffix": "x"}}})
    assert raised.value.param == f"additionalModelRequestFields.{name}"
