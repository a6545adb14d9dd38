import pytest

from proxy.families import FAMILIES, Call
from proxy.families.sampling import max_tokens
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Message, Request, Role, Sampling
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


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_more_than_bedrocks_512_tokens_when_nothing_is_asked_for(model: Model) -> None:
    wanted = max_tokens(Request("m", HELLO), model, Adaptations(is_strict=True))
    assert min(2048, model.max_output_tokens) <= wanted <= model.max_output_tokens
    assert wanted <= 32_768, "Bedrock reserves it against the account's tokens per minute"
    asked = Request("m", HELLO, Sampling(max_tokens=model.max_output_tokens))
    assert max_tokens(asked, model, Adaptations(is_strict=True)) == model.max_output_tokens
