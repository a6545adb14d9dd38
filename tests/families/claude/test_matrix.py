"""Every Claude of the catalogue with every feature, and with several at once: a body that the emulator takes, or a 400."""

from itertools import combinations, product
from typing import Any

import pytest

from proxy.emulator.signature import sign_thinking
from proxy.errors import InvalidRequest, ProxyError
from proxy.families.claude import FAMILY
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Document, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Guardrail, Message, OutputFormat, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog

CATALOG = Catalog.load()
MODELS = [model for model in CATALOG.all() if model.family == "claude"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPEN = {"type": "object", "additionalProperties": {"type": "number"}}
TOOLS = [
    Tool("mcp.weather/get", "tools[0]", "Weather.", SCHEMA, is_strict=True, cache_mark=CacheMark("tools[0].cache")),
    Tool("now", "tools[1]", parameters=OPEN, is_strict=True),
]
PNG = "iVBORw0KGgo="
CALL = ToolUse("call:1", "mcp.weather/get", '{"city": "Paris"}', "messages[1].tool_calls[0]")
THOUGHT = Reasoning("Hm.", sign_thinking("Hm."))
MARK = CacheMark("messages[0].cache_control", "1h")


def said(*blocks: Any, role: Role = Role.USER) -> Message:
    return Message(role, [Text(block) if isinstance(block, str) else block for block in blocks])


RESULT = ToolResult("call:1", [Text("Sunny"), Image("messages[2]", PNG, "image/png")], "messages[2]", MARK)
CONVERSATIONS: dict[str, list[Message]] = {
    "text": [said("Hi")],
    "systems": [said("Be brief.", MARK, role=Role.SYSTEM), said("Hi"), said("In French.", role=Role.SYSTEM)],
    "image": [said("?", Image("messages[0]", PNG, "image/png"), MARK)],
    "document": [said(Document("messages[0]", "JVBERi0=", "application/pdf", "x.pdf"), "?")],
    "prefill": [said("Hi"), said("Well ", role=Role.ASSISTANT)],
    "marks": [said(*(part for n in "12345" for part in (n, CacheMark(n, "1h" if n > "2" else None))))],
    "calls": [said("Go"), said(THOUGHT, "Well", CALL, role=Role.ASSISTANT), said(RESULT, "So?")],
    "calls without thought": [said("Go"), said("Well", CALL, role=Role.ASSISTANT), said(RESULT)],
    "calls again": [
        said("Go"),
        *[said(CALL, role=Role.ASSISTANT), said(RESULT)] * 3,
        said("Be brief.", role=Role.SYSTEM),
    ],
}
FEATURES: dict[str, dict[str, Any]] = {
    "tools": {"tools": TOOLS},
    "required": {"tools": TOOLS, "tool_choice": ToolChoice.REQUIRED},
    "named": {"tools": TOOLS, "tool_choice": ToolChoice.NAMED, "chosen_tool": "now"},
    "none": {"tools": TOOLS, "tool_choice": ToolChoice.NONE},
    "one at a time": {"has_parallel_tools": False},
    "schema": {"output_format": OutputFormat("response_format", "city", schema=SCHEMA)},
    "open schema": {"output_format": OutputFormat("response_format", "prices", schema=OPEN)},
    "list": {"output_format": OutputFormat("response_format", "list", schema={"type": "array", "items": SCHEMA})},
    "any json": {"output_format": OutputFormat("response_format")},
    "high": {"sampling": Sampling(reasoning_effort="high")},
    "off": {"sampling": Sampling(reasoning_effort="none")},
    "short budget": {"sampling": Sampling(max_tokens=2000, reasoning_tokens=4000)},
    "sampling": {"sampling": Sampling(10**7, 1.5, 0.5, ["END", "\n"], 7, 0.5, -0.5)},
    "hot and thinking": {"sampling": Sampling(temperature=1.5, top_p=0.5, reasoning_effort="low")},
    "top_k": {"extra": {"top_k": 5}},
    "around": {
        "guardrail": Guardrail("gr", "1", "enabled"),
        "metadata": {"team": "x"},
        "service_tier": "flex",
        "end_user": "someone@example.com",
    },
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_a_sound_body_or_a_400(model: Any, claude: Any) -> None:
    built = 0
    for messages in CONVERSATIONS.values():
        for names in [(), *((name,) for name in FEATURES), *combinations(FEATURES, 2)]:
            settings: dict[str, Any] = {}
            for name in names:
                settings |= FEATURES[name]
            request = Request("m", messages, **settings)
            try:
                claude.build(request, model)
            except InvalidRequest as error:
                assert {"images", "documents"} - model.features
                assert error.param in ("messages[0]", "messages[2]")
                continue
            built += 1
            try:
                strict = claude.build(request, model, is_strict=True)
            except InvalidRequest as error:
                assert error.param
            else:
                assert strict.adapted in ("", "messages=without-thoughts")
    assert built > 300


EFFORTS: list[dict[str, Any]] = [
    {},
    *({"reasoning_effort": effort} for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max")),
    *({"reasoning_tokens": tokens} for tokens in (1, 3000, 100_000)),
    {"reasoning_tokens": 3000, "reasoning_effort": "low"},
]
RAW: list[dict[str, Any]] = [
    {},
    *({"thinking": {"type": kind}} for kind in ("adaptive", "disabled", "between_tools")),
    *({"thinking": {"type": "enabled", "budget_tokens": tokens}} for tokens in (1024, 8000, 100_000)),
]
BESIDE: list[dict[str, Any]] = [
    {},
    *(FEATURES[name] for name in ("tools", "required", "named", "schema")),
    {"sampling": {"temperature": 0.5, "top_p": 0.5}},
    {"sampling": {"temperature": 1, "top_p": 0.5, "max_tokens": 4000}},
    {"sampling": {"max_tokens": 1}},
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_way_to_think(model: Any, claude: Any) -> None:
    """The emulator takes what is sent, or our own 400 names the field of Claude's that cannot be."""
    for name, depth, raw, beside in product(("text", "prefill", "calls without thought"), EFFORTS, RAW, BESIDE):
        sampling = Sampling(**{**beside.get("sampling", {}), **depth})
        others = {**beside, "sampling": sampling, "extra": raw}
        try:
            claude.build(Request("m", CONVERSATIONS[name], **others), model)
        except InvalidRequest as error:
            images = {"images", "documents"} - model.features
            assert error.param in ("thinking.type", "thinking.budget_tokens") or images
            assert raw or images


@pytest.mark.parametrize(
    "model",
    [
        *(model for name in CATALOG.generations if (model := CATALOG.generation(name)) and model.family == "claude"),
        *(CATALOG.find(f"anthropic.claude-{name}") for name in ("opus-9", "3-9-nova", "v2:1", "instant-v1")),
    ],
    ids=lambda model: model.name,
)
def test_models_that_are_not_listed(model: Any) -> None:
    """The emulator knows nothing of them either: nothing fails, and what goes out is JSON."""
    for messages in CONVERSATIONS.values():
        for settings in FEATURES.values():
            try:
                body = decode(FAMILY.build(Request("m", messages, **settings), model, Adaptations()).body)
            except ProxyError as error:
                assert error.status == 400
            else:
                assert body["messages"][0]["role"] == "user"
