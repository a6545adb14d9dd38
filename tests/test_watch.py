from dataclasses import replace

import pytest

from proxy.conformity import Form
from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.events import Finish, Unrecognised, UsageReport
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.request import Message, OutputFormat, Request, Role, Tool
from proxy.neutral.unfold import unfold
from proxy.routing.catalog import Catalog, Model
from proxy.watch import Watch

CATALOG = Catalog.load()
LLAMA = next(model for model in CATALOG.all() if model.family == "llama")
CLAUDE = next(model for model in CATALOG.all() if model.family == "claude")
STOP = Finish(FinishReason.STOP, "end_turn")


def request(choices: int = 1, *tools: Tool) -> Request:
    return Request("model", [Message(Role.USER, [Text("Hi")])], choices=choices, tools=list(tools))


def test_the_counts_of_all_choices_are_summed_and_the_last_of_each_holds() -> None:
    watch = Watch(request(2), CLAUDE, None, "req_1")
    assert not watch.feed([UsageReport(Usage(1, 1))], 0)
    assert not watch.feed([UsageReport(Usage(10, 20))], 1)
    assert watch.feed([UsageReport(Usage(1, 5)), STOP], 0)
    assert watch.usage == Usage(11, 25)


@pytest.mark.parametrize(("model", "kept"), [(CLAUDE, ["1"]), (replace(CLAUDE, family="converse"), ["1"]), (LLAMA, [])])
def test_thoughts_are_kept_for_those_who_want_them_back(model: Model, kept: list[str]) -> None:
    watch = Watch(request(1, Tool("f", "tools[0]")), model, None, "req_1")
    blocks = [Reasoning("Hm", "signed"), ToolUse("1", "f", "{}"), ToolUse("2", "f", "{}")]
    assert watch.feed(unfold(Reply(blocks, FinishReason.TOOL_USE, "tool_use", Usage())), 0)
    assert list(watch.thoughts(0)) == kept


def test_the_form_is_judged_for_each_choice() -> None:
    watch = Watch(request(2), LLAMA, Form(OutputFormat("response_format")), "req_1")
    for choice, text in enumerate(("{}", "no")):
        watch.feed(unfold(Reply([Text(text)], FinishReason.STOP, "stop", Usage())), choice)
    assert watch.complaint(0) is None
    assert watch.complaint(1) is not None


def test_what_is_new_is_logged_under_the_requests_id(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(request(), LLAMA, None, "req_1")
    watch.feed([Unrecognised("a frame 'x'"), Finish(FinishReason.UNKNOWN, "tired")], 0)
    assert [message.split(" ", 1)[0] for message in caplog.messages] == ["id=req_1", "id=req_1"]
    assert "a frame 'x'" in caplog.messages[0]
    assert "'tired'" in caplog.messages[1]
