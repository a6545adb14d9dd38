"""A guardrail by the body is in chat/test_request.py; here is what all APIs share."""

from typing import Any

import pytest

from proxy.apis.guardrail import guardrail_of_headers, no_guardrail, parse_guardrail
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Guardrail

ID, VERSION, TRACE = (f"x-amzn-bedrock-{name}" for name in ("guardrailidentifier", "guardrailversion", "trace"))
ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1"
NAMED = {"guardrailIdentifier": "gr1", "guardrailVersion": "1"}


def parsed(**config: Any) -> Guardrail | None:
    return parse_guardrail({"guardrailConfig": config}, Adaptations(is_strict=True))


def refused(error: pytest.ExceptionInfo[InvalidRequest]) -> tuple[str | None, str | None]:
    return error.value.param, error.value.code


def test_all_there_is() -> None:
    asked = parsed(**NAMED, trace="enabled_full", streamProcessingMode="async", tagSuffix="x1")
    assert asked == Guardrail("gr1", "1", "enabled_full", stream_mode="async", tag_suffix="x1")
    assert parse_guardrail({}, Adaptations()) is None


@pytest.mark.parametrize("config", [{"trace": "enabled"}, {"streamProcessingMode": "sync"}, {"tagSuffix": "x"}])
def test_one_that_only_says_how(config: dict[str, Any]) -> None:
    asked = parsed(**config)
    assert asked is not None
    assert (asked.id, asked.version) == ("", "")
    error = no_guardrail(asked)
    assert (error.param, error.code) == ("guardrailConfig.guardrailIdentifier", "missing_required_parameter")


@pytest.mark.parametrize(
    ("config", "param", "code"),
    [
        ({"streamProcessingMode": "SYNC"}, "streamProcessingMode", "invalid_value"),
        ({"streamProcessingMode": True}, "streamProcessingMode", "invalid_type"),
        ({"tagSuffix": "a b"}, "tagSuffix", "invalid_value"),
        ({"tagSuffix": "x" * 21}, "tagSuffix", "invalid_value"),
        ({"tagSuffix": 1}, "tagSuffix", "invalid_type"),
        ({"guardrailVersion": 1}, "guardrailVersion", "invalid_type"),
    ],
)
def test_what_is_none_of_its_words(config: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parsed(**{**NAMED, **config})
    assert refused(error) == (f"guardrailConfig.{param}", code)


@pytest.mark.parametrize("id", ["gr1", ARN])
def test_headers(id: str) -> None:
    assert guardrail_of_headers({"authorization": "x"}) is None
    assert guardrail_of_headers({ID: "", VERSION: ""}) is None
    assert guardrail_of_headers({ID: id, VERSION: "DRAFT"}) == Guardrail(id, "DRAFT", None, ID)
    assert guardrail_of_headers({ID: id, VERSION: "1", TRACE: "ENABLED_FULL"}) == Guardrail(id, "1", "enabled_full", ID)
    assert guardrail_of_headers({TRACE: "DISABLED"}) == Guardrail("", "", "disabled", ID)


@pytest.mark.parametrize(
    ("headers", "param", "code"),
    [
        ({ID: "gr1"}, VERSION, "missing_required_parameter"),
        ({VERSION: "1"}, ID, "missing_required_parameter"),
        ({ID: "Gr1", VERSION: "1"}, ID, "invalid_value"),
        ({ID: "gr1", VERSION: "0"}, VERSION, "invalid_value"),
        ({ID: "gr1", VERSION: "1\xa0"}, VERSION, "invalid_value"),
        ({ID: "gr1", VERSION: "1", TRACE: "YES"}, TRACE, "invalid_value"),
    ],
)
def test_headers_that_name_none(headers: dict[str, str], param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        guardrail_of_headers(headers)
    assert refused(error) == (param, code)
