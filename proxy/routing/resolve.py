"""The client's name for a model -> where its call goes.

    gpt-4o                                          an alias of config.yaml
    meta.llama3-8b-instruct-v1:0                    a base id; one that needs an inference profile gets the region's
    us.anthropic.claude-sonnet-4-6                  an inference profile: sent as given
    arn:aws:bedrock:us-west-2:123456789012:…/…      an ARN: sent as given, to its own region

Percent-encoded once or not at all. Nothing is guessed from a name that is nearly right. Source: AWS Bedrock user guide,
"Supported foundation models" and "Inference profiles", 2026.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Literal, Protocol
from urllib.parse import unquote

from proxy.errors import ModelNotFound
from proxy.routing.aliases import Alias, any_model, check, is_any, said_of
from proxy.routing.catalog import Catalog, Model
from proxy.routing.ids import base_id_in, geo_in, is_id, parse_arn
from proxy.routing.listed import ListedModel, describe

_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Target:
    model: Model
    model_id: str
    """For the URL, not yet percent-encoded: base id, profile id or ARN."""
    region: str | None
    """That of the ARN, which the call has to go to. None: the configured one."""


class ListedFacts(Protocol):
    """What the account's own listing says of one model."""

    @property
    def name(self) -> str: ...

    @property
    def has_images(self) -> bool: ...

    @property
    def streams(self) -> bool: ...


class AccountModels(Protocol):
    """What the account's own listing says of one region."""

    @property
    def on_demand(self) -> frozenset[str]:
        """The base ids that can be called as they are."""
        ...

    @property
    def profiles(self) -> Mapping[str, str]:
        """Inference profiles, by id or ARN -> the base id behind."""
        ...

    @property
    def facts(self) -> Mapping[str, ListedFacts]:
        """Base id -> what is told of the model, callable or not."""
        ...


