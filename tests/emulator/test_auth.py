from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from proxy.emulator.auth import Request, authenticate, canonical_request, sign, string_to_sign
from proxy.emulator.refusal import BearerRefusal, SignatureRefusal
from proxy.emulator.settings import Settings

STAMP = "20261121T120000Z"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
KEY, SECRET = "AKIDEXAMPLE", "SECRETEXAMPLE"
SETTINGS = Settings(keys={KEY: SECRET, "ASIAEXAMPLE": SECRET, "AKIDOLD": SECRET}, now=lambda: NOW)
HOST = ("host", "bedrock-runtime.us-west-2.amazonaws.com")
CONTENT = ("content-type", "application/json")
DATE = ("x-amz-date", STAMP)
LLAMA = "/model/meta.llama3-8b-instruct-v1"

# Made with botocore 1.44 and, independently, with plain HMAC: (path, headers to sign, hash of the canonical request,
# signature), for the body {"a":1} in us-west-2.
VECTORS = {
    "V1, an ARN": (
        "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Ainference-profile%2F"
        "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke",
        [("accept", "application/json"), CONTENT, HOST, DATE],
        "436cf1cd5a578f3653f6a57438d3f7fd5cbf1e30e4592701a5dfdcf7c3aead53",
        "acaec3b23a6e3962dc180fa306efaf06cac75764fff2719f2bf0cfafd6945388",
    ),
    "V2, a raw colon": (
        f"{LLAMA}:0/invoke",
        [("accept", "application/json"), CONTENT, HOST, DATE],
        "99b46802645e0aa04c3b2ad3bddc957a332e4757dadf6b7038252a22ce5b2e7e",
        "47b26b252e2709bb929b6cf29aa1b1f5af7711446df3c9de71ba16b9facb351b",
    ),
    "V3, a stream with a session token": (
        f"{LLAMA}%3A0/invoke-with-response-stream",
        [
            CONTENT,
            HOST,
            DATE,
            ("x-amz-security-token", "TOKENEXAMPLE"),
            ("x-amzn-bedrock-accept", "application/json"),
            ("x-amzn-bedrock-trace", "ENABLED"),
        ],
        "daaa3fa33021a974abca709c1ed7a8617377c863cad2e2db08fb04a52e519f4f",
        "a1849f4d41cc0ededb7f39a255ccf1b2813ad43670bf5e073ef51f4698f54ea7",
    ),
}


def build(path, headers, signature, *, key=KEY, scope="20261121/us-west-2/bedrock/aws4_request", signed=None):
    names = signed or ";".join(name for name, _ in headers)
    value = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return Request("POST", path, "", [*headers, ("authorization", value), ("user-agent", "x")], b'{"a":1}')


def build_signed(**changes):
    """A request signed as its (possibly wrong) parts say."""
    headers = changes.pop("headers", [CONTENT, HOST, DATE])
    stamp = dict(headers).get("x-amz-date", STAMP)
    draft = build(f"{LLAMA}:0/invoke", headers, "", **changes)
    text = string_to_sign(canonical_request(draft, [name for name, _ in headers]), stamp, "us-west-2")
    return build(f"{LLAMA}:0/invoke", headers, sign(SECRET, text), **changes)


@pytest.mark.parametrize("name", VECTORS)
def test_known_signatures(name):
    path, headers, digest, signature = VECTORS[name]
    request = build(path, headers, signature)
    canonical = canonical_request(request, [name for name, _ in headers])
    assert sha256(canonical.encode()).hexdigest() == digest
    assert authenticate(request, SETTINGS) == "us-west-2"


