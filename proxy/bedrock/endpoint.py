"""Where Bedrock is: the region, the two hosts, and the path of a call. All as botocore decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from proxy.errors import ModelNotFound, NotConfigured

_OPERATORS_MATTER = "This is for the operator of the proxy to mend"
_KEPT_IN_PATHS = "!$&'()*,:;=@"
"""HTTP clients undo the encoding of these in a path (yarl under aiohttp does), which would break the signature."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs, with the path of a gateway when one is configured, without a slash at the end."""

    runtime: str
    control: str


def resolve_region(session: Any, region: str | None, environ: Mapping[str, str]) -> str:
    """The region to call: `region` if given, AWS_REGION, AWS_DEFAULT_REGION, the profile's. Else `NotConfigured`.

    botocore itself does not read AWS_REGION; the other AWS SDKs do. `session` is a `botocore.session.Session`.
    """
    import botocore.exceptions

    try:
        found = (
            region
            or environ.get("AWS_REGION")
            or environ.get("AWS_DEFAULT_REGION")
            or session.get_config_variable("region")
        )
    except botocore.exceptions.BotoCoreError as error:
        raise NotConfigured(
            f"The AWS configuration of the proxy cannot be read ({type(error).__name__}). {_OPERATORS_MATTER}."
        ) from error
    if not found:
        raise NotConfigured(
            f"The proxy knows no AWS region. {_OPERATORS_MATTER}: set AWS_REGION, or a region in its configuration."
        )
    return str(found)


def resolve_endpoints(session: Any, region: str) -> Endpoints:
    """The endpoints that botocore would call: partition, FIPS, dual-stack, AWS_ENDPOINT_URL and its relatives.

    No network; about 0.1 s, for botocore reads its rules. Raises `NotConfigured` when the settings fit no endpoint, or
    ask for FIPS and name an endpoint: botocore 1.44 then drops FIPS without a word, the other SDKs refuse.
    """
    import botocore.exceptions

    try:
        endpoints = _ask_botocore(session, region)
        if session.get_config_variable("use_fips_endpoint"):
            own = _ask_botocore(session, region, ignore_configured_endpoint_urls=True)
            if own != endpoints:
                raise NotConfigured(
                    "The AWS configuration of the proxy asks for FIPS endpoints and also names an endpoint itself, but "
                    f"these exclude each other. {_OPERATORS_MATTER}: unset AWS_USE_FIPS_ENDPOINT or AWS_ENDPOINT_URL."
                )
    except botocore.exceptions.BotoCoreError as error:
        raise NotConfigured(
            f"The AWS configuration of the proxy leads to no endpoint: {error} {_OPERATORS_MATTER}."
        ) from error
    except ValueError as error:
        # botocore's text quotes the URL, which may hold a password.
        raise NotConfigured(
            f"The AWS configuration of the proxy names an endpoint that is no plain URL. {_OPERATORS_MATTER}: see "
            "AWS_ENDPOINT_URL and endpoint_url."
        ) from error
    return endpoints


def _ask_botocore(session: Any, region: str, **options: Any) -> Endpoints:
    """Lets botocore write the URL of one call to each host, unsigned: it needs neither credentials nor the network."""
    from botocore import UNSIGNED
    from botocore.config import Config

    # The "auto" defaults mode would ask instance metadata for the region.
    config = Config(signature_version=UNSIGNED, defaults_mode="legacy", **options)

    def base_url(service: str, operation: str, params: dict[str, Any], path: str) -> str:
        client = session.create_client(service, region_name=region, config=config)
        url: str = client.generate_presigned_url(operation, Params=params)
        if not url.endswith(path):
            raise ValueError("an endpoint with a query")
        return url.removesuffix(path)

    return Endpoints(
        runtime=base_url("bedrock-runtime", "converse", {"modelId": "x", "messages": []}, "/model/x/converse"),
        control=base_url("bedrock", "list_foundation_models", {}, "/foundation-models"),
    )


def model_path(model_id: str, operation: str) -> str:
    """`/model/{model_id}/{operation}` as on the wire: a slash in an ARN is `%2F`, a colon stays.

    `operation` is `invoke`, `invoke-with-response-stream`, `converse`, `converse-stream` or `count-tokens`. Raises
    `ModelNotFound` for an id that a URL cannot hold.
    """
    if model_id in ("", ".", ".."):
        raise ModelNotFound(f"The model `{model_id}` does not exist.", param="model")
    return f"/model/{quote(model_id, safe=_KEPT_IN_PATHS)}/{operation}"
