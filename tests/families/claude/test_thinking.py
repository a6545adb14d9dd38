"""How deep each model is told to think. Every body is one that the emulator's rules accept."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from proxy.emulator.signature import redact, sign_thinking
from proxy.errors import InvalidRequest, UnsupportedParameter
from proxy.families.claude import FAMILY
from proxy.families.thinking import Plan, plan
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import CacheMark, Reasoning, Text, ToolResult, ToolUse
from proxy.neutral.request import Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog

MODELS = [model for model in Catalog.load().all() if model.family == "claude"]
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS = (1, 1023, 1024, 5000, 100_000)
ROOMS = (None, 1, 1365, 1366, 4000, 1_000_000)
ADAPTIVE = {"type": "adaptive"}
SHOWN = {"type": "adaptive", "display": "summarized"}
OFF = {"type": "disabled"}
INTERLEAVED = "interleaved-thinking-2025-05-14"
THOUGHT = Reasoning("Hm.", sign_thinking("Hm."))
REDACTED = Reasoning("", redacted=redact(bytes(32)))


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_depth_is_one_that_the_model_takes(model: Any, claude: Any) -> None:
    depths = [*({"reasoning_effort": effort} for effort in EFFORTS), *({"reasoning_tokens": n} for n in BUDGETS)]
    both = {"temperature": 0.5, "top_p": 0.5}
    for depth, room, sampling in product(depths, ROOMS, ({}, both)):
        request = claude.asked(sampling=Sampling(max_tokens=room, **depth, **sampling), extra={"top_k": 5})
        built = claude.build(request, model)
        asked_for_none = depth.get("reasoning_effort") == "none"
        told = "reasoning_" in built.adapted
        if "reasoning" not in model.features and not asked_for_none:
            assert told
        if asked_for_none and (model.thinking is None or "disabled" in model.thinking.modes):
            assert not told


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_nothing_is_said_where_nothing_is_asked(model: Any, claude: Any) -> None:
    built = claude.build(claude.asked(), model, is_strict=True)
    assert not {"thinking", "output_config", "anthropic_beta"} & set(built.body)


DROPPED = "reasoning_effort=dropped"
PLANS: list[tuple[str, dict[str, Any], dict[str, Any] | None, str | None, str]] = [
    # model, what is asked, thinking, effort, adaptation
    ("3-5-haiku", {"reasoning_effort": "high"}, None, None, "reasoning_effort=dropped"),
    ("3-5-haiku", {"reasoning_tokens": 2000}, None, None, "reasoning_tokens=dropped"),
    ("3-5-haiku", {"reasoning_effort": "none"}, None, None, ""),
    ("sonnet-4-5", {"reasoning_effort": "none"}, None, None, ""),
    ("sonnet-4-5", {"reasoning_effort": "minimal"}, budget(1024), None, ""),
    ("sonnet-4-5", {"reasoning_effort": "low"}, budget(2048), None, ""),
    ("sonnet-4-5", {"reasoning_effort": "medium"}, budget(4096), None, ""),
    ("sonnet-4-5", {"reasoning_effort": "high"}, budget(8192), None, ""),
    ("sonnet-4-5", {"reasoning_effort": "xhigh"}, budget(16_384), None, ""),
    ("sonnet-4-5", {"reasoning_effort": "max"}, budget(32_768), None, ""),
    ("sonnet-4-5", {"reasoning_tokens": 60_000}, budget(48_000), None, "reasoning_tokens=60000->48000"),
    ("sonnet-4-5", {"reasoning_effort": "max", "max_tokens": 64_000}, budget(32_768), None, ""),
    ("sonnet-4-5", {"reasoning_tokens": 3000}, budget(3000), None, ""),
    ("sonnet-4-5", {"reasoning_tokens": 3000, "reasoning_effort": "low"}, budget(3000), None, DROPPED),
    ("sonnet-4-5", {"reasoning_tokens": 3000, "reasoning_effort": "none"}, None, None, "reasoning_tokens=dropped"),
    ("sonnet-4-5", {"reasoning_tokens": 1}, budget(1024), None, "reasoning_tokens=1->1024"),
    ("sonnet-4-5", {"reasoning_effort": "high", "max_tokens": 4000}, budget(3000), None, "reasoning_effort=8192->3000"),
    ("sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 1366}, budget(1024), None, "reasoning_effort=2048->1024"),
    ("sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 1365}, None, None, "reasoning_effort=dropped"),
    ("opus-4-5", {"reasoning_effort": "high"}, budget(8192), None, ""),
    ("opus-4-6", {"reasoning_effort": "minimal"}, ADAPTIVE, "low", "reasoning_effort=minimal->low"),
    ("opus-4-6", {"reasoning_effort": "medium"}, ADAPTIVE, "medium", ""),
    ("opus-4-6", {"reasoning_effort": "xhigh"}, ADAPTIVE, "max", "reasoning_effort=xhigh->max"),
    ("opus-4-6", {"reasoning_effort": "max"}, ADAPTIVE, "max", ""),
    ("opus-4-6", {"reasoning_effort": "none"}, None, None, ""),
    ("opus-4-6", {"reasoning_tokens": 2049}, budget(2049), None, ""),
    ("opus-4-6", {"reasoning_tokens": 90_000, "reasoning_effort": "low"}, budget(90_000), None, DROPPED),
    ("opus-4-7", {"reasoning_tokens": 1}, SHOWN, "low", "reasoning_tokens=1->low"),
    ("opus-4-7", {"reasoning_tokens": 2049}, SHOWN, "medium", "reasoning_tokens=2049->medium"),
    ("opus-4-7", {"reasoning_tokens": 100_000}, SHOWN, "xhigh", "reasoning_tokens=100000->xhigh"),
    ("opus-4-7", {"reasoning_tokens": 3000, "reasoning_effort": "high"}, SHOWN, "high", "reasoning_tokens=dropped"),
    ("opus-4-7", {"reasoning_effort": "max"}, SHOWN, "xhigh", "reasoning_effort=max->xhigh"),
    ("opus-4-7", {"reasoning_effort": "none"}, None, None, ""),
    ("sonnet-5", {"reasoning_effort": "none"}, OFF, None, ""),
    ("sonnet-5-5", {"reasoning_effort": "none"}, {"type": "between_tools"}, None, "reasoning_effort=between-tools"),
    ("opus-5-5", {"reasoning_effort": "none"}, None, "low", "reasoning_effort=low"),
    ("mythos-preview", {"reasoning_effort": "high"}, SHOWN, "high", ""),
]


@pytest.mark.parametrize(("name", "asked", "thinking", "effort", "adapted"), PLANS)
def test_plans(name: str, asked: dict[str, Any], thinking: Any, effort: str | None, adapted: str, claude: Any) -> None:
    built = claude.build(claude.asked(sampling=Sampling(**asked)), name)
    assert built.body.get("thinking") == thinking
    assert built.body.get("output_config") == ({"effort": effort} if effort else None)
    assert built.adapted == adapted


def test_a_model_that_always_thinks_and_has_no_efforts() -> None:
    """None of today's."""
    model = next(model for model in MODELS if model.id.endswith("opus-5-5"))
    assert model.thinking is not None
    model = replace(model, thinking=replace(model.thinking, efforts=()))
    for effort, said, used in (("none", "always-on", None), ("high", "", {**SHOWN})):
        adapted = Adaptations()
        made = plan(Request("m", [], Sampling(reasoning_effort=effort)), {}, model, adapted)
        assert made == Plan(32_768, used, None, is_on=True, is_asked=True)
        assert adapted.header() == (f"reasoning_effort={said}" if said else "")


