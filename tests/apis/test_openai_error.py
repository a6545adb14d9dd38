import pytest

from proxy.apis.chat import ChatApi
from proxy.apis.openai_error import render_error
from proxy.errors import InternalError, InvalidRequest, ProxyError, RateLimited


@pytest.mark.parametrize(
    ("error", "rendered"),
    [
        (
            InvalidRequest("No.", param="n", code="invalid_value"),
            {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "invalid_value"},
        ),
        (
            RateLimited("Slow down."),
            {"message": "Slow down.", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"},
        ),
        (InternalError("Sorry."), {"message": "Sorry.", "type": "server_error", "param": None, "code": None}),
    ],
)
def test_all_four_keys_always(error: ProxyError, rendered: dict[str, str | None]) -> None:
    assert render_error(error) == {"error": rendered}
    assert ChatApi().render_error(error) == {"error": rendered}
