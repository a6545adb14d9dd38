"""What is known of each model: `catalog.toml`, typed.

    [[model]]       one model by its base id
    [[unlisted]]    careful facts for ids that are not listed, by their beginning
    [[generation]]  facts for ids that say nothing (most ARNs), by a name that the operator gives
    [imported]      facts for a model that the operator gives a chat template
    [regions]       which inference profiles a region can call

Reading is strict: a key that is unknown or a value of the wrong type raises `CatalogError`, which names the row. Where
each fact is from stands in the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

import msgspec

Feature = Literal[
    "tools",  # trained to call functions
    "images",  # takes them
    "documents",  # takes them as files
    "audio",  # takes it
    "reasoning",
    "caching",  # of prompts, marked or implicit
    "schema",  # output that follows a JSON schema, kept by the service itself
]

Value = TypeVar("Value")

_PROVISIONED_VARIANT = re.compile(r"(?P<base_id>.+:\d+):[0-9a-z]+")
"""`…-v1:0:28k`: the same model with another context, to be bought as provisioned throughput."""


class CatalogError(ValueError):
    """The catalogue cannot be read. The message names the row and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens, standard service tier. None: there is no such thing, or its price is unknown."""

    input: float
    """Tokens neither read from a cache nor written to one."""
    output: float
    """Reasoning included."""
    cache_read: float | None = None
    cache_write: float | None = None
    """To be kept for five minutes."""
    cache_write_1h: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongInput:
    """Beyond `above_tokens` of input, cached ones included, every component costs `price_factor` times as much."""

    above_tokens: int
    price_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """How a Claude model reasons."""

    modes: tuple[Literal["enabled", "adaptive", "between_tools", "disabled"], ...]
    """Accepted as `thinking.type`; any other is a 400. `enabled` wants `budget_tokens` of at least 1024."""
    default: Literal["off", "on", "always"]
    """Without the field. `always`: it cannot be had without."""
    display: Literal["full", "summarized", "omitted"]
    """What the answer shows of it unless asked otherwise."""
    efforts: tuple[str, ...] = ()
    """Accepted as `output_config.effort`, the least first. Empty: the field itself is refused."""
    effort_ceilings: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Mode -> the highest effort it goes with, where not every one does."""
    effort_beta: str | None = None
    """The `anthropic_beta` flag without which effort is refused."""
    interleaved_beta: str | None = None
    """The flag that allows thinking between tool calls, where that is not automatic."""
    binds_history: bool = False
    """A thinking block sent back is valid only behind the very history, system and tools that it came from."""


