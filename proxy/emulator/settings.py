"""What can be set on an emulator: who may call it, where it pretends to be, how strict it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

DEFAULT_KEYS = {"AKIDEMULATOR": "emulator-secret", "ASIAEMULATOR": "emulator-secret", "AKIDEXPIRED": "emulator-secret"}
DEFAULT_BEARER_KEYS = frozenset({"bedrock-api-key-emulator", "bedrock-api-key-expired"})
DEFAULT_EXPIRED = frozenset({"AKIDEXPIRED", "expired-session-token", "bedrock-api-key-expired"})
DEFAULT_RESOURCES = {
    "application-inference-profile/emulatorclaude": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "application-inference-profile/emulatorllama": "meta.llama3-3-70b-instruct-v1:0",
    "provisioned-model/emulatorclaude": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "provisioned-model/emulatorllama": "meta.llama3-8b-instruct-v1:0",
    "imported-model/emulatorllama": "meta.llama3-3-70b-instruct-v1:0",
    "imported-model/emulatorqwen": "imported.chatml",
    "custom-model-deployment/emulatorllama": "meta.llama3-1-8b-instruct-v1:0",
}


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail that blocks words, whatever their case, in what goes in and in what comes out."""

    blocked_words: tuple[str, ...] = ()
    input_message: str = "Sorry, the model cannot answer this question."
    """What is answered instead of asking the model."""
    output_message: str = "Sorry, the model's answer was blocked."
    """What is answered instead of the model's answer."""
    versions: tuple[str, ...] = ("DRAFT", "1")


DEFAULT_GUARDRAILS = {"emulatorguard": Guardrail(("forbidden",)), "emulatoropen": Guardrail()}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    keys: Mapping[str, str] = field(default_factory=lambda: DEFAULT_KEYS)
    """Access key id -> secret. An id that begins with `ASIA` needs a session token as well; any token will do."""
    bearer_keys: frozenset[str] = DEFAULT_BEARER_KEYS
    expired: frozenset[str] = DEFAULT_EXPIRED
    """Access key ids, session tokens and bearer keys that have run out."""
    region: str = "us-east-1"
    """The region of a call with a bearer key. A signed call is in the region it was signed for."""
    account: str = "123456789012"
    resources: Mapping[str, str] = field(default_factory=lambda: DEFAULT_RESOURCES)
    """The end of an ARN in `account`, such as `provisioned-model/abc` -> model id."""
    guardrails: Mapping[str, Guardrail] = field(default_factory=lambda: DEFAULT_GUARDRAILS)
    """Id -> guardrail, in `account` and every region."""
    catalog: Path | None = None
    """A file of models in the form of the proxy's own `catalog.toml`, which is the default."""
    enforces_end_of_life: bool = False
    has_strict_prompts: bool = False
    """Refuse a Llama prompt that is not a whole template of its generation, instead of noting it in the call."""
    binds_thinking: bool = False
    """Refuse, for the models that do so in newer accounts, a thinking block behind another conversation than its own."""
    max_calls: int = 1000
    """How many calls are remembered."""
    max_cached: int = 1000
    """How many beginnings of prompts are cached."""
    now: Callable[[], datetime] = _now
    """The clock of signatures, of the cache and of ends of life."""
