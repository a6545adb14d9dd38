from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from proxy.errors import ModelNotFound
from proxy.routing.aliases import Alias
from proxy.routing.catalog import Catalog
from proxy.routing.resolve import Resolver, Target

CATALOG = Catalog.load()
FAMILIES = ("claude", "llama", "converse")
ARN = "arn:aws:bedrock:us-west-2:123456789012:"
APPLICATION = f"{ARN}application-inference-profile/abcdef123456"
SONNET = "anthropic.claude-sonnet-4-6"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-lite-v1:0"
TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Facts:
    name: str = ""
    has_images: bool = False
    streams: bool = True


@dataclass(frozen=True)
class Account:
    on_demand: frozenset[str] = frozenset()
    profiles: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Facts] = field(default_factory=dict)


def resolve(name: str, region: str = "us-east-1", **more: object) -> Target:
    return Resolver(CATALOG, region, families=FAMILIES, **more).resolve(name)


def refusal(name: str, region: str = "us-east-1", **more: object) -> str:
    with pytest.raises(ModelNotFound) as caught:
        resolve(name, region, **more)
    error = caught.value
    assert (error.status, error.code, error.param, error.type) == (
        404,
        "model_not_found",
        None,
        "invalid_request_error",
    )
    return error.message


def not_found(name: str) -> str:
    return f"The model `{name}` does not exist or you do not have access to it."


# --- Plain ids ---

GIVEN = [
    "meta.llama3-8b-instruct-v1:0",  # needs no profile
    "anthropic.claude-3-haiku-20240307-v1:0",  # one is optional
    f"us.{LLAMA33}",
    f"global.{SONNET}",
    f"eu.{SONNET}",  # not of this region: Bedrock says so
    "us-gov.openai.gpt-oss-20b-1:0",
    "in.moonshotai.kimi-k3",
    "openai.gpt-oss-120b-1:0",
    "anthropic.claude-3-sonnet-20240229-v1:0:28k",  # for provisioned throughput
    "anthropic.claude-opus-9",  # unlisted
    "us.anthropic.claude-opus-9",
]


@pytest.mark.parametrize("name", GIVEN)
def test_sent_as_given(name: str) -> None:
    target = resolve(name)
    assert (target.model_id, target.region) == (name, None)
    assert target.model.id in name


def test_a_provisioned_variant_is_its_base_model() -> None:
    assert resolve("anthropic.claude-3-sonnet-20240229-v1:0:28k").model.name == "Claude 3 Sonnet"
    assert resolve("us.anthropic.claude-3-sonnet-20240229-v1:0:200k").model.name == "Claude 3 Sonnet"
    assert not resolve("anthropic.claude-9-sonnet-20290229-v1:0:28k").model.is_listed


# base id -> region -> (scope "geo", scope "global"); None: not found
PROFILES: dict[str, dict[str, tuple[str | None, str | None]]] = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": {
        "us-east-1": ("us", "global"),
        "eu-west-1": ("eu", "global"),
        "ap-northeast-1": ("jp", "global"),
        "ap-southeast-2": ("au", "global"),
        "ap-southeast-1": ("global", "global"),
        "sa-east-1": ("global", "global"),
        "us-gov-west-1": ("us-gov", "us-gov"),
        "ca-central-1": ("us", "global"),
    },
    "anthropic.claude-fable-5": {"ap-northeast-1": ("apac", "global"), "ap-south-1": ("apac", "global")},
    "moonshotai.kimi-k3": {"ap-south-1": ("in", "global"), "eu-west-1": ("global", "global")},
    LLAMA33: {"us-east-1": ("us", "us"), "eu-west-1": (None, None), "sa-east-1": (None, None)},
    "anthropic.claude-opus-4-1-20250805-v1:0": {"eu-west-1": ("eu", "eu"), "us-gov-west-1": (None, None)},
    NOVA: {"us-east-1": ("us", "us"), "ap-southeast-2": ("apac", "apac"), "sa-east-1": ("", "")},
    "meta.llama3-1-8b-instruct-v1:0": {"us-west-2": ("us", "us"), "eu-west-1": ("", "")},
    "anthropic.claude-3-5-haiku-20241022-v1:0": {"us-west-2": ("", "")},
}


