"""Schemas as clients really send them through each family's build, before the judges of its wire; and what an emulated model
gives by what came through is what the client's own schema accepts."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from jsonschema_rs import validator_for

from proxy import jsonio
from proxy.emulator import claude_rules, converse_rules, llama_rules
from proxy.emulator.models import read_catalog
from proxy.emulator.samples import sample
from proxy.errors import InvalidRequest
from proxy.families import FAMILIES, Call
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Message, OutputFormat, Request, Role, Tool
from proxy.routing.catalog import Catalog, Model

REAL = Path(__file__).parents[1] / "schemas/real"
CASES: dict[str, Any] = {path.stem: jsonio.decode(path.read_bytes()) for path in sorted(REAL.glob("*.json"))}
SHAPE = (
    ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).operation_model("Converse").input_shape
)
EMULATED = read_catalog()
CATALOG = Catalog.load()
WIRES = {
    "claude": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude without schemas": "anthropic.claude-3-haiku-20240307-v1:0",
    "converse": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "converse, Nova": "amazon.nova-pro-v1:0",
    "converse, Mistral": "mistral.mistral-large-2407-v1:0",
    "converse, Qwen": "qwen.qwen3-32b-v1:0",
    "llama": "meta.llama3-1-70b-instruct-v1:0",
    "llama 4": "meta.llama4-scout-17b-instruct-v1:0",
}
ASK = [Message(Role.USER, [Text("Do it.")])]

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_wire = pytest.mark.parametrize("wire", WIRES)


def build(wire: str, request: Request) -> tuple[Call, Any]:
    """The call and its body, once its judges have nothing to say against it."""
    family = wire.split()[0].strip(",")
    model: Model | None = CATALOG.find(WIRES[wire])
    assert model is not None
    call = FAMILIES[family].build(request, model, Adaptations())
    body = jsonio.decode(call.body)
    emulated = EMULATED[model.id]
    if family == "claude":
        claude_rules.check(body, emulated)
    elif family == "llama":
        llama_rules.check(body, emulated)
    else:
        report = ParamValidator().validate({"modelId": "a.b", **body}, SHAPE)
        assert not report.has_errors(), report.generate_report()
        converse_rules.check(body, emulated, is_stream=False)
    return call, body


def is_within_reach(case: Any, wire: str) -> bool:
    """Models that follow no references cannot have recursion."""
    return not case.get("recursive") or "claude" in WIRES[wire] or wire.startswith("llama")


def offered(body: Any, name: str) -> Any:
    """The schema under which a tool is offered, where the wire has one."""
    tools = body.get("tools") or [tool["toolSpec"] for tool in body.get("toolConfig", {}).get("tools", [])]
    for tool in tools:
        if tool["name"] == name:
            return tool["input_schema"] if "input_schema" in tool else tool["inputSchema"]["json"]
    return None


@every_wire
@every_case
@pytest.mark.parametrize("is_strict", [False, True], ids=["loose", "strict"])
def test_as_a_tool(case: Any, wire: str, is_strict: bool) -> None:
    request = Request("m", ASK, tools=[Tool("f", "tools[0]", parameters=case["schema"], is_strict=is_strict)])
    if not is_within_reach(case, wire) or (case["schema"].get("type") == "array" and not wire.startswith("llama")):
        with pytest.raises(InvalidRequest, match=r"leads back to itself|got 'type: \"array\"'") as caught:
            build(wire, request)
        assert str(caught.value.param).startswith("tools[0].parameters")
        return
    call, body = build(wire, request)
    schema = offered(body, "f")
    if wire.startswith("llama"):
        assert schema is None
        return
    is_grammar = (
        is_strict and body != build(wire, Request("m", ASK, tools=[Tool("f", "x", parameters=case["schema"])]))[1]
    )
    if is_grammar:
        return
    if "Nova" in wire:
        assert schema.keys() <= {"type", "properties", "required", "additionalProperties"}
    value = sample(schema)
    key = call.argument_keys.get("f")
    assert validator_for(case["schema"]).is_valid(value if key is None else value[key]), (schema, value)


@every_wire
@every_case
def test_as_the_form_of_an_answer(case: Any, wire: str) -> None:
    param = "response_format.json_schema.schema"
    output = OutputFormat(param, "answer", schema=case["schema"])
    call, body = build(wire, Request("m", ASK, output_format=output))
    if call.answer_tool is not None:
        value = sample(offered(body, call.answer_tool))
        value = value if call.answer_key is None else value[call.answer_key]
        assert validator_for(case["schema"]).is_valid(value), value
