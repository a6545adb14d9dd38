from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from proxy.routing.catalog import Catalog, CatalogError, Model

CATALOG = Catalog.load()
NEEDS = {"R": "required", "R*": "usual", "O": "optional", "-": "none"}
DOCUMENTED = {
    line.split()[0]: line.split()[1:]
    for line in (Path(__file__).parent / "models.txt").read_text().splitlines()
    if not line.startswith("#")
}


def listed(base_id: str) -> Model:
    model = CATALOG.find(base_id)
    assert model is not None and model.is_listed, base_id
    return model


@pytest.mark.parametrize("base_id", DOCUMENTED)
def test_a_row_says_what_is_documented(base_id: str) -> None:
    profiles, need, context, output, dollars_in, dollars_out, cache_read, cache_write, end_of_life = DOCUMENTED[base_id]
    model = listed(base_id)
    assert model.id == base_id
    assert (",".join(model.profiles) or "-") == profiles
    assert model.profile == NEEDS[need]
    assert (model.context_tokens, model.max_output_tokens) == (int(context), int(output))
    price = model.price_usd
    assert price is not None
    assert (price.input, price.output) == (float(dollars_in), float(dollars_out))
    assert price.cache_read == (None if cache_read == "-" else float(cache_read))
    assert price.cache_write == (None if cache_write == "-" else float(cache_write))
    assert model.end_of_life == (None if end_of_life == "-" else date.fromisoformat(end_of_life))


def test_no_row_is_without_a_document() -> None:
    assert {model.id for model in CATALOG.all()} == DOCUMENTED.keys()


GEO_PRICES = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": (3.3, 16.5),
    "anthropic.claude-fable-5-1": (11, 55),
    "anthropic.claude-haiku-5-5": (0.11, 0.55),
    "amazon.nova-2-lite-v1:0": (0.33, 2.75),
    "moonshotai.kimi-k3": (3.3, 16.5),
    "openai.gpt-6-sol": (2.2, 11),
    "xai.grok-4.6": (2.2, 6.6),
    "zai.glm-5.3": (1.848, 5.808),
}


@pytest.mark.parametrize("base_id", GEO_PRICES)
def test_a_geographys_profile_has_its_own_price(base_id: str) -> None:
    price = listed(base_id).geo_price_usd
    assert price is not None
    assert (price.input, price.output) == GEO_PRICES[base_id]


def test_geo_prices_are_a_tenth_more_in_every_part() -> None:
    for model in CATALOG.all():
        if model.geo_price_usd is None:
            continue
        base, geo = model.price_usd, model.geo_price_usd
        for part in ("input", "output", "cache_read", "cache_write", "cache_write_1h"):
            assert getattr(geo, part) == pytest.approx(
                None if getattr(base, part) is None else 1.1 * getattr(base, part)
            ), (model.id, part)


FEATURES = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "tools images reasoning caching schema documents",
    "anthropic.claude-sonnet-5-5": "tools images reasoning caching documents",
    "anthropic.claude-3-haiku-20240307-v1:0": "tools images",
    "deepseek.r1-v1:0": "reasoning documents",
    "google.gemma-3-4b-it": "images",
    "google.gemma-3-27b-it": "tools images",
    "meta.llama3-70b-instruct-v1:0": "",
    "meta.llama3-3-70b-instruct-v1:0": "tools",
    "meta.llama4-scout-17b-instruct-v1:0": "tools images",
    "mistral.mistral-7b-instruct-v0:2": "documents",
    "moonshotai.kimi-k3": "tools images reasoning caching",
    "zai.glm-5.3": "tools reasoning caching schema",
}


@pytest.mark.parametrize("base_id", FEATURES)
def test_features(base_id: str) -> None:
    assert listed(base_id).features == set(FEATURES[base_id].split())


