from dataclasses import replace
from typing import Any

from proxy.families.converse.native import native_fields
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request, Sampling


def test_claude_may_adapt_without_a_choice_of_effort(converse: Any) -> None:
    model = converse.model("anthropic.claude-opus-5-5")
    assert model.thinking is not None
    model = replace(model, thinking=replace(model.thinking, efforts=()))
    request = Request("m", [], sampling=Sampling(reasoning_effort="high"))
    assert native_fields(request, model, Adaptations()) == {"thinking": {"type": "adaptive"}}
