"""Who may use the proxy."""

from __future__ import annotations

import openai
import pytest

LLAMA = "meta.llama3-8b-instruct-v1:0"
KEYS = ["sk-first-0123456789abcdef", "sk-second-0123456789abcdef"]
BODY = {"model": LLAMA, "messages": [{"role": "user", "content": "Hi"}]}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def locked(theatre):
    with theatre.proxy({"auth": {"keys": KEYS}}) as proxy:
        del proxy.http.headers["authorization"]
        yield proxy


@pytest.fixture(scope="module")
def unlocked(theatre):
    with theatre.proxy({}) as proxy:
        del proxy.http.headers["authorization"]
        yield proxy


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", "Bearer {}"),
        ("authorization", "bearer {}"),
        ("authorization", "BEARER   {}"),
        ("api-key", "{}"),
        ("x-api-key", "{}"),
        ("X-API-Key", "{}"),
    ],
)
def test_a_right_key(locked, bedrock, key, name, value):
    assert locked.http.post(CHAT, json=BODY, headers={name: value.format(key)}).status_code == 200
    # It stays here.
    assert key not in str(bedrock.call.headers)


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Bearer"}, {"api-key": ""}],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", CHAT), ("GET", "/v1/models"), ("POST", "/v1/unknown"), ("PUT", CHAT)]
)
def test_no_key(locked, bedrock, headers, method, path):
    response = locked.http.request(method, path, json=BODY, headers=headers)
    assert response.status_code == 401
    error = response.json()["error"]
    assert error["message"].startswith("You didn't provide an API key.")
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
    assert response.headers["x-request-id"].startswith("req_")
    assert bedrock.calls == []


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-wrong-0123456789abcdef"},
        {"authorization": f"Bearer {KEYS[0]}x"},
        {"authorization": f"Bearer {KEYS[0][:-1]}"},
        {"authorization": f"Bearer {KEYS[0].upper()}"},
        {"authorization": f"Bearer {KEYS[0]},{KEYS[1]}"},
        {"api-key": "short"},
        {"x-api-key": f"Bearer {KEYS[0]}"},
        {"authorization": "Bearer wrong", "api-key": KEYS[0]},
        {"authorization": "Bearer " + "x" * 10_000},
        {"authorization": "Bearer Schl\u00fcssel".encode()},
    ],
    ids=lambda headers: str(headers)[:60],
)
def test_a_wrong_key(locked, bedrock, headers):
    response = locked.http.post(CHAT, json=BODY, headers=headers)
    assert response.status_code == 401
    error = response.json()["error"]
    assert error["message"].startswith("Incorrect API key provided: ")
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
    for value in headers.values():
        sent = value.decode("latin-1") if isinstance(value, bytes) else value
        assert sent.removeprefix("Bearer ") not in error["message"]
    assert len(error["message"]) < 200
    assert bedrock.calls == []


def test_the_sdk_raises_what_it_raises_for_openais_own(locked):
    client = locked.openai(api_key="sk-wrong-0123456789abcdef")
    with client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["localhost", "10.0.0.7", "proxy.internal"])
def test_health_is_for_everyone(locked, unlocked, path, host):
    assert locked.http.get(path, headers={"host": host}).status_code == 200
    assert unlocked.http.get(path, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:80", "x.localhost"]
)
def test_without_keys_this_machine_may(unlocked, host):
    assert unlocked.http.post(CHAT, json=BODY, headers={"host": host}).status_code == 200
    assert unlocked.http.post(CHAT, json=BODY, headers={"host": host, "authorization": "Bearer any"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "10.0.0.7",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[::2]",
        "",
        "0.0.0.0",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/v1/models")])
def test_without_keys_nobody_comes_by_another_name(unlocked, bedrock, host, method, path):
    """A web page whose name was bound to 127.0.0.1."""
    response = unlocked.http.request(method, path, json=BODY, headers={"host": host})
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "host_not_allowed"
    assert bedrock.calls == []


def test_with_keys_the_name_does_not_matter(locked):
    headers = {"host": "proxy.example", "api-key": KEYS[0]}
    assert locked.http.post(CHAT, json=BODY, headers=headers).status_code == 200


def test_opened_by_its_operator_the_name_does_not_matter(serve):
    proxy = serve(server={"allow_open": True})
    assert proxy.http.post(CHAT, json=BODY, headers={"host": "proxy.example"}).status_code == 200
