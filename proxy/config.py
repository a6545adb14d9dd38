"""config.yaml and the environment -> one frozen `Config`.

Each option stands here once: name, type, default, unit and meaning. An unknown key or a bad value stops the start with its
path, what was found and what is allowed. Besides botocore, which reads what AWS users set, nothing else reads the
environment.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0)]


class ConfigError(ValueError):
    """The configuration cannot be used. The message is for the operator."""


class Server(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    host: str = "127.0.0.1"
    """Address to listen on. Any but a loopback one needs a key, or allow_open."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes. One per core."""
    allow_open: bool = False
    """Serve other addresses without a key: everyone who reaches the port can spend your money."""
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 20_000_000
    """Larger requests are refused; Bedrock takes Claude bodies of 20 MB."""
    max_choices: Annotated[int, Meta(ge=1, le=128)] = 8
    """The largest n: every choice is a call of its own, prompt included."""
    grace_s: Seconds = 30.0
    """After SIGTERM, how long running answers may go on."""


class Auth(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keys: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Keys that clients send as `Authorization: Bearer …`. BEDROCK_PROXY_API_KEY (comma-separated) adds to them."""


class Aws(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    region: str | None = None
    """Else AWS_REGION, AWS_DEFAULT_REGION, or the profile's."""
    profile: str | None = None
    """Else AWS_PROFILE."""


class ModelEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: str | None = None
    """A model id, inference profile or ARN of Bedrock; the entry's own name when left out."""
    family: Literal["claude", "llama2", "llama3", "llama4"] | None = None
    """For ARNs that do not tell their model: how to talk to it."""
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Where it differs from the family's."""


class Routing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    profile_scope: Literal["geo", "global"] = "geo"
    """For models that need an inference profile: that of the region's geography first, or the global one."""


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    connect_s: Seconds = 5.0
    first_event_s: Seconds = 300.0
    """Till the first event of a stream."""
    gap_s: Seconds = 120.0
    """Between two reads of a stream."""
    total_s: Seconds = 3600.0
    """The whole request, retries included."""
    keepalive_s: Seconds = 15.0
    """A stream that is silent for so long gets a comment line."""
    body_s: Seconds = 60.0
    """For the client to send its request."""


class Retry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """In all, and only before the first byte. OpenAI's SDKs try again too."""
    deadline_s: Seconds = 60.0
    """No further attempt begins later than this."""


class Log(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """info: one line a request, without its content."""


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    server: Server = Server()
    auth: Auth = Auth()
    aws: Aws = Aws()
    models: dict[str, str | ModelEntry] = {}
    """Names of your own: `gpt-4o: us.anthropic…`, or an ARN and its family."""
    routing: Routing = Routing()
    strict: bool = False
    """Refuse what would have to be adapted. A request can ask for it: `x-bedrock-proxy-strict: true`."""
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    log: Log = Log()

    def entry(self, name: str) -> ModelEntry:
        entry = self.models[name]
        return ModelEntry(id=entry) if isinstance(entry, str) else entry


_ENVIRONMENT: Mapping[str, tuple[str, str]] = types.MappingProxyType(
    {"HOST": ("server", "host"), "PORT": ("server", "port"), "WEB_CONCURRENCY": ("server", "workers")}
)
"""What container platforms set. The command line goes before it, the file comes after."""

CONFIG_VARIABLE = "BEDROCK_PROXY_CONFIG"
KEY_VARIABLE = "BEDROCK_PROXY_API_KEY"


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Config:
    """The file (or none), the environment over it, `overrides` (`{"server.port": 9000}`) over both.

    Raises `ConfigError`.
    """
    raw = _read(path) if path is not None else {}
    changes = dict(overrides or {})
    for variable, (section, name) in _ENVIRONMENT.items():
        text = environ.get(variable, "")
        if text:
            changes.setdefault(f"{section}.{name}", int(text) if text.isascii() and text.isdecimal() else text)
    for dotted, value in changes.items():
        section, name = dotted.split(".")
        raw = {**raw, section: {**_section(raw, section), name: value}}
    keys = [key.strip() for key in environ.get(KEY_VARIABLE, "").split(",") if key.strip()]
    if keys:
        auth = _section(raw, "auth")
        listed = auth.get("keys") or []
        raw = {**raw, "auth": {**auth, "keys": [*listed, *keys] if isinstance(listed, list) else listed}}
    where = f"{path}: " if path else ""
    for name, entry in _section(raw, "models").items():
        # One by one: in a mapping, msgspec does not say which entry is at fault.
        _convert(entry, str | ModelEntry, f"models.{name}", where)
    config: Config = _convert(raw, Config, "", where)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        raw = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  a SafeLoader underneath
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: found {raw!r}; allowed: sections such as `server:`")
    # A section with nothing but comments below it is null in YAML.
    return {str(key): {} if value is None and key in _sections() else value for key, value in raw.items()}


def _section(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = raw.get(name)
    return section if isinstance(section, dict) else {}


def _sections() -> set[str]:
    return {name for name, hint in typing.get_type_hints(Config).items() if name == "models" or _is_struct(hint)}


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not a surprise."""


def _mapping_without_duplicates(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


def _convert(raw: Any, wanted: Any, place: str, where: str) -> Any:
    """msgspec's "Expected `int`, got `str` - at `$.server.port`" -> where, what was found, what is allowed."""
    try:
        return msgspec.convert(raw, wanted)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$")
    steps = at.rstrip("`").lstrip(".").replace("[", ".[").split(".")
    found, hint = raw, wanted
    for step in filter(None, steps):
        place += step if step.startswith("[") or not place else f".{step}"
        found = found[int(step[1:-1])] if step.startswith("[") else found[step]
        hint = _fields(hint).get(step)
    if reason.startswith("Object contains unknown field"):
        name = reason.split("`")[1]
        raise ConfigError(
            f"{where}{place}{'.' if place else ''}{name}: unknown key; allowed: {', '.join(sorted(_fields(hint)))}"
        )
    shown = "a value that is not shown" if place.startswith("auth.keys") else repr(found)
    choices = _choices(hint)
    allowed = f"allowed: {', '.join(choices)}" if choices else f"{reason[0].lower()}{reason[1:]}"
    raise ConfigError(f"{where}{place}: found {shown}; {allowed}")


def _fields(hint: Any) -> dict[str, Any]:
    """The options of a section, or of the section in `str | Section`."""
    for option in (hint, *typing.get_args(hint)):
        if _is_struct(option):
            return typing.get_type_hints(option)
    return {}


def _choices(hint: Any) -> list[str]:
    """The words of a Literal, also inside `Literal[…] | None`."""
    for option in (hint, *typing.get_args(hint)):
        if typing.get_origin(option) is Literal:
            return [str(word) for word in typing.get_args(option)]
    return []
