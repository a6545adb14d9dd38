import pytest

from proxy.emulator.control import get_model, get_profile, list_models, list_profiles
from proxy.emulator.models import Models
from proxy.emulator.refusal import Refusal
from proxy.emulator.settings import DEFAULT_RESOURCES

LLAMA3 = "meta.llama3-8b-instruct-v1:0"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(scope="module")
def account(models):
    return Models(models, DEFAULT_RESOURCES, "123456789012")


def ids(page):
    return [summary["modelId"] for summary in page["modelSummaries"]]


def test_a_foundation_model(account):
    details = get_model(account, "us-west-2", LLAMA3)["modelDetails"]
    assert details == {
        "modelArn": f"arn:aws:bedrock:us-west-2::foundation-model/{LLAMA3}",
        "modelId": LLAMA3,
        "modelName": "Llama 3 8B Instruct",
        "providerName": "Meta",
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {
            "status": "LEGACY",
            "startOfLifeTime": "2025-01-01T00:00:00Z",
            "endOfLifeTime": "2027-03-30T00:00:00Z",
        },
    }
    assert details in list_models(account, "us-west-2", {})["modelSummaries"]
    assert get_model(account, "us-west-2", details["modelArn"])["modelDetails"] == details


def test_how_a_model_can_be_called(account):
    def inference(id, region):
        return get_model(account, region, id)["modelDetails"]["inferenceTypesSupported"]

    assert inference(SONNET, "us-east-1") == ["INFERENCE_PROFILE"]
    assert inference("meta.llama3-1-8b-instruct-v1:0", "us-west-2") == ["ON_DEMAND", "INFERENCE_PROFILE"]
    assert inference("meta.llama3-1-8b-instruct-v1:0", "us-east-1") == ["INFERENCE_PROFILE"]


def test_only_what_the_emulator_answers_for_is_listed(account):
    providers = {summary["providerName"] for summary in list_models(account, "us-east-1", {})["modelSummaries"]}
    assert providers > {"Anthropic", "Meta", "Amazon", "Mistral AI"}
    assert not any(provider.islower() for provider in providers)


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ({"byProvider": "meta"}, True),
        ({"byProvider": "Anthropic"}, False),
        ({"byOutputModality": "TEXT"}, True),
        ({"byOutputModality": "IMAGE"}, False),
        ({"byInferenceType": "ON_DEMAND"}, True),
        ({"byInferenceType": "PROVISIONED"}, False),
        ({"byCustomizationType": "FINE_TUNING"}, False),
    ],
)
def test_filters(account, query, is_there):
    assert (LLAMA3 in ids(list_models(account, "us-east-1", query))) is is_there


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"byInferenceType": "x"}, "Value 'x' at 'byInferenceType' failed to satisfy constraint"),
        ({"byOutputModality": "AUDIO"}, "enum value set: [TEXT, IMAGE, EMBEDDING]"),
    ],
)
def test_bad_filters(account, query, words):
    with pytest.raises(Refusal) as refused:
        list_models(account, "us-east-1", query)
    assert words in refused.value.message


@pytest.mark.parametrize("identifier", ["nothing", "amazon.nova-canvas-v1:0"])
def test_a_model_that_is_not_there(account, identifier):
    with pytest.raises(Refusal) as refused:
        get_model(account, "us-east-1", identifier)
    assert refused.value.status == 404


def test_profiles_come_in_pages(account):
    everything = list_profiles(account, "us-east-1", {})["inferenceProfileSummaries"]
    found, query = [], {"maxResults": "7"}
    while True:
        page = list_profiles(account, "us-east-1", query)
        found += page["inferenceProfileSummaries"]
        if "nextToken" not in page:
            break
        assert len(page["inferenceProfileSummaries"]) == 7
        query["nextToken"] = page["nextToken"]
    assert found == everything
    assert len(everything) > 20


def test_profiles_are_those_of_the_region(account):
    def geographies(region):
        page = list_profiles(account, region, {})
        return {summary["inferenceProfileId"].partition(".")[0] for summary in page["inferenceProfileSummaries"]}

    assert geographies("us-east-1") == {"us", "global"}
    assert geographies("eu-central-1") == {"eu", "global"}
    assert geographies("ap-northeast-1") == {"apac", "jp", "global"}
    assert geographies("us-gov-west-1") == {"us-gov"}


def test_a_system_profile(account):
    profile = get_profile(account, "us-east-1", f"us.{LLAMA33}")
    assert profile["inferenceProfileArn"] == f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{LLAMA33}"
    assert profile["inferenceProfileName"] == "US Meta Llama 3.3 70B Instruct"
    assert (profile["type"], profile["status"]) == ("SYSTEM_DEFINED", "ACTIVE")
    assert [model["modelArn"] for model in profile["models"]] == [
        f"arn:aws:bedrock:{region}::foundation-model/{LLAMA33}" for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    assert get_profile(account, "us-east-1", profile["inferenceProfileArn"]) == profile
    (model,) = get_profile(account, "us-east-1", f"global.{SONNET}")["models"]
    assert model == {"modelArn": f"arn:aws:bedrock:::foundation-model/{SONNET}"}


def test_application_profiles_are_listed_when_asked_for(account):
    page = list_profiles(account, "eu-west-1", {"type": "APPLICATION"})
    arns = [summary["inferenceProfileArn"] for summary in page["inferenceProfileSummaries"]]
    assert arns == [
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/emulatorclaude",
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/emulatorllama",
    ]
    assert get_profile(account, "eu-west-1", arns[1])["models"] == [
        {"modelArn": f"arn:aws:bedrock:eu-west-1::foundation-model/{LLAMA33}"}
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"type": "OTHER"},
        {"maxResults": "0"},
        {"maxResults": "1001"},
        {"maxResults": "x"},
        {"nextToken": "x"},
        {"nextToken": "eA=="},
    ],
)
def test_bad_queries(account, query):
    with pytest.raises(Refusal) as refused:
        list_profiles(account, "us-east-1", query)
    assert refused.value.status == 400


def test_a_profile_that_is_not_there(account):
    with pytest.raises(Refusal) as refused:
        get_profile(account, "us-east-1", f"eu.{SONNET}")
    assert refused.value.status == 404
