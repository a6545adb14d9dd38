"""What Llama on Bedrock refuses in an InvokeModel body, and what is wrong with a prompt that it would still take.

Bedrock checks these bodies against a JSON schema; the words are those of its validator. Fields and ranges: Amazon
Bedrock user guide, "Meta Llama models". Prompt formats: Meta's model cards and the `llama-models` repository.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from proxy.emulator.models import Model
from proxy.emulator.refusal import Refusal, invalid

GUARDRAIL = "amazon-bedrock-guardrailConfig"
_KNOWN = ("prompt", "temperature", "top_p", "max_gen_len", GUARDRAIL)


def malformed(detail: str = "") -> Refusal:
    words = f": {detail}" if detail else ""
    return invalid(f"Malformed input request{words}, please reformat your input and try again.")


def check(body: Any, model: Model) -> None:
    """Raises `Refusal` for a body that is not as the schema has it, with all its faults counted."""
    violations = list(_violations(body, model))
    if len(violations) > 1:
        raise malformed(f"{len(violations)} schema violations found")
    if violations:
        raise malformed(violations[0])


def _violations(body: Any, model: Model) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"#: expected type: JSONObject, found: {_json_type(body)}"
        return
    if "prompt" not in body:
        yield "#: required key [prompt] not found"
    elif not isinstance(body["prompt"], str):
        yield f"#/prompt: expected type: String, found: {_json_type(body['prompt'])}"
    elif not body["prompt"]:
        yield "#/prompt: expected minLength: 1, actual: 0"
    for name in body:
        if name not in _KNOWN and not (name == "images" and model.has_images):
            yield f"#: extraneous key [{name}] is not permitted"
    for name, least, most in (("temperature", 0, 1), ("top_p", 0, 1), ("max_gen_len", 1, model.max_output_tokens)):
        if name in body:
            yield from out_of_range(name, body[name], least, most, is_whole=name == "max_gen_len")
    if "images" in body:
        yield from _bad_images(body["images"])


def out_of_range(name: str, value: Any, least: int, most: int, *, is_whole: bool) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float) or (is_whole and not isinstance(value, int)):
        yield f"#/{name}: expected type: {'Integer' if is_whole else 'Number'}, found: {_json_type(value)}"
    elif value < least:
        yield f"#/{name}: {value} is not greater or equal to {least}"
    elif value > most:
        yield f"#/{name}: {value} is not less or equal to {most}"


def _bad_images(images: Any) -> Iterator[str]:
    if not isinstance(images, list):
        yield f"#/images: expected type: JSONArray, found: {_json_type(images)}"
        return
    for index, image in enumerate(images):
        if not isinstance(image, str):
            yield f"#/images/{index}: expected type: String, found: {_json_type(image)}"
            continue
        try:
            b64decode(image, validate=True)
        except (Base64Error, ValueError):
            yield f"#/images/{index}: the string is not valid base64"


def _json_type(value: Any) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case float():
            return "BigDecimal"
        case str():
            return "String"
        case list():
            return "JSONArray"
    return "JSONObject"


@dataclass(slots=True)
class Prompt:
    """A prompt as the model reads it. `faults` says in words where it leaves its template."""

    system: str = ""
    user: str = ""
    """What the user, or a tool, said last."""
    prefill: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)
    """Roles and texts, without the answer that is to be given."""
    ends_in_blank_line: bool = True
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The special tokens that a generation's messages are made of."""

    header: str
    header_end: str
    ends: tuple[str, ...]
    roles: tuple[str, ...]
    inner: tuple[str, ...]
    """Special tokens that content may hold."""


_LLAMA_3 = _Tokens("<|start_header_id|>", "<|end_header_id|>", ("<|eot_id|>",), ("system", "user", "assistant"), ())
_LLAMA_31 = _Tokens(
    "<|start_header_id|>",
    "<|end_header_id|>",
    ("<|eot_id|>", "<|eom_id|>"),
    ("system", "user", "assistant", "ipython"),
    ("<|python_tag|>", "<|image|>"),
)
_LLAMA_4 = _Tokens(
    "<|header_start|>",
    "<|header_end|>",
    ("<|eot|>", "<|eom|>"),
    ("system", "user", "assistant", "ipython"),
    ("<|python_start|>", "<|python_end|>", "<|image|>"),
)
_BOS = "<|begin_of_text|>"
_SPECIAL = re.compile(r"<\|\w+\|>")


