from proxy.calling import CallBuilder, WholeOnly
from proxy.errors import StreamRefused
from proxy.families import FAMILIES
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Guardrail, Message, Request, Role, Tool
from proxy.routing.catalog import Catalog
from proxy.routing.resolve import Resolver
from proxy.telemetry.record import Record

RESOLVER = Resolver(Catalog.load(), "us-east-1", families=FAMILIES.keys())
NOVA, CLAUDE = "us.amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def builder(
    model: str, whole_only: WholeOnly, *, tools: bool = False, now: float = 0.0, guardrail: Guardrail | None = None
) -> tuple[CallBuilder, Record]:
    request = Request(
        model,
        [Message(Role.USER, [Text("Hi")])],
        stream=True,
        tools=[Tool("f", "tools[0]")] if tools else [],
        guardrail=guardrail,
        now=now,
    )
    record = Record("req_1", "POST", "/", 0.0)
    return CallBuilder(request, RESOLVER.resolve(model), Adaptations(), {}, record, whole_only), record


def test_a_refused_stream_becomes_a_whole_call_with_nothing_in_it_that_only_streams_have() -> None:
    guardrail = Guardrail("abc", "1", stream_mode="async")
    for model, wire in ((NOVA, "guardrailConfig"), (CLAUDE, "amazon-bedrock-guardrailConfig")):
        made, record = builder(model, WholeOnly(), guardrail=guardrail)
        first = made.build()
        assert first.can_stream
        assert "streamProcessingMode" in decode(first.body)[wire]
        assert record.adapted == ""
        second = made.instead[StreamRefused]()
        assert not second.can_stream
        assert b"streamProcessingMode" not in second.body
        assert record.adapted == "guardrailConfig.streamProcessingMode=dropped"


def test_a_refusal_to_stream_is_remembered_for_an_hour_of_that_model_with_tools_or_without() -> None:
    whole_only = WholeOnly()
    builder(NOVA, whole_only, tools=True, now=100.0)[0].instead[StreamRefused]()
    for model, tools, now, can_stream in (
        (NOVA, True, 3699.0, False),
        (NOVA, True, 3700.0, True),
        (NOVA, False, 100.0, True),
        (CLAUDE, True, 100.0, True),
    ):
        call = builder(model, whole_only, tools=tools, now=now)[0].build()
        assert call.can_stream is can_stream


def test_not_many_are_remembered() -> None:
    whole_only = WholeOnly()
    for number in range(1_001):
        whole_only.add(str(number), False, 0.0)
    assert [whole_only.has(str(number), False, 1.0) for number in (0, 1, 1_000)] == [False, True, True]
