"""Every model of the catalogue x every feature of a chat request: an answer, an adaptation, or a 400 that says why.

A feature is a part of a body as clients send it. Bodies of one feature and of several are parsed, put under the default
policy, built, and held by the emulator against botocore's service model, against its own rules, and against the template
of Llama's prompts. What it answers is read whole and as a stream, which have to say the same.
"""

import random
import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import combinations, cycle, product
from typing import Any

import msgspec
import pytest

from proxy import jsonio
from proxy.apis.chat.request import parse
from proxy.bedrock.eventstream import Decoder
from proxy.config import Config
from proxy.conformity import Form
from proxy.emulator import runtime
from proxy.emulator.auth import Request as Received
from proxy.emulator.cache import PromptCache
from proxy.emulator.calls import Call as Noted
from proxy.emulator.models import Model as Emulated
from proxy.emulator.models import read_catalog
from proxy.emulator.refusal import Refusal
from proxy.emulator.script import Script
from proxy.emulator.settings import Settings
from proxy.emulator.signature import redact, sign_thinking
from proxy.errors import InvalidRequest, ProxyError
from proxy.families import FAMILIES, Call
from proxy.filters import Filters
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Reasoning
from proxy.neutral.fold import Fold
from proxy.neutral.reply import FinishReason, Reply
from proxy.neutral.request import Request
from proxy.neutral.unfold import unfold
from proxy.policy import Policy
from proxy.routing.catalog import Catalog, Model
from proxy.routing.resolve import Resolver, Target

Json = dict[str, Any]

CATALOG = Catalog.load()
EMULATED = read_catalog()
LISTED = CATALOG.all()
UNLISTED = {
    "anthropic.claude": r"anthropic\.claude-(?!3)",
    "anthropic.claude-opus-9": r"anthropic\.claude-(opus-5-5|fable|sonnet-5-5)",
    "anthropic.claude-3-9-nova": r"anthropic\.claude-3-[5-7]-sonnet",
    "meta.llama2": r"meta\.llama2-",
    "meta.llama2-9b": r"meta\.llama2-",
    "meta.llama3": r"meta\.llama3-\d+b",
    "meta.llama3-8b-new": r"meta\.llama3-\d+b",
    "meta.llama3.1": r"meta\.llama3-1",
    "meta.llama3-9b": r"meta\.llama3-1",
    "meta.llama3.2": r"meta\.llama3-2-[19][10]",
    "meta.llama3-2-9b": r"meta\.llama3-2-[19][10]",
    "meta.llama3.3": r"meta\.llama3-3",
    "meta.llama3-3-9b": r"meta\.llama3-3",
    "meta.llama4": r"meta\.llama4-",
    "meta.llama4-nova": r"meta\.llama4-",
    "bedrock.converse": r"(ai21|cohere|deepseek|mistral|nvidia|qwen|writer|zai)\.",
    "qwen.new": r"qwen\.",
    "amazon.nova-9": r"amazon\.nova-",
    "openai.gpt-oss-9": r"openai\.gpt-oss",
    "openai.gpt-9": r"openai\.gpt-\d",
    "xai.grok-9": r"xai\.",
}
"""Careful facts -> the listed models that what is made by them is tried on."""
GENERATIONS = {model.id: model for name in CATALOG.generations if (model := CATALOG.generation(name)) is not None}
ROWS = [*LISTED, *(GENERATIONS.get(name) or CATALOG.find(name) for name in UNLISTED)]
NATIVE = [model for model in ROWS if model is not None]
BY_CONVERSE = [
    replace(model, family="converse")
    for model in NATIVE
    if model.family != "converse" and not model.id.startswith("meta.llama2")
]
MODELS = [*NATIVE, *BY_CONVERSE]
CLAUDES = [model for model in MODELS if model.provider == "anthropic" and model.is_listed]
POLICY = Policy(msgspec.convert({}, Config), Resolver(CATALOG, "us-east-1", families=FAMILIES).resolve)
SETTINGS = Settings(has_strict_prompts=True)


def one(role: str, content: Any, **more: Any) -> Json:
    return {"messages": [{"role": role, "content": content, **more}]}


def said(*turns: tuple[str, Any]) -> Json:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def tools(*functions: Json, **more: Any) -> Json:
    return {"tools": [{"type": "function", "function": function} for function in functions], **more}


