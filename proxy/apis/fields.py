"""Fields read out of a client's JSON object, or refused in OpenAI's words.

`null` is "not given" wherever a field is optional: SDKs write it for None. Each reader gives the value or None, and raises
`InvalidRequest` with the `param`, the code and the text that OpenAI uses for that mistake (seen in its real answers and in
public issue threads, 2025 to 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.errors import InvalidRequest

Json = Mapping[str, Any]


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """What OpenAI calls the type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def wrong_type(param: str, expected: str, value: object) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid type for '{param}': expected {expected}, but got {kind_of(value)} instead.",
        param=param,
        code="invalid_type",
    )


def missing(param: str) -> InvalidRequest:
    return InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def unsupported_value(param: str, value: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}' does not support '{value}' with this model.",
        param=param,
        code="unsupported_value",
    )


def boolean(source: Json, name: str, path: str = "") -> bool | None:
    value = source.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong_type(join(path, name), "a boolean", value)


def string(source: Json, name: str, path: str = "") -> str | None:
    value = source.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong_type(join(path, name), "a string", value)


def mapping(source: Json, name: str, path: str = "") -> Json | None:
    value = source.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise wrong_type(join(path, name), "an object", value)


def array(source: Json, name: str, expected: str = "an array", path: str = "") -> Sequence[Any] | None:
    value = source.get(name)
    if value is None or isinstance(value, list):
        return value
    raise wrong_type(join(path, name), expected, value)


def integer(source: Json, name: str, low: int, high: int, path: str = "") -> int | None:
    value = source.get(name)
    if value is None:
        return None
    param = join(path, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(param, "an integer", value)
    _within(param, "integer", value, low, high)
    return value


def decimal(source: Json, name: str, low: float, high: float, path: str = "") -> float | None:
    """Clients write 0 and 1 for decimals too."""
    value = source.get(name)
    if value is None:
        return None
    param = join(path, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(param, "a decimal", value)
    _within(param, "decimal", value, low, high)
    return value


def _within(param: str, kind: str, value: float, low: float, high: float) -> None:
    if value < low:
        raise _out_of_range(param, kind, value, "below", "minimum", f">= {low}")
    if value > high:
        raise _out_of_range(param, kind, value, "above", "maximum", f"<= {high}")


def _out_of_range(param: str, kind: str, value: float, side: str, bound: str, expected: str) -> InvalidRequest:
    shown = str(value)
    shown = shown if len(shown) <= 24 else f"{shown[:20]}…"
    return InvalidRequest(
        f"Invalid '{param}': {kind} {side} {bound} value. Expected a value {expected}, but got {shown} instead.",
        param=param,
        code=f"{kind}_{side}_{bound[:3]}_value",
    )


def word(source: Json, name: str, allowed: Sequence[str], path: str = "") -> str | None:
    value = string(source, name, path)
    if value is not None and value not in allowed:
        raise invalid_word(join(path, name), value, allowed)
    return value


def invalid_word(param: str, value: str, allowed: Sequence[str]) -> InvalidRequest:
    shown = value if len(value) <= 100 else f"{value[:100]}…"
    return InvalidRequest(
        f"Invalid value: '{shown}'. Supported values are: {_listed(allowed)}.", param=param, code="invalid_value"
    )


def _listed(words: Sequence[str]) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`."""
    quoted = [f"'{word}'" for word in words]
    if len(quoted) <= 2:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def too_long(param: str, kind: str, limit: int, size: int) -> InvalidRequest:
    """`kind` is `array` or `string`."""
    unit = "an array with maximum length" if kind == "array" else "a string with maximum length"
    got = "an array with length" if kind == "array" else "a string with length"
    return InvalidRequest(
        f"Invalid '{param}': {kind} too long. Expected {unit} {limit}, but got {got} {size} instead.",
        param=param,
        code=f"{kind}_above_max_length",
    )