@pytest.mark.parametrize(
    ("base_id", "region", "scope", "expected"),
    [
        (base_id, region, scope, geo)
        for base_id, regions in PROFILES.items()
        for region, geos in regions.items()
        for scope, geo in zip(("geo", "global"), geos, strict=True)
    ],
)
def test_a_base_id_gets_the_profile_of_the_region(base_id: str, region: str, scope: str, expected: str | None) -> None:
    if expected is None:
        message = refusal(base_id, region, scope=scope)
        assert message == f"{not_found(base_id)} It needs an inference profile, and none is known for {region}."
    else:
        wanted = f"{expected}.{base_id}" if expected else base_id
        assert resolve(base_id, region, scope=scope).model_id == wanted


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-1", "ap-northeast-1", "ap-southeast-2", "sa-east-1", "us-gov-west-1", "cn-north-1"]
)
def test_every_model_that_needs_a_profile_gets_one_of_its_own_or_is_refused(region: str) -> None:
    found = 0
    for model in CATALOG.all():
        if model.profile == "required":
            possible = [geo for geo in CATALOG.geos_of(region) if geo in model.profiles]
            if possible:
                found += 1
                assert resolve(model.id, region).model_id == f"{possible[0]}.{model.id}"
            else:
                assert region in refusal(model.id, region)
    assert found >= {"us-east-1": 48, "us-gov-west-1": 8, "cn-north-1": 0}.get(region, 20)


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "claude-sonnet-4-6",
        "anthropic/claude-sonnet-4-6",
        "bedrock/anthropic.claude-sonnet-4-6",
        "ANTHROPIC.CLAUDE-SONNET-4-6",
        "us.us.anthropic.claude-sonnet-4-6",
        "amazon.titan-embed-text-v2:0",
        "us.stability.stable-image-inpaint-v1:0",
        "meta.llama3/../../converse",
        "meta.llama3-8b instruct",
        "meta.llama3-8b\n",
        "meta.llama\u0663",
        "",
        " ",
        "%",
        "%00",
        "meta.llama3%2F%2E%2E",
    ],
)
def test_what_is_no_model_is_not_found(name: str) -> None:
    assert refusal(name) == not_found(name)


def test_the_longest_name() -> None:
    longest = "meta.llama" + "x" * 2038
    assert resolve(longest).model_id == longest
    assert refusal(longest + "x") == not_found(longest[:200] + "…")


def test_a_family_that_is_not_served_is_not_found() -> None:
    resolver = Resolver(CATALOG, "us-east-1", families=["claude"])
    assert resolver.resolve(SONNET).model.family == "claude"
    with pytest.raises(ModelNotFound):
        resolver.resolve(NOVA)


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("us.meta.llama3-3-70b-instruct-v1%3A0", f"us.{LLAMA33}"),
        ("us.meta.llama3-3-70b-instruct-v1%3a0", f"us.{LLAMA33}"),
        (
            "arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Ainference-profile%2Fus.meta.llama3-3-70b-instruct-v1%3A0",
            f"{ARN}inference-profile/us.{LLAMA33}",
        ),
    ],
)
def test_a_percent_encoded_id_is_decoded(name: str, model_id: str) -> None:
    assert resolve(name).model_id == model_id


def test_decoded_once_only() -> None:
    assert refusal("us.meta.llama3-3-70b-instruct-v1%253A0") == not_found("us.meta.llama3-3-70b-instruct-v1%253A0")


# --- ARNs ---

ARNS = {
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0": (
        "Claude 3 Haiku",
        "us-east-1",
    ),
    "arn:aws:bedrock:::foundation-model/anthropic.claude-sonnet-4-6": ("Claude Sonnet 4.6", None),
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1": ("anthropic.claude-v2:1", "us-east-1"),
    f"{ARN}inference-profile/us.{LLAMA33}": ("Llama 3.3 70B Instruct", "us-west-2"),
    f"{ARN}inference-profile/global.{SONNET}": ("Claude Sonnet 4.6", "us-west-2"),
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.anthropic.claude-opus-5": (
        "Claude Opus 5",
        "us-gov-west-1",
    ),
    f"{ARN}custom-model/anthropic.claude-3-haiku-20240307-v1:0/abcdef123456": ("Claude 3 Haiku", "us-west-2"),
    f"{ARN}custom-model/anthropic.claude-3-haiku-20240307-v1:0:200k/abcdef123456": ("Claude 3 Haiku", "us-west-2"),
}


