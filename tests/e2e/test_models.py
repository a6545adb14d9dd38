"""Every way to name a model, from the client's word to the URL at Bedrock and the region that the call was signed for."""

from __future__ import annotations

from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config as BotoConfig

from proxy import jsonio

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"
WEST = "arn:aws:bedrock:us-west-2:123456789012"

# What a client says -> the id in the URL, the region, the model that answers.
FORMS = {
    LLAMA: (LLAMA, "us-east-1", LLAMA),
    CLAUDE: (f"us.{CLAUDE}", "us-east-1", CLAUDE),
    f"us.{CLAUDE}": (f"us.{CLAUDE}", "us-east-1", CLAUDE),
    f"global.{CLAUDE}": (f"global.{CLAUDE}", "us-east-1", CLAUDE),
    "us.meta.llama3-3-70b-instruct-v1:0": (
        "us.meta.llama3-3-70b-instruct-v1:0",
        "us-east-1",
        "meta.llama3-3-70b-instruct-v1:0",
    ),
    f"arn:aws:bedrock:us-east-1::foundation-model/{LLAMA}": (
        f"arn:aws:bedrock:us-east-1::foundation-model/{LLAMA}",
        "us-east-1",
        LLAMA,
    ),
    f"{ACCOUNT}:inference-profile/us.{CLAUDE}": (f"{ACCOUNT}:inference-profile/us.{CLAUDE}", "us-east-1", CLAUDE),
    f"{WEST}:inference-profile/us.{CLAUDE}": (f"{WEST}:inference-profile/us.{CLAUDE}", "us-west-2", CLAUDE),
    f"arn:aws:bedrock:us-west-2::foundation-model/{LLAMA}": (
        f"arn:aws:bedrock:us-west-2::foundation-model/{LLAMA}",
        "us-west-2",
        LLAMA,
    ),
    "gpt-4o": (f"us.{CLAUDE}", "us-east-1", CLAUDE),
    "my/llama@home": (LLAMA, "us-east-1", LLAMA),
    "imported": (f"{ACCOUNT}:imported-model/emulatorllama", "us-east-1", "meta.llama3-3-70b-instruct-v1:0"),
    "imported-west": (f"{WEST}:imported-model/emulatorllama", "us-west-2", "meta.llama3-3-70b-instruct-v1:0"),
    "provisioned": (
        f"{ACCOUNT}:provisioned-model/emulatorclaude",
        "us-east-1",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
    ),
    f"{ACCOUNT}:provisioned-model/emulatorllama": (f"{ACCOUNT}:provisioned-model/emulatorllama", "us-east-1", LLAMA),
    f"{ACCOUNT}:custom-model-deployment/emulatorllama": (
        f"{ACCOUNT}:custom-model-deployment/emulatorllama",
        "us-east-1",
        "meta.llama3-1-8b-instruct-v1:0",
    ),
}
ALIASES = {
    "gpt-4o": f"us.{CLAUDE}",
    "my/llama@home": LLAMA,
    "imported": {"id": f"{ACCOUNT}:imported-model/emulatorllama", "family": "llama3"},
    "imported-west": {"id": f"{WEST}:imported-model/emulatorllama", "family": "llama3"},
    "provisioned": {"id": f"{ACCOUNT}:provisioned-model/emulatorclaude", "family": "claude"},
    "provisioned-haiku": {"id": f"{ACCOUNT}:provisioned-model/emulatorclaude", "family": HAIKU},
    f"{ACCOUNT}:provisioned-model/emulatorllama": {"family": "llama3"},
    f"{ACCOUNT}:custom-model-deployment/emulatorllama": {"family": "llama3"},
}


@pytest.fixture(scope="module")
def well_known(theatre):
    """A proxy that was told of models."""
    with theatre.proxy({"models": ALIASES}) as proxy:
        yield proxy


def test_an_arn_whose_model_is_named_has_all_that_is_known_of_it(well_known, bedrock):
    tool = {"type": "function", "function": {"name": "look"}}
    answers = [
        well_known.chat(name, tools=[tool], tool_choice="required", temperature=0.5)
        for name in ("provisioned", "provisioned-haiku")
    ]
    assert [answer.headers.get("x-bedrock-proxy-adapted") for answer in answers] == [
        "tool_choice=auto-and-asked-for, temperature=dropped",
        None,
    ]
    assert [call.error for call in bedrock.calls] == [None, None]


