"""How a repository is read, with a kustomize that only collects."""

import base64
import json
import textwrap
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import BootstrapError, InvalidError, RefusedError
from bootstrap.flux.object_index import contents
from bootstrap.flux.repository import read_repo
from bootstrap.model.kube import ref_of
from bootstrap.model.release import FluxRepo, LocalChart, UnknownChart
from bootstrap.model.stack import SourceSpec
from fakes.kustomize import Collector

Write = Callable[[str, str], None]
Read = Callable[..., FluxRepo]


def kustomization(name: str, path: str, more: str = "", *, version: str = "v1") -> str:
    head = f"""\
apiVersion: kustomize.toolkit.fluxcd.io/{version}
kind: Kustomization
metadata: {{name: {name}, namespace: f}}
spec:
  path: {path}
  sourceRef: {{kind: GitRepository, name: here}}
"""
    return head + textwrap.indent(textwrap.dedent(more), "  ").rstrip("\n") + "\n"


def config(name: str, more: str = "data: {}") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: f}}\n{textwrap.dedent(more)}\n"


def release(more: str, *, name: str = "web", version: str = "v2") -> str:
    head = f"""\
apiVersion: helm.toolkit.fluxcd.io/{version}
kind: HelmRelease
metadata: {{name: {name}, namespace: f}}
spec:
"""
    return head + textwrap.indent(textwrap.dedent(more), "  ").rstrip("\n") + "\n"


