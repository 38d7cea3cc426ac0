"""Where an object is written, although kustomize does not tell."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.flux.places import Places
from bootstrap.model.kube import ObjectRef

Write = Callable[[str, str], None]


def ref(name: str, *, namespace: str | None = "n", kind: str = "ConfigMap") -> ObjectRef:
    return ObjectRef(api_version="v1", kind=kind, namespace=namespace, name=name)


def config(name: str, more: str = "") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{more}"


def of(root: Path, object_ref: ObjectRef, path: str | None = None, folder: str = ".") -> str:
    return str(Places(root).of(object_ref, folder, path))


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\nmetadata: {name: a, namespace: n}\n",
        "kind: ConfigMap\nmetadata: {namespace: n, name: 'a'}\n",
        'kind: "ConfigMap"\nmetadata:\n  labels:\n    x: y\n\n  # who\n  name: "a"  # it\n  namespace: n\ndata: {}\n',
        "kind: ConfigMap\r\nmetadata:\r\n  name: a\r\n",
        "kind: ConfigMap\nmetadata:\n  namespace: ${where}\n  name: a\n",
    ],
)
def test_an_object_is_found_however_it_is_written(tmp_path: Path, write: Write, text: str) -> None:
    write("a.yaml", f"# about\n---\napiVersion: v1\n{text}")
    assert of(tmp_path, ref("a")) == "a.yaml:4"


def test_the_second_document_of_a_file(tmp_path: Path, write: Write) -> None:
    write("a.yml", config("a") + "--- # next\n" + config("b", "data:\n  x:\n    - y: 1\n    - z: 2\n"))
    assert of(tmp_path, ref("b")) == "a.yml:7"
    assert of(tmp_path, ref("b"), "data.x[1].z") == "a.yml:13: data.x[1].z"


@pytest.mark.parametrize("path", ["data.x[7]", "data.x.y", "data[0]", "data.absent", "absent"])
def test_a_field_that_is_not_there_is_placed_at_the_object(tmp_path: Path, write: Write, path: str) -> None:
    write("a.yaml", config("a", "data: {x: [1]}\n"))
    assert of(tmp_path, ref("a"), path) == f"a.yaml:2: {path}"


def test_a_field_is_looked_for_in_patches_too(tmp_path: Path, write: Write) -> None:
    write("base/a.yaml", config("a", "data:\n  x: a rather long text so that it is the whole object\n"))
    write("patch.yaml", config("a", "data:\n  z: 1\n"))
    assert of(tmp_path, ref("a")) == "base/a.yaml:2"
    assert of(tmp_path, ref("a"), "data.x") == "base/a.yaml:6: data.x"
    assert of(tmp_path, ref("a"), "data.z") == "patch.yaml:6: data.z"


def test_only_what_the_folder_draws_in_counts(tmp_path: Path, write: Write) -> None:
    for stage in ("dev", "prod"):
        write(f"{stage}/kustomization.yaml", "resources: [../base]\npatches:\n  - path: a.yaml\n")
        write(f"{stage}/a.yaml", config("a", f"data: {{{stage}: x}}\n"))
    write("base/kustomization.yaml", "resources:\n  - ./sub\n  - ../dev\n")
    write("base/sub/deep/a.yaml", config("a", "data: {base: a longer text than the patches have}\n"))
    assert of(tmp_path, ref("a"), "data.base", "prod") == "base/sub/deep/a.yaml:5: data.base"
    assert of(tmp_path, ref("a"), "data.prod", "prod") == "prod/a.yaml:5: data.prod"
    assert of(tmp_path, ref("a"), "data.prod", "base/sub") == "base/sub/deep/a.yaml:2: data.prod"


def test_what_no_folder_draws_in_is_better_than_nothing(tmp_path: Path, write: Write) -> None:
    write("a/a.yaml", config("a"))
    (tmp_path / "b").mkdir()
    assert of(tmp_path, ref("a"), None, "b") == "a/a.yaml:2"


def test_a_name_that_kustomize_changed(tmp_path: Path, write: Write) -> None:
    write("a.yaml", config("web") + "---\n" + config("web-app"))
    assert of(tmp_path, ref("dev-web-app-8f2k")) == "a.yaml:7"
    assert of(tmp_path, ref("dev-web-8f2k")) == "a.yaml:2"


def test_a_namespace_that_kustomize_changed(tmp_path: Path, write: Write) -> None:
    write("a.yaml", config("a", "  namespace: other\n"))
    assert of(tmp_path, ref("a")) == "a.yaml:2"


def test_what_is_nowhere_has_no_place(tmp_path: Path, write: Write) -> None:
    write("list.yaml", "kind: ConfigMap\nitems: []\n")
    write(".git/b.yaml", config("b"))
    assert Places(tmp_path).of(ref("b"), ".") is None
    assert Places(tmp_path).of(ref("a", kind="Pod"), ".") is None


def test_a_file_that_is_no_yaml_still_has_its_objects(tmp_path: Path, write: Write) -> None:
    write("a.yaml", config("a", "data: {{ template }}\n  x: y\n"))
    assert of(tmp_path, ref("a"), "data.x") == "a.yaml:2: data.x"
