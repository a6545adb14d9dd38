"""The arguments of a call in the history, for wires that want an object.

They go back to the model as it wrote them. A call that ran into the limit of tokens cannot: its arguments are no JSON, and
any object put in their place would be a call that nobody made. It is refused with its path; the answer had told by its
`finish_reason`, `length`, that it is not whole, and the conversation goes on without it.
"""

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
