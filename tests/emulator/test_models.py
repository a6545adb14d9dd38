from datetime import date

import pytest

from proxy.emulator.models import Models, read_catalog
from proxy.emulator.refusal import Refusal
from proxy.emulator.settings import DEFAULT_RESOURCES

ACCOUNT = "123456789012"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA3 = "meta.llama3-8b-instruct-v1:0"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
LLAMA31 = "meta.llama3-1-8b-instruct-v1:0"
HAIKU3 = "anthropic.claude-3-5-haiku-20241022-v1:0"
INVALID = "The provided model identifier is invalid."


@pytest.fixture(scope="module")
def account(models):
    return Models(models, DEFAULT_RESOURCES, ACCOUNT)


@pytest.mark.parametrize(
    ("identifier", "region", "id"),
    [
        (LLAMA3, "us-east-1", LLAMA3),
        (HAIKU3, "us-east-1", HAIKU3),
        (f"us.{SONNET}", "us-east-1", SONNET),
        (f"us.{SONNET}", "ca-central-1", SONNET),
        (f"eu.{SONNET}", "eu-central-1", SONNET),
        (f"global.{SONNET}", "eu-north-1", SONNET),
        (f"global.{SONNET}", "ap-south-1", SONNET),
        (f"jp.{SONNET}", "ap-northeast-1", SONNET),
        (f"au.{SONNET}", "ap-southeast-2", SONNET),
        (f"us-gov.{SONNET}", "us-gov-west-1", SONNET),
        (LLAMA31, "us-west-2", LLAMA31),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{LLAMA3}", "us-east-1", LLAMA3),
        (f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{LLAMA33}", "us-east-1", LLAMA33),
        (f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/emulatorclaude", "us-east-1", SONNET),
        (f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:imported-model/emulatorllama", "eu-west-1", LLAMA33),
        (f"arn:aws:bedrock:eu-west-1:{ACCOUNT}:provisioned-model/emulatorllama", "eu-west-1", LLAMA3),
    ],
)
def test_resolves(account, identifier, region, id):
    assert account.resolve(identifier, region).id == id


@pytest.mark.parametrize(
    ("identifier", "region"),
    [
        ("", "us-east-1"),
        ("x" * 2049, "us-east-1"),
        ("gpt-4o", "us-east-1"),
        (f"eu.{SONNET}", "us-east-1"),
        (f"us.{SONNET}", "us-gov-west-1"),
        (f"global.{SONNET}", "us-gov-west-1"),
        (f"jp.{SONNET}", "ap-southeast-2"),
        (f"in.{SONNET}", "ap-south-1"),
        (f"eu.{LLAMA33}", "eu-west-1"),
        (f"us.{LLAMA3}", "us-east-1"),
        (f"us.us.{SONNET}", "us-east-1"),
        (f"arn:aws:bedrock:us-west-2::foundation-model/{LLAMA3}", "us-east-1"),
        (f"arn:aws:bedrock:us-east-1:{ACCOUNT}:foundation-model/{LLAMA3}", "us-east-1"),
        ("arn:aws:bedrock:us-east-1::foundation-model/unknown", "us-east-1"),
        (f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{SONNET}", "us-east-1"),
        (f"arn:aws:bedrock:us-east-1:999999999999:inference-profile/us.{SONNET}", "us-east-1"),
        (f"arn:aws:bedrock:us-east-1:{ACCOUNT}:provisioned-model/unknown", "us-east-1"),
        ("arn:aws:s3:::bucket", "us-east-1"),
    ],
)
def test_an_id_that_is_not_there(account, identifier, region):
    with pytest.raises(Refusal) as refused:
        account.resolve(identifier, region)
    assert (refused.value.type, refused.value.message, refused.value.status) == ("ValidationException", INVALID, 400)


@pytest.mark.parametrize(
    ("identifier", "region"),
    [
        (SONNET, "us-east-1"),
        (LLAMA31, "us-east-1"),
        (f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}", "us-east-1"),
    ],
)
def test_a_model_that_needs_a_profile(account, identifier, region):
    with pytest.raises(Refusal) as refused:
        account.resolve(identifier, region)
    id = identifier.rpartition("/")[2]
    assert refused.value.message == (
        f"Invocation of model ID {id} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of "
        "an inference profile that contains this model."
    )


def test_the_end_of_life_counts_only_when_asked_for(models, account):
    gone = "us.meta.llama3-2-1b-instruct-v1:0"
    assert account.resolve(gone, "us-east-1").end_of_life == date(2026, 7, 7)
    strict = Models(models, {}, ACCOUNT, today=date(2026, 11, 21))
    with pytest.raises(Refusal) as refused:
        strict.resolve(gone, "us-east-1")
    assert refused.value.status == 404
    assert refused.value.message.startswith("This model version has reached the end of its life.")
    assert strict.resolve(LLAMA3, "us-east-1").id == LLAMA3


@pytest.mark.parametrize(
    ("id", "name"),
    [
        (SONNET, "claude-sonnet-4-5-20250929"),
        ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022"),
    ],
)
def test_the_vendors_name(models, id, name):
    assert models[id].name == name


def test_a_catalogue_of_ones_own(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text(
        '[[model]]\nid = "meta.llama9-1b-v1:0"\nfamily = "llama"\nend_of_life = 2030-01-02\nfeatures = ["images"]\n'
        "max_output_tokens = 7\nunknown_to_us = true\n"
    )
    model = read_catalog(path)["meta.llama9-1b-v1:0"]
    assert (model.max_output_tokens, model.has_images, model.end_of_life) == (7, True, date(2030, 1, 2))
    assert model.title == "meta.llama9-1b-v1:0"