class ChatTemplate(Protocol):
    """A model's own, from the operator's files. See `proxy.chat_template`."""

    def __hash__(self) -> int: ...

    @property
    def takes_tools(self) -> bool: ...

    @property
    def thinks(self) -> bool:
        """Does its model think in its answers, between `<think>` and `</think>`?"""
        ...

    @property
    def settings(self) -> Collection[str]:
        """The names that stand in it, which may be those of settings: `enable_thinking`."""
        ...

    @property
    def end_tokens(self) -> Sequence[str]:
        """What ends a turn; where one leaks into an answer, it is no part of it."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """What the tokenizer says of it."""
        ...

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        now: datetime,
        tools: Sequence[Mapping[str, Any]] = (),
        opens_answer: bool = True,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> str:
        """The prompt for messages as OpenAI has them.

        Raises `ValueError` with the words of the template, `OverflowError` where it would take too long.
        """
        ...

    def neutralise(self, value: Any) -> Any:
        """Plain data in which no special token is left whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model's facts. Limits are in tokens; what a field does not say of a family, that family knows."""

    id: str
    """The base id, without a geography: `anthropic.claude-sonnet-4-6`."""
    name: str
    """For people: `Claude Sonnet 4.6`."""
    family: str
    """Which of `proxy.families.FAMILIES` speaks to it."""
    context_tokens: int
    """Of input; with many models input and output together."""
    max_output_tokens: int
    is_listed: bool = True
    """False: the facts are guessed from the beginning of the id, or from what the operator said of it."""

    profiles: tuple[str, ...] = ()
    """The prefixes of the inference profiles that exist: `us`, `global`."""
    profile: Literal["required", "usual", "optional", "none"] = "none"
    """Must a call go through a profile? `usual`: in most regions."""

    features: frozenset[Feature] = frozenset()
    end_of_life: date | None = None
    """From that day on calls fail. None: not announced."""
    price_usd: Price | None = None
    """By base id or `global.` profile."""
    geo_price_usd: Price | None = None
    """By the profile of a geography. None: as `price_usd`."""
    long_input: LongInput | None = None

    sampling: Literal["any", "one", "none"] = "any"
    """temperature and top_p: both, at most one of them, or neither but at its default."""
    has_prefill: bool = False
    """May the last message be the assistant's, to be gone on from?"""
    streams: bool = True

    has_system_turns: bool = False
    """Claude: may a system message stand between the others?"""
    forced_tools: Literal["yes", "without_thinking", "no"] = "yes"
    """Claude: may `tool_choice` be `any` or `tool`?"""
    has_strict_tools: bool = False
    """Claude: is `strict` of a tool understood?"""
    thinking: Thinking | None = None
    """Claude: None cannot think."""

    cache_points: tuple[Literal["tools", "system", "messages"], ...] = ()
    """Where a cache mark may stand. With "caching" but without any, the cache is implicit."""
    cache_ttls: tuple[Literal["5m", "1h"], ...] = ("5m",)
    min_cache_tokens: int | None = None
    """A shorter prefix is not cached, without a word."""

    template: str = ""
    """Llama: the name of its prompt template."""
    chat_template: ChatTemplate | None = None
    """Llama: in place of that, the template that an imported model brought along."""
    completion: Literal["bedrock", "openai"] = "bedrock"
    """Llama: which body an imported model is sent."""

    has_system: bool = True
    """Converse: is `system` taken?"""
    has_stops: bool = True
    """Converse: are `stopSequences` taken?"""
    min_output_tokens: int = 1
    """Converse: the least `maxTokens`."""
    streams_tools: bool = True
    """Converse: may `toolConfig` be streamed?"""
    tool_choices: tuple[Literal["auto", "any", "tool"], ...] = ("auto",)
    """Converse: the members of `toolChoice` that are taken, where the model has tools."""
    has_rich_tool_results: bool = False
    """Converse: may a tool result hold images, and `status`?"""
    effort_field: (
        Literal["reasoning.effort", "reasoning_effort", "reasoning_config", "reasoningConfig.maxReasoningEffort"] | None
    ) = None
    """Converse: where in `additionalModelRequestFields` the effort goes. None: it cannot be chosen."""
    efforts: tuple[str, ...] = ()
    """Converse: what may be written there, the least first."""
    reasons_unasked: bool = True
    """Converse: does it reason where the field is left out?"""
    bare_efforts: tuple[str, ...] = ()
    """Converse: the efforts with which maxTokens, temperature and topP are refused."""

    @property
    def provider(self) -> str:
        """`anthropic`, `meta`, `amazon`, …"""
        return self.id.partition(".")[0]

    @property
    def signs_thoughts(self) -> bool:
        """Does it sign what it thinks, and want that back with the results of its calls? Claude alone does."""
        return self.provider == "anthropic"


