"""OpenAI's error object, which all of its APIs share.

{"error": {"message": "…", "type": "invalid_request_error", "param": "messages[0].role", "code": "invalid_value"}}
"""

from __future__ import annotations

from typing import Any

from proxy.errors import ProxyError


def render_error(error: ProxyError) -> dict[str, Any]:
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
