"""One line per rule: messages, and the words that Claude refuses them with (None: accepted)."""

from base64 import b64encode

import pytest

from proxy.emulator.claude_blocks import MAX_IMAGE
from proxy.emulator.claude_rules import check
from proxy.emulator.refusal import Refusal
from proxy.emulator.signature import redact, sign_thinking

SONNET4 = "anthropic.claude-sonnet-4-20250514-v1:0"
SONNET45 = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET46 = "anthropic.claude-sonnet-4-6"
OPUS5 = "anthropic.claude-opus-5"
EXTRA = "Extra inputs are not permitted"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
PAIRING = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
NO_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
NO_SYSTEM = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an '
    "input message role."
)
BAD_SIGNATURE = "messages.1.content.0: Invalid `signature` in `thinking` block"
NOT_EMPTY = "all messages must have non-empty content except for the optional final assistant message"


def user(*blocks):
    return {"role": "user", "content": list(blocks) if blocks and not isinstance(blocks[0], str) else blocks[0]}


def assistant(*blocks):
    return user(*blocks) | {"role": "assistant"}


def system(*blocks):
    return user(*blocks) | {"role": "system"}


def text(text, **more):
    return {"type": "text", "text": text, **more}


def use(id="t1", **more):
    return {"type": "tool_use", "id": id, "name": "now", "input": {}, **more}


def result(id="t1", **more):
    return {"type": "tool_result", "tool_use_id": id, **more}


def image(data=PNG, media_type="image/png", **more):
    data = b64encode(data).decode() if isinstance(data, bytes) else data
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data, **more}}


def pdf(data=b"%PDF-1.7"):
    source = {"type": "base64", "media_type": "application/pdf", "data": b64encode(data).decode()}
    return {"type": "document", "source": source}


def thought(text, signature=None):
    signature = sign_thinking(text) if signature is None else signature
    return {"type": "thinking", "thinking": text, "signature": signature}


