from typing import Any
from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from proxy import jsonio
from proxy.bedrock.listing import AccountModels, ModelFacts, fetch_account_models, parse_account_models
from proxy.errors import Forbidden, RateLimited, UpstreamBroken

SERVICE = botocore.session.Session().get_service_model("bedrock")
ARN = "arn:aws:bedrock:us-west-2::foundation-model/"
PROFILE_ARN = "arn:aws:bedrock:us-west-2:123456789012:inference-profile/"
OWN_ARN = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abcdef123456"


def model(model_id: str, *types: str, status: str = "ACTIVE", output: str = "TEXT") -> dict[str, Any]:
    return {
        "modelArn": ARN + model_id,
        "modelId": model_id,
        "modelName": "A model",
        "providerName": "Someone",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": [output],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": list(types),
        "modelLifecycle": {"status": status, "startOfLifeTime": "2024-04-18T00:00:00Z"},
    }


def profile(profile_id: str, *base_ids: str, kind: str = "SYSTEM_DEFINED", arn: str = "") -> dict[str, Any]:
    return {
        "inferenceProfileName": "A profile",
        "inferenceProfileId": profile_id,
        "inferenceProfileArn": arn or PROFILE_ARN + profile_id,
        "createdAt": "2024-12-01T00:00:00Z",
        "updatedAt": "2024-12-01T00:00:00Z",
        "status": "ACTIVE",
        "type": kind,
        "models": [{"modelArn": ARN + base_id} for base_id in base_ids],
    }


LLAMA, CLAUDE = "meta.llama3-3-70b-instruct-v1:0", "anthropic.claude-opus-4-6-v1"
MODELS = {
    "modelSummaries": [
        model("meta.llama3-70b-instruct-v1:0", "ON_DEMAND"),
        model(LLAMA, "ON_DEMAND", "PROVISIONED"),
        model(CLAUDE, "INFERENCE_PROFILE"),
        model("anthropic.claude-old-v1:0", "ON_DEMAND", status="LEGACY"),
        model("anthropic.claude-old-v1:0:200k", "ON_DEMAND"),
        model("amazon.nova-lite-v1:0:mm", "ON_DEMAND"),
        model("meta.llama3-bare-v1", "PROVISIONED"),
        model("meta.llama3-gone-v1:0", "ON_DEMAND", status="ENDED"),
        model("amazon.titan-embed-text-v2:0", "ON_DEMAND", output="EMBEDDING"),
        model("cohere.embed-v4:0", "INFERENCE_PROFILE", output="EMBEDDING"),
    ]
}
SYSTEM_PAGES = [
    {
        "inferenceProfileSummaries": [
            profile(f"us.{LLAMA}", LLAMA, LLAMA),
            profile("us.cohere.embed-v4:0", "cohere.embed-v4:0"),
        ],
        "nextToken": "a/b=c&d",
    },
    {"inferenceProfileSummaries": [profile(f"global.{CLAUDE}", CLAUDE)]},
]
OWN_PAGE = {"inferenceProfileSummaries": [profile("abcdef123456", CLAUDE, kind="APPLICATION", arn=OWN_ARN)]}
EXPECTED = AccountModels(
    on_demand=frozenset({"meta.llama3-70b-instruct-v1:0", LLAMA, "anthropic.claude-old-v1:0"}),
    profiles={
        f"us.{LLAMA}": LLAMA,
        f"{PROFILE_ARN}us.{LLAMA}": LLAMA,
        f"global.{CLAUDE}": CLAUDE,
        f"{PROFILE_ARN}global.{CLAUDE}": CLAUDE,
        OWN_ARN: CLAUDE,
    },
    legacy=frozenset({"anthropic.claude-old-v1:0"}),
    facts={
        summary["modelId"]: ModelFacts("A model", has_images=True, streams=True)
        for summary in MODELS["modelSummaries"]
        if summary["outputModalities"] == ["TEXT"]
    },
)


