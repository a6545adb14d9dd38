"""`Request` -> a Llama body for InvokeModel.

    {"prompt": "<|begin_of_text|>…", "max_gen_len": 2048, "temperature": 0.5, "top_p": 0.9}

There is nothing else: Bedrock refuses every other key. Source: AWS Bedrock user guide, "Meta Llama models", 2026.
"""

from __future__ import annotations

from typing import Any

from proxy import jsonio
from proxy.families import sampling
from proxy.families.call import Call
from proxy.families.invoke import invoke_headers
from proxy.families.llama.template import TEMPLATES
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model

_FEWEST_BYTES_A_TOKEN = 3
"""Llama prompts have more than this on average, in English and code; enough to leave room, not to refuse."""


def build(request: Request, model: Model, adapted: Adaptations) -> Call:
    prompt = TEMPLATES[model.template].render(request.messages, adapted)
    body: dict[str, Any] = {"prompt": prompt, "max_gen_len": _max_gen_len(request, model, prompt, adapted)}
    temperature = sampling.temperature(request, adapted)
    if temperature is not None:
        body["temperature"] = temperature
    if request.sampling.top_p is not None:
        body["top_p"] = request.sampling.top_p
    sampling.drop_what_bedrock_lacks(request, adapted)
    for name in request.extra:
        adapted.drop_unknown(name)
    if request.end_user is not None:
        adapted.drop(request.param("end_user"), "It is not told who asks.")
    return Call(
        body=jsonio.encode(body),
        headers=invoke_headers(request, adapted),
        stops=request.sampling.stop,
    )


def _max_gen_len(request: Request, model: Model, prompt: str, adapted: Adaptations) -> int:
    asked = sampling.max_tokens(request, model, adapted)
    if request.sampling.max_tokens is None:
        # Nobody named a number, so ours must not be what makes prompt and answer together too long.
        room = model.context_tokens - len(prompt.encode()) // _FEWEST_BYTES_A_TOKEN
        return max(min(asked, room), min(asked, 256))
    return asked