def read_prompt(prompt: str, model: Model, images: int = 0) -> Prompt:
    """The prompt, taken apart by the template of the model's generation. Never raises: faults are noted."""
    read = _read_llama_2(prompt) if model.name.startswith("llama2") else _read_headers(prompt, _tokens(model))
    if prompt.count("<|image|>") != images:
        read.faults.append(f"{prompt.count('<|image|>')} image tokens for {images} images")
    return read


def _tokens(model: Model) -> _Tokens:
    if model.name.startswith("llama4"):
        return _LLAMA_4
    return _LLAMA_31 if re.match(r"llama3-\d-", model.name) else _LLAMA_3


def _read_headers(prompt: str, tokens: _Tokens) -> Prompt:
    read = Prompt()
    if not prompt.startswith(_BOS):
        read.faults.append(f"does not begin with {_BOS}")
    rest = prompt.removeprefix(_BOS)
    before, *messages = rest.split(tokens.header)
    if not messages:
        read.user, read.ends_in_blank_line = rest, rest.endswith("\n\n")
        read.messages.append(("user", rest))
        read.faults.append(f"has no {tokens.header}")
        return read
    if before:
        read.faults.append("text before the first header")
    for index, message in enumerate(messages):
        _read_message(message, read, tokens, is_last=index == len(messages) - 1)
    return read


def _read_message(message: str, read: Prompt, tokens: _Tokens, *, is_last: bool) -> None:
    role, header_end, content = message.partition(tokens.header_end)
    if not header_end:
        read.faults.append(f"a header without {tokens.header_end}")
        return
    if role not in tokens.roles:
        read.faults.append(f"unknown role {role!r}")
    if not content.startswith("\n\n"):
        read.faults.append(f"no blank line after the header of {role!r}")
    end = next((end for end in tokens.ends if content.endswith(end)), None)
    text = content.removeprefix("\n\n").removesuffix(end or "")
    for special in _SPECIAL.findall(text):
        if special not in tokens.inner:
            read.faults.append(f"{special} in the content of {role!r}")
    if is_last:
        read.prefill, read.ends_in_blank_line = text, content.endswith("\n\n") or bool(text)
        if role != "assistant" or end:
            read.faults.append("does not end in an open assistant message")
    elif end is None:
        read.faults.append(f"the message of {role!r} does not end")
    if not is_last or role != "assistant" or end:
        read.messages.append((role, text))
    if role == "system":
        read.system += text
    elif role in ("user", "ipython"):
        read.user = text


_LLAMA_2_SYSTEM = re.compile(r"<<SYS>>\n(.*?)\n<</SYS>>\n\n", re.DOTALL)


def _read_llama_2(prompt: str) -> Prompt:
    read = Prompt()
    # The service adds the first BOS itself when it is missing.
    segments = prompt.removeprefix("<s>").split("<s>")
    for index, segment in enumerate(segments):
        inner, close, answer = segment.removeprefix("[INST]").partition("[/INST]")
        is_last = index == len(segments) - 1
        if not segment.startswith("[INST] ") or not close or not inner.endswith(" "):
            read.faults.append(f"segment {index} is not [INST] … [/INST]")
        if "[INST]" in inner or "[INST]" in answer:
            read.faults.append(f"segment {index} holds [INST] twice")
        if is_last == answer.endswith(" </s>"):
            read.faults.append("does not end in an open answer" if is_last else f"segment {index} does not end in </s>")
        text = inner.removeprefix(" ").removesuffix(" ") if close else segment
        if system := _LLAMA_2_SYSTEM.match(text):
            read.system, text = system[1], text[system.end() :]
            read.messages.append(("system", read.system))
            if index:
                read.faults.append("a system text after the first segment")
            if is_last and not text.strip():
                read.faults.append("a system text without a user's")
        text = text.strip() if close else text
        if "<<SYS>>" in text or "<</SYS>>" in text:
            read.faults.append(f"segment {index} holds a stray <<SYS>>")
        read.user = text
        read.messages.append(("user", text))
        if is_last:
            read.prefill = answer
        else:
            read.messages.append(("assistant", answer.removesuffix(" </s>")))
    return read
