"""`/v1/models` and `/v1/models/{id}`.

    {"object": "list", "data": [{"id": "…", "object": "model", "created": 1686935002, "owned_by": "anthropic", …}, …]}

Beside OpenAI's members, which clients pass over: `context_window` and `max_output_tokens`; `features`, of them `schema`
where the service itself keeps to one; `pricing` in US dollars per million tokens, where it is known:

    {"input": 0.1, "output": 0.5, "cache_read": 0.01, "cache_write": 0.125, "cache_write_1h": 0.2,
     "long_input": {"above_tokens": 100000, "price_factor": 5}}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from proxy.routing.listed import ListedModel


def render_list(models: Sequence[ListedModel]) -> dict[str, Any]:
    return {"object": "list", "data": [render(model) for model in models]}


def render(model: ListedModel) -> dict[str, Any]:
    rendered: dict[str, Any] = {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "context_window": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "features": list(model.features),
    }
    if model.price_usd is not None:
        known = {name: value for name, value in asdict(model.price_usd).items() if value is not None}
        if model.long_input is not None:
            known["long_input"] = asdict(model.long_input)
        rendered["pricing"] = known
    return rendered
