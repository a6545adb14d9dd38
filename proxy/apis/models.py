"""`/v1/models` and `/v1/models/{id}`.

{"object": "list", "data": [{"id": "…", "object": "model", "created": 1686935002, "owned_by": "anthropic"}, …]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proxy.routing.resolve import ListedModel


def render_list(models: Sequence[ListedModel]) -> dict[str, Any]:
    return {"object": "list", "data": [render(model) for model in models]}


def render(model: ListedModel) -> dict[str, Any]:
    """The last two are read by clients that plan their prompts; the others pass over them."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "context_window": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
    }
