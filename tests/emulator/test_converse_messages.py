from base64 import b64encode

import pytest

from proxy.emulator.converse_messages import check_messages, check_system
from proxy.emulator.refusal import Refusal

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET46 = "anthropic.claude-sonnet-4-6"
OPUS5 = "anthropic.claude-opus-5"
NOVA = "amazon.nova-lite-v1:0"
MICRO = "amazon.nova-micro-v1:0"
LLAMA4 = "meta.llama4-scout-17b-instruct-v1:0"
LLAMA3 = "meta.llama3-8b-instruct-v1:0"
QWEN = "qwen.qwen3-32b-v1:0"
MIXTRAL = "mistral.mixtral-8x7b-instruct-v0:1"
VOXTRAL = "mistral.voxtral-mini-3b-2507"

GIF = b64encode(b"GIF89a").decode()
PDF = b64encode(b"%PDF-1.4").decode()
HI = {"text": "Hi"}
POINT = {"cachePoint": {"type": "default"}}
IMAGE = {"image": {"format": "gif", "source": {"bytes": GIF}}}
S3 = {"s3Location": {"uri": "s3://bucket/key"}}
REASONING = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s"}}}


def document(name="d", format="pdf", **source):
    return {"document": {"name": name, "format": format, "source": source or {"bytes": PDF}}}


def use(id="t", **fields):
    return {"toolUse": {"toolUseId": id, "name": "now", "input": {}, **fields}}


def result(id="t", *content, **fields):
    return {"toolResult": {"toolUseId": id, "content": list(content or [HI]), **fields}}


def user(*content):
    return {"role": "user", "content": list(content or [HI])}


def assistant(*content):
    return {"role": "assistant", "content": list(content or [HI])}


@pytest.mark.parametrize(
    ("id", "messages", "has_tools"),
    [
        (NOVA, [user()], False),
        (NOVA, [user(), assistant(), user()], False),
        (SONNET, [assistant(), user()], False),
        (SONNET, [user(), assistant()], False),
        (NOVA, [user(), assistant(use("a"), use("b")), user(result("b"), result("a"), HI)], True),
        (NOVA, [user(IMAGE), assistant(use()), user(result("t", IMAGE))], True),
        (SONNET, [user(HI, document("a (1)-[b]"), document("c"))], False),
        (SONNET, [user(), assistant(use()), user(result("t", document()))], True),
        (LLAMA4, [user(HI, IMAGE, document())], False),
        (LLAMA4, [user(), assistant(use()), user(result("t", document()))], True),
        (NOVA, [user({"image": {"format": "png", "source": S3}}, {"video": {"format": "mp4", "source": S3}})], False),
        (SONNET, [user(HI, POINT)], False),
        (SONNET46, [user(), assistant(REASONING, HI), user()], False),
        (OPUS5, [user(), {"role": "system", "content": [HI]}], False),
        (VOXTRAL, [user({"audio": {"format": "mp3", "source": {"bytes": "eA=="}}}, HI)], False),
        (
            "amazon.nova-2-lite-v1:0",
            [user(), assistant(use("s", type="server_tool_use"), result("s", {"json": {}}, type="x")), user()],
            True,
        ),
    ],
)
def test_what_is_taken(models, id, messages, has_tools):
    assert check_messages(messages, models[id]) is has_tools


