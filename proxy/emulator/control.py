"""The control plane: which models and inference profiles there are.

Shapes: botocore 1.44 service model of `bedrock` (ListFoundationModels, GetFoundationModel, ListInferenceProfiles,
GetInferenceProfile). Only the models that the emulator can answer for are listed.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.emulator.models import GEOGRAPHIES, Model, Models
from proxy.emulator.refusal import Refusal, invalid

FAMILIES = ("claude", "llama", "converse")
PAGE = 1000

_PROVIDERS = {
    "ai21": "AI21 Labs",
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Google",
    "meta": "Meta",
    "minimax": "MiniMax",
    "mistral": "Mistral AI",
    "moonshot": "Moonshot AI",
    "moonshotai": "Moonshot AI",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "qwen": "Qwen",
    "writer": "Writer",
    "xai": "xAI",
    "zai": "Z.AI",
}
_SINCE = "2025-01-01T00:00:00Z"
_ENUMS = {
    "byCustomizationType": ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"),
    "byOutputModality": ("TEXT", "IMAGE", "EMBEDDING"),
    "byInferenceType": ("ON_DEMAND", "PROVISIONED"),
    "type": ("SYSTEM_DEFINED", "APPLICATION"),
}


def list_models(models: Models, region: str, query: Mapping[str, str]) -> dict[str, Any]:
    """`GET /foundation-models`; not paginated."""
    for name in ("byCustomizationType", "byOutputModality", "byInferenceType"):
        _check_enum(query, name)
    summaries = [summary for model in _served(models) if _is_wanted(summary := _summarise(model, region), query)]
    return {"modelSummaries": summaries}


def get_model(models: Models, region: str, identifier: str) -> dict[str, Any]:
    """`GET /foundation-models/{modelIdentifier}`, an id or an ARN."""
    model = models.by_id.get(identifier.removeprefix(_model_arn(region, "")))
    if model is None or model.family not in FAMILIES:
        raise Refusal("ResourceNotFoundException")
    return {"modelDetails": _summarise(model, region)}


def list_profiles(models: Models, region: str, query: Mapping[str, str]) -> dict[str, Any]:
    """`GET /inference-profiles`, page by page. Without a `type`, those that AWS defines."""
    _check_enum(query, "type")
    wanted = query.get("type", "SYSTEM_DEFINED")
    profiles = [profile for profile in _profiles(models, region) if profile["type"] == wanted]
    start = _read_token(query["nextToken"]) if "nextToken" in query else 0
    size = _read_size(query.get("maxResults", str(PAGE)))
    page: dict[str, Any] = {"inferenceProfileSummaries": profiles[start : start + size]}
    if start + size < len(profiles):
        page["nextToken"] = urlsafe_b64encode(f"from:{start + size}".encode()).decode()
    return page


def get_profile(models: Models, region: str, identifier: str) -> dict[str, Any]:
    """`GET /inference-profiles/{inferenceProfileIdentifier}`, an id or an ARN; not wrapped."""
    for profile in _profiles(models, region):
        if identifier in (profile["inferenceProfileId"], profile["inferenceProfileArn"]):
            return profile
    raise Refusal("ResourceNotFoundException", f"Inference profile {identifier} not found")


def _served(models: Models) -> Iterator[Model]:
    return (model for model in models.by_id.values() if model.family in FAMILIES and not models.is_gone(model))


def _summarise(model: Model, region: str) -> dict[str, Any]:
    inference = [] if model.profile == "none" else ["INFERENCE_PROFILE"]
    if model.can_be_called_plainly(region):
        inference.insert(0, "ON_DEMAND")
    lifecycle = {"status": "LEGACY" if model.end_of_life else "ACTIVE", "startOfLifeTime": _SINCE}
    if model.end_of_life:
        lifecycle["endOfLifeTime"] = f"{model.end_of_life}T00:00:00Z"
    return {
        "modelArn": _model_arn(region, model.id),
        "modelId": model.id,
        "modelName": model.title,
        "providerName": _provider(model),
        "inputModalities": ["TEXT", "IMAGE"] if model.has_images else ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": model.streams,
        "customizationsSupported": [],
        "inferenceTypesSupported": inference,
        "modelLifecycle": lifecycle,
    }


def _provider(model: Model) -> str:
    return _PROVIDERS.get(model.provider, model.provider)


def _is_wanted(summary: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    return (
        query.get("byProvider", summary["providerName"]).lower() == summary["providerName"].lower()
        and query.get("byOutputModality", "TEXT") in summary["outputModalities"]
        and ("byInferenceType" not in query or query["byInferenceType"] in summary["inferenceTypesSupported"])
        and "byCustomizationType" not in query
    )


def _profiles(models: Models, region: str) -> Iterator[dict[str, Any]]:
    for model in _served(models):
        for geography in model.profiles:
            callers, destinations = GEOGRAPHIES[geography]
            if region.startswith(callers):
                id = f"{geography}.{model.id}"
                arn = f"arn:aws:bedrock:{region}:{models.account}:inference-profile/{id}"
                name = f"{geography.upper()} {_provider(model)} {model.title}"
                yield _profile("SYSTEM_DEFINED", id, arn, name, [_model_arn(to, model.id) for to in destinations])
    for end, model in models.resources.items():
        kind, _, id = end.partition("/")
        if kind == "application-inference-profile":
            arn = f"arn:aws:bedrock:{region}:{models.account}:{end}"
            yield _profile("APPLICATION", id, arn, id, [_model_arn(region, model.id)])


def _profile(type: str, id: str, arn: str, name: str, model_arns: list[str]) -> dict[str, Any]:
    return {
        "inferenceProfileName": name,
        "description": f"Routes requests to {name}.",
        "createdAt": _SINCE,
        "updatedAt": _SINCE,
        "inferenceProfileArn": arn,
        "models": [{"modelArn": model_arn} for model_arn in model_arns],
        "inferenceProfileId": id,
        "status": "ACTIVE",
        "type": type,
    }


def _model_arn(region: str, id: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{id}"


def _check_enum(query: Mapping[str, str], name: str) -> None:
    if name in query and query[name] not in _ENUMS[name]:
        raise invalid(
            f"1 validation error detected: Value '{query[name]}' at '{name}' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(_ENUMS[name])}]"
        )


def _read_size(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PAGE):
        raise invalid(
            f"1 validation error detected: Value '{text}' at 'maxResults' failed to satisfy constraint: Member must be "
            f"between 1 and {PAGE}"
        )
    return int(text)


def _read_token(token: str) -> int:
    try:
        return int(urlsafe_b64decode(token).decode().removeprefix("from:"))
    except (Base64Error, ValueError):
        raise invalid("The provided nextToken is invalid.") from None
