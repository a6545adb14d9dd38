import re
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import Struct

from proxy.config import Config, ConfigError, Guardrail, Key, ModelEntry, load

DEFAULT = Path(__file__).parents[1] / "config.yaml"
SECTIONS = "auth, aws, cache, guardrail, log, media, models, retry, routing, schema_mismatch, server, strict, timeouts"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def loaded(file: Path, text: str, environ: dict[str, str] | None = None, **overrides: Any) -> Config:
    file.write_text(text, encoding="utf-8")
    return load(file, environ or {}, {name.replace("__", "."): value for name, value in overrides.items()})


def refused(file: Path, text: str, environ: dict[str, str] | None = None, **overrides: Any) -> str:
    """The message, without the file's name."""
    with pytest.raises(ConfigError) as raised:
        loaded(file, text, environ, **overrides)
    return str(raised.value).replace(f"{file}: ", "FILE ")


# The commented default.


def options(struct: type[Struct], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path -> default of every option there is."""
    found: dict[tuple[str, ...], Any] = {}
    for name, hint in typing.get_type_hints(struct).items():
        default = getattr(struct(), name)
        if isinstance(hint, type) and issubclass(hint, Struct):
            found |= options(hint, (*path, name))
        else:
            found[(*path, name)] = default
    return found


def test_there_are_options_to_look_for() -> None:
    assert {("server", "port"), ("strict",), ("models",), ("timeouts", "gap_s")} <= set(options(Config))


@pytest.mark.parametrize("path", options(Config), ids=".".join)
def test_every_option_stands_in_config_yaml_with_its_default(path: tuple[str, ...]) -> None:
    value = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    for step in path:
        assert step in value
        value = value[step]
    default = options(Config)[path]
    assert value == (list(default) if isinstance(default, tuple) else default)


def test_config_yaml_holds_nothing_else_and_is_the_default() -> None:
    raw = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    paths = set()
    for name, section in raw.items():
        paths |= {(name, option) for option in section} if isinstance(section, dict) and section else {(name,)}
    assert paths == set(options(Config))
    assert load(DEFAULT, {}) == load(None, {}) == Config()


def test_the_example_in_config_yaml_is_good_and_has_every_option_of_an_entry(file: Path) -> None:
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    example = "\n".join(line[1:] for line in lines if line.startswith("#  "))
    config = loaded(file, f"models:\n{example}\n")
    assert config.entry("gpt-4o") == ModelEntry(id="us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    entries = [config.entry(name) for name in config.models]
    assert all(any(getattr(entry, name) is not None for entry in entries) for name in typing.get_type_hints(ModelEntry))


def test_every_number_in_config_yaml_has_its_unit() -> None:
    """In its name, or in words beside it."""
    text = DEFAULT.read_text(encoding="utf-8")
    for path, default in options(Config).items():
        if type(default) in (int, float):
            line = next(line for line in text.splitlines() if line.strip().startswith(f"{path[-1]}:"))
            assert re.search(r"_(s|bytes|tokens):", line) or "#" in line, line


def test_every_option_has_its_meaning_where_it_is_defined() -> None:
    """The comment stands in the file, or the name says it all."""
    plain = {("server", "port"), ("timeouts", "connect_s")}
    text = DEFAULT.read_text(encoding="utf-8")
    for path in set(options(Config)) - plain:
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{path[-1]}:"))
        assert "#" in line, line


def test_config_yaml_is_short() -> None:
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 70
    assert max(map(len, lines)) <= 126


# What is wrong is told with its path, what was found, and what is allowed.

WRONG = {
    # Keys.
    "srever:\n  port: 1": f"FILE srever: unknown key; allowed: {SECTIONS}",
    "server:\n  prot: 1": (
        "FILE server.prot: unknown key; allowed: allow_open, grace_s, host, max_body_bytes, max_choices, port, workers"
    ),
    "models:\n  a:\n    familly: x": (
        "FILE models.a.familly: unknown key; allowed: chat_template, completion, family, guardrail, id, max_output_tokens"
    ),
    "retry:\n  attempts: 1\n  jitter: 2": "FILE retry.jitter: unknown key; allowed: attempts, deadline_s",
    # Types.
    "server: 5": "FILE server: found 5; expected `object`, got `int`",
    "server: []": "FILE server: found []; expected `object`, got `array`",
    'server:\n  port: "80"': "FILE server.port: found '80'; expected `int`, got `str`",
    "server:\n  port: true": "FILE server.port: found True; expected `int`, got `bool`",
    "server:\n  port: 80.5": "FILE server.port: found 80.5; expected `int`, got `float`",
    "server:\n  port: [80]": "FILE server.port: found [80]; expected `int`, got `array`",
    "server:\n  port: 2020-01-01": "FILE server.port: found datetime.date(2020, 1, 1); expected `int`, got `date`",
    "server:\n  host: 1": "FILE server.host: found 1; expected `str`, got `int`",
    "server:\n  allow_open: 1": "FILE server.allow_open: found 1; expected `bool`, got `int`",
    "strict: 1": "FILE strict: found 1; expected `bool`, got `int`",
    "aws:\n  region: 1": "FILE aws.region: found 1; expected `str | null`, got `int`",
    "timeouts:\n  gap_s: 5s": "FILE timeouts.gap_s: found '5s'; expected `float`, got `str`",
    "models: [a]": "FILE models: found ['a']; expected `object`, got `array`",
    "models:\n  a: 1": "FILE models.a: found 1; expected `str | object`, got `int`",
    "models:\n  a:": "FILE models.a: found None; expected `str | object`, got `null`",
    "models:\n  a: x\n  b:\n    id: 1": "FILE models.b.id: found 1; expected `str | null`, got `int`",
    # Ranges and words.
    "server:\n  port: 65536": "FILE server.port: found 65536; expected `int` <= 65535",
    "server:\n  port: -1": "FILE server.port: found -1; expected `int` >= 0",
    "server:\n  workers: 0": "FILE server.workers: found 0; expected `int` >= 1",
    "server:\n  max_choices: 129": "FILE server.max_choices: found 129; expected `int` <= 128",
    "server:\n  max_body_bytes: 1": "FILE server.max_body_bytes: found 1; expected `int` >= 1024",
    "retry:\n  attempts: 0": "FILE retry.attempts: found 0; expected `int` >= 1",
    "timeouts:\n  gap_s: 0": "FILE timeouts.gap_s: found 0; expected `float` > 0.0",
    "timeouts:\n  gap_s: -0.5": "FILE timeouts.gap_s: found -0.5; expected `float` > 0.0",
    "timeouts:\n  gap_s: .inf": "FILE timeouts.gap_s: found inf; expected `float` <= 86400.0",
    "timeouts:\n  gap_s: .nan": "FILE timeouts.gap_s: found nan; expected `float` > 0.0",
    "models:\n  a:\n    max_output_tokens: 0": ("FILE models.a.max_output_tokens: found 0; expected `int` >= 1"),
    "log:\n  level: loud": "FILE log.level: found 'loud'; allowed: debug, info, warning, error",
    "guardrail: {id: abc}": "FILE guardrail: found {'id': 'abc'}; object missing required field `version`",
    "guardrail: {id: abc, version: 0}": "FILE guardrail.version: found 0; expected `int` >= 1",
    "guardrail: {id: abc, version: 1, trace: all}": (
        "FILE guardrail.trace: found 'all'; allowed: enabled, disabled, enabled_full"
    ),
    "guardrail: {id: abc, version: 1, mode: x}": "FILE guardrail.mode: unknown key; allowed: id, trace, version",
    "models: {a: {guardrail: {id: abc, version: 1, mode: x}}}": (
        "FILE models.a.guardrail.mode: unknown key; allowed: id, trace, version"
    ),
    "auth: {keys: [a, {key: b, guard: x}]}": "FILE auth.keys[1].guard: unknown key; allowed: guardrail, key",
    "auth: {keys: [{key: b, guardrail: {id: abc, version: latest}}]}": (
        "FILE auth.keys[0].guardrail.version: found a value that is not shown; expected `str` matching regex "
        "'^([1-9][0-9]{0,7}|DRAFT)\\\\Z'"
    ),
    "auth: {keys: [{key: b, guardrail: {id: abc, version: 1}}, c, {key: b, guardrail: {id: abc, version: 2}}]}": (
        "FILE auth.keys[2]: the same key as auth.keys[0], with another guardrail"
    ),
    "routing:\n  profile_scope: eu": "FILE routing.profile_scope: found 'eu'; allowed: geo, global",
    # Not YAML, or not with one meaning.
    "server:\n  port: 1\n  port: 2": "FILE not YAML: line 3, column 3: the key 'port' stands twice",
    "server:\n  port: 1\nserver:\n  host: x": "FILE not YAML: line 3, column 1: the key 'server' stands twice",
    "models:\n  a: x\n  'a': y": "FILE not YAML: line 3, column 3: the key 'a' stands twice",
    "models:\n  3.5: x": "FILE not YAML: line 2, column 3: a key that is not text; write it in quotes",
    "on: x": "FILE not YAML: line 1, column 1: a key that is not text; write it in quotes",
    "? [a]\n: b": "FILE not YAML: line 1, column 3: a key that is not text; write it in quotes",
    "server: {port: 1": "FILE not YAML: line 1, column 17: expected ',' or '}', but got '<stream end>'",
    "server:\n\tport: 1": "FILE not YAML: line 2, column 1: found character '\\t' that cannot start any token",
    "a: !foo b": "FILE not YAML: line 1, column 4: could not determine a constructor for the tag '!foo'",
    "a: &x\n  b: *x": "FILE not YAML: line 1, column 4: found unconstructable recursive node",
    "a: *x": "FILE not YAML: line 1, column 4: found undefined alias 'x'",
    "port: 2020-13-45": "FILE not YAML: a character, a date or a number in it, or how deep it is nested",
    "a: \0": "FILE not YAML: a character, a date or a number in it, or how deep it is nested",
    "[" * 3000: "FILE not YAML: a character, a date or a number in it, or how deep it is nested",
    "- server": f"FILE found no sections; allowed: {SECTIONS}",
    "server": f"FILE found no sections; allowed: {SECTIONS}",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:40].replace("\n", "⏎"))
def test_wrong(file: Path, text: str) -> None:
    assert refused(file, text) == WRONG[text]


def test_a_file_that_is_not_there_or_not_text(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*No such file"):
        load(file, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})
    file.write_bytes(b"server: \xff")
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8' codec"):
        load(file, {})


@pytest.mark.parametrize(
    "text",
    [
        "auth: sk-secret-1",
        "auth: [sk-secret-1]",
        "auth:\n  keys: sk-secret-1",
        "auth:\n  keys:\n    name: sk-secret-1",
        "auth:\n  keys: [[sk-secret-1]]",
        "auth:\n  keys: [sk-secret-1, 5]",
        'auth:\n  keys: [sk-secret-1, ""]',
        "auth:\n  key: sk-secret-1",
        "auth:\n  keys: [{key: sk-secret-1, guard: x}]",
        "auth:\n  keys: [{key: sk-secret-1, guardrail: {id: ÄÖ, version: 1}}]",
        "auth:\n  keys: [{key: sk-secret-1, guardrail: sk-secret-3}]",
        "auth:\n  keys: [{key: [sk-secret-1]}]",
        "auth:\n  keys: [sk-secret-1",
        "auth:\n  keys: [sk-secret-1]\nserver:\n  1: x",
        "auth:\n  keys: [sk-secret-1]\nmodels:\n  1: x",
        "auth:\n  keys: [sk-secret-1]\nx: y",
        "auth:\n  keys: [sk-secret-1]\n  keys: [sk-secret-1]",
        "auth:\n  keys: [sk-secret-1]\n\tx: y",
        "auth: {keys: [{key: sk-secret-1, guardrail: {id: a, version: 1}},"
        " {key: sk-secret-1, guardrail: {id: b, version: 1}}]}",
        "sk-secret-1",
        "- sk-secret-1",
    ],
)
def test_no_error_shows_a_key(file: Path, text: str) -> None:
    assert "secret" not in refused(file, text)
    assert "secret" not in refused(file, text, {"BEDROCK_PROXY_API_KEY": "sk-secret-2"})


def test_no_error_shows_the_keys_of_the_environment(file: Path) -> None:
    message = refused(file, "", {"BEDROCK_PROXY_API_KEY": "sk-secret-2", "PORT": "x"})
    assert message == "PORT: server.port: found 'x'; expected `int`, got `str`"


# What is right.


@pytest.mark.parametrize(
    "text",
    ["", "\n", "# nothing\n", "server:\n", "server:\n  port:\n", "models:", "strict:", "auth:\n  keys:\n#    - x\n"],
)
def test_what_is_left_empty_is_not_given(file: Path, text: str) -> None:
    assert loaded(file, text) == Config()


def test_one_option_of_a_section_leaves_the_others(file: Path) -> None:
    config = loaded(file, "server:\n  port: 9000\ntimeouts:\n  gap_s: 5\n")
    assert (config.server.port, config.server.host, config.server.workers) == (9000, "127.0.0.1", 1)
    assert (config.timeouts.gap_s, config.timeouts.total_s) == (5.0, 3600.0)


def test_models(file: Path) -> None:
    config = loaded(file, "models:\n  gpt-4o: us.anthropic.x\n  mine:\n    family: llama3\n  '3.5': y\n")
    assert config.entry("gpt-4o") == ModelEntry(id="us.anthropic.x")
    assert config.entry("mine") == ModelEntry(family="llama3")
    assert config.entry("3.5").id == "y"


def test_a_chat_template_is_looked_for_beside_the_file(file: Path) -> None:
    text = "models:\n  a: x\n  b:\n    chat_template: qwen/chat_template.jinja\n  c:\n    chat_template: /d/e.json\n"
    config = loaded(file, text)
    assert config.entry("b").chat_template == str(file.parent / "qwen/chat_template.jinja")
    assert config.entry("c").chat_template == "/d/e.json"
    assert config.entry("a").chat_template is None


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().strict = True  # type: ignore[misc]


# What goes before what.


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("HOST", "8", "host", "8"),
        ("PORT", "80", "port", 80),
        ("WEB_CONCURRENCY", "4", "workers", 4),
    ],
)
def test_the_environment_goes_before_the_file(file: Path, variable: str, text: str, option: str, value: object) -> None:
    full = "server:\n  host: 10.0.0.1\n  port: 1\n  workers: 2\n"
    assert getattr(loaded(file, full, {variable: text}).server, option) == value
    assert getattr(load(None, {variable: text}).server, option) == value
    assert loaded(file, full, {variable: ""}) == loaded(file, full)


def test_the_command_line_goes_before_the_environment(file: Path) -> None:
    config = loaded(file, "server:\n  port: 1\n", {"PORT": "2", "HOST": "::1"}, server__port=3)
    assert (config.server.port, config.server.host) == (3, "::1")
    assert refused(file, "", {}, server__port=99999) == "server.port: found 99999; expected `int` <= 65535"


def test_what_is_wrong_in_the_file_is_told_even_where_something_goes_before_it(file: Path) -> None:
    expected = "FILE server: found 5; expected `object`, got `int`"
    assert refused(file, "server: 5", {"PORT": "80"}) == expected
    assert refused(file, "server: 5", server__port=80) == expected
    assert refused(file, "server:\n  port: x", {"PORT": "80"}).startswith("FILE server.port: found 'x'")


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("PORT", "http", "PORT: server.port: found 'http'; expected `int`, got `str`"),
        ("PORT", "65536", "PORT: server.port: found '65536'; expected `int` <= 65535"),
        ("PORT", "-1", "PORT: server.port: found '-1'; expected `int` >= 0"),
        ("PORT", "²", "PORT: server.port: found '²'; expected `int`, got `str`"),
        ("PORT", "8_0", "PORT: server.port: found '8_0'; expected `int`, got `str`"),
        ("WEB_CONCURRENCY", "0", "WEB_CONCURRENCY: server.workers: found '0'; expected `int` >= 1"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_by_its_name(variable: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, {variable: text})
    assert str(raised.value) == message


def test_a_number_without_end_in_the_environment() -> None:
    with pytest.raises(ConfigError, match=r"PORT: server\.port: found '999"):
        load(None, {"PORT": "9" * 5000})


def test_other_variables_are_left_alone() -> None:
    environ = {"SERVER_PORT": "1", "BEDROCK_PROXY_PORT": "1", "STRICT": "true", "AWS_REGION": "eu-west-1", "port": "1"}
    assert load(None, environ) == Config()


def test_keys_of_the_environment_are_added(file: Path) -> None:
    text = "auth:\n  keys: [a, b]\n"
    assert loaded(file, text).auth.keys == ("a", "b")
    assert loaded(file, text, {"BEDROCK_PROXY_API_KEY": " c ,,d,"}).auth.keys == ("a", "b", "c", "d")
    assert load(None, {"BEDROCK_PROXY_API_KEY": "c"}).auth.keys == ("c",)
    assert load(None, {"BEDROCK_PROXY_API_KEY": " , "}).auth.keys == ()


@pytest.mark.parametrize("other", ["k", "{key: k}", "{key: k, guardrail: {id: a, version: '1'}}"])
def test_a_key_may_stand_twice_where_it_is_clear_which_guardrail_it_has(file: Path, other: str) -> None:
    text = f"auth: {{keys: [{{key: k, guardrail: {{id: a, version: 1}}}}, {other}]}}"
    assert loaded(file, text, {"BEDROCK_PROXY_API_KEY": "k"}).auth.secrets == ["k"] * 3


@pytest.mark.parametrize("id", ["abc123", "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/abc123"])
@pytest.mark.parametrize("version", ["1", "12", "DRAFT", "'1'"])
def test_guardrails(file: Path, id: str, version: str) -> None:
    guardrail = f"{{id: '{id}', version: {version}}}"
    config = loaded(
        file,
        f"guardrail: {guardrail}\n"
        f"models: {{a: {{guardrail: {guardrail}}}}}\n"
        f"auth: {{keys: [k, {{key: l, guardrail: {guardrail}}}]}}\n",
        {"BEDROCK_PROXY_API_KEY": "m"},
    )
    expected = Guardrail(id=id, version=yaml.safe_load(version))
    assert config.guardrail == config.entry("a").guardrail == expected
    assert config.auth.keys == ("k", Key(key="l", guardrail=expected), "m")
    assert config.auth.secrets == ["k", "l", "m"]
