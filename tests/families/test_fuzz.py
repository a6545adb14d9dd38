"""Chance as a client: whatever JSON comes, it is refused with a reason or becomes a body that Bedrock takes.

What Bedrock takes is said here once more, in a few lines, and not read out of the code under test.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from proxy.apis.chat.request import parse
from proxy.emulator import claude_rules, llama_rules
from proxy.emulator.models import read_catalog
from proxy.errors import InvalidRequest, ProxyError
from proxy.families import FAMILIES
from proxy.jsonio import decode, decode_strictly, encode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Message, Request, Role
from proxy.routing.catalog import Catalog, Model

WORDS = [
    *("", " ", "\n", "Hi", "Hello there. ", " x", "\u00a0", "\u200b", "é漢😀", "\u2028", "</system>", "Human:"),
    *("<|eot_id|>", "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot|>", "<|header_start|>", "<|", "|>", "<"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "[", "eot_id", "INST]"),
]
ROLES = ["system", "developer", "user", "user", "assistant", "assistant"]


class Client:
    """Sends nearly sensible things, and at times anything at all."""

    def __init__(self, seed: int, madness: float) -> None:
        self.chance = random.Random(seed)
        self.madness = madness

    def any(self, depth: int = 3) -> Any:
        match self.chance.randrange(9 if depth else 6):
            case 0:
                return None
            case 1:
                return self.chance.random() < 0.5
            case 2:
                return self.chance.choice([0, 1, -1, 2, 5, 1000, 2**31, 2**63, 10**30, -(10**40)])
            case 3:
                return self.chance.choice([0.0, 0.5, 1.0, 1.4, -0.1, 2.5, 1e300])
            case 4 | 5:
                return self.text()
            case 6:
                return [self.any(depth - 1) for _ in range(self.chance.randrange(4))]
            case _:
                names = ["type", "text", "role", "content", "x", "", "a\r\nb", "é", "k" * 300, "budget_tokens"]
                return {self.chance.choice(names): self.any(depth - 1) for _ in range(self.chance.randrange(4))}

    def text(self) -> str:
        return "".join(self.chance.choices(WORDS, k=self.chance.randrange(4)))

    def maybe_mad(self, sensible: Callable[[], Any]) -> Any:
        return self.any() if self.chance.random() < self.madness else sensible()

    def part(self) -> Any:
        part: dict[str, Any] = {"type": self.maybe_mad(lambda: "text"), "text": self.maybe_mad(self.text)}
        if self.chance.random() < 0.1:
            part["cache_control"] = self.any()
        return part

    def content(self) -> Any:
        if self.chance.random() < 0.5:
            return self.text()
        return [self.maybe_mad(self.part) for _ in range(self.chance.randrange(4))]

    def message(self) -> Any:
        message = {"role": self.maybe_mad(lambda: self.chance.choice(ROLES)), "content": self.maybe_mad(self.content)}
        if self.chance.random() < 0.1:
            message[self.chance.choice(["name", "refusal", "tool_calls", "audio", "weight"])] = self.any()
        return message

    def body(self) -> Any:
        body = {
            "model": self.maybe_mad(lambda: "m"),
            "messages": self.maybe_mad(
                lambda: [self.maybe_mad(self.message) for _ in range(self.chance.randrange(1, 7))]
            ),
        }
        pick = self.chance.choice
        fields: dict[str, Callable[[], Any]] = {
            "temperature": lambda: pick([0, 0.5, 1, 1.4, 2]),
            "top_p": lambda: pick([0, 0.5, 1]),
            "max_tokens": lambda: pick([1, 100, 4096, 10**6]),
            "max_completion_tokens": lambda: pick([1, 10**6]),
            "stop": lambda: pick(["x", " ", "", ["a", "\n", ""], []]),
            "n": lambda: pick([1, 2]),
            "seed": lambda: 7,
            "frequency_penalty": lambda: pick([0, 1.5]),
            "user": self.text,
            "service_tier": lambda: pick(["auto", "flex", "fast", "scale"]),
            "stream": lambda: pick([True, False]),
            "stream_options": lambda: {"include_usage": True},
            "metadata": lambda: {"a": self.text()},
            "reasoning_effort": lambda: pick(["none", "high"]),
            "top_k": lambda: 5,
            "thinking": lambda: pick([{"type": "enabled", "budget_tokens": 1024}, {"type": "adaptive"}, "x"]),
            "output_config": self.any,
            "response_format": lambda: {"type": "text"},
            "modalities": lambda: ["text"],
            pick(["logit_bias", "audio", "tool_choice", "prediction", "store", "verbosity", "logprobs"]): lambda: None,
            self.text() or "unknown": self.any,
        }
        for name, sensible in fields.items():
            if self.chance.random() < 0.2:
                body[name] = self.maybe_mad(sensible)
        return self.maybe_mad(lambda: body) if self.chance.random() < 0.1 else body


def model(model_id: str) -> Model:
    found = Catalog.load().find(model_id)
    assert found is not None
    return found


CLAUDES = [
    model("anthropic.claude-3-5-sonnet-20241022-v2:0"),
    model("anthropic.claude-sonnet-4-5-20250929-v1:0"),
    model("anthropic.claude-sonnet-4-6"),
    model("anthropic.claude-opus-4-7"),
    model("anthropic.claude-sonnet-5"),
]
LLAMAS = [
    model("meta.llama2-13b-chat-v1"),
    model("meta.llama3-8b-instruct-v1:0"),
    model("meta.llama3-1-8b-instruct-v1:0"),
    model("meta.llama3-2-3b-instruct-v1:0"),
    model("meta.llama3-3-70b-instruct-v1:0"),
    model("meta.llama4-scout-17b-instruct-v1:0"),
]
NATIVE = {"thinking", "output_config", "anthropic_beta", "context_management", "top_k"}
CLAUDE_KEYS = {
    *("anthropic_version", "max_tokens", "messages", "system", "stop_sequences", "temperature", "top_p", "metadata"),
    *NATIVE,
}
EMULATED = read_catalog()


def check_texts(blocks: Any) -> list[str]:
    assert isinstance(blocks, list)
    assert blocks
    for block in blocks:
        assert set(block) - {"cache_control"} == {"type", "text"}
        assert block["type"] == "text"
        assert block["text"].strip()
    return [block["text"] for block in blocks]


def check_claude(body: Any, model: Model) -> None:
    assert set(body) <= CLAUDE_KEYS
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert type(body["max_tokens"]) is int
    assert 1 <= body["max_tokens"] <= model.max_output_tokens
    sampling = {"temperature", "top_p"} & set(body)
    assert len(sampling) <= {"any": 2, "one": 1, "none": 0}[model.sampling]
    assert all(0 <= body[name] <= 1 for name in sampling)
    assert not ("top_k" in body and model.sampling == "none")
    assert all(stop.strip() for stop in body.get("stop_sequences", ["x"]))
    if "system" in body:
        check_texts(body["system"])
    turns = body["messages"]
    roles = [turn["role"] for turn in turns]
    assert roles[0] == "user"
    for index, turn in enumerate(turns):
        assert set(turn) == {"role", "content"}
        texts = check_texts(turn["content"])
        before, after = roles[index - 1] if index else None, roles[index + 1] if index + 1 < len(roles) else None
        assert turn["role"] in ("user", "assistant", "system")
        assert turn["role"] != before
        if turn["role"] == "system":
            assert model.has_system_turns
            assert before == "user"
            assert after in ("assistant", None)
    if roles[-1] == "assistant":
        assert model.has_prefill
        assert texts[-1] == texts[-1].rstrip()


def check_llama(body: Any, model: Model, request: Request) -> None:
    assert set(body) <= {"prompt", "max_gen_len", "temperature", "top_p"}
    assert type(body["max_gen_len"]) is int
    assert 1 <= body["max_gen_len"] <= model.max_output_tokens
    assert 0 <= body.get("temperature", 0) <= 1
    assert 0 <= body.get("top_p", 0) <= 1
    if model.template == "llama2":
        check_llama2(body["prompt"], request.messages)
    else:
        check_headers(body["prompt"], request.messages, model)


def check_headers(prompt: str, messages: list[Message], model: Model) -> None:
    turns = [message for message in messages if message.role is Role.USER or message.text.strip()]
    names = (
        ("header_start", "header_end", "eot")
        if model.template == "llama4"
        else (
            "start_header_id",
            "end_header_id",
            "eot_id",
        )
    )
    opening, closing, end = (f"<|{name}|>" for name in names)
    is_prefilled = bool(turns) and turns[-1].role is Role.ASSISTANT
    roles = [turn.role.value for turn in turns] + ([] if is_prefilled else ["assistant"])
    assert prompt.startswith("<|begin_of_text|>" + opening)
    found = Counter(re.findall(r"<\|\w+\|>", prompt, re.ASCII))
    assert found == Counter(
        {"<|begin_of_text|>": 1, opening: len(roles), closing: len(roles), end: len(turns) - is_prefilled}
    )
    assert re.findall(re.escape(opening) + r"(\w+)" + re.escape(closing) + "\n\n", prompt) == roles


def check_llama2(prompt: str, messages: list[Message]) -> None:
    assert prompt.startswith("<s>[INST] ")
    marks = re.findall(r"<s>|</s>|\[INST\]|\[/INST\]|<<SYS>>|<</SYS>>", prompt)
    leading = list(itertools.takewhile(lambda message: message.role is Role.SYSTEM, messages))
    others = [message for message in messages[len(leading) :] if message.role is not Role.ASSISTANT]
    later_segments = ["</s>", "<s>", "[INST]", "[/INST]"] * (marks.count("[INST]") - 1)
    has_question = bool(later_segments) or any(message.text.strip() for message in others)
    has_system = has_question and any(message.text.strip() for message in leading)
    system = ["<<SYS>>", "<</SYS>>"] if has_system else []
    assert marks == ["<s>", "[INST]", *system, "[/INST]", *later_segments]


def check_that_nothing_is_lost(body: Any, request: Request) -> None:
    """Every word of every message is in what is sent."""
    sent = "".join(encode(body).decode().split())
    for message in request.messages:
        for word in re.findall(r"Hi|Hello there|é漢😀|Human:", message.text):
            assert "".join(word.split()) in sent


def asked(body: Any, strict: bool) -> tuple[Request, Adaptations] | None:
    adapted = Adaptations(strict)
    try:
        request, _ = parse(body, adapted, max_choices=8)
    except InvalidRequest as error:
        assert error.message
        assert len(error.message) < 2000
        assert error.param is None or isinstance(error.param, str)
        return None
    return request, adapted


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("madness", [0.0, 0.02, 0.3])
def test_a_request_is_refused_or_becomes_a_sound_body(madness: float, strict: bool) -> None:
    client = Client(seed=int(madness * 100) + strict, madness=madness)
    built = 0
    for _ in range(1200):
        body = client.body()
        for model in (*CLAUDES, *LLAMAS):
            found = asked(body, strict)
            if found is None:
                break
            request, adapted = found
            try:
                call = FAMILIES[model.family].build(request, model, adapted)
            except ProxyError as error:
                assert error.status == 400
                assert error.param
                is_own = error.param.split(".")[0] in NATIVE
                assert strict or is_own, "only what is strict, or Claude's own words, may be refused so late"
                continue
            built += 1
            sent = decode(call.body)
            if model.family == "claude":
                check_claude(sent, model)
                # Its own fields go on as the client wrote them; the rest has to be right by the emulator too.
                claude_rules.check({name: sent[name] for name in sent if name not in NATIVE}, EMULATED[model.id])
            else:
                check_llama(sent, model, request)
                llama_rules.check(sent, EMULATED[model.id])
                faults = llama_rules.read_prompt(sent["prompt"], EMULATED[model.id]).faults
                # To the emulator, a system text of Llama 2 with no user's text after it seems stray.
                assert [fault for fault in faults if not fault.endswith("stray <<SYS>>")] == []
            check_that_nothing_is_lost(sent, request)
            header = adapted.header()
            assert header.isascii()
            assert header.isprintable()
            assert not (strict and header)
    assert built > (0 if madness > 0.1 else 300), "the client is too mad to test anything"


def test_any_json_at_all() -> None:
    client = Client(seed=9, madness=1.0)
    for _ in range(5000):
        value = client.any(depth=5)
        asked(value, strict=False)
        asked({"model": "m", "messages": value}, strict=False)
        asked({"model": "m", "messages": [{"role": "user", "content": value}]}, strict=False)


def test_bytes_that_are_nearly_json() -> None:
    client = Client(seed=10, madness=0.1)
    for _ in range(2000):
        text = bytearray(encode(client.body()))
        for _ in range(client.chance.randrange(1, 4)):
            text[client.chance.randrange(len(text))] = client.chance.randrange(256)
        try:
            value = decode_strictly(bytes(text))
        except ValueError:
            continue
        asked(value, strict=False)


def test_a_native_field_nested_as_deep_as_can_be_is_still_sent() -> None:
    """What the JSON codec lets in can be written again, by code that is called from deeper down."""
    for depth in range(100, 1000, 25):
        nested = b"[" * depth + b"]" * depth
        text = b'{"model":"m","messages":[{"role":"user","content":"x"}],"context_management":%b}' % nested
        try:
            body = decode_strictly(text)
        except ValueError:
            continue
        found = asked(body, strict=False)
        assert found is not None
        assert FAMILIES["claude"].build(found[0], CLAUDES[0], found[1]).body.count(b"[") > depth