def test_the_name_that_the_client_used_is_told(claude: Any) -> None:
    request = claude.asked(sampling=Sampling(reasoning_tokens=1))
    request.spelled = {"reasoning_tokens": "reasoning.max_tokens"}
    assert claude.build(request, "sonnet-4-5").adapted == "reasoning.max_tokens=1->1024"


def test_claudes_own_field_goes_as_it_is(claude: Any) -> None:
    for name, raw in (
        ("sonnet-4-5", budget(2000)),
        ("opus-4-6", budget(2000)),
        ("opus-4-7", {"type": "adaptive", "display": "omitted"}),
        ("sonnet-5-5", {"type": "between_tools"}),
        ("haiku-5-5", OFF),
    ):
        built = claude.build(claude.asked(extra={"thinking": raw}), name, is_strict=True)
        assert built.body["thinking"] == raw
    both = claude.asked(extra={"thinking": OFF}, sampling=Sampling(reasoning_effort="high"))
    built = claude.build(both, "sonnet-4-5")
    assert (built.body["thinking"], built.adapted) == (OFF, "reasoning_effort=dropped")
    tokens = claude.asked(extra={"thinking": OFF}, sampling=Sampling(reasoning_tokens=2000, reasoning_effort="low"))
    assert claude.build(tokens, "sonnet-4-5").adapted == "reasoning_effort=dropped, reasoning_tokens=dropped"


