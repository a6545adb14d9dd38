"""The client's name for a model -> where its call goes.

    gpt-4o                                          an alias of config.yaml
    meta.llama3-8b-instruct-v1:0                    a base id; one that needs an inference profile gets the region's
    us.anthropic.claude-sonnet-4-6                  an inference profile: sent as given
    arn:aws:bedrock:us-west-2:123456789012:…/…      an ARN: sent as given, to its own region

Percent-encoded once or not at all. Nothing is guessed from a name that is nearly right. Source: AWS Bedrock user guide,
"Supported foundation models", "Inference profiles", and the ARN formats of Bedrock's service authorization reference,
2026; the length of an id is of the botocore 1.44 service model.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Literal, Protocol
from urllib.parse import unquote

from proxy.errors import ModelNotFound
from proxy.routing.catalog import Catalog, ChatTemplate, Model

_LONGEST_ID = 2048
_ANY = "converse"
"""The family whose wire every model has."""
_LONGEST_SHOWN = 200
_PLAIN_ID = re.compile(r"[A-Za-z0-9._:-]+")
# The region becomes a part of the host that the signed call goes to, so it is held to the form of one.
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:bedrock|sagemaker):(?P<region>[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-\d{1,2})?:(?:\d{12})?:"
    r"(?P<kind>[a-z-]+)/(?P<resource>[A-Za-z0-9._:/-]+)",
    re.ASCII,
)
_PROVISIONED_VARIANT = re.compile(r"(?P<base_id>.+:\d+):[0-9a-z]+")
"""`…-v1:0:28k`: the same model with another context, to be bought as provisioned throughput."""
_DATE_IN_ID = re.compile(r"-(20\d{6})-v")
_BEDROCK_OPENED = datetime(2023, 9, 28, tzinfo=UTC)
"""General availability of Bedrock: what `created` says of ids that hold no date."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of the operator's own, or an ARN and what it is."""

    id: str | None = None
    """A model id, inference profile or ARN. None: the name itself is one."""
    family: str | None = None
    """Of an id that does not tell its model: a generation of the catalogue (`llama3`), or a listed model's base id. Of one
    that does: the generation that every model can be called by (`converse`) in place of its own."""
    max_output_tokens: int | None = None
    chat_template: ChatTemplate | None = None
    """Of an id that does not tell its model, in place of a family."""
    completion: Literal["bedrock", "openai"] | None = None
    """With a chat template: see `Model.completion`."""