@pytest.mark.parametrize("arn", ARNS)
def test_an_arn_that_holds_the_model(arn: str) -> None:
    target = resolve(arn, "eu-west-1")
    assert target.model_id == arn
    assert (target.model.name, target.region) == ARNS[arn]


OPAQUE = [
    APPLICATION,
    f"{ARN}provisioned-model/abcdef123456",
    f"{ARN}custom-model-deployment/abcdef123456",
    f"{ARN}imported-model/abcdef123456",
    f"{ARN}custom-model/abcdef123456",
    f"{ARN}default-prompt-router/meta.llama:1",
    f"{ARN}prompt/ABCDE12345:1",
    "arn:aws:sagemaker:us-west-2:123456789012:endpoint/my-endpoint",
]


@pytest.mark.parametrize("arn", OPAQUE)
def test_an_opaque_arn_wants_its_family(arn: str) -> None:
    assert refusal(arn) == (
        f"{not_found(arn)} Its ARN does not tell the model: set its family or chat_template under models in config.yaml."
    )
    target = resolve(arn, aliases={arn: Alias(family="llama3")})
    assert (target.model_id, target.model.template, target.region) == (arn, "llama3", "us-west-2")
    assert resolve("mine", aliases={"mine": Alias(id=arn, family="claude")}).model.family == "claude"


def test_the_listing_tells_the_model_of_an_application_profile() -> None:
    known = Account(profiles={APPLICATION: LLAMA33})
    target = resolve(APPLICATION, known=known)
    assert (target.model_id, target.model.id, target.region) == (APPLICATION, LLAMA33, "us-west-2")


def test_what_the_listing_tells_goes_before_the_operators_word() -> None:
    known = Account(profiles={APPLICATION: LLAMA33})
    assert resolve(APPLICATION, known=known, aliases={APPLICATION: Alias(family="claude")}).model.id == LLAMA33


def test_an_arn_of_no_model_for_chat() -> None:
    arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
    assert refusal(arn) == not_found(arn)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:bedrock:evil.example:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:us-west-2.evil.example/x:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:US-WEST-2:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:us-west-\uff12:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:west:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:s3:us-west-2:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:us-west-2:1234:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile",
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/",
        "arn:other:bedrock:us-west-2:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
        "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0\n",
    ],
)
def test_a_crooked_arn_is_not_found(arn: str) -> None:
    assert refusal(arn, aliases={"x": Alias(id=SONNET)}) == not_found(arn)


# --- The account's listing ---

LISTINGS: dict[str, tuple[str, Account, str, str | None]] = {
    "only a profile that the listing has": (
        SONNET,
        Account(profiles={f"global.{SONNET}": SONNET}),
        "geo",
        f"global.{SONNET}",
    ),
    "the geography first": (
        SONNET,
        Account(profiles={f"global.{SONNET}": SONNET, f"us.{SONNET}": SONNET}),
        "geo",
        f"us.{SONNET}",
    ),
    "the world first": (
        SONNET,
        Account(profiles={f"us.{SONNET}": SONNET, f"global.{SONNET}": SONNET}),
        "global",
        f"global.{SONNET}",
    ),
    "a geography that the catalogue does not know": (
        SONNET,
        Account(profiles={f"xy.{SONNET}": SONNET}),
        "geo",
        f"xy.{SONNET}",
    ),
    "no profile of its own": (SONNET, Account(profiles={APPLICATION: SONNET, f"us.{NOVA}": NOVA}), "geo", None),
    "required, whatever is said of on-demand": (
        SONNET,
        Account(on_demand=frozenset({SONNET}), profiles={f"us.{SONNET}": SONNET}),
        "geo",
        f"us.{SONNET}",
    ),
    "usual, but on-demand here": (
        NOVA,
        Account(on_demand=frozenset({NOVA}), profiles={f"us.{NOVA}": NOVA}),
        "geo",
        NOVA,
    ),
    "usual, and not on-demand here": (NOVA, Account(profiles={f"us.{NOVA}": NOVA}), "geo", f"us.{NOVA}"),
    "usual, and not listed at all": (NOVA, Account(), "geo", NOVA),
    "optional, and on-demand here": (
        "anthropic.claude-3-haiku-20240307-v1:0",
        Account(
            on_demand=frozenset({"anthropic.claude-3-haiku-20240307-v1:0"}),
            profiles={"us.anthropic.claude-3-haiku-20240307-v1:0": "anthropic.claude-3-haiku-20240307-v1:0"},
        ),
        "geo",
        "anthropic.claude-3-haiku-20240307-v1:0",
    ),
    "optional, and by profile only here": (
        "deepseek.v3.2",
        Account(profiles={"us.deepseek.v3.2": "deepseek.v3.2"}),
        "geo",
        "us.deepseek.v3.2",
    ),
    "none, and not listed": ("qwen.qwen3-32b-v1:0", Account(), "geo", "qwen.qwen3-32b-v1:0"),
    "unlisted in the catalogue": (
        "anthropic.claude-opus-9",
        Account(profiles={"us.anthropic.claude-opus-9": "anthropic.claude-opus-9"}),
        "geo",
        "us.anthropic.claude-opus-9",
    ),
    "a profile is sent as given": (f"us.{SONNET}", Account(), "geo", f"us.{SONNET}"),
    "a profile of a geography that only the listing knows": (
        f"xy.{SONNET}",
        Account(profiles={f"xy.{SONNET}": SONNET}),
        "geo",
        f"xy.{SONNET}",
    ),
}