CASES = [
    # shape
    (SONNET45, [], "messages: at least one message is required"),
    (SONNET45, "Hi", "messages: Input should be a valid list"),
    (SONNET45, ["Hi"], "messages.0: Input should be a valid dictionary"),
    (SONNET45, [{"content": "Hi"}], "messages.0.role: Field required"),
    (SONNET45, [{"role": "user"}], "messages.0.content: Field required"),
    (SONNET45, [{"role": "user", "content": None}], "messages.0.content: Input should be a valid list"),
    (SONNET45, [{"role": "user", "content": "Hi", "name": "Jo"}], f"messages.0.name: {EXTRA}"),
    (SONNET45, [{"role": "tool", "content": "Hi"}], "messages.0.role: Input should be 'user' or 'assistant'"),
    (SONNET45, [assistant("Hi")], 'messages: first message must use the "user" role'),
    (SONNET45, [user("Hi"), user("there"), assistant("Yes"), assistant("No"), user("Why?")], None),
    # text
    (SONNET45, [user("")], f"messages.0: {NOT_EMPTY}"),
    (SONNET45, [{"role": "user", "content": []}], f"messages.0: {NOT_EMPTY}"),
    (SONNET45, [user("a"), assistant(""), user("b")], f"messages.1: {NOT_EMPTY}"),
    (SONNET45, [user("a"), assistant("")], None),
    (SONNET45, [user(text(""))], "messages: text content blocks must be non-empty"),
    (SONNET45, [user(text("  "))], "messages: text content blocks must contain non-whitespace text"),
    (SONNET45, [user(" \n")], "messages: text content blocks must contain non-whitespace text"),
    (SONNET45, [user({"type": "text"})], "messages.0.content.0.text.text: Field required"),
    (SONNET45, [user(text(1))], "messages.0.content.0.text.text: Input should be a valid string"),
    (SONNET45, [user({"text": "Hi"})], "messages.0.content.0.type: Field required"),
    (SONNET45, [user(text("Hi", id="x"))], f"messages.0.content.0.text.id: {EXTRA}"),
    (SONNET45, [user(text("Hi", cache_control={"type": "ephemeral", "ttl": "1h"}))], None),
    (
        SONNET45,
        [user(text("Hi", cache_control={"type": "ephemeral", "ttl": "2h"}))],
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
    (
        SONNET45,
        [user(text("Hi", cache_control={"type": "ephemeral", "scope": "global"}))],
        f"messages.0.content.0.text.cache_control.ephemeral.scope: {EXTRA}",
    ),
    (
        SONNET45,
        [user(text("", cache_control={"type": "ephemeral"}))],
        "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
    ),
    (
        SONNET45,
        [user({"type": "input_text", "text": "Hi"})],
        "messages.0.content.0: Input tag 'input_text' found using 'type' does not match any of the expected tags: 'text', "
        "'image', 'document', 'search_result', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking', "
        "'server_tool_use', 'tool_search_tool_result', 'compaction', 'tool_addition', 'tool_removal'",
    ),
    (SONNET45, [user(use())], "messages.0.content.0: `tool_use` blocks are not permitted in `user` messages"),
    # images and documents
    (SONNET45, [user(image(), text("What is it?"))], None),
    (SONNET45, [user(image("%%%"))], "messages.0.content.0.image.source.base64.data: Invalid base64 data"),
    (
        SONNET45,
        [user(image(b"GIF89a"))],
        "messages.0.content.0.image.source.base64.data: Image format and content type mismatch: the image is not of type "
        "image/png",
    ),
    (SONNET45, [user(image(b"hello"))], "Could not process image"),
    (
        SONNET45,
        [user(image(media_type="image/bmp"))],
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or "
        "'image/webp'",
    ),
    (
        SONNET45,
        [user(image(PNG + b"\0" * MAX_IMAGE))],
        f"messages.0.content.0.image.source.base64: The provided image exceeds the maximum size: {MAX_IMAGE + 24} bytes > "
        f"{MAX_IMAGE} bytes",
    ),
    (
        SONNET45,
        [user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})],
        "messages.0.content.0.image.source: Input tag 'url' found using 'type' does not match any of the expected tags: "
        "'base64'",
    ),
    (SONNET45, [user(image(detail="low"))], f"messages.0.content.0.image.source.base64.detail: {EXTRA}"),
    (SONNET45, [user(pdf(), text("Sum it up"))], None),
    (
        SONNET45,
        [user(pdf(b"hello"))],
        "messages.0.content.0.document.source.base64.data: The PDF specified was not valid.",
    ),
    (
        SONNET45,
        [user({"type": "document", "source": {"type": "text", "media_type": "text/html", "data": "x"}})],
        "messages.0.content.0.document.source.text.media_type: Input should be 'text/plain'",
    ),
    (SONNET45, [user({"type": "document", "source": {"type": "content", "content": "x"}})], None),
    (
        SONNET45,
        [user({"type": "document", "source": {"type": "content", "content": [pdf()]}})],
        "messages.0.content.0.document.source.content.content.0: Input tag 'document' found using 'type' does not match any "
        "of the expected tags: 'text', 'image'",
    ),
    (SONNET45, [user({"type": "search_result", "source": "s", "title": "t", "content": [text("x")]})], None),
    (
        SONNET45,
        [user({"type": "search_result", "source": "s", "title": "t", "content": "x"})],
        "messages.0.content.0.search_result.content: Input should be a valid list",
    ),
    # tools
    (SONNET45, [user("a"), assistant(text("b"), use()), user(result(content="c"), text("d"))], None),
    (SONNET45, [user("a"), assistant(use()), user(result()), user("and?")], None),
    (SONNET45, [user("a"), assistant(use("t1"), use("t2")), user(result("t2")), user(result("t1"))], None),
    (
        SONNET45,
        [user("a"), assistant(use()), user("c")],
        f"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. {PAIRING}",
    ),
    (
        SONNET45,
        [user("a"), assistant(use("t1"), use("t2")), user(result("t1"))],
        f"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t2. {PAIRING}",
    ),
    (
        SONNET45,
        [user("a"), assistant(use()), user(text("first"), result())],
        f"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. {PAIRING}",
    ),
    (
        SONNET45,
        [user("a"), assistant(use())],
        f"messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. {PAIRING}",
    ),
    (
        SONNET45,
        [user(result())],
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1. Each `tool_result` block must "
        "have a corresponding `tool_use` block in the previous message.",
    ),
    (
        SONNET45,
        [user("a"), assistant(use()), user(result(), result())],
        "messages.2.content: each tool_use must have a single result.",
    ),
    (
        SONNET45,
        [user("a"), assistant(use(), use()), user(result())],
        "messages.1: `tool_use` ids must be unique",
    ),
    (
        SONNET45,
        [user("a"), assistant(use("call:1")), user(result("call:1"))],
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    (
        SONNET45,
        [user("a"), assistant(use(input="{}")), user(result())],
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        SONNET45,
        [user("a"), assistant(use()), user(result(is_error="no"))],
        "messages.2.content.0.tool_result.is_error: Input should be a valid boolean",
    ),
    (SONNET45, [user("a"), assistant(use()), user(result(content=[text("x"), image()]))], None),
    (
        SONNET45,
        [user("a"), assistant(use()), user(result(content=[text("")]))],
        "messages: text content blocks must be non-empty",
    ),
    (
        SONNET45,
        [user("a"), assistant(use()), user(result(content=[use()]))],
        "messages.2.content.0.tool_result.content.0: Input tag 'tool_use' found using 'type' does not match any of the "
        "expected tags: 'text', 'image', 'document', 'search_result', 'tool_reference'",
    ),
    # thinking
    (SONNET45, [user("a"), assistant(thought("Hm"), text("b")), user("c")], None),
    (SONNET45, [user("a"), assistant(thought(""), text("b")), user("c")], None),
    (SONNET45, [user("a"), assistant(thought("Hm", signature=""), text("b")), user("c")], BAD_SIGNATURE),
    (SONNET45, [user("a"), assistant(thought("Hm", signature="made up"), text("b")), user("c")], BAD_SIGNATURE),
    (SONNET45, [user("a"), assistant(thought("Hm") | {"thinking": "Hm!"}, text("b")), user("c")], BAD_SIGNATURE),
    (
        SONNET45,
        [user("a"), assistant({"type": "thinking", "thinking": ""}, text("b")), user("c")],
        "messages.1.content.0.thinking.signature: Field required",
    ),
    (
        SONNET45,
        [
            user("a"),
            assistant(
                {"type": "redacted_thinking", "data": redact(b""), "cache_control": {"type": "ephemeral"}}, text("b")
            ),
            user("c"),
        ],
        f"messages.1.content.0.redacted_thinking.cache_control: {EXTRA}",
    ),
    *(
        (
            SONNET45,
            [user("a"), assistant({"type": "redacted_thinking", "data": data}, text("b")), user("c")],
            "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        )
        for data in ("", "x", "Zm9yZ2Vk")
    ),
    # prefill
    (SONNET45, [user("a"), assistant("The answer is")], None),
    (
        SONNET45,
        [user("a"), assistant("The answer is ")],
        "messages: final assistant content cannot end with trailing whitespace",
    ),
    (SONNET46, [user("a"), assistant("The answer is")], NO_PREFILL),
    (OPUS5, [user("a"), assistant("The answer is")], NO_PREFILL),
    # system turns
    (SONNET45, [user("a"), system("b")], NO_SYSTEM),
    (OPUS5, [user("a"), system("b")], None),
    (OPUS5, [user("a"), system("b"), assistant("c"), user("d")], None),
    (OPUS5, [system("b"), user("a")], 'messages: first message must use the "user" role'),
    (
        OPUS5,
        [user("a"), system("b"), user("c")],
        'messages.1: role "system" must be last or be followed by an assistant message',
    ),
    (
        OPUS5,
        [user("a"), system("b"), system("c")],
        'messages.1: role "system" must be last or be followed by an assistant message',
    ),
    (OPUS5, [user("a"), assistant("b"), system("c")], 'messages.2: role "system" must directly follow a user message'),
    (
        OPUS5,
        [
            user("a"),
            assistant({"type": "server_tool_use", "id": "s", "name": "n", "input": {}}),
            system("c"),
        ],
        None,
    ),
    (
        OPUS5,
        [user("a"), system(image())],
        "messages.1.content.0: `image` blocks are not permitted in `system` messages",
    ),
]


@pytest.mark.parametrize(("id", "messages", "message"), CASES, ids=[str(index) for index in range(len(CASES))])
def test_rule(models, id, messages, message):
    verify(models[id], {"messages": messages}, message)


def verify(model, changes, message):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2000} | changes
    if message is None:
        check(body, model)
        return
    with pytest.raises(Refusal) as refused:
        check(body, model)
    assert refused.value.message == message


