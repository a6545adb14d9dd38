"""What there is to tell of one model that can be called: an entry of /v1/models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from proxy.routing.catalog import Feature, LongInput, Model, Price

_DATE_IN_ID = re.compile(r"-(20\d{6})-v")
_BEDROCK_OPENED = datetime(2023, 9, 28, tzinfo=UTC)
"""General availability of Bedrock: what `created` says of ids that hold no date."""

_OUT_OF_REACH: frozenset[Feature] = frozenset({"audio"})
"""What a model has and no request can carry to it."""


@dataclass(frozen=True, slots=True)
class ListedModel:
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
    features: tuple[Feature, ...] = ()
    """Sorted. Those that a request can make use of here."""
    price_usd: Price | None = None
    """By the id that the call goes to. None: unknown."""
    long_input: LongInput | None = None


def describe(name: str, model: Model, geo: str | None) -> ListedModel:
    """`name`: the client's. `geo`: of the inference profile that the call goes to; a geography's has its own price."""
    has_geo_price = geo not in (None, "global") and model.geo_price_usd is not None
    return ListedModel(
        id=name,
        name=model.name,
        created=_created(model.id),
        owned_by=model.provider,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        features=tuple(sorted(model.features - _OUT_OF_REACH)),
        price_usd=model.geo_price_usd if has_geo_price else model.price_usd,
        long_input=model.long_input,
    )


def _created(base_id: str) -> int:
    found = _DATE_IN_ID.search(base_id)
    try:
        moment = datetime.strptime(f"{found[1]} +0000", "%Y%m%d %z") if found else _BEDROCK_OPENED
    except ValueError:  # digits that are no date
        moment = _BEDROCK_OPENED
    return int(moment.timestamp())
