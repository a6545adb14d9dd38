"""Where a client's schema stands in the request, and the refusal that names a place within it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from proxy import jsonio
from proxy.errors import InvalidRequest

Path: TypeAlias = "tuple[Path, str | int] | None"
"""A way into a document, innermost step first: None is its top, `((None, "properties"), "a")` one property."""

MOST_STEPS = 32_000
"""Of work with the schemas of one request: 1 to 4 us each. Thirty tools of twelve properties take 2,000, the 5,000 properties
that OpenAI lets a schema have 19,000, and 12,500 more where no grammar comes of it."""

_LONGEST_PARAM = 200
_LONGEST_SHOWN = 60


class Budget:
    """What is left of a request's steps."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps


@dataclass(frozen=True, slots=True)
class Place:
    """`param` is where the schema stands (`tools[0].function.parameters`), `subject` what OpenAI calls it in its texts
    (`function 'f'`), `code` what it answers with. `budget` pays for what is done with the schema."""

    param: str
    subject: str
    code: str | None = None
    budget: Budget = field(default_factory=Budget, compare=False)

    def at(self, path: Path) -> str:
        """The `param` of a place within the schema: `tools[0].function.parameters.properties.a.type`."""
        inner = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps(path))
        return (self.param + "".join(inner))[:_LONGEST_PARAM]

    def spend(self, steps: int) -> None:
        """Raises `InvalidRequest` when the request has had its share."""
        self.budget.left -= steps
        if self.budget.left < 0:
            raise self.refusal(None, "with it the schemas of this request are too large, or grow too large.")

    def refusal(self, path: Path, problem: str, kind: type[InvalidRequest] = InvalidRequest) -> InvalidRequest:
        return kind(f"Invalid schema for {self.subject}: {problem}", param=self.at(path), code=self.code)


def function(param: str, name: str | None = None, budget: Budget | None = None) -> Place:
    """OpenAI's words for the schema of a function: `Invalid schema for function 'f': …`."""
    subject = f"function '{name}'" if name else "function"
    return Place(param, subject, "invalid_function_parameters", budget or Budget())


def response_format(param: str, name: str | None = None, budget: Budget | None = None) -> Place:
    """OpenAI's words for the schema of an answer: `Invalid schema for response_format 'X': …`, without a code."""
    return Place(param, f"response_format '{name}'" if name else "response_format", budget=budget or Budget())


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


def shown(value: Any) -> str:
    """As JSON, and not more of it than a sentence can hold."""
    text = jsonio.encode(value).decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