class Catalog:
    """`Catalog.load()` is the packaged one; tests may read another text."""

    def __init__(self, toml: str) -> None:
        """Raises `CatalogError`, or tomllib's error for what is no TOML."""
        tables = tomllib.loads(toml)
        self.geos = _read_as(tuple[str, ...], tables.pop("geos", ()), "geos")
        """The first segments of an id that are not a provider."""
        self._not_chat = _read_as(tuple[str, ...], tables.pop("not_chat", ()), "not_chat")
        self._regions = _read_as(dict[str, tuple[str, ...]], tables.pop("regions", {}), "[regions]")
        self._models = _read_rows(tables.pop("model", []), "model", "id")
        self._generations = _read_rows(tables.pop("generation", []), "generation", "generation")
        imported = tables.pop("imported", None)
        self.imported = None if imported is None else _read({"is_listed": False, **imported}, "[imported]")
        """Of a model that brings its own chat template."""
        self._unlisted: dict[str, Model] = {}
        for number, row in enumerate(tables.pop("unlisted", []), start=1):
            prefixes = _read_as(tuple[str, ...], row.pop("prefixes", None), f"[[unlisted]] number {number}: prefixes")
            model = _read({"id": "", "name": "", **row}, f"[[unlisted]] {', '.join(prefixes)}")
            self._unlisted |= dict.fromkeys(prefixes, replace(model, is_listed=False))
        if tables:
            raise CatalogError(f"{next(iter(tables))}: unknown table")

    @classmethod
    def load(cls) -> Catalog:
        """The one in the package, read once."""
        return _packaged()

    def all(self) -> tuple[Model, ...]:
        """The listed models, in the order of the file."""
        return tuple(self._models.values())

    def find(self, base_id: str) -> Model | None:
        """By base id, a provisioned variant's included (`…-v1:0:28k`), else careful facts by the beginning of it.

        None: nothing to talk to, or of no known maker.
        """
        variant = _PROVISIONED_VARIANT.fullmatch(base_id)
        model = self._models.get(base_id) or (self._models.get(variant["base_id"]) if variant else None)
        if model is not None:
            return model
        if not self.may_chat(base_id):
            return None
        prefix = _longest(self._unlisted, base_id)
        return None if prefix is None else replace(self._unlisted[prefix], id=base_id, name=base_id)

    def may_chat(self, base_id: str) -> bool:
        """False for ids that begin like those of models for speech, images or vectors."""
        return not base_id.startswith(self._not_chat)

    def generation(self, name: str) -> Model | None:
        """Facts by the name that an operator gives: `llama3`, `claude`."""
        return self._generations.get(name)

    @property
    def generations(self) -> tuple[str, ...]:
        """The names that `generation` knows."""
        return tuple(self._generations)

    def geos_of(self, region: str) -> tuple[str, ...]:
        """The profile prefixes that can be called from a region, the nearest first, `global` last."""
        prefix = _longest(self._regions, region)
        return () if prefix is None else self._regions[prefix]

    def split_geo(self, model_id: str) -> tuple[str | None, str]:
        """`us.meta.llama3-…` -> (`us`, `meta.llama3-…`); a base id -> (None, itself)."""
        geo, dot, base_id = model_id.partition(".")
        return (geo, base_id) if dot and geo in self.geos else (None, model_id)


@cache
def _packaged() -> Catalog:
    return Catalog(resources.files("proxy.routing").joinpath("catalog.toml").read_text(encoding="utf-8"))


def _longest(prefixes: Collection[str], text: str) -> str | None:
    return max((prefix for prefix in prefixes if text.startswith(prefix)), key=len, default=None)


def _read_rows(rows: list[dict[str, Any]], table: str, key: str) -> dict[str, Model]:
    models: dict[str, Model] = {}
    for number, row in enumerate(rows, start=1):
        name = _read_as(str, row.get(key), f"[[{table}]] number {number}: {key}")
        where = f"[[{table}]] {name}"
        if name in models:
            raise CatalogError(f"{where}: stands twice")
        if key != "id":
            row = {"is_listed": False, **{column: value for column, value in row.items() if column != key}}
        models[name] = _read(row, where)
    return models


def _read(row: dict[str, Any], where: str) -> Model:
    model = _read_as(Model, row, where)
    _refuse_unknown_keys(row, model, where)
    return model


def _read_as(wanted: type[Value], value: Any, where: str) -> Value:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{where}: {error}") from None


def _refuse_unknown_keys(table: Mapping[str, Any], facts: Any, where: str) -> None:
    """msgspec ignores them for dataclasses."""
    known = {known.name for known in fields(facts)}
    for key, value in table.items():
        if key not in known:
            raise CatalogError(f"{where}: {key}: unknown key")
        if is_dataclass(part := getattr(facts, key)):
            _refuse_unknown_keys(value, part, f"{where}: {key}")
