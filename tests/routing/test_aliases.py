import pytest

from proxy.routing.aliases import Alias, check
from proxy.routing.catalog import Catalog

CATALOG = Catalog.load()
ARN = "arn:aws:bedrock:us-west-2:123456789012:"
APPLICATION = f"{ARN}application-inference-profile/abcdef123456"
IMPORTED = f"{ARN}imported-model/abcdef123456"
SONNET = "anthropic.claude-sonnet-4-6"
LLAMA33 = "meta.llama3-3-70b-instruct-v1:0"
NOVA = "amazon.nova-lite-v1:0"


class Template:
    """A chat template, as far as this looks at one."""

    takes_tools = False
    context_tokens = None


BAD_ALIASES = {
    "models.a.completion: it goes with a chat_template": {"a": Alias(id=IMPORTED, completion="openai")},
    "models.a: family and chat_template exclude each other": {
        "a": Alias(id=IMPORTED, family="llama3", chat_template=Template())
    },
    "models.a.chat_template: the model is Nova Lite; allowed: none, for it has its own": {
        "a": Alias(id=NOVA, chat_template=Template())
    },
    "models.gpt-4o: 'fast' is itself an alias; give the id behind it": {
        "gpt-4o": Alias(id="fast"),
        "fast": Alias(id=SONNET),
    },
    "models.a: 'b' is itself an alias; give the id behind it": {"a": Alias(id="b"), "b": Alias(id="a")},
    "models.gpt-4o: found 'gpt 4o'; allowed: a model id, inference profile or ARN": {"gpt-4o": Alias(id="gpt 4o")},
    "models.gpt-4o: found ''; allowed: a model id, inference profile or ARN": {"gpt-4o": Alias(id="")},
    "models.gpt-4o.family: found 'gpt'; allowed: claude, llama2, llama3, llama3.1, llama3.2, llama3.3, llama4, converse, "
    "or a model's base id": {"gpt-4o": Alias(id=APPLICATION, family="gpt")},
    "models.gpt-4o.family: found 'meta.llama9'; allowed: claude, llama2, llama3, llama3.1, llama3.2, llama3.3, llama4, "
    "converse, or a model's base id": {"gpt-4o": Alias(id=APPLICATION, family="meta.llama9")},
    "models.a.family: found 'llama2', and the model is Claude Sonnet 4.6; allowed: converse, or nothing": {
        "a": Alias(id=f"us.{SONNET}", family="llama2")
    },
    "models.a.family: found 'llama3.3', and the model is Nova Lite; allowed: converse, or nothing": {
        "a": Alias(id=f"{ARN}inference-profile/us.{NOVA}", family="llama3.3")
    },
    f"models.{LLAMA33}.family: found 'llama3', and the model is Llama 3.3 70B Instruct; allowed: converse, or nothing": {
        LLAMA33: Alias(family="llama3")
    },
}


@pytest.mark.parametrize("message", BAD_ALIASES)
def test_an_alias_that_cannot_be_used_stops_the_start(message: str) -> None:
    with pytest.raises(ValueError, match=r"^models\.") as caught:
        check(BAD_ALIASES[message], CATALOG)
    assert str(caught.value) == message
