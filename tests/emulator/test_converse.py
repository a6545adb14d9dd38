"""Answers of Converse: what each model says, and how it is shaped whole and as events."""

from base64 import b64encode
from pathlib import Path

import pytest

from proxy import jsonio
from proxy.emulator import service_model
from proxy.emulator.cache import PromptCache
from proxy.emulator.claude import REDACTED, THOUGHT
from proxy.emulator.converse import answer, events, render
from proxy.emulator.converse_rules import check
from proxy.emulator.refusal import Refusal
from proxy.emulator.script import Script
from proxy.emulator.settings import Settings
from proxy.emulator.tokens import count

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS55 = "anthropic.claude-opus-5-5"
NOVA = "amazon.nova-lite-v1:0"
NOVA2 = "amazon.nova-2-lite-v1:0"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
R1 = "deepseek.r1-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
QWEN = "qwen.qwen3-32b-v1:0"
HI = [{"role": "user", "content": [{"text": "Hi there"}]}]
SPEC = {
    "name": "get_weather",
    "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}
TOOLS = {"tools": [{"toolSpec": SPEC}, {"toolSpec": {**SPEC, "name": "now"}}]}
RECORDINGS = Path(__file__).parents[2] / "../shared/recordings/bedrock"
UNMODELLED = ("cacheReadInputTokenCount", "cacheWriteInputTokenCount", "serverToolUsage")
"""Members of `usage` that the real service sends and botocore does not know."""


@pytest.fixture
def ask(models):
    def ask(script=None, id=NOVA, verdict=None, **body):
        body = {"messages": HI, **body}
        native = check(body, models[id], is_stream=False)
        return answer(body, native, models[id], script or Script(), PromptCache(10, Settings().now), verdict)

    return ask


def content(given):
    return render(given)["output"]["message"]["content"]


def of_type(found, type):
    return [payload for kind, payload in found if kind == type]


def test_a_body(ask):
    assert jsonio.encode(render(ask())) == (
        b'{"metrics":{"latencyMs":150},"output":{"message":{"content":[{"text":"You said: Hi there"}],"role":"assistant"}},'
        b'"stopReason":"end_turn","usage":{"inputTokens":6,"outputTokens":5,"serverToolUsage":{},"totalTokens":11}}'
    )


def test_events(ask):
    assert list(events(ask())) == [
        ("messageStart", {"role": "assistant"}),
        *[
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
            for piece in ("You", " said", ":", " Hi", " there")
        ],
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        (
            "metadata",
            {
                "metrics": {"latencyMs": 150},
                "usage": {"inputTokens": 6, "outputTokens": 5, "serverToolUsage": {}, "totalTokens": 11},
            },
        ),
    ]


@pytest.mark.parametrize(("id", "prefix"), [(NOVA, "tooluse_"), (SONNET, "tooluse_"), (LLAMA33, "tooluse_")])
def test_tools_that_are_named_are_called(ask, id, prefix):
    messages = [{"role": "user", "content": [{"text": "Ask get_weather and now."}]}]
    given = ask(id=id, messages=messages, toolConfig=TOOLS)
    uses = [block["toolUse"] for block in content(given)]
    assert [(use["name"], use["input"]) for use in uses] == [
        ("get_weather", {"city": "city"}),
        ("now", {"city": "city"}),
    ]
    assert all(use["toolUseId"].startswith(prefix) for use in uses)
    assert len({use["toolUseId"] for use in uses}) == 2
    assert given.stop_reason == "tool_use"


def test_a_conversation_with_tools_comes_to_its_end(ask):
    messages = [{"role": "user", "content": [{"text": "Ask get_weather and now."}]}]
    calls = content(ask(messages=messages, toolConfig=TOOLS))
    results = [
        {"toolResult": {"toolUseId": call["toolUse"]["toolUseId"], "content": [{"text": f"{number} C"}]}}
        for number, call in enumerate(calls)
    ]
    messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    assert content(ask(messages=messages, toolConfig=TOOLS)) == [{"text": "The tool said: 0 C\n1 C"}]


@pytest.mark.parametrize(
    ("id", "choice", "name"),
    [
        (NOVA, {"any": {}}, "get_weather"),
        (NOVA, {"tool": {"name": "now"}}, "now"),
        (SONNET, {"tool": {"name": "now"}}, "now"),
    ],
)
def test_forced_tools_are_called(ask, id, choice, name):
    found = content(ask(id=id, toolConfig={**TOOLS, "toolChoice": choice}))
    assert [block["toolUse"]["name"] for block in found] == [name]


def test_claude_calls_one_at_a_time_when_told_to(ask):
    messages = [{"role": "user", "content": [{"text": "Ask get_weather and now."}]}]
    choice = {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    found = content(ask(id=SONNET, messages=messages, toolConfig=TOOLS, additionalModelRequestFields=choice))
    assert [block["toolUse"]["name"] for block in found] == ["get_weather"]


@pytest.mark.parametrize(("id", "pieces"), [(NOVA, 1), (SONNET, 10)])
def test_the_events_of_a_call(ask, id, pieces):
    found = list(events(ask(id=id, toolConfig={**TOOLS, "toolChoice": {"any": {}}})))
    (start,) = of_type(found, "contentBlockStart")
    assert start["contentBlockIndex"] == 0
    assert set(start["start"]["toolUse"]) == {"toolUseId", "name"}
    deltas = [payload["delta"]["toolUse"]["input"] for payload in of_type(found, "contentBlockDelta")]
    assert len(deltas) == pieces
    assert jsonio.decode("".join(deltas).encode()) == {"city": "city"}
    assert of_type(found, "messageStop") == [{"stopReason": "tool_use"}]


def test_claude_reasons_with_a_signature(ask):
    fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    given = ask(id=SONNET, additionalModelRequestFields=fields)
    reasoning, text = content(given)
    told = reasoning["reasoningContent"]["reasoningText"]
    assert (told["text"], text) == (THOUGHT, {"text": "You said: Hi there"})
    deltas = [
        payload["delta"]["reasoningContent"]
        for kind, payload in events(given)
        if kind == "contentBlockDelta" and payload["contentBlockIndex"] == 0
    ]
    assert "".join(delta.get("text", "") for delta in deltas) == THOUGHT
    assert deltas[-1] == {"signature": told["signature"]}
    assert not of_type(events(given), "contentBlockStart")


def test_what_claude_thought_can_be_sent_back(ask):
    first = content(ask(id=OPUS55))
    assert first[0]["reasoningContent"]["reasoningText"]["text"] == ""
    assert content(ask(id=OPUS55, messages=[*HI, {"role": "assistant", "content": first}, *HI]))[1:] == first[1:]


def test_redacted_thinking(ask):
    messages = [{"role": "user", "content": [{"text": f"{REDACTED}_46C9"}]}]
    given = ask(id=OPUS55, messages=messages)
    redacted = content(given)[0]
    assert set(redacted["reasoningContent"]) == {"redactedContent"}
    deltas = of_type(events(given), "contentBlockDelta")
    assert deltas[0] == {"contentBlockIndex": 0, "delta": redacted}
    messages += [{"role": "assistant", "content": content(given)}, *HI]
    assert content(ask(id=OPUS55, messages=messages))


@pytest.mark.parametrize(
    ("id", "fields", "reasons"),
    [
        (NOVA2, {}, False),
        (NOVA2, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, True),
        (NOVA2, {"reasoningConfig": {"type": "disabled"}}, False),
        (OSS, {}, True),
        (QWEN, {}, False),
        (QWEN, {"reasoning_config": "high"}, True),
        ("openai.gpt-6-sol", {"reasoning": {"effort": "none"}}, False),
        ("deepseek.v3.2", {"reasoning_effort": "low"}, True),
    ],
)
def test_which_models_reason(ask, id, fields, reasons):
    found = content(ask(id=id, additionalModelRequestFields=fields))
    assert [set(block) for block in found] == [{"reasoningContent"}] * reasons + [{"text"}]
    if reasons:
        assert found[0] == {"reasoningContent": {"reasoningText": {"text": THOUGHT}}}


def test_the_reasoning_of_deepseek_r1_stands_behind_its_text(ask):
    given = ask(id=R1)
    assert [set(block) for block in content(given)] == [{"text"}, {"reasoningContent"}]
    first = of_type(events(given), "contentBlockDelta")[0]
    assert first == {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "The"}}}


