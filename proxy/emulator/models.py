"""What a `{modelId}` names: an id, a profile or an ARN -> the facts of one model, or Bedrock's refusal.

Facts come from the proxy's `catalog.toml`, read here by a reader of its own. Which regions a geography spans: AWS's
"Supported Regions and models for inference profiles".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

from proxy.emulator.refusal import Refusal, invalid

GEOGRAPHIES = {
    "us": (("us-east-", "us-west-", "ca-"), ("us-east-1", "us-east-2", "us-west-2")),
    "eu": (("eu-",), ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3")),
    "apac": (("ap-",), ("ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2")),
    "jp": (("ap-northeast-1", "ap-northeast-3"), ("ap-northeast-1", "ap-northeast-3")),
    "au": (("ap-southeast-2", "ap-southeast-4"), ("ap-southeast-2", "ap-southeast-4")),
    "in": (("ap-south-",), ("ap-south-1", "ap-south-2")),
    "us-gov": (("us-gov-",), ("us-gov-east-1", "us-gov-west-1")),
    "global": (("us-east-", "us-west-", "ca-", "eu-", "ap-", "sa-", "me-", "af-", "il-", "mx-"), ("",)),
}
"""Geography -> (beginnings of the regions it can be called from, regions it leads to; "" is an ARN without one)."""

_USUAL_HOME = {"amazon": "us-east-1", "meta": "us-west-2"}
"""Where a model with `profile = "usual"` can be called by its plain id: Nova v1 and Llama 3.1 in their first region."""

_ARN = re.compile(r"arn:(aws[a-z-]*):bedrock:([a-z0-9-]*):([0-9]{12})?:((?:[a-z-]+)/.+)")
_INVALID = "The provided model identifier is invalid."


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the catalogue, in as far as the emulator looks at it."""

    id: str
    family: str
    title: str = ""
    context_tokens: int = 8192
    max_output_tokens: int = 2048
    profiles: tuple[str, ...] = ()
    profile: str = "none"
    sampling: str = "any"
    has_prefill: bool = False
    has_system_turns: bool = False
    has_images: bool = False
    features: frozenset[str] = frozenset()
    cache_points: tuple[str, ...] = ()
    cache_ttls: tuple[str, ...] = ("5m",)
    min_cache_tokens: int = 1024
    has_strict_tools: bool = False
    has_system: bool = True
    has_stops: bool = True
    min_output_tokens: int = 1
    streams: bool = True
    streams_tools: bool = True
    tool_choices: tuple[str, ...] = ("auto",)
    effort_field: str = ""
    efforts: tuple[str, ...] = ()
    bare_efforts: tuple[str, ...] = ()
    binds_history: bool = False
    end_of_life: date | None = None

    @property
    def provider(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """The vendor's name of it, as replies and errors use it: `claude-sonnet-4-5-20250929`."""
        return re.sub(r"-v\d+(:\d+)?$", "", self.id.partition(".")[2])

    def can_be_called_plainly(self, region: str) -> bool:
        if self.profile == "usual":
            return _USUAL_HOME.get(self.provider) == region
        return self.profile != "required"


IMPORTED = Model(
    "imported.chatml",
    "imported",
    title="An imported model",
    context_tokens=32_768,
    max_output_tokens=32_768,
    features=frozenset({"tools"}),
)
"""In nobody's catalogue: only an ARN leads to it."""


def read_catalog(path: Path | None = None) -> dict[str, Model]:
    """Model id -> model. Without a path: the catalogue that the proxy itself ships with."""
    source = path if path is not None else files("proxy.routing") / "catalog.toml"
    rows = tomllib.loads(source.read_text(encoding="utf-8"))["model"]
    models = [_read_model(row) for row in rows]
    return {model.id: model for model in models}


def _read_model(row: Mapping[str, Any]) -> Model:
    known = {name: _frozen(row[name]) for name in Model.__slots__ if name in row}
    end = row.get("end_of_life")
    return Model(
        **known
        | {
            "title": row.get("name", row["id"]),
            "features": frozenset(row.get("features", ())),
            "binds_history": row.get("thinking", {}).get("binds_history", False),
            "has_images": "images" in row.get("features", ()),
            "end_of_life": date.fromisoformat(end) if isinstance(end, str) else end,
        }
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Models:
    """The models of one account. `resources` maps the end of an ARN (`provisioned-model/abc`) to a model id."""

    def __init__(
        self,
        models: Mapping[str, Model],
        resources: Mapping[str, str],
        account: str,
        today: date | None = None,
    ) -> None:
        self.by_id = dict(models)
        known = {**models, IMPORTED.id: IMPORTED}
        self.resources = {end: known[id] for end, id in resources.items() if id in known}
        self.account = account
        self._today = today
        """Models whose end of life lies before it are gone; with none, models live for ever."""

    def resolve(self, identifier: str, region: str) -> Model:
        """The model that answers in `region`. Raises `Refusal` as Bedrock does for an id that is not there."""
        if not 1 <= len(identifier) <= 2048:
            raise invalid(_INVALID)
        model = self._by_arn(identifier, region) if identifier.startswith("arn:") else self._by_name(identifier, region)
        if self.is_gone(model):
            raise Refusal(
                "ResourceNotFoundException",
                "This model version has reached the end of its life. Please refer to the AWS documentation for more "
                "details.",
            )
        return model

    def is_gone(self, model: Model) -> bool:
        return bool(self._today and model.end_of_life and model.end_of_life < self._today)

    def find_profile(self, identifier: str, region: str) -> tuple[str, Model] | None:
        """A system profile id that can be called from `region` -> (geography, model)."""
        for geography in GEOGRAPHIES:
            model = self.by_id.get(identifier.removeprefix(f"{geography}."))
            if identifier.startswith(f"{geography}.") and model and geography in model.profiles:
                return (geography, model) if region.startswith(GEOGRAPHIES[geography][0]) else None
        return None

    def _by_name(self, identifier: str, region: str) -> Model:
        if profile := self.find_profile(identifier, region):
            return profile[1]
        model = self.by_id.get(identifier)
        if model is None:
            raise invalid(_INVALID)
        if not model.can_be_called_plainly(region):
            raise invalid(
                f"Invocation of model ID {identifier} with on-demand throughput isn’t supported. Retry your request "
                "with the ID or ARN of an inference profile that contains this model."
            )
        return model

    def _by_arn(self, arn: str, region: str) -> Model:
        match = _ARN.fullmatch(arn)
        if match is None or match[2] != region:
            raise invalid(_INVALID)
        kind, _, name = match[4].partition("/")
        if kind == "foundation-model" and not match[3]:
            return self._by_name(name, region) if name in self.by_id else self._unknown()
        if match[3] != self.account:
            raise invalid(_INVALID)
        if kind == "inference-profile":
            profile = self.find_profile(name, region)
            return profile[1] if profile else self._unknown()
        return self.resources.get(match[4]) or self._unknown()

    @staticmethod
    def _unknown() -> Model:
        raise invalid(_INVALID)