@pytest.mark.parametrize("case", LISTINGS)
def test_with_the_accounts_listing(case: str) -> None:
    name, known, scope, expected = LISTINGS[case]
    if expected is None:
        assert refusal(name, known=known, scope=scope).startswith(not_found(name))
    else:
        assert resolve(name, known=known, scope=scope).model_id == expected


class Template:
    """As much of a chat template as routing looks at."""

    end_tokens = ()

    def __init__(self, takes_tools: bool = False, context_tokens: int | None = None) -> None:
        self.takes_tools = takes_tools
        self.context_tokens = context_tokens

    def render(self, *_: object, **__: object) -> str:
        return ""

    def neutralise(self, value: object) -> object:
        return value


IMPORTED = f"{ARN}imported-model/abcdef123456"


def test_a_model_that_brings_its_chat_template() -> None:
    template = Template()
    target = resolve("mine", aliases={"mine": Alias(id=IMPORTED, chat_template=template)})
    model = target.model
    assert (target.model_id, target.region) == (IMPORTED, "us-west-2")
    assert (model.chat_template, model.completion, model.features) == (template, "bedrock", frozenset())
    assert (model.context_tokens, model.max_output_tokens) == (32_000, 4_096)
    told = Alias(chat_template=Template(True, 2_000), completion="openai")
    model = resolve("mine", aliases={"mine": Alias(id=IMPORTED), IMPORTED: told}).model
    assert (model.completion, model.features) == ("openai", {"tools"})
    assert (model.context_tokens, model.max_output_tokens) == (2_000, 2_000)


NEW = "newcomer.wonder-1-v1:0"


def test_a_model_that_only_the_listing_knows() -> None:
    known = Account(on_demand=frozenset({NEW}), facts={NEW: Facts("Wonder 1", has_images=True, streams=False)})
    target = resolve(NEW, known=known)
    model = target.model
    assert target.model_id == NEW
    assert (model.id, model.name, model.family, model.provider) == (NEW, "Wonder 1", "converse", "newcomer")
    assert not model.is_listed
    assert not model.streams
    assert model.features == {"tools", "images"}
    assert refusal(NEW) == not_found(NEW)
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{NEW}"
    assert resolve(arn, known=known).model == model


def test_its_inference_types_are_those_of_the_listing() -> None:
    known = Account(profiles={f"us.{NEW}": NEW, f"eu.{NEW}": NEW}, facts={NEW: Facts()})
    assert resolve(NEW, known=known).model_id == f"us.{NEW}"
    assert resolve(f"eu.{NEW}", known=known).model_id == f"eu.{NEW}"
    assert resolve(f"eu.{NEW}", known=known).model.name == NEW
    assert ids(known=known) == [f"eu.{NEW}", f"us.{NEW}"]


def test_what_the_listing_adds_to_the_guess_by_a_provider() -> None:
    name = "mistral.wonder-1"
    assert resolve(name).model.features == {"tools"}
    seeing = resolve(name, known=Account(facts={name: Facts("Wonder", has_images=True)})).model
    assert (seeing.name, seeing.features, seeing.streams) == ("Wonder", {"tools", "images"}, True)
    blind = resolve("openai.gpt-9", known=Account(facts={"openai.gpt-9": Facts(streams=False)})).model
    assert "images" not in blind.features
    assert not blind.streams
    # Of a listed model the catalogue knows better.
    assert resolve(NOVA, known=Account(facts={NOVA: Facts("Other")})).model == resolve(NOVA).model


