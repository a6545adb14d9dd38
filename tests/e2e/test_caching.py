"""Prompts that are cached without a mark of the client's, as its bill shows it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-pro-v1:0"
CACHING = pytest.mark.parametrize("model", [CLAUDE, NOVA])
RULES = "A rule of the house. " * 1500
IMPLICIT = {"prompt_cache_options": {"mode": "implicit"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def details(reply: Any) -> dict[str, int]:
    assert reply.status_code == 200, reply.text
    if reply.headers["content-type"] == "application/json":
        usage = reply.json()["usage"]
    else:
        last = [line for line in reply.text.splitlines() if line.startswith("data: {")][-1]
        usage = jsonio.decode(last.removeprefix("data: "))["usage"]
    counts = {"cache_write_tokens": 0, **usage["prompt_tokens_details"]}
    # Once each, and no more than there are.
    assert usage["prompt_tokens"] >= counts["cached_tokens"] + counts["cache_write_tokens"]
    return counts


@CACHING
@pytest.mark.parametrize("by", ["config", "request", "control"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_agents_loop_pays_for_what_is_new(serve, proxy, model, by, stream):
    """Each request reads what the one before has written, and writes what it adds."""
    proxy = serve(cache={"automatic": True}) if by == "config" else proxy
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    asked |= {"config": {}, "request": IMPLICIT, "control": {"cache_control": {"type": "ephemeral"}}}[by]
    messages = [said("system", f"{model} {by} {stream} {RULES}"), said("user", "Look.")]
    reads, writes = [], []
    for number in range(4):
        reply = proxy.chat(model, messages=messages, tools=[TOOL], **asked)
        assert "x-bedrock-proxy-adapted" not in reply.headers
        counts = details(reply)
        reads.append(counts["cached_tokens"])
        writes.append(counts["cache_write_tokens"])
        call = {"id": f"call_{number}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": f"Seen {number}. " * 200},
        ]
    assert reads[0] == 0 < writes[0]
    assert all(read >= before + written for read, before, written in zip(reads[1:], reads, writes, strict=False))
    assert all(0 < written < writes[0] for written in writes[1:])


@CACHING
def test_a_single_question_pays_for_no_cache(serve, model):
    proxy = serve(cache={"automatic": True})
    for messages in ([said("user", RULES)], [said("system", "Be kind."), said("user", RULES)], [said("user", "Hi")]):
        assert details(proxy.chat(model, messages=messages)) == {
            "cached_tokens": 0,
            "audio_tokens": 0,
            "cache_write_tokens": 0,
        }


@CACHING
def test_nothing_is_cached_unasked(proxy, serve, model):
    messages = [said("system", f"{model} {RULES}"), said("user", "Hi")]
    explicit = {"prompt_cache_options": {"mode": "explicit"}}
    for one, asked in ((proxy, {}), (proxy, explicit), (serve(cache={"automatic": True}), explicit)):
        reply = one.chat(model, messages=messages, **asked)
        assert details(reply)["cache_write_tokens"] == 0
        assert "x-bedrock-proxy-adapted" not in reply.headers


@pytest.mark.parametrize(
    ("asked", "adapted"),
    [
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "1h"}}, None),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, "prompt_cache_options.ttl=30m->1h"),
        ({**IMPLICIT, "prompt_cache_retention": "24h"}, "prompt_cache_retention=24h->1h"),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, None),
    ],
    ids=str,
)
def test_for_an_hour(proxy, bedrock, asked, adapted):
    messages = [said("system", RULES), said("user", "Hi")]
    reply = proxy.chat(CLAUDE, messages=messages, **asked)
    assert reply.headers.get("x-bedrock-proxy-adapted") == adapted
    (block,) = bedrock.call.body["system"]
    assert block["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_retention_of_the_clients_own_marks(proxy, bedrock):
    part = {"type": "text", "text": RULES, "cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [part]}, said("user", "Hi")]
    reply = proxy.chat(CLAUDE, messages=messages, prompt_cache_retention="24h")
    assert reply.headers["x-bedrock-proxy-adapted"] == "prompt_cache_retention=24h->1h"
    assert bedrock.call.body["system"][0]["cache_control"]["ttl"] == "1h"


def test_on_a_model_without_a_cache(proxy, serve):
    reply = proxy.chat(LLAMA, **IMPLICIT)
    assert reply.headers["x-bedrock-proxy-adapted"] == "prompt_cache_options.mode=dropped"
    strict = proxy.chat(LLAMA, headers={"x-bedrock-proxy-strict": "true"}, **IMPLICIT)
    assert (strict.status_code, strict.json()["error"]["param"]) == (400, "prompt_cache_options.mode")
    quiet = serve(cache={"automatic": True}, strict=True).chat(
        LLAMA, messages=[said("system", RULES), said("user", "Hi")]
    )
    assert quiet.status_code == 200
