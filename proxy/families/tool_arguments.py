"""The arguments of a call in the history, for wires that want an object."""

from __future__ import annotations

from typing import Any

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.neutral.blocks import ToolUse


def arguments_of(call: ToolUse) -> dict[str, Any]:
    """Raises `InvalidRequest` for what is none, such as the arguments of a call that was cut off."""
    try:
        value = jsonio.decode(call.arguments) if call.arguments.strip() else {}
    except jsonio.UNREADABLE:
        value = None
    if not isinstance(value, dict):
        param = f"{call.param}.arguments"
        raise InvalidRequest(
            f"Invalid '{param}': expected the text of a JSON object, but got something else.",
            param=param,
            code="invalid_value",
        )
    return value
