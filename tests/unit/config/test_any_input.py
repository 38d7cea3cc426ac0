"""Whatever a file or a flag holds: it reads, or says why not; the schema agrees."""

import contextlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.config.fields import Checker, Choice, Kind, Listed, Section, TextMap
from bootstrap.config.flags import Overrides
from bootstrap.config.layers import leaves
from bootstrap.config.schema import STACK, stack_schema
from bootstrap.config.stack import load_stack
from bootstrap.errors import InvalidError
from bootstrap.model.labels import API_VERSION
from bootstrap.yamltext.positions import parse_documents

WORDS = sorted({str(part) for path, _ in leaves(STACK) for part in path})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70000),
    st.sampled_from([0.5, -1.25, 1e40 / 3]),
    st.sampled_from(["auto", "kwok", "kind", "existing", "chart", "process", "endpoint", "1.34", "a", "", "../x", "."]),
)


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that mostly have the shape of the table, and seldom are right."""
    match kind:
        case Section(fields=fields):
            strategies = {name: values(field.kind) for name, field in fields.items()}
            return st.fixed_dictionaries({}, optional={**strategies, "odd": SCALARS}) | SCALARS
        case Listed(of=of):
            return st.lists(values(of), max_size=2) | SCALARS
        case TextMap():
            return st.dictionaries(st.sampled_from(["a", "b-c", ""]), SCALARS, max_size=2)
        case Choice(words=words):
            return st.sampled_from([str(word) for word in words]) | SCALARS
        case _:
            return SCALARS


BEGIN = {"apiVersion": API_VERSION, "kind": "Stack"}
FIELDS = {name: values(field.kind) for name, field in STACK.fields.items()}
STACKS = st.fixed_dictionaries({}, optional={**FIELDS, "odd": SCALARS}).map(lambda value: {**value, **BEGIN})
VALIDATOR = jsonschema.Draft202012Validator(stack_schema())


@given(STACKS)
def test_the_table_and_the_schema_agree(value: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(value) == (not list(Checker().faults(STACK, value)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=STACKS, sets=st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), SCALARS), max_size=2))
def test_a_stack_loads_or_says_why(tmp_path: Path, value: dict[str, Any], sets: list[tuple[str, str, Any]]) -> None:
    file = tmp_path / "any.yaml"
    file.write_text(json.dumps(value))
    flags = Overrides(sets=tuple(f"{section}.{key}={json.dumps(content)}" for section, key, content in sets))
    with contextlib.suppress(InvalidError):
        loaded = load_stack(str(file), flags, cwd=tmp_path, environment={})
        assert all(shown_value.origin for shown_value in loaded.values)


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_a_large_list_is_no_trouble(size: int) -> None:
    (document,) = parse_documents("a:\n" + "- {b: 1}\n" * size + "z: 1", file="f.yaml")
    assert document.place(("z",)).line == size + 2


@given(st.text(max_size=80))
def test_any_text_reads_or_says_why(text: str) -> None:
    with contextlib.suppress(InvalidError):
        parse_documents(text, file="f.yaml")


@given(st.binary(max_size=60))
def test_any_bytes_read_or_say_why(content: bytes) -> None:
    with contextlib.suppress(InvalidError):
        parse_documents(content, file="f.yaml")