def schema(value: Any, *, is_strict: bool | None = None) -> Json:
    form = {"name": "answer", "schema": value} | ({} if is_strict is None else {"strict": is_strict})
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def image(kind: str, data: bytes) -> Json:
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{b64encode(data).decode()}"}}


def file(name: str, kind: str, data: bytes) -> Json:
    return {"type": "file", "file": {"filename": name, "file_data": f"data:{kind};base64,{b64encode(data).decode()}"}}


def png() -> bytes:
    """One grey pixel."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


IMAGES = {
    "png": png(),
    "jpeg": bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080001000101011100ffd9"),
    "gif": b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "webp": b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0",
}
DOCUMENTS = {
    "a.pdf": ("application/pdf", b"%PDF-1.4\n%%EOF"),
    "b.txt": ("text/plain", b"Hello"),
    "c.csv": ("text/csv", b"a,b\n1,2\n"),
    "d.docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\3\4word/document.xml"),
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**CITY, "additionalProperties": False}
OPEN = {"type": "object", "additionalProperties": {"type": "number"}}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name", "kids"],
    "additionalProperties": False,
}
WIDE = {
    "type": "object",
    "properties": {
        "at": {"$ref": "#/$defs/place"},
        "when": {"type": ["string", "null"]},
        "how": {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
        "odd name/ü": {"type": "array", "items": {"oneOf": [{"const": 1}, {"$ref": "#/$defs/place"}]}, "minItems": 2},
    },
    "required": ["at"],
    "$defs": {"place": {"type": "object", "properties": {"x": {"type": "number", "minimum": 0, "maximum": 9}}}},
}
LOOK = {"name": "look", "description": "Looks.", "parameters": CITY}
CALL = {"id": "call:1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Paris"}'}}
LONG = "All work and no play makes Jack a dull boy. " * 375
SOON, LATER = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
DIGITS = {"syntax": "regex", "definition": "[0-9]+"}
EDITING = ["context-management-2025-06-27"]
QUESTION = {"role": "user", "content": "Use look."}
GUARD = {"guardrailIdentifier": "emulatoropen", "guardrailVersion": "1"}


def called(result: Any = "Sunny", *, call: Json = CALL, **more: Any) -> list[Json]:
    return [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "tool_calls": [call], **more},
        {"role": "tool", "tool_call_id": call["id"], "content": result},
    ]


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": sign_thinking("Hm.")}
HISTORIES: dict[str, list[Json]] = {
    "results": called(),
    "results, and more": [*called(), {"role": "user", "content": "So?"}],
    "results of text parts": called([{"type": "text", "text": "Sunny", "cache_control": SOON}]),
    "results with an image": called([{"type": "text", "text": "See"}, image("png", IMAGES["png"])]),
    "results with a file": called([file("a.pdf", *DOCUMENTS["a.pdf"])]),
    "results that are blank": called(" "),
    "failed results": [*called()[:2], {**called("No such city")[2], "is_error": True}],
    "odd names of calls": called(call={**CALL, "function": {"name": "mcp.weather/get", "arguments": '{"a b": 1}'}}),
    "a list of arguments": called(call={**CALL, "function": {"name": "look", "arguments": "[1, 2]"}}),
    "cut arguments": called(call={**CALL, "function": {"name": "look", "arguments": '{"city": "Par'}}),
    "blank arguments": called(call={**CALL, "function": {"name": "look", "arguments": " "}}),
    "custom calls": called(call={"id": "c1", "type": "custom", "custom": {"name": "run", "input": "ls"}}),
    "many calls": [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": "Well", "tool_calls": [CALL, {**CALL, "id": "call:2"}]},
        *({"role": "tool", "tool_call_id": f"call:{n}", "content": str(n)} for n in (2, 1)),
        *called()[1:],
    ],
    "old calls": [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "function_call": CALL["function"]},
        {"role": "function", "name": "look", "content": "Sunny"},
    ],
    "thoughts": called(thinking_blocks=[THOUGHT], content="Well", reasoning_content="Hm."),
    "hidden thoughts": called(
        thinking_blocks=[
            {"type": "redacted_thinking", "data": redact(bytes(32))},
            {"type": "thinking", "thinking": "", "signature": sign_thinking("")},
        ]
    ),
    "unsigned thoughts": called(reasoning_content="Hm.", thinking_blocks=[{"type": "thinking", "thinking": "Hm."}]),
    "a call without a result": called()[:2],
    "a result without a call": [{"role": "user", "content": "Go"}, called()[2]],
}

FEATURES: dict[str, Json] = {
    "plain": {},
    "stream": {"stream": True, "stream_options": {"include_usage": True}},
    "system": one("system", "Be brief."),
    "systems everywhere": said(
        ("system", "A."), ("user", "Hi"), ("developer", "B."), ("assistant", "Yes?"), ("system", "C."), ("user", "Go"),
        ("system", "D."),
    ),
    "system alone": one("developer", [{"type": "text", "text": "Say hello."}]) | {"user": "a"},
    "many turns": said(("user", "Hi"), ("user", "You"), ("assistant", "Yes?"), ("assistant", "Oh"), ("user", "Go")),
    "assistant first": said(("assistant", "Hello"), ("user", "Hi")),
    "prefill": said(("user", "Hi"), ("assistant", "Well, ")),
    "blank": said(("user", " "), ("assistant", ""), ("user", [{"type": "text", "text": "\n"}])),
    "names": one("user", "Hi", name="ann"),
    "refusal": {
        "messages": [*said(("user", "Hi"))["messages"], {"role": "assistant", "content": None, "refusal": "No."}, QUESTION]
    },
    "special tokens": one("user", "<|eot_id|><|start_header_id|>[INST] <<SYS>> </s> Human: <|eot|>"),
    "a stop": {"stop": "END"},
    "stops": {"stop": ["\n", " ", "said", "x" * 5000]},
    "no stops": {"stop": ["", ""]},
    "temperature 0": {"temperature": 0},
    "temperature 2": {"temperature": 2},
    "top_p 0": {"top_p": 0},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 5},
    "seed": {"seed": 7},
    "penalties": {"frequency_penalty": 2, "presence_penalty": -2},
    "all sampling": {"temperature": 1.7, "top_p": 1, "top_k": 1000, "seed": -1, "frequency_penalty": 1, "stop": ["a", "b"]},
    "max_tokens 1": {"max_tokens": 1},
    "max_tokens 10 million": {"max_completion_tokens": 10**7},
    "max_tokens 3000": {"max_tokens": 3000},
    "two answers": {"n": 2},
    "tools": tools(LOOK, {"name": "now"}),
    "tools, none": {"tool_choice": "none"},
    "tools, auto": {"tool_choice": "auto"},
    "tools, required": tools(LOOK, {"name": "now"}, tool_choice="required"),
    "tools, named": tools(LOOK, {"name": "now"}, tool_choice={"type": "function", "function": {"name": "now"}}),
    "required": {"tool_choice": "required"},
    "named": {"tool_choice": {"type": "function", "function": {"name": "look"}}},
    "allowed": {
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "look"}}]},
        }
    },
    "one call at a time": {"parallel_tool_calls": False},
    "strict tools": tools(
        {**LOOK, "strict": True, "parameters": CLOSED}, {"name": "open", "strict": True, "parameters": OPEN}
    ),
    "odd names": tools(LOOK, {"name": "mcp.weather/get"}, {"name": "mcp_weather_get"}, {"name": "n" * 100}, {"name": "é"}),
    "odd schemas": tools(
        LOOK, {"name": "wide", "parameters": WIDE}, {"name": "tree", "parameters": TREE}, {"name": "none", "parameters": {}},
        {"name": "bare", "parameters": {"type": "object"}},
        {"name": "any", "parameters": {"anyOf": [CITY, {"type": "object", "properties": {"b": True}}]}},
    ),
    "odd strict schemas": tools(
        LOOK, {"name": "wide", "parameters": WIDE, "strict": True}, {"name": "tree", "parameters": TREE, "strict": True},
        {"name": "list", "parameters": {"type": "array", "items": CITY}, "strict": True},
    ),
    "custom tools": {
        "tools": [
            {"type": "custom", "custom": {"name": "look", "description": "Looks."}},
            {"type": "custom", "custom": {"name": "sum", "format": {"type": "grammar", "grammar": DIGITS}}},
        ]
    },
    "functions": {"functions": [LOOK], "function_call": "auto"},
    "function called": {"functions": [LOOK, {"name": "now"}], "function_call": {"name": "look"}},
    **{name: {"messages": messages} for name, messages in HISTORIES.items()},
    **{f"{name}, with tools": tools(LOOK, messages=HISTORIES[name]) for name in ("results", "thoughts", "hidden thoughts")},
    **{kind: one("user", [{"type": "text", "text": "?"}, image(kind, data)]) for kind, data in IMAGES.items()},
    "image alone": one("user", [image("png", IMAGES["png"])]),
    **{name: one("user", [file(name, *facts)]) for name, facts in DOCUMENTS.items()},
    "all images": one("user", [image(*facts) for facts in IMAGES.items()]),
    "all documents": one("user", [file(name, *facts) for name, facts in DOCUMENTS.items()]),
    "json": one("system", "Answer in JSON.") | {"response_format": {"type": "json_object"}},
    "text": {"response_format": {"type": "text"}},
    "schema": schema(CITY),
    "strict schema": schema(CLOSED, is_strict=True),
    "open schema": schema(OPEN),
    "list": schema({"type": "array", "items": CITY}, is_strict=False),
    "recursive schema": schema(TREE, is_strict=True),
    "wide schema": schema(WIDE, is_strict=True),
    "no schema": schema({}),
    "schema and tools": schema(CLOSED) | tools(LOOK),
    "schema and calls": schema(CLOSED) | tools(LOOK, messages=HISTORIES["results"]),
    **{f"effort {word}": {"reasoning_effort": word} for word in ("none", "minimal", "low", "medium", "high", "xhigh", "max")},
    **{f"budget {count}": {"reasoning": {"max_tokens": count}} for count in (1, 3000, 10**6)},
    "reasoning on": {"reasoning": {"enabled": True, "exclude": True}},
    "reasoning off": {"reasoning": {"enabled": False}},
    **{f"raw budget {count}": {"thinking": {"type": "enabled", "budget_tokens": count}} for count in (1024, 8000, 10**5)},
    "raw adaptive": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
    **{f"raw {kind}": {"thinking": {"type": kind}} for kind in ("disabled", "between_tools")},
    "marks": {
        "messages": [
            {"role": "system", "content": "Be brief.", "cache_control": LATER},
            {
                "role": "user",
                "content": [{"type": "text", "text": "x", "cache_control": mark} for mark in (SOON, SOON, LATER, LATER)],
            },
        ]
    },
    "marked tools": {"tools": [{"type": "function", "function": LOOK, "cache_control": LATER}]},
    "marks by OpenAI": one("user", [{"type": "text", "text": "?", "prompt_cache_breakpoint": {"mode": "explicit"}}]),
    "automatic marks": said(("system", LONG), ("user", "Hi"), ("assistant", "Yes?")) | {"cache_control": LATER},
    "implicit cache": {"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}, "prompt_cache_key": "k"},
    "retention": {"prompt_cache_retention": "24h"},
    "guardrail": {"guardrailConfig": {**GUARD, "trace": "enabled"}},
    "guardrail of a stream": {
        "guardrailConfig": {**GUARD, "streamProcessingMode": "async", "tagSuffix": "x1"}, "stream": True
    },
    "guardrail without id": {"guardrailConfig": {"trace": "enabled"}},
    **{f"tier {word}": {"service_tier": word} for word in ("auto", "default", "flex", "scale", "priority", "fast")},
    "latency": {"performanceConfig": {"latency": "optimized"}},
    "metadata": {"metadata": {"a": "b", "ü": "c", "blank": "", "long": "x" * 512}},
    "user": {"user": "ann@example.com"},
    "safety_identifier": {"safety_identifier": "u1"},
    "anthropic_beta": {"anthropic_beta": EDITING},
    "context_management": {
        "anthropic_beta": EDITING, "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}
    },
    "unknown": {"what": {"is": ["this"]}, "a\r\nb": 1},
    "idle": {"store": True, "verbosity": "low", "prediction": {"type": "content", "content": "x"}, "logprobs": False},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "response paths": {"additionalModelResponseFieldPaths": ["/stop_sequence"]},
}  # fmt: skip
MAY_BE_REFUSED = {
    **{name: "thinking." for name in FEATURES if name.startswith("raw")},
    "wide schema": "response_format.json_schema.schema",
    "odd schemas": "tools[",
    "odd strict schemas": "tools[",
    "a list of arguments": "messages[",
    "cut arguments": "messages[",
}
"""Feature -> the beginning of the `param` that some models, which take the kind of thing, have against this one."""
NEVER = ("a call without a result", "a result without a call", "logprobs", "guardrail without id")
NOT_ALONE = ("required", "named", "allowed")
"""Without tools, a choice of them is refused."""


@cache
def body_of(names: tuple[str, ...]) -> Json | None:
    """One body of several features; None where two say different things. Of conversations, one goes on behind the other."""
    body: Json = {"model": "m", "messages": []}
    for name in names:
        for field, value in FEATURES[name].items():
            if field == "messages":
                body[field] = body[field] + value
            elif body.setdefault(field, value) != value:
                return None
    if not any(message["role"] == "user" for message in body["messages"]):
        body["messages"].append(QUESTION)
    if "tool_choice" in body and len(names) > 1:
        body |= {"tools": FEATURES["tools"]["tools"], **body}
    return body


@cache
def groups() -> list[tuple[str, ...]]:
    """Two to four features each, so that every two that do not contradict each other meet."""
    chance = random.Random(7)
    names = [name for name in FEATURES if name not in ("plain", *NEVER)]
    pairs = [pair for pair in combinations(names, 2) if body_of(pair) is not None]
    chance.shuffle(pairs)
    waiting = set(map(frozenset, pairs))
    found: list[tuple[str, ...]] = []
    for pair in pairs:
        if frozenset(pair) not in waiting:
            continue
        group = [*pair]
        for name in chance.sample(names, 20):
            if len(group) < 4 and name not in group and {frozenset((one, name)) for one in group} <= waiting:
                group.append(name)
        waiting.difference_update(map(frozenset, combinations(group, 2)))
        chance.shuffle(group)
        found.append(tuple(group))
    assert not waiting
    return found


def lacks(body: Json, model: Model) -> bool:
    """Is there something in it that the model cannot take in any way?"""
    conversation = jsonio.encode(body["messages"]).decode()
    offers = body.get("tool_choice") != "none" and ("tools" in body or "functions" in body)
    has_image, has_file = '"image_url"' in conversation, '"file"' in conversation
    is_odd_file = "application/vnd" in conversation
    has_tools = "tools" in model.features
    takes_files = "documents" in model.features
    if model.family == "converse":
        has_tools = has_tools and not model.id.startswith(("meta.llama3-2-1b", "meta.llama3-2-3b"))
        is_text = not is_odd_file and "application/pdf" not in conversation
        takes_files = takes_files or model.provider == "meta" or is_text
    else:
        takes_files = takes_files and not is_odd_file
    return (
        ((offers or "_call" in conversation) and not has_tools)
        or (has_image and "images" not in model.features)
        or (has_file and not takes_files)
        # Trained for either, not for both.
        or (has_image and offers and model.family == "llama" and model.template == "llama3.2")
    )


@cache
def parsed(names: tuple[str, ...], is_strict: bool) -> tuple[Request, Adaptations]:
    adapted = Adaptations(is_strict)
    request, _ = parse(body_of(names), adapted, max_choices=8)
    if request.output_format is not None:
        Form(request.output_format)
    return request, adapted


def built(names: tuple[str, ...], model: Model, *, is_strict: bool = False) -> tuple[Call, Adaptations]:
    """The pipeline's steps up to the wire."""
    request, adapted = parsed(names, is_strict)
    adapted = adapted.copy()
    request = POLICY.apply(request, Target(model, model.id, None), "", {}, adapted)
    return FAMILIES[model.family].build(request, model, adapted), adapted


