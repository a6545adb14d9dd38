import pytest

from proxy.emulator.cache import PromptCache
from proxy.emulator.claude import answer, events, render
from proxy.emulator.claude_input import count_input, last_user_text
from proxy.emulator.claude_rules import check
from proxy.emulator.refusal import Refusal
from proxy.emulator.script import Script
from proxy.emulator.settings import Settings
from proxy.emulator.tokens import count

SONNET4 = "anthropic.claude-sonnet-4-20250514-v1:0"
SONNET45 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET46 = "anthropic.claude-sonnet-4-6"
OPUS55 = "anthropic.claude-opus-5-5"
HAIKU55 = "anthropic.claude-haiku-5-5"
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
HI = [{"role": "user", "content": "Hi there"}]


@pytest.fixture
def ask(models):
    def ask(script=None, id=SONNET45, **body):
        cache = PromptCache(10, Settings().now)
        return answer({"max_tokens": 1000, "messages": HI, **body}, models[id], script or Script(), cache)

    return ask


def text_of(given):
    return "".join(block.get("text", "") for block in render(given)["content"])


def test_a_body(ask):
    body = render(ask())
    assert body.pop("id").startswith("msg_bdrk_01")
    assert body == {
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "You said: Hi there"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 5,
        },
    }


def test_answers_depend_on_the_request_alone(ask):
    assert render(ask()) == render(ask())
    assert render(ask())["id"] != render(ask(system="x"))["id"]


def test_the_events_of_a_stream(ask):
    metrics = {"inputTokenCount": 6, "outputTokenCount": 5}
    found = list(events(ask(), metrics))
    assert [event["type"] for event in found] == [
        "message_start", "content_block_start", "ping", *["content_block_delta"] * 5, "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert found[0]["message"]["content"] == []
    assert found[0]["message"]["stop_reason"] is None
    assert found[0]["message"]["usage"]["output_tokens"] == 1
    assert [event["delta"]["text"] for event in found[3:8]] == ["You", " said", ":", " Hi", " there"]
    assert found[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    }
    assert found[-1]["amazon-bedrock-invocationMetrics"] == {
        **metrics, "cacheReadInputTokenCount": 0, "cacheWriteInputTokenCount": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "text", "reason"),
    [(1, "You", "max_tokens"), (4, "You said: Hi", "max_tokens"), (5, "You said: Hi there", "end_turn")],
)
def test_max_tokens_counts_exactly(ask, limit, text, reason):
    given = ask(max_tokens=limit)
    assert (text_of(given), given.stop_reason, given.output_tokens) == (text, reason, limit)


@pytest.mark.parametrize(
    ("stops", "text", "stop"),
    [
        ([" Hi"], "You said:", " Hi"),
        (["there", "said"], "You ", "said"),
        (["d: H", "said: Hi"], "You sai", "d: H"),
        (["nowhere"], "You said: Hi there", None),
        (["You"], "", "You"),
    ],
)
def test_stop_sequences_stop_where_they_stand(ask, stops, text, stop):
    given = ask(stop_sequences=stops)
    assert text_of(given) == text
    assert given.stop_sequence == stop
    assert given.stop_reason == ("stop_sequence" if stop else "end_turn")
    assert given.output_tokens == count(text)


def test_a_stop_sequence_at_once_leaves_no_content(ask):
    given = ask(stop_sequences=["You"])
    assert render(given)["content"] == []
    assert [event["type"] for event in events(given, {})] == ["message_start", "message_delta", "message_stop"]


def test_a_stop_sequence_beyond_max_tokens_is_not_reached(ask):
    assert ask(stop_sequences=["there"], max_tokens=4).stop_reason == "max_tokens"


def test_a_prefill_is_continued(ask):
    given = ask(messages=[*HI, {"role": "assistant", "content": "You said:"}])
    assert text_of(given) == " Hi there"


@pytest.mark.parametrize(
    ("system", "text"),
    [("Reply in JSON", '{"answer":"You said: Hi there"}'), ([{"type": "text", "text": "one word"}], "Yes")],
)
def test_the_system_prompt_is_obeyed_a_little(ask, system, text):
    assert text_of(ask(system=system)) == text


def test_output_config_format_gives_an_object_of_its_schema(ask):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    assert text_of(ask(output_config={"format": {"type": "json_schema", "schema": schema}})) == '{"city":"city"}'


