"""Guardrails: made-up ones that block words, found by id and version, and the traces they leave.

Shapes: botocore 1.44 service model of `bedrock-runtime` (`GuardrailTraceAssessment`) for Converse; Amazon Bedrock user
guide, "Use a guardrail with InvokeModel", for `amazon-bedrock-guardrailAction` and `amazon-bedrock-trace`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.emulator.refusal import invalid
from proxy.emulator.settings import Guardrail, Settings

_TAG = "amazon-bedrock-guardrails-guardContent_"


@dataclass(slots=True)
class Verdict:
    """What one guardrail has to say to one call, as far as it has come."""

    id: str
    version: str
    arn: str
    guardrail: Guardrail
    trace: str = "disabled"
    """`enabled`, `enabled_full` or `disabled`."""
    is_async: bool = False
    """Is a stream sent before it has been looked at?"""
    assessments: dict[str, Any] = field(default_factory=dict)
    """`input`, `output` -> an assessment."""
    model_output: str = ""
    intervened: bool = False

    def blocks(self, place: str, text: str) -> bool:
        """Looks at the `input` or the `output`."""
        found = [word for word in self.guardrail.blocked_words if word.lower() in text.lower()]
        words = [{"action": "BLOCKED", "detected": True, "match": word} for word in found]
        assessment: dict[str, Any] = {"wordPolicy": {"customWords": words, "managedWordLists": []}} if words else {}
        assessment["invocationMetrics"] = _metrics(text)
        if self.trace == "enabled_full":
            assessment["appliedGuardrailDetails"] = {
                "guardrailArn": self.arn,
                "guardrailId": self.id,
                "guardrailOrigin": ["REQUEST"],
                "guardrailOwnership": "SELF",
                "guardrailVersion": self.version,
            }
        self.assessments[place] = assessment
        if place == "output":
            self.model_output = text
        self.intervened = self.intervened or bool(found)
        return bool(found)

    @property
    def converse_trace(self) -> dict[str, Any]:
        """`trace` of Converse; empty when it was not asked for."""
        if self.trace == "disabled":
            return {}
        told: dict[str, Any] = {"actionReason": "Guardrail blocked." if self.intervened else "No action."}
        if "input" in self.assessments:
            told["inputAssessment"] = {self.id: self.assessments["input"]}
        if "output" in self.assessments:
            told["outputAssessments"] = {self.id: [self.assessments["output"]]}
        if self.model_output:
            told["modelOutput"] = [self.model_output]
        return {"trace": {"guardrail": told}}

    @property
    def invoke_fields(self) -> dict[str, Any]:
        """What the answer of InvokeModel, or the last event of its stream, says of it."""
        fields: dict[str, Any] = {"amazon-bedrock-guardrailAction": "INTERVENED" if self.intervened else "NONE"}
        if self.trace != "disabled":
            told: dict[str, Any] = {}
            if "input" in self.assessments:
                told["input"] = {self.id: self.assessments["input"]}
            if "output" in self.assessments:
                told["outputs"] = [{self.id: self.assessments["output"]}]
            fields["amazon-bedrock-trace"] = {"guardrail": told}
        return fields


def find(identifier: str | None, version: str | None, region: str, settings: Settings) -> Verdict | None:
    """The guardrail of a call that names one. Raises `Refusal` when there is no such one, or only half of its name."""
    if bool(identifier) != bool(version):
        raise invalid("Guardrail identifier and version must be given together.")
    if not identifier or not version:
        return None
    begin = f"arn:aws:bedrock:{region}:{settings.account}:guardrail/"
    id = identifier.removeprefix(begin)
    guardrail = settings.guardrails.get(id)
    if guardrail is None or version not in guardrail.versions:
        raise invalid("The guardrail identifier or version provided in the request does not exist.")
    return Verdict(id, version, begin + id, guardrail)


def tagged(text: str, config: Mapping[str, Any]) -> str:
    """What an InvokeModel body wants guarded: what stands in its tags, or everything. No suffix, no tags."""
    if not config.get("tagSuffix"):
        return text
    tag = f"{_TAG}{config['tagSuffix']}"
    found = re.findall(rf"<{re.escape(tag)}>(.*?)</{re.escape(tag)}>", text, re.DOTALL)
    return "\n".join(found) if found else text


def guarded(body: Mapping[str, Any]) -> str | None:
    """What a Converse body marks to be guarded; None without a mark."""
    contents = [body.get("system", []), *(message["content"] for message in body["messages"])]
    found = list(_guard_texts(contents))
    return "\n".join(found) if found else None


def _guard_texts(contents: list[list[dict[str, Any]]]) -> Iterator[str]:
    for content in contents:
        for block in content:
            if "guardContent" in block and "text" in block["guardContent"]:
                yield block["guardContent"]["text"]["text"]


def _metrics(text: str) -> dict[str, Any]:
    units = {
        f"{policy}PolicyUnits": 1 if policy == "word" else 0
        for policy in ("topic", "content", "word", "sensitiveInformation", "contextualGrounding")
    }
    return {
        "guardrailCoverage": {"textCharacters": {"guarded": len(text), "total": len(text)}},
        "guardrailProcessingLatency": 100,
        "usage": {**units, "sensitiveInformationPolicyFreeUnits": 0},
    }
