"""One table of histories through Claude's two wires: what becomes of them is the same, and nothing in it would be refused."""

from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from proxy.emulator import claude_rules, converse_rules
from proxy.emulator.models import read_catalog
from proxy.emulator.signature import sign_thinking
from proxy.errors import InvalidRequest
from proxy.families import FAMILIES
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Image, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Request, Role, Sampling, Tool
from proxy.routing.catalog import Catalog, Model

CATALOG = Catalog.load()
EMULATED = read_catalog()
SERVICE = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
TOOLS = [Tool("f", "tools[0].function")]
PNG = "iVBORw0KGgo="
OLD, PREFILLED, NEW = (
    "anthropic.claude-sonnet-4-6",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "anthropic.claude-opus-4-8",
)
"""No system turns and no prefill; prefill; system turns."""
STRAY = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)


def said(role: Role, *parts: Block | str) -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def system(*parts: Block | str) -> Message:
    return said(Role.SYSTEM, *parts)


def user(*parts: Block | str) -> Message:
    return said(Role.USER, *parts)


def assistant(*parts: Block | str) -> Message:
    return said(Role.ASSISTANT, *parts)


def call(call_id: str, arguments: str = "{}") -> ToolUse:
    return ToolUse(call_id, "f", arguments, f"call {call_id}")


def result(call_id: str, *parts: Any, **more: Any) -> ToolResult:
    return ToolResult(call_id, [Text(part) if isinstance(part, str) else part for part in parts], call_id, **more)


def image() -> Image:
    return Image("image", PNG, "image/png")


def sealed(**more: Any) -> Reasoning:
    return Reasoning("Hm.", sign_thinking("Hm."), **more)


def mark(ttl: str | None = None) -> CacheMark:
    return CacheMark("mark", ttl)


