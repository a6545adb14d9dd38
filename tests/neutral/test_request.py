from proxy.neutral.blocks import CacheMark, Text
from proxy.neutral.request import Message, Request, Role


def test_text_of_a_message() -> None:
    assert Message(Role.USER, []).text == ""
    assert Message(Role.USER, [Text("a")]).text == "a"
    assert Message(Role.USER, [Text("a"), CacheMark(""), Text("\n"), Text("b")]).text == "a\nb"


def test_param_is_what_the_client_wrote() -> None:
    request = Request("m", [], spelled={"max_tokens": "max_completion_tokens"})
    assert request.param("max_tokens") == "max_completion_tokens"
    assert request.param("temperature") == "temperature"
