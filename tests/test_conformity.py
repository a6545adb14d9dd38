import pytest

from proxy.conformity import Form
from proxy.errors import InvalidRequest
from proxy.neutral.blocks import Reasoning, Text, ToolUse
from proxy.neutral.events import BlockKind, BlockStart, BlockStop, Event, Finish, TextDelta, UsageReport
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.request import OutputFormat
from proxy.neutral.unfold import unfold

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
    "required": ["name"],
    "additionalProperties": False,
}
BY_SCHEMA = OutputFormat("response_format.json_schema.schema", name="offer", schema=SCHEMA)
ANY_OBJECT = OutputFormat("response_format")
ANYTHING = OutputFormat("response_format.json_schema.schema", schema={})


def reply_of(text: str, finish: FinishReason = FinishReason.STOP) -> Reply:
    return Reply([Text(text)], finish, "word", Usage(1, 2))


def complaint(output: OutputFormat, reply: Reply) -> str | None:
    return Form(output).complaint(reply)


def watched(output: OutputFormat, *batches: list[Event]) -> str | None:
    watch = Form(output).watch()
    for batch in batches:
        watch.feed(batch)
    return watch.complaint


JUDGED = [
    (BY_SCHEMA, '{"name": "é", "price": 1.5}', None),
    (BY_SCHEMA, ' \n{"name": "x"}\n', None),
    (BY_SCHEMA, '{"name": "x", "price": "dear"}', '$.price: "dear" is not a number'),
    (BY_SCHEMA, "[]", "$: [] is not an object"),
    (ANY_OBJECT, "{}", None),
    (ANY_OBJECT, '{"any": ["thing", null]}', None),
    (ANY_OBJECT, "[1]", "$: [1] is not an object"),
    (ANY_OBJECT, "null", "$: null is not an object"),
    (ANYTHING, "3", None),
]


@pytest.mark.parametrize(("output", "text", "expected"), JUDGED)
def test_an_answer_is_judged_whole_and_at_every_split(output: OutputFormat, text: str, expected: str | None) -> None:
    assert complaint(output, reply_of(text)) == expected
    start, end = BlockStart(BlockKind.TEXT), Finish(FinishReason.STOP, "end_turn")
    for place in range(len(text) + 1):
        first, second = TextDelta(text[:place]), TextDelta(text[place:])
        assert watched(output, [start, first, second, BlockStop(), end]) == expected
        assert watched(output, [start, first], [BlockStop()], [start, second, BlockStop()], [end]) == expected
    assert watched(output, [start], *[[TextDelta(letter)] for letter in text], [BlockStop(), end]) == expected


@pytest.mark.parametrize("output", [BY_SCHEMA, ANY_OBJECT, ANYTHING])
@pytest.mark.parametrize("text", ["", "Sorry, no.", '{"name": "x"', '```json\n{"name": "x"}\n```', '{"name": NaN}'])
def test_what_is_not_json_never_conforms(output: OutputFormat, text: str) -> None:
    whole = complaint(output, reply_of(text))
    assert whole is not None
    assert whole.startswith("$: not JSON: ")
    assert watched(output, unfold(reply_of(text))) == whole


@pytest.mark.parametrize("finish", [finish for finish in FinishReason if finish is not FinishReason.STOP])
def test_an_answer_that_did_not_end_of_itself_is_not_judged(finish: FinishReason) -> None:
    assert complaint(BY_SCHEMA, reply_of('{"na', finish)) is None
    assert watched(BY_SCHEMA, unfold(reply_of('{"na', finish))) is None


def test_only_text_is_judged_and_all_of_it() -> None:
    blocks = [Reasoning("Hm. {", "sig"), Text('{"name"'), ToolUse("1", "f", "[]"), Text(': "x"}')]
    without_call = Reply(
        [block for block in blocks if not isinstance(block, ToolUse)], FinishReason.STOP, "end_turn", Usage()
    )
    assert complaint(BY_SCHEMA, without_call) is None
    assert watched(BY_SCHEMA, unfold(without_call)) is None


def test_an_answer_that_calls_a_tool_is_not_the_last_word() -> None:
    reply = Reply([Text("Let me look."), ToolUse("1", "f", "{}")], FinishReason.STOP, "end_turn", Usage())
    assert complaint(BY_SCHEMA, reply) is None
    assert watched(BY_SCHEMA, unfold(reply)) is None


def test_an_answer_that_met_a_stop_sequence_is_judged() -> None:
    reply = Reply([Text('{"name": "')], FinishReason.STOP, "stop_sequence", Usage(), stop_sequence="x")
    assert complaint(BY_SCHEMA, reply) is not None
    assert watched(BY_SCHEMA, unfold(reply)) is not None


def test_the_complaint_is_there_with_the_end_and_not_before() -> None:
    watch = Form(ANY_OBJECT).watch()
    watch.feed([BlockStart(BlockKind.TEXT), TextDelta("[]"), BlockStop()])
    assert watch.complaint is None
    watch.feed([Finish(FinishReason.STOP, "end_turn"), UsageReport(Usage())])
    assert watch.complaint == "$: [] is not an object"


def test_a_schema_that_is_none() -> None:
    output = OutputFormat("response_format.json_schema.schema", name="offer", schema={"type": "thing"})
    with pytest.raises(InvalidRequest) as caught:
        complaint(output, reply_of("{}"))
    assert caught.value.param == "response_format.json_schema.schema.type"
