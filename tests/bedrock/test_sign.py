import random
import string
from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from proxy.bedrock.sign import AccessKeys, BearerToken, sign

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
HOST = "bedrock-runtime.us-west-2.amazonaws.com"
KEYS = AccessKeys("AKIDEXAMPLE", "SECRETEXAMPLE")

# Signatures computed with botocore 1.44.5 and, independently, with plain HMAC.
VECTORS = {
    "an ARN as boto3 sends it": (
        KEYS,
        "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Ainference-profile%2F"
        "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
        {"Accept": "application/json", "Content-Type": "application/json"},
        "accept;content-type;host;x-amz-date",
        "acaec3b23a6e3962dc180fa306efaf06cac75764fff2719f2bf0cfafd6945388",
    ),
    "a raw colon": (
        KEYS,
        "/model/meta.llama3-8b-instruct-v1:0/invoke",
        {"Accept": "application/json", "Content-Type": "application/json"},
        "accept;content-type;host;x-amz-date",
        "47b26b252e2709bb929b6cf29aa1b1f5af7711446df3c9de71ba16b9facb351b",
    ),
    "streaming with a session token": (
        AccessKeys("AKIDEXAMPLE", "SECRETEXAMPLE", "TOKENEXAMPLE"),
        "/model/meta.llama3-8b-instruct-v1%3A0/invoke-with-response-stream",
        {
            "Content-Type": "application/json",
            "X-Amzn-Bedrock-Accept": "application/json",
            "X-Amzn-Bedrock-Trace": "ENABLED",
        },
        "content-type;host;x-amz-date;x-amz-security-token;x-amzn-bedrock-accept;x-amzn-bedrock-trace",
        "a1849f4d41cc0ededb7f39a255ccf1b2813ad43670bf5e073ef51f4698f54ea7",
    ),
}


@pytest.mark.parametrize(("keys", "path", "headers", "signed", "signature"), VECTORS.values(), ids=VECTORS)
def test_known_signatures(keys: AccessKeys, path: str, headers: dict[str, str], signed: str, signature: str) -> None:
    added = sign(keys, region="us-west-2", host=HOST, path=path, headers=headers, body=b'{"a":1}', now=NOON)
    assert added.pop("X-Amz-Date") == "20261121T120000Z"
    assert added.pop("X-Amz-Security-Token", None) == keys.token
    assert added == {
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-west-2/bedrock/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    }


def by_botocore(
    keys: AccessKeys, region: str, host: str, target: str, headers: dict[str, str], body: bytes, method: str
) -> tuple[float, dict[str, str]]:
    """What botocore adds to the same request, and when it did."""
    request = AWSRequest(method, f"https://{host}{target}", dict(headers), body)
    SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "bedrock", region).add_auth(request)
    date = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    wanted = ("X-Amz-Date", "X-Amz-Security-Token", "Authorization")
    return date.timestamp(), {name: request.headers[name] for name in wanted if name in request.headers}


ODD_PATHS = [
    "/",
    "/model/a/invoke",
    "/gateway/x/model/us.meta.llama3-3-70b-instruct-v1:0/converse-stream",
    "//gateway//x/./y/../model/a%2Fb%3Ac/converse",
    "/../model/x/invoke/",
    "/model/arn:aws:bedrock:us-west-2:123456789012:inference-profile%2Fus.x-v1:0/count-tokens",
    "/model/%E2%82%AC~_-./invoke",
    "/inference-profiles",
]
ODD_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "*/*",
    "User-Agent": "not signed",
    "Connection": "keep-alive",
    "traceparent": "00-0-0-00",
    "X-Amzn-Trace-Id": "Root=1",
    "X-Amzn-Bedrock-Request-Metadata": '{"a":  "spaced   out" }',
    "x-amzn-bedrock-service-tier": " flex ",
    "X-Amzn-Bedrock-GuardrailVersion": "",
    "Accept-Encoding": "identity",
}


def test_signs_as_botocore_does() -> None:
    draw = random.Random(20261121)
    for _ in range(300):
        keys = AccessKeys(
            "AKIA" + "".join(draw.choices(string.ascii_uppercase, k=16)),
            "".join(draw.choices(string.ascii_letters + "/+", k=40)),
            draw.choice([None, "".join(draw.choices(string.ascii_letters + "/+=", k=300))]),
        )
        region = draw.choice(["us-east-1", "eu-central-1", "us-gov-west-1"])
        host = draw.choice([f"bedrock-runtime.{region}.amazonaws.com", "127.0.0.1:8123", "vpce-0abc.example"])
        path = draw.choice(ODD_PATHS)
        query = draw.choice(["", "", "type=APPLICATION&maxResults=1000&nextToken=a%2Fb%3D", "b=2&a=1&a=0&flag"])
        headers = {
            name: ODD_HEADERS[name] for name in draw.sample(sorted(ODD_HEADERS), draw.randrange(len(ODD_HEADERS)))
        }
        body = draw.randbytes(draw.choice([0, 1, 2048]))
        method = draw.choice(["POST", "GET"])
        target = f"{path}?{query}" if query else path
        now, expected = by_botocore(keys, region, host, target, headers, body, method)
        assert expected == sign(
            keys,
            region=region,
            host=host,
            path=path,
            headers=headers,
            body=body,
            now=now,
            method=method,
            query=query,
        ), (path, query, headers)


def test_a_new_day_or_region_or_secret_makes_a_new_key() -> None:
    def signature(keys: AccessKeys = KEYS, region: str = "us-west-2", now: float = NOON) -> str:
        added = sign(keys, region=region, host=HOST, path="/model/x/invoke", headers={}, body=b"", now=now)
        return added["Authorization"].rpartition("=")[2]

    others = {
        signature(now=NOON + 86_400),
        signature(region="us-east-1"),
        signature(AccessKeys("AKIDEXAMPLE", "OTHER")),
        signature(now=NOON + 1),
    }
    assert len(others | {signature()}) == 5
    assert signature(now=NOON + 0.9) == signature()


def test_a_bearer_token_is_the_only_header() -> None:
    added = sign(
        BearerToken("bedrock-api-key-abc"), region="us-west-2", host=HOST, path="/x", headers={}, body=b"", now=NOON
    )
    assert added == {"Authorization": "Bearer bedrock-api-key-abc"}


def test_printing_an_identity_shows_no_secret() -> None:
    for identity in (AccessKeys("AKIDEXAMPLE", "SECRETEXAMPLE", "TOKENEXAMPLE"), BearerToken("TOKENEXAMPLE")):
        for text in (repr(identity), str(identity), f"{identity}", repr([identity])):
            assert "SECRET" not in text
            assert "TOKEN" not in text
            assert "AKID" not in text
