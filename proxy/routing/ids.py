"""Model ids and ARNs as text: what has the form of one, and which model it tells by itself.

    meta.llama3-8b-instruct-v1:0                                    itself
    us.meta.llama3-3-70b-instruct-v1:0                              what stands behind the geography
    arn:aws:bedrock:us-west-2::foundation-model/meta.llama3-…       the model that it names
    arn:aws:bedrock:us-west-2:123456789012:imported-model/abc…      none

Sources: AWS Bedrock user guide, "Inference profiles"; the ARN formats of Bedrock's service authorization reference, 2026;
the length of an id is of the botocore 1.44 service model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.routing.catalog import Catalog

_LONGEST_ID = 2048
_PLAIN_ID = re.compile(r"[A-Za-z0-9._:-]+")
# The region becomes a part of the host that the signed call goes to, so it is held to the form of one.
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:bedrock|sagemaker):(?P<region>[a-z]{2,4}(?:-[a-z]{2,12}){1,2}-\d{1,2})?:(?:\d{12})?:"
    r"(?P<kind>[a-z-]+)/(?P<resource>[A-Za-z0-9._:/-]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Arn:
    region: str | None
    kind: str
    """`inference-profile`, `imported-model`, …"""
    resource: str


def is_id(text: str) -> bool:
    return len(text) <= _LONGEST_ID and bool(_PLAIN_ID.fullmatch(text) or _ARN.fullmatch(text))


def parse_arn(text: str) -> Arn | None:
    found = _ARN.fullmatch(text)
    return None if found is None else Arn(found["region"], found["kind"], found["resource"])


def base_id_in(model_id: str, catalog: Catalog) -> str:
    """The base id that an id or ARN holds by itself, or "" for one that holds none."""
    arn = parse_arn(model_id)
    if arn is None:
        return catalog.split_geo(model_id)[1]
    match arn.kind:
        case "foundation-model":
            return arn.resource
        case "inference-profile":
            return catalog.split_geo(arn.resource)[1]
        case "custom-model":
            return arn.resource.rpartition("/")[0]
        case _:
            return ""


def geo_in(model_id: str, catalog: Catalog) -> str | None:
    """The geography of an inference profile, or None for what is none of AWS's: `us`, `global`."""
    arn = parse_arn(model_id)
    if arn is None:
        return catalog.split_geo(model_id)[0]
    return catalog.split_geo(arn.resource)[0] if arn.kind == "inference-profile" else None