class Resolver:
    """Built again when the configuration or the account's listing changes; answers do not change in between."""

    def __init__(
        self,
        catalog: Catalog,
        region: str,
        *,
        families: Collection[str],
        aliases: Mapping[str, Alias] = MappingProxyType({}),
        scope: Literal["geo", "global"] = "geo",
        known: AccountModels | None = None,
    ) -> None:
        """`families`: those that can be served. `scope`: which profile goes first, the geography's or the global one.

        `known`: the account's listing, None without one. Raises `ValueError`, which names the place in config.yaml, for
        an alias that cannot be used.
        """
        self._catalog = catalog
        self._region = region
        self._families = frozenset(families)
        self._aliases = dict(aliases)
        self._known = known
        geos = catalog.geos_of(region)
        self._geos = geos if scope == "geo" else tuple(sorted(geos, key=lambda geo: geo != "global"))
        self._profiles_of: dict[str, list[str]] = defaultdict(list)
        for profile_id, base_id in known.profiles.items() if known is not None else ():
            if profile_id.endswith(f".{base_id}"):
                self._profiles_of[base_id].append(profile_id)
        check(self._aliases, catalog)

    def resolve(self, name: str) -> Target:
        """Raises `ModelNotFound`."""
        called = name if name in self._aliases else unquote(name)
        alias = self._aliases.get(called, Alias())
        model_id = called if alias.id is None else alias.id
        described = self._aliases.get(model_id, alias)
        target = self._target(model_id, said_of(alias, self._catalog) or said_of(described, self._catalog), name)
        if target.model.family not in self._families:
            raise _not_found(name)
        limit = alias.max_output_tokens or described.max_output_tokens
        return replace(target, model=replace(target.model, max_output_tokens=limit)) if limit else target

    def describe(self, name: str) -> ListedModel:
        """One entry of /v1/models. Raises `ModelNotFound`."""
        target = self.resolve(name)
        return describe(name, target.model, geo_in(target.model_id, self._catalog))

    def list_models(self, today: date) -> list[ListedModel]:
        """The aliases, and what the account can call in this region; sorted by id.

        Without the account's listing: what the catalogue says of the region, but for models past their end of life.
        ARNs are left out, for they hold account numbers; an alias makes one visible.
        """
        names = {*self._aliases, *(self._offered(today) if self._known is None else self._listed(self._known))}
        models = []
        for name in sorted(names):
            if not name.startswith("arn:"):
                try:
                    models.append(self.describe(name))
                except ModelNotFound:  # of a family that is not served, not a model for chat, or an alias for nothing
                    continue
        return models

    def _find(self, base_id: str, facts: Model | None) -> Model | None:
        """A listed model; else what the operator said; else what the beginning of the id and the account's listing tell.

        Where the operator said that it is to be called as every model can be, it keeps its facts.
        """
        model = self._catalog.find(base_id)
        if facts is not None and not is_any(facts) and (model is None or not model.is_listed):
            return facts
        if (model is None or not model.is_listed) and self._known is not None and base_id in self._known.facts:
            model = self._from_listing(base_id, model, self._known.facts[base_id])
        if facts is None or not is_any(facts):
            return model
        return facts if model is None else replace(model, family=facts.family)

    def _from_listing(self, base_id: str, guess: Model | None, told: ListedFacts) -> Model | None:
        """Careful facts for a model that the catalogue does not list and the account has."""
        if guess is None:
            any_one = any_model(self._catalog)
            if any_one is None or not self._catalog.may_chat(base_id):
                return None
            guess = replace(any_one, id=base_id)
        features = guess.features - {"images"}
        return replace(
            guess,
            name=told.name or base_id,
            features=features | {"images"} if told.has_images else features,
            streams=guess.streams and told.streams,
        )

    def _target(self, model_id: str, facts: Model | None, name: str) -> Target:
        """`facts`: of the family that the operator gave. `name`: the client's word, for the error."""
        if not is_id(model_id):
            raise _not_found(name)
        listed_id = self._known.profiles.get(model_id) if self._known is not None else None
        base_id = listed_id or base_id_in(model_id, self._catalog)
        model = self._find(base_id, facts)
        arn = parse_arn(model_id)
        if model is None:
            hint = "Its ARN does not tell the model: set its family or chat_template under models in config.yaml."
            raise _not_found(name, hint if arn is not None and not base_id else "")
        if arn is not None:
            return Target(model, model_id, arn.region)
        # A profile, a provisioned variant, or an id that says nothing: as given.
        is_base_id = listed_id is None and model.id == model_id
        return Target(model, self._callable_id(model, name) if is_base_id else model_id, None)

    def _callable_id(self, model: Model, name: str) -> str:
        """What stands in the URL for a base id: itself, or the profile that a call from this region needs."""
        if self._known is not None:
            is_enough = model.profile != "required" and model.id in self._known.on_demand
        else:
            is_enough = model.profile in ("none", "optional")
        if is_enough:
            return model.id
        profiles = self._profiles(model)
        if profiles:
            return profiles[0]
        if model.profile == "required":
            raise _not_found(name, f"It needs an inference profile, and none is known for {self._region}.")
        return model.id

    def _profiles(self, model: Model) -> list[str]:
        """The profiles of a model that can be called from this region, the first choice first."""
        if self._known is None:
            return [f"{geo}.{model.id}" for geo in self._geos if geo in model.profiles]
        ranks = {f"{geo}.{model.id}": rank for rank, geo in enumerate(self._geos)}
        # The listing may know of a geography that the catalogue does not.
        return sorted(self._profiles_of.get(model.id, ()), key=lambda id: (ranks.get(id, len(ranks)), id))

    def _listed(self, known: AccountModels) -> Iterator[str]:
        yield from known.on_demand
        yield from known.profiles

    def _offered(self, today: date) -> Iterator[str]:
        for model in self._catalog.all():
            if model.end_of_life is not None and model.end_of_life <= today:
                continue
            profiles = self._profiles(model)
            yield from profiles
            if model.profile in ("none", "optional") or (model.profile == "usual" and not profiles):
                yield model.id


def _not_found(name: str, hint: str = "") -> ModelNotFound:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    message = f"The model `{shown}` does not exist or you do not have access to it."
    return ModelNotFound(f"{message} {hint}" if hint else message)
