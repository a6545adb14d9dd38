"""Schemas and values at random: what is written, adapted or wrapped accepts what the client's schema accepts. The judge of
both is the validator, reading the client's schema in its own draft."""

import random
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator, Draft202012Validator

from proxy import jsonio
from proxy.errors import InvalidRequest
from proxy.families.llama.coercion import Shape, coerce
from proxy.schemas.check import Checker
from proxy.schemas.document import Document
from proxy.schemas.grammar import grammar_of
from proxy.schemas.place import function
from proxy.schemas.tools import for_tool
from proxy.schemas.wrapping import wrap_for_tool
from proxy.schemas.writer import written

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
ROUNDS = 800
NAMES = ["a", "b", "c", "d e"]
WORDS = ["a", "b", "abc", "", "5"]
LITERALS = [None, True, False, 0, 1, 2, 1.0, 1.5, "a", "b", [], [1], {}, {"a": 1}]


class Maker:
    """Schemas that mean something more often than not: objects, unions and references where they do in life."""

    def __init__(self, seed: int, *, is_old: bool = False, is_typed: bool = False, is_plain: bool = False) -> None:
        self.random = random.Random(seed)
        self.is_old = is_old
        self.is_typed = is_typed
        """Never without a `type` where one is added."""
        self.is_plain = is_plain
        """Without the keywords that coercion does not know."""
        self.definitions = "definitions" if is_old else "$defs"
        self.names: list[str] = []

    def document(self) -> dict[str, Any]:
        self.names = self.random.sample(["A", "B", "C~/ d"], self.random.randint(0, 3))
        root = self.objects(3) if self.chance(0.4) else self.schema(3)
        if self.chance(0.4):
            word = self.random.choice(["anyOf", "oneOf", "allOf"])
            root = (self.objects(2) if self.chance(0.5) else {}) | {word: [self.objects(2), self.objects(2)]}
        root = {} if isinstance(root, bool) else dict(root)
        if self.names:
            root[self.definitions] = {name: self.schema(2) for name in self.names}
        if self.is_old:
            root["$schema"] = DRAFT_7
        return root

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def schema(self, depth: int) -> Any:
        if depth <= 0 or self.chance(0.15):
            return self.leaf()
        kind = self.random.randrange(9)
        if kind < 3:
            return self.objects(depth)
        if kind == 3:
            return self.array(depth)
        if kind == 4 and self.names:
            return self.reference(depth)
        if kind < 8:
            return self.union(depth)
        return self.conditional(depth)

    def leaf(self) -> Any:
        pick = self.random.randrange(9)
        if pick == 0:
            return self.random.choice([True, False, {}])
        if pick == 1:
            return {"enum": self.random.sample(LITERALS, self.random.randint(1, 3))}
        if pick == 2:
            return {"const": self.random.choice(LITERALS)}
        if pick == 3:
            return {"type": self.random.choice([["string", "null"], ["integer", "object"], ["number", "boolean"]])}
        if pick == 4:
            return {
                "type": "string",
                **self.some({"minLength": 1, "maxLength": 1, "pattern": "^a", "description": "d"}),
            }
        if pick == 5:
            return {"type": "number", **self.some({"minimum": 1, "exclusiveMaximum": 2, "multipleOf": 1})}
        return {"type": self.random.choice(["string", "integer", "number", "boolean", "null", "object", "array"])}

    def some(self, keywords: dict[str, Any]) -> dict[str, Any]:
        return {keyword: value for keyword, value in keywords.items() if self.chance(0.4)}

    def objects(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, 3))
        out: dict[str, Any] = {"properties": {name: self.schema(depth - 1) for name in names}}
        out |= self.some({
            "required": [self.random.choice(NAMES)],
            "additionalProperties": self.random.choice([False, False, True, self.leaf()]),
            "description": "an object",
            "title": "T",
        })  # fmt: skip
        if self.chance(0.1):
            out["patternProperties"] = {"^[ab]": self.schema(depth - 1)}
        if self.chance(0.1):
            word = "dependencies" if self.is_old else self.random.choice(["dependentRequired", "dependentSchemas"])
            out[word] = {"a": self.schema(depth - 1) if word == "dependentSchemas" else ["b"]}
        if self.chance(0.05) and not self.is_old:
            out["unevaluatedProperties"] = False
        if self.chance(0.1):
            out["minProperties"] = 1
        if not self.is_plain and self.chance(0.1):
            out |= self.some({"maxProperties": 2, "propertyNames": {"enum": ["a", "b"]}, **self.conditional(depth - 1)})
        if self.chance(0.15):
            out |= self.union(depth - 1)
        if self.is_typed or self.chance(0.8):
            out["type"] = "object"
        return out

    def array(self, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {"type": "array"} if self.is_typed or self.chance(0.7) else {}
        if self.is_old and self.chance(0.4):
            out["items"] = [self.schema(depth - 1) for _ in range(self.random.randint(1, 2))]
            if self.chance(0.5):
                out["additionalItems"] = self.schema(depth - 1)
        else:
            out["items"] = self.schema(depth - 1)
            if not self.is_old and self.chance(0.3):
                out["prefixItems"] = [self.schema(depth - 1)]
        if not self.is_plain and self.chance(0.2):
            out["contains"] = self.leaf()
        if not (self.is_plain or self.is_old) and self.chance(0.2):
            out |= self.some({"minContains": 0, "maxContains": 1, "unevaluatedItems": False})
        return out | self.some({"minItems": 1, "maxItems": 2, "uniqueItems": True})

    def reference(self, depth: int) -> dict[str, Any]:
        name = self.random.choice(self.names).replace("~", "~0").replace("/", "~1").replace(" ", "%20")
        out: dict[str, Any] = {"$ref": f"#/{self.definitions}/{name}"}
        if self.chance(0.15):
            out["$ref"] = self.random.choice(["#", "#/properties/a", "#/properties/b"])
        out |= self.some({"description": "seen here"})
        if self.chance(0.2):
            out |= self.objects(depth - 1)
        return out

    def union(self, depth: int) -> dict[str, Any]:
        word = self.random.choice(["anyOf", "anyOf", "oneOf", "allOf", "not"])
        if word == "not":
            return {"not": self.schema(depth - 1)}
        branches = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
        if self.chance(0.3):
            branches.append({"type": "null"})
        if self.chance(0.2):
            branches = [{"required": [name]} for name in self.random.sample(NAMES, 2)]
        return {word: branches}

    def conditional(self, depth: int) -> dict[str, Any]:
        return {
            "if": self.schema(depth - 1),
            **self.some({"then": self.schema(depth - 1), "else": self.schema(depth - 1)}),
        }

    def value(self, depth: int) -> Any:
        pick = self.random.randrange(6)
        if depth <= 0 or pick < 2:
            return self.random.choice([*LITERALS, *WORDS])
        if pick < 5:
            return {name: self.value(depth - 1) for name in self.random.sample(NAMES, self.random.randint(0, 4))}
        return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]

    def object(self) -> dict[str, Any]:
        return {name: self.value(2) for name in self.random.sample(NAMES, self.random.randint(0, 4))}