CHART = "chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}\n"
CHARTS = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: f}
spec: {url: "https://charts.example.com/"}
"""


def problems(raised: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    return [str(problem) for problem in raised.value.problems]


def objects(repo: FluxRepo) -> list[str]:
    return [str(ref_of(item)) for part in repo.kustomizations for item in part.objects]


def data_of(repo: FluxRepo, name: str) -> dict[str, Any]:
    items = (item for part in repo.kustomizations for item in part.objects if ref_of(item).name == name)
    return dict(next(items)["data"])


def noted(repo: FluxRepo) -> list[str]:
    return [note.text for note in repo.notes if not note.expected]


def test_an_entry_that_is_not_there(tmp_path: Path, read: Read) -> None:
    with pytest.raises(InvalidError) as raised:
        read("absent")
    assert problems(raised) == [f"{tmp_path}/absent: there is no such folder"]


@pytest.mark.parametrize(
    ("file", "text"),
    [("README.md", "nothing\n"), ("kustomization.yaml", ""), ("kustomization.yaml", "resources: []\n")],
)
def test_an_entry_that_nothing_is_made_of_is_a_problem(write: Write, read: Read, file: str, text: str) -> None:
    write(f"in/{file}", text)
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert problems(raised) == [
        "in: nothing is declared here: its files hold no object, or its kustomization.yaml names none of them"
        " (without a repository, leave out the stack's source)"
    ]


def test_another_folder_that_nothing_is_made_of_is_noted(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./apps"))
    write("apps/README.md", "nothing\n")
    assert noted(read("in")) == [
        "Kustomization f/a: is empty: its folder holds no object, or its kustomization.yaml names none of them"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            kustomization("a", "./apps").replace("kind: Kustomization", "kind: Kustomisation"),
            'in/x.yaml:2: kind: Kustomisation f/a: kustomize.toolkit.fluxcd.io has no kind Kustomisation: did you mean "Kustomization"?',  # noqa: E501 - as it is shown
        ),
        (
            release("chart: {}").replace("HelmRelease", "HelmRelaese"),
            'in/x.yaml:2: kind: HelmRelaese f/web: helm.toolkit.fluxcd.io has no kind HelmRelaese: did you mean "HelmRelease"?',  # noqa: E501 - as it is shown
        ),
        (
            CHARTS.replace("HelmRepository", "HelmRepositry"),
            'in/x.yaml:2: kind: HelmRepositry f/charts: source.toolkit.fluxcd.io has no kind HelmRepositry: did you mean "HelmRepository"?',  # noqa: E501 - as it is shown
        ),
        (
            CHARTS.replace("HelmRepository", "Thing"),
            "in/x.yaml:2: kind: Thing f/charts: source.toolkit.fluxcd.io has no kind Thing (it has GitRepository, "
            "OCIRepository, HelmRepository, HelmChart, Bucket, ExternalArtifact)",
        ),
        (
            CHARTS.replace("/v1", "/v7alpha"),
            "in/x.yaml:1: apiVersion: HelmRepository f/charts: "
            "version v7alpha is not known (known: v1, v1beta1, v1beta2)",
        ),
        (
            release("chart: {}").replace("helm.toolkit.fluxcd.io", "helm.toolkit.fluxd.io"),
            'in/x.yaml:1: apiVersion: HelmRelease f/web: "helm.toolkit.fluxd.io" is not an API group of Flux: did you mean "helm.toolkit.fluxcd.io"?',  # noqa: E501 - as it is shown
        ),
        (
            release("chart: {}").replace("helm.toolkit.fluxcd.io/v2", "helm.toolkit.fluxcd.io"),
            'in/x.yaml:1: apiVersion: HelmRelease f/web: apiVersion "helm.toolkit.fluxcd.io" names no version of a group: write "helm.toolkit.fluxcd.io/v2"',  # noqa: E501 - as it is shown
        ),
        (
            release("chart: {}").replace("helm.toolkit.fluxcd.io/v2", "v1"),
            "in/x.yaml:1: apiVersion: HelmRelease f/web: HelmRelease is a kind of helm.toolkit.fluxcd.io, not of v1",
        ),
        (
            config("c").replace("ConfigMap", "ConfigMpa"),
            'in/x.yaml:2: kind: ConfigMpa f/c: v1 has no kind ConfigMpa: did you mean "ConfigMap"?',
        ),
        (
            "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: d, namespace: f}\n",
            'in/x.yaml:2: kind: Deploymnet f/d: apps/v1 has no kind Deploymnet: did you mean "Deployment"?',
        ),
        (
            kustomization("a", "./apps").replace("GitRepository", "GitRepositroy"),
            'in/x.yaml:6: spec.sourceRef.kind: Kustomization f/a: "GitRepositroy" is none of GitRepository, OCIRepository, Bucket, ExternalArtifact; did you mean "GitRepository"?',  # noqa: E501 - as it is shown
        ),
        (
            kustomization("a", "./apps", "targetNamspace: x"),
            'in/x.yaml:7: spec.targetNamspace: Kustomization f/a: is not a field: did you mean "targetNamespace"?',
        ),
    ],
)
def test_a_misspelt_object_is_never_read_as_nothing(write: Write, read: Read, text: str, problem: str) -> None:
    write("in/settings.yaml", config("other"))
    write("in/x.yaml", text)
    write("apps/c.yaml", config("inner"))
    assert [str(each) for each in read("in", tolerant=True).problems] == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: i, namespace: f}\n",
        "apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: p}\n",
        "apiVersion: image.toolkit.fluxcd.io/v9\nkind: ImagePolicy\nmetadata: {name: p, namespace: f}\n",
        "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\nmetadata: {name: p, namespace: f}\n",
        "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\nmetadata: {name: p, namespace: f}\n",
        "apiVersion: example.com/v1\nkind: HelmRelease\nmetadata: {name: p, namespace: f}\n",
    ],
)
def test_kinds_that_others_define_are_left_alone(write: Write, read: Read, text: str) -> None:
    write("x.yaml", text)
    assert read(tolerant=True).problems == ()


def test_what_is_below_what_and_what_is_not_read(write: Write, read: Read) -> None:
    elsewhere = kustomization("far", "./far").replace("name: here", "name: there")
    source = CHARTS.replace("HelmRepository", "GitRepository").replace("name: charts", "name: there")
    write("in/a.yaml", "---\n".join((kustomization("a", "./a"), kustomization("b", "./b"), elsewhere, source)))
    write("a/c.yaml", kustomization("c", "./c"))
    write("b/x.yaml", config("x"))
    write("c/x.yaml", "---\n".join((CHARTS, release(CHART))))
    repo = read("in")
    above = {part.id: part.ancestors for part in repo.kustomizations}
    assert above["f/c"] == ("f/a", "flux-system/in")
    assert [(helm_release.owner, helm_release.ancestors) for helm_release in repo.releases] == [("f/c", above["f/c"])]
    assert {part.id: part.unread for part in repo.kustomizations if part.unread} == {
        "f/far": "they come from GitRepository f/there (https://charts.example.com/), which is not this repository"
    }


def test_a_kustomization_that_is_declared_twice_is_noted(write: Write, read: Read) -> None:
    write("in/a.yaml", "---\n".join((kustomization("a", "./a"), kustomization("b", "./b"))))
    write("a/x.yaml", config("x"))
    write("b/a.yaml", kustomization("a", "./elsewhere"))
    assert noted(read("in")) == ["Kustomization f/a: is declared more than once: the first one is used"]


def test_a_path_cannot_leave_the_root(write: Write, read: Read, collector: Collector) -> None:
    write("in/a.yaml", kustomization("a", "../../../apps"))
    write("apps/b.yaml", config("b"))
    assert objects(read("in")) == ["ConfigMap f/b"]
    assert len(collector.settings) == 2


def test_a_level_is_built_at_once(write: Write, tmp_path: Path, collector: Collector) -> None:
    for name in "abc":
        write(f"in/{name}.yaml", kustomization(name, f"./{name}"))
        write(f"{name}/settings.yaml", config(name))
    together = threading.Barrier(3, timeout=10)

    def build(folder: Path) -> bytes:
        if (folder / "settings.yaml").exists():
            together.wait()
        return collector(folder)

    repo = read_repo(SourceSpec(root=tmp_path, path="in"), build=build)
    assert objects(repo) == ["ConfigMap f/a", "ConfigMap f/b", "ConfigMap f/c"]


def test_what_is_not_the_files_fault_is_raised_as_it_is(write: Write, tmp_path: Path) -> None:
    write("a.yaml", config("a"))

    def build(_folder: Path) -> bytes:
        raise RefusedError("kubectl is missing")

    with pytest.raises(RefusedError, match="kubectl is missing"):
        read_repo(SourceSpec(root=tmp_path, path="."), build=build)


def test_a_kustomization_file_that_is_none(write: Write, read: Read) -> None:
    write("kustomization.yaml", "a: {b\n")
    write("in/a.yaml", kustomization("a", "./list"))
    write("list/Kustomization", "- a\n")
    with pytest.raises(InvalidError) as raised:
        read()
    assert [problem.place.line for problem in raised.value.problems] == [2]
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert problems(raised) == ["list/Kustomization: is not a kustomization"]


def test_an_empty_kustomization_file_is_an_empty_folder(write: Write, read: Read, collector: Collector) -> None:
    write("kustomization.yaml", "")
    assert objects(read(tolerant=True)) == []
    assert collector.settings == [{"buildMetadata": ["originAnnotations"], "sortOptions": {"order": "fifo"}}]


def test_what_flux_adds_to_the_kustomization_file(write: Write, read: Read, collector: Collector) -> None:
    write(
        "in/a.yaml",
        kustomization(
            "a",
            "./a",
            """
            targetNamespace: t
            namePrefix: p-
            nameSuffix: -s
            buildMetadata: [originAnnotations]
            components: [../c, ../missing]
            patches: [{patch: x, target: {kind: Pod}}]
            images:
              - {name: known, newTag: "2"}
              - {name: pinned, digest: sha256:new}
              - {name: moved, newName: elsewhere}
              - {name: other, newTag: "on"}
            """,
        ),
    )
    write(
        "a/kustomization.yml",
        """
        resources: [b.yaml]
        namespace: old
        namePrefix: old-
        patches: [{patch: p}]
        sortOptions: {order: legacy}
        images:
          - {name: known, newName: kept, newTag: "1", digest: sha256:old}
          - {name: pinned, newTag: "1"}
          - {name: moved, newTag: "1"}
        """,
    )
    write("a/b.yaml", config("b"))
    read("in")
    assert collector.settings[1] == {
        "resources": ["b.yaml"],
        "namespace": "t",
        "namePrefix": "p-",
        "nameSuffix": "-s",
        "buildMetadata": ["originAnnotations"],
        "components": ["../c", "../missing"],
        "patches": [{"patch": "p"}, {"patch": "x", "target": {"kind": "Pod"}}],
        "sortOptions": {"order": "legacy"},
        "images": [
            {"name": "known", "newName": "kept", "newTag": "2"},
            {"name": "pinned", "digest": "sha256:new"},
            {"name": "moved", "newName": "elsewhere", "newTag": "1"},
            {"name": "other", "newTag": "on"},
        ],
    }


def test_a_folder_is_scanned_as_flux_does(write: Write, read: Read, collector: Collector) -> None:
    for name in ("b.yaml", "a.yml", ".sops.yaml", ".github/x.yaml", "no.json", "deep/er/c.yaml", "own/d.yaml"):
        write(name, config(name[0]))
    write("own/Kustomization", "resources: [d.yaml]\n")
    read()
    assert collector.settings[0]["resources"] == ["./a.yml", "./b.yaml", "./deep/er/c.yaml", "./own"]


def test_variables_wait_for_the_kustomization_that_holds_them(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substituteFrom: [{kind: ConfigMap, name: later}]}"))
    write("in/b.yaml", kustomization("b", "./b", "postBuild: {substituteFrom: [{kind: ConfigMap, name: last}]}"))
    write("in/c.yaml", kustomization("c", "./c"))
    write("a/a.yaml", config("made", "data: {value: 'x${v}'}"))
    write("b/b.yaml", config("later", "data: {v: '${w}'}"))
    write("c/c.yaml", config("last", "data: {w: yes-it-is}"))
    assert data_of(read("in"), "made") == {"value": "xyes-it-is"}


def test_optional_variables_that_are_nowhere(write: Write, read: Read) -> None:
    reference = "postBuild: {substituteFrom: [{kind: Secret, name: nowhere, optional: true}]}"
    write("in/a.yaml", kustomization("a", "./a", reference))
    write("a/a.yaml", config("made", "data: {value: '${v:-kept}'}"))
    assert data_of(read("in"), "made") == {"value": "${v:-kept}"}


def test_variables_that_the_kustomization_itself_brings(write: Write, read: Read) -> None:
    references = "[{kind: ConfigMap, name: own}, {kind: Secret, name: own, optional: true}]"
    write("in/a.yaml", kustomization("a", "./a", f"postBuild: {{substituteFrom: {references}}}"))
    write("a/0.yaml", encrypted("sops: {}").replace("name: s", "name: own"))
    write("a/1.yaml", config("other", "data: {about: own}"))
    write("a/2.yaml", config("own", "data: {v: x}"))
    write("a/3.yaml", config("made", "data: {value: '${v}'}"))
    assert data_of(read("in"), "made") == {"value": "x"}


def test_what_is_no_object_holds_no_variables(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substituteFrom: [{kind: ConfigMap, name: own}]}"))
    write("a/1.yaml", "- own\n")
    write("a/2.yaml", "own: {\n")
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert "ConfigMap f/own is not in the repository" in problems(raised)[0]


def test_a_key_that_cannot_be_a_variable(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substituteFrom: [{kind: ConfigMap, name: own}]}"))
    write("in/b.yaml", config("own", "data: {a.b: x}"))
    write("a/a.yaml", config("a"))
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert problems(raised) == [
        "in/a.yaml:7: spec.postBuild.substituteFrom: Kustomization f/a:"
        ' "a.b" of ConfigMap own cannot be a variable\'s name'
    ]


def test_substitution_without_variables_when_always_asked_for(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substituteStrategy: Always}"))
    write("a/a.yaml", config("made", "data: {value: '${v:-default}'}"))
    assert data_of(read("in"), "made") == {"value": "default"}


def test_missing_variables_can_be_given_by_the_stack(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substituteFrom: [{kind: ConfigMap, name: nowhere}]}"))
    write("a/a.yaml", config("made", "data: {value: '${v}'}"))
    repo = read("in", variables={"v": "two\nlines"})
    assert data_of(repo, "made") == {"value": "twolines"}
    assert noted(repo) == [
        "Kustomization f/a: ConfigMap f/nowhere is not in the repository:"
        " only the stack's own variables are used instead"
    ]


def test_the_stack_s_variables_alone_change_nothing_but_their_names(write: Write, read: Read) -> None:
    write("a.yaml", config("a", "data: {value: '${v} ${other} $$'}"))
    assert data_of(read(variables={"v": "x"}), "a") == {"value": "x ${other} $$"}


@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_substitution_can_be_switched_off(write: Write, read: Read, place: str) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {v: x}}"))
    switch = f"namespace: f, {place}: {{kustomize.toolkit.fluxcd.io/substitute: disabled}}"
    write("a/a.yaml", config("a", "data: {w: '${v}'}").replace("namespace: f", switch))
    assert data_of(read("in"), "a") == {"w": "${v}"}


def test_a_mention_of_the_switch_switches_nothing_off(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {v: x}}"))
    write("a/a.yaml", config("a", "data: {w: '${v} kustomize.toolkit.fluxcd.io/substitute'}"))
    assert data_of(read("in"), "a")["w"].startswith("x ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (config("a", "data: {w: '${v'}"), "ConfigMap f/a: Flux refuses a ${…} in it: missing closing brace"),
        (config("a", "data:\n  w: ${b}"), "ConfigMap f/a: is not YAML any more after its variables are replaced: "),
        (
            "kind: Pod\nmetadata:\n  name: ${empty}\n",
            "is not a Kubernetes object: it needs apiVersion, kind and metadata.name",
        ),
        ("- 1\n", "a: is not a Kubernetes object"),
        ("a: {b\n", "a: is not YAML any more"),
    ],
)
def test_what_substitution_breaks(write: Write, read: Read, text: str, message: str) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {v: x, b: '}{', empty: ''}}"))
    write("a/a.yaml", text)
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert message in problems(raised)[0]


def test_common_metadata_goes_over_an_object_s_own(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "commonMetadata: {labels: {x: new}, annotations: {w: new}}"))
    write("a/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: web, labels: {x: old, z: old}}\n")
    pod = read("in").kustomizations[1].objects[0]
    labels = {"x": "new", "z": "old"}
    assert pod["metadata"] == {"name": "p", "namespace": "web", "labels": labels, "annotations": {"w": "new"}}


def test_sources_that_are_this_repository(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a"))
    write("in/b.yaml", kustomization("b", "./b").replace("name: here", "name: undeclared"))
    write("in/c.yaml", kustomization("c", "./c").replace("name: here", "name: twin"))
    write("in/d.yaml", kustomization("d", "./nowhere").replace("name: here", "name: undeclared"))
    write("in/e.yaml", kustomization("e", "./c").replace("name: here", "name: foreign"))
    write("in/f.yaml", kustomization("f", "./a"))
    write("in/g.yaml", kustomization("g", "./").replace("name: here", "name: lost"))
    for name, url in (("twin", "https://git.example.com/us/it.git"), ("foreign", "https://git.example.com/them/it")):
        write(
            f"in/{name}.yaml",
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
            f"metadata: {{name: {name}, namespace: f}}\nspec: {{url: '{url}'}}\n",
        )
    for name in "abc":
        write(f"{name}/{name}.yaml", config(name))
    repo = read("in", origin="git@git.example.com:us/it.git")
    assert {part.name: len(part.objects) for part in repo.kustomizations if part.parent} == {
        "a": 1,
        "b": 1,
        "c": 1,
        "d": 0,
        "e": 0,
        "f": 1,
        "g": 0,
    }
    assert noted(repo) == [
        "Kustomization f/b: GitRepository f/undeclared is not declared: bootstrap assumes this repository",
        "Kustomization f/d: its files are not read: they come from GitRepository f/undeclared,"
        " which is not this repository",
        "Kustomization f/e: its files are not read: they come from GitRepository f/foreign"
        " (https://git.example.com/them/it), which is not this repository",
        "Kustomization f/g: its files are not read: they come from GitRepository f/lost, which is not this repository",
    ]


def test_the_entry_as_its_own_kustomization_declares_it(write: Write, read: Read, collector: Collector) -> None:
    write("in/self.yaml", kustomization("self", "in/", "targetNamespace: t\ntimeout: 7m"))
    write("in/a.yaml", config("a"))
    repo = read("in")
    assert [(part.id, part.parent, part.timeout) for part in repo.kustomizations] == [
        ("f/self", None, timedelta(minutes=7))
    ]
    assert [settings.get("namespace") for settings in collector.settings] == [None, "t"]


def test_what_cannot_be_read_hides_nothing_else_of_the_entry(write: Write, read: Read) -> None:
    write("a.yaml", "# kustomize.toolkit.fluxcd.io\na: {b\n")
    write("b.yaml", kustomization("b", "./absent"))
    with pytest.raises(InvalidError) as raised:
        read()
    assert len(raised.value.problems) == 2


def test_a_kustomization_that_two_parents_bring_is_built_once(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a"))
    write("in/b.yaml", kustomization("b", "./a"))
    write("a/c.yaml", kustomization("c", "./c"))
    write("c/c.yaml", config("c"))
    assert [(part.name, part.parent) for part in read("in").kustomizations] == [
        ("in", None),
        ("a", "flux-system/in"),
        ("c", "f/a"),
        ("b", "flux-system/in"),
    ]


def test_a_release_that_is_declared_twice_counts_once(write: Write, read: Read) -> None:
    write("a.yaml", "---\n".join((CHARTS, release(CHART))))
    write("b/b.yaml", release(CHART))
    repo = read()
    assert [helm_release.id for helm_release in repo.releases] == ["f/web"]
    assert noted(repo) == ["HelmRelease f/web: is declared more than once: the first one is used"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (release("values: {}\n"), "HelmRelease f/web: names no chart: it needs spec.chart or spec.chartRef"),
        (release(CHART, version="v3"), "HelmRelease f/web: version v3 is not known"),
        (release(CHART).replace(", namespace: f", ""), "HelmRelease web: has no namespace"),
        (kustomization("a", "./in", version="v2"), "Kustomization f/a: version v2 is not known"),
        (kustomization("a", "./in").replace(", namespace: f", ""), "Kustomization a: has no namespace"),
        (kustomization("a", "./in").replace("kind: GitRepository, ", ""), "Kustomization f/a: kind is missing"),
        (
            kustomization("a", "./in", "decryption: {provider: other}"),
            'Kustomization f/a: decryption by "other" is not supported, only by sops',
        ),
        (
            kustomization("a", "./in", "postBuild: {substitute: {a-b: x}}"),
            'Kustomization f/a: "a-b" cannot be a variable\'s name',
        ),
        (release("chartRef: {kind: ExternalArtifact, name: x}"), "a chart from ExternalArtifact f/x is not supported"),
        (release("chartRef: {kind: HelmChart, name: x}"), "HelmRelease f/web: HelmChart f/x is not in the repository"),
        (release("chartRef: {kind: OCIRepository, name: x}"), "OCIRepository f/x is not in the repository"),
        (
            release("chart: {spec: {chart: c, sourceRef: {kind: GitRepository, name: x}}}"),
            "HelmRelease f/web: GitRepository f/x is not in the repository",
        ),
        (release(CHART + "maxHistory: true"), "HelmRelease f/web: must be a whole number"),
        (release(CHART + "dependsOn: x"), "HelmRelease f/web: must be a list"),
        (release(CHART + "dependsOn: [x]"), "HelmRelease f/web: must be a mapping"),
        (release(CHART + "install: {crds: Maybe}"), '"Maybe" is none of Skip, Create, CreateReplace'),
        (
            release(CHART + "valuesFrom: [{kind: ConfigMap, name: c, valuesKey: k}]") + "---\n" + config("c"),
            "HelmRelease f/web: ConfigMap f/c has no key k",
        ),
        (
            release(CHART + "valuesFrom: [{kind: ConfigMap, name: c}]")
            + "---\n"
            + config("c", "data: {values.yaml: '- 1'}"),
            "HelmRelease f/web: ConfigMap c, key values.yaml: is not a mapping",
        ),
    ],
)
def test_what_is_wrong_with_an_object(write: Write, read: Read, text: str, message: str) -> None:
    write("in/a.yaml", f"{CHARTS}---\n{text}")
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert message in "\n".join(problems(raised))
    assert all(problem.place.file == "in/a.yaml" for problem in raised.value.problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            release(CHART + "upgrade: {remediation: {strategy: uninstall}}"),
            "HelmRelease f/web: spec.upgrade.remediation.strategy uninstall is not supported",
        ),
        (
            release(CHART + "valuesFrom: [{kind: Secret, name: made-later}]"),
            "HelmRelease f/web: the values of Secret made-later are not in the repository:"
            " they are read from the cluster before the release is installed",
        ),
        (
            release(CHART + "dependsOn: [{name: x, readyExpr: 'true'}]"),
            "HelmRelease f/web: spec.dependsOn[0].readyExpr is not evaluated:"
            " the dependency counts as done when it is ready",
        ),
        (
            release("chartRef: {kind: OCIRepository, name: o}")
            + "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: o, namespace: f}\n"
            + "spec: {url: oci://r/o, layerSelector: {mediaType: other}}\n",
            "OCIRepository f/o: spec.layerSelector is not supported: the chart's own layer is used",
        ),
    ],
)
def test_what_is_noted_of_an_object(write: Write, read: Read, text: str, message: str) -> None:
    write("a.yaml", f"{CHARTS}---\n{text}")
    assert noted(read()) == [message]


def test_an_optional_key_that_is_missing(write: Write, read: Read) -> None:
    values = "valuesFrom: [{kind: ConfigMap, name: c, valuesKey: k, optional: true}]"
    write("a.yaml", "---\n".join((CHARTS, release(CHART + values), config("c"))))
    assert read().releases[0].values_from == ()


def test_what_helm_is_told_beyond_the_values(write: Write, read: Read) -> None:
    write(
        "a.yaml",
        "---\n".join(
            (
                CHARTS,
                release(
                    CHART
                    + """\
