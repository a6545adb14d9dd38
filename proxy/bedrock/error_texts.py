"""What Bedrock's error messages mean. Data and look-ups: fragments of known texts, and the fields they speak of.

The exception's name comes first (see errors.py); these tables refine it. A text is known by a fragment that it
contains, whatever its case; AWS changes its words without notice, so an unknown text keeps the meaning of its name.
Sources: AWS "Troubleshooting Amazon Bedrock API error codes", Anthropic "Errors", and texts reported in public, 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.errors import (
    ContextLengthExceeded,
    CredentialsExpired,
    Forbidden,
    GrammarRefused,
    InvalidRequest,
    ModelFailed,
    ModelNotFound,
    Overloaded,
    ProxyError,
    RateLimited,
    StreamRefused,
    ThoughtsRefused,
    UnsupportedParameter,
    UpstreamFailed,
    UpstreamRefusedUs,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to raise. None leaves the class's own `code` and `is_retryable`."""

    kind: type[ProxyError]
    param: str | None = None
    code: str | None = None
    is_retryable: bool | None = None
    hint: str = ""
    """Said after Bedrock's own words."""


NO_ACCESS = Meaning(Forbidden, "model", "model_access_denied")
NO_MODEL = Meaning(ModelNotFound)  # OpenAI names no param either
_PROFILE_ONLY = Meaning(
    ModelNotFound,
    hint=" The id of an inference profile begins with its geography, for example us., eu. or global.",
)
_MESSAGES = Meaning(InvalidRequest, "messages")
_GRAMMAR = Meaning(GrammarRefused, "response_format")
_THOUGHTS = Meaning(ThoughtsRefused, "messages")
_WHOLE_ONLY = Meaning(StreamRefused, "stream")
_TOO_LONG = Meaning(ContextLengthExceeded, "messages")
_TOO_MANY_OUT = Meaning(InvalidRequest, "max_tokens", "invalid_value")
_FORCED_TOOL = Meaning(UnsupportedParameter, "tool_choice", "unsupported_value")
_FAILED = Meaning(ModelFailed)
_EXPIRED = Meaning(CredentialsExpired)
_REFUSED = Meaning(UpstreamRefusedUs)

_CREDENTIALS = (
    ("bearer token has expired", _EXPIRED),
    ("security token included in the request is expired", _EXPIRED),
    ("security token included in the request is invalid", _EXPIRED),
    ("bearer token", _REFUSED),
    ("api key is valid", _REFUSED),
    ("request signature", _REFUSED),
)
_MODEL = (
    ("on-demand throughput", _PROFILE_ONLY),
    ("model identifier is invalid", NO_MODEL),
    ("could not resolve the foundation model", NO_MODEL),
    ("reached the end of its life", NO_MODEL),
    ("marked by provider as legacy", NO_MODEL),
    ("use case details have not been submitted", NO_ACCESS),
    ("don't have access to the model", NO_ACCESS),
    ("operation not allowed", NO_ACCESS),
)

