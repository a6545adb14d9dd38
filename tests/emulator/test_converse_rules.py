from base64 import b64encode
from pathlib import Path

import pytest

from proxy import jsonio
from proxy.emulator.converse_rules import check
from proxy.emulator.refusal import Refusal
from proxy.emulator.signature import bind, redact, sign_thinking

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET46 = "anthropic.claude-sonnet-4-6"
OPUS55 = "anthropic.claude-opus-5-5"
NOVA = "amazon.nova-lite-v1:0"
NOVA2 = "amazon.nova-2-lite-v1:0"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
LLAMA32_1B = "meta.llama3-2-1b-instruct-v1:0"
LLAMA2 = "meta.llama2-70b-chat-v1"
QWEN = "qwen.qwen3-32b-v1:0"
GPT = "openai.gpt-6-sol"
OSS = "openai.gpt-oss-120b-1:0"
GROK = "xai.grok-4.7"
MISTRAL = "mistral.mistral-large-2407-v1:0"
R1 = "deepseek.r1-v1:0"
WRITER = "writer.palmyra-x5-v1:0"

HI = [{"role": "user", "content": [{"text": "Hi"}]}]
POINT = {"cachePoint": {"type": "default"}}
RECORDINGS = Path(__file__).parents[2] / "../shared/recordings/bedrock"


CLOSED = {"type": "object", "additionalProperties": False}


def tool(name="now", **spec):
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}, **spec}}


def tools(*given, **choice):
    return {"toolConfig": {"tools": list(given or [tool()]), **({"toolChoice": choice} if choice else {})}}


def schema(text='{"type":"object","additionalProperties":false}'):
    structure = {"jsonSchema": {"schema": text}}
    return {"outputConfig": {"textFormat": {"type": "json_schema", "structure": structure}}}


def fields(**given):
    return {"additionalModelRequestFields": given}


def config(**given):
    return {"inferenceConfig": given}


