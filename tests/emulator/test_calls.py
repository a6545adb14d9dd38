import asyncio

from proxy.emulator.calls import Call, Calls, without_secrets


def call(number):
    return Call(number=number, method="POST", path="/", headers={}, request_id="r")


def test_counts_are_exact_and_memory_is_bounded():
    calls = Calls(2)
    three = [call(number) for number in range(3)]
    for one in three:
        calls.begin(one)
    assert [one.number for one in calls] == [1, 2]
    assert (calls.total, calls.open, calls.hung_up) == (3, 3, 0)
    three[0].hung_up = True
    calls.end(three[0])
    calls.end(three[1])
    assert (calls.total, calls.open, calls.hung_up) == (3, 1, 1)


def test_what_is_still_open_is_not_forgotten():
    calls = Calls(10)
    done, going = call(1), call(2)
    calls.begin(done)
    calls.begin(going)
    calls.end(done)
    calls.clear()
    assert calls.report() == {"calls": [going], "total": 1, "open": 1, "hung_up": 0}
    calls.end(going)
    assert calls.open == 0


async def test_waiting_ends_when_it_is_so():
    calls = Calls(10)
    one = call(1)
    waiting = asyncio.create_task(calls.wait_until(lambda: calls.total == 1 and calls.open == 0, 10))
    await asyncio.sleep(0)
    calls.begin(one)
    await asyncio.sleep(0)
    assert not waiting.done()
    calls.end(one)
    assert await waiting


async def test_waiting_ends_when_it_takes_too_long():
    calls = Calls(10)
    assert not await calls.wait_until(lambda: False, 0)


def test_secrets_are_not_shown():
    signed = (
        "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=abc"
    )
    assert without_secrets([("authorization", signed), ("x-amz-security-token", "token"), ("host", "h")]) == {
        "authorization": signed.replace("abc", "***"),
        "x-amz-security-token": "***",
        "host": "h",
    }
    assert without_secrets([("authorization", "Bearer key")]) == {"authorization": "Bearer ***"}
    assert without_secrets([("authorization", "Basic abc")]) == {"authorization": "***"}