@pytest.mark.parametrize("id", [SONNET, QWEN])
def test_a_schema_is_satisfied(ask, id):
    schema = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}'
    format = {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}
    assert content(ask(id=id, outputConfig={"textFormat": format})) == [{"text": '{"a":1}'}]


@pytest.mark.parametrize(
    ("id", "config", "text", "reason"),
    [
        (NOVA, {"maxTokens": 3}, "You said:", "max_tokens"),
        (SONNET, {"maxTokens": 3}, "You said:", "max_tokens"),
        (NOVA, {"stopSequences": [" there"]}, "You said: Hi", "stop_sequence"),
        (SONNET, {"stopSequences": [" there"]}, "You said: Hi", "stop_sequence"),
    ],
)
def test_limits(ask, id, config, text, reason):
    given = ask(id=id, inferenceConfig=config)
    assert (content(given), given.stop_reason) == ([{"text": text}], reason)
    assert given.usage["outputTokens"] == count(text)


def test_an_input_that_is_too_long(ask):
    with pytest.raises(Refusal, match=r"Input is too long for requested model\."):
        ask(id="mistral.mistral-7b-instruct-v0:2", messages=[{"role": "user", "content": [{"text": "word " * 40_000}]}])


def test_usage_of_claude_tells_of_its_cache(ask):
    assert ask(id=SONNET).usage == {
        "cacheReadInputTokenCount": 0,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokenCount": 0,
        "cacheWriteInputTokens": 0,
        "inputTokens": 6,
        "outputTokens": 5,
        "serverToolUsage": {},
        "totalTokens": 11,
    }


