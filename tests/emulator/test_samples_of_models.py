"""Schemas as pydantic writes them, for the fields that people have, and as zod 4 writes its own formats."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import pathlib
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

from proxy import jsonio
from proxy.emulator.samples import sample


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Movie(TypedDict, total=False):
    name: str
    year: int


class Address(BaseModel):
    street: str
    country: Annotated[str, Field(min_length=2, max_length=2, pattern="^[A-Z]{2}$")] = "DE"


class Person(BaseModel):
    """A person."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="Full name", examples=["Ada"])
    age: Annotated[int, Field(ge=0, lt=150)]
    home: Address
    work: Address | None = None
    tags: set[str] = set()
    scores: dict[str, float]
    colour: Colour = Colour.RED


class Node(BaseModel):
    value: int
    left: Node | None
    right: Node | None


class Folder(BaseModel):
    name: str
    children: list[Folder | File]


class File(BaseModel):
    name: str
    size: int = Field(multiple_of=512)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str


class Number(BaseModel):
    op: Literal["number"]
    value: float


class Plus(BaseModel):
    op: Literal["plus"]
    left: Annotated[Number | Plus | Minus, Field(discriminator="op")]
    right: Annotated[Number | Plus | Minus, Field(discriminator="op")]


class Minus(BaseModel):
    op: Literal["minus"]
    inner: Annotated[Plus | Number, Field(discriminator="op")]


class Pets(RootModel[list[Annotated[Cat | Dog, Field(discriminator="kind")]]]):
    pass


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    anything: Any
    nothing: None
    raw: object


Text = Annotated[str, Field(min_length=12, max_length=20)]
Anything = dict[str, "Anything"] | list["Anything"] | str | int | float | bool | None

MODELS: list[Any] = [
    Person, Node, Folder, Pets, Plus, Minus, Loose, Point, Movie, Colour, Level,
    Cat | Dog, Person | None, list[Person], dict[str, Person], dict[Colour, int], dict[str, list[dict[str, int]]],
    tuple[int, str], tuple[int, ...], tuple[Point, Colour], list[list[list[int]]],
    Annotated[list[int], Field(min_length=3, max_length=3)], Annotated[set[int], Field(min_length=3)],
    Annotated[set[Colour], Field(min_length=2)], Annotated[dict[str, int], Field(min_length=3)],
    Annotated[dict[Annotated[str, Field(pattern="^k[0-9]+$")], int], Field(min_length=2)],
    Literal["a", 1, None, True], int | str | None, bool, bytes, Text,
    Annotated[float, Field(gt=0, lt=0.001)], Annotated[int, Field(gt=10, lt=12)], Annotated[float, Field(multiple_of=0.25)],
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, decimal.Decimal, AnyUrl, pathlib.Path,
    ipaddress.IPv4Address, ipaddress.IPv6Address,
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_sample_is_what_the_model_takes(model: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    schema = adapter.json_schema()
    value = sample(schema)
    assert Draft202012Validator(schema, validate_formats=True).is_valid(value), (schema, value)
    adapter.validate_json(jsonio.encode(value))


PATTERNS = [
    r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
    r"^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000)$",
    r"^[cC][^\s-]{8,}$",
    r"^[0-9a-z]+$",
    r"^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$",
    r"^[a-zA-Z0-9_-]{21}$",
    r"^(?:[0-9a-zA-Z+/]{4})*(?:(?:[0-9a-zA-Z+/]{2}==)|(?:[0-9a-zA-Z+/]{3}=))?$",
    r"^[A-Za-z0-9_-]*$",
    r"^\+[1-9]\d{6,14}$",
    r"^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])$",
    r"^(?![^\d+])\d{3}-\d{4}$",
    r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$",
    r"^tt\d{7,8}$",
    r"^#(?:[0-9a-f]{3}){1,2}$",
    r"^(?<year>\d{4})-(?<month>0[1-9]|1[0-2])$",
    r"^https?:\/\/[^\s/$.?#].[^\s]*$",
    r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
    r"^(USD|EUR|GBP)$",
    r"\S",
    r"^\w+(?:\.\w+)*$",
    r"^[\p{L}\p{M}' -]+$",
    r"^\p{Lu}\p{Ll}+$",
    r"^v?\d+\.\d+\.\d+(?:-[\w.]+)?$",
    r"^[^<>]{3,}$",
    r"^\t\(x\)\\$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("bounds", [{}, {"minLength": 1}, {"maxLength": 200}], ids=str)
def test_a_sample_matches_a_pattern(pattern: str, bounds: dict[str, int]) -> None:
    schema = {"type": "string", "pattern": pattern, **bounds}
    assert Draft202012Validator(schema).is_valid(sample(schema)), sample(schema)


@pytest.mark.parametrize(
    "pattern", ["(", ")", "a{2", "[", "[]", "\\", "\\p{", "(?<", "a**", "(" * 500, "((a*)*)*b" * 50, "^a{9999}$"]
)
def test_patterns_that_lead_nowhere_are_survived(pattern: str) -> None:
    assert isinstance(sample({"type": "string", "pattern": pattern}), str)


def test_a_text_of_a_pattern_is_as_long_as_it_has_to_be() -> None:
    assert len(sample({"type": "string", "pattern": "^[a-z]+$", "minLength": 30})) >= 30
    assert len(sample({"type": "string", "pattern": "^x[a-z]*$", "maxLength": 1})) == 1