def test_an_operators_word_goes_before_the_listing() -> None:
    known = Account(facts={NEW: Facts("Wonder 1", has_images=True)})
    assert resolve(NEW, known=known, aliases={NEW: Alias(family="llama3")}).model.template == "llama3"
    by_converse = resolve(NEW, known=known, aliases={NEW: Alias(family="converse")}).model
    assert (by_converse.name, by_converse.family) == ("Wonder 1", "converse")


@pytest.mark.parametrize("name", ["cohere.rerank-v9:0", "amazon.rerank-v9:0", "twelvelabs.pegasus-9-v1:0"])
def test_what_answers_in_text_but_takes_no_conversation(name: str) -> None:
    assert refusal(name, known=Account(on_demand=frozenset({name}), facts={name: Facts()})) == not_found(name)


# --- Aliases ---


def test_an_alias() -> None:
    aliases = {"gpt-4o": Alias(id=f"us.{SONNET}"), "my fast/model": Alias(id=SONNET), "a%3Ab": Alias(id=NOVA)}
    assert resolve("gpt-4o", aliases=aliases).model_id == f"us.{SONNET}"
    assert resolve("my fast/model", "eu-west-1", aliases=aliases).model_id == f"eu.{SONNET}"
    assert resolve("my%20fast%2Fmodel", aliases=aliases).model_id == f"us.{SONNET}"
    assert resolve("a%3Ab", aliases=aliases).model_id == f"us.{NOVA}"


def test_an_alias_for_nothing_is_refused_by_the_clients_word() -> None:
    assert refusal("gpt-4o", aliases={"gpt-4o": Alias(id="meta.lama3")}) == not_found("gpt-4o")
    hint = "Its ARN does not tell the model: set its family or chat_template under models in config.yaml."
    assert refusal("gpt-4o", aliases={"gpt-4o": Alias(id=APPLICATION)}) == f"{not_found('gpt-4o')} {hint}"


def test_an_alias_may_limit_the_output() -> None:
    aliases = {"short": Alias(id=SONNET, max_output_tokens=1000), SONNET: Alias(max_output_tokens=2000)}
    assert resolve("short", aliases=aliases).model.max_output_tokens == 1000
    assert resolve(SONNET, aliases=aliases).model.max_output_tokens == 2000
    assert resolve(f"us.{SONNET}", aliases=aliases).model.max_output_tokens == 64_000


def test_an_alias_takes_what_is_said_of_its_arn() -> None:
    aliases = {"mine": Alias(id=APPLICATION), APPLICATION: Alias(family="llama4", max_output_tokens=77)}
    target = resolve("mine", aliases=aliases)
    assert (target.model.template, target.model.max_output_tokens) == ("llama4", 77)


@pytest.mark.parametrize("family", [SONNET, f"us.{SONNET}"])
def test_a_family_may_be_a_listed_model(family: str) -> None:
    target = resolve(APPLICATION, aliases={APPLICATION: Alias(family=family)})
    assert (target.model.name, target.model_id) == ("Claude Sonnet 4.6", APPLICATION)


def test_the_family_of_an_id_whose_generation_is_only_guessed() -> None:
    target = resolve("new", aliases={"new": Alias(id="meta.llama5-1t-v1:0", family="llama4")})
    assert (target.model.template, target.model_id) == ("llama4", "meta.llama5-1t-v1:0")


@pytest.mark.parametrize(
    ("id", "family"), [(SONNET, "claude"), (LLAMA33, "llama3.3"), (NOVA, "converse"), (NOVA, NOVA)]
)
def test_a_family_that_says_what_is_known_changes_nothing(id: str, family: str) -> None:
    assert resolve("mine", aliases={"mine": Alias(id=id, family=family)}) == resolve(id)


@pytest.mark.parametrize(
    "id",
    [
        SONNET,
        f"us.{SONNET}",
        f"{ARN}inference-profile/us.{SONNET}",
        LLAMA33,
        "anthropic.claude-3-sonnet-20240229-v1:0:28k",
        "anthropic.claude-opus-9",
        "meta.llama5-1t-v1:0",
    ],
)
def test_any_model_can_be_sent_by_converse_and_keeps_its_facts(id: str) -> None:
    own, by_converse = resolve(id), resolve("mine", aliases={"mine": Alias(id=id, family="converse")})
    assert by_converse == replace(own, model=replace(own.model, family="converse"))
    assert resolve(id, aliases={id: Alias(family="converse")}) == by_converse