def judge(schema: dict[str, Any]) -> Any:
    """None when the schema is beyond the judge too: a reference to a place that is not there."""
    draft = Draft7Validator if schema.get("$schema") == DRAFT_7 else Draft202012Validator
    try:
        return draft(schema, offline=True, validate_formats=False)
    except ValueError:
        return None


@pytest.mark.parametrize("is_old", [False, True], ids=["2020-12", "draft-07"])
@pytest.mark.parametrize("keep_refs", [False, True], ids=["inline", "refs"])
def test_written_anew_a_schema_accepts_the_same(is_old: bool, keep_refs: bool) -> None:
    judged = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_old=is_old)
        schema = maker.document()
        before = jsonio.encode(schema)
        original = judge(schema)
        try:
            out = written(Document(schema, function("x")), keep_refs=keep_refs)
        except InvalidRequest as error:
            # The validator looks at a reference when it comes by it, and some lie where it does not.
            assert "does not lead to a schema" in error.message or "without end" in error.message or not keep_refs, (
                schema
            )
            continue
        assert jsonio.encode(schema) == before
        assert original is not None, schema
        same = Draft202012Validator(out, offline=True, validate_formats=False)
        for _ in range(12):
            value = maker.value(3)
            assert same.is_valid(value) == original.is_valid(value), (seed, schema, out, value)
            judged += original.is_valid(value)
    assert judged > ROUNDS


def accepted_objects(maker: Maker, schema: dict[str, Any], other: dict[str, Any], key: str | None = None) -> int:
    original = judge(schema)
    adapted = Draft202012Validator(other, offline=True, validate_formats=False)
    accepted = 0
    for _ in range(15):
        value = maker.object() if key is None else maker.value(3)
        does = original.is_valid(value)
        assert adapted.is_valid(value if key is None else {key: value}) == does, (schema, other, value)
        accepted += does
    return accepted