@pytest.mark.parametrize(
    ("body", "is_called"),
    [
        ({"tool_choice": {"type": "any"}}, True),
        ({"tool_choice": {"type": "tool", "name": "weather"}}, True),
        ({"messages": [{"role": "user", "content": "What weather is it?"}]}, True),
        ({"messages": [{"role": "user", "content": "What weather?"}], "tool_choice": {"type": "none"}}, False),
        ({}, False),
    ],
)
def test_tools_are_called_when_forced_or_named(ask, body, is_called):
    given = ask(tools=[TOOL], **body)
    (block,) = render(given)["content"]
    assert (block["type"] == "tool_use") is is_called
    assert given.stop_reason == ("tool_use" if is_called else "end_turn")
    if is_called:
        assert block["id"].startswith("toolu_bdrk_01")
        assert (block["name"], block["input"]) == ("weather", {"city": "city"})
        assert given.output_tokens == count('{"city":"city"}')


def test_a_tool_result_is_answered_in_words(ask):
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "weather: 25 C"}]},
    ]
    assert text_of(ask(tools=[TOOL], messages=messages)) == "The tool said: weather: 25 C"


def test_the_events_of_a_tool_call(ask):
    found = list(events(ask(tools=[TOOL], tool_choice={"type": "any"}), {}))
    assert found[1]["content_block"]["input"] == {}
    deltas = [event["delta"]["partial_json"] for event in found if event["type"] == "content_block_delta"]
    assert deltas[0] == ""
    assert "".join(deltas) == '{"city":"city"}'


def test_a_tool_call_cut_by_max_tokens(ask):
    given = ask(tools=[TOOL], tool_choice={"type": "any"}, max_tokens=2)
    assert given.stop_reason == "max_tokens"
    assert render(given)["content"][0]["input"] == {}
    assert given.output_tokens == 2


@pytest.mark.parametrize(
    ("id", "body", "thinking"),
    [
        (SONNET45, {}, None),
        (SONNET45, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "shown"),
        (SONNET46, {"thinking": {"type": "adaptive", "display": "omitted"}}, "omitted"),
        (OPUS55, {}, "omitted"),
        (OPUS55, {"thinking": {"type": "adaptive", "display": "summarized"}}, "shown"),
        (HAIKU55, {"tools": [TOOL], "tool_choice": {"type": "any"}}, None),
        (HAIKU55, {"thinking": {"type": "disabled"}}, None),
    ],
)
def test_thinking_by_model_and_request(ask, id, body, thinking):
    given = ask(id=id, **body)
    first, *_ = render(given)["content"]
    if thinking is None:
        assert first["type"] != "thinking"
        assert "output_tokens_details" not in given.usage
        return
    assert first["type"] == "thinking"
    assert bool(first["thinking"]) is (thinking == "shown")
    assert first["signature"]
    assert given.usage["output_tokens_details"]["thinking_tokens"] == 16
    assert given.output_tokens == 16 + count("You said: Hi there")
    deltas = [event["delta"] for event in events(given, {}) if event.get("index") == 0 and "delta" in event]
    assert deltas[-1] == {"type": "signature_delta", "signature": first["signature"]}
    assert "".join(delta["thinking"] for delta in deltas[:-1]) == first["thinking"]


def test_thinking_uses_up_max_tokens(ask):
    given = ask(id=OPUS55, max_tokens=16)
    assert [block["type"] for block in render(given)["content"]] == ["thinking"]
    assert (given.stop_reason, given.output_tokens) == ("max_tokens", 16)
    assert ask(id=OPUS55, max_tokens=3).output_tokens == 3
    shown = ask(id=OPUS55, max_tokens=3, thinking={"type": "adaptive", "display": "summarized"})
    assert render(shown)["content"][0]["thinking"] == "The user wants"