@pytest.mark.parametrize(
    ("id", "body"),
    [
        (SONNET, tools(any={})),
        (SONNET, tools(tool(strict=True, inputSchema={"json": CLOSED}), POINT, tool={"name": "now"})),
        (NOVA, tools(tool={"name": "now"})),
        (MISTRAL, tools(any={})),
        (LLAMA33, tools(auto={})),
        (R1, {}),
        (SONNET, schema()),
        (QWEN, schema()),
        (NOVA, fields(inferenceConfig={"topK": 20})),
        (NOVA2, fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"})),
        (NOVA2, config(maxTokens=5) | fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"})),
        (SONNET, fields(thinking={"type": "enabled", "budget_tokens": 1024}) | config(maxTokens=2000)),
        (SONNET, fields(top_k=20)),
        (SONNET, fields(anthropic_beta=["interleaved-thinking-2025-05-14"])),
        (SONNET, tools() | fields(tool_choice={"type": "auto", "disable_parallel_tool_use": True})),
        (SONNET, tools() | fields(tools=[{"type": "bash_20250124", "name": "bash"}])),
        (SONNET46, fields(output_config={"effort": "high"}, thinking={"type": "adaptive"})),
        (SONNET46, {"outputConfig": {"effort": "max"}}),
        (GPT, fields(reasoning={"effort": "xhigh"}) | config(maxTokens=16)),
        (OSS, fields(reasoning_effort="low")),
        (QWEN, fields(reasoning_config="high")),
        (GPT, config(maxTokens=16)),
        (NOVA2, {"toolConfig": {"tools": [tool(), {"systemTool": {"name": "nova_grounding"}}]}}),
        (SONNET, {"additionalModelResponseFieldPaths": ["/stop_sequence", "/usage/output_tokens_details"]}),
        (NOVA, {"requestMetadata": {"a": "b"}, "performanceConfig": {"latency": "optimized"}}),
    ],
)
def test_what_is_taken(models, id, body):
    assert check({"messages": HI, **body}, models[id], is_stream=False)["messages"]


@pytest.mark.parametrize(
    ("id", "body", "words"),
    [
        (NOVA, {"messages": []}, "The messages field is empty."),
        (NOVA, {"stream": True}, "1 validation error detected: Value at 'stream' failed to satisfy constraint"),
        (NOVA, {"promptVariables": {"a": {"text": "b"}}}, "The promptVariables field is only allowed with the ARN"),
        (NOVA, {"additionalModelResponseFieldPaths": ["usage"]}, "field path usage is not a JSON pointer"),
        (
            NOVA,
            {"additionalModelRequestFields": []},
            "The format of the value at additionalModelRequestFields is invalid.",
        ),
        (
            NOVA,
            config(maxTokens=10_001),
            "The maximum tokens you requested exceeds the model limit of 10000. Try again with a maximum tokens value "
            "that is lower than 10000.",
        ),
        (SONNET, config(maxTokens=64_001), "exceeds the model limit of 64000"),
        (
            GPT,
            config(maxTokens=15),
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but",
        ),
        (
            GROK,
            config(stopSequences=["x"]),
            "This model doesn't support the stopSequences field. Remove stopSequences and",
        ),
        (GPT, config(temperature=0.5), "This model doesn't support the temperature field."),
        (GPT, config(topP=0.5), "This model doesn't support the topP field."),
        (OPUS55, config(temperature=0.5), "`temperature` is deprecated for this model."),
        (R1, tools(), "This model doesn't support tool use."),
        (LLAMA2, tools(), "This model doesn't support tool use."),
        (LLAMA32_1B, tools(), "This model doesn't support tool use."),
        (
            LLAMA33,
            tools(any={}),
            "This model doesn't support the toolConfig.toolChoice.any field. Remove toolConfig.toolChoice.any and try again.",
        ),
        (MISTRAL, tools(tool={"name": "now"}), "doesn't support the toolConfig.toolChoice.tool field."),
        (NOVA, tools(tool={"name": "then"}), "The tool then at toolConfig.toolChoice.tool is not defined"),
        (OPUS55, tools(any={}), 'tool_choice: type "tool" and "any" are not supported for this model.'),
        (NOVA, tools(tool(), tool()), "contains duplicate tool names"),
        (NOVA, tools(tool(), POINT), "doesn't support the toolConfig.tools.1.cachePoint field."),
        (SONNET, tools({"systemTool": {"name": "x"}}), "doesn't support the toolConfig.tools.0.systemTool field."),
        (NOVA, tools(tool(strict=True)), "doesn't support the toolConfig.tools.0.toolSpec.strict field."),
        (
            NOVA,
            tools(tool(inputSchema={"json": {"properties": {}}})),
            "The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.",
        ),
        (
            NOVA,
            tools(tool(inputSchema={"json": []})),
            "The format of the value at toolConfig.tools.0.toolSpec.inputSchema",
        ),
        (
            NOVA,
            tools(tool(inputSchema={"json": {"type": "object", "$defs": {}}})),
            "#/toolConfig/tools/0/toolSpec/inputSchema/json: extraneous key [$defs] is not permitted",
        ),
        (
            SONNET,
            tools(tool(inputSchema={"json": {"type": "object", "anyOf": []}})),
            "input_schema does not support oneOf",
        ),
        (NOVA, schema(), "This model doesn't support the outputConfig.textFormat field."),
        (
            SONNET,
            schema("x"),
            "The format of the value at outputConfig.textFormat.structure.jsonSchema.schema is invalid.",
        ),
        (QWEN, schema("[]"), "jsonSchema.schema is invalid. Provide a json object"),
        (SONNET, schema('{"type":"object"}'), "'additionalProperties' must be explicitly set to false"),
        (
            OPUS55,
            schema(),
            "The model returned the following errors: output_config.format: Extra inputs are not permitted",
        ),
        (NOVA, {"outputConfig": {"effort": "low"}}, "This model doesn't support the outputConfig.effort field."),
        (SONNET, {"outputConfig": {"effort": "low"}}, "output_config.effort: Extra inputs are not permitted"),
        (
            NOVA,
            fields(temperature=1),
            "The model returned the following errors: Malformed input request: #: extraneous key [temperature] is not "
            "permitted, please reformat your input and try again.",
        ),
        (LLAMA33, fields(top_k=1), "extraneous key [top_k] is not permitted"),
        (GPT, fields(reasoning_effort="low"), "extraneous key [reasoning_effort] is not permitted"),
        (GPT, fields(reasoning="low"), "#/reasoning: expected type: JSONObject"),
        (GPT, fields(reasoning={"effort": "max"}), "#/reasoning.effort: max is not a valid enum value"),
        (OSS, fields(reasoning_effort="none"), "#/reasoning_effort: none is not a valid enum value"),
        (NOVA, fields(inferenceConfig={"topK": 129}), "#/inferenceConfig: topK of 0 to 128 is expected"),
        (NOVA, fields(inferenceConfig={"top_k": 1}), "#/inferenceConfig: topK of 0 to 128 is expected"),
        (NOVA, fields(reasoningConfig={"type": "enabled"}), "extraneous key [reasoningConfig] is not permitted"),
        (NOVA2, fields(reasoningConfig={}), "#/reasoningConfig/type: enabled or disabled is expected"),
        (NOVA2, fields(reasoningConfig={"type": "enabled", "x": 1}), "#/reasoningConfig: extraneous key [x]"),
        (
            NOVA2,
            config(maxTokens=5) | fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"}),
            "maxTokens must be unset when maxReasoningEffort is set to high.",
        ),
        (SONNET, fields(max_tokens=5), "The additional field max_tokens conflicts with an existing field."),
        (SONNET, fields(messages=[]), "The additional field messages conflicts with an existing field."),
        (SONNET, tools(auto={}) | fields(tool_choice={"type": "auto"}), "The additional field tool_choice conflicts"),
        (SONNET, fields(foo=1), "The model returned the following errors: foo: Extra inputs are not permitted"),
        (SONNET, fields(anthropic_beta=["x"]), "The model returned the following errors: invalid beta flag"),
        (OPUS55, fields(thinking={"type": "enabled"}), '"thinking.type.enabled" is not supported for this model.'),
        (SONNET, fields(tools=5), "tools: Input should be a valid list"),
        (SONNET, fields(context_management={"edits": []}), "context_management: Extra inputs are not permitted"),
        (
            SONNET,
            fields(tools=[{"type": "tool_search_tool_regex", "name": "tool_search_tool_regex"}]),
            "'claude-sonnet-4-5-20250929' does not support tool types: tool_search_tool_regex.",
        ),
        (NOVA, {"system": [{"text": "a"}, POINT] * 5}, "A maximum of 4 cache points may be provided. Found 5."),
        (
            SONNET,
            {"system": [{"text": "a"}, POINT] * 5},
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            NOVA,
            {"system": [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]},
            "the cachePoint.ttl field",
        ),
        (NOVA, {"system": [POINT]}, "A cache point must stand behind the content that is to be cached."),
        (SONNET, {"system": [POINT]}, "The model returned the following errors: system.0.type: Field required"),
    ],
)
def test_what_is_refused(models, id, body, words):
    with pytest.raises(Refusal) as refused:
        check({"messages": HI, **body}, models[id], is_stream=False)
    assert words in refused.value.message
    assert refused.value.status == 400


@pytest.mark.parametrize("id", [LLAMA33, MISTRAL, WRITER])
def test_models_that_do_not_stream_tools(models, id):
    body = {"messages": HI, **tools()}
    assert check(body, models[id], is_stream=False)
    with pytest.raises(Refusal, match=r"This model doesn't support tool use in streaming mode\."):
        check(body, models[id], is_stream=True)


@pytest.mark.parametrize("id", [SONNET, NOVA, LLAMA33])
def test_tools_in_the_history_need_tools(models, id):
    messages = [
        *HI,
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "now", "input": {}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": "noon"}]}}]},
    ]
    assert check({"messages": messages, **tools()}, models[id], is_stream=False)
    with pytest.raises(Refusal, match="The toolConfig field must be defined when using toolUse and toolResult content"):
        check({"messages": messages}, models[id], is_stream=False)


@pytest.mark.parametrize(
    ("reasoning", "words"),
    [
        ({"text": "Hm", "signature": sign_thinking("Hm")}, None),
        ({"text": "Hm"}, "messages.1.content.0.thinking.signature: Field required"),
        (
            {"text": "Hm!", "signature": sign_thinking("Hm")},
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
    ],
)
def test_reasoning_comes_back_as_it_was_given(models, reasoning, words):
    answer = {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": reasoning}}, {"text": "Hello"}]}
    body = {"messages": [*HI, answer, *HI]}
    if words is None:
        assert check(body, models[OPUS55], is_stream=False)
        return
    with pytest.raises(Refusal) as refused:
        check(body, models[OPUS55], is_stream=False)
    assert words in refused.value.message


def test_reasoning_may_be_bound_to_its_conversation(models):
    before = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    signature = sign_thinking("Hm", bind({}, before))
    answer = {
        "role": "assistant",
        "content": [{"reasoningContent": {"reasoningText": {"text": "Hm", "signature": signature}}}, {"text": "Hello"}],
    }
    body = {"messages": [*HI, answer, *HI]}
    assert check(body, models[OPUS55], is_stream=False, binds_thinking=True)
    changed = {**body, "system": [{"text": "Be brief."}]}
    assert check(changed, models[OPUS55], is_stream=False)
    assert check(changed, models[SONNET46], is_stream=False, binds_thinking=True)
    with pytest.raises(Refusal, match="The block is bound to a different conversation"):
        check(changed, models[OPUS55], is_stream=False, binds_thinking=True)


def recorded():
    """The Converse requests among the recordings that the real service took, with the model and the file's name."""
    for path in sorted(RECORDINGS.glob("*.json")):
        for call in jsonio.decode(path.read_bytes()):
            request = call["request"]
            model, _, operation = request["path"].removeprefix("/model/").partition("/")
            if operation.startswith("converse") and call["response"]["status"] == 200 and "messages" in request["body"]:
                yield path.stem, model.replace("%3A", ":").removeprefix("us."), operation, request["body"]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real traffic are not beside this checkout")
def test_what_the_real_service_took_is_taken(models):
    checked = 0
    for name, id, operation, body in recorded():
        if id not in models:  # Claude 2, which is gone
            continue
        for message in body["messages"]:
            for block in message["content"]:
                # Signatures are of another maker.
                reasoning = block.get("reasoningContent", {})
                if "reasoningText" in reasoning:
                    reasoning["reasoningText"]["signature"] = sign_thinking(reasoning["reasoningText"]["text"])
                if "redactedContent" in reasoning:
                    reasoning["redactedContent"] = b64encode(redact(bytes(32)).encode()).decode()
        try:
            check(body, models[id], is_stream=operation == "converse-stream")
        except Refusal as refusal:
            pytest.fail(f"{name}: {refusal.message}")
        checked += 1
    assert checked > 40
