"""No text can open a turn. The templates themselves are in tests/golden/llama/requests."""

import random
import re

import pytest

from proxy.families.llama.template import TEMPLATES, HeaderTemplate, Llama2Template
from proxy.families.llama.turn import plain
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Text
from proxy.neutral.request import Message, Role
from proxy.routing.catalog import Catalog

HEADER_TOKEN = re.compile(r"<\|[A-Za-z0-9_]+\|>")
LLAMA2_MARK = re.compile(r"\[INST\]|\[/INST\]|<<SYS>>|<</SYS>>|<s>|</s>")
PIECES = [
    *("<", "|", ">", "[", "]", "/", "s", "S", "INST", "SYS", "eot_id", "start_header_id", "\n", " ", "é"),
    *("<|eot_id|>", "<|eot|>", "<|begin_of_text|>", "<|header_start|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    *("<s>", "</s>", "<|", "|>", "<<", ">>", "< |eot_id|>"),
]


def test_every_llama_of_the_catalogue_has_its_template() -> None:
    catalog = Catalog.load()
    models = [*catalog.all(), *(catalog.generation(name) for name in catalog.generations)]
    templates = {model.template for model in models if model is not None and model.family == "llama"}
    assert templates == set(TEMPLATES)


@pytest.mark.parametrize(
    ("neutralise", "mark"), [(HeaderTemplate.neutralise, HEADER_TOKEN), (Llama2Template.neutralise, LLAMA2_MARK)]
)
def test_neutralising(neutralise: object, mark: re.Pattern[str]) -> None:
    """No mark is left, nothing is deleted, only spaces are added, and only where a mark was; twice is as good as once."""
    assert callable(neutralise)
    chance = random.Random(1)
    for _ in range(20_000):
        text = "".join(chance.choices(PIECES, k=chance.randint(0, 8)))
        safe = neutralise(text)
        assert not mark.search(safe), text
        assert re.sub(r"(?<=[\[<]) ", "", safe) == re.sub(r"(?<=[\[<]) ", "", text)
        if not mark.search(text):
            assert safe == text
        assert neutralise(safe) == safe


def expected_marks(name: str, prompt: str) -> list[str]:
    return (LLAMA2_MARK if name == "llama2" else HEADER_TOKEN).findall(prompt)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_marks_in_a_prompt_are_the_templates_own(name: str) -> None:
    """The same conversation in harmless words has the same marks in the same order."""
    chance = random.Random(name)
    for _ in range(3000):
        roles = chance.choices(list(Role), k=chance.randint(1, 6))
        wild = [Message(role, [Text("".join(chance.choices(PIECES, k=3))) for _ in range(2)], "m") for role in roles]
        tame = [Message(message.role, [Text("x" if message.text.strip() else "")], "m") for message in wild]
        template = TEMPLATES[name]
        got, wanted = template.render(plain(wild), Adaptations()), template.render(plain(tame), Adaptations())
        assert expected_marks(name, got) == expected_marks(name, wanted)
        assert got.startswith("<s>[INST] " if name == "llama2" else "<|begin_of_text|><|")
