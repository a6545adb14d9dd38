import pytest

from proxy.emulator.converse_input import conflicts, last_user_text, to_claude

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
MARK = {"type": "ephemeral"}
POINT = {"cachePoint": {"type": "default"}}


def blocks(models, *content, role="user"):
    native = to_claude({"messages": [{"role": role, "content": list(content)}]}, models[SONNET])
    return native["messages"][-1]["content"]


def test_a_whole_request(models):
    body = {
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "toolConfig": {
            "tools": [
                {
                    "toolSpec": {
                        "name": "now",
                        "description": "d",
                        "strict": True,
                        "inputSchema": {"json": {"type": "object"}},
                    }
                },
                {"cachePoint": {"type": "default", "ttl": "1h"}},
            ],
            "toolChoice": {"tool": {"name": "now"}},
        },
        "outputConfig": {
            "effort": "low",
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"a":1}'}}},
        },
        "additionalModelRequestFields": {"top_k": 5, "tools": [{"type": "bash_20250124", "name": "bash"}]},
    }
    assert to_claude(body, models[SONNET]) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "tools": [
            {
                "name": "now",
                "description": "d",
                "strict": True,
                "input_schema": {"type": "object"},
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            {"type": "bash_20250124", "name": "bash"},
        ],
        "tool_choice": {"type": "tool", "name": "now"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"a": 1}}},
        "top_k": 5,
    }


def test_without_max_tokens_it_is_all_that_the_model_can(models):
    assert to_claude({"messages": []}, models[SONNET])["max_tokens"] == 64_000


def test_an_assistant_may_begin(models):
    native = to_claude({"messages": [{"role": "assistant", "content": [{"text": "Hello!"}]}]}, models[SONNET])
    assert [message["role"] for message in native["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("block", "native"),
    [
        ({"text": "Hi"}, {"type": "text", "text": "Hi"}),
        (
            {"image": {"format": "png", "source": {"bytes": "eA=="}}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}},
        ),
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b"}}}},
         {"type": "image", "source": {"s3Location": {"uri": "s3://b"}}}),
        (
            {"document": {"name": "d", "format": "pdf", "source": {"bytes": "JVBERg=="}, "context": "c"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "d",
                "context": "c",
            },
        ),
        (
            {"document": {"name": "d", "format": "csv", "source": {"bytes": "YSxi"}}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}, "title": "d"},
        ),
        (
            {"document": {"name": "d", "format": "docx", "source": {"bytes": "UEs="}}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "(docx)"}, "title": "d"},
        ),
        (
            {"document": {"name": "d", "source": {"text": "a"}}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}, "title": "d"},
        ),
        (
            {"document": {"name": "d", "source": {"content": [{"text": "a"}]}}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "title": "d"},
        ),
        (
            {"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": 1}}},
            {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}},
        ),
        (
            {"toolResult": {"toolUseId": "t", "content": [{"text": "a"}, {"json": {"b": 1}}], "status": "error"}},
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": '{"b":1}'}],
                "is_error": True,
            },
        ),
        (
            {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}},
            {"type": "thinking", "thinking": "Hm", "signature": "s"},
        ),
        ({"reasoningContent": {"reasoningText": {"text": "Hm"}}}, {"type": "thinking", "thinking": "Hm"}),
        ({"reasoningContent": {"redactedContent": "YWJj"}}, {"type": "redacted_thinking", "data": "abc"}),
        ({"guardContent": {"text": {"text": "a"}}}, {"type": "text", "text": "a"}),
        ({"citationsContent": {"content": [{"text": "a"}, {"text": "b"}]}}, {"type": "text", "text": "ab"}),
        (
            {"searchResult": {"source": "s", "title": "t", "content": [{"text": "a"}]}},
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}]},
        ),
        ({"toolAddition": {"tool": {"name": "n"}}}, {"type": "tool_addition", "tool": {"name": "n"}}),
    ],
)  # fmt: skip
def test_blocks(models, block, native):
    assert blocks(models, block) == [native]


def test_a_cache_point_marks_what_stands_before_it(models):
    assert blocks(models, {"text": "a"}, POINT, {"text": "b"}) == [
        {"type": "text", "text": "a", "cache_control": MARK},
        {"type": "text", "text": "b"},
    ]


@pytest.mark.parametrize("content", [[POINT], [{"text": "a"}, POINT, POINT]])
def test_a_cache_point_behind_nothing_is_a_block_without_a_type(models, content):
    assert blocks(models, *content)[-1] == {"cache_control": MARK}


def test_additional_fields_that_converse_has_set_itself(models):
    body = {"messages": [], "additionalModelRequestFields": {"max_tokens": 5, "top_k": 1, "output_config": {}}}
    assert conflicts(body, to_claude({"messages": []}, models[SONNET])) == ["max_tokens"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"messages": [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]}, "a\nb"),
        ({"messages": [{"role": "user", "content": [{"toolResult": {"content": [{"text": "a"}]}}]}]}, "a"),
        ({"messages": [{"role": "user", "content": [5, {"text": 5}, {"toolResult": 5}]}]}, ""),
        ({"messages": 5}, ""),
        (None, ""),
    ],
)
def test_the_last_user_text_of_any_body(body, text):
    assert last_user_text(body) == text