def is_told(param: str | None, body: Json) -> bool:
    """Does it name something that the client has sent? Of the tools that its history calls, it may have said nothing."""
    return param is not None and re.split(r"[.\[]", param)[0] in {*body, "tools"}


def answer(call: Call, model: Model, judge: Emulated, *, is_stream: bool) -> Reply:
    """Raises the emulator's `Refusal`."""
    family = FAMILIES[model.family]
    received = Received("POST", "/", "", [*call.headers.items()], call.body)
    operation = family.stream_operation if is_stream else family.operation
    note = Noted(number=1, method="POST", path="/", operation=operation, headers={}, request_id="r")
    sent = runtime.answer(received, judge, Script(), note, SETTINGS, PromptCache(10, SETTINGS.now))
    if sent.frames is None:
        events = unfold(family.parse(sent.body, call))
    else:
        reader = family.reader(call)
        events = []
        reader.feed(Decoder().feed(b"".join(sent.frames)), events)
        reader.close()
    fold = Fold()
    fold.feed(Filters(call).feed(events))
    reply = fold.reply()
    # DeepSeek R1 tells its reasoning first in a stream, and last in a whole answer.
    reply.blocks.sort(key=lambda block: not isinstance(block, Reasoning))
    return reply


def check_answers(call: Call, model: Model, judge: Emulated, *, is_streamed: bool) -> None:
    whole = streamed = None
    if call.can_stream:
        streamed = answer(call, model, judge, is_stream=True)
    else:
        assert not (model.streams and model.streams_tools)
    if not (is_streamed and call.can_stream):
        whole = answer(call, model, judge, is_stream=False)
    if whole is None or streamed is None or call.stops:
        return
    # An object that is cut off by the limit is completed where it is had whole.
    if whole.finish is not FinishReason.LENGTH:
        assert whole == streamed