TEXTS: dict[type[ProxyError], tuple[tuple[str, Meaning], ...]] = {
    # Keyed by what the exception's name alone would raise. The first fragment found decides.
    InvalidRequest: (
        *_MODEL,
        ("input is too long", _TOO_LONG),
        ("prompt is too long", _TOO_LONG),
        ("exceed context limit", _TOO_LONG),
        ("maximum context length", _TOO_LONG),
        ("too many input tokens", Meaning(ContextLengthExceeded, "input")),
        ("maximum allowed number of output tokens", _TOO_MANY_OUT),
        ("maximum tokens you requested exceeds the model limit", _TOO_MANY_OUT),
        ("unexpected error during processing", _FAILED),
        ("failed to generate output", _FAILED),
        ("model produced invalid sequence", _FAILED),
        ("unsupported for streaming", _WHOLE_ONLY),
        ("not support streaming", _WHOLE_ONLY),
        ("doesn't support streaming", _WHOLE_ONLY),
        ("in streaming mode", Meaning(StreamRefused, "tools")),
        ("doesn't support the model", Meaning(InvalidRequest, "model")),
        ("model doesn't support", Meaning(UnsupportedParameter)),
        ("extraneous key", Meaning(UnsupportedParameter)),
        ("output_config.format: extra inputs are not permitted", _GRAMMAR),
        ("extra inputs are not permitted", Meaning(UnsupportedParameter)),
        ("is deprecated for this model", Meaning(UnsupportedParameter)),
        ("cannot both be specified", Meaning(UnsupportedParameter)),
        ("assistant message prefill", Meaning(UnsupportedParameter, "messages", "unsupported_value")),
        ('type "tool" and "any" are not supported', _FORCED_TOOL),
        ("tool_choice forces tool use", _FORCED_TOOL),
        ('" is not supported', Meaning(UnsupportedParameter, code="unsupported_value")),
        ("adaptive thinking is not supported", Meaning(UnsupportedParameter, "reasoning_effort", "unsupported_value")),
        ("invalid beta flag", Meaning(UnsupportedParameter, "anthropic_beta", "unsupported_value")),
        ("does not support tool types", Meaning(UnsupportedParameter, "tools", "unsupported_value")),
        ("did not allow prompt caching", Meaning(UnsupportedParameter, "messages")),
        ("schema is too complex", _GRAMMAR),
        ("compilation exceeded limits", _GRAMMAR),
        ("compiled grammar is too large", _GRAMMAR),
        ("toolconfig field must be defined", Meaning(InvalidRequest, "tools")),
        ("`tool_use` ids", _MESSAGES),
        ("`tool_use_id`", _MESSAGES),
        ("`signature` in `thinking`", _THOUGHTS),
        ("`data` in `redacted_thinking`", _THOUGHTS),
        ("expected `thinking` or `redacted_thinking`", _THOUGHTS),
        ("cannot be modified", _THOUGHTS),
    ),
    Forbidden: (*_CREDENTIALS, *_MODEL),
    ModelNotFound: (*_MODEL, ("guardrail", Meaning(InvalidRequest))),
    RateLimited: (("per day", Meaning(RateLimited, is_retryable=False)),),
    UpstreamFailed: (("unable to process your request", Meaning(Overloaded)),),
    UpstreamRefusedUs: (("is not authorized to perform", NO_ACCESS), *_CREDENTIALS),
}


def find_meaning(kind: type[ProxyError], text: str) -> Meaning | None:
    """What `text` says beyond the exception's name, which alone would raise `kind`; None when it is not known."""
    folded = _fold(text)
    for fragment, meaning in TEXTS.get(kind, ()):
        if fragment in folded:
            return meaning
    return None


def _fold(text: str) -> str:
    return text.lower().replace("’", "'")


_FIELDS = {
    # The field on one of Bedrock's wires -> what OpenAI calls it. Fields not listed keep their name.
    "additionalModelRequestFields": None,
    "body": None,
    "inferenceConfig": None,
    "inferenceConfig.maxTokens": "max_tokens",
    "inferenceConfig.stopSequences": "stop",
    "inferenceConfig.temperature": "temperature",
    "inferenceConfig.topP": "top_p",
    "inputText": "input",
    "inputs": "input",
    "maxTokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "max_tokens": "max_tokens",
    "messages": "messages",
    "metadata": "user",
    "modelId": "model",
    "output_config": "response_format",
    "output_config.effort": "reasoning_effort",
    "output_config.format": "response_format",
    "prompt": "messages",
    "performanceConfig": "performanceConfig",
    "performanceConfigLatency": "performanceConfig",
    "requestMetadata": "metadata",
    "serviceTier": "service_tier",
    "service_tier": "service_tier",
    "stop": "stop",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "system": "messages",
    "temperature": "temperature",
    "texts": "input",
    "thinking": "reasoning_effort",
    "toolConfig": "tools",
    "toolConfig.toolChoice": "tool_choice",
    "tool_choice": "tool_choice",
    "tools": "tools",
    "topK": "top_k",
    "topP": "top_p",
    "top_k": "top_k",
    "top_p": "top_p",
}