@dataclass(frozen=True, slots=True)
class Target:
    model: Model
    model_id: str
    """For the URL, not yet percent-encoded: base id, profile id or ARN."""
    region: str | None
    """That of the ARN, which the call has to go to. None: the configured one."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """What /v1/models says of one."""

    id: str
    """As a client names it."""
    name: str
    """For people."""
    created: int
    """Unix seconds: the date in the id, else the day that Bedrock opened."""
    owned_by: str
    """The provider's segment of the id: `anthropic`, `meta`."""
    context_tokens: int
    max_output_tokens: int


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
        for name, alias in self._aliases.items():
            self._check(name, alias)

    def resolve(self, name: str) -> Target:
        """Raises `ModelNotFound`."""
        called = name if name in self._aliases else unquote(name)
        alias = self._aliases.get(called, Alias())
        model_id = called if alias.id is None else alias.id
        described = self._aliases.get(model_id, alias)
        target = self._target(model_id, self._said_of(alias) or self._said_of(described), name)
        if target.model.family not in self._families:
            raise _not_found(name)
        limit = alias.max_output_tokens or described.max_output_tokens
        return replace(target, model=replace(target.model, max_output_tokens=limit)) if limit else target

    def describe(self, name: str) -> ListedModel:
        """One entry of /v1/models. Raises `ModelNotFound`."""
        model = self.resolve(name).model
        return ListedModel(
            id=name,
            name=model.name,
            created=_created(model.id),
            owned_by=model.provider,
            context_tokens=model.context_tokens,
            max_output_tokens=model.max_output_tokens,
        )

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

    def _check(self, name: str, alias: Alias) -> None:
        if alias.id is not None:
            if not _is_id(alias.id):
                raise ValueError(f"models.{name}: found {alias.id!r}; allowed: a model id, inference profile or ARN")
            behind = self._aliases.get(alias.id)
            # An entry that only describes an id, say the family of an ARN, makes no chain.
            if behind is not None and alias.id != name and behind.id not in (None, alias.id):
                raise ValueError(f"models.{name}: {alias.id!r} is itself an alias; give the id behind it")
        if alias.completion is not None and alias.chat_template is None:
            raise ValueError(f"models.{name}.completion: it goes with a chat_template")
        if alias.family is not None and alias.chat_template is not None:
            raise ValueError(f"models.{name}: family and chat_template exclude each other")
        facts = self._said_of(alias)
        if alias.family is not None and facts is None:
            allowed = ", ".join(self._catalog.generations)
            raise ValueError(f"models.{name}.family: found {alias.family!r}; allowed: {allowed}, or a model's base id")
        model = self._find_in_catalog(self._told_by(alias.id or name))
        if facts is None or model is None or not model.is_listed:
            return
        if alias.chat_template is not None:
            raise ValueError(
                f"models.{name}.chat_template: the model is {model.name}; allowed: none, for it has its own"
            )
        if not _fits(facts, model):
            raise ValueError(
                f"models.{name}.family: found {alias.family!r}, and the model is {model.name}; allowed: {_ANY}, or nothing"
            )

    def _said_of(self, alias: Alias) -> Model | None:
        """What the operator says of a model, or None."""
        template, imported = alias.chat_template, self._catalog.imported
        if template is None or imported is None:
            return self._facts(alias.family) if alias.family is not None else None
        context_tokens = template.context_tokens or imported.context_tokens
        return replace(
            imported,
            chat_template=template,
            completion=alias.completion or imported.completion,
            context_tokens=context_tokens,
            max_output_tokens=min(imported.max_output_tokens, context_tokens),
            features=imported.features | ({"tools"} if template.takes_tools else set()),
        )

    def _facts(self, family: str) -> Model | None:
        """What the operator's word for a family stands for."""
        generation = self._catalog.generation(family)
        if generation is not None:
            return generation
        model = self._catalog.find(family)
        return model if model is not None and model.is_listed else None

    def _find_in_catalog(self, base_id: str) -> Model | None:
        model = self._catalog.find(base_id)
        if model is not None and not model.is_listed and (variant := _PROVISIONED_VARIANT.fullmatch(base_id)):
            model = self._catalog.find(variant["base_id"])
        return model

    def _find(self, base_id: str, facts: Model | None) -> Model | None:
        """A listed model; else what the operator said; else what the beginning of the id and the account's listing tell.

        Where the operator said that it is to be called as every model can be, it keeps its facts.
        """
        model = self._find_in_catalog(base_id)
        if facts is not None and not _is_any(facts) and (model is None or not model.is_listed):
            return facts
        if (model is None or not model.is_listed) and self._known is not None and base_id in self._known.facts:
            model = self._from_listing(base_id, model, self._known.facts[base_id])
        if facts is None or not _is_any(facts):
            return model
        return facts if model is None else replace(model, family=facts.family)

    def _from_listing(self, base_id: str, guess: Model | None, told: ListedFacts) -> Model | None:
        """Careful facts for a model that the catalogue does not list and the account has."""
        if guess is None:
            any_model = self._catalog.generation(_ANY)
            if any_model is None or not self._catalog.may_chat(base_id):
                return None
            guess = replace(any_model, id=base_id)
        features = guess.features - {"images"}
        return replace(
            guess,
            name=told.name or base_id,
            features=features | {"images"} if told.has_images else features,
            streams=guess.streams and told.streams,
        )

    def _target(self, model_id: str, facts: Model | None, name: str) -> Target:
        """`facts`: of the family that the operator gave. `name`: the client's word, for the error."""
        if not _is_id(model_id):
            raise _not_found(name)
        listed_id = self._known.profiles.get(model_id) if self._known is not None else None
        base_id = listed_id or self._told_by(model_id)
        model = self._find(base_id, facts)
        arn = _ARN.fullmatch(model_id)
        if model is None:
            hint = "Its ARN does not tell the model: set its family or chat_template under models in config.yaml."
            raise _not_found(name, hint if arn is not None and not base_id else "")
        if arn is not None:
            return Target(model, model_id, arn["region"])
        # A profile, a provisioned variant, or an id that says nothing: as given.
        is_base_id = listed_id is None and model.id == model_id
        return Target(model, self._callable_id(model, name) if is_base_id else model_id, None)

    def _told_by(self, model_id: str) -> str:
        """The base id that an id or ARN holds by itself, or "" for one that holds none."""
        arn = _ARN.fullmatch(model_id)
        return self._catalog.split_geo(model_id)[1] if arn is None else self._base_id(arn)

    def _base_id(self, arn: re.Match[str]) -> str:
        """The base id that an ARN holds, or "" for one that holds none."""
        match arn["kind"]:
            case "foundation-model":
                return arn["resource"]
            case "inference-profile":
                return self._catalog.split_geo(arn["resource"])[1]
            case "custom-model":
                return arn["resource"].rpartition("/")[0]
            case _:
                return ""

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


def _is_any(facts: Model) -> bool:
    """Is the operator's word that of the wire which every model has, rather than that of a model?"""
    return facts.family == _ANY and not facts.is_listed


def _fits(facts: Model, model: Model) -> bool:
    """Does the operator's word say no more than is known of the model, or that it is to be called as every one can be?"""
    return _is_any(facts) or (facts.family, facts.template) == (model.family, model.template)


def _is_id(text: str) -> bool:
    return len(text) <= _LONGEST_ID and bool(_PLAIN_ID.fullmatch(text) or _ARN.fullmatch(text))


def _not_found(name: str, hint: str = "") -> ModelNotFound:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    message = f"The model `{shown}` does not exist or you do not have access to it."
    return ModelNotFound(f"{message} {hint}" if hint else message)


def _created(base_id: str) -> int:
    found = _DATE_IN_ID.search(base_id)
    try:
        moment = datetime.strptime(f"{found[1]} +0000", "%Y%m%d %z") if found else _BEDROCK_OPENED
    except ValueError:  # digits that are no date
        moment = _BEDROCK_OPENED
    return int(moment.timestamp())
