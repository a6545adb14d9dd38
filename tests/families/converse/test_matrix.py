"""Every model of the catalogue, by Converse, with every feature: a body that botocore's model and the emulator allow, or a
400 that says why.

Claude and Llama are among them, for an operator can route them so.
"""

import struct
import zlib
from base64 import b64encode
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from proxy import jsonio
from proxy.emulator import converse_rules as emulator
from proxy.emulator.models import read_catalog
from proxy.emulator.signature import sign_thinking
from proxy.errors import InvalidRequest
from proxy.families.converse import FAMILY
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Guardrail, Message, OutputFormat, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog, Model

CATALOG = Catalog.load()
EMULATED = read_catalog()
MODELS = [
    *(model for model in CATALOG.all() if "llama2" not in model.id),
    *(model for name in CATALOG.generations if (model := CATALOG.generation(name)) is not None),
    *(model for name in ("qwen.new", "openai.gpt-9", "amazon.nova-9") if (model := CATALOG.find(name)) is not None),
]
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [Tool("mcp.weather/get", "tools[0]", "Weather.", SCHEMA), Tool("get_time", "tools[1]", is_strict=True)]


def said(*blocks: Any, role: Role = Role.USER) -> Message:
    return Message(role, list(blocks))


def request(*messages: Message, **more: Any) -> Request:
    return Request("m", list(messages) or [said(Text("Hi"))], **more)