@pytest.mark.parametrize(
    ("id", "messages", "words"),
    [
        (
            NOVA,
            [user({"text": " \n"})],
            "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and "
            "try again.",
        ),
        (NOVA, [user(), assistant({"text": ""}), user()], "at messages.1.content.0 is blank."),
        (NOVA, [{"role": "user", "content": []}], "The content field in the Message object at messages.0 is empty."),
        (NOVA, [assistant(), user()], "A conversation must start with a user message."),
        (NOVA, [user(), user()], "A conversation must alternate between user and assistant roles."),
        (
            SONNET,
            [user(), assistant(), assistant(), user()],
            "A conversation must alternate between user and assistant",
        ),
        (NOVA, [user(), assistant()], "The conversation must end with a user message."),
        (SONNET46, [user(), assistant()], "This model does not support assistant message prefill."),
        (SONNET, [user(), {"role": "system", "content": [HI]}], "The role system at messages.1 is not supported"),
        (
            NOVA,
            [user(), assistant(use("a"), use("b")), user(result("b"))],
            "Expected toolResult blocks at messages.2.content for the following Ids: a",
        ),
        (
            NOVA,
            [user(), assistant(), user(result())],
            "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
        ),
        (NOVA, [user(result())], "at messages.0.content exceeds the number of toolUse blocks"),
        (NOVA, [user(), assistant(use("a")), user(result("b"))], "for the following Ids: a"),
        (NOVA, [user(), assistant(use("a")), user(result("a"), result("a"))], "exceeds the number of toolUse blocks"),
        (NOVA, [user(), assistant(use("a"), use("a")), user(result("a"), result("a"))], "contain duplicate Ids"),
        (NOVA, [user(), assistant(use(input="x")), user(result())], "The format of the value at messages.1.content.0."),
        (
            NOVA,
            [user(), assistant(use()), user(result("t", {"json": []}))],
            "toolResult.content.0.json is invalid. Provide",
        ),
        (
            NOVA,
            [user(), assistant(use()), user(result("t", {"text": ""}))],
            "messages.2.content.0.toolResult.content.0 is bl",
        ),
        (QWEN, [user(), assistant(use()), user(result("t", IMAGE))], "doesn't support the image field at messages.2"),
        (
            QWEN,
            [user(), assistant(use()), user(result(status="error"))],
            "doesn't support the status field at messages.2",
        ),
        (
            NOVA,
            [user(use())],
            "The toolUse field at messages.0.content.0 is not allowed in a message of the user role.",
        ),
        (
            NOVA,
            [user(), assistant(IMAGE), user()],
            "The image field at messages.1.content.0 is not allowed in a message of",
        ),
        (SONNET, [user(REASONING)], "The reasoningContent field at messages.0.content.0 is not allowed"),
        (NOVA, [user(), assistant(REASONING, HI), user()], "This model doesn't support the reasoningContent field."),
        (QWEN, [user(IMAGE)], "This model doesn't support images."),
        (
            SONNET,
            [user({"image": {"format": "png", "source": {"bytes": GIF}}})],
            "Image format png and content type mism",
        ),
        (SONNET, [user({"image": {"format": "png", "source": {"bytes": "eA=="}}})], "Could not process image"),
        (
            SONNET,
            [user({"image": {"format": "png", "source": S3}})],
            "messages.0.content.0.source.type: Field required",
        ),
        (NOVA, [user(*[IMAGE] * 21)], "The number of images exceeds the limit of 20: 21."),
        (QWEN, [user(HI, document())], "This model doesn't support documents."),
        (MICRO, [user(HI, document())], "This model doesn't support documents."),
        (NOVA, [user(document())], "A document at messages.0.content has no text beside it."),
        (NOVA, [user(HI, document("report.pdf"))], "The document file name can only contain alphanumeric characters"),
        (NOVA, [user(HI, document("a  b"))], "The name can't contain more than one consecutive whitespace character."),
        (
            NOVA,
            [user(HI, document("a")), assistant(), user(HI, document("a"))],
            "Messages can't contain duplicate document",
        ),
        (NOVA, [user(HI, *(document(str(n)) for n in range(6)))], "The number of documents exceeds the limit of 5: 6."),
        (NOVA, [user(HI, document(bytes="eA=="))], "The PDF document at messages.0.content.1 could not be read."),
        (
            NOVA,
            [user(HI, document(format="txt", bytes="eHh4" * 1_600_000))],
            "exceeds the maximum size of 4718592 bytes",
        ),
        (MICRO, [user({"video": {"format": "mp4", "source": S3}})], "This model doesn't support videos."),
        (NOVA, [user({"audio": {"format": "mp3", "source": S3}})], "This model doesn't support audio."),
        (QWEN, [user(HI, POINT)], "You invoked an unsupported model or your request did not allow prompt caching."),
    ],
)
def test_what_is_refused(models, id, messages, words):
    with pytest.raises(Refusal) as refused:
        check_messages(messages, models[id])
    assert words in refused.value.message


def test_an_image_that_is_too_large(models):
    data = b64encode(b"GIF8" + bytes(3_932_160)).decode()
    with pytest.raises(Refusal, match="exceeds the maximum size: 3932164 bytes > 3932160 bytes"):
        check_messages([user({"image": {"format": "gif", "source": {"bytes": data}}})], models[NOVA])


@pytest.mark.parametrize(
    ("id", "system", "words"),
    [
        (NOVA, [HI, POINT], None),
        (MIXTRAL, [], None),
        (MIXTRAL, [HI], "This model doesn't support system messages."),
        (NOVA, [{"text": " "}], "The text field in the SystemContentBlock object at system.0 is blank."),
        (LLAMA3, [HI, POINT], "You invoked an unsupported model or your request did not allow prompt caching."),
    ],
)
def test_system(models, id, system, words):
    if words is None:
        check_system(system, models[id])
        return
    with pytest.raises(Refusal) as refused:
        check_system(system, models[id])
    assert words in refused.value.message