CASES: dict[str, tuple[str, list[Message], list[str], list[str], str]] = {
    # name: (model, messages, what stands in system, the turns, what is reported)
    "a question": (OLD, [user("Hi")], [], ["user: Hi"], ""),
    "systems in front": (OLD, [system("A"), system("B", " "), user("Hi")], ["A", "B"], ["user: Hi"], ""),
    "a system in the middle": (
        OLD,
        [user("Hi"), assistant("Yes?"), system("Be brief."), user("Go")],
        [],
        ["user: Hi", "assistant: Yes?", "user: <system>\nBe brief.\n</system> | Go"],
        "messages[2]=moved-to-user-turn",
    ),
    "a system turn": (NEW, [user("Hi"), system("Be brief.")], [], ["user: Hi", "system: Be brief."], ""),
    "a system turn out of place": (
        NEW,
        [user("Hi"), system("Be brief."), user("Go")],
        [],
        ["user: Hi | <system>\nBe brief.\n</system> | Go"],
        "messages[1]=moved-to-user-turn",
    ),
    "systems alone": (OLD, [system("A"), system("B")], [], ["user: A | B"], "messages[1]=moved-to-user-turn"),
    "blank systems alone": (OLD, [system(" ")], [], ["user: ."], "messages[0]=placeholder"),
    "neighbours": (
        OLD,
        [user("A"), user("B", image()), assistant("C"), assistant("D"), user("E")],
        [],
        ["user: A | B | image", "assistant: C | D", "user: E"],
        "",
    ),
    "blank ones": (
        OLD,
        [user("A"), assistant("", " "), user("\n", "B"), assistant("C"), user("D")],
        [],
        ["user: A | B", "assistant: C", "user: D"],
        "",
    ),
    "nothing said": (OLD, [user("")], [], ["user: ."], "messages[0]=placeholder"),
    "a blank last word": (
        PREFILLED,
        [user("A"), assistant("B"), user(" ")],
        [],
        ["user: A", "assistant: B", "user: ."],
        "messages[2]=placeholder",
    ),
    "the assistant first": (
        OLD,
        [assistant("A"), user("B")],
        [],
        ["user: .", "assistant: A", "user: B"],
        "messages[0]=user-turn-inserted",
    ),
    "an answer begun": (
        PREFILLED,
        [user("A"), assistant("B \n")],
        [],
        ["user: A", "assistant: B"],
        "messages[1]=trailing-space-trimmed",
    ),
    "an answer begun and marked": (
        PREFILLED,
        [user("A"), assistant("B ", mark())],
        [],
        ["user: A", "assistant: B | mark"],
        "messages[1]=trailing-space-trimmed",
    ),
    "an answer that cannot be gone on from": (
        OLD,
        [user("A"), assistant("B")],
        [],
        ["user: A", "assistant: B", "user: Please go on from where you stopped."],
        "messages[1]=user-turn-appended",
    ),
    "a call": (
        OLD,
        [user("A"), assistant("B", call("a", '{"x": 1}')), user(result("a", "C"))],
        [],
        ["user: A", 'assistant: B | f#a {"x":1}', "user: #a C"],
        "",
    ),
    "a call without arguments": (
        OLD,
        [user("A"), assistant(call("a", "")), user(result("a", "C"))],
        [],
        ["user: A", "assistant: f#a {}", "user: #a C"],
        "",
    ),
    "results in several messages and another order": (
        OLD,
        [
            user("A"),
            assistant(call("a"), call("b"), call("c")),
            user(result("c", "3")),
            user("And?", result("a", "1")),
            user(result("b", "2", image())),
            user("Well?"),
        ],
        [],
        ["user: A", "assistant: f#a {} | f#b {} | f#c {}", "user: #a 1 | #b 2 image | #c 3 | And? | Well?"],
        "",
    ),
    "a system between calls and the rest": (
        OLD,
        [user("A"), assistant(call("a")), user(result("a", "1")), system("Be brief.")],
        [],
        ["user: A", "assistant: f#a {}", "user: #a 1 | <system>\nBe brief.\n</system>"],
        "messages[3]=moved-to-user-turn",
    ),
    "a system in front of results": (
        OLD,
        [user("A"), assistant(call("a")), system("Be brief."), user(result("a", "1"))],
        [],
        ["user: A", "assistant: f#a {}", "user: #a 1 | <system>\nBe brief.\n</system>"],
        "messages[2]=moved-to-user-turn",
    ),
    "one id in every turn": (
        OLD,
        [user("A"), *[assistant(call("a")), user(result("a", "1"))] * 3],
        [],
        [
            "user: A",
            *("assistant: f#a {}", "user: #a 1"),
            *("assistant: f#a_2 {}", "user: #a_2 1"),
            *("assistant: f#a_3 {}", "user: #a_3 1"),
        ],
        "",
    ),
    "odd ids": (
        OLD,
        [user("A"), assistant(call("a.b")), user(result("a.b", "1"))],
        [],
        ["user: A", "assistant: f#a_b_2e7336dc {}", "user: #a_b_2e7336dc 1"],
        "",
    ),
    "an error": (
        OLD,
        [user("A"), assistant(call("a")), user(result("a", "No such city", error_param="messages[2].is_error"))],
        [],
        ["user: A", "assistant: f#a {}", "user: #a error No such city"],
        "",
    ),
    "marks": (
        OLD,
        [
            system("S", mark()),
            user("A", mark()),
            assistant(call("a"), mark()),
            user(result("a", "1", cache_mark=mark()), "B"),
        ],
        ["S", "mark"],
        ["user: A | mark", "assistant: f#a {} | mark", "user: #a 1 | mark | B"],
        "",
    ),
    "a mark of nothing": (OLD, [user("A"), user(" ", mark())], [], ["user: A"], "mark=dropped"),
    "a mark on what another message said": (OLD, [user("A"), user(mark(), "B")], [], ["user: A | mark | B"], ""),
    "thoughts without a seal": (
        OLD,
        [user("A"), assistant(Reasoning("x"), "B"), user("C"), assistant(Reasoning("y", is_kept=True), "D"), user("E")],
        [],
        ["user: A", "assistant: B", "user: C", "assistant: D", "user: E"],
        "messages[1].thinking_blocks=dropped",
    ),
}


def built(messages: list[Message], model: Model, family: str, **more: Any) -> tuple[Any, str]:
    """The body, once the emulator's rules and botocore's model have nothing against it, and what is reported."""
    numbered = [Message(one.role, list(one.blocks), f"messages[{at}]") for at, one in enumerate(messages)]
    request = Request("m", numbered, tools=TOOLS, **more)
    before = repr(request)
    adapted = Adaptations()
    body = decode(FAMILIES[family].build(request, model, adapted).body)
    assert repr(request) == before
    if family == "claude":
        claude_rules.check(body, EMULATED[model.id])
    else:
        shape = SERVICE.operation_model("Converse").input_shape
        report = ParamValidator().validate({"modelId": "a.b", **body}, shape)
        assert not report.has_errors(), report.generate_report()
        converse_rules.check(body, EMULATED[model.id], is_stream=True)
    return body, adapted.header()