def png() -> str:
    """One grey pixel."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b64encode(b"".join(parts)).decode()


IMAGE = Image("messages[0].content[1]", png(), "image/png")
FILE = Document("messages[0].content[1]", b64encode(b"%PDF-1.4\n%%EOF").decode(), "application/pdf", "x.pdf")
NOTE = Document("messages[0].content[1]", "SGVsbG8=", "text/plain", "x.txt")
MARK = CacheMark("messages[0].cache_control", "1h")
CALL = ToolUse("call:1", "mcp.weather/get", '{"city": "Paris"}', "messages[1].tool_calls[0]")
CALLED = (
    said(Text("Go")),
    said(Reasoning("Hm.", sign_thinking("Hm.")), Text("Well"), CALL, role=Role.ASSISTANT),
    said(ToolResult("call:1", [Text("Sunny"), IMAGE], "messages[2]"), Text("So?")),
)
REQUESTS: dict[str, Request] = {
    "text": request(),
    "system": request(said(Text("Be brief."), role=Role.SYSTEM), said(Text("Hi"))),
    "system in the middle": request(said(Text("Hi")), said(Text("Be brief."), role=Role.SYSTEM)),
    "assistant first and last": request(
        said(Text("a"), role=Role.ASSISTANT), said(Text("b ")), said(Text("c"), role=Role.ASSISTANT)
    ),
    "blank": request(said(Text(" "))),
    "image": request(said(Text("?"), IMAGE)),
    "document": request(said(FILE)),
    "text document": request(said(Text("?"), NOTE, MARK)),
    "sampling": request(sampling=Sampling(1, 2.0, 0.5, ["END", "\n"], 1, 0.1, 0.1)),
    "much output": request(sampling=Sampling(max_tokens=10**7)),
    "tools": request(tools=TOOLS),
    "tools, none": request(tools=TOOLS, tool_choice=ToolChoice.NONE),
    "tools, required": request(tools=TOOLS, tool_choice=ToolChoice.REQUIRED, has_parallel_tools=False),
    "tools, named": request(tools=TOOLS, tool_choice=ToolChoice.NAMED, chosen_tool="get_time"),
    "calls": request(*CALLED, tools=TOOLS),
    "calls, none": request(*CALLED, tools=TOOLS, tool_choice=ToolChoice.NONE),
    "calls without tools": request(*CALLED),
    "schema": request(output_format=OutputFormat("response_format", schema=SCHEMA)),
    "schema and tools": request(output_format=OutputFormat("response_format", schema=SCHEMA), tools=TOOLS),
    "schema and calls": request(*CALLED, output_format=OutputFormat("response_format", schema=SCHEMA)),
    "any JSON": request(output_format=OutputFormat("response_format")),
    "cache": request(
        said(Text("Long."), MARK, role=Role.SYSTEM),
        said(*[block for at in range(4) for block in (Text("Part"), CacheMark(f"messages[1].content[{at}]"))]),
        tools=[replace(TOOLS[0], cache_mark=CacheMark("tools[0]"))],
    ),
    "guardrail": request(guardrail=Guardrail("gr1", "1", "enabled_full")),
    "around": request(service_tier="priority", metadata={"a": "b", "ü": "c"}, end_user="ann"),
    "native": request(
        extra={
            "top_k": 5, "reasoning": {"effort": "low"}, "what": 1,
            "performanceConfig": {"latency": "optimized"},
        }
    ),
    **{
        f"effort {effort}": request(*CALLED, tools=TOOLS, sampling=Sampling(10, 0.5, reasoning_effort=effort))
        for effort in EFFORTS
    },
    **{
        f"raw {kind}{', forced' * is_forced}": request(
            tools=TOOLS,
            tool_choice=ToolChoice.REQUIRED if is_forced else ToolChoice.AUTO,
            sampling=Sampling(None, 1, 0.5, reasoning_effort="high", reasoning_tokens=3000),
            extra={"thinking": {"type": kind, **({"budget_tokens": 40_000} if kind == "enabled" else {})}},
        )
        for kind in ("enabled", "adaptive", "disabled", "between_tools")
        for is_forced in (False, True)
    },
    **{f"budget {tokens}": request(sampling=Sampling(reasoning_tokens=tokens)) for tokens in (1, 3000, 10**6)},
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_an_answer_an_adaptation_or_a_400(model: Model, converse: Any) -> None:
    for name, asked in REQUESTS.items():
        adapted = Adaptations()
        try:
            call = FAMILY.build(asked, model, adapted)
        except InvalidRequest as refusal:
            assert refusal.param, name
            assert refusal.param in refusal.message, name
            assert is_refused(name, model), name
        else:
            assert not is_refused(name, model), name
            body = jsonio.decode(call.body)
            converse.check(body)
            check_rules(body, call.can_stream, model)
            if (emulated := EMULATED.get(model.id)) is not None:
                emulator.check(body, emulated, is_stream=call.can_stream)
            if not adapted:
                assert FAMILY.build(asked, model, Adaptations(is_strict=True)).body == call.body
            else:
                with pytest.raises(InvalidRequest):
                    FAMILY.build(asked, model, Adaptations(is_strict=True))


def is_refused(name: str, model: Model) -> bool:
    """What a model cannot do in any way, of all that is asked above."""
    has_tools = "tools" in model.features and not model.id.startswith(("meta.llama3-2-1b", "meta.llama3-2-3b"))
    if name.startswith("raw"):
        kind, thinking = name.split()[1].rstrip(","), model.thinking
        modes = thinking.modes if thinking is not None else ("disabled",)
        return not has_tools or (model.provider == "anthropic" and model.is_listed and kind not in modes)
    if name.startswith(("calls", "effort")) or name == "schema and calls":
        return not has_tools or "images" not in model.features
    if name == "tools, none":
        return False
    if name.startswith("tools") or name in ("schema and tools", "cache"):
        return not has_tools
    if name == "document":
        return "documents" not in model.features and model.provider != "meta"
    return name == "image" and "images" not in model.features


def check_rules(body: dict[str, Any], can_stream: bool, model: Model) -> None:
    """What the service demands and no model of shapes says."""
    messages = body["messages"]
    roles = [message["role"] for message in messages]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles))
    assert model.has_prefill or roles[-1] != "assistant"
    calls: list[str] = []
    for message in messages:
        content = message["content"]
        assert content
        results = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
        assert results == calls
        assert all("toolResult" in block for block in content[: len(results)])
        calls = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        assert all(block["text"].strip() for block in content if "text" in block)
        has_document = any("document" in block for block in content)
        assert not has_document or any("text" in block for block in content)
        if model.provider != "anthropic":
            assert not any("reasoningContent" in block for block in content)
    assert "toolConfig" in body or not any("toolUse" in block for message in messages for block in message["content"])
    for tool in body.get("toolConfig", {}).get("tools", []):
        assert "cachePoint" in tool or tool["toolSpec"]["inputSchema"]["json"]["type"] == "object"
    assert str(body).count("'cachePoint'") <= 4
    assert "system" not in body or model.has_system
    inference = body.get("inferenceConfig", {})
    assert model.min_output_tokens <= inference.get("maxTokens", model.min_output_tokens) <= model.max_output_tokens
    assert model.sampling != "none" or not {"temperature", "topP"} & set(inference)
    assert model.has_stops or "stopSequences" not in inference
    assert can_stream == (model.streams and (model.streams_tools or "toolConfig" not in body))
    if "tool_choice" in body.get("additionalModelRequestFields", {}):
        assert "toolChoice" not in body["toolConfig"]