answered: set[object] = set()
"""What has been judged: many features leave the same body."""


def check(names: tuple[str, ...], model: Model, judge: Emulated) -> None:
    body = body_of(names)
    assert body is not None
    try:
        call, adapted = built(names, model)
    except InvalidRequest as refusal:
        assert is_told(refusal.param, body)
        is_expected = lacks(body, model) or (len(names) == 1 and names[0] in (*NEVER, *NOT_ALONE))
        assert is_expected or any((refusal.param or "").startswith(MAY_BE_REFUSED.get(name, "\0")) for name in names)
        with pytest.raises(InvalidRequest):
            built(names, model, is_strict=True)
        return
    assert not lacks(body, model)
    assert all(is_told(param, body) for param in adapted.items())
    try:
        strict, told = built(names, model, is_strict=True)
    except InvalidRequest as refusal:
        assert is_told(refusal.param, body)
        assert adapted
    else:
        assert strict.body == call.body
        assert told.items() == adapted.items()
        assert {*told.items().values()} <= {"without-thoughts"}, "strict, and changed all the same"
    same = (judge.id, model.family, call.can_stream, call.body, *call.headers.items(), *call.stops)
    if same not in answered and len(call.body) // 4 < judge.context_tokens:
        answered.add(same)
        check_answers(call, model, judge, is_streamed=body.get("stream", False))