@pytest.mark.parametrize(
    ("name", "extra", "max_tokens", "param"),
    [
        ("sonnet-4-5", {"thinking": "x"}, None, "thinking"),
        ("sonnet-4-5", {"thinking": {}}, None, "thinking.type"),
        ("sonnet-4-5", {"thinking": {"type": ["enabled"]}}, None, "thinking.type"),
        ("sonnet-4-5", {"thinking": ADAPTIVE}, None, "thinking.type"),
        ("opus-4-7", {"thinking": budget(2000)}, None, "thinking.type"),
        ("opus-5-5", {"thinking": OFF}, None, "thinking.type"),
        ("3-5-haiku", {"thinking": budget(2000)}, None, "thinking.type"),
        ("sonnet-4-5", {"thinking": {"type": "enabled"}}, None, "thinking.budget_tokens"),
        ("sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": "many"}}, None, "thinking.budget_tokens"),
        ("sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": True}}, None, "thinking.budget_tokens"),
        ("sonnet-4-5", {"thinking": budget(1023)}, None, "thinking.budget_tokens"),
        ("sonnet-4-5", {"thinking": budget(4000)}, 4000, "thinking.budget_tokens"),
        ("sonnet-4-5", {"thinking": budget(4000)}, 1, "thinking.budget_tokens"),
        ("haiku-5-5", {"thinking": OFF, "output_config": {"effort": "xhigh"}}, None, "output_config.effort"),
        ("opus-4-7", {"output_config": "x"}, None, "output_config"),
        ("sonnet-4-5", {"output_config": {"effort": "low"}}, None, "output_config.effort"),
        ("3-5-haiku", {"output_config": {"effort": 5}}, None, "output_config.effort"),
        ("opus-4-5", {"anthropic_beta": "x"}, None, "anthropic_beta"),
        ("opus-4-5", {"anthropic_beta": ["effort-2025-11-24", 1]}, None, "anthropic_beta[1]"),
        ("opus-4-5", {"anthropic_beta": [["x"]]}, None, "anthropic_beta[0]"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_its_name(
    name: str, extra: Any, max_tokens: int | None, param: str, claude: Any
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        claude.build(claude.asked(extra=extra, sampling=Sampling(max_tokens=max_tokens)), name)
    assert raised.value.param == param
    assert f"'{param}'" in raised.value.message


def test_of_a_model_that_is_not_known_claudes_own_fields_go_as_they_are(claude: Any) -> None:
    model = replace(claude.model("opus-4-7"), id="anthropic.claude-9", is_listed=False)
    for raw in (OFF, budget(2000), {"type": "brisk"}):
        body = FAMILY.build(claude.asked(extra={"thinking": raw}), model, Adaptations(is_strict=True)).body
        assert decode(body)["thinking"] == raw


@pytest.mark.parametrize(
    ("name", "raw", "max_tokens", "sent", "room", "adapted"),
    [
        ("sonnet-4-5", 31_999, None, 31_999, 42_666, ""),
        ("sonnet-4-5", 60_000, None, 60_000, 64_000, ""),
        ("sonnet-4-5", 64_000, None, 48_000, 64_000, "thinking.budget_tokens=64000->48000"),
        ("sonnet-4-5", 3999, 4000, 3999, 4000, ""),
        ("sonnet-4-5", 80_000, 90_000, 48_000, 64_000, "max_tokens=90000->64000, thinking.budget_tokens=80000->48000"),
        ("3-7-sonnet", 16_000, None, 6144, 8192, "thinking.budget_tokens=16000->6144"),
    ],
)
def test_a_budget_of_the_clients_has_room(
    name: str, raw: int, max_tokens: int | None, sent: int, room: int, adapted: str, claude: Any
) -> None:
    """Where the client names no limit there is enough for its budget; only what contradicts itself is refused."""
    request = claude.asked(extra={"thinking": budget(raw)}, sampling=Sampling(max_tokens=max_tokens))
    built = claude.build(request, name)
    assert (built.body["thinking"], built.body["max_tokens"], built.adapted) == (budget(sent), room, adapted)


def test_between_calls_a_budget_may_exceed_the_limit(claude: Any) -> None:
    extra = {"thinking": budget(8000), "anthropic_beta": [INTERLEAVED]}
    built = claude.build(claude.asked(extra=extra, sampling=Sampling(max_tokens=2000)), "sonnet-4-5", is_strict=True)
    assert (built.body["thinking"], built.body["max_tokens"]) == (budget(8000), 2000)


@pytest.mark.parametrize(
    ("name", "others", "has_flag"),
    [
        ("sonnet-4-5", {"sampling": Sampling(reasoning_effort="low")}, True),
        ("opus-4-1", {"extra": {"thinking": budget(2000)}}, True),
        ("sonnet-4-5", {}, False),
        ("sonnet-4-5", {"sampling": Sampling(reasoning_effort="low"), "tool_choice": ToolChoice.NONE}, False),
        ("sonnet-4-5", {"sampling": Sampling(reasoning_effort="low"), "tools": []}, False),
        ("3-7-sonnet", {"sampling": Sampling(reasoning_effort="low")}, False),
        ("opus-4-6", {"sampling": Sampling(reasoning_effort="low")}, False),
        ("sonnet-5", {}, False),
    ],
)
def test_it_thinks_between_calls(name: str, others: dict[str, Any], has_flag: bool, claude: Any) -> None:
    """Newer models do so by themselves, those of 4 to 4.5 behind a flag."""
    built = claude.build(claude.asked(**{"tools": TOOLS, **others}), name, is_strict=True)
    assert (INTERLEAVED in built.body.get("anthropic_beta", [])) is has_flag


def test_an_effort_too_high_without_thinking(claude: Any) -> None:
    request = claude.asked(extra={"output_config": {"effort": "xhigh"}}, sampling=Sampling(reasoning_effort="none"))
    built = claude.build(request, "opus-5")
    assert (built.body["thinking"], built.body["output_config"]) == (OFF, {"effort": "high"})
    assert built.adapted == "output_config.effort=xhigh->high"


def test_claudes_own_effort(claude: Any) -> None:
    config = {"effort": "low"}
    built = claude.build(claude.asked(extra={"output_config": config}), "opus-4-7", is_strict=True)
    assert built.body["output_config"] == config
    both = claude.asked(extra={"output_config": config}, sampling=Sampling(reasoning_effort="high"))
    built = claude.build(both, "opus-4-7")
    assert (built.body["output_config"], built.adapted) == (config, "reasoning_effort=dropped")


def test_the_flag_that_an_effort_needs_is_set(claude: Any) -> None:
    flag = "effort-2025-11-24"
    other = "context-management-2025-06-27"
    for given, wanted in (([], [flag]), ([flag], [flag]), ([other], [other, flag])):
        extra = {"output_config": {"effort": "low"}, **({"anthropic_beta": given} if given else {})}
        built = claude.build(claude.asked(extra=extra), "opus-4-5", is_strict=True)
        assert built.body["anthropic_beta"] == wanted


@pytest.mark.parametrize("name", ["sonnet-4-5", "opus-4-6", "opus-4-7", "sonnet-5"])
def test_while_it_thinks_it_samples_as_it_likes(name: str, claude: Any) -> None:
    sampling = Sampling(reasoning_effort="low", temperature=0.5, top_p=0.5)
    built = claude.build(claude.asked(sampling=sampling, extra={"top_k": 5}), name)
    assert not {"temperature", "top_p", "top_k"} & set(built.body)
    assert built.adapted == "temperature=dropped, top_p=dropped, top_k=dropped"
    sampling = Sampling(reasoning_effort="low", temperature=1, top_p=1)
    assert claude.build(claude.asked(sampling=sampling), name, is_strict=True).adapted == ""


def test_while_it_thinks_it_goes_on_from_no_text(claude: Any) -> None:
    messages = [claude.said("Hi"), claude.said("Well", role=Role.ASSISTANT, param="messages[1]")]
    request = claude.asked(messages=messages, sampling=Sampling(reasoning_effort="low"))
    built = claude.build(request, "sonnet-4-5")
    assert built.adapted == "messages[1]=user-turn-appended"
    assert [turn["role"] for turn in built.body["messages"]] == ["user", "assistant", "user"]


CALL = ToolUse("call_1", "now", "{}", "messages[1].tool_calls[0]")
RESULT = ToolResult("call_1", [Text("noon")], "messages[2]")
TOOLS = [Tool("now", "tools[0].function")]


def loop(claude: Any, *before: Any, **others: Any) -> Request:
    """The results of a call come, and `before` stood in front of it."""
    return Request(
        "m",
        [
            claude.said("When?"),
            claude.said(*before, CALL, role=Role.ASSISTANT, param="messages[1]"),
            claude.said(RESULT, param="messages[2]"),
        ],
        tools=TOOLS,
        **others,
    )


RAW = {"extra": {"thinking": budget(2000)}}
ASKED = {"sampling": Sampling(reasoning_effort="low")}


@pytest.mark.parametrize("others", [RAW, ASKED], ids=["raw", "effort"])
def test_a_lost_thought_turns_thinking_by_budget_off(others: Any, claude: Any) -> None:
    param = "thinking" if others is RAW else "reasoning_effort"
    for before in (
        (),
        ("Let me see.",),
        (" ", CacheMark("messages[1].cache_control"), Reasoning("Hm.")),
        ("First a word.", THOUGHT),
    ):
        built = claude.build(loop(claude, *before, **others), "sonnet-4-5")
        assert "thinking" not in built.body
        assert f"{param}=off-for-this-turn" in built.adapted
    with pytest.raises(UnsupportedParameter) as raised:
        claude.build(loop(claude, **others), "sonnet-4-5", is_strict=True)
    assert raised.value.param == param


@pytest.mark.parametrize("others", [RAW, ASKED], ids=["raw", "effort"])
@pytest.mark.parametrize("before", [(THOUGHT,), (REDACTED,), (" ", THOUGHT, "A word."), (REDACTED, THOUGHT)])
def test_a_thought_that_came_back_is_sent_on(before: Any, others: Any, claude: Any) -> None:
    built = claude.build(loop(claude, *before, **others), "sonnet-4-5", is_strict=True)
    assert built.body["thinking"]["type"] == "enabled"
    kinds = [block["type"] for block in built.body["messages"][1]["content"]]
    assert kinds[0].endswith("thinking")
    assert kinds[-1] == "tool_use"


def test_thoughts_of_a_turn_that_was_cut_in_two_messages(claude: Any) -> None:
    other = ToolUse("call_2", "now", "{}")
    messages = [
        claude.said("When?"),
        claude.said(THOUGHT, role=Role.ASSISTANT),
        claude.said("One moment.", CALL, other, role=Role.ASSISTANT),
        claude.said(RESULT, ToolResult("call_2", [Text("noon")])),
        claude.said("Be brief.", role=Role.SYSTEM),
    ]
    request = Request("m", messages, Sampling(reasoning_effort="low"), TOOLS)
    assert claude.build(request, "sonnet-4-5").body["thinking"] == budget(2048)


def test_where_no_tool_has_been_called_no_thought_is_missed(claude: Any) -> None:
    for messages in (
        [claude.said("Hi")],
        [claude.said("Hi"), claude.said("Hello", role=Role.ASSISTANT), claude.said("And?")],
        [*loop(claude).messages, claude.said("Noon.", role=Role.ASSISTANT), claude.said("Thanks")],
    ):
        request = Request("m", messages, Sampling(reasoning_effort="low"), TOOLS)
        assert claude.build(request, "sonnet-4-5", is_strict=True).body["thinking"] == budget(2048)


@pytest.mark.parametrize("name", ["opus-4-6", "opus-4-7", "sonnet-5", "sonnet-5-5", "opus-5-5", "fable-5"])
def test_models_that_adapt_go_on_without_their_thoughts(name: str, claude: Any) -> None:
    built = claude.build(loop(claude, sampling=Sampling(reasoning_effort="low")), name, is_strict=True)
    assert built.body["thinking"]["type"] == "adaptive"
    assert built.adapted == "messages[1]=without-thoughts"


@pytest.mark.parametrize(
    ("name", "sampling", "is_kept"),
    [
        ("sonnet-4-5", Sampling(), False),
        ("sonnet-4-5", Sampling(reasoning_effort="low"), True),
        ("opus-4-7", Sampling(), False),
        ("sonnet-5", Sampling(), True),
        ("sonnet-5", Sampling(reasoning_effort="none"), False),
        ("sonnet-5-5", Sampling(reasoning_effort="none"), True),
        ("opus-5-5", Sampling(), True),
        ("3-5-haiku", Sampling(), False),
    ],
)
def test_thoughts_are_kept_where_the_model_thinks(name: str, sampling: Sampling, is_kept: bool, claude: Any) -> None:
    built = claude.build(loop(claude, THOUGHT, REDACTED, "So.", sampling=sampling), name)
    content = built.body["messages"][1]["content"]
    thoughts = [
        {"type": "thinking", "thinking": "Hm.", "signature": THOUGHT.signature},
        {"type": "redacted_thinking", "data": REDACTED.redacted},
    ]
    assert content[:-2] == (thoughts if is_kept else [])
    assert ("messages[1].thinking_blocks=dropped" in built.adapted) is not is_kept


def test_only_what_claude_has_sealed_goes_back(claude: Any) -> None:
    built = claude.build(loop(claude, Reasoning("Hm.")), "sonnet-5")
    assert [block["type"] for block in built.body["messages"][1]["content"]] == ["tool_use"]
    assert built.adapted == "messages[1]=without-thoughts, messages[1].thinking_blocks=dropped"


def forced(claude: Any, name: str, choice: ToolChoice, **others: Any) -> Any:
    chosen = "now" if choice is ToolChoice.NAMED else None
    return claude.build(claude.asked(tools=TOOLS, tool_choice=choice, chosen_tool=chosen, **others), name)


@pytest.mark.parametrize("choice", [ToolChoice.REQUIRED, ToolChoice.NAMED])
def test_the_habit_of_thinking_gives_way_to_a_forced_call(choice: ToolChoice, claude: Any) -> None:
    for name in ("sonnet-5", "opus-5", "haiku-5-5"):
        built = forced(claude, name, choice)
        assert built.body["thinking"] == OFF
        assert built.body["tool_choice"]["type"] in ("any", "tool")
        assert built.adapted == ""


@pytest.mark.parametrize("choice", [ToolChoice.AUTO, ToolChoice.NONE])
def test_it_keeps_the_habit_where_nothing_is_forced(choice: ToolChoice, claude: Any) -> None:
    for name in ("sonnet-5", "opus-5", "haiku-5-5"):
        assert "thinking" not in forced(claude, name, choice).body


@pytest.mark.parametrize("choice", [ToolChoice.REQUIRED, ToolChoice.NAMED])
def test_who_asks_for_thoughts_and_a_call_gets_the_call_in_words(choice: ToolChoice, claude: Any) -> None:
    for name in ("sonnet-4-5", "opus-4-6", "sonnet-5", "opus-5-5"):
        built = forced(claude, name, choice, sampling=Sampling(reasoning_effort="medium"))
        assert built.body["thinking"]["type"] in ("enabled", "adaptive")
        assert "tool_choice" not in built.body
        assert built.adapted == "tool_choice=auto-and-asked-for"
        assert "You have to call" in built.body["system"][0]["text"]
    # This one takes the call, and does not think then.
    built = forced(claude, "haiku-5-5", choice, sampling=Sampling(reasoning_effort="medium"))
    assert built.body["thinking"] == OFF
    assert built.adapted == "reasoning_effort=off-for-this-turn"
    built = forced(claude, "haiku-5-5", choice, extra={"thinking": {"type": "adaptive"}})
    assert built.adapted == "tool_choice=auto-and-asked-for"
