from base64 import b64encode

import pytest

from proxy.emulator.llama_rules import check, read_prompt
from proxy.emulator.refusal import Refusal

LLAMA2 = "meta.llama2-13b-chat-v1"
LLAMA3 = "meta.llama3-8b-instruct-v1:0"
LLAMA31 = "meta.llama3-1-8b-instruct-v1:0"
VISION = "meta.llama3-2-11b-instruct-v1:0"
LLAMA4 = "meta.llama4-scout-17b-instruct-v1:0"
AGAIN = ", please reformat your input and try again."
IMAGE = b64encode(b"png").decode()

CASES = [
    (LLAMA3, {"prompt": "Hi"}, None),
    (LLAMA3, {"prompt": "Hi", "temperature": 0, "top_p": 1, "max_gen_len": 1}, None),
    (LLAMA3, {"prompt": "Hi", "stop": ["x"]}, "#: extraneous key [stop] is not permitted"),
    (LLAMA3, {}, "#: required key [prompt] not found"),
    (LLAMA3, {"prompt": ""}, "#/prompt: expected minLength: 1, actual: 0"),
    (LLAMA3, {"prompt": ["Hi"]}, "#/prompt: expected type: String, found: JSONArray"),
    (LLAMA3, {"prompt": None}, "#/prompt: expected type: String, found: Null"),
    (LLAMA3, {"prompt": {}}, "#/prompt: expected type: String, found: JSONObject"),
    (LLAMA3, {"prompt": "Hi", "temperature": 1.5}, "#/temperature: 1.5 is not less or equal to 1"),
    (LLAMA3, {"prompt": "Hi", "temperature": -1}, "#/temperature: -1 is not greater or equal to 0"),
    (LLAMA3, {"prompt": "Hi", "temperature": "0"}, "#/temperature: expected type: Number, found: String"),
    (LLAMA3, {"prompt": "Hi", "top_p": True}, "#/top_p: expected type: Number, found: Boolean"),
    (LLAMA3, {"prompt": "Hi", "top_p": 2}, "#/top_p: 2 is not less or equal to 1"),
    (LLAMA3, {"prompt": "Hi", "max_gen_len": 0}, "#/max_gen_len: 0 is not greater or equal to 1"),
    (LLAMA3, {"prompt": "Hi", "max_gen_len": 1.0}, "#/max_gen_len: expected type: Integer, found: BigDecimal"),
    (LLAMA31, {"prompt": "Hi", "max_gen_len": 2048}, None),
    (LLAMA31, {"prompt": "Hi", "max_gen_len": 4096}, "#/max_gen_len: 4096 is not less or equal to 2048"),
    (LLAMA4, {"prompt": "Hi", "max_gen_len": 8192}, None),
    (LLAMA4, {"prompt": "Hi", "max_gen_len": 8193}, "#/max_gen_len: 8193 is not less or equal to 8192"),
    (LLAMA3, {"prompt": "Hi", "images": []}, "#: extraneous key [images] is not permitted"),
    (VISION, {"prompt": "Hi", "images": [IMAGE]}, None),
    (VISION, {"prompt": "Hi", "images": IMAGE}, "#/images: expected type: JSONArray, found: String"),
    (VISION, {"prompt": "Hi", "images": [1]}, "#/images/0: expected type: String, found: Integer"),
    (VISION, {"prompt": "Hi", "images": ["data:image/png;base64,xx"]}, "#/images/0: the string is not valid base64"),
    (LLAMA3, {"stop": [], "n": 1}, "3 schema violations found"),
    (LLAMA3, [], "#: expected type: JSONObject, found: JSONArray"),
    (LLAMA3, 1, "#: expected type: JSONObject, found: Integer"),
]


@pytest.mark.parametrize(("id", "body", "violation"), CASES, ids=[str(index) for index in range(len(CASES))])
def test_rule(models, id, body, violation):
    if violation is None:
        check(body, models[id])
        return
    with pytest.raises(Refusal) as refused:
        check(body, models[id])
    assert refused.value.message == f"Malformed input request: {violation}{AGAIN}"