class ControlPlane:
    """Answers as Bedrock does, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def get(self, path: str, query: str) -> tuple[int, bytes]:
        self.asked.append((path, query))
        status, answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return status, answer if isinstance(answer, bytes) else jsonio.encode(answer)


async def test_two_lists_and_all_their_pages() -> None:
    control = ControlPlane((200, MODELS), *((200, page) for page in SYSTEM_PAGES), (200, OWN_PAGE))
    assert await fetch_account_models(control.get) == EXPECTED
    serializer = create_serializer("rest-json")

    def asked_by_botocore(operation: str, **params: Any) -> tuple[str, dict[str, str]]:
        request = serializer.serialize_to_request(params, SERVICE.operation_model(operation))
        return request["url_path"], {name: str(value) for name, value in request["query_string"].items()}

    assert [(path, dict(parse_qsl(query, strict_parsing=bool(query)))) for path, query in control.asked] == [
        asked_by_botocore("ListFoundationModels"),
        asked_by_botocore("ListInferenceProfiles", maxResults=1000, typeEquals="SYSTEM_DEFINED"),
        asked_by_botocore("ListInferenceProfiles", maxResults=1000, typeEquals="SYSTEM_DEFINED", nextToken="a/b=c&d"),
        asked_by_botocore("ListInferenceProfiles", maxResults=1000, typeEquals="APPLICATION"),
    ]
    assert control.asked[2][1].endswith("nextToken=a%2Fb%3Dc%26d")


def test_reads_the_members_that_botocore_reads() -> None:
    parser = create_parser("rest-json")

    def by_botocore(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
        response = {"status_code": 200, "headers": {}, "body": jsonio.encode(answer)}
        parsed: dict[str, Any] = parser.parse(response, SERVICE.operation_model(operation).output_shape)
        return parsed

    # What botocore's model does not name is dropped here: were one of our names wrong, the two would differ.
    models = by_botocore("ListFoundationModels", MODELS)
    pages = [by_botocore("ListInferenceProfiles", page) for page in (*SYSTEM_PAGES, OWN_PAGE)]
    assert parse_account_models(models, pages) == parse_account_models(MODELS, [*SYSTEM_PAGES, OWN_PAGE]) == EXPECTED
    assert pages[0]["nextToken"] == SYSTEM_PAGES[0]["nextToken"]


def test_odd_entries_are_left_out() -> None:
    odd: list[Any] = [None, 1, "x", [], {}, {"modelId": 1}, {"modelId": "a.b", "outputModalities": None}]
    bare = {"modelId": "a.c", "outputModalities": ["TEXT"], "inferenceTypesSupported": ["ON_DEMAND"]}
    profiles: list[Any] = [
        None,
        {},
        {"inferenceProfileId": "us.x"},
        {"inferenceProfileId": "us.x", "models": []},
        {"inferenceProfileId": "us.x", "models": [{}, {"modelArn": 1}, {"modelArn": "arn:aws:bedrock:::other/x"}]},
        {"inferenceProfileId": "us.x", "models": [{"modelArn": ARN}]},
        {"inferenceProfileId": "us.gone", "status": "CREATING", "models": [{"modelArn": ARN + "a.c"}]},
        {"inferenceProfileId": "us.a.c", "models": [{}, {"modelArn": "arn:aws:bedrock:::foundation-model/a.c"}]},
    ]
    account = parse_account_models({"modelSummaries": [*odd, bare]}, [{}, {"inferenceProfileSummaries": profiles}])
    assert account == AccountModels(frozenset({"a.c"}), {"us.a.c": "a.c"}, frozenset(), {})
    assert parse_account_models({}, []) == AccountModels(frozenset(), {}, frozenset(), {})


def test_what_is_told_of_a_model() -> None:
    plain = {"modelId": "a.plain", "outputModalities": ["TEXT"], "inputModalities": ["TEXT"]}
    summaries = [
        plain,
        plain | {"modelId": "a.whole", "responseStreamingSupported": False, "modelName": "Whole"},
        plain | {"modelId": "a.odd", "responseStreamingSupported": None, "modelName": 7},
        plain | {"modelId": "a.video", "inputModalities": ["VIDEO"]},
        plain | {"modelId": "a.provisioned", "inferenceTypesSupported": ["PROVISIONED"]},
    ]
    assert parse_account_models({"modelSummaries": summaries}, []).facts == {
        "a.plain": ModelFacts("", has_images=False, streams=True),
        "a.whole": ModelFacts("Whole", has_images=False, streams=False),
        "a.odd": ModelFacts("", has_images=False, streams=True),
        "a.provisioned": ModelFacts("", has_images=False, streams=True),
    }


async def test_a_role_that_may_not_list() -> None:
    refusal = {"message": "User: arn:aws:iam::123456789012:user/x is not authorized to perform: bedrock:List because …"}
    with pytest.raises(Forbidden) as caught:
        await fetch_account_models(ControlPlane((403, refusal)).get)
    assert "123456789012" not in caught.value.message


async def test_a_later_page_that_fails() -> None:
    control = ControlPlane((200, MODELS), (200, SYSTEM_PAGES[0]), (429, {"__type": "ThrottlingException"}))
    with pytest.raises(RateLimited):
        await fetch_account_models(control.get)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"\xff", b"[" * 100_000])
async def test_answers_that_are_no_list(answer: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="/foundation-models"):
        await fetch_account_models(ControlPlane((200, answer)).get)


async def test_pages_without_an_end() -> None:
    control = ControlPlane((200, MODELS), (200, SYSTEM_PAGES[0]))
    with pytest.raises(UpstreamBroken, match="no end"):
        await fetch_account_models(control.get)
