"""One line per rule: a change to a good body, a model, and the words that Claude refuses it with (None: accepted)."""

import pytest

from proxy.emulator.claude_facts import TRAITS, traits
from proxy.emulator.claude_rules import check
from proxy.emulator.refusal import Refusal

HAIKU35 = "anthropic.claude-3-5-haiku-20241022-v1:0"
SONNET37 = "anthropic.claude-3-7-sonnet-20250219-v1:0"
SONNET45 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS45 = "anthropic.claude-opus-4-5-20251101-v1:0"
SONNET46 = "anthropic.claude-sonnet-4-6"
OPUS47 = "anthropic.claude-opus-4-7"
OPUS5 = "anthropic.claude-opus-5"
HAIKU55 = "anthropic.claude-haiku-5-5"
SONNET55 = "anthropic.claude-sonnet-5-5"
OPUS55 = "anthropic.claude-opus-5-5"

GONE = object()
TOOL = {"name": "now", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
STRICT = {"name": "now", "strict": True, "input_schema": SCHEMA | {"required": ["a"]}}
NOT_2020_12 = "JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12)."
DOUBLING = {
    "properties": {},
    "additionalProperties": False,
    "$defs": {
        "d40": {"type": "string"},
        **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(40)},
    },
    "items": {"$ref": "#/$defs/d0"},
}
TOO_COMPLEX = "Schema is too complex for compilation."
ONLY_ONE = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
EXTRA = "Extra inputs are not permitted"
MODES = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'


def with_schema(**schema):
    return {"name": "now", "input_schema": {"type": "object", **schema}}


def closed(properties, **defs):
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    return {"name": "now", "strict": True, "input_schema": schema | {"$defs": defs}}


def tool(schema):
    return {**TOOL, "input_schema": {"type": "object", **schema}}


def strict(number, optional=0, unions=0):
    made = closed({f"u{n}": {"type": ["string", "null"]} for n in range(unions)})
    made["input_schema"]["properties"] |= {f"o{n}": {"type": "string"} for n in range(optional)}
    return made | {"name": f"t{number}"}


def build(**changes):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 2000,
        "messages": [{"role": "user", "content": "Hi"}],
    } | changes
    return {name: value for name, value in body.items() if value is not GONE}