@pytest.mark.parametrize("name", VECTORS)
def test_a_wrong_byte_is_refused_wherever_it_stands(name):
    path, headers, _, signature = VECTORS[name]
    good = build(path, headers, signature)
    spoiled = [
        replace(good, body=b'{"a":2}'),
        replace(good, method="PUT"),
        replace(good, raw_path=good.raw_path.replace("invoke", "invokf")),
        replace(good, raw_path=good.raw_path.replace("%3A", ":") if "%3A" in path else path.replace(":", "%3A")),
        replace(good, query="x=1"),
        replace(good, headers=[(key, value.replace("application", "applicatiom")) for key, value in good.headers]),
        build(path, headers, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
    ]
    for request in spoiled:
        with pytest.raises(SignatureRefusal) as refused:
            authenticate(request, SETTINGS)
        assert refused.value.type == "InvalidSignatureException"
        assert refused.value.status == 403


def test_a_header_that_is_not_signed_may_change():
    request = build_signed()
    assert authenticate(replace(request, headers=[*request.headers, ("x-other", "1")]), SETTINGS) == "us-west-2"


def test_header_values_are_trimmed_and_their_spaces_collapsed():
    plain = build_signed(headers=[CONTENT, HOST, DATE, ("x-note", "a b")])
    spaced = replace(
        plain, headers=[(name, "  a   b " if name == "x-note" else value) for name, value in plain.headers]
    )
    assert authenticate(spaced, SETTINGS) == "us-west-2"


def test_the_query_is_signed_sorted_and_encoded_once():
    request = Request("GET", "/inference-profiles", "type=SYSTEM_DEFINED&maxResults=5&nextToken=a%3D%2Fb", [], b"")
    assert canonical_request(request, []).split("\n")[2] == "maxResults=5&nextToken=a%3D%2Fb&type=SYSTEM_DEFINED"


@pytest.mark.parametrize(
    ("path", "canonical"), [("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/", "/"), ("/a%20b/c:d", "/a%2520b/c%3Ad")]
)
def test_the_path_loses_its_dots_and_is_encoded_once_more(path, canonical):
    assert canonical_request(Request("GET", path, "", [], b""), []).split("\n")[1] == canonical


def later(**delta):
    return replace(SETTINGS, now=lambda: NOW + timedelta(**delta))


@pytest.mark.parametrize(
    ("request_", "settings", "type", "words"),
    [
        (
            Request("GET", "/", "", [HOST], b""),
            SETTINGS,
            "MissingAuthenticationTokenException",
            "Missing Authentication",
        ),
        (
            Request("GET", "/", "", [HOST, ("authorization", "Basic abc")], b""),
            SETTINGS,
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm'",
        ),
        (
            Request("GET", "/", "", [HOST, ("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request")], b""),
            SETTINGS,
            "IncompleteSignatureException",
            "requires 'SignedHeaders'",
        ),
        (
            build("/", [HOST, DATE], "x", scope="us-west-2"),
            SETTINGS,
            "IncompleteSignatureException",
            "5 slash-delimited",
        ),
        (build_signed(signed="content-type;x-amz-date"), SETTINGS, "IncompleteSignatureException", "'host'"),
        (build_signed(signed="content-type;host"), SETTINGS, "IncompleteSignatureException", "'x-amz-date'"),
        (build_signed(headers=[CONTENT, HOST]), SETTINGS, "IncompleteSignatureException", "'X-Amz-Date'"),
        (build_signed(headers=[HOST, ("x-amz-date", "today")]), SETTINGS, "IncompleteSignatureException", "ISO-8601"),
        (
            build_signed(key="AKIDOTHER"),
            SETTINGS,
            "UnrecognizedClientException",
            "token included in the request is invalid",
        ),
        (build_signed(key="ASIAEXAMPLE"), SETTINGS, "UnrecognizedClientException", "is invalid"),
        (
            build_signed(key="AKIDOLD"),
            replace(SETTINGS, expired=frozenset({"AKIDOLD"})),
            "ExpiredTokenException",
            "expired",
        ),
        (
            build_signed(headers=[CONTENT, HOST, DATE, ("x-amz-security-token", "old")]),
            replace(SETTINGS, expired=frozenset({"old"})),
            "ExpiredTokenException",
            "expired",
        ),
        (
            build_signed(
                headers=[CONTENT, HOST, DATE, ("x-amz-security-token", "T")], signed="content-type;host;x-amz-date"
            ),
            SETTINGS,
            "IncompleteSignatureException",
            "'x-amz-security-token'",
        ),
        (
            build_signed(),
            later(minutes=5, seconds=1),
            "InvalidSignatureException",
            "Signature expired: 20261121T120000Z is now earlier than 20261121T120001Z (20261121T120501Z - 5 min.)",
        ),
        (
            build_signed(),
            later(minutes=-5, seconds=-1),
            "InvalidSignatureException",
            "Signature not yet current: 20261121T120000Z is still later than 20261121T115959Z (20261121T115459Z + 5 min.)",
        ),
        (
            build_signed(scope="20261120/us-west-2/bedrock/aws4_request"),
            SETTINGS,
            "InvalidSignatureException",
            "Date in Credential scope does not match",
        ),
        (
            build_signed(scope="20261121/us-west-2/bedrock-runtime/aws4_request"),
            SETTINGS,
            "InvalidSignatureException",
            "scoped to correct service: 'bedrock'",
        ),
        (
            build_signed(scope="20261121/nowhere/bedrock/aws4_request"),
            SETTINGS,
            "InvalidSignatureException",
            "valid region",
        ),
    ],
)
def test_refusals(request_, settings, type, words):
    with pytest.raises(SignatureRefusal) as refused:
        authenticate(request_, settings)
    assert refused.value.type == type
    assert words in refused.value.message
    assert refused.value.header == type


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_a_clock_may_be_five_minutes_off(minutes):
    assert authenticate(build_signed(), later(minutes=minutes)) == "us-west-2"


def test_a_temporary_key_comes_with_a_token():
    headers = [CONTENT, HOST, DATE, ("x-amz-security-token", "any")]
    assert authenticate(build_signed(key="ASIAEXAMPLE", headers=headers), SETTINGS) == "us-west-2"


def test_a_mismatch_shows_what_should_have_been_signed():
    request = build_signed()
    with pytest.raises(SignatureRefusal) as refused:
        authenticate(replace(request, body=b"{}"), SETTINGS)
    assert (
        canonical_request(replace(request, body=b"{}"), ["content-type", "host", "x-amz-date"]) in refused.value.message
    )


def bearer(key):
    return Request("GET", "/", "", [HOST, ("authorization", f"Bearer {key}")], b"")


def test_a_bearer_key_is_in_the_region_of_the_settings():
    assert authenticate(bearer("bedrock-api-key-emulator"), Settings(region="eu-west-1")) == "eu-west-1"


@pytest.mark.parametrize(
    ("key", "message"),
    [("wrong", "Bearer Token is invalid"), ("bedrock-api-key-expired", "Bearer Token has expired")],
)
def test_a_bad_bearer_key_has_a_message_and_no_type(key, message):
    with pytest.raises(BearerRefusal) as refused:
        authenticate(bearer(key), Settings())
    assert refused.value.status == 403
    assert refused.value.body == {"Message": message}
    assert refused.value.header is None