timeout: 10m
maxHistory: 0
targetNamespace: t
commonMetadata: {labels: {a: b}}
test: {enable: true, ignoreFailures: true}
install:
  createNamespace: true
  crds: CreateReplace
  disableWait: true
  remediation: {retries: 3}
upgrade:
  timeout: 2m
  disableWaitForJobs: true
  disableHooks: true
  disableOpenAPIValidation: true
  disableSchemaValidation: true
  force: true
  cleanupOnFail: true
  remediation: {retries: -1}
"""
                ),
            )
        ),
    )
    helm_release = read().releases[0]
    assert (helm_release.timeout, helm_release.upgrade_timeout) == (timedelta(minutes=10), timedelta(minutes=2))
    assert (helm_release.max_history, helm_release.target_namespace, helm_release.release_name) == (0, "t", "t-web")
    assert (helm_release.run_tests, helm_release.ignore_test_failures, helm_release.create_namespace) == (
        True,
        True,
        True,
    )
    assert (
        helm_release.crds,
        helm_release.upgrade_crds,
        helm_release.disable_wait,
        helm_release.upgrade_disable_wait,
    ) == (
        "CreateReplace",
        "Skip",
        True,
        False,
    )
    assert (helm_release.retries, helm_release.upgrade_retries, helm_release.rollback) == (3, -1, True)
    assert (
        helm_release.disable_wait_for_jobs,
        helm_release.disable_hooks,
        helm_release.disable_openapi_validation,
    ) == (True, True, True)
    assert (helm_release.disable_schema_validation, helm_release.force, helm_release.cleanup_on_fail) == (
        True,
        True,
        True,
    )
    assert helm_release.common_metadata == {"labels": {"a": "b"}}


@pytest.mark.parametrize(
    ("upgrade", "rollback"),
    [
        ("{}", False),
        ("{remediation: {}}", False),
        ("{remediation: {retries: 2}}", True),
        ("{remediation: {retries: 2, strategy: rollback}}", True),
        ("{remediation: {retries: 2, strategy: uninstall}}", False),
    ],
)
def test_when_a_failed_upgrade_is_rolled_back(write: Write, read: Read, upgrade: str, rollback: bool) -> None:
    write("a.yaml", "---\n".join((CHARTS, release(CHART + f"upgrade: {upgrade}"))))
    assert read().releases[0].rollback is rollback


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [("{}", 300), ("{timeout: 10s}", 30), ("{timeout: 1h}", 3600), ("{interval: 1h}", 300), ("{interval: 90s}", 60)],
)
def test_how_long_a_kustomization_may_take(write: Write, read: Read, spec: str, seconds: int) -> None:
    write("in/a.yaml", kustomization("a", "./in/absent", "suspend: true\n" + spec.strip("{}")))
    assert read("in").kustomizations[1].timeout == timedelta(seconds=seconds)


def test_a_local_chart_has_to_be_there(write: Write, read: Read) -> None:
    chart = "chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: here}}}\n"
    write("in/a.yaml", "---\n".join((kustomization("a", "./b"), release(chart))))
    write("b/b.yaml", config("b"))
    with pytest.raises(InvalidError) as raised:
        read("in")
    assert problems(raised) == [
        "in/a.yaml:13: spec.chart.spec.sourceRef: HelmRelease f/web: there is no chart at charts/web (no Chart.yaml)"
    ]


def test_another_branch_of_this_repository_is_not_the_tree_on_disk(write: Write, read: Read) -> None:
    source = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
    where = "https://git.example.com/us/it.git"
    for name, version in (("here", "{branch: main}"), ("tenant", "{branch: tenant}"), ("same", "{branch: main}")):
        write(
            f"in/{name}.yaml",
            f"{source}metadata: {{name: {name}, namespace: f}}\nspec: {{url: '{where}', ref: {version}}}\n",
        )
    write("in/a.yaml", kustomization("a", "./a"))
    write("in/b.yaml", kustomization("b", "./b"))
    write("in/c.yaml", kustomization("c", "./not/here").replace("name: here", "name: tenant"))
    write("in/d.yaml", kustomization("d", "./a").replace("name: here", "name: same"))
    write("a/a.yaml", config("a"))
    write("b/b.yaml", config("b"))
    repo = read("in", origin="git@git.example.com:us/it.git")
    assert {part.name: len(part.objects) for part in repo.kustomizations if part.parent} == {
        "a": 1,
        "b": 1,
        "c": 0,
        "d": 1,
    }
    assert [note for note in noted(repo) if "Kustomization" in note] == [
        "Kustomization f/c: its files are not read: they come from GitRepository f/tenant"
        " (https://git.example.com/us/it.git), which is not this repository",
    ]


def test_a_folder_of_another_branch_is_no_problem_where_the_own_source_is_not_declared(
    write: Write, read: Read
) -> None:
    write(
        "in/tenant.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: tenant, namespace: f}\n"
        "spec: {url: 'https://git.example.com/us/it', ref: {branch: tenant}}\n",
    )
    write("in/a.yaml", kustomization("a", "./a").replace("name: here", "name: flux-system"))
    write("in/b.yaml", kustomization("b", "./b").replace("name: here", "name: tenant"))
    write("a/a.yaml", config("a"))
    repo = read("in", origin="git@git.example.com:us/it.git")
    assert [len(part.objects) for part in repo.kustomizations] == [0, 1, 0]
    assert (
        "Kustomization f/b: its files are not read: GitRepository f/tenant names a version of this repository"
        " that is not on disk"
    ) in noted(repo)


def test_who_only_looks_gets_what_can_be_read_beside_what_is_wrong(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}"))
    write("in/b.yaml", kustomization("b", "./gone"))
    write("in/c.yaml", kustomization("c", "./a", "postBuild: {substituteFrom: [{kind: Secret, name: lost}]}"))
    write("in/web.yaml", release(CHART))
    write("a/a.yaml", encrypted("stringData: {p: ENC}\nsops: {mac: m}"))
    repo = read("in", tolerant=True)
    assert [problem.text for problem in repo.problems] == [
        "Kustomization f/b: there is no folder gone",
        "Kustomization f/c: Secret f/lost is not in the repository: add it, mark it optional, or set its variables"
        " with --var",
        "HelmRelease f/web: HelmRepository f/charts is not in the repository",
        "Secret f/s: is encrypted with SOPS and cannot be decrypted: the program sops is not installed;"
        " install it and give it the key",
    ]
    assert [part.id for part in repo.kustomizations] == ["flux-system/in", "f/a", "f/b", "f/c"]
    assert [(helm_release.id, type(helm_release.chart)) for helm_release in repo.releases] == [("f/web", UnknownChart)]
    with pytest.raises(InvalidError) as error:
        read("in")
    assert error.value.problems == repo.problems


def test_a_secret_without_entries_is_given_none(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}"))
    write("a/a.yaml", encrypted("stringData: {note: 'data: as it was'}"))
    assert "data" not in read("in").kustomizations[1].objects[0]


def encrypted(more: str) -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: f}}\n{more}\n"


def test_encrypted_objects_are_decrypted_before_variables_are_replaced(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}\npostBuild: {substitute: {v: x}}"))
    write("a/a.yaml", encrypted("stringData: {p: ENC}\nsops: {mac: m}"))

    def decrypt(content: bytes, form: str) -> bytes:
        document = json.loads(content)
        assert (form, document["sops"]) == ("json", {"mac": "m"})
        return json.dumps({**document, "stringData": {"p": "pä${v}"}}).encode()

    secret = read("in", decrypt=decrypt).kustomizations[1].objects[0]
    assert (secret["stringData"], "sops" in secret) == ({"p": "päx"}, False)


def test_encrypted_files_inside_a_secret_are_decrypted(write: Write, read: Read) -> None:
    def coded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    entries = {
        "a.yaml": coded("p: ENC\nsops: {mac: m}\n"),
        "b": coded("sops: {mac: m}\n"),
        "plain": coded("about sops"),
        "list": coded("[sops]"),
        "broken": coded("sops: {"),
        "odd": "c29wc",
    }
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}"))
    write("a/a.yaml", encrypted(f"data: {json.dumps(entries)}"))
    data = read("in", decrypt=lambda _content, form: f"plain {form}".encode()).kustomizations[1].objects[0]["data"]
    changed = {key: base64.b64decode(value) for key, value in data.items() if value != entries[key]}
    assert changed == {"a.yaml": b"plain yaml", "b": b"plain binary"}


def test_what_cannot_be_decrypted(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}"))
    write("a/a.yaml", encrypted("data: {sops_mac: eA==}"))
    write("a/b.yaml", encrypted("sops: {}").replace("name: s", "name: t"))

    def decrypt(_content: bytes, _form: str) -> bytes:
        raise BootstrapError("no key could decrypt it")

    with pytest.raises(InvalidError) as raised:
        read("in", decrypt=decrypt)
    assert problems(raised) == [
        "a/a.yaml:2: Secret f/s: is made of a dotenv file encrypted with SOPS,"
        " which is not supported: encrypt a Secret",
        "a/b.yaml:4: sops: Secret f/t: is encrypted with SOPS and cannot be decrypted: no key could decrypt it",
    ]


def test_only_a_secret_holds_encrypted_files(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "decryption: {provider: sops}"))
    write("a/a.yaml", config("a", "data: {about: 'sops: is a tool'}"))
    assert data_of(read("in"), "a") == {"about": "sops: is a tool"}


def test_what_a_secret_holds_as_text() -> None:
    secret = {
        "kind": "Secret",
        "data": {"a": "eA==", "b": "/w==", "c": "eA", "d": 1, "e": "eQ=="},
        "stringData": {"e": "over", "f": "g"},
    }
    assert contents(secret) == {"a": "x", "e": "over", "f": "g"}
    assert contents({"kind": "ConfigMap", "data": None}) == {}


def test_common_annotations_alone(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "commonMetadata: {annotations: {w: new}}"))
    write("a/a.yaml", config("a"))
    assert read("in").kustomizations[1].objects[0]["metadata"] == {
        "name": "a",
        "namespace": "f",
        "annotations": {"w": "new"},
    }


def test_a_word_about_sops_is_no_encryption(write: Write, read: Read) -> None:
    write("a.yaml", config("a", "data: {sops: 'sops: is a tool'}"))
    repo = read()
    assert (objects(repo), noted(repo)) == (["ConfigMap f/a"], [])


def test_what_cannot_be_decrypted_is_one_problem_and_its_ciphertext_goes_nowhere(write: Write, read: Read) -> None:
    substitute = "decryption: {provider: sops}\npostBuild: {substituteFrom: [{kind: Secret, name: s}]}"
    write("in/a.yaml", kustomization("a", "./a", substitute))
    write("a/a.yaml", encrypted("stringData: {host: 'ENC[AES256_GCM,data:x]'}\nsops: {mac: m}"))
    write(
        "a/b.yaml", encrypted("stringData: {p: 'ENC[x]', q: 'ENC[y]'}\nsops: {mac: m}").replace("name: s,", "name: t,")
    )
    write("a/c.yaml", config("c").rstrip() + "\ndata: {url: 'http://${host}.example.org'}\n")
    repo = read("in", tolerant=True)
    [problem] = repo.problems
    assert problem.text.startswith("Secret f/s, Secret f/t: are encrypted with SOPS and cannot be decrypted: ")
    [settings] = [item for item in repo.kustomizations[1].objects if item["kind"] == "ConfigMap"]
    assert settings["data"] == {"url": "http://encrypted.example.org"}
    assert "ENC[" not in json.dumps(repo.kustomizations[1].objects)


def test_an_unset_variable_is_an_error_at_the_line_that_names_it(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {domain: example.org}}"))
    write("a/a.yaml", config("c").rstrip() + "\ndata:\n  host: web.${domain}\n  run: |\n    mysql -p${PASSWORD}\n")
    repo = read("in", tolerant=True)
    [problem] = repo.problems
    lines = (config("c").rstrip() + "\n").count("\n")
    assert (problem.place.file, problem.place.line) == ("a/a.yaml", lines + 4)
    assert (
        problem.text.startswith("ConfigMap n/c: variable PASSWORD is not set: ") or "variable PASSWORD" in problem.text
    )
    assert "--var PASSWORD=…" in problem.text
    assert repo.kustomizations[1].objects == ()


def test_older_flux_puts_nothing_for_an_unset_variable(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {domain: example.org}}"))
    write("a/a.yaml", config("c").rstrip() + "\ndata: {p: 'x${PASSWORD}'}\n")
    repo = read("in", strict=False)
    assert repo.kustomizations[1].objects[0]["data"] == {"p": "x"}
    assert any("${PASSWORD} has no value" in note.text for note in repo.notes)


def test_without_variables_nothing_is_replaced_unless_the_strategy_is_always(write: Write, read: Read) -> None:
    """`substituteStrategy: WithVariables`, the default: a Kustomization without variables is left as it is."""
    write("in/a.yaml", kustomization("a", "./a", "postBuild: {substitute: {}}"))
    write("in/b.yaml", kustomization("b", "./b", "postBuild: {substituteStrategy: Always}"))
    for name in "ab":
        write(f"{name}/c.yaml", config(name).rstrip() + "\ndata: {p: 'x${v:=d}'}\n")
    repo = read("in")
    assert [part.objects[0]["data"]["p"] for part in repo.kustomizations[1:]] == ["x${v:=d}", "xd"]


def test_an_object_without_a_namespace_is_refused_as_flux_refuses_it(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a"))
    write("a/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost}\n")
    write("a/b.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: fine}\n")
    [problem] = read("in", tolerant=True).problems
    assert str(problem) == (
        "a/a.yaml:2: ConfigMap lost: names no namespace, and Flux refuses it: "
        "set metadata.namespace, or spec.targetNamespace of f/a"
    )


def test_the_scope_of_a_custom_resource_is_that_of_its_definition(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a"))
    for kind, scope in (("Here", "Namespaced"), ("Everywhere", "Cluster")):
        plural = f"{kind.lower()}s"
        write(
            f"a/{plural}.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            f"metadata: {{name: {plural}.x.dev}}\nspec: {{group: x.dev, scope: {scope}, names: {{kind: {kind}}}}}\n",
        )
        write(f"a/one-{plural}.yaml", f"apiVersion: x.dev/v1\nkind: {kind}\nmetadata: {{name: one}}\n")
    assert [problem.text.partition(":")[0] for problem in read("in", tolerant=True).problems] == ["Here one"]


def test_the_problems_of_the_entry_s_own_kustomization_are_told(write: Write, read: Read) -> None:
    write("in/top.yaml", kustomization("top", "./in", "postBuild: {substituteFrom: [{kind: Secret, name: nowhere}]}"))
    [problem] = read("in", tolerant=True).problems
    assert problem.text.startswith("Kustomization f/top: Secret f/nowhere is not in the repository")


def test_the_source_with_the_remote_s_address_is_the_tree(write: Write, read: Read) -> None:
    """Beside it Flux's own manifests come from another source."""
    for name, kind, url in (
        ("house", "GitRepository", "https://git.example.com/us/it"),
        ("controllers", "OCIRepository", "oci://registry.example/flux-manifests"),
    ):
        write(
            f"in/{name}.yaml",
            f"apiVersion: source.toolkit.fluxcd.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: f}}\n"
            f"spec: {{url: '{url}'}}\n",
        )
    foreign = kustomization("controllers", "./").replace("GitRepository", "OCIRepository")
    write("in/a.yaml", foreign.replace("name: here", "name: controllers"))
    write("in/b.yaml", kustomization("b", "./b").replace("name: here", "name: house"))
    write("b/b.yaml", config("b"))
    repo = read("in", origin="git@git.example.com:us/it.git")
    assert {part.name: len(part.objects) for part in repo.kustomizations} == {"in": 0, "controllers": 0, "b": 1}
    assert any("which is not this repository" in note for note in noted(repo))


