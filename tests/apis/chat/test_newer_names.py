"""Where a field is sent under its older and its newer name, the newer one counts and the loss of the other is told."""

from typing import Any

import pytest

from proxy.apis.chat.request import parse
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_tokens": 5, "max_completion_tokens": 50}, "max_tokens=dropped"),
        ({"max_tokens": 50, "max_completion_tokens": 50}, ""),
        ({"user": "a", "safety_identifier": "b"}, "user=dropped"),
        ({"user": "a", "safety_identifier": "a"}, ""),
    ],
)
def test_the_older_name_is_not_lost_in_silence(fields: dict[str, Any], told: str) -> None:
    adapted = Adaptations()
    parse(HELLO | fields, adapted, 8)
    assert adapted.header() == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("guardrailIdentifier", "a\r\nx: y"),
        ("guardrailIdentifier", "日本"),
        ("guardrailVersion", "ü"),
        ("guardrailVersion", "0"),
    ],
)
def test_a_guardrail_that_could_be_no_header(name: str, value: str) -> None:
    config = {"guardrailIdentifier": "abc", "guardrailVersion": "1"} | {name: value}
    with pytest.raises(InvalidRequest) as caught:
        parse(HELLO | {"guardrailConfig": config}, Adaptations(), 8)
    assert caught.value.param == f"guardrailConfig.{name}"
