import pytest

from proxy.routing.catalog import Catalog
from proxy.routing.ids import Arn, base_id_in, geo_in, is_id, parse_arn

CATALOG = Catalog.load()
HERE = "arn:aws:bedrock:us-west-2:123456789012:"
SONNET = "anthropic.claude-sonnet-4-6"
TOLD = {
    SONNET: (SONNET, None),
    f"us.{SONNET}": (SONNET, "us"),
    f"us-gov.{SONNET}": (SONNET, "us-gov"),
    "openai.gpt-6.1-sol": ("openai.gpt-6.1-sol", None),
    f"arn:aws:bedrock:us-west-2::foundation-model/{SONNET}": (SONNET, None),
    f"{HERE}inference-profile/global.{SONNET}": (SONNET, "global"),
    f"{HERE}custom-model/amazon.nova-lite-v1:0:300k/abcdef123456": ("amazon.nova-lite-v1:0:300k", None),
    f"{HERE}application-inference-profile/abcdef123456": ("", None),
    f"{HERE}provisioned-model/abcdef123456": ("", None),
    f"{HERE}imported-model/abcdef123456": ("", None),
    f"{HERE}custom-model-deployment/abcdef123456": ("", None),
    f"{HERE}default-prompt-router/meta.llama:1": ("", None),
    "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mine": ("", None),
}


@pytest.mark.parametrize("model_id", TOLD)
def test_what_an_id_tells(model_id: str) -> None:
    assert is_id(model_id)
    assert (base_id_in(model_id, CATALOG), geo_in(model_id, CATALOG)) == TOLD[model_id]


def test_the_parts_of_an_arn() -> None:
    assert parse_arn(f"{HERE}imported-model/abc") == Arn("us-west-2", "imported-model", "abc")
    assert parse_arn("arn:aws:bedrock:::inference-profile/global.x") == Arn(None, "inference-profile", "global.x")
    assert parse_arn("arn:aws:s3:::bucket/key") is None


@pytest.mark.parametrize(
    "text", ["", "a b", "a/b", "x" * 2049, "é", "arn:aws:bedrock:evil.example/:1:x/y", f"{HERE}imported-model/a b"]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
