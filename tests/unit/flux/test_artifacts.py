"""What an ArtifactGenerator makes of this repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.flux.artifacts import Artifacts
from bootstrap.flux.findings import Findings
from bootstrap.flux.kustomization import SourceRef
from bootstrap.flux.object_index import Store
from bootstrap.flux.places import Places
from bootstrap.flux.sources import Sources
from bootstrap.yamltext.kubernetes import load

Write = Callable[[str, str], None]
REPO = SourceRef(kind="GitRepository", namespace="f", name="repo")
MADE = SourceRef(kind="ExternalArtifact", namespace="f", name="made")
GENERATOR = """
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: g, namespace: f}
spec:
  sources:
    - {alias: repo, kind: GitRepository, name: repo}
    - {alias: lost, kind: GitRepository, name: lost}
    - {alias: there, kind: GitRepository, name: there, namespace: other}
  artifacts:
    - name: another
      copy: []
    - name: made
      copy: [%s]
"""
FOREIGN = """
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: there, namespace: other}
spec: {url: "https://git.example.com/there"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("a/one.yaml", "a/README.md", "a/deep/two.yaml", "a/deep/three.txt", "b.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def make(root: Path, copy: str, *, ref: SourceRef = MADE) -> tuple[list[str] | None, Findings]:
    """The files of the artifact, each with what it holds."""
    store, findings = Store(), Findings(Places(root))
    store.add([load(GENERATOR % copy), load(FOREIGN), {"apiVersion": "x/v1", "kind": "ArtifactGenerator"}])
    sources = Sources(root, None, store, findings)
    sources.choose_own([REPO])
    artifacts = Artifacts(root, root.parent / "made", store, sources)
    folder = artifacts.root_of(ref, findings)
    assert artifacts.root_of(ref, findings) == folder
    if folder is None:
        return None, findings
    assert folder.is_relative_to(root.parent)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [f"{file.relative_to(folder)} <- {file.read_text()}" for file in files], findings


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ('{from: "@repo/b.yaml", to: "@artifact/x/c.yaml"}', ["x/c.yaml <- b.yaml"]),
        ('{from: "@lost/b.yaml", to: "@artifact/x/"}', ["x/b.yaml <- b.yaml"]),
        ('{from: "@repo/b.yaml", to: "@artifact/x/"}', ["x/b.yaml <- b.yaml"]),
        ('{from: "@repo/b.yaml", to: "@artifact/"}', ["b.yaml <- b.yaml"]),
        (
            '{from: "@repo/a/deep/", to: "@artifact/x/"}',
            ["x/deep/three.txt <- a/deep/three.txt", "x/deep/two.yaml <- a/deep/two.yaml"],
        ),
        (
            '{from: "@repo/a/**", to: "@artifact/x/", exclude: ["*.md", "**/three.txt"]}',
            ["x/deep/two.yaml <- a/deep/two.yaml", "x/one.yaml <- a/one.yaml"],
        ),
        ('{from: "@repo/a/**", to: "@artifact/", exclude: ["deep/**", "a/README.md"]}', ["one.yaml <- a/one.yaml"]),
        ('{from: "@repo/a/*.yaml", to: "@artifact/"}', ["a/one.yaml <- a/one.yaml"]),
        ('{from: "@repo/*.yaml", to: "@artifact/x"}', ["x/b.yaml <- b.yaml"]),
        (
            '{from: "@repo/a/one.yaml", to: "@artifact/x/"}, {from: "@repo/b.yaml", to: "@artifact/x"}',
            ["x/b.yaml <- b.yaml", "x/one.yaml <- a/one.yaml"],
        ),
        ('{from: "@repo/../../a/one.yaml", to: "@artifact/../../../x.yaml"}', ["x.yaml <- a/one.yaml"]),
    ],
)
def test_files_are_copied_as_cp_would(root: Path, copy: str, expected: list[str]) -> None:
    assert make(root, copy)[0] == expected


@pytest.mark.parametrize(
    "copy",
    [
        '{from: "@there/x", to: "@artifact/"}',
        '{from: "@repo/b.yaml", to: "@artifact/b.yaml", strategy: Merge}',
        '{from: "@repo/b.yaml", to: "elsewhere"}',
        '{from: "@lost/absent/**", to: "@artifact/"}',
    ],
)
def test_what_is_not_made_of_this_repository_s_files_alone_is_not_made(root: Path, copy: str) -> None:
    files, findings = make(root, copy)
    assert files is None
    assert [note.text for note in findings.notes()] == [
        "ArtifactGenerator f/g: spec.artifacts[1].copy[0] is not supported: only files of this repository are copied"
    ]


@pytest.mark.parametrize("pattern", ["absent.yaml", "absent/**"])
def test_a_copy_of_nothing_is_a_problem(root: Path, pattern: str) -> None:
    _, findings = make(root, f'{{from: "@repo/{pattern}", to: "@artifact/"}}')
    [problem] = findings.problems()
    assert "nothing matches absent" in problem.text


def test_an_artifact_that_no_generator_makes(root: Path) -> None:
    assert make(root, "", ref=SourceRef(kind="ExternalArtifact", namespace="f", name="other"))[0] is None
    assert make(root, "", ref=SourceRef(kind="ExternalArtifact", namespace="g", name="made"))[0] is None


def test_the_tree_itself_and_what_is_not(root: Path) -> None:
    findings = Findings(Places(root))
    sources = Sources(root, None, Store(), findings)
    sources.choose_own([REPO])
    artifacts = Artifacts(root, root, Store(), sources)
    assert artifacts.root_of(REPO, findings) == root
    assert artifacts.root_of(SourceRef(kind="GitRepository", namespace="f", name="x"), findings) is None