def test_a_profile_of_the_accounts_own_by_converse() -> None:
    known = Account(profiles={APPLICATION: LLAMA33})
    aliases = {APPLICATION: Alias(family="converse")}
    assert resolve(APPLICATION, known=known, aliases=aliases).model == replace(
        resolve(LLAMA33).model, family="converse"
    )
    # Before the listing is there, what every model takes has to do.
    assert resolve(APPLICATION, aliases=aliases).model.name == "A model with Converse"


def test_an_alias_may_bear_its_own_id() -> None:
    assert resolve(SONNET, aliases={SONNET: Alias(id=SONNET)}).model_id == f"us.{SONNET}"


# --- /v1/models ---


def ids(
    region: str = "us-east-1", today: date = TODAY, families: tuple[str, ...] = FAMILIES, **more: object
) -> list[str]:
    return [model.id for model in Resolver(CATALOG, region, families=families, **more).list_models(today)]


def test_the_list_without_a_listing() -> None:
    listed = ids()
    assert listed == sorted(listed)
    assert len(listed) == len(set(listed))
    assert {f"us.{SONNET}", f"global.{SONNET}", f"us.{NOVA}", "meta.llama3-8b-instruct-v1:0"} <= set(listed)
    assert {"deepseek.v3.2", "us.deepseek.v3.2"} <= set(listed)
    # They need a profile, another region, or are gone.
    assert not {SONNET, NOVA, f"eu.{SONNET}", "meta.llama2-13b-chat-v1", "us.meta.llama3-2-1b-instruct-v1:0"} & set(
        listed
    )


def test_each_of_the_list_can_be_called_as_it_is_called_there() -> None:
    resolver = Resolver(CATALOG, "ap-northeast-1", families=FAMILIES)
    for model in resolver.list_models(TODAY):
        assert resolver.resolve(model.id).model_id == model.id
        assert resolver.describe(model.id) == model


def test_the_list_of_another_region() -> None:
    listed = ids("sa-east-1")
    assert f"global.{SONNET}" in listed
    assert NOVA in listed  # base ids work in a few regions, and this one has no profile
    assert not [name for name in listed if name.startswith(("us.", "eu."))]


def test_models_past_their_end_of_life_are_hidden() -> None:
    jamba = "ai21.jamba-1-5-mini-v1:0"
    assert jamba in ids(today=date(2026, 11, 25))
    assert jamba not in ids(today=date(2026, 11, 26))


def test_only_families_that_are_served() -> None:
    assert {name.partition(".")[0] for name in ids("cn-north-1", families=("llama",))} == {"meta"}


def test_the_list_with_a_listing() -> None:
    known = Account(
        on_demand=frozenset(
            {"meta.llama3-8b-instruct-v1:0", "amazon.titan-embed-text-v2:0", "meta.llama2-13b-chat-v1"}
        ),
        profiles={f"us.{SONNET}": SONNET, APPLICATION: SONNET, f"{ARN}inference-profile/us.{SONNET}": SONNET},
    )
    # What the account can call is shown, end of life or not.
    assert ids(known=known) == ["meta.llama2-13b-chat-v1", "meta.llama3-8b-instruct-v1:0", f"us.{SONNET}"]


def test_aliases_are_listed_but_arns_are_not() -> None:
    aliases = {
        "mine": Alias(id=APPLICATION, family="llama3"),
        "nothing": Alias(id="x.y"),
        "fast": Alias(id=f"us.{SONNET}", max_output_tokens=99),
        APPLICATION: Alias(family="claude"),
    }
    resolver = Resolver(CATALOG, "us-east-1", families=FAMILIES, aliases=aliases, known=Account())
    fast, mine = resolver.list_models(TODAY)
    assert (fast.id, fast.owned_by, fast.max_output_tokens, fast.context_tokens) == ("fast", "anthropic", 99, 1_000_000)
    assert (mine.id, mine.owned_by, mine.name, mine.max_output_tokens) == ("mine", "meta", "Llama 3", 2048)


def test_what_is_not_found_cannot_be_described() -> None:
    with pytest.raises(ModelNotFound):
        Resolver(CATALOG, "us-east-1", families=FAMILIES).describe("gpt-4o")