def told(block: Any) -> list[str]:
    """A block of either wire, in the words of the table."""
    kind = block.get("type") or next(iter(block))
    inner = block if "type" in block else block[kind]
    match kind:
        case "text":
            out = block["text"]
        case "tool_use" | "toolUse":
            arguments = str(inner["input"]).replace("'", '"').replace(": ", ":")
            out = f"{inner['name']}#{inner.get('id') or inner['toolUseId']} {arguments}"
        case "tool_result" | "toolResult":
            is_error = inner.get("is_error") or inner.get("status") == "error"
            parts = ["error"] * bool(is_error) + [one for part in inner["content"] for one in told(part)]
            out = f"#{inner.get('tool_use_id') or inner['toolUseId']} {' '.join(parts)}"
        case "cachePoint":
            out = "mark"
        case _:
            out = kind
    return [out, "mark"] if "cache_control" in block else [out]


def turns(body: Any) -> list[str]:
    return [
        f"{message['role']}: {' | '.join(one for block in message['content'] for one in told(block))}"
        for message in body["messages"]
    ]


@pytest.mark.parametrize("family", ["claude", "converse"])
@pytest.mark.parametrize("case", CASES)
def test_a_history(case: str, family: str) -> None:
    model_id, messages, in_front, wanted, reported = CASES[case]
    model = CATALOG.find(model_id)
    assert model is not None
    body, adapted = built(messages, model, family)
    assert [one for block in body.get("system", []) for one in told(block)] == in_front
    assert turns(body) == wanted
    assert adapted == reported


@pytest.mark.parametrize("family", ["claude", "converse"])
def test_a_thought_goes_back_where_the_model_thinks(family: str) -> None:
    model = CATALOG.find(OLD)
    assert model is not None
    messages = [user("A"), assistant(sealed(), "B", call("a")), user(result("a", "1"))]
    body, adapted = built(messages, model, family, sampling=Sampling(reasoning_effort="low"))
    kind = {"claude": "thinking", "converse": "reasoningContent"}[family]
    assert turns(body)[1] == f"assistant: {kind} | B | f#a {{}}"
    assert adapted == ""


REFUSED: dict[str, tuple[list[Message], str, str]] = {
    "a result of nothing": ([user("A"), user(result("a", "1"))], STRAY, "a"),
    "a result of another call": ([user("A"), assistant(call("a")), user(result("b", "1"))], STRAY, "b"),
    "two results of one call": ([user("A"), assistant(call("a")), user(result("a"), result("a"))], STRAY, "a"),
    "a late result": (
        [user("A"), assistant(call("a")), user("B"), assistant("C"), user(result("a"))],
        f"{UNANSWERED}a",
        "call a",
    ),
    "a result too few": (
        [user("A"), assistant(call("a"), call("b"), call("c")), user(result("b"))],
        f"{UNANSWERED}a, c",
        "call a",
    ),
    "a last call": ([user("A"), assistant("B", call("a"))], f"{UNANSWERED}a", "call a"),
}


@pytest.mark.parametrize("family", ["claude", "converse"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_history_that_is_refused(case: str, family: str) -> None:
    messages, message, param = REFUSED[case]
    for model_id in (OLD, PREFILLED, NEW):
        model = CATALOG.find(model_id)
        assert model is not None
        with pytest.raises(InvalidRequest) as raised:
            built(messages, model, family)
        assert (raised.value.message, raised.value.param) == (message, param)


def test_one_id_for_ever_costs_little() -> None:
    """The number behind an id is not looked for again from the beginning."""
    messages = [user("A"), *[assistant(*[call("a")] * 40), user(*[result("a", "1")] * 40)] * 100]
    model = CATALOG.find(OLD)
    assert model is not None
    body, _ = built(messages, model, "converse")
    ids = [block["toolUse"]["toolUseId"] for one in body["messages"] for block in one["content"] if "toolUse" in block]
    assert len({*ids}) == 4_000
    assert ids[-1] == "a_4000"


@pytest.mark.parametrize(
    ("model_id", "is_told"),
    [("amazon.nova-pro-v1:0", True), (OLD, True), ("qwen.qwen3-32b-v1:0", False), ("openai.gpt-oss-120b-1:0", False)],
)
def test_a_failed_call_by_converse(model_id: str, is_told: bool) -> None:
    model = CATALOG.find(model_id)
    assert model is not None
    messages = [user("A"), assistant(call("a")), user(result("a", "No", error_param="messages[2].status"))]
    body, adapted = built(messages, model, "converse")
    assert turns(body)[2] == ("user: #a error No" if is_told else "user: #a No")
    assert adapted == ("" if is_told else "messages[2].status=dropped")
