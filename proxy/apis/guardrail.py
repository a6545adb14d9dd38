"""A guardrail that a client asks for: Bedrock's own words, in the body or as headers.

    "guardrailConfig": {"guardrailIdentifier": "gr1…", "guardrailVersion": "1", "trace": "enabled",
                        "streamProcessingMode": "sync", "tagSuffix": "x1"}
    x-amzn-bedrock-guardrailidentifier: gr1…    x-amzn-bedrock-guardrailversion: 1    x-amzn-bedrock-trace: ENABLED

Sources: botocore 1.44 service model (`GuardrailStreamConfiguration`, `InvokeModelRequest`); AWS Bedrock user guide, "Apply
tags to user input", 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from proxy.apis import fields
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Guardrail

FIELD = "guardrailConfig"
_ID, _VERSION, _TRACE, _MODE, _SUFFIX = (
    *("guardrailIdentifier", "guardrailVersion", "trace"),
    *("streamProcessingMode", "tagSuffix"),
)
_HEADERS = MappingProxyType(
    {
        _ID: "x-amzn-bedrock-guardrailidentifier",
        _VERSION: "x-amzn-bedrock-guardrailversion",
        _TRACE: "x-amzn-bedrock-trace",
    }
)
_PATTERNS = MappingProxyType(
    {
        _ID: re.compile(
            r"[a-z0-9]{1,64}|arn:aws(-[a-z-]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,64}", re.ASCII
        ),
        _VERSION: re.compile(r"[1-9][0-9]{0,7}|DRAFT", re.ASCII),
        _SUFFIX: re.compile(r"[A-Za-z0-9]{1,20}", re.ASCII),
    }
)
"""They become headers, and parts of tags."""
_WORDS = MappingProxyType({_TRACE: ("enabled", "disabled", "enabled_full"), _MODE: ("sync", "async")})


def parse_guardrail(body: Mapping[str, Any], adapted: Adaptations) -> Guardrail | None:
    """Raises `InvalidRequest`. One without an id says how the operator's own is to be applied; see `proxy.policy`."""
    config = fields.mapping(body, FIELD)
    if config is None:
        return None
    for name in config:
        if name not in (*_PATTERNS, *_WORDS) and config[name] is not None:
            adapted.drop_unknown(f"{FIELD}.{name}")
    given = {name: fields.string(config, name, FIELD) for name in (*_PATTERNS, *_WORDS)}
    return _guardrail(given, FIELD, lambda name: f"{FIELD}.{name}")


def guardrail_of_headers(headers: Mapping[str, str]) -> Guardrail | None:
    """`headers` in lower case. Raises `InvalidRequest` with a header's name for its `param`."""
    given = {name: value for name, header in _HEADERS.items() if (value := headers.get(header))}
    if not given:
        return None
    if _TRACE in given:
        given[_TRACE] = given[_TRACE].lower()
    return _guardrail(given, _HEADERS[_ID], _HEADERS.__getitem__)


def no_guardrail(asked: Guardrail) -> InvalidRequest:
    """For one without an id where the operator has set none."""
    return fields.missing(f"{FIELD}.{_ID}" if asked.param == FIELD else asked.param)


def _guardrail(given: Mapping[str, str | None], param: str, at: Callable[[str], str]) -> Guardrail:
    if bool(given.get(_ID)) != bool(given.get(_VERSION)) or not any(given.values()):
        raise fields.missing(at(_VERSION if given.get(_ID) else _ID))
    for name, pattern in _PATTERNS.items():
        value = given.get(name)
        if value and not pattern.fullmatch(value):
            raise InvalidRequest(
                f"Invalid '{at(name)}': it is not one of Bedrock's.", param=at(name), code="invalid_value"
            )
    for name, allowed in _WORDS.items():
        value = given.get(name)
        if value is not None and value not in allowed:
            raise fields.invalid_word(at(name), value, allowed)
    return Guardrail(
        given.get(_ID) or "",
        given.get(_VERSION) or "",
        given.get(_TRACE),
        param,
        stream_mode=given.get(_MODE),
        tag_suffix=given.get(_SUFFIX) or None,
    )
