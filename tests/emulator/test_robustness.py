"""Whatever JSON comes, a model answers or refuses; it never fails."""

import random

import pytest

from proxy import jsonio
from proxy.emulator import claude, claude_rules, converse, converse_input, converse_rules, llama, llama_rules
from proxy.emulator.cache import PromptCache
from proxy.emulator.claude_input import last_user_text
from proxy.emulator.refusal import Refusal
from proxy.emulator.script import Script
from proxy.emulator.settings import Settings
from proxy.emulator.signature import sign_thinking

ODDITIES = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    " ",
    "x",
    "tool",
    [],
    {},
    [[]],
    [None],
    {"type": "text"},
    {"type": "tool"},
    "ephemeral",
]
MARK = {"type": "ephemeral", "ttl": "5m"}
CLAUDE = {
    "anthropic_version": "bedrock-2023-05-31",
    "anthropic_beta": ["context-management-2025-06-27"],
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Reply in JSON.", "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "now?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": sign_thinking("Hm")},
                {"type": "tool_use", "id": "t", "name": "now", "input": {"zone": "UTC"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "noon"}]}],
        },
    ],
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "tools": [{"name": "now", "description": "d", "input_schema": {"type": "object", "properties": {"zone": {}}}}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
}
RICH = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 3000,
    "system": "one word",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "d"}]}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "d"}]},
            ],
        },
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
    ],
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "high"},
    "tools": [{"type": "bash_20250124", "name": "bash"}],
    "tool_choice": {"type": "none"},
}
FORMAT = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 3000,
    "messages": [{"role": "user", "content": "b"}],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "temperature": 1,
    "output_config": {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "array", "items": {"enum": ["x"]}}, "b": {"anyOf": [{"type": "null"}]}},
                "additionalProperties": False,
            },
        }
    },
}
SEEDS = [
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", CLAUDE),
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", FORMAT),
    ("anthropic.claude-sonnet-4-6", RICH),
    ("anthropic.claude-opus-5", CLAUDE),
    ("anthropic.claude-opus-5", RICH),
    ("anthropic.claude-haiku-5-5", CLAUDE),
]
LLAMA = {"prompt": "<|begin_of_text|>x", "temperature": 0.5, "top_p": 0.9, "max_gen_len": 9, "images": ["eA=="]}


CONVERSE = {
    "system": [{"text": "Reply in JSON."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {"role": "user", "content": [{"text": "now?"}, {"image": {"format": "gif", "source": {"bytes": "R0lGODlh"}}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": sign_thinking("Hm")}}},
                {"text": "Let me look."},
                {"toolUse": {"toolUseId": "t", "name": "now", "input": {"zone": "UTC"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t",
                        "content": [
                            {"text": "noon"},
                            {"json": {"a": 1}},
                            {"document": {"name": "d", "format": "txt", "source": {"bytes": "ZA=="}}},
                        ],
                        "status": "error",
                    }
                },
                {"document": {"name": "e", "source": {"content": [{"text": "d"}]}, "context": "c"}},
                {"cachePoint": {"type": "default", "ttl": "5m"}},
                {"guardContent": {"text": {"text": "guarded", "qualifiers": ["query"]}}},
                {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}},
                {"text": "So?"},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 3000, "temperature": 0.5, "stopSequences": ["END"]},
    "toolConfig": {
        "tools": [
            {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object", "properties": {"zone": {}}}}}},
            {"cachePoint": {"type": "default"}},
        ],
        "toolChoice": {"auto": {}},
    },
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object","additionalProperties":false}'}},
        }
    },
    "additionalModelRequestFields": {"top_k": 5},
    "additionalModelResponseFieldPaths": ["/stop_sequence"],
    "requestMetadata": {"team": "a"},
    "serviceTier": {"type": "flex"},
}
NOVA = {
    **{name: CONVERSE[name] for name in ("system", "serviceTier", "requestMetadata")},
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "now?"},
                {"document": {"name": "d", "format": "pdf", "source": {"bytes": "JVBERi0="}}},
                {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/key"}}}},
                {"cachePoint": {"type": "default"}},
            ],
        }
    ],
    "toolConfig": {"tools": [CONVERSE["toolConfig"]["tools"][0], {"systemTool": {"name": "nova_grounding"}}]},
    "additionalModelRequestFields": {
        "inferenceConfig": {"topK": 5},
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"},
    },
}


def spoil(value, chance, rate=1.0):
    """A copy in which one place or another holds something odd, or is missing, or is new."""
    if chance.random() < 0.04 * rate:
        return chance.choice(ODDITIES)
    if isinstance(value, dict):
        copy = {key: spoil(item, chance, rate) for key, item in value.items() if chance.random() > 0.02 * rate}
        if chance.random() < 0.03 * rate:
            copy[chance.choice(["type", "text", "content", "thinking", "source", "output_config"])] = chance.choice(
                ODDITIES
            )
        return copy
    if isinstance(value, list):
        return [spoil(item, chance, rate) for item in value if chance.random() > 0.02 * rate]
    return value


@pytest.mark.parametrize(("id", "good"), SEEDS)
def test_claude(models, id, good):
    claude_rules.check(good, models[id])
    chance = random.Random(id)
    answered = refused = 0
    for _ in range(2_000):
        body = spoil(good, chance)
        assert isinstance(last_user_text(body), str)
        try:
            claude_rules.check(body, models[id])
            given = claude.answer(body, models[id], Script(), PromptCache(10, Settings().now))
        except Refusal as refusal:
            assert refusal.message
            refused += 1
            continue
        assert jsonio.encode([claude.render(given), *claude.events(given, {})])
        answered += 1
    assert answered > 50
    assert refused > 50


def test_llama(models):
    model = models["meta.llama3-2-11b-instruct-v1:0"]
    chance = random.Random(1)
    answered = refused = 0
    for _ in range(2_000):
        body = spoil(LLAMA, chance)
        assert isinstance(llama.last_user_text(body, model), str)
        try:
            llama_rules.check(body, model)
            given = llama.answer(body, model, Script())
        except Refusal:
            refused += 1
            continue
        assert jsonio.encode([llama.render(given), *llama.events(given, {})])
        answered += 1
    assert answered > 50
    assert refused > 50


@pytest.mark.parametrize(
    ("id", "good"), [("anthropic.claude-sonnet-4-5-20250929-v1:0", CONVERSE), ("amazon.nova-2-lite-v1:0", NOVA)]
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_converse(models, id, good, is_stream):
    model = models[id]
    converse_rules.check(good, model, is_stream=is_stream)
    chance = random.Random(id)
    answered = refused = 0
    for _ in range(1_000):
        body = spoil(good, chance, 0.25)
        assert isinstance(converse_input.last_user_text(body), str)
        try:
            native = converse_rules.check(body, model, is_stream=is_stream)
            given = converse.answer(body, native, model, Script(), PromptCache(10, Settings().now), None)
        except Refusal as refusal:
            assert refusal.message
            refused += 1
            continue
        assert jsonio.encode([converse.render(given), *converse.events(given)])
        answered += 1
    assert answered > 20
    assert refused > 50