def judges(model: Model) -> list[Emulated]:
    if model.is_listed:
        return [EMULATED[model.id]]
    found = [judge for judge in EMULATED.values() if re.match(UNLISTED[model.id], judge.id)]
    return [judge for judge in found if model.features <= judge.features]


def check_all(cells: Iterable[tuple[str, ...]], model: Model) -> None:
    for names, judge in zip(cells, cycle(judges(model)), strict=False):
        # Claude's own words go as they come to a Claude that nobody knows.
        if model.is_listed or not any(name.startswith("raw") for name in names):
            try:
                check(names, model, judge)
            except (AssertionError, ProxyError, Refusal) as error:
                error.add_note(f"with {' + '.join(names)}, judged as {judge.id}")
                raise


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.family}-{model.id}")
def test_every_feature(model: Model) -> None:
    check_all([(name,) for name in FEATURES], model)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.family}-{model.id}")
def test_every_two_features_together(model: Model) -> None:
    """The models that the same code builds for share the work."""
    same = [one for one in MODELS if kind(one) == kind(model)]
    mine = [group for number, group in enumerate(groups()) if same[number % len(same)] is model]
    # What the model lacks would hide what the others do.
    taken = [tuple(name for name in group if not lacks(body_of((name,)) or {}, model)) for group in mine]
    check_all((group for group in taken if len(group) > 1), model)


WAYS_TO_THINK = [
    way
    for way in product(
        ("plain", "prefill", "unsigned thoughts"),
        [name for name in FEATURES if name.startswith(("plain", "effort", "budget"))],
        [name for name in FEATURES if name.startswith(("plain", "raw"))],
        (
            "plain",
            "tools",
            "tools, required",
            "tools, named",
            "strict schema",
            "top_p",
            "max_tokens 1",
            "max_tokens 3000",
        ),
    )
    if body_of(way) is not None
]


@pytest.mark.parametrize("model", CLAUDES, ids=lambda model: f"{model.family}-{model.id}")
def test_every_way_to_think(model: Model) -> None:
    """Of what says how deep to think there can be two words, beside others that bear on it."""
    check_all(WAYS_TO_THINK[CLAUDES.index(model) % 16 :: 16], model)


def kind(model: Model) -> tuple[str, str]:
    return model.family, model.provider if model.provider in ("anthropic", "meta") else ""
