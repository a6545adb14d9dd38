"""The import graph: what is pure stays pure, and no side learns of the other."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from proxy.families import FAMILIES
from proxy.routing.catalog import Catalog

ROOT = Path(__file__).parents[1]
IMPURE = {
    *("asyncio", "httpx", "httpx_aiohttp", "aiohttp", "boto3", "botocore", "starlette", "uvicorn"),
    *("time", "random", "secrets", "uuid", "socket", "select", "threading", "multiprocessing", "subprocess", "logging"),
    *("os", "urllib.request", "http.client"),
}
"""Waiting, clocks, chance, the network, the environment: all of these are arguments to what is pure."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in (ROOT / "proxy").rglob("*.py")}


def under(*prefixes: str) -> list[str]:
    return sorted(
        name for name in MODULES if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
    )


PURE = under(
    "proxy.apis",
    "proxy.neutral",
    "proxy.families",
    "proxy.schemas",
    "proxy.media.kinds",
    "proxy.errors",
    "proxy.jsonio",
    "proxy.bedrock.sign",
    "proxy.bedrock.eventstream",
    "proxy.bedrock.errors",
    "proxy.bedrock.error_texts",
    "proxy.routing",
)


@cache
def imports(name: str) -> frozenset[str]:
    """Every module that a module runs, wherever in it: `from a.b import c` is `a.b`, and `a.b.c` where that is one."""
    found: set[str] = set()
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    # What is named for the type checker alone is not run.
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            assert node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {node.module} | (inner & MODULES.keys())
            found |= {one for one in inner if one in IMPURE}
    return frozenset(found)


def matches(imported: str, banned: Iterable[str]) -> bool:
    return any(imported == one or imported.startswith(f"{one}.") for one in banned)


def trespasses(names: Iterable[str], banned: Iterable[str], allowed: Iterable[str] = ()) -> Iterator[str]:
    banned, allowed = tuple(banned), tuple(allowed)
    for name in names:
        for imported in sorted(imports(name)):
            if matches(imported, banned) and not matches(imported, allowed):
                yield f"{name} imports {imported}"


def test_the_graph_is_seen() -> None:
    assert "proxy.families.claude.reply" in imports("proxy.families.claude.stream")
    assert "httpx" in imports("proxy.bedrock.client")
    assert "proxy.jsonio" in imports("proxy.apis.sse")
    assert list(trespasses(["proxy.bedrock.client"], IMPURE))
    assert len(PURE) > 40


def test_the_pure_part_neither_waits_nor_asks() -> None:
    assert list(trespasses(PURE, IMPURE)) == []


def test_the_pure_part_stands_on_the_pure_part_alone() -> None:
    """So that what it imports cannot wait or ask either."""
    allowed = {*PURE, "proxy", "proxy.bedrock", "proxy.routing"}
    strangers = [
        f"{name} imports {imported}"
        for name in PURE
        for imported in sorted(imports(name))
        if imported.split(".")[0] == "proxy" and imported not in allowed
    ]
    assert strangers == []


def test_the_two_sides_do_not_know_each_other() -> None:
    assert list(trespasses(under("proxy.apis"), ["proxy.families", "proxy.bedrock"])) == []
    assert list(trespasses(under("proxy.families"), ["proxy.apis"])) == []


def test_the_middle_knows_neither_side() -> None:
    assert list(trespasses(under("proxy.neutral"), ["proxy"], allowed=["proxy.neutral", "proxy.errors"])) == []


def test_families_do_not_know_each_other() -> None:
    for family in FAMILIES:
        others = [f"proxy.families.{other}" for other in FAMILIES if other != family]
        assert list(trespasses(under(f"proxy.families.{family}"), others)) == []


def test_the_emulator_cannot_make_the_translators_mistakes() -> None:
    shared = ["proxy.families", "proxy.apis", "proxy.neutral", "proxy.bedrock.sign", "proxy.bedrock.errors"]
    assert list(trespasses(under("proxy.emulator"), shared)) == []


def test_one_module_talks_to_bedrock() -> None:
    """Others may name the types; `explain` plays Bedrock's part by them."""
    speakers = {name for name in MODULES if matches_any(name, ["httpx", "httpx_aiohttp"])}
    assert "proxy.bedrock.client" in speakers
    assert speakers <= {"proxy.bedrock.client", "proxy.upstream", "proxy.cli.explain"}


def matches_any(name: str, wanted: Iterable[str]) -> bool:
    return any(matches(imported, wanted) for imported in imports(name))


def test_one_module_reads_json() -> None:
    """And one line in it needs the standard library's reader."""
    assert {name for name in MODULES if matches_any(name, ["json"])} == {"proxy.jsonio"}


def test_no_module_but_the_table_names_a_family() -> None:
    """What differs between families is theirs to know."""
    inside = set(under("proxy.families", "proxy.emulator"))
    for name in MODULES.keys() - inside:
        named = {f"proxy.families.{family}" for family in FAMILIES}
        assert list(trespasses([name], named)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_models_and_every_part(family: str) -> None:
    assert any(model.family == family for model in Catalog.load().all())
    made = FAMILIES[family]
    assert made.operation
    assert made.stream_operation
    assert all(callable(part) for part in (made.build, made.parse, made.reader))


def test_nothing_is_imported_in_a_circle() -> None:
    """Not even where Python would let it pass. A package that imports its own parts is no circle."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name in done:
            return
        for imported in sorted(imports(name) & MODULES.keys()):
            if not matches(imported, [name]) and not matches(name, [imported]):
                visit(imported, (*path, name))
        done.add(name)

    for name in sorted(MODULES):
        visit(name, ())