@pytest.mark.parametrize("is_old", [False, True], ids=["2020-12", "draft-07"])
@pytest.mark.parametrize("takes_refs", [False, True], ids=["inline", "refs"])
def test_the_parameters_of_a_tool_accept_the_same_objects(is_old: bool, takes_refs: bool) -> None:
    accepted = moved = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_old=is_old, is_typed=True)
        schema = maker.document()
        try:
            out = for_tool(schema, "tools[0].function.parameters", takes_refs=takes_refs)
        except InvalidRequest as error:
            assert error.code == "invalid_function_parameters"
            assert error.param is not None and error.param.startswith("tools[0].function.parameters")
            if "accepts no object" in error.message:
                original = judge(schema)
                assert not any(original.is_valid(maker.object()) for _ in range(15)), schema
            continue
        assert out["type"] == "object"
        assert isinstance(out["properties"], dict)
        assert not out.keys() & {"anyOf", "oneOf", "allOf", "$ref", "$schema"}
        assert takes_refs or b'"$ref":' not in jsonio.encode(out)
        accepted += accepted_objects(maker, schema, out)
        moved += out.get("if") == {"type": "object"}
    assert accepted > ROUNDS
    assert moved > ROUNDS / 20


def test_wrapped_a_schema_accepts_the_same_values() -> None:
    accepted = wrapped = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_typed=True)
        schema = maker.document()
        try:
            out, key = wrap_for_tool(schema, "response_format.json_schema.schema", takes_refs=seed % 2 == 0)
        except InvalidRequest:
            continue
        assert out["type"] == "object"
        assert not out.keys() & {"anyOf", "oneOf", "allOf", "$ref"}
        accepted += accepted_objects(maker, schema, out, key)
        wrapped += key is not None
        if key is None:
            assert not judge(schema).is_valid(maker.random.choice([None, 1, "a", []]))
    assert accepted > ROUNDS
    assert wrapped > ROUNDS / 4


SAID = {"minLength", "maxLength", "pattern", "minimum", "exclusiveMaximum", "multipleOf", "maxItems", "uniqueItems",
        "minProperties", "dependentRequired", "oneOf"}  # fmt: skip


def test_a_native_schema_accepts_nothing_but_for_what_is_said_in_words() -> None:
    natives = compared = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_typed=True)
        maker.names = ["A", "B"]
        defs = {"A": maker.schema(2), "B": maker.schema(1)}
        schema = {"type": "object", "properties": {"x": maker.schema(2)}, "required": ["x"], "$defs": defs}
        try:
            out = grammar_of(schema, "response_format.json_schema.schema")
        except InvalidRequest:
            continue
        if out is None:
            continue
        natives += 1
        assert_native(out, out.get("$defs", {}), top=True)
        if any(f'"{word}":'.encode() in jsonio.encode(schema) for word in SAID):
            continue
        original, adapted = judge(schema), Draft202012Validator(out, offline=True, validate_formats=False)
        for _ in range(40):
            value = {"x": maker.value(2)}
            if adapted.is_valid(value):
                assert original.is_valid(value), (schema, out, value)
                compared += 1
    assert natives > ROUNDS / 10
    assert compared > ROUNDS / 10


def assert_native(node: Any, defs: dict[str, Any], *, top: bool = False) -> None:
    """The rules of Anthropic's documentation of structured outputs, written down a second time."""
    if "$ref" in node:
        assert node.keys() == {"$ref"}
        assert node["$ref"].removeprefix("#/$defs/") in defs
        return
    allowed = {"type", "enum", "const", "anyOf", "title", "description", "default", "format", "minItems", "items",
               "properties", "required", "additionalProperties"}  # fmt: skip
    assert node.keys() <= (allowed | {"$defs"} if top else allowed)
    assert node.keys() & {"type", "enum", "const", "anyOf"}
    assert node.get("minItems", 0) in (0, 1)
    types = node.get("type")
    if isinstance(types, list):
        assert not {"object", "array"} & set(types)
    if types == "object":
        assert node["additionalProperties"] is False
        assert set(node.get("required", ())) <= node["properties"].keys()
    else:
        assert not node.keys() & {"properties", "required", "additionalProperties"}
    if types == "array":
        assert isinstance(node["items"], dict)
    inner = [*node.get("properties", {}).values(), *node.get("anyOf", ()), *node.get("$defs", {}).values()]
    for child in [*inner, *([node["items"]] if "items" in node else [])]:
        assert_native(child, defs)