def test_files_that_the_source_leaves_out_are_not_there(write: Write, read: Read) -> None:
    write(".sourceignore", "/a/drafts/\n/a/*.values.yaml\n")
    write("in/a.yaml", kustomization("a", "./a"))
    write("a/good.yaml", config("good"))
    write("a/drafts/bad.yaml", config("bad"))
    write("a/web.values.yaml", "replicaCount: 2\n")
    assert [item["metadata"]["name"] for item in read("in").kustomizations[1].objects] == ["good"]


def test_spec_ignore_of_the_own_source_holds(write: Write, read: Read) -> None:
    write("in/a.yaml", kustomization("a", "./a"))
    write(
        "in/source.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: here, namespace: f}\n"
        "spec: {url: 'https://git.example.com/us/it', ignore: '/a/bad.yaml'}\n",
    )
    write("a/good.yaml", config("good"))
    write("a/bad.yaml", config("bad"))
    assert [item["metadata"]["name"] for item in read("in").kustomizations[1].objects] == ["good"]


def test_a_chart_in_the_tree_is_without_what_the_source_leaves_out(write: Write, read: Read) -> None:
    write("in/web.yaml", release("chart: {spec: {chart: charts/web, sourceRef: {kind: GitRepository, name: here}}}"))
    write("in/a.yaml", kustomization("a", "./a"))
    write("a/a.yaml", config("a"))
    write("charts/web/Chart.yaml", "name: web\nversion: 1.0.0\n")
    write("charts/web/files/logo.png", "")
    [web] = read("in").releases
    assert isinstance(web.chart, LocalChart)
    assert web.chart.left_out == ("files/logo.png",)


