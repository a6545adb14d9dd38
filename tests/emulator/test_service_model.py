import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from proxy.emulator.refusal import Refusal
from proxy.emulator.service_model import check

HI = {"role": "user", "content": [{"text": "Hi"}]}
ONE = "1 validation error detected: "


def fails(body, shape="ConverseRequest"):
    with pytest.raises(Refusal) as refused:
        check(body, shape)
    assert refused.value.status == 400
    return refused.value.message


def content(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [HI]},
        content({"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}),
        content({"toolUse": {"toolUseId": "a.b:c", "name": "n", "input": [1, None, {"x": 1.5}]}}),
        {"messages": [HI], "requestMetadata": {"team": ""}, "additionalModelRequestFields": {"a": {"b": [None]}}},
        {"messages": [HI], "inferenceConfig": {"temperature": 1, "topP": 0.5}},
    ],
)
def test_what_is_of_the_shape(body):
    check(body, "ConverseRequest")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (5, ONE + "Value at '' failed to satisfy constraint: Member must be an object, not int"),
        ([], "Member must be an object, not list"),
        (
            {"messages": None},
            ONE + "Value at 'messages' failed to satisfy constraint: Member must be an array, not null",
        ),
        (
            {"messages": [HI], "stream": True},
            "Value at 'stream' failed to satisfy constraint: No such member; there are",
        ),
        ({"messages": [HI], "modelId": "x"}, "'modelId' failed to satisfy constraint: No such member"),
        (
            content({}),
            "'messages.1.member.content.1.member' failed to satisfy constraint: Exactly one member must be set",
        ),
        (content({"text": "a", "cachePoint": {"type": "default"}}), "Exactly one member must be set of text, image"),
        (
            content({"text": 5}),
            "'messages.1.member.content.1.member.text' failed to satisfy constraint: Member must be a str",
        ),
        (content({"image_url": {}}), "content.1.member.image_url' failed to satisfy constraint: No such member"),
        (
            {"messages": [{"content": []}]},
            "'messages.1.member.role' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"messages": [{"role": "tool", "content": []}]},
            "Value 'tool' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: "
            "[user, assistant, system]",
        ),
        (
            content({"toolUse": {"toolUseId": "a b", "name": "n", "input": {}}}),
            "Value 'a b' at 'messages.1.member.content.1.member.toolUse.toolUseId' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+",
        ),
        (
            content({"toolUse": {"toolUseId": "a", "name": "n" * 65, "input": {}}}),
            "toolUse.name' failed to satisfy constraint: Member must have length less than or equal to 64",
        ),
        (content({"image": {"format": "bmp", "source": {"bytes": "eA=="}}}), "enum value set: [png, jpeg, gif, webp]"),
        (
            content({"image": {"format": "png", "source": {"bytes": "%"}}}),
            "bytes' failed to satisfy constraint: Member must",
        ),
        (content({"image": {"format": "png", "source": {"bytes": ""}}}), "length greater than or equal to 1"),
        ({"messages": [HI], "inferenceConfig": {"maxTokens": 0}}, "Member must have value greater than or equal to 1"),
        ({"messages": [HI], "inferenceConfig": {"maxTokens": 1.5}}, "Member must be an integer, not float"),
        ({"messages": [HI], "inferenceConfig": {"maxTokens": True}}, "Member must be an integer, not bool"),
        ({"messages": [HI], "inferenceConfig": {"temperature": 1.5}}, "Member must have value less than or equal to 1"),
        ({"messages": [HI], "inferenceConfig": {"stopSequences": [""]}}, "length greater than or equal to 1"),
        (
            {"messages": [HI], "toolConfig": {"tools": []}},
            "'toolConfig.tools' failed to satisfy constraint: Member must have",
        ),
        ({"messages": [HI], "toolConfig": {"tools": [{"toolSpec": {"name": "n"}}]}}, "toolSpec.inputSchema' failed"),
        (
            {"messages": [HI], "requestMetadata": {}},
            "'requestMetadata' failed to satisfy constraint: Member must have length",
        ),
        ({"messages": [HI], "requestMetadata": {"a": "ö"}}, "'requestMetadata.a.value' failed to satisfy constraint"),
        ({"messages": [HI], "requestMetadata": {"ä": "o"}}, "Value 'ä' at 'requestMetadata.ä' failed to satisfy"),
        ({"messages": [HI], "additionalModelResponseFieldPaths": ["/a"] * 11}, "length less than or equal to 10"),
        ({"messages": [HI], "serviceTier": {"type": "auto"}}, "enum value set: [priority, default, flex, reserved]"),
        ({"messages": [HI], "guardrailConfig": {"streamProcessingMode": "sync"}}, "No such member"),
        (
            {"messages": [{"role": "x", "content": [{"text": 1}]}]},
            "2 validation errors detected: Value 'x' at 'messages.1.member.role'",
        ),
    ],
)
def test_what_is_not(body, words):
    assert words in fails(body)


def test_the_shapes_differ():
    body = {"messages": [HI], "guardrailConfig": {"streamProcessingMode": "async"}}
    check(body, "ConverseStreamRequest")
    assert "No such member" in fails({"inferenceConfig": {}}, "ConverseTokensRequest")


def test_botocore_refuses_no_more_than_this():
    """Whatever botocore's own validator finds at fault is found here."""
    shape = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).shape_for("ConverseRequest")
    bodies = [
        content({}),
        content({"text": 5}),
        {"messages": [HI], "toolConfig": {}},
        {"messages": [HI], "inferenceConfig": {"maxTokens": 0, "stopSequences": "x"}},
        {"messages": [HI], "requestMetadata": {"a": 5}},
        {"messages": [HI], "system": [{"text": ""}]},
    ]
    for body in bodies:
        assert ParamValidator().validate({"modelId": "m", **body}, shape).has_errors()
        assert fails(body)