def test_thinking_is_taken_back_as_it_was_given(ask, models):
    for body in ({}, {"thinking": {"type": "adaptive", "display": "summarized"}}, {"max_tokens": 3}):
        content = render(ask(id=OPUS55, **body))["content"]
        messages = [*HI, {"role": "assistant", "content": content}, *HI]
        check({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": messages}, models[OPUS55])


def test_a_prompt_that_is_too_long(ask):
    words = "word " * 200_000
    with pytest.raises(Refusal, match=r"prompt is too long: 200005 tokens > 200000 maximum"):
        ask(messages=[{"role": "user", "content": words}])


def test_the_end_of_the_window(ask, models):
    messages = [{"role": "user", "content": "word " * 199_990}]
    given = ask(messages=messages)
    assert given.stop_reason == "model_context_window_exceeded"
    assert given.input_tokens + given.output_tokens == 200_000
    with pytest.raises(Refusal, match="input length and `max_tokens` exceed context limit: 199995 \\+ 1000 > 200000"):
        ask(id=SONNET4, messages=messages)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": HI}, 6),
        ({"messages": HI, "system": "Be brief."}, 9),
        ({"messages": HI, "system": [{"type": "text", "text": "Be brief."}]}, 9),
        ({"messages": HI * 2}, 12),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64"}}]}]}, 1004),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "a b"}}]}
                ]
            },
            6,
        ),
        ({"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "base64"}}]}]}, 1004),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a b"}]}
                ]
            },
            6,
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "a"}]}]}
                ]
            },
            5,
        ),
        ({"messages": HI, "tools": [{"a": 1}]}, 6 + 8 + count('{"a":1}')),
        ({"messages": [{"role": "assistant", "content": [{"type": "x"}]}]}, 4 + count('{"type":"x"}')),
    ],
)
def test_input_tokens(body, tokens):
    assert count_input(body) == tokens


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"messages": HI}, "Hi there"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
            "a\nb",
        ),
        ({"messages": [*HI, {"role": "assistant", "content": "x"}]}, "Hi there"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}, 5, {"type": "text", "text": 1}]}]}, ""),
        ({"messages": "x"}, ""),
        ({"messages": [1]}, ""),
        (None, ""),
    ],
)
def test_the_last_user_text_of_any_body(body, text):
    assert last_user_text(body) == text


@pytest.mark.parametrize(
    ("script", "content", "reason"),
    [
        (Script(text="Hello"), [{"type": "text", "text": "Hello"}], "end_turn"),
        (Script(text=["Hel", "lo"]), [{"type": "text", "text": "Hello"}], "end_turn"),
        (Script(text=""), [{"type": "text", "text": ""}], "end_turn"),
        (
            Script(text="", content=[{"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}]),
            [{"type": "text", "text": ""}, {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}],
            "tool_use",
        ),
        (
            Script(
                content=[{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Hi", "citations": []}]
            ),
            [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Hi", "citations": []}],
            "end_turn",
        ),
        (Script(text="No.", stop_reason="refusal"), [{"type": "text", "text": "No."}], "refusal"),
    ],
)
def test_scripted_content(ask, script, content, reason):
    given = ask(script)
    assert (render(given)["content"], given.stop_reason) == (content, reason)


def test_scripted_deltas_are_the_deltas_of_the_stream(ask):
    found = events(ask(Script(text=["Hel", "lo"], thinking=["a", "b"])), {})
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert deltas[:2] == [{"type": "thinking_delta", "thinking": "a"}, {"type": "thinking_delta", "thinking": "b"}]
    assert deltas[3:] == [{"type": "text_delta", "text": "Hel"}, {"type": "text_delta", "text": "lo"}]


def test_blocks_without_deltas_come_whole(ask):
    block = {"type": "redacted_thinking", "data": "x"}
    found = list(events(ask(Script(content=[block])), {}))
    assert found[1] == {"type": "content_block_start", "index": 0, "content_block": block}
    assert found[3] == {"type": "content_block_stop", "index": 0}


def test_a_scripted_thinking_block_may_bring_its_signature(ask):
    block = {"type": "thinking", "thinking": "Hm", "signature": "sig"}
    assert render(ask(Script(content=[block])))["content"] == [block]


def test_limits_cut_scripted_text_unless_its_reason_is_given(ask):
    assert text_of(ask(Script(text=["Hello th", "ere"]), max_tokens=1)) == "Hello"
    given = ask(Script(text="Hello there", stop_reason="stop_sequence", stop_sequence="X"), max_tokens=1)
    assert (text_of(given), given.stop_reason, given.stop_sequence) == ("Hello there", "stop_sequence", "X")


def test_scripted_usage_is_laid_over_the_counts(ask):
    given = ask(Script(usage={"cache_read_input_tokens": 100, "input_tokens": 3}))
    assert (given.input_tokens, given.output_tokens) == (3, 5)
    *_, last = events(given, {})
    assert last["amazon-bedrock-invocationMetrics"]["cacheReadInputTokenCount"] == 100
