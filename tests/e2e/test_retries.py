"""Calls that fail are made again where that can help, and only before anything has gone to the client."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest

from proxy.bedrock.credentials import Description
from proxy.bedrock.sign import AccessKeys

LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
WHOLE_AND_STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
HI: Any = [{"role": "user", "content": "Hello there"}]


@pytest.fixture(scope="module")
def retrying(theatre):
    with theatre.proxy({}) as proxy, proxy.openai() as client:
        yield client


def ask(client: openai.OpenAI, stream: bool, script: dict[str, str], model: str = LLAMA) -> str:
    answer: Any = client.chat.completions.create(model=model, messages=HI, stream=stream, extra_headers=script)
    if stream:
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    return answer.choices[0].message.content


@WHOLE_AND_STREAMED
@pytest.mark.parametrize(
    ("error", "times"),
    [
        ("ThrottlingException", 1),
        ("ModelNotReadyException", 2),
        ("InternalServerException", 2),
        ("ServiceUnavailableException", 2),
        ("ModelErrorException", 2),
    ],
)
def test_a_passing_failure_is_not_the_clients_to_see(retrying, bedrock, error, times, stream):
    assert ask(retrying, stream, bedrock.script(error={"type": error}, times=times)) == "You said: Hello there"
    assert [call.error for call in bedrock.calls] == [error] * times + [None]


@WHOLE_AND_STREAMED
def test_a_connection_that_is_reset(retrying, bedrock, stream):
    script = bedrock.script(fault={"kind": "no_response"}, times=2)
    assert ask(retrying, stream, script) == "You said: Hello there"
    assert [call.fault for call in bedrock.calls] == ["no_response", "no_response", None]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "exception", "type": "internalServerException"},
        {"kind": "exception", "type": "serviceUnavailableException"},
        {"kind": "cut"},
        {"kind": "end"},
        {"kind": "bad_crc"},
        {"kind": "claude_error", "type": "overloaded_error"},
    ],
    ids=lambda fault: fault.get("type", fault["kind"]),
)
def test_a_stream_that_fails_before_its_first_event(retrying, bedrock, fault):
    script = bedrock.script(fault={**fault, "after_events": 0}, times=1)
    assert ask(retrying, True, script, CLAUDE) == "You said: Hello there"
    assert len(bedrock.calls) == 2


@pytest.mark.parametrize("raw", [{"body": ""}, {"status": 502, "content_type": "text/html", "body": "<html>"}], ids=str)
@WHOLE_AND_STREAMED
def test_a_gateways_answer(retrying, bedrock, raw, stream):
    assert ask(retrying, stream, bedrock.script(raw=raw, times=1)) == "You said: Hello there"
    assert len(bedrock.calls) == 2


@WHOLE_AND_STREAMED
def test_three_attempts_in_all(retrying, bedrock, stream):
    with pytest.raises(openai.InternalServerError) as caught:
        ask(retrying, stream, bedrock.script(error={"type": "InternalServerException"}))
    assert caught.value.status_code == 500
    assert len(bedrock.calls) == 3


@pytest.mark.parametrize("attempts", [1, 2])
def test_as_many_attempts_as_the_operator_says(serve, bedrock, attempts):
    with serve(retry={"attempts": attempts}).openai() as client, pytest.raises(openai.InternalServerError):
        ask(client, False, bedrock.script(error={"type": "InternalServerException"}))
    assert len(bedrock.calls) == attempts


def test_no_attempt_begins_after_the_deadline(serve, bedrock):
    client = serve(retry={"attempts": 10, "deadline_s": 0.000001}).openai()
    with client, pytest.raises(openai.InternalServerError):
        ask(client, False, bedrock.script(error={"type": "InternalServerException"}))
    assert len(bedrock.calls) == 1


@WHOLE_AND_STREAMED
@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"type": "ValidationException"}, 400),
        ({"type": "AccessDeniedException"}, 403),
        ({"type": "ResourceNotFoundException"}, 404),
        ({"type": "ModelTimeoutException"}, 504),
        ({"type": "ModelErrorException", "members": {"originalStatusCode": 400}}, 400),
        ({"type": "ServiceQuotaExceededException"}, 429),
        ({"type": "InvalidSignatureException"}, 502),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else str(value),
)
def test_what_another_attempt_cannot_mend(retrying, bedrock, error, status, stream):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(retrying, stream, bedrock.script(error=error))
    assert caught.value.status_code == status
    assert len(bedrock.calls) == 1


@pytest.mark.parametrize("type", ["throttlingException", "internalServerException", "serviceUnavailableException"])
def test_once_something_was_sent_there_is_no_second_attempt(retrying, bedrock, type):
    script = bedrock.script(fault={"kind": "exception", "type": type, "after_events": 1}, times=1)
    with pytest.raises(openai.APIError):
        ask(retrying, True, script)
    assert len(bedrock.calls) == 1


def test_bedrocks_retry_after_is_waited_for(retrying, bedrock):
    script = bedrock.script(
        error={"type": "ServiceUnavailableException"}, headers={"x-amz-retry-after": "400"}, times=1
    )
    began = time.monotonic()
    assert ask(retrying, False, script)
    assert time.monotonic() - began >= 0.4
    assert len(bedrock.calls) == 2


def test_a_long_retry_after_is_the_clients_to_wait_for(retrying, bedrock):
    script = bedrock.script(error={"type": "ThrottlingException"}, headers={"retry-after": "45"})
    with pytest.raises(openai.RateLimitError) as caught:
        ask(retrying, False, script)
    assert caught.value.response.headers["retry-after"] == "45"
    assert len(bedrock.calls) == 1


class Wallet:
    """Credentials that have expired, and may be renewed."""

    def __init__(self, *keys: AccessKeys) -> None:
        self._keys = list(keys)
        self.refreshed: list[AccessKeys] = []

    async def identity(self) -> AccessKeys:
        return self._keys[0]

    async def refresh(self, used: AccessKeys) -> None:
        self.refreshed.append(used)
        if len(self._keys) > 1:
            del self._keys[0]

    async def look(self, timeout_s: float) -> Description:
        return self.describe()

    def describe(self) -> Description:
        return Description("the test's", self._keys[0].access_key[-4:])


EXPIRED = AccessKeys("AKIDEXPIRED", "emulator-secret")
SESSION_OVER = AccessKeys("ASIAEMULATOR", "emulator-secret", "expired-session-token")
GOOD = AccessKeys("ASIAEMULATOR", "emulator-secret", "a-session-token")


@WHOLE_AND_STREAMED
@pytest.mark.parametrize("expired", [EXPIRED, SESSION_OVER], ids=["key", "session"])
def test_expired_credentials_are_renewed_once(serve, bedrock, expired, stream):
    wallet = Wallet(expired, GOOD)
    with serve(identities=wallet, retry={"attempts": 1}).openai() as client:
        assert ask(client, stream, {}) == "You said: Hello there"
    assert wallet.refreshed == [expired]
    assert [call.error for call in bedrock.calls] == ["ExpiredTokenException", None]


@WHOLE_AND_STREAMED
def test_credentials_that_stay_expired_are_the_operators_trouble(serve, bedrock, stream):
    wallet = Wallet(EXPIRED)
    with serve(identities=wallet).openai() as client, pytest.raises(openai.InternalServerError) as caught:
        ask(client, stream, {})
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_auth_error")
    assert wallet.refreshed == [EXPIRED]
    assert [call.error for call in bedrock.calls] == ["ExpiredTokenException"] * 2


def test_every_choice_is_tried_again_by_itself(retrying, bedrock):
    script = bedrock.script(error={"type": "InternalServerException"}, times=2)
    completion = retrying.chat.completions.create(model=LLAMA, messages=HI, n=2, extra_headers=script)
    assert [choice.message.content for choice in completion.choices] == ["You said: Hello there"] * 2
    assert len(bedrock.calls) == 4


def test_the_sdks_own_retries_meet_a_proxy_that_answers(proxy, bedrock):
    script = bedrock.script(error={"type": "ServiceUnavailableException"}, headers={"retry-after": "1"}, times=1)
    with proxy.openai(max_retries=1) as client:
        assert ask(client, False, script) == "You said: Hello there"
    assert len(bedrock.calls) == 2