def llama3(*messages, open_as="assistant", prefill=""):
    """A prompt of (role, content) pairs."""
    parts = [f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>" for role, content in messages]
    tail = f"<|start_header_id|>{open_as}<|end_header_id|>\n\n{prefill}" if open_as else ""
    return "<|begin_of_text|>" + "".join(parts) + tail


def llama4(*messages):
    parts = [f"<|header_start|>{role}<|header_end|>\n\n{content}<|eot|>" for role, content in messages]
    return "<|begin_of_text|>" + "".join(parts) + "<|header_start|>assistant<|header_end|>\n\n"


HI = llama3(("user", "Hi"))


@pytest.mark.parametrize(
    ("id", "prompt", "system", "user", "prefill"),
    [
        (LLAMA3, HI, "", "Hi", ""),
        (LLAMA3, llama3(("system", "Be brief."), ("user", "Hi")), "Be brief.", "Hi", ""),
        (LLAMA3, llama3(("user", "a"), ("assistant", "b"), ("user", "c\n\nd")), "", "c\n\nd", ""),
        (LLAMA3, llama3(("user", "a"), prefill="The answer"), "", "a", "The answer"),
        (
            LLAMA31,
            llama3(("user", "a"), ("assistant", '<|python_tag|>{"name":"f"}'), ("ipython", "25 C")),
            "",
            "25 C",
            "",
        ),
        (LLAMA31, llama3(("user", "a"), ("assistant", "b")).replace("b<|eot_id|>", "b<|eom_id|>"), "", "a", ""),
        (LLAMA4, llama4(("system", "Be brief."), ("user", "Hi")), "Be brief.", "Hi", ""),
        (LLAMA2, "<s>[INST] Hi [/INST]", "", "Hi", ""),
        (LLAMA2, "[INST] Hi [/INST]", "", "Hi", ""),
        (LLAMA2, "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]", "Be brief.", "Hi", ""),
        (LLAMA2, "<s>[INST] a [/INST] b </s><s>[INST] c [/INST]", "", "c", ""),
        (LLAMA2, "<s>[INST] <<SYS>>\nx\n<</SYS>>\n\n [/INST] b </s><s>[INST] c [/INST]", "x", "c", ""),
    ],
)
def test_a_whole_template_has_no_faults(models, id, prompt, system, user, prefill):
    read = read_prompt(prompt, models[id])
    assert read.faults == []
    assert (read.system, read.user, read.prefill) == (system, user, prefill)


@pytest.mark.parametrize(
    ("id", "prompt", "fault"),
    [
        (LLAMA3, HI.removeprefix("<|begin_of_text|>"), "does not begin with <|begin_of_text|>"),
        (LLAMA3, "<|begin_of_text|>" + HI, "text before the first header"),
        (LLAMA3, HI.replace("<|start_header_id|>user", "x<|start_header_id|>user"), "text before the first header"),
        (LLAMA3, "<|begin_of_text|>Once upon a time", "has no <|start_header_id|>"),
        (LLAMA3, llama4(("user", "Hi")), "has no <|start_header_id|>"),
        (LLAMA4, HI, "has no <|header_start|>"),
        (LLAMA3, llama3(("human", "Hi")), "unknown role 'human'"),
        (LLAMA3, llama3(("ipython", "25 C")), "unknown role 'ipython'"),
        (LLAMA31, llama3(("tool", "25 C")), "unknown role 'tool'"),
        (LLAMA3, HI.replace("\n\nHi", "\nHi"), "no blank line after the header of 'user'"),
        (LLAMA3, HI.removesuffix("\n\n"), "no blank line after the header of 'assistant'"),
        (LLAMA3, llama3(("user", "Hi"), open_as=None), "does not end in an open assistant message"),
        (LLAMA3, llama3(("user", "Hi"), open_as="user"), "does not end in an open assistant message"),
        (LLAMA3, HI.replace("Hi<|eot_id|>", "Hi"), "the message of 'user' does not end"),
        (LLAMA3, HI.replace("Hi<|eot_id|>", "Hi<|eom_id|>"), "the message of 'user' does not end"),
        (LLAMA3, llama3(("user", "a<|eot_id|>b")), "<|eot_id|> in the content of 'user'"),
        (LLAMA3, llama3(("user", "<|begin_of_text|>")), "<|begin_of_text|> in the content of 'user'"),
        (LLAMA3, llama3(("user", "<|python_tag|>")), "<|python_tag|> in the content of 'user'"),
        (LLAMA3, HI.replace("<|end_header_id|>\n\nHi", "\n\nHi"), "a header without <|end_header_id|>"),
        (LLAMA3, llama3(("user", "<|image|>")), "1 image tokens for 0 images"),
        (LLAMA2, "Hi", "segment 0 is not [INST] … [/INST]"),
        (LLAMA2, "<s>[INST]Hi[/INST]", "segment 0 is not [INST] … [/INST]"),
        (LLAMA2, "<s>[INST] a [/INST] b <s>[INST] c [/INST]", "segment 0 does not end in </s>"),
        (LLAMA2, "<s>[INST] a [/INST] b </s>", "does not end in an open answer"),
        (LLAMA2, "<s>[INST] a [INST] b [/INST]", "segment 0 holds [INST] twice"),
        (LLAMA2, "<s>[INST] a <<SYS>> b [/INST]", "segment 0 holds a stray <<SYS>>"),
        (
            LLAMA2,
            "<s>[INST] a [/INST] b </s><s>[INST] <<SYS>>\nx\n<</SYS>>\n\nc [/INST]",
            "a system text after the first segment",
        ),
        (LLAMA2, "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n [/INST]", "a system text without a user's"),
    ],
)
def test_a_broken_template_is_noted(models, id, prompt, fault):
    assert fault in read_prompt(prompt, models[id]).faults


def test_as_many_image_tokens_as_images(models):
    prompt = llama3(("user", "<|image|>What is it?"))
    assert read_prompt(prompt, models[VISION], images=1).faults == []
    assert read_prompt(prompt, models[VISION], images=2).faults == ["1 image tokens for 2 images"]
