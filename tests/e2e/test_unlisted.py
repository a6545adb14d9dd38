"""Models that came out after the catalogue was written: what the account's own listing says of them has to do."""

from __future__ import annotations

import pytest

from proxy.emulator.settings import Settings

WONDER, WHOLE, GEMMA = "newcomer.wonder-1-v1:0", "newcomer.whole-1-v1:0", "google.gemma-9-27b-it"
RANK = "cohere.rerank-v9:0"
CATALOG = f"""
[[model]]
id = "{WONDER}"
name = "Wonder 1"
family = "converse"
context_tokens = 128_000
max_output_tokens = 4_096
profiles = ["us", "global"]
profile = "required"
features = ["tools", "images"]
streams_tools = false

[[model]]
id = "{WHOLE}"
name = "Whole 1"
family = "converse"
context_tokens = 128_000
max_output_tokens = 4_096
features = []
streams = false

[[model]]
id = "{GEMMA}"
name = "Gemma 9"
family = "converse"
context_tokens = 128_000
max_output_tokens = 8_000
features = ["images"]

[[model]]
id = "{RANK}"
name = "Rerank 9"
family = "converse"
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def later(theatre, tmp_path_factory):
    """A Bedrock of another year, and a proxy that has read its listing."""
    path = tmp_path_factory.mktemp("later") / "catalog.toml"
    path.write_text(CATALOG, encoding="utf-8")
    with theatre.elsewhere(Settings(catalog=path)) as year, year.proxy({"retry": {"attempts": 1}}) as proxy:
        # It is fetched beside the first requests.
        assert any(proxy.http.get(f"/v1/models/{WONDER}").status_code == 200 for _ in range(1000))
        yield proxy, year.bedrock


@pytest.fixture
def proxy_and_bedrock(later):
    later[1].reset()
    return later


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        (WONDER, f"us.{WONDER}"),
        (f"global.{WONDER}", f"global.{WONDER}"),
        (WHOLE, WHOLE),
        (GEMMA, GEMMA),
        (
            f"arn:aws:bedrock:us-east-1::foundation-model/{WHOLE}",
            f"arn:aws:bedrock:us-east-1::foundation-model/{WHOLE}",
        ),
    ],
)
def test_it_works(proxy_and_bedrock, name, model_id, stream):
    proxy, bedrock = proxy_and_bedrock
    response = proxy.chat(name, "Hello", stream=stream)
    assert response.status_code == 200, response.text
    assert "Hello" in response.text
    streams = stream and WHOLE not in name
    call = bedrock.call
    assert (call.model_id, call.operation, call.error) == (
        model_id,
        "converse-stream" if streams else "converse",
        None,
    )


@pytest.mark.parametrize(("name", "sees"), [(WONDER, True), (GEMMA, True), (WHOLE, False)])
def test_it_sees_if_the_listing_says_so(proxy_and_bedrock, name, sees):
    proxy, bedrock = proxy_and_bedrock
    content = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    response = proxy.chat(name, messages=[{"role": "user", "content": content}])
    assert response.status_code == (200 if sees else 400), response.text
    assert len(bedrock.calls) == int(sees)


def test_it_is_in_the_list(proxy_and_bedrock):
    proxy, _ = proxy_and_bedrock
    listed = {model["id"]: model for model in proxy.http.get("/v1/models").json()["data"]}
    assert listed.keys() == {f"us.{WONDER}", f"global.{WONDER}", WHOLE, GEMMA}
    assert listed[WHOLE]["owned_by"] == "newcomer"


@pytest.mark.parametrize("name", ["newcomer.blunder-1-v1:0", "nobody.nothing-v1:0", RANK])
def test_what_nobody_knows(proxy_and_bedrock, name):
    proxy, bedrock = proxy_and_bedrock
    response = proxy.chat(name)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert bedrock.calls == []