def test_messages_are_required(models):
    verify(models[SONNET45], {}, "messages: Field required")


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("Be brief.", None),
        ("", None),
        ([text("Be brief.", cache_control={"type": "ephemeral"})], None),
        ([text("")], "system: text content blocks must be non-empty"),
        ([text(" ")], "system: text content blocks must contain non-whitespace text"),
        ([{"type": "text"}], "system.0.text: Field required"),
        ([text("x", id=1)], f"system.0.id: {EXTRA}"),
        (
            [image()],
            "system.0: Input tag 'image' found using 'type' does not match any of the expected tags: 'text'",
        ),
        (None, "system: Input should be a valid list"),
    ],
)
def test_system(models, system, message):
    verify(models[SONNET45], {"system": system, "messages": [user("Hi")]}, message)


@pytest.mark.parametrize(
    ("answer", "follow_up", "found"),
    [
        ([use()], [result()], "tool_use"),
        ([text("b"), use()], [result(), text("c")], "text"),
        ([thought("Hm"), use()], [result()], None),
        ([{"type": "redacted_thinking", "data": redact(b"")}, use()], [result()], None),
        ([text("b")], [text("c")], None),
    ],
)
def test_with_a_budget_the_thinking_before_a_tool_call_comes_back(models, answer, follow_up, found):
    message = (
        None
        if found is None
        else (
            f"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. When `thinking` is "
            "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of "
            "`tool_use` and `tool_result` blocks). To avoid this requirement, disable `thinking`."
        )
    )
    messages = [user("a"), assistant(*answer), user(*follow_up)]
    verify(models[SONNET45], {"thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": messages}, message)
    verify(models[SONNET45], {"messages": messages}, None)
    verify(models[SONNET46], {"thinking": {"type": "adaptive"}, "messages": messages}, None)