# base id -> sampling, prefill, system turns, forced tools, strict tools, least prefix cached.
# Anthropic, models overview and thinking, October 2026; AWS model cards.
CLAUDE_RULES = {
    "3-haiku-20240307-v1:0": ("any", True, False, "yes", False, None),
    "3-5-haiku-20241022-v1:0": ("any", True, False, "yes", False, 2048),
    "3-7-sonnet-20250219-v1:0": ("any", True, False, "without_thinking", False, 1024),
    "sonnet-4-20250514-v1:0": ("any", True, False, "without_thinking", False, 1024),
    "opus-4-20250514-v1:0": ("any", True, False, "without_thinking", False, 1024),
    "opus-4-1-20250805-v1:0": ("one", True, False, "without_thinking", False, 1024),
    "sonnet-4-5-20250929-v1:0": ("one", True, False, "without_thinking", True, 1024),
    "haiku-4-5-20251001-v1:0": ("one", True, False, "without_thinking", True, 4096),
    "opus-4-5-20251101-v1:0": ("one", True, False, "without_thinking", True, 4096),
    "opus-4-6-v1": ("one", False, False, "without_thinking", True, 4096),
    "sonnet-4-6": ("one", False, False, "without_thinking", True, 1024),
    "opus-4-7": ("none", False, False, "without_thinking", False, 4096),
    "opus-4-8": ("none", False, True, "without_thinking", False, 1024),
    "sonnet-5": ("none", False, True, "without_thinking", False, 1024),
    "opus-5": ("none", False, True, "without_thinking", False, 512),
    "haiku-5-5": ("none", False, True, "yes", False, 512),
    "sonnet-5-5": ("none", False, True, "no", False, 512),
    "opus-5-5": ("none", False, True, "no", False, 512),
    "fable-5": ("none", False, True, "no", False, 512),
    "fable-5-1": ("none", False, True, "no", False, 512),
    "mythos-5": ("none", False, True, "no", False, 512),
    "mythos-5-1": ("none", False, True, "no", False, 512),
    "mythos-preview": ("none", False, False, "no", False, 4096),
}


@pytest.mark.parametrize("model_name", CLAUDE_RULES)
def test_the_rules_of_a_claude_model(model_name: str) -> None:
    model = listed(f"anthropic.claude-{model_name}")
    assert CLAUDE_RULES[model_name] == (
        model.sampling,
        model.has_prefill,
        model.has_system_turns,
        model.forced_tools,
        model.has_strict_tools,
        model.min_cache_tokens,
    )


# base id -> modes, default, display, efforts. Anthropic, extended and adaptive thinking, October 2026.
THINKING = {
    "3-7-sonnet-20250219-v1:0": ("enabled disabled", "off", "full", ""),
    "opus-4-1-20250805-v1:0": ("enabled disabled", "off", "summarized", ""),
    "haiku-4-5-20251001-v1:0": ("enabled disabled", "off", "summarized", ""),
    "opus-4-5-20251101-v1:0": ("enabled disabled", "off", "summarized", "low medium high"),
    "sonnet-4-6": ("adaptive enabled disabled", "off", "summarized", "low medium high max"),
    "opus-4-6-v1": ("adaptive enabled disabled", "off", "summarized", "low medium high max"),
    "opus-4-7": ("adaptive disabled", "off", "omitted", "low medium high xhigh"),
    "opus-4-8": ("adaptive disabled", "off", "omitted", "low medium high xhigh"),
    "sonnet-5": ("adaptive disabled", "on", "omitted", "low medium high xhigh"),
    "opus-5": ("adaptive disabled", "on", "omitted", "low medium high xhigh"),
    "haiku-5-5": ("adaptive disabled", "on", "omitted", "low medium high xhigh"),
    "sonnet-5-5": ("adaptive between_tools", "on", "omitted", "low medium high xhigh"),
    "opus-5-5": ("adaptive", "always", "omitted", "low medium high xhigh"),
    "fable-5-1": ("adaptive", "always", "omitted", "low medium high xhigh"),
    "mythos-5": ("adaptive", "always", "omitted", "low medium high xhigh"),
    "mythos-preview": ("adaptive enabled", "always", "omitted", "low medium high xhigh"),
}


@pytest.mark.parametrize("model_name", THINKING)
def test_how_a_claude_model_thinks(model_name: str) -> None:
    thinking = listed(f"anthropic.claude-{model_name}").thinking
    assert thinking is not None
    modes, default, display, efforts = THINKING[model_name]
    assert thinking.modes == tuple(modes.split())
    assert thinking.default == default
    assert thinking.display == display
    assert thinking.efforts == tuple(efforts.split())