@pytest.mark.parametrize("id", [NOVA, SONNET])
def test_scripted_usage_is_laid_over_the_counts(ask, id):
    usage = ask(Script(usage={"inputTokens": 1, "cache_read_input_tokens": 100}), id=id).usage
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheReadInputTokenCount"]) == (1, 100, 100)
    assert usage["totalTokens"] == 106


def test_what_was_asked_for_is_told_back(ask):
    body = {"serviceTier": {"type": "flex"}, "performanceConfig": {"latency": "optimized"}}
    given = ask(**body)
    assert {name: render(given)[name] for name in body} == body
    assert {name: of_type(events(given), "metadata")[0][name] for name in body} == body


def test_additional_fields_of_the_answer(ask):
    paths = ["/stop_sequence", "/usage/output_tokens", "/usage/output_tokens_details/thinking_tokens", "/nothing/here"]
    given = ask(
        id=OPUS55,
        additionalModelResponseFieldPaths=paths,
        inferenceConfig={"stopSequences": [" there"]},
        additionalModelRequestFields={"thinking": {"type": "adaptive"}},
    )
    found = {
        "stop_sequence": " there",
        "usage": {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 16}},
    }
    assert render(given)["additionalModelResponseFields"] == found
    assert of_type(events(given), "messageStop")[0]["additionalModelResponseFields"] == found


def test_scripted_text_thinking_and_calls(ask):
    use = {"type": "tool_use", "id": "t1", "name": "now", "input": {"a": 1}}
    given = ask(Script(text=["Hel", "lo"], thinking=["H", "m"], content=[use]))
    assert content(given) == [
        {"reasoningContent": {"reasoningText": {"text": "Hm"}}},
        {"text": "Hello"},
        {"toolUse": {"toolUseId": "t1", "name": "now", "input": {"a": 1}}},
    ]
    deltas = [payload["delta"] for payload in of_type(events(given), "contentBlockDelta")]
    assert deltas == [
        {"reasoningContent": {"text": "H"}},
        {"reasoningContent": {"text": "m"}},
        {"text": "Hel"},
        {"text": "lo"},
        {"toolUse": {"input": '{"a":1}'}},
    ]