CASES = [
    # the body itself
    (SONNET45, {}, None),
    (SONNET45, {"model": "x"}, f"model: {EXTRA}"),
    (SONNET45, {"stream": True}, f"stream: {EXTRA}"),
    (SONNET45, {"cache_control": {"type": "ephemeral"}}, f"cache_control: {EXTRA}"),
    (SONNET45, {"frequency_penalty": 1}, f"frequency_penalty: {EXTRA}"),
    (SONNET45, {"anthropic_version": GONE}, "anthropic_version: Field required"),
    (SONNET45, {"anthropic_version": "2023-06-01"}, "anthropic_version: Input should be 'bedrock-2023-05-31'"),
    (SONNET45, {"anthropic_version": "2026-10-21"}, "anthropic_version: Input should be 'bedrock-2023-05-31'"),
    (OPUS47, {"anthropic_version": "2026-10-21"}, None),
    (OPUS47, {"anthropic_version": "2026-10-21", "temperature": 1}, f"temperature: {EXTRA}"),
    (SONNET45, {"anthropic_beta": ["interleaved-thinking-2025-05-14"]}, None),
    (SONNET45, {"anthropic_beta": ["code-execution-2025-05-22"]}, "invalid beta flag"),
    (SONNET45, {"anthropic_beta": "x"}, "anthropic_beta: Input should be a valid list"),
    (SONNET37, {"anthropic_beta": ["token-efficient-tools-2025-02-19"]}, None),
    (SONNET45, {"anthropic_beta": ["token-efficient-tools-2025-02-19"]}, "invalid beta flag"),
    (SONNET45, {"context_management": {"edits": []}}, f"context_management: {EXTRA}"),
    (
        SONNET45,
        {
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "anthropic_beta": ["context-management-2025-06-27"],
        },
        None,
    ),
    (
        SONNET45,
        {
            "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
            "anthropic_beta": ["context-management-2025-06-27"],
        },
        "context_management.edits.0: Input tag 'clear_thinking_20251015' found using 'type' does not match any of the "
        "expected tags: 'clear_tool_uses_20250919', 'compact_20260112'",
    ),
    (OPUS55, {"compaction": {"type": "summarize"}}, f"compaction: {EXTRA}"),
    (OPUS55, {"compaction": {"type": "summarize"}, "anthropic_beta": ["compact-2026-09-04"]}, None),
    # limits
    (SONNET45, {"max_tokens": GONE}, "max_tokens: Field required"),
    (SONNET45, {"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    (SONNET45, {"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    (SONNET45, {"max_tokens": 1.5}, "max_tokens: Input should be a valid integer"),
    (SONNET45, {"max_tokens": 64_000}, None),
    (
        SONNET45,
        {"max_tokens": 64_001},
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5-20250929",
    ),
    # sampling
    (HAIKU35, {"temperature": 0.5, "top_p": 0.5, "top_k": 5}, None),
    (SONNET45, {"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
    (SONNET45, {"temperature": -0.1}, "temperature: Input should be greater than or equal to 0"),
    (SONNET45, {"temperature": True}, "temperature: Input should be a valid number"),
    (SONNET45, {"top_k": 501}, "top_k: Input should be less than or equal to 500"),
    (SONNET45, {"temperature": 0.5}, None),
    (SONNET45, {"temperature": 1, "top_p": 0.9}, ONLY_ONE),
    (SONNET46, {"temperature": 1, "top_p": 0.9}, ONLY_ONE),
    (OPUS47, {"temperature": 1}, None),
    (OPUS47, {"temperature": 0.7}, "`temperature` is deprecated for this model."),
    (OPUS55, {"top_p": 0.9}, "`top_p` is deprecated for this model."),
    (OPUS55, {"top_k": 5}, "`top_k` is deprecated for this model."),
    # stop sequences, metadata
    (SONNET45, {"stop_sequences": ["END", "\nUser:"]}, None),
    (SONNET45, {"stop_sequences": ["\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    (SONNET45, {"stop_sequences": [1]}, "stop_sequences.0: Input should be a valid string"),
    (SONNET45, {"stop_sequences": "END"}, "stop_sequences: Input should be a valid list"),
    (
        SONNET45,
        {"stop_sequences": ["x"] * 8192},
        "stop_sequences: List should have at most 8191 items after validation, not 8192",
    ),
    (SONNET45, {"metadata": {"user_id": "u" * 256}}, None),
    (SONNET45, {"metadata": {"user_id": "u" * 257}}, "metadata.user_id: String should have at most 256 characters"),
    (SONNET45, {"metadata": {"user": "u"}}, f"metadata.user: {EXTRA}"),
    # tools
    (SONNET45, {"tools": [TOOL]}, None),
    (
        SONNET45,
        {"tools": [tool({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {}}})]},
        None,
    ),
    (
        SONNET45,
        {"tools": [tool({"properties": {"a": {"items": [{}]}}})]},
        f"tools.0.custom.input_schema: {NOT_2020_12}",
    ),
    (SONNET45, {"tools": [tool({"required": ["a", "a"]})]}, f"tools.0.custom.input_schema: {NOT_2020_12}"),
    (SONNET45, {"tools": [tool(DOUBLING) | {"strict": True}]}, TOO_COMPLEX),
    (SONNET45, {"tools": [STRICT | {"type": "custom", "description": "d"}]}, None),
    (
        SONNET45,
        {"tools": [TOOL, TOOL | {"name": "b", "strict": True}]},
        "tools.1.custom.input_schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (SONNET45, {"tools": [strict(n) for n in range(20)]}, None),
    (SONNET45, {"tools": [strict(n) for n in range(21)]}, f"{TOO_COMPLEX} Too many strict tools: 21, the limit is 20."),
    (SONNET45, {"tools": [strict(n, 6) for n in range(4)]}, None),
    (
        SONNET45,
        {
            "tools": [strict(n, 6) for n in range(4)],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
        f"{TOO_COMPLEX} Too many optional parameters: 25, the limit is 24.",
    ),
    (
        SONNET45,
        {"tools": [strict(n, 0, 4) for n in range(5)]},
        f"{TOO_COMPLEX} Too many parameters with union types: 20, the limit is 16.",
    ),
    (SONNET45, {"tools": [with_schema(properties={"a": {"properties": {"filter[id]": {}}}})]}, None),
    (
        SONNET45,
        {"tools": [with_schema(properties={"filter[id]": {}})]},
        "tools.0.custom.input_schema.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'",
    ),
    (
        SONNET45,
        {"tools": [closed({"n": {"type": "integer", "minimum": 1}})]},
        "tools.0.custom.input_schema: For 'integer' type, properties minimum are not supported",
    ),
    (
        SONNET45,
        {"tools": [closed({"n": {"type": "array", "items": {"type": "string"}, "minItems": 2}})]},
        "tools.0.custom.input_schema: For 'array' type, 'minItems' values other than 0 or 1 are not supported",
    ),
    (SONNET45, {"tools": [closed({"n": {"$ref": "#/$defs/d"}}, d={"type": "string"})]}, None),
    (
        SONNET45,
        {"tools": [closed({"n": {"$ref": "#/$defs/d"}}, d={"type": "array", "items": {"$ref": "#/$defs/d"}})]},
        "Recursive schemas are not supported",
    ),
    (OPUS47, {"tools": [TOOL | {"strict": True}]}, f"tools.0.custom.strict: {EXTRA}"),
    (SONNET45, {"tools": [TOOL | {"strict": "yes"}]}, "tools.0.custom.strict: Input should be a valid boolean"),
    (SONNET45, {"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    (
        SONNET45,
        {"tools": [{"type": "custom", "custom": {"name": "now", "input_schema": {}}}]},
        "tools.0.custom.name: Field required",
    ),
    (SONNET45, {"tools": [{"name": "now"}]}, "tools.0.custom.input_schema: Field required"),
    (
        SONNET45,
        {"tools": [{"name": "now", "input_schema": {}}]},
        "tools.0.custom.input_schema.type: Field required",
    ),
    (
        SONNET45,
        {"tools": [{"name": "now", "input_schema": {"type": "array"}}]},
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    (
        SONNET45,
        {"tools": [{"name": "now", "input_schema": {"type": "object", "anyOf": []}}]},
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    (
        SONNET45,
        {"tools": [TOOL | {"name": "a b"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
    ),
    (
        SONNET45,
        {"tools": [TOOL | {"name": "n" * 65}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
    ),
    (OPUS47, {"anthropic_version": "2026-10-21", "tools": [TOOL | {"name": "n" * 65}]}, None),
    (SONNET45, {"tools": [TOOL | {"parameters": {}}]}, f"tools.0.custom.parameters: {EXTRA}"),
    (SONNET45, {"tools": [TOOL | {"description": 1}]}, "tools.0.custom.description: Input should be a valid string"),
    (SONNET45, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, None),
    (
        SONNET45,
        {"tools": [{"type": "bash_20250124", "name": "sh"}]},
        "tools.0.bash_20250124.name: Input should be 'bash'",
    ),
    (
        SONNET45,
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "'claude-sonnet-4-5-20250929' does not support tool types: web_search_20250305.",
    ),
    # tool_choice
    (SONNET45, {"tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, None),
    (SONNET45, {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "now"}}, None),
    (SONNET45, {"tools": [TOOL], "tool_choice": {"type": "none"}}, None),
    (
        SONNET45,
        {"tools": [TOOL], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
        f"tool_choice.none.disable_parallel_tool_use: {EXTRA}",
    ),
    (SONNET45, {"tool_choice": {"type": "auto"}}, "tool_choice may only be specified while providing tools"),
    (SONNET45, {"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name: Field required"),
    (
        SONNET45,
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "then"}},
        "Tool 'then' not found in provided tools",
    ),
    (
        SONNET45,
        {"tools": [TOOL], "tool_choice": "auto"},
        "tool_choice: Input should be a valid dictionary",
    ),
    (
        SONNET45,
        {"tools": [TOOL], "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected tags: 'auto', 'any', "
        "'tool', 'none'",
    ),
    (
        OPUS55,
        {"tools": [TOOL], "tool_choice": {"type": "any"}},
        'tool_choice: type "tool" and "any" are not supported for this model.',
    ),
    (
        OPUS5,
        {"tools": [TOOL], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    (OPUS5, {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": {"type": "disabled"}}, None),
    (HAIKU55, {"tools": [TOOL], "tool_choice": {"type": "any"}}, None),
    # thinking
    (SONNET45, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
    (
        SONNET45,
        {"thinking": {"type": "enabled", "budget_tokens": 1023}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (SONNET45, {"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    (
        SONNET45,
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    (
        SONNET45,
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "anthropic_beta": ["interleaved-thinking-2025-05-14"]},
        None,
    ),
    (
        SONNET45,
        {"thinking": {"type": "enabled", "budget_tokens": 1024, "effort": "low"}},
        f"thinking.enabled.effort: {EXTRA}",
    ),
    (SONNET45, {"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
    (
        HAIKU35,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "enabled thinking is not supported on this model",
    ),
    (SONNET46, {"thinking": {"type": "adaptive", "display": "omitted"}}, None),
    (
        SONNET46,
        {"thinking": {"type": "adaptive", "display": "full"}},
        "thinking.adaptive.display: Input should be 'summarized', 'omitted' or 'updates'",
    ),
    (
        OPUS47,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        f'"thinking.type.enabled" is not supported for this model. {MODES}',
    ),
    (OPUS47, {"thinking": {"type": "disabled"}}, None),
    (OPUS55, {"thinking": {"type": "disabled"}}, f'"thinking.type.disabled" is not supported for this model. {MODES}'),
    (
        SONNET55,
        {"thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported for this model. Use "thinking.type.between_tools" to think between '
        "tool calls alone.",
    ),
    (SONNET55, {"thinking": {"type": "between_tools"}}, None),
    (
        SONNET55,
        {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}},
        "output_config.effort 'max' is not supported with thinking between tools on this model.",
    ),
    (OPUS5, {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, None),
    (
        OPUS5,
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}},
        "output_config.effort 'xhigh' is not supported when thinking is disabled on this model. Use effort 'high' or "
        "lower, or adaptive thinking.",
    ),
    (SONNET55, {"thinking": {"type": "adaptive", "block_binding": {}}}, f"thinking.adaptive.block_binding: {EXTRA}"),
    (
        SONNET55,
        {
            "thinking": {"type": "adaptive", "block_binding": {}},
            "anthropic_beta": ["thinking-binding-controls-2026-08-01"],
        },
        None,
    ),
    (SONNET45, {"thinking": {"budget_tokens": 1024}}, "thinking.type: Field required"),
    (
        SONNET37,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 0.5},
        "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
    ),
    (
        SONNET37,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5},
        "`top_k` must be unset when thinking is enabled or in adaptive mode.",
    ),
    (
        SONNET37,
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_p": 0.9},
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode.",
    ),
    (SONNET37, {"thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 1, "top_p": 0.95}, None),
    # output_config
    (SONNET46, {"output_config": {"effort": "max"}}, None),
    (SONNET46, {"output_config": {"effort": "xhigh"}}, "output_config.effort 'xhigh' is not supported on this model."),
    (
        SONNET46,
        {"output_config": {"effort": "minimal"}},
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
    ),
    (SONNET45, {"output_config": {"effort": "low"}}, f"output_config.effort: {EXTRA}"),
    (OPUS45, {"output_config": {"effort": "low"}}, f"output_config.effort: {EXTRA}"),
    (OPUS45, {"output_config": {"effort": "low"}, "anthropic_beta": ["effort-2025-11-24"]}, None),
    (OPUS47, {"output_config": {"effort": "xhigh"}}, None),
    (SONNET45, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, None),
    (
        OPUS47,
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        f"output_config.format: {EXTRA}",
    ),
    (
        SONNET45,
        {"output_config": {"format": {"type": "json_schema", "schema": {"anyOf": [{"type": "object"}]}}}},
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
    (SONNET45, {"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Field required"),
    (
        SONNET45,
        {"output_config": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}},
        f"output_config.format.name: {EXTRA}",
    ),
]


@pytest.mark.parametrize(("id", "changes", "message"), CASES, ids=[str(index) for index in range(len(CASES))])
def test_rule(models, id, changes, message):
    if message is None:
        check(build(**changes), models[id])
        return
    with pytest.raises(Refusal) as refused:
        check(build(**changes), models[id])
    assert refused.value.message == message
    assert (refused.value.type, refused.value.status) == ("ValidationException", 400)


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_is_an_object(models, body):
    with pytest.raises(Refusal, match="body: Input should be a valid dictionary"):
        check(body, models[SONNET45])


def test_cache_marks_are_counted_wherever_they_stand(models):
    marked = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    tool = TOOL | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [marked]}
    messages = [
        {"role": "user", "content": [marked]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "now", "input": {}}]},
        {"role": "user", "content": [result]},
    ]
    body = build(system=[marked], tools=[tool], messages=messages)
    check(body, models[SONNET45])
    body["system"] = [marked, marked]
    with pytest.raises(Refusal, match=r"Found 5\."):
        check(body, models[SONNET45])


def test_every_claude_of_the_catalogue_is_known_here(models):
    """A new row must not fall back to the traits of an unknown model unseen."""
    claudes = [model for model in models.values() if model.family == "claude"]
    assert len(claudes) > 20
    for model in claudes:
        assert any(model.name.startswith(name) for name in TRAITS), model.id
        assert traits(model)