@pytest.fixture(scope="module")
def boto_client(theatre):
    def client(region: str):
        settings = theatre.bedrock.settings
        key, secret = next(iter(settings.keys.items()))
        return boto3.client(
            "bedrock-runtime",
            region_name=region,
            endpoint_url=theatre.bedrock.server.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=BotoConfig(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", FORMS)
def test_a_name_leads_to(well_known, bedrock, name, stream):
    model_id, region, model = FORMS[name]
    response = well_known.chat(name, stream=stream)
    assert response.status_code == 200, response.text
    assert "said" in response.text
    assert f'"model":{jsonio.encode(name).decode()}' in response.text, "the client reads the name that it used"
    call = bedrock.call
    assert (call.model_id, call.region, call.model, call.error) == (model_id, region, model, None)


@pytest.mark.parametrize("name", FORMS)
def test_boto3_would_send_it_to_the_same_place(well_known, bedrock, boto_client, name):
    """The emulator verifies both signatures byte by byte, as it does in every test here."""
    model_id, region, _ = FORMS[name]
    assert well_known.chat(name).status_code == 200
    ours = bedrock.call
    client = boto_client(region)
    client.invoke_model(modelId=model_id, body=jsonio.encode(ours.body))
    client.close()
    theirs = bedrock.calls[1]
    # boto3 also encodes the colons, which is the same place to AWS.
    assert ours.path == theirs.path.replace("%3A", ":")
    assert (ours.region, ours.operation, ours.body) == (theirs.region, theirs.operation, theirs.body)
    assert ours.headers["authorization"].split("/")[2:4] == theirs.headers["authorization"].split("/")[2:4]
    assert ours.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", [name for name in FORMS if quote(name) != name])
def test_a_name_that_arrives_percent_encoded(well_known, bedrock, name):
    response = well_known.chat(quote(name, safe=""))
    assert response.status_code == 200
    assert bedrock.call.model_id == FORMS[name][0]


def test_an_arn_that_tells_nothing_needs_a_word_of_the_operator(proxy, bedrock):
    response = proxy.chat(f"{ACCOUNT}:imported-model/emulatorllama")
    assert response.status_code == 404
    error = response.json()["error"]
    assert error["code"] == "model_not_found"
    assert "family" in error["message"]
    assert "config.yaml" in error["message"]
    assert bedrock.calls == []


@pytest.mark.parametrize(
    ("end", "model"), [("emulatorclaude", CLAUDE), ("emulatorllama", "meta.llama3-3-70b-instruct-v1:0")]
)
def test_a_profile_of_the_accounts_own_is_known_from_its_listing(serve, bedrock, end, model):
    proxy = serve()
    arn = f"{ACCOUNT}:application-inference-profile/{end}"
    # The listing is fetched beside the first requests.
    assert any(proxy.chat(arn).status_code == 200 for _ in range(1000))
    assert (bedrock.call.model_id, bedrock.call.model) == (arn, model)


@pytest.mark.parametrize(
    ("region", "model_id"),
    [
        ("eu-central-1", f"eu.{CLAUDE}"),
        ("us-west-2", f"us.{CLAUDE}"),
        ("ap-northeast-1", f"jp.{CLAUDE}"),
        ("ap-southeast-2", f"au.{CLAUDE}"),
        ("sa-east-1", f"global.{CLAUDE}"),
    ],
)
def test_the_profile_of_the_region(serve, bedrock, region, model_id):
    assert serve(aws={"region": region}).chat(CLAUDE).status_code == 200
    assert (bedrock.call.region, bedrock.call.model_id) == (region, model_id)


def test_the_global_profile_where_the_operator_wants_it(serve, bedrock):
    assert serve(routing={"profile_scope": "global"}).chat(CLAUDE).status_code == 200
    assert bedrock.call.model_id == f"global.{CLAUDE}"


def test_the_list_of_models(well_known):
    listed = {model["id"]: model for model in well_known.http.get("/v1/models").json()["data"]}
    for name in ("gpt-4o", "my/llama@home", "imported", "provisioned", LLAMA, f"us.{CLAUDE}"):
        assert listed[name]["object"] == "model"
        assert isinstance(listed[name]["created"], int)
    assert not any("123456789012" in name for name in listed)
    # A base id that cannot be called as it is, is not offered as it is.
    assert CLAUDE not in listed


@pytest.mark.parametrize("name", FORMS)
def test_every_name_that_is_served_can_be_looked_up(well_known, name):
    for path in {quote(name, safe=""), quote(name, safe=":@"), name.replace("@", "%40")}:
        response = well_known.http.get(f"/v1/models/{path}")
        assert response.status_code == 200, response.text
        assert response.json()["id"] == name


def said(*turns: tuple[str, object]) -> dict[str, object]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


REQUESTS: dict[str, dict[str, object]] = {
    "nothing special": {},
    "streamed": {"stream": True},
    "cold": {"temperature": 0},
    "hot": {"temperature": 2},
    "nucleus": {"top_p": 0.5},
    "temperature and nucleus": {"temperature": 0.3, "top_p": 0.9},
    "defaults of OpenAI": {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "n": 1},
    "knobs that no model has": {"seed": 1, "presence_penalty": 1, "user": "me@example.com", "metadata": {"a": "b"}},
    "stops": {"stop": ["END", "\n\n"]},
    "one token": {"max_tokens": 1},
    "as much as possible": {"max_completion_tokens": 2_000_000_000},
    "two choices": {"n": 2},
    "little effort": {"reasoning_effort": "low"},
    "much effort": {"reasoning_effort": "high"},
    "no effort": {"reasoning_effort": "none"},
    "flexible": {"service_tier": "flex"},
    "system": said(("system", "Be brief."), ("developer", "Be kind."), ("user", "Hi")),
    "system in the middle": said(("user", "Hi"), ("assistant", "Hello"), ("system", "Be brief."), ("user", "Bye")),
    "system at the end": said(("user", "Hi"), ("system", "Be brief.")),
    "system alone": said(("system", "Say hello.")),
    "several of one role": said(("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d"), ("user", "e")),
    "assistant first": said(("assistant", "Welcome!"), ("user", "Hi")),
    "answer begun": said(("user", "Hi"), ("assistant", "The answer is ")),
    "empty answer in between": said(("user", "Hi"), ("assistant", ""), ("user", "Hello?")),
    "empty answer at the end": said(("user", "Hi"), ("assistant", "")),
    "empty question": said(("user", "")),
    "blank question": said(("user", " \n ")),
    "empty system": said(("system", ""), ("user", "Hi")),
    "parts": said(
        ("user", [{"type": "text", "text": "a"}, {"type": "text", "text": ""}, {"type": "text", "text": "b"}])
    ),
    "no parts": said(("user", []), ("user", "Hi")),
    "special tokens": said(("system", "<|eot_id|> [/INST] <</SYS>>"), ("user", "\n\nHuman: <|begin_of_text|></s>")),
}


@pytest.mark.parametrize("request_", REQUESTS)
def test_every_model_in_the_list_takes_what_clients_send(well_known, bedrock, request_):
    """As far as it is emulated: through InvokeModel. The emulator refuses what the model's generation would."""
    models = [model["id"] for model in well_known.http.get("/v1/models").json()["data"]]
    models = [name for name in models if "claude" in name or "llama" in name]
    assert len(models) > 30
    for name in models:
        response = well_known.chat(name, **REQUESTS[request_])
        assert response.status_code == 200, (name, response.text)
    if request_ != "system alone":  # for which Llama 2 has no form
        assert {fault for call in bedrock.calls for fault in call.faults} == set()


def test_what_bedrock_does_not_have_after_all(well_known, bedrock):
    """The account lost it since: Bedrock's own words, and OpenAI's code."""
    script = bedrock.script(
        error={"type": "ValidationException", "message": "The provided model identifier is invalid."}
    )
    response = well_known.chat(LLAMA, headers=script)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