def test_which_claude_models_bind_thinking_to_the_history() -> None:
    bound = {model.id for model in CATALOG.all() if model.thinking is not None and model.thinking.binds_history}
    assert bound == {f"anthropic.claude-{name}" for name in ("fable-5-1", "opus-5-5", "sonnet-5-5", "haiku-5-5")}


def test_thinking_and_effort_agree_within_a_row() -> None:
    for model in CATALOG.all():
        if (thinking := model.thinking) is None:
            continue
        assert "reasoning" in model.features, model.id
        assert thinking.effort_ceilings.keys() <= set(thinking.modes), model.id
        assert set(thinking.effort_ceilings.values()) <= set(thinking.efforts), model.id
        assert thinking.default != "always" or "disabled" not in thinking.modes, model.id


TEMPLATES = {
    "meta.llama2-13b-chat-v1": "llama2",
    "meta.llama3-8b-instruct-v1:0": "llama3",
    "meta.llama3-1-8b-instruct-v1:0": "llama3.1",
    "meta.llama3-2-1b-instruct-v1:0": "llama3.2",
    "meta.llama3-3-70b-instruct-v1:0": "llama3.3",
    "meta.llama4-maverick-17b-instruct-v1:0": "llama4",
    "meta.llama3-1-9b-instruct-v1:0": "llama3.1",  # unlisted from here on
    "meta.llama3-9b-instruct-v1:0": "llama3.1",
    "meta.llama3-8b-instruct-v2:0": "llama3",
    "meta.llama2-7b-chat-v1": "llama2",
    "meta.llama4-behemoth-v1:0": "llama4",
    "meta.llama5-1t-v1:0": "llama3.1",
}


@pytest.mark.parametrize("base_id", TEMPLATES)
def test_the_template_of_a_llama_model(base_id: str) -> None:
    model = CATALOG.find(base_id)
    assert model is not None
    assert model.template == TEMPLATES[base_id]
    assert model.family == "llama"
    assert model.streams
    assert not model.streams_tools


def test_every_model_has_what_its_family_wants() -> None:
    generations = [generation for name in CATALOG.generations if (generation := CATALOG.generation(name))]
    for model in (*CATALOG.all(), *generations):
        assert model.family in ("claude", "llama", "converse"), model.id
        assert bool(model.template) == (model.family == "llama"), model.id
        assert set(model.profiles) <= set(CATALOG.geos), model.id
        assert model.profile != "required" or model.profiles, model.id
        assert not model.cache_points or "caching" in model.features, model.id
        assert bool(model.cache_points) == (model.min_cache_tokens is not None), model.id
        assert bool(model.efforts) == (model.effort_field is not None), model.id
        assert set(model.bare_efforts) <= set(model.efforts), model.id
        assert model.max_output_tokens <= model.context_tokens, model.id


# What AWS says of Converse: the ids for which a fact differs from its default.
QUIRKS = {
    "has_system": {"mistral.mistral-7b-instruct-v0:2", "mistral.mixtral-8x7b-instruct-v0:1"},
    "has_stops": {
        *(f"openai.gpt-{name}" for name in ("5.6-luna", "5.6-sol", "5.6-terra", "6-astra", "6-luna", "6-sol")),
        *("openai.gpt-6.1-sol", "openai.gpt-6.1-terra", "xai.grok-4.6", "xai.grok-4.7"),
    },
    "streams_tools": {
        *("ai21.jamba-1-5-large-v1:0", "ai21.jamba-1-5-mini-v1:0", "writer.palmyra-x4-v1:0", "writer.palmyra-x5-v1:0"),
        *("mistral.mistral-large-2402-v1:0", "mistral.mistral-large-2407-v1:0", "mistral.mistral-small-2402-v1:0"),
        "mistral.pixtral-large-2502-v1:0",
    },
    "bare_efforts": {"amazon.nova-2-lite-v1:0", "amazon.nova-2-pro-preview-20251202-v1:0"},
}
DEFAULTS = Model(id="x", name="x", family="converse", context_tokens=1, max_output_tokens=1)


@pytest.mark.parametrize("name", QUIRKS)
def test_quirks_of_converse(name: str) -> None:
    unusual = {
        model.id
        for model in CATALOG.all()
        if model.family == "converse" and getattr(model, name) != getattr(DEFAULTS, name)
    }
    assert unusual == QUIRKS[name]


