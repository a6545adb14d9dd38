"""The client's `metadata` as Bedrock's request metadata: at most 16 labels of plain characters.

Source: botocore 1.44 service model (`RequestMetadata`), which says it of Converse; InvokeModel's header holds the same.
"""

from __future__ import annotations

import re

from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request

_KEY = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}", re.ASCII)
_VALUE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}", re.ASCII)
_MOST = 16


def labels(request: Request, adapted: Adaptations) -> dict[str, str]:
    """Those that Bedrock takes."""
    taken: dict[str, str] = {}
    for key, value in request.metadata.items():
        if len(taken) < _MOST and _KEY.fullmatch(key) and _VALUE.fullmatch(value):
            taken[key] = value
        else:
            adapted.drop(f"metadata.{key}", "Bedrock does not take it as request metadata.")
    return taken