def test_a_checker_finds_a_problem_where_there_is_one() -> None:
    conforming = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_old=seed % 2 == 0)
        schema = maker.document()
        try:
            checker = Checker(schema, "response_format.json_schema.schema")
        except InvalidRequest:
            continue
        original = judge(schema)
        for _ in range(8):
            value = maker.value(3)
            problem = checker.problem(jsonio.encode(value))
            assert (problem is None) == original.is_valid(value)
            conforming += problem is None
            if problem is not None:
                assert problem.startswith("$")
                assert "\n" not in problem
                assert "\0" not in problem
    assert conforming > ROUNDS


def test_coercion_leaves_what_conforms() -> None:
    """Of the arguments that Llama writes, whose types are often others."""
    conforming = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_plain=True, is_old=seed % 2 == 0)
        schema = maker.document()
        original = judge(schema)
        for _ in range(8):
            value = maker.value(3)
            before = jsonio.encode(value)
            out = coerce(value, Shape(schema))
            assert jsonio.encode(value) == before
            assert jsonio.encode(coerce(out, Shape(schema))) == jsonio.encode(out)
            if original is not None and original.is_valid(value):
                assert out == value, (schema, value, out)
                conforming += 1
    assert conforming > ROUNDS


def with_one_as_text(random_: random.Random, value: Any) -> Any:
    """The value with itself or something in it as a string of JSON."""
    if isinstance(value, dict) and value and random_.random() < 0.8:
        name = random_.choice([*value])
        return {**value, name: with_one_as_text(random_, value[name])}
    if isinstance(value, list) and value and random_.random() < 0.8:
        at = random_.randrange(len(value))
        return [*value[:at], with_one_as_text(random_, value[at]), *value[at + 1 :]]
    return value if isinstance(value, str) else jsonio.encode(value).decode()


def test_coercion_gives_what_was_said_or_leaves_it() -> None:
    changed = 0
    for seed in range(ROUNDS):
        maker = Maker(seed, is_plain=True, is_typed=True)
        schema = maker.document()
        original = judge(schema)
        for _ in range(10):
            value = maker.value(3)
            if original is not None and original.is_valid(value):
                text = with_one_as_text(maker.random, value)
                out = coerce(text, Shape(schema))
                assert out in (text, value), (schema, value, text, out)
                changed += out != text
    assert changed > ROUNDS / 4


KEYWORDS = ["type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "enum", "const",
            "additionalProperties", "prefixItems", "if", "then", "else", "dependencies", "minimum", "exclusiveMinimum",
            "description", "$schema", "$id", "$anchor", "patternProperties", "examples", "definitions", "pattern",
            "dependentSchemas", "dependentRequired", "multipleOf", "title", "unevaluatedProperties"]  # fmt: skip
TEXTS = ["object", "string", "array", "#", "#/$defs/a", "#/properties/a", "#a", "a", DRAFT_7, "http://[", "(", "\0", ""]


def anything(random_: random.Random, depth: int) -> Any:
    pick = random_.randrange(10)
    if depth <= 0 or pick < 3:
        return random_.choice([None, True, False, 0, 1, -1, 1.5, *TEXTS])
    if pick < 4:
        return [anything(random_, depth - 1) for _ in range(random_.randint(0, 3))]
    if pick < 6:
        return {random_.choice(["a", "b", "$ref", "type"]): anything(random_, depth - 1) for _ in range(2)}
    return {random_.choice(KEYWORDS): anything(random_, depth - 1) for _ in range(random_.randint(0, 4))}


def test_whatever_is_sent_as_a_schema_it_is_taken_or_refused() -> None:
    taken = 0
    for seed in range(ROUNDS * 4):
        random_ = random.Random(seed)
        schema, value = anything(random_, 5), anything(random_, 3)
        coerce(value, Shape(schema))
        for use in (
            lambda schema: for_tool(schema, "x"),
            lambda schema: for_tool(schema, "x", takes_refs=True),
            lambda schema: grammar_of(schema, "x"),
            lambda schema: wrap_for_tool(schema, "x"),
            lambda schema: Checker(schema, "x").problem("{}"),
        ):
            try:
                use(schema)
                taken += 1
            except InvalidRequest as error:
                assert error.param is not None and error.param.startswith("x")
    assert taken > ROUNDS
