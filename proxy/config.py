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

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
"""At most a day: timers cannot wait for ever, and nothing here should."""


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


class Guardrail(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One that requests have to pass. The patterns are those of the botocore 1.44 service model."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9]{1,64}|arn:aws(-[a-z-]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]{1,64})\Z"
        ),
    ]
    """As Bedrock made it, or its ARN."""
    version: Annotated[int, Meta(ge=1, le=99_999_999)] | Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,7}|DRAFT)\Z")]
    """A number, or `DRAFT`."""
    trace: Literal["enabled", "disabled", "enabled_full"] | None = None
    """Shown in the answer. A request may ask for another."""


Secret = Annotated[str, Meta(min_length=1)]


class Key(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    key: Secret
    guardrail: Guardrail | None = None
    """Goes before those of the model and of all."""


class Auth(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keys: tuple[Secret | Key, ...] = ()
    """Keys that clients send as `Authorization: Bearer …`. BEDROCK_PROXY_API_KEY (comma-separated) adds to them."""

    @property
    def secrets(self) -> list[str]:
        return [entry.key if isinstance(entry, Key) else entry for entry in self.keys]


class Aws(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    region: str | None = None
    """Else AWS_REGION, AWS_DEFAULT_REGION, or the profile's."""
    profile: str | None = None
    """Else AWS_PROFILE."""


class ModelEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: str | None = None
    """A model id, inference profile or ARN of Bedrock; the entry's own name when left out."""
    family: str | None = None
    """Of an ARN that does not tell its model: the base id of that model, or its generation: `claude`, `llama2` to `llama4`.
    `converse` sends any model by Converse."""
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Where it differs from the family's."""
    guardrail: Guardrail | None = None
    """For the model behind this entry, by whatever name it is called; goes before that of all."""
    chat_template: str | None = None
    """Of an imported model, in place of a family: its tokenizer_config.json or Jinja file. Relative to the config file."""
    completion: Literal["bedrock", "openai"] | None = None
    """With a chat template: the body that the model takes, with max_gen_len or as OpenAI's completions have it."""


class Cache(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    automatic: bool = False
    """Mark long beginnings of prompts for the cache, where requests have no marks of their own. Writing costs a quarter
    more than sending, reading a tenth."""


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


class Media(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Images and documents that a request names by https URL. From private addresses only where `allow_private` says so."""

    fetch: bool = True
    allow_private: tuple[str, ...] = ()
    """Hosts of your own, as `host:port`: they may be anywhere, on any port. Every client may have a model read them."""
    max_bytes: Annotated[int, Meta(ge=1)] = 20_000_000
    """Of one file."""
    total_s: Seconds = 20.0
    """For one file."""


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
    cache: Cache = Cache()
    guardrail: Guardrail | None = None
    """For every request that no guardrail of its key or model is set for."""
    strict: bool = False
    """Refuse what would have to be adapted. A request can ask for it: `x-bedrock-proxy-strict: true`."""
    schema_mismatch: Literal["report", "error"] = "report"
    """An answer that does not follow its `response_format`: named in the header (of a stream: in a comment), or an error."""
    media: Media = Media()
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
    raw: dict[str, Any] = {}
    if path is not None:
        raw = _read(path)
        # By itself, so that what is wrong in it is not covered by what goes before it.
        _check(raw, f"{path}: ")
        raw = _from_folder(raw, path.parent)
    for variable, (section, name) in _ENVIRONMENT.items():
        if text := environ.get(variable, ""):
            told = _check({section: {name: text}}, f"{variable}: ", is_strict=False)
            raw = _with(raw, section, name, getattr(getattr(told, section), name))
    for dotted, value in (overrides or {}).items():
        section, name = dotted.split(".")
        raw = _with(raw, section, name, value)
    keys = [key.strip() for key in environ.get(KEY_VARIABLE, "").split(",") if key.strip()]
    if keys:
        raw = _with(raw, "auth", "keys", [*raw.get("auth", {}).get("keys", ()), *keys])
    return _check(raw, "")


def _from_folder(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What names a file is meant from where the configuration lies."""
    models = {
        name: {**entry, "chat_template": str(folder / entry["chat_template"])}
        if isinstance(entry, dict) and entry.get("chat_template")
        else entry
        for name, entry in raw.get("models", {}).items()
    }
    return {**raw, "models": models}


def _with(raw: dict[str, Any], section: str, name: str, value: Any) -> dict[str, Any]:
    return {**raw, section: {**raw.get(section, {}), name: value}}


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        raw = yaml.load(text, Loader=_StrictLoader)  # noqa: S506  a SafeLoader underneath
    except yaml.MarkedYAMLError as error:
        # Not the lines that the error would quote: a key of a client may stand in them.
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{path}: not YAML: {place}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(
            f"{path}: not YAML: a character, a date or a number in it, or how deep it is nested"
        ) from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: found no sections; allowed: {', '.join(sorted(_fields(Config)))}")
    # An option or a section with nothing but comments behind it is null in YAML: not given.
    given = {name: value for name, value in raw.items() if value is not None}
    for name in given.keys() & (_fields(Config).keys() - {"models"}):
        if isinstance(given[name], dict):
            given[name] = {option: value for option, value in given[name].items() if value is not None}
    return given


def _check(raw: Mapping[str, Any], where: str, *, is_strict: bool = True) -> Config:
    """`where` names the source. Not strict: numbers may be text, as they are in the environment."""
    models = raw.get("models")
    for name, entry in models.items() if isinstance(models, dict) else ():
        # One by one: in a mapping, msgspec does not say which entry is at fault.
        _convert(entry, str | ModelEntry, f"models.{name}", where, is_strict)
    auth = raw.get("auth")
    keys = auth.get("keys") if isinstance(auth, dict) else None
    for number, key in enumerate(keys if isinstance(keys, list) else ()):
        _convert(key, Secret | Key, f"auth.keys[{number}]", where, is_strict)
    config: Config = _convert(raw, Config, "", where, is_strict)
    _check_guardrails_of_keys(config.auth, where)
    return config


def _check_guardrails_of_keys(auth: Auth, where: str) -> None:
    """A key that stands twice must not leave open which guardrail is its own."""
    seen: dict[str, tuple[int, Guardrail]] = {}
    for number, entry in enumerate(auth.keys):
        if isinstance(entry, Key) and entry.guardrail is not None:
            first, guardrail = seen.setdefault(entry.key, (number, entry.guardrail))
            if _meaning(guardrail) != _meaning(entry.guardrail):
                raise ConfigError(
                    f"{where}auth.keys[{number}]: the same key as auth.keys[{first}], with another guardrail"
                )


def _meaning(guardrail: Guardrail) -> tuple[str, str, str | None]:
    return guardrail.id, str(guardrail.version), guardrail.trace


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice, or is no text, is an error and not a surprise."""


_TEXT_TAG = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG


def _mapping_without_duplicates(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = key_node.value if key_node.tag == _TEXT_TAG else None
        if key is None:
            raise yaml.constructor.ConstructorError(
                None, None, "a key that is not text; write it in quotes", key_node.start_mark
            )
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


def _convert(raw: Any, wanted: Any, place: str, where: str, is_strict: bool) -> Any:
    """msgspec's "Expected `int`, got `str` - at `$.server.port`" -> where, what was found, what is allowed."""
    try:
        return msgspec.convert(raw, wanted, strict=is_strict)
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
    shown = "a value that is not shown" if place.startswith("auth") else repr(found)
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