def mark(ttl=None):
    return text("x", cache_control={"type": "ephemeral"} | ({"ttl": ttl} if ttl else {}))


@pytest.mark.parametrize(
    ("system", "first", "message"),
    [
        ([mark("1h")], [mark()], None),
        ([mark("5m")], [mark()], None),
        (
            [mark()],
            [mark("1h")],
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note "
            "that blocks are processed in the following order: `tools`, `system`, `messages`.",
        ),
        ([mark()] * 4, ["x"], None),
        ([mark()] * 4, [mark()], "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    ],
)
def test_cache_marks_as_a_whole(models, system, first, message):
    verify(models[SONNET45], {"system": system, "messages": [user(*first)]}, message)


def test_an_hour_of_cache_is_for_4_5_and_later(models):
    changes = {"system": [mark("1h")], "messages": [user("Hi")]}
    verify(models[SONNET4], changes, "system.0.cache_control.ephemeral.ttl: Input should be '5m'")


def test_prefill_and_thinking_exclude_each_other(models):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    verify(models[SONNET45], {"thinking": thinking, "messages": [user("a"), assistant("b")]}, NO_PREFILL)


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([user("a")], None),
        ([user("a"), assistant(pdf()), user("b")],
         "messages.1.content.0: `document` blocks are not permitted in `assistant` messages"),
        ([user(text("a", citations=[]))], f"messages.0.content.0.text.citations: {EXTRA}"),
    ],
)  # fmt: skip
def test_the_new_api_version_takes_less(models, messages, message):
    verify(models[OPUS5], {"anthropic_version": "2026-10-21", "messages": messages}, message)
