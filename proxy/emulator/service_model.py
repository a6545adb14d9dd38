"""A Converse body held against AWS's own service model, as botocore ships it.

Shapes: botocore `bedrock-runtime` `service-2.json`, loaded at the first Converse call. What botocore's own validator
checks (types, required members, unions, least lengths) it checks here; enums, patterns and greatest lengths are added.
Blobs are base64 text. The words are those of AWS's services.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from functools import cache
from typing import Any

from proxy.emulator.refusal import invalid

_SCALARS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": int | float,
    "double": int | float,
    "boolean": bool,
}
_NAMES = {"string": "a string", "integer": "an integer", "long": "an integer", "float": "a number", "double": "a number",
          "boolean": "a boolean", "blob": "a base64 string", "structure": "an object", "map": "an object",
          "list": "an array"}  # fmt: skip


def check(body: Any, shape_name: str) -> None:
    """Raises `Refusal` for a body that is not of this shape: `ConverseRequest`, `ConverseStreamRequest`.

    Members that botocore puts into the path (`modelId`) are not of the body.
    """
    shape = _shape(shape_name)
    faults = list(_faults(body, shape, "", is_body=True))
    if not faults and (report := _second_opinion(body, shape)):
        faults = [report]
    if faults:
        many = "1 validation error" if len(faults) == 1 else f"{len(faults)} validation errors"
        raise invalid(f"{many} detected: {'; '.join(faults)}")


@cache
def _shape(name: str) -> Any:
    # 0.1 s, which most emulators never need.
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).shape_for(name)


def _second_opinion(body: Any, shape: Any) -> str:
    from botocore.validate import ParamValidator

    path = {"modelId": "model"} if "modelId" in shape.members else {}
    report = ParamValidator().validate({**path, **body}, shape)
    return str(report.generate_report()) if report.has_errors() else ""


def _faults(value: Any, shape: Any, path: str, *, is_body: bool = False) -> Iterator[str]:
    kind = str(shape.type_name)
    if getattr(shape, "is_document_type", False):
        return
    if kind == "blob":
        yield from _blob_faults(value, shape, path)
    elif kind in _SCALARS:
        yield from _scalar_faults(value, shape, path)
    elif kind == "list":
        yield from _list_faults(value, shape, path)
    elif not isinstance(value, dict):
        yield _wrong_type(value, kind, path)
    elif kind == "structure":
        yield from _structure_faults(value, shape, path, is_body=is_body)
    else:
        yield from _size_faults(len(value), shape, path)
        for key, inner in value.items():
            yield from _faults(key, shape.key, f"{path}.{key}")
            yield from _faults(inner, shape.value, f"{path}.{key}.value")


def _list_faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield _wrong_type(value, "list", path)
        return
    yield from _size_faults(len(value), shape, path)
    for number, inner in enumerate(value, start=1):
        yield from _faults(inner, shape.member, f"{path}.{number}.member")


def _structure_faults(value: dict[str, Any], shape: Any, path: str, *, is_body: bool) -> Iterator[str]:
    members = {name: inner for name, inner in shape.members.items() if not (is_body and name == "modelId")}
    for name in shape.metadata.get("required", []):
        if name in members and name not in value:
            yield f"Value at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    unknown = [name for name in value if name not in members]
    for name in unknown:
        yield f"Value at '{_join(path, name)}' failed to satisfy constraint: No such member; there are {', '.join(members)}"
    if shape.is_tagged_union and len(value) != 1:
        yield f"Value at '{path}' failed to satisfy constraint: Exactly one member must be set of {', '.join(members)}"
    for name, inner in value.items():
        if name not in unknown:
            yield from _faults(inner, members[name], _join(path, name))


def _scalar_faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    kind = str(shape.type_name)
    if not isinstance(value, _SCALARS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield _wrong_type(value, kind, path)
        return
    if kind == "string":
        yield from _size_faults(len(value), shape, path)
        if shape.enum and value not in shape.enum:
            yield (
                f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set: "
                f"[{', '.join(shape.enum)}]"
            )
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield (
                f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy regular expression "
                f"pattern: {pattern}"
            )
    elif kind != "boolean":
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and value < least:
            yield (
                f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value greater than or "
                f"equal to {least}"
            )
        if most is not None and value > most:
            yield (
                f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal "
                f"to {most}"
            )


def _blob_faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    try:
        size = len(b64decode(value, validate=True)) if isinstance(value, str) else None
    except (Base64Error, ValueError):
        size = None
    if size is None:
        yield _wrong_type(value, "blob", path)
    else:
        yield from _size_faults(size, shape, path)


def _size_faults(size: int, shape: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield (
            f"Value at '{path}' failed to satisfy constraint: Member must have length greater than or equal to {least}"
        )
    if most is not None and size > most:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"


def _wrong_type(value: Any, kind: str, path: str) -> str:
    found = "null" if value is None else type(value).__name__
    return f"Value at '{path}' failed to satisfy constraint: Member must be {_NAMES[kind]}, not {found}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
