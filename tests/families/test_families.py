from dataclasses import replace

import pytest

from proxy.errors import InvalidRequest
from proxy.families import FAMILIES, Call
from proxy.families.sampling import max_tokens
from proxy.jsonio import decode
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text, ToolResult, ToolUse
from proxy.neutral.request import Message, Request, Role, Sampling, Tool, ToolChoice
from proxy.routing.catalog import Catalog, Model

CATALOG = Catalog.load()
MODELS = [model for model in CATALOG.all() if model.family in FAMILIES]
HELLO = [Message(Role.USER, [Text("Hello")])]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_model_of_a_family_can_be_asked(model: Model) -> None:
    call = FAMILIES[model.family].build(Request("m", HELLO), model, Adaptations(is_strict=True))
    assert isinstance(call, Call)
    assert call.body
    assert call.stops == []


@pytest.mark.parametrize("name", CATALOG.generations)
def test_every_generation_that_an_operator_can_name(name: str) -> None:
    model = CATALOG.generation(name)
    assert model is not None
    if model.family in FAMILIES:
        assert FAMILIES[model.family].build(Request("m", HELLO), model, Adaptations(is_strict=True)).body


def test_every_family_has_models() -> None:
    assert set(FAMILIES) <= {model.family for model in CATALOG.all()}


CUT_OFF = ToolUse("call_1", "get_weather", '{"city":"Par', "messages[1].tool_calls[0].function")


@pytest.mark.parametrize("arguments", [CUT_OFF.arguments, "[1]", "x", "null"])
@pytest.mark.parametrize(
    "name", ["anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0", "meta.llama3-3-70b-instruct-v1:0"]
)
def test_arguments_that_are_no_object_go_to_models_that_read_text_alone(name: str, arguments: str) -> None:
    """As they were written: the model itself was cut off in them. Where the wire wants an object, they are refused."""
    model = CATALOG.find(name)
    assert model is not None
    use = replace(CUT_OFF, arguments=arguments)
    result = ToolResult(use.id, [Text("not called: the arguments are cut off")], "messages[2]")
    messages = [*HELLO, Message(Role.ASSISTANT, [use], "messages[1]"), Message(Role.USER, [result], "messages[2]")]
    request = Request("m", messages, tools=[Tool("get_weather", "tools[0].function")])
    if model.family == "llama":
        prompt = decode(FAMILIES[model.family].build(request, model, Adaptations(is_strict=True)).body)["prompt"]
        assert f"[get_weather(arguments={arguments!r})]" in prompt
        return
    with pytest.raises(InvalidRequest, match="expected the text of a JSON object") as raised:
        FAMILIES[model.family].build(request, model, Adaptations())
    assert (raised.value.param, raised.value.code) == (f"{use.param}.arguments", "invalid_value")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_more_than_bedrocks_512_tokens_when_nothing_is_asked_for(model: Model) -> None:
    wanted = max_tokens(Request("m", HELLO), model, Adaptations(is_strict=True))
    assert min(2048, model.max_output_tokens) <= wanted <= model.max_output_tokens
    assert wanted <= 32_768, "Bedrock reserves it against the account's tokens per minute"
    asked = Request("m", HELLO, Sampling(max_tokens=model.max_output_tokens))
    assert max_tokens(asked, model, Adaptations(is_strict=True)) == model.max_output_tokens


OLD_STYLE = Request(
    "m",
    HELLO,
    tools=[Tool("now", "functions[0]")],
    tool_choice=ToolChoice.NAMED,
    chosen_tool="now",
    spelled={"tools": "functions", "tool_choice": "function_call"},
)


@pytest.mark.parametrize("id", ["anthropic.claude-opus-5-5", "ai21.jamba-1-5-mini-v1:0"])
def test_what_becomes_of_a_choice_is_told_by_the_name_that_the_client_gave_it(id: str) -> None:
    model, adapted = CATALOG.find(id), Adaptations()
    assert model is not None
    FAMILIES[model.family].build(OLD_STYLE, model, adapted)
    assert list(adapted.items()) == ["function_call"]


def test_functions_for_a_model_without_are_refused_by_their_name() -> None:
    model = CATALOG.find("deepseek.r1-v1:0")
    assert model is not None
    with pytest.raises(InvalidRequest) as raised:
        FAMILIES[model.family].build(OLD_STYLE, model, Adaptations())
    assert raised.value.param == "functions"
