"""What the account can call in one region, as Bedrock's control plane lists it.

Two lists make one answer: foundation models that can be called on demand, and inference profiles, those of AWS and those
of the account. Wire: ListFoundationModels and ListInferenceProfiles, botocore 1.44 service model `bedrock`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from msgspec import DecodeError

from proxy import jsonio
from proxy.bedrock.errors import error_from_response
from proxy.errors import UpstreamBroken

Get = Callable[[str, str], Awaitable[tuple[int, bytes]]]
"""One signed GET: path and query -> status and body. Raises `ProxyError` for what happens on the way."""

_PAGE_SIZE = 1000
_MOST_PAGES = 100
"""More than any account has; a server that never stops paging is broken."""
_TEXT, _IMAGE = "TEXT", "IMAGE"
_CALLABLE_STATES = ("ACTIVE", "LEGACY")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    name: str
    """For people, or ""."""
    has_images: bool
    streams: bool


@dataclass(frozen=True, slots=True)
class AccountModels:
    """Text models that the account can name in a call."""

    on_demand: frozenset[str]
    """Ids of foundation models that can be called as they are: `meta.llama3-70b-instruct-v1:0`."""
    profiles: dict[str, str]
    """What names an inference profile -> the id of the foundation model behind it: `us.meta.llama3-3-70b-instruct-v1:0`
    and its ARN. A profile of the account's own has its ARN alone: Bedrock takes no other name for it."""
    legacy: frozenset[str]
    """Ids of foundation models that are on their way out: accounts that do not use them cannot begin to."""
    facts: dict[str, ModelFacts]
    """Of every foundation model that reads and writes text, by its id."""


async def fetch_account_models(get: Get) -> AccountModels:
    """Raises `ProxyError`: most often `Forbidden`, since many roles may call models but not list them."""
    # Without a filter: a profile does not say what its model puts out, so the other models are needed as well.
    models = await _fetch(get, "/foundation-models", {})
    profiles: list[dict[str, Any]] = []
    # Without a type the service lists those of AWS only.
    for kind in ("SYSTEM_DEFINED", "APPLICATION"):
        query = {"maxResults": str(_PAGE_SIZE), "type": kind}
        for _ in range(_MOST_PAGES):
            page = await _fetch(get, "/inference-profiles", query)
            profiles.append(page)
            token = page.get("nextToken")
            if not isinstance(token, str) or not token:
                break
            query["nextToken"] = token
        else:
            raise UpstreamBroken(f"Bedrock's list of inference profiles has no end after {_MOST_PAGES} pages.")
    return parse_account_models(models, profiles)


def parse_account_models(models: dict[str, Any], profile_pages: Iterable[dict[str, Any]]) -> AccountModels:
    """An answer of ListFoundationModels and the pages of ListInferenceProfiles -> what can be called.

    Lenient: an entry without the members that matter is left out, unknown members and values are ignored. The live
    service says `INFERENCE_PROFILE` of models that can be called through a profile only, which the service model does
    not list.
    """
    on_demand: set[str] = set()
    legacy: set[str] = set()
    speechless: set[str] = set()
    facts: dict[str, ModelFacts] = {}
    for model in _objects(models.get("modelSummaries")):
        model_id = model.get("modelId")
        if not isinstance(model_id, str):
            continue
        if _TEXT not in _list(model.get("outputModalities")):
            speechless.add(model_id)
            continue
        if _TEXT in _list(model.get("inputModalities")):
            facts[model_id] = _facts(model)
        lifecycle = model.get("modelLifecycle")
        state = lifecycle.get("status") if isinstance(lifecycle, dict) else "ACTIVE"
        if state == "LEGACY":
            legacy.add(model_id)
        if (
            state in _CALLABLE_STATES
            and "ON_DEMAND" in _list(model.get("inferenceTypesSupported"))
            and not _is_provisioned_variant(model_id)
        ):
            on_demand.add(model_id)
    profiles = {
        name: base_id
        for page in profile_pages
        for profile in _objects(page.get("inferenceProfileSummaries"))
        if profile.get("status", "ACTIVE") == "ACTIVE" and (base_id := _base_id(profile)) and base_id not in speechless
        for name in _names(profile)
    }
    return AccountModels(frozenset(on_demand), profiles, frozenset(legacy), facts)


def _facts(model: dict[str, Any]) -> ModelFacts:
    name = model.get("modelName")
    return ModelFacts(
        name=name if isinstance(name, str) else "",
        has_images=_IMAGE in _list(model.get("inputModalities")),
        # An optional member; without a word, a model streams.
        streams=model.get("responseStreamingSupported") is not False,
    )


def _is_provisioned_variant(model_id: str) -> bool:
    """Whether the id goes on after its version, as in `…-v1:0:200k` and `…-v1:0:mm`: such can only be provisioned."""
    return model_id.count(":") > 1


def _base_id(profile: dict[str, Any]) -> str | None:
    """The id at the end of the first model's ARN. All models of a profile are the same one in different regions."""
    for model in _objects(profile.get("models")):
        arn = model.get("modelArn")
        if isinstance(arn, str) and (base_id := arn.rpartition("foundation-model/")[2]) and base_id != arn:
            return base_id
    return None


def _names(profile: dict[str, Any]) -> Iterable[str]:
    members = (
        ("inferenceProfileArn",)
        if profile.get("type") == "APPLICATION"
        else ("inferenceProfileId", "inferenceProfileArn")
    )
    return (name for member in members if isinstance(name := profile.get(member), str))


async def _fetch(get: Get, path: str, query: dict[str, str]) -> dict[str, Any]:
    status, body = await get(path, urlencode(query))
    if status != 200:
        raise error_from_response(status, {}, body)
    try:
        answer = jsonio.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamBroken(f"Bedrock's answer to GET {path} is not JSON.") from error
    if not isinstance(answer, dict):
        raise UpstreamBroken(f"Bedrock's answer to GET {path} is not an object.")
    return answer


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
