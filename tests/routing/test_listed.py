from datetime import UTC, datetime

import pytest

from proxy.routing.catalog import Catalog, Model
from proxy.routing.listed import describe

CATALOG = Catalog.load()


def model(base_id: str) -> Model:
    found = CATALOG.find(base_id)
    assert found is not None
    return found


CREATED = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": datetime(2025, 9, 29, tzinfo=UTC),
    "anthropic.claude-3-haiku-20240307-v1:0": datetime(2024, 3, 7, tzinfo=UTC),
    "amazon.nova-2-pro-preview-20251202-v1:0": datetime(2025, 12, 2, tzinfo=UTC),
    "anthropic.claude-sonnet-4-6": datetime(2023, 9, 28, tzinfo=UTC),
    "mistral.mistral-large-2402-v1:0": datetime(2023, 9, 28, tzinfo=UTC),
    "anthropic.claude-x-20251399-v1:0": datetime(2023, 9, 28, tzinfo=UTC),
}


@pytest.mark.parametrize("base_id", CREATED)
def test_created_is_the_date_in_the_id_or_the_day_bedrock_opened(base_id: str) -> None:
    listed = describe("mine", model(base_id), None)
    assert (listed.id, listed.created) == ("mine", int(CREATED[base_id].timestamp()))


@pytest.mark.parametrize(("geo", "dollars"), [(None, 3), ("global", 3), ("us", 3.3), ("eu", 3.3)])
def test_a_geographys_profile_has_its_own_price(geo: str | None, dollars: float) -> None:
    price = describe("mine", model("anthropic.claude-sonnet-4-6"), geo).price_usd
    assert price is not None
    assert price.input == dollars


def test_where_there_is_no_other_price() -> None:
    price = describe("mine", model("amazon.nova-lite-v1:0"), "us").price_usd
    assert price is not None
    assert price.input == 0.06
    assert describe("mine", model("qwen.new"), None).price_usd is None


def test_what_a_long_prompt_costs() -> None:
    listed = describe("mine", model("anthropic.claude-haiku-5-5"), "us")
    assert listed.long_input is not None
    assert (listed.long_input.above_tokens, listed.long_input.price_factor) == (100_000, 5)


def test_features_are_sorted_and_of_use() -> None:
    assert describe("mine", model("mistral.voxtral-mini-3b-2507"), None).features == ("schema",)
    assert describe("mine", model("mistral.magistral-small-2509"), None).features == ("images", "reasoning", "tools")
