"""Generated fixture sets: apply, export, apply again is at rest, and says the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from bootstrap.seeds.export import export
from bootstrap.seeds.observe import Options
from bootstrap.seeds.services.registry import all_services
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

names = st.from_regex(r"[a-z][a-z0-9]{2,12}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"], exclude_characters="$"), max_size=30)
tags = st.dictionaries(names, st.from_regex(r"[a-zA-Z0-9 ]{1,10}", fullmatch=True), max_size=3)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def buckets(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = {"tags": draw(tags), "objects": draw(st.dictionaries(names, texts, max_size=3))}
    if draw(st.booleans()):
        body["versioning"] = True
    if draw(st.booleans()):
        body["cors"] = [{"origins": ["*"], "methods": ["GET"], "maxAge": draw(st.integers(0, 900))}]
    return body


@st.composite
def secrets(draw: st.DrawFn) -> dict[str, Any]:
    value = draw(st.sampled_from(["string", "json", "generate"]))
    given_value = {
        "string": st.text(
            st.characters(codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters="$"),
            min_size=1,
            max_size=9,
        ),
        "json": st.dictionaries(names, texts, min_size=1, max_size=3),
        "generate": st.fixed_dictionaries({"length": st.integers(1, 40)}),
    }[value]
    return {value: draw(given_value), "tags": draw(tags)}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    ids = draw(st.lists(names, unique=True, max_size=4))
    body: dict[str, Any] = {
        "keys": {"partition": "id"},
        "tags": draw(tags),
        "items": [
            {**draw(st.dictionaries(names.filter("id".__ne__), plain, max_size=3)), "id": item_id} for item_id in ids
        ],
    }
    if draw(st.booleans()):
        body["ttl"] = "expires"
    return body


fixture_sets = st.fixed_dictionaries(
    {
        "s3": st.dictionaries(names, buckets(), max_size=2),
        "secretsmanager": st.dictionaries(names, secrets(), max_size=2),
        "dynamodb": st.dictionaries(names, tables(), max_size=2),
    }
)


def exported(bench: Bench) -> dict[str, bytes]:
    return dict(export(bench.endpoint, all_services(), Options().covers, bench.cancel).files)


@settings(
    max_examples=10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(declared=fixture_sets)
def test_export_makes_the_same_again(bench: Bench, declared: dict[str, Any]) -> None:
    assume(any(declared.values()))  # a folder without fixtures is refused
    bench.empty()
    bench.fixtures.mkdir(exist_ok=True)
    _write(bench.fixtures / "fixtures.yaml", declared)
    bench.apply()
    bench.settled()
    first = exported(bench)
    again = Bench(endpoint=bench.endpoint, folder=bench.folder / "again", owner="again")
    _write_files(again.fixtures, first)
    again.empty()
    again.apply()
    again.settled()
    assert exported(again) == first


def _write(file: Path, declared: dict[str, Any]) -> None:
    file.write_text(json.dumps({"apiVersion": "bootstrap.dev/v1", "kind": "Seeds", **declared}, ensure_ascii=False))


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for old in sorted(folder.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
