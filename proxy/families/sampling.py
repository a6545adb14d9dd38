"""The sampling fields that more than one family treats alike."""

from __future__ import annotations

from types import MappingProxyType

from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model

_USEFUL_OUTPUT_TOKENS = 32_768
"""Asked for when the client names no limit and the model has more. Bedrock reserves the number against the account's
tokens per minute before it starts, so the 128,000 of a large model would throttle its owner for nothing. (AWS Bedrock
user guide, "Token burndown", 2026.)"""

_MOST_TOP_K = MappingProxyType({"amazon": 128, "anthropic": 500, "cohere": 500, "mistral": 200})
"""By provider. AWS Bedrock user guide, "Inference parameters by provider", 2026."""


def max_tokens(request: Request, model: Model, adapted: Adaptations) -> int:
    """What the client asked for, within what the model has; else the model's useful maximum."""
    asked = request.sampling.max_tokens
    if asked is None:
        return min(model.max_output_tokens, _USEFUL_OUTPUT_TOKENS)
    if asked > model.max_output_tokens:
        param = request.param("max_tokens")
        if adapted.is_strict:
            raise InvalidRequest(
                f"{param} is too large: {asked}. This model supports at most {model.max_output_tokens} completion tokens, "
                f"whereas you provided {asked}.",
                param=param,
                code="invalid_value",
            )
        adapted.take(param, asked, model.max_output_tokens)
        return model.max_output_tokens
    return asked


def temperature(request: Request, adapted: Adaptations) -> float | None:
    """OpenAI's 0 to 2 in Bedrock's 0 to 1."""
    asked = request.sampling.temperature
    if asked is not None and asked > 1:
        adapted.take("temperature", asked, 1)
        return 1.0
    return asked


def temperature_and_top_p(request: Request, model: Model, adapted: Adaptations) -> tuple[float | None, float | None]:
    """What of the two the model takes. 1 is every model's default: where only one may go out, it is the one to spare."""
    top_p = request.sampling.top_p
    if model.sampling == "none":
        if request.sampling.temperature not in (None, 1):
            adapted.drop("temperature", "This model chooses its own sampling.")
        if top_p not in (None, 1):
            adapted.drop("top_p", "This model chooses its own sampling.")
        return None, None
    chosen = temperature(request, adapted)
    if model.sampling == "any" or chosen is None or top_p is None:
        return chosen, top_p
    if chosen == 1 and top_p != 1:
        return None, top_p
    if top_p != 1:
        adapted.drop("top_p", "This model takes temperature or top_p, not both.")
    return chosen, None


def top_k(request: Request, model: Model, adapted: Adaptations) -> int:
    """No field of OpenAI's, but of most models, each with a limit of its own. Raises `InvalidRequest`."""
    asked = request.extra["top_k"]
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 0:
        raise InvalidRequest("Invalid 'top_k': expected an integer of at least 0.", param="top_k", code="invalid_value")
    most = _MOST_TOP_K.get(model.provider, asked)
    if asked > most:
        adapted.take("top_k", asked, most)
    return min(asked, most)


def drop_what_bedrock_lacks(request: Request, adapted: Adaptations) -> None:
    """`seed` and the penalties exist on no model of ours. A penalty of 0 is the default and needs no word."""
    sampling = request.sampling
    if sampling.seed is not None:
        adapted.drop("seed", "Bedrock has no seed.")
    if sampling.frequency_penalty:
        adapted.drop("frequency_penalty", "Bedrock has no penalties.")
    if sampling.presence_penalty:
        adapted.drop("presence_penalty", "Bedrock has no penalties.")
