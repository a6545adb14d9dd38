"""What the tests of Converse share: neutral data as JSON, the service model as a judge, and frames."""

import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from proxy import jsonio
from proxy.bedrock.eventstream import encode_frame
from proxy.families import Call
from proxy.families.converse import FAMILY
from proxy.neutral import blocks, events
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.events import BlockKind, Event
from proxy.neutral.reply import FinishReason, Reply, Usage
from proxy.neutral.request import Guardrail, Message, OutputFormat, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog, Model

ROOT = Path(__file__).parents[3]
SERVICE = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")


class Converse:
    root = ROOT
    golden = ROOT / "tests/golden/converse"
    recordings = ROOT.parent / "shared/recordings/bedrock"

    def model(self, model_id: str, **changes: Any) -> Model:
        """A model of the catalogue, by Converse whatever its row says."""
        model = Catalog.load().find(model_id)
        assert model is not None
        return replace(model, family="converse", **changes)

    def build(self, request: Request, model: Model, adapted: Adaptations | None = None) -> Call:
        """The call, once botocore has nothing to say against its body."""
        call = FAMILY.build(request, model, Adaptations() if adapted is None else adapted)
        self.check(jsonio.decode(call.body), is_stream=request.stream and call.can_stream)
        return call

    def check(self, body: Any, *, is_stream: bool = False) -> None:
        """Raises `AssertionError` for a body that the service model does not allow: what may be sent whole may be sent
        for a stream as well, where the proxy matches the stops."""
        for operation in ("ConverseStream",) if is_stream else ("Converse", "ConverseStream"):
            shape = SERVICE.operation_model(operation).input_shape
            report = ParamValidator().validate({"modelId": "a.b", **body}, shape)
            assert not report.has_errors(), report.generate_report()
            _check_closely(body, shape, "body")

    def read(self, path: Path) -> Any:
        return jsonio.decode(path.read_bytes())

    def request(self, raw: dict[str, Any]) -> Request:
        raw = dict(raw)
        made = {
            "messages": [
                Message(Role(one["role"]), [_block(block) for block in one["blocks"]], f"messages[{index}]")
                for index, one in enumerate(raw.pop("messages"))
            ],
            "sampling": Sampling(**raw.pop("sampling", {})),
            "tools": [_tool(one, index) for index, one in enumerate(raw.pop("tools", []))],
            "tool_choice": ToolChoice(raw.pop("tool_choice", "auto")),
        }
        if "output_format" in raw:
            made["output_format"] = OutputFormat(param="response_format", **raw.pop("output_format"))
        if "guardrail" in raw:
            made["guardrail"] = Guardrail(**raw.pop("guardrail"))
        return Request(model="m", **made, **raw)

    def reply(self, raw: dict[str, Any]) -> Reply:
        raw = dict(raw)
        return Reply(
            blocks=[_block(block) for block in raw.pop("blocks")],
            finish=FinishReason(raw.pop("finish")),
            usage=Usage(**raw.pop("usage")),
            **raw,
        )

    def events(self, raw: Iterable[Any]) -> list[Event]:
        return [_event(one) for one in raw]

    def frame(self, kind: str, payload: Any, padding: str = "abc") -> bytes:
        headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")]
        return encode_frame(headers, jsonio.encode({**payload, "p": padding}))


def _check_closely(value: Any, shape: Shape, where: str) -> None:
    """What botocore leaves to the service: patterns, upper limits, words, and that blobs are base64."""
    facts = shape.metadata
    if shape.type_name == "structure" and not facts.get("document"):
        for name, member in shape.members.items():
            if name in value:
                _check_closely(value[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        assert len(value) <= facts.get("max", len(value)), where
        for index, item in enumerate(value):
            _check_closely(item, shape.member, f"{where}[{index}]")
    elif shape.type_name == "map":
        assert len(value) <= facts.get("max", len(value)), where
        for key, item in value.items():
            _check_closely(key, shape.key, f"{where} key")
            _check_closely(item, shape.value, f"{where}.{key}")
    elif shape.type_name == "blob":
        assert b64decode(value, validate=True), where
    elif shape.type_name == "string":
        assert len(value) <= facts.get("max", len(value)), where
        assert value in (facts.get("enum") or [value]), f"{where}: {value}"
        assert re.fullmatch(facts.get("pattern", ".*"), value, re.DOTALL), f"{where}: {value}"


def _tool(raw: dict[str, Any], index: int) -> Tool:
    raw = {"param": f"tools[{index}]", **raw}
    if "cache_mark" in raw:
        raw["cache_mark"] = blocks.CacheMark(**raw["cache_mark"])
    return Tool(**raw)


def _block(raw: Any) -> Any:
    if isinstance(raw, str):
        return blocks.Text(raw)
    ((name, fields),) = raw.items()
    if name == "ToolResult":
        fields = {**fields, "blocks": [_block(block) for block in fields.get("blocks", [])]}
        if "cache_mark" in fields:
            fields["cache_mark"] = blocks.CacheMark(**fields["cache_mark"])
    return getattr(blocks, name)(**fields)


def _event(raw: Any) -> Any:
    ((name, fields),) = raw.items()
    readers: dict[str, Any] = {"kind": BlockKind, "reason": FinishReason, "usage": lambda usage: Usage(**usage)}
    return getattr(events, name)(**{key: readers.get(key, _same)(value) for key, value in fields.items()})


def _same(value: Any) -> Any:
    return value


@pytest.fixture(scope="session")
def converse() -> Converse:
    return Converse()
