"""What the operator says of models, in `models` of config.yaml: names for ids, facts of ids that do not tell their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from proxy.routing.catalog import Catalog, ChatTemplate, Model
from proxy.routing.ids import base_id_in, is_id

_ANY = "converse"
"""The family whose wire every model has."""


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


def check(aliases: Mapping[str, Alias], catalog: Catalog) -> None:
    """Raises `ValueError`, which names the place in config.yaml, for one that cannot be used."""
    for name, alias in aliases.items():
        _check_id(name, alias, aliases)
        _check_facts(name, alias, catalog)


def said_of(alias: Alias, catalog: Catalog) -> Model | None:
    """The facts that the operator's word stands for, or None without one."""
    template, imported = alias.chat_template, catalog.imported
    if template is None or imported is None:
        return _of_family(alias.family, catalog) if alias.family is not None else None
    context_tokens = template.context_tokens or imported.context_tokens
    return replace(
        imported,
        chat_template=template,
        completion=alias.completion or imported.completion,
        context_tokens=context_tokens,
        max_output_tokens=min(imported.max_output_tokens, context_tokens),
        features=imported.features | ({"tools"} if template.takes_tools else set()),
    )


def any_model(catalog: Catalog) -> Model | None:
    """What holds for every model that Bedrock serves."""
    return catalog.generation(_ANY)


def is_any(facts: Model) -> bool:
    """Is the operator's word that of the wire which every model has, rather than that of a model?"""
    return facts.family == _ANY and not facts.is_listed


def _of_family(family: str, catalog: Catalog) -> Model | None:
    generation = catalog.generation(family)
    if generation is not None:
        return generation
    model = catalog.find(base_id_in(family, catalog))
    return model if model is not None and model.is_listed else None


def _check_id(name: str, alias: Alias, aliases: Mapping[str, Alias]) -> None:
    if alias.id is None:
        return
    if not is_id(alias.id):
        raise ValueError(f"models.{name}: found {alias.id!r}; allowed: a model id, inference profile or ARN")
    behind = aliases.get(alias.id)
    # An entry that only describes an id, say the family of an ARN, makes no chain.
    if behind is not None and alias.id != name and behind.id not in (None, alias.id):
        raise ValueError(f"models.{name}: {alias.id!r} is itself an alias; give the id behind it")


def _check_facts(name: str, alias: Alias, catalog: Catalog) -> None:
    if alias.completion is not None and alias.chat_template is None:
        raise ValueError(f"models.{name}.completion: it goes with a chat_template")
    if alias.family is not None and alias.chat_template is not None:
        raise ValueError(f"models.{name}: family and chat_template exclude each other")
    facts = said_of(alias, catalog)
    if alias.family is not None and facts is None:
        allowed = ", ".join(catalog.generations)
        raise ValueError(f"models.{name}.family: found {alias.family!r}; allowed: {allowed}, or a model's base id")
    model = catalog.find(base_id_in(alias.id or name, catalog))
    if facts is None or model is None or not model.is_listed:
        return
    if alias.chat_template is not None:
        raise ValueError(f"models.{name}.chat_template: the model is {model.name}; allowed: none, for it has its own")
    if not is_any(facts) and (facts.family, facts.template) != (model.family, model.template):
        raise ValueError(
            f"models.{name}.family: found {alias.family!r}, and the model is {model.name}; allowed: {_ANY}, or nothing"
        )