_PLACES = (
    # Words that say where the fault is, in texts that name no field.
    ("guardrail", "guardrailConfig"),
    ("output_config.effort", "output_config.effort"),
    ("toolchoice", "tool_choice"),
    ("tool use", "tools"),
    ("stopsequences", "stop"),
    ("messages", "messages"),
    ("toolresult", "messages"),
    ("service tier", "service_tier"),
    ("performance config", "performanceConfig"),
    ("performanceconfig", "performanceConfig"),
    ("contentblock", "messages"),
    ("cachepoint", "messages"),
    ("a conversation must", "messages"),
    ("document", "messages"),
    ("image", "messages"),
)

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_JSON_POINTER = re.compile(r"#/([\w/]+)")
_BRACKETED = re.compile(r"key \[(\w+)\]")
_QUOTED = re.compile(r"[`'\"]([A-Za-z_][\w.]*)[`'\"]")


def find_param(text: str) -> str | None:
    """The client's field that an error text is about, by OpenAI's name.

    Claude begins with a path (`messages.0.content: Field required`), models behind a JSON schema name a pointer or a
    key (`#/max_gen_len: …`, `extraneous key [stop]`), Converse quotes one (`at 'inferenceConfig.maxTokens'`).
    """
    head, colon, _ = text.partition(":")
    if colon and _NAME.fullmatch(head):
        known, param = _translate(head)
        if known or "extra inputs are not permitted" in text.lower():
            return param
    if match := _JSON_POINTER.search(text):
        return _translate(match[1].replace("/", "."))[1]
    if match := _BRACKETED.search(text):
        return _translate(match[1])[1]
    for match in _QUOTED.finditer(text):
        known, param = _translate(match[1])
        if known:
            return param
    folded = _fold(text)
    return next((param for word, param in _PLACES if word in folded), None)


def _translate(path: str) -> tuple[bool, str | None]:
    """Whether the wires have this field, and its name for the client. Positions are left out: they need not agree."""
    parts = path.split(".")
    for size in range(len(parts), 0, -1):
        part = ".".join(parts[:size])
        if part in _FIELDS:
            return True, _FIELDS[part]
    return False, parts[0]


_CONTEXT_NUMBERS = (
    # In which order these texts give their numbers of tokens.
    ("prompt is too long", ("input", "limit")),
    ("exceed context limit", ("input", "output", "limit")),
    ("too many input tokens", ("limit", "input")),
)


def describe_context_length(text: str) -> str:
    """A context-length error in the words that OpenAI's clients look for, with the numbers when `text` has them."""
    folded = _fold(text)
    if "maximum context length" in folded:
        return text
    for fragment, names in _CONTEXT_NUMBERS:
        if fragment not in folded:
            continue
        numbers = re.findall(r"\d[\d,]*", folded.partition(fragment)[2])
        tokens = {name: int(number.replace(",", "")) for name, number in zip(names, numbers, strict=False)}
        if len(tokens) < len(names):
            break
        say = f"This model's maximum context length is {tokens['limit']} tokens. However, "
        if "output" not in tokens:
            return f"{say}your messages resulted in {tokens['input']} tokens. Please reduce the length of the messages."
        return (
            f"{say}you requested {tokens['input'] + tokens['output']} tokens ({tokens['input']} in the messages, "
            f"{tokens['output']} in the completion). Please reduce the length of the messages or completion."
        )
    return f"This model's maximum context length is exceeded. Please reduce the length of the messages. Bedrock: {text}"


_ARN = re.compile(r"\barn:[\w-]*:[^\s\"'`,;<>()\[\]{}]*[^\s\"'`,;<>()\[\]{}.:]")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_KEY_ID = re.compile(r"\b(?:ABIA|AIDA|AKIA|AROA|ASIA)[A-Z0-9]{12,}|bedrock-api-key-[\w+/=-]*")


def redact(text: str) -> str:
    """The text without ARNs, account numbers and names of keys: they are the operator's, not the client's."""
    return _KEY_ID.sub("[key]", _ACCOUNT.sub("[account]", _ARN.sub("[arn]", text)))
