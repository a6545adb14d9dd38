"""Does a text conform to a client's schema?

The validator is jsonschema-rs: one package without dependencies, 15 MB installed, wheels for CPython from 3.10 on (abi3)
on Linux x86_64 and aarch64. For a schema of 13 subschemas and an answer of 1.4 KB it takes 30 us to build and 7 us to check
(jsonschema: 6 and 1,720 us, and four packages; fastjsonschema: 3,400 and 89 us, and it runs code made from the schema).
`offline` keeps it from fetching what a `$ref` names, and what is given to it refers to nothing outside anyway.
"""

from __future__ import annotations

import re
from typing import Any

from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ValidationError

from proxy import jsonio
from proxy.schemas.document import Document
from proxy.schemas.effort import effort
from proxy.schemas.keywords import Schema, without
from proxy.schemas.kinds import a_kind
from proxy.schemas.place import Budget, Place, path_of, response_format, shown
from proxy.schemas.writer import written

MOST_LEVELS = 200
"""Of values within values. The validator's stack has no guard of its own: it overflows between 10,000 and 20,000."""

_MOST_BACKTRACKS = 1_000
"""Steps of a regular expression that looks around or back, each of which may go through all of the text; all others take
linear time."""

_LARGEST_PATTERN = 400_000
"""Bytes of one compiled."""

_MOST_CHECKS_PER_VALUE = 2_000
_MOST_CHECKS = 5_000_000
"""Of values by schemas, 0.1 us each."""
_MOST_TOLD = 10_000
"""Of checks when all that fails in a union is collected, 10 us each. They lie within each other, and the validator's stack
overflows somewhere above 20,000."""

_MOST_UNCHECKED = 16
"""Patterns that cannot be read; each takes another building."""

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_LONGEST_PATH = 200
_LONGEST_PROBLEM = 300
_MASK = "\0"
"""Stands for the value in the validator's messages, which would repeat all of it. No message has one otherwise."""


class Checker:
    """`Checker(schema, param)` raises `InvalidRequest`, with the path, for what is not a schema.

    `unchecked` names each `pattern` that is no regular expression in the validator's reading (ECMAScript's with the `u` flag;
    `[\\w-.]` is one without it) or a very large one: it is not enforced, and the caller should say so. Nor is all of a schema
    by which it could take for ever to check a value; `unchecked` has its own place then.

    `format` is not asserted: draft 2020-12 has it as an annotation, and validators of formats disagree with what clients
    mean by them (pydantic's `time` needs no offset, RFC 3339's does).
    """

    __slots__ = ("_effort", "_validator", "unchecked")

    def __init__(self, schema: Any, param: str, *, name: str | None = None, budget: Budget | None = None) -> None:
        place = response_format(param, name, budget)
        exact: Any = written(Document(schema, place), keep_refs=True)
        self.unchecked: list[str] = []
        self._effort = effort(exact, place)
        if self._effort.per_value > _MOST_CHECKS_PER_VALUE:
            self.unchecked.append(place.at(None))
            exact, self._effort = {}, effort({}, place)
        while (fault := self._build(exact, place)) is not None:
            steps = fault.instance_path
            path = path_of(steps)
            if steps[-1:] != ["pattern"] or len(self.unchecked) >= _MOST_UNCHECKED:
                raise place.refusal(path, f"{fault.message.replace(_MASK, 'its value')}.")
            self.unchecked.append(place.at(path))
            exact = _removed(exact, steps)

    def _build(self, schema: Schema, place: Place) -> ValidationError | None:
        try:
            self._validator = Draft202012Validator(
                schema,
                offline=True,
                validate_formats=False,
                mask=_MASK,
                pattern_options=FancyRegexOptions(_MOST_BACKTRACKS, _LARGEST_PATTERN),
            )
        except ValidationError as error:
            return error
        except ValueError:
            raise place.refusal(None, "it is nested too deep.") from None
        return None

    def problem(self, text: str | bytes) -> str | None:
        """None when the text is JSON that conforms, else one line: `$.items[2].price: "x" is not a number`."""
        data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
        try:
            value = jsonio.decode(data)
        except jsonio.UNREADABLE as error:
            return f"$: not JSON: {error}"[:_LONGEST_PROBLEM]
        containers = data.count(b"[") + data.count(b"{")
        if containers > MOST_LEVELS and _levels(value) > MOST_LEVELS:
            return f"$: nested deeper than {MOST_LEVELS} levels"
        checks = (1 + containers + data.count(b",")) * self._effort.per_value
        if checks > _MOST_CHECKS:
            return "$: too large to be checked"
        if self._validator.is_valid(value):
            return None
        if self._effort.growth > 1 and checks * self._effort.growth ** _levels(value) > _MOST_TOLD:
            return "$: does not conform"
        try:
            self._validator.validate(value)
        except ValidationError as error:
            return _described(_telling(error))
        return None


def _removed(schema: Any, steps: list[str | int]) -> Any:
    """A copy of the schema, as far as it differs, without what the path leads to."""
    if len(steps) == 1:
        return without(schema, str(steps[0]))
    inner = _removed(schema[steps[0]], steps[1:])
    if isinstance(schema, list):
        return [inner if at == steps[0] else item for at, item in enumerate(schema)]
    return {**schema, steps[0]: inner}


def _levels(value: Any) -> int:
    """How deep it is nested, or one more than is too deep."""
    rest = [value]
    for level in range(MOST_LEVELS + 1):
        rest = [item for item in rest if isinstance(item, dict | list)]
        if not rest:
            return level
        rest = [inner for item in rest for inner in (item.values() if isinstance(item, dict) else item)]
    return MOST_LEVELS + 1


def _telling(error: ValidationError) -> ValidationError:
    """Of what went wrong in each branch of a union, what most likely is the fault: the one deepest in the value, or that of
    the only branch of the value's type."""
    while error.kind.name in ("anyOf", "oneOf"):
        firsts = [branch[0] for branch in error.kind.value if branch]
        meant = [first for first in firsts if first.kind.name not in ("type", "const", "enum")]
        deepest = max((len(first.instance_path) for first in firsts), default=0)
        if deepest > len(error.instance_path):
            meant = [first for first in firsts if len(first.instance_path) == deepest]
        if len(meant) != 1:
            break
        error = meant[0]
    return error


def _described(error: ValidationError) -> str:
    where = "$"
    for step in error.instance_path:
        if isinstance(step, int):
            where += f"[{step}]"
        else:
            where += f".{step}" if _PLAIN_NAME.fullmatch(step) else f"[{shown(step)}]"
    what = shown(error.instance)
    match error.kind.name:
        case "type":
            said = f"{what} is not {' or '.join(a_kind(kind) for kind in sorted(error.kind.value))}"
        case "falseSchema" | "not":
            said = f"{what} is not allowed"
        case "anyOf" | "oneOf" as keyword:
            fits = "none" if all(error.kind.value) else "more than one"
            said = f"{what} fits {fits} of the {len(error.kind.value)} schemas in '{keyword}'"
        case _:
            said = error.message.replace(_MASK, what)
    return f"{where[:_LONGEST_PATH]}: {said}"[:_LONGEST_PROBLEM]
