"""Checks of single JSON fields in the words of Claude's validator: `path: Input should be a valid string`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from proxy.emulator.refusal import invalid


def need(body: Mapping[str, Any], name: str, path: str = "") -> Any:
    """The field's value, or `path.name: Field required`."""
    if name not in body:
        raise invalid(f"{join(path, name)}: Field required")
    return body[name]


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def refuse_extras(body: Mapping[str, Any], known: Collection[str], path: str = "") -> None:
    for name in body:
        if name not in known:
            raise invalid(f"{join(path, name)}: Extra inputs are not permitted")


def string(value: Any, path: str, most: int | None = None) -> str:
    if not isinstance(value, str):
        raise invalid(f"{path}: Input should be a valid string")
    if most is not None and len(value) > most:
        raise invalid(f"{path}: String should have at most {most} characters")
    return value


def integer(value: Any, path: str, least: int | None = None, most: int | None = None) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"{path}: Input should be a valid integer")
    _range(value, path, least, most)
    return value


def number(value: Any, path: str, least: float, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(f"{path}: Input should be a valid number")
    _range(value, path, least, most)
    return value


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(f"{path}: Input should be a valid boolean")
    return value


def array(value: Any, path: str, most: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"{path}: Input should be a valid list")
    if most is not None and len(value) > most:
        raise invalid(f"{path}: List should have at most {most} items after validation, not {len(value)}")
    return value


def mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    return value


def one_of(value: Any, path: str, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise invalid(f"{path}: Input should be {_or(choices)}")
    return value


def tag(value: Any, path: str, choices: Collection[str]) -> str:
    """The `type` of an object that is one of several."""
    kind = string(need(mapping(value, path), "type", path), f"{path}.type")
    if kind not in choices:
        expected = ", ".join(f"'{choice}'" for choice in choices)
        raise invalid(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
        )
    return kind


def _or(choices: Collection[str]) -> str:
    quoted = [f"'{choice}'" for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _range(value: float, path: str, least: float | None, most: float | None) -> None:
    if least is not None and value < least:
        raise invalid(f"{path}: Input should be greater than or equal to {least}")
    # Written so that NaN, were it to come this far, is refused.
    if most is not None and not value <= most:
        raise invalid(f"{path}: Input should be less than or equal to {most}")
