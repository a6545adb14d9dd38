"""Where a client's schema stands in the request, and the refusal that names a place within it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from proxy import jsonio
from proxy.errors import InvalidRequest

Path: TypeAlias = "tuple[Path, str | int] | None"
"""A way into a document, innermost step first: None is its top, `((None, "properties"), "a")` one property."""

_LONGEST_PARAM = 200
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Place:
    """`param` is where the schema stands (`tools[0].function.parameters`), `subject` what OpenAI calls it in its texts
    (`function 'f'`), `code` what it answers with."""

    param: str
    subject: str
    code: str | None = None

    def at(self, path: Path) -> str:
        """The `param` of a place within the schema: `tools[0].function.parameters.properties.a.type`."""
        inner = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps(path))
        return (self.param + "".join(inner))[:_LONGEST_PARAM]

    def refusal(self, path: Path, problem: str) -> InvalidRequest:
        return InvalidRequest(f"Invalid schema for {self.subject}: {problem}", param=self.at(path), code=self.code)


def function(param: str, name: str | None = None) -> Place:
    """OpenAI's words for the schema of a function: `Invalid schema for function 'f': …`."""
    return Place(param, f"function '{name}'" if name else "function", "invalid_function_parameters")


def response_format(param: str, name: str | None = None) -> Place:
    """OpenAI's words for the schema of an answer: `Invalid schema for response_format 'X': …`, without a code."""
    return Place(param, f"response_format '{name}'" if name else "response_format")


def steps(path: Path) -> list[str | int]:
    """Outermost step first."""
    return [*_inwards(path)][::-1]


def path_of(steps: Iterable[str | int]) -> Path:
    path: Path = None
    for step in steps:
        path = (path, step)
    return path


def _inwards(path: Path) -> Iterator[str | int]:
    while path is not None:
        path, step = path
        yield step


def numbered(name: str, given: dict[str, int]) -> str:
    """The name, or `name_2` and so on when it was given before. `given` has all names, each with its last number."""
    unique = name
    while unique in given:
        given[name] += 1
        unique = f"{name}_{given[name]}"
    given[unique] = 1
    return unique


def shown(value: Any) -> str:
    """As JSON, and not more of it than a sentence can hold."""
    text = jsonio.encode(value).decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