EFFORT_FIELDS = {
    "amazon.nova-2-lite-v1:0": "reasoningConfig.maxReasoningEffort",
    "amazon.nova-lite-v1:0": None,
    "deepseek.r1-v1:0": None,
    "deepseek.v3.2": "reasoning_effort",
    "openai.gpt-5.4": "reasoning.effort",
    "openai.gpt-oss-120b-1:0": "reasoning_effort",
    "qwen.qwen3-32b-v1:0": "reasoning_config",
    "xai.grok-4.7": "reasoning.effort",
}


@pytest.mark.parametrize("base_id", EFFORT_FIELDS)
def test_where_the_effort_goes(base_id: str) -> None:
    assert listed(base_id).effort_field == EFFORT_FIELDS[base_id]


def test_gpt_grok_and_kimi_have_a_least_output() -> None:
    least = {model.id for model in CATALOG.all() if model.min_output_tokens != 1}
    assert least == {
        model.id
        for model in CATALOG.all()
        if model.id.startswith(("openai.gpt-5", "openai.gpt-6", "xai.")) or model.id == "moonshotai.kimi-k3"
    }
    assert {listed(base_id).min_output_tokens for base_id in least} == {16}


def test_gpt_takes_no_sampling_fields() -> None:
    assert {model.id for model in CATALOG.all() if model.family == "converse" and model.sampling == "none"} == {
        model.id for model in CATALOG.all() if model.id.startswith(("openai.gpt-5", "openai.gpt-6"))
    }


def test_haiku_5_5_costs_more_for_long_input() -> None:
    long_input = listed("anthropic.claude-haiku-5-5").long_input
    assert long_input is not None
    assert (long_input.above_tokens, long_input.price_factor) == (100_000, 5)


UNLISTED = {
    "anthropic.claude-opus-6": ("claude", "none", False),
    "anthropic.claude-3-9-sonnet-20260101-v1:0": ("claude", "any", True),
    "anthropic.claude-v2:1": ("claude", "any", True),
    "openai.gpt-7-sol": ("converse", "none", False),
    "openai.gpt-oss-300b-1:0": ("converse", "any", False),
    "amazon.nova-3-lite-v1:0": ("converse", "any", False),
    "cohere.command-r-plus-v1:0": ("converse", "any", False),
}


@pytest.mark.parametrize("base_id", UNLISTED)
def test_an_unlisted_id_has_the_careful_facts_of_its_kind(base_id: str) -> None:
    model = CATALOG.find(base_id)
    assert model is not None
    assert (model.id, model.name, model.is_listed) == (base_id, base_id, False)
    assert (model.family, model.sampling, model.has_prefill) == UNLISTED[base_id]
    assert model.price_usd is None
    assert model.profiles == ()


def test_unlisted_models_that_awss_tables_tell_of() -> None:
    command, titan = CATALOG.find("cohere.command-r-plus-v1:0"), CATALOG.find("amazon.titan-text-express-v1")
    assert command is not None
    assert (command.features, command.has_system, command.streams_tools) == ({"tools", "documents"}, True, True)
    assert titan is not None
    assert (titan.features, titan.has_system) == ({"documents"}, False)


@pytest.mark.parametrize(
    "base_id",
    [
        "",
        "gpt-4o",
        "amazon.nova-canvas-v1:0",
        "amazon.nova-2-sonic-v1:0",
        "amazon.titan-embed-text-v2:0",
        "cohere.embed-v4:0",
        "stability.sd3-5-large-v1:0",
        "twelvelabs.pegasus-1-2-v1:0",
        "us.anthropic.claude-sonnet-4-6",
    ],
)
def test_what_is_no_model_to_talk_to_is_not_found(base_id: str) -> None:
    assert CATALOG.find(base_id) is None