@pytest.mark.parametrize(
    ("block", "deltas"),
    [
        ({"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": 1}, "type": "server_tool_use"}},
         [{"toolUse": {"input": '{"a":1}'}}]),
        ({"reasoningContent": {"redactedContent": "eA=="}}, [{"reasoningContent": {"redactedContent": "eA=="}}]),
        ({"reasoningContent": {"reasoningText": {"text": "a", "signature": "s"}}},
         [{"reasoningContent": {"text": "a"}}, {"reasoningContent": {"signature": "s"}}]),
        ({"citationsContent": {"content": [{"text": "a"}], "citations": [{"title": "t"}]}},
         [{"text": "a"}, {"citation": {"title": "t"}}]),
        ({"image": {"source": {"bytes": "eA=="}}}, [{"image": {"source": {"bytes": "eA=="}}}]),
    ],
)  # fmt: skip
def test_scripted_blocks_of_converse_itself(ask, block, deltas):
    given = ask(Script(content=[block]))
    assert content(given) == [block]
    assert [payload["delta"] for payload in of_type(events(given), "contentBlockDelta")] == deltas
    assert len(of_type(events(given), "contentBlockStart")) == ("toolUse" in block)


def test_redacted_thinking_of_a_script_is_wrapped_once_more(ask):
    given = ask(Script(content=[{"type": "redacted_thinking", "data": "abc"}]), id=SONNET)
    assert content(given) == [{"reasoningContent": {"redactedContent": b64encode(b"abc").decode()}}]


@pytest.mark.parametrize(
    ("word", "reason"), [("refusal", "content_filtered"), ("malformed_tool_use", "malformed_tool_use")]
)
def test_a_scripted_stop_reason(ask, word, reason):
    assert ask(Script(text="No.", stop_reason=word), id=SONNET).stop_reason == reason


@pytest.mark.parametrize("id", [NOVA, SONNET, R1])
@pytest.mark.parametrize(
    "script", [Script(), Script(content=[{"type": "tool_use", "id": "t", "name": "n", "input": {}}])]
)
def test_answers_are_of_the_modelled_shape(ask, id, script):
    body = render(ask(script, id=id, serviceTier={"type": "flex"}))
    for name in UNMODELLED:
        body["usage"].pop(name, None)
    service_model.check(body, "ConverseResponse")


def shape(value):
    """The keys of a body, in their order, down to the text."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items() if key != "input"]
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real traffic are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "id", "content"),
    [
        ("model_top_p", "amazon.nova-micro-v1:0", [{"text": "Paris"}]),
        ("model_performance_config", "amazon.nova-pro-v1:0", [{"text": "Paris"}]),
        ("model_anthropic_model_without_tools", SONNET, [{"text": "Paris"}]),
        ("cache_usage_includes_cache_tokens", SONNET, [{"text": "5"}]),
        (
            "anthropic_tool_with_thinking",
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
            [
                {"type": "thinking", "thinking": "Hm"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "t", "name": "n", "input": {}},
            ],
        ),
        ("thinking_true_openai_variant", OSS, [{"type": "thinking", "thinking": "Hm"}, {"text": "ok"}]),
    ],
)
def test_the_shape_of_real_answers(ask, name, id, content):
    call, *_ = jsonio.decode((RECORDINGS / f"{name}.json").read_bytes())
    given = ask(Script(content=content), id=id, **call["request"]["body"])
    real, ours = call["response"]["body"], render(given)
    # Older traffic has no `serverToolUsage`.
    real["usage"] = dict(sorted({**real["usage"], "serverToolUsage": {}}.items()))
    ours["usage"].pop("cacheDetails", None)
    assert shape(ours) == shape(real)
