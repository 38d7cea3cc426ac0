"""Documents that are no objects, found with their lines."""

from pathlib import Path

import pytest

from bootstrap.flux.document_check import malformed, without

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine, namespace: n}\n"


@pytest.mark.parametrize(
    ("document", "line", "message"),
    [
        (
            "apiVersion: v1\nkind: HelmRelease\nmetgadata:\n  name: zookeeper\n",
            3,
            'HelmRelease zookeeper: "metgadata" is not a field of an object: did you mean "metadata"?',
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {nmae: x}\n",
            3,
            'ConfigMap: metadata.name is missing: "nmae" is not a field of it, did you mean "name"?',
        ),
        ("apiVersion: v1\nKind: ConfigMap\nmetadata: {name: x}\n", 2, 'object x: "Kind" is not a field'),
        ("kind: ConfigMap\nmetadata: {name: x}\n", 1, "ConfigMap x: apiVersion is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: [a]\n", 3, "metadata is not a mapping"),
        ("apiVersion: v1\nkind: Job\nmetadata: {generateName: x-}\n", 3, "Flux applies no object with generateName"),
        ("apiVersion: v1\nkind: ConfigMap\ndata:\n\ta: b\n", 4, "is not YAML: "),
    ],
)
def test_each_mistake_has_its_line_and_its_words(tmp_path: Path, document: str, line: int, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{GOOD}---\n{document}")
    [wrong] = malformed([file], every_file=False)
    assert wrong.line == 4 + line
    assert message in wrong.text
    assert str(wrong.problem(tmp_path)).startswith(f"a.yaml:{wrong.line}: ")
    assert without(file, [wrong]) == f"{GOOD}---\n"


def test_settings_are_no_objects_unless_every_file_has_to_be_one(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("replicaCount: 2\n")
    assert malformed([values], every_file=False) == ()
    [wrong] = malformed([values], every_file=True)
    assert (wrong.line, wrong.text) == (1, "object: apiVersion is missing")


def test_what_is_fine_is_left_alone(tmp_path: Path) -> None:
    file, settings = tmp_path / "a.yaml", tmp_path / "kustomization.yaml"
    file.write_text(f"# only a comment\n---\n{GOOD}---\napiVersion: v1\nkind: List\nitems: []\n")
    settings.write_text("resources: [a.yaml]\n")
    assert malformed([file, settings], every_file=True) == ()