def test_generations() -> None:
    assert set(CATALOG.generations) == {
        *("claude", "converse", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4")
    }
    llama = CATALOG.generation("llama3")
    assert llama is not None
    assert (llama.id, llama.provider, llama.template, llama.is_listed) == ("meta.llama3", "meta", "llama3", False)
    assert CATALOG.generation("meta.llama3-8b-instruct-v1:0") is None


REGIONS = {
    "us-east-1": ("us", "global"),
    "us-gov-west-1": ("us-gov",),
    "us-iso-east-1": (),
    "us-isob-east-1": (),
    "eu-central-1": ("eu", "global"),
    "eu-isoe-west-1": (),
    "ap-northeast-1": ("jp", "apac", "global"),
    "ap-northeast-2": ("apac", "global"),
    "ap-northeast-3": ("jp", "apac", "global"),
    "ap-southeast-1": ("apac", "global"),
    "ap-southeast-2": ("au", "apac", "global"),
    "ap-southeast-4": ("au", "apac", "global"),
    "ap-south-2": ("in", "apac", "global"),
    "ca-central-1": ("us", "global"),
    "ca-west-1": ("global",),
    "sa-east-1": ("global",),
    "mx-central-1": ("global",),
    "me-central-1": ("global",),
    "af-south-1": ("global",),
    "il-central-1": ("global",),
    "cn-north-1": (),
}


@pytest.mark.parametrize("region", REGIONS)
def test_the_profiles_of_a_region(region: str) -> None:
    assert CATALOG.geos_of(region) == REGIONS[region]


@pytest.mark.parametrize(
    ("model_id", "parts"),
    [
        ("us.meta.llama3-3-70b-instruct-v1:0", ("us", "meta.llama3-3-70b-instruct-v1:0")),
        ("us-gov.openai.gpt-oss-20b-1:0", ("us-gov", "openai.gpt-oss-20b-1:0")),
        ("global.openai.gpt-6.1-sol", ("global", "openai.gpt-6.1-sol")),
        ("openai.gpt-6.1-sol", (None, "openai.gpt-6.1-sol")),
        ("us.eu.meta.llama3", ("us", "eu.meta.llama3")),
        ("us", (None, "us")),
    ],
)
def test_at_most_one_geography_is_split_off(model_id: str, parts: tuple[str | None, str]) -> None:
    assert CATALOG.split_geo(model_id) == parts


def test_the_packaged_catalogue_is_read_once() -> None:
    assert Catalog.load() is CATALOG


def test_models_can_be_put_into_sets_and_changed_by_copy() -> None:
    model = listed("anthropic.claude-haiku-5-5")
    assert len({model, replace(model, max_output_tokens=1), replace(model)}) == 2


ROW = 'id = "a.b"\nname = "B"\nfamily = "converse"\ncontext_tokens = 1\nmax_output_tokens = 1\n'
BAD = {
    "an unknown key": (f"[[model]]\n{ROW}contxt = 1", "[[model]] a.b: contxt: unknown key"),
    "an unknown key inside": (
        f"[[model]]\n{ROW}price_usd = {{ input = 1, output = 1, inptu = 1 }}",
        "[[model]] a.b: price_usd: inptu: unknown key",
    ),
    "a wrong type": (f'[[model]]\n{ROW}streams = "yes"', "[[model]] a.b: Expected `bool`, got `str`"),
    "a wrong word": (f'[[model]]\n{ROW}sampling = "two"', "[[model]] a.b: Invalid enum value 'two'"),
    "a wrong feature": (f'[[model]]\n{ROW}features = ["telepathy"]', "[[model]] a.b: Invalid enum value 'telepathy'"),
    "a missing key": ('[[model]]\nid = "a.b"', "[[model]] a.b: Object missing required field"),
    "no id": ('[[model]]\nname = "B"', "[[model]] number 1: id"),
    "an id twice": (f"[[model]]\n{ROW}[[model]]\n{ROW}", "[[model]] a.b: stands twice"),
    "no prefixes": (f"[[unlisted]]\n{ROW}", "[[unlisted]] number 1: prefixes"),
    "an unknown key of an unlisted one": (
        f'[[unlisted]]\nprefixes = ["a."]\n{ROW}x = 1',
        "[[unlisted]] a.: x: unknown",
    ),
    "no name of a generation": (f"[[generation]]\n{ROW}", "[[generation]] number 1: generation"),
    "regions of a wrong type": ('[regions]\nus- = "us"', "[regions]: Expected `array`"),
    "an unknown table": ("[[modle]]\nx = 1", "modle: unknown table"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_in_the_file_is_told_with_its_row(case: str) -> None:
    toml, message = BAD[case]
    with pytest.raises(CatalogError) as caught:
        Catalog(toml)
    assert str(caught.value).startswith(message)