def test_what_has_to_be_text_and_is_a_number_is_named_with_its_line(write: Write, read: Read) -> None:
    """A leading zero makes a number of it, which the API server refuses in words that name no file."""
    write("in/a.yaml", kustomization("a", "./a"))
    write(
        "a/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: web\n  labels: {build: 7}\n"
        "data:\n  id: 0123\n  text: '0123'\n",
    )
    assert [str(problem) for problem in read("in", tolerant=True).problems] == [
        "a/a.yaml:6: metadata.labels.build: ConfigMap web/c: is 7, which is not text: put it in quotes",
        "a/a.yaml:8: data.id: ConfigMap web/c: is 83, which is not text: put it in quotes",
    ]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (config("c").replace("namespace: f", "namespace: flux-system"), True),
        (config("c"), False),
        (
            "---\n".join(
                (
                    config("c").replace("namespace: f", "namespace: flux-system"),
                    "apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system, labels: {a: b}}\n",
                )
            ),
            False,
        ),
        ("---\n".join((CHARTS, release(f"targetNamespace: flux-system\n{CHART}"))), True),
    ],
)
def test_the_namespace_that_flux_lives_in_is_made_if_something_goes_into_it(
    write: Write, read: Read, text: str, *, made: bool
) -> None:
    write("in/x.yaml", text)
    repo = read("in")
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
    assert (bare in repo.kustomizations[0].objects) is made
    assert bare not in repo.kustomizations[0].built
