"""What InvokeModel takes beside the body."""

import pytest

from proxy.families.invoke import invoke_headers
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request


@pytest.mark.parametrize("value", ["x\u2003y", "x\u00a0y", "x\u2028y", "\u65e5\u672c"])
def test_labels_beyond_ascii_are_dropped_and_said(value: str) -> None:
    adapted = Adaptations()
    headers = invoke_headers(Request("m", [], metadata={"a": value}), adapted)
    assert "x-amzn-bedrock-request-metadata" not in headers
    assert adapted.header() == "metadata.a=dropped"


def test_labels_that_fit_are_sent() -> None:
    adapted = Adaptations()
    headers = invoke_headers(Request("m", [], metadata={"team": "a b"}), adapted)
    assert headers["x-amzn-bedrock-request-metadata"] == '{"team":"a b"}'
    assert not adapted
