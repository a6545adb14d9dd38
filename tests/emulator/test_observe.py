import pytest

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi there"}],
}


async def test_health_needs_no_credentials(client):
    answer = await client.request("GET", "/_emulator/health", headers={"authorization": ""})
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_a_call_is_told_in_full(client):
    sent = await client.invoke(CLAUDE, BODY, headers={"x-amz-security-token": "t"}, stream=True)
    report = (await client.get("/_emulator/calls")).json
    (call,) = report.pop("calls")
    assert report == {"total": 1, "open": 0, "hung_up": 0}
    headers = call.pop("headers")
    assert (headers["authorization"], headers["x-amz-security-token"]) == ("Bearer ***", "***")
    assert call == {
        "number": 1,
        "method": "POST",
        "path": "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
        "operation": "invoke-with-response-stream",
        "model_id": CLAUDE,
        "model": CLAUDE.removeprefix("us."),
        "region": "us-east-1",
        "body": BODY,
        "request_id": sent.headers["x-amzn-requestid"],
        "status": 200,
        "error": None,
        "faults": [],
        "fault": None,
        "events_sent": len(sent.events),
        "bytes_sent": len(sent.body),
        "is_open": False,
        "hung_up": False,
    }


async def test_a_body_that_is_no_json_is_told_as_text(client):
    await client.invoke(CLAUDE, b"\xffhello")
    assert (await client.get("/_emulator/calls")).json["calls"][0]["body"] == "\ufffdhello"


async def test_control_plane_calls_are_told_too(client):
    await client.get("/foundation-models?byProvider=meta")
    (call,) = (await client.get("/_emulator/calls")).json["calls"]
    assert (call["operation"], call["path"]) == ("foundation-models", "/foundation-models?byProvider=meta")
    assert call["body"] is None


async def test_calls_and_uses_are_forgotten_together(client):
    script = {"text": "x", "times": 1}
    texts = []
    for _ in range(2):
        texts += [(await client.invoke(CLAUDE, BODY, script)).json["content"][0]["text"] for _ in range(2)]
        assert (await client.request("DELETE", "/_emulator/calls")).status == 200
    assert texts == ["x", "You said: Hi there"] * 2
    assert (await client.get("/_emulator/calls")).json["calls"] == []


async def test_waiting_for_open_calls(client):
    assert (await client.get("/_emulator/calls?open=0")).status == 200
    answer = await client.get("/_emulator/calls?open=1&timeout=0")
    assert (answer.status, answer.json["open"]) == (408, 0)


async def test_rules_at_run_time(client):
    rule = {"match": {"model": "claude"}, "script": {"text": "scripted"}}
    assert (await client.request("PUT", "/_emulator/rules", [rule])).json == {"rules": 1}
    assert (await client.invoke(CLAUDE, BODY)).json["content"][0]["text"] == "scripted"
    (told,) = (await client.get("/_emulator/rules")).json
    assert (told["script"]["text"], told["match"]["model"]) == ("scripted", "claude")
    assert (await client.request("DELETE", "/_emulator/rules")).json == {"rules": 0}
    assert (await client.invoke(CLAUDE, BODY)).json["content"][0]["text"] == "You said: Hi there"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("PUT", "/_emulator/rules", {}, 400, "unreadable rules: Expected `array`, got `object`"),
        ("PUT", "/_emulator/rules", b"{", 400, "Input data was truncated"),
        ("GET", "/_emulator/calls?open=x", None, 400, "invalid literal"),
        ("POST", "/_emulator/calls", None, 404, "no such route: POST /_emulator/calls"),
        ("GET", "/_emulator/nothing", None, 404, "no such route: GET /_emulator/nothing"),
    ],
)
async def test_what_cannot_be_done(client, method, path, body, status, why):
    answer = await client.request(method, path, body)
    assert answer.status == status
    assert answer.json["emulator"].startswith(why)
