"""Values, checks, programs and rendered objects, as text and for programs."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.console.results.config import values_json, values_text
from bootstrap.console.results.doctor import checks_json, checks_text, programs_json, programs_text
from bootstrap.console.results.manifests import rendered_json, rendered_yaml
from bootstrap.engine.render import Rendered
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import LocalChart, Release
from bootstrap.model.stack import DeclaredValue
from bootstrap.yamltext.positions import parse_documents

VALUES = (
    DeclaredValue(path="cluster.workers", value=2, origin="--set"),
    DeclaredValue(path="seeds", value=["ü"], origin="stacks/dev.yaml:4"),
    DeclaredValue(path="emulator.persist", value=True, origin="default"),
    DeclaredValue(path="emulator.region", value="us-east-1", origin="default"),
)


@dataclass(frozen=True, kw_only=True)
class Check:
    subject: str
    level: str
    text: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    name: str
    version: str
    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Missing:
    name: str
    why: str


CHECKS = (
    Check(subject="helm", level="fine", text="4.1.4", fix="not shown"),
    Check(subject="docker", level="note", text="no engine answers", fix="start it"),
    Check(subject="disk", level="finding", text="full", fix="make room"),
)
PROGRAMS = (
    Found(name="helm", version="4.1.4", path=Path("/bin/helm"), why="on PATH"),
    Missing(name="kind", why="not found"),
)


def test_values_with_what_gave_them() -> None:
    assert values_text(VALUES, origins=True) == (
        "cluster.workers: 2          # --set\n"
        'seeds: ["ü"]                # stacks/dev.yaml:4\n'
        "emulator.persist: true      # default\n"
        "emulator.region: us-east-1  # default\n"
    )
    assert values_text(VALUES[:1], origins=False) == "cluster.workers: 2\n"
    document = json.loads(values_json(VALUES))
    assert document["version"] == 1
    assert document["values"][1] == {"path": "seeds", "value": ["ü"], "origin": "stacks/dev.yaml:4"}


def test_checks() -> None:
    assert checks_text(CHECKS) == (
        "✓ helm    4.1.4\n"
        "· docker  no engine answers\n"
        "          Fix: start it\n"
        "✗ disk    full\n"
        "          Fix: make room\n"
        "1 to repair\n"
    )
    assert checks_text(CHECKS[:1]).endswith("nothing to repair\n")
    document = json.loads(checks_json(CHECKS))
    assert document["checks"][2] == {"subject": "disk", "level": "finding", "text": "full", "fix": "make room"}


def test_programs() -> None:
    assert programs_text(PROGRAMS) == "helm  4.1.4  /bin/helm  on PATH\nkind  -      -          not found\n"
    assert json.loads(programs_json(PROGRAMS))["programs"] == [
        {"name": "helm", "version": "4.1.4", "path": "/bin/helm", "why": "on PATH"},
        {"name": "kind", "version": None, "path": None, "why": "not found"},
    ]


def prepared(*manifests: dict[str, object]) -> PreparedRelease:
    release = Release(
        namespace="a", name="b", release_name="b", target_namespace="a", chart=LocalChart(path=Path("/c"))
    )
    return PreparedRelease(release=release, crds=({"kind": "CustomResourceDefinition"},), manifests=manifests)


def test_rendered_objects() -> None:
    assert rendered_yaml(Rendered(releases=(prepared({"kind": "Pod"}),))) == (
        "---\n# a/b\nkind: CustomResourceDefinition\n---\n# a/b\nkind: Pod\n"
    )
    assert json.loads(rendered_json(Rendered(releases=(prepared({"kind": "Pod"}),))))["releases"] == [
        {"release": "a/b", "objects": [{"kind": "CustomResourceDefinition"}, {"kind": "Pod"}]}
    ]


@pytest.mark.parametrize(
    "text",
    ["1e3", "y", "N", "on", "no", "0o17", "017", "1_000", ".5", "22:22", "2024-01-01", "null", "~", "=", "", "1.10"],
)
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    shown = rendered_yaml(Rendered(releases=(prepared({"value": text}),)))
    assert f"value: '{text}'\n" in shown
    assert parse_documents(shown, file="f.yaml")[1].value == {"value": text}


def test_numbers_and_plain_text_are_not_quoted() -> None:
    shown = rendered_yaml(Rendered(releases=(prepared({"a": 8080, "b": 0.5, "c": True, "d": "plain", "e": None}),)))
    assert shown.endswith("a: 8080\nb: 0.5\nc: true\nd: plain\ne: null\n")
