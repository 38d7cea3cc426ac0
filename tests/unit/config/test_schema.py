"""The published JSON Schema is made from the table that checks stack files, and says the same."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bootstrap.config.fields import (
    Checker,
    Choice,
    Duration,
    Field,
    Kind,
    Listed,
    Section,
    Text,
    TextMap,
    Truth,
    Whole,
    json_schema,
    seconds_in,
)
from bootstrap.config.schema import STACK, published_schema, stack_schema
from bootstrap.yamltext.positions import parse_documents

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "stack.schema.json"
STACKS = ROOT / "tests" / "data" / "stacks"


def test_the_published_schema_is_in_step() -> None:
    assert PUBLISHED.read_text() == published_schema(), "write it anew: python scripts/schema.py"


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(stack_schema())


def parsed(path: Path) -> Any:
    return parse_documents(path.read_bytes(), file=path.name)[0].value


@pytest.mark.parametrize("path", sorted(STACKS.glob("valid-*.yaml")), ids=lambda path: path.stem)
def test_valid_files_fit_the_schema(path: Path) -> None:
    jsonschema.Draft202012Validator(stack_schema()).validate(parsed(path))


UNREADABLE = {f"invalid-{name}.yaml" for name in ("empty", "not-yaml", "tab", "duplicate-key", "tag")}
READABLE = sorted(path for path in STACKS.glob("invalid-*.yaml") if path.name not in UNREADABLE)


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_the_schema_refuses_what_the_table_refuses(path: Path) -> None:
    value = parsed(path)
    fits = jsonschema.Draft202012Validator(stack_schema()).is_valid(value)
    assert fits == (not list(Checker().faults(STACK, value)))


KINDS: list[tuple[Kind, object, str | None]] = [
    (Text(), "a", None),
    (Text(), 5, '5 must be text: write "5" in quotes'),
    (Text(), True, 'true must be text: write "true" in quotes'),
    (Text(), ["a"], "a list must be text"),
    (Text(), None, "has no value: write one, or leave the key out"),
    (Text(pattern="[a-z]+", what="a word"), "A", '"A" is not a word'),
    (Text(pattern="[a-z]+", what="a word", example="abc"), "x" * 70 + "1", f'"{"x" * 59}…" is not a word (write abc)'),
    (Choice(words=("a", "b")), "a", None),
    (Choice(words=("a", "b")), "c", '"c" is not one of a, b'),
    (Choice(words=("a", "b")), {}, "a mapping is not one of a, b"),
    (Whole(least=1, most=3), 3, None),
    (Whole(least=1, most=3), 4, "4 is not a whole number from 1 to 3"),
    (Whole(least=1, most=3), 1.5, "1.5 is not a whole number from 1 to 3"),
    (Whole(least=1, most=3), True, "true is not a whole number from 1 to 3"),
    (Truth(), False, None),
    (Truth(), "no", '"no" is not true or false'),
    (Duration(), "1h30m", None),
    (Duration(), "5 min", '"5 min" is not a duration (write 5m, 90s or 1h30m)'),
    (Duration(), "0s", '"0s" is not a duration (write 5m, 90s or 1h30m)'),
    (Duration(), "", '"" is not a duration (write 5m, 90s or 1h30m)'),
    (Duration(), 5, "5 is not a duration (write 5m, 90s or 1h30m)"),
    (Listed(of=Text()), ["a"], None),
    (Listed(of=Text()), "a", "must be a list: write [a]"),
    (Listed(of=Text()), 5, "5 must be a list"),
    (TextMap(), {"a": "b"}, None),
    (TextMap(), "a", '"a" must be a mapping of names to text'),
    (TextMap(key="[a-z]", what="a letter"), {"A": "b"}, "is not a letter"),
    (Section(fields={}, absent=True), False, None),
    (Section(fields={"a": Field(kind=Text(), says="")}), 5, "5 must be a mapping: write x: {a: …}"),
    (Section(fields={"a": Field(kind=Text(), says="", required="b")}), {}, "is missing: write a: b"),
]


@pytest.mark.parametrize(("kind", "value", "said"), KINDS)
def test_each_kind_says_what_to_write_and_the_schema_agrees(kind: Kind, value: object, said: str | None) -> None:
    faults = [fault.text for fault in Checker().faults(kind, value, ("x",))]
    assert faults == ([] if said is None else [said])
    assert jsonschema.Draft202012Validator(json_schema(kind)).is_valid(value) == (said is None)


def test_durations() -> None:
    assert [seconds_in(text) for text in ("45s", "2m", "1h", "1h1m1s", "m", "1m1h")] == [
        45,
        120,
        3600,
        3661,
        None,
        None,
    ]
