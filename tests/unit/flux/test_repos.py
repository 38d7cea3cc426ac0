"""Whole repositories, one per situation, built by the real kustomize."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import InvalidError
from bootstrap.model.kube import ref_of
from bootstrap.model.release import FluxRepo, GitChart, LocalChart, OciChart, RepositoryChart
from bootstrap.yamltext.kubernetes import load

pytestmark = pytest.mark.e2e
REPOS = Path(__file__).parents[2] / "data" / "repos"
Read = Callable[..., FluxRepo]


def tree(repo: FluxRepo) -> list[str]:
    """Kustomizations below their parents, each with what it holds."""
    return [
        f"{part.id} in {part.parent}: {', '.join([*(str(ref_of(item)) for item in part.objects), *part.releases])}"
        for part in repo.kustomizations
    ]


def object_named(repo: FluxRepo, kind: str, name: str) -> dict[str, Any]:
    objects = (item for kustomization in repo.kustomizations for item in kustomization.objects)
    return dict(next(item for item in objects if ref_of(item).kind == kind and ref_of(item).name == name))


def notes(repo: FluxRepo) -> list[str]:
    return [f"{note.place}: {note.text}" for note in repo.notes if not note.expected]


def test_plain_kustomize_without_a_flux_kustomization(read_for_real: Read) -> None:
    repo = read_for_real("single-release", ".")
    assert tree(repo) == ["flux-system/entry in None: Namespace web, web/podinfo"]
    release = repo.releases[0]
    assert release.chart == RepositoryChart(url="https://charts.example.com", name="podinfo", version="1.2.3")
    assert release.values == {"replicas": 2}
    assert str(release.place) == "release.yaml:2"
    assert notes(repo) == []
    assert {note.expected for note in repo.notes} == {True}


def test_kustomizations_inside_kustomizations(read_for_real: Read) -> None:
    repo = read_for_real("nested-kustomizations")
    assert tree(repo) == [
        "flux-system/dev in None: ",
        "flux-system/apps in flux-system/dev: ConfigMap web/settings",
        "flux-system/web in flux-system/apps: web/web",
        "flux-system/infra in flux-system/dev: ",
        "flux-system/store in flux-system/infra: store/redis",
    ]
    by_name = {kustomization.name: kustomization for kustomization in repo.kustomizations}
    assert by_name["apps"].depends_on == ("flux-system/infra",)
    assert by_name["web"].depends_on == ("flux-system/store",)
    assert [str(check) for check in by_name["web"].health_checks] == ["Deployment web/web"]
    assert (by_name["infra"].wait, by_name["infra"].timeout) == (True, timedelta(minutes=2))
    assert {release.id: release.depends_on for release in repo.releases} == {
        "web/web": ("store/redis",),
        "store/redis": (),
    }


def test_a_stage_patches_kustomizations_which_patch_what_they_build(read_for_real: Read) -> None:
    repo = read_for_real("patches-stage")
    assert tree(repo) == [
        "flux-system/dev in None: ",
        "flux-system/apps in flux-system/dev: Deployment dev/dev-web-x, ConfigMap dev/dev-settings-x",
        "flux-system/charts in flux-system/dev: base/web",
        "flux-system/tools in flux-system/dev: ",
    ]
    deployment = object_named(repo, "Deployment", "dev-web-x")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror/web:9"
    assert deployment["metadata"]["labels"] == {"stage": "dev"}
    assert deployment["metadata"]["annotations"] == {"owner": "us"}
    assert object_named(repo, "ConfigMap", "dev-settings-x")["data"] == {"level": "debug"}
    assert repo.releases[0].values == {"replicas": 1, "name": "web"}
    assert [kustomization.name for kustomization in repo.kustomizations if kustomization.suspended] == ["tools"]


def test_components_and_missing_ones_that_may_be_missing(read_for_real: Read) -> None:
    assert object_named(read_for_real("components"), "ConfigMap", "settings")["data"] == {"level": "debug"}


def test_variables_from_objects_of_another_kustomization(read_for_real: Read) -> None:
    repo = read_for_real("substitute-from", strict=False)
    assert object_named(repo, "ConfigMap", "settings")["data"] == {
        "host": "web.example.com",
        "level": "debug",
        "region": "eu",
        "password": "hunter2",
        "token": "<token>",
        "none": "[]",
        "default": "fallback",
        "escaped": "${domain}",
        "hash": "$2a$10$abcdefghijk",
    }
    assert object_named(repo, "Deployment", "web")["spec"]["replicas"] == 3
    assert object_named(repo, "ConfigMap", "script")["data"] == {"run.sh": "echo ${domain}"}
    assert object_named(repo, "ConfigMap", "plain")["data"] == {"run.sh": "echo ${HOME} $$"}
    assert notes(repo) == [
        "clusters/dev/apps.yaml:2: Kustomization flux-system/apps: ${nothing} has no value in apps: it becomes empty"
    ]


def test_the_stack_s_variables_win(read_for_real: Read) -> None:
    repo = read_for_real("substitute-from", strict=False, variables={"domain": "other.example", "level": "trace"})
    data = object_named(repo, "ConfigMap", "settings")["data"]
    assert (data["host"], data["level"]) == ("web.other.example", "trace")
    assert object_named(repo, "ConfigMap", "plain")["data"] == {"run.sh": "echo ${HOME} $$"}


def test_a_folder_without_a_kustomization_file(read_for_real: Read) -> None:
    assert tree(read_for_real("no-kustomization-file")) == [
        "flux-system/dev in None: ",
        "flux-system/apps in flux-system/dev: ConfigMap web/deep, Namespace web, ConfigMap web/own-settings",
        "flux-system/empty in flux-system/dev: ",
    ]


def test_values_from_objects_of_the_repository(read_for_real: Read) -> None:
    repo = read_for_real("helm-values-from", ".")
    web, other = repo.releases
    assert web.values == {
        "image": {"tag": "2", "name": "web", "pull": "Always"},
        "keep": "first",
        "list": [3],
        "true": False,
        "auth": {"user": "me", "password": "p,w"},
    }
    assert web.inline_values["auth"] == {"user": "me", "password": "inline"}
    assert [(values_from.name, values_from.content is None) for values_from in web.values_from] == [
        ("first", False),
        ("second", False),
        ("second", False),
        ("absent", True),
    ]
    assert other.values == {"image": {"tag": "1", "name": "web"}, "keep": "first", "list": [1, 2]}
    assert other.values_from == ()


def test_what_is_suspended_is_not_built(read_for_real: Read) -> None:
    repo = read_for_real("suspended")
    assert tree(repo) == [
        "flux-system/dev in None: ",
        "flux-system/apps in flux-system/dev: ",
        "flux-system/web in flux-system/dev: web/web",
    ]
    assert [release.suspended for release in repo.releases] == [True]
    assert notes(repo) == [
        "clusters/dev/web.yaml:2: flux-system/web:"
        " depends on flux-system/apps, which is suspended: Flux would wait until it is resumed"
    ]


def test_a_circle_is_told_with_every_reason(read_for_real: Read) -> None:
    with pytest.raises(InvalidError) as raised:
        read_for_real("dependson-cycle")
    assert [str(problem) for problem in raised.value.problems] == [
        "b/release.yaml:11: waits for itself:"
        " release/db/two needs release/web/one (HelmRelease db/two dependsOn web/one);"
        " release/web/one needs release/db/two (Kustomization flux-system/a dependsOn flux-system/b)"
    ]


def test_what_has_no_effect_is_noted_once_per_field(read_for_real: Read) -> None:
    repo = read_for_real("unsupported-fields", ".", tolerant=True)
    assert [str(problem) for problem in repo.problems] == [
        'release.yaml:28: spec.dependOn: HelmRelease web/web: is not a field: did you mean "dependsOn"?'
    ]
    assert notes(repo) == [
        "release.yaml:9: spec.secretRef: HelmRepository web/charts:"
        " spec.secretRef is not used: credentials come from helm's and docker's own config files",
        "release.yaml:31: spec.install.strategy.retryInterval: HelmRelease web/web:"
        " spec.install.strategy.retryInterval has no effect: nothing is reconciled after the run",
        "release.yaml:33: spec.upgrade.preserveValues: HelmRelease web/web:"
        " spec.upgrade.preserveValues is not supported: every upgrade uses only the declared values",
        "release.yaml:25: spec.driftDetection: HelmRelease web/web, HelmRelease web/api:"
        " spec.driftDetection has no effect: nothing is reconciled after the run",
        "release.yaml:26: spec.serviceAccountName: HelmRelease web/web:"
        " spec.serviceAccountName has no effect: everything is done with the stack's own credentials",
        "release.yaml:27: spec.storageNamespace: HelmRelease web/web:"
        " spec.storageNamespace has no effect: helm keeps a release in its own namespace",
        "flux.yaml:2: Alert web/chat, ImagePolicy web/web: is not applied: no Flux runs in the cluster that would act on it",  # noqa: E501 - as it is told
        "flux.yaml:16: ConfigMap web/ignored: is not applied: it is marked as disabled for Flux",
        "flux.yaml:23: ResourceSet web/tenants: is not rendered:"
        " the objects that tenants makes of its inputs are missing in the cluster",
        "flux.yaml:31: ResourceSet web/apps: is not rendered:"
        " the objects that apps makes of its inputs are missing in the cluster",
    ]
    assert repo.releases[0].retries == -1
    assert repo.kustomizations[0].objects == ()


def test_older_api_versions(read_for_real: Read) -> None:
    repo = read_for_real("v1beta-apis")
    old, newer = repo.releases
    assert object_named(repo, "ConfigMap", "settings")["data"] == {"level": "debug", "more": "yes"}
    assert (old.crds, old.upgrade_crds, newer.crds, newer.upgrade_crds) == ("Skip", "CreateReplace", "Create", "Skip")
    assert old.values_files == ("values-dev.yaml",)
    assert old.chart == RepositoryChart(url="https://charts.example.com", name="podinfo", version=">=1.0.0")
    assert [sorted(renderer) for renderer in old.post_renderers] == [["images", "patches"]]
    assert [patch.get("target") for patch in old.post_renderers[0]["patches"]] == [
        None,
        {"kind": "Service", "name": "web"},
    ]


def test_names_that_helm_could_not_take(read_for_real: Read) -> None:
    repo = read_for_real("name-shortening", ".")
    assert [(release.release_name, release.target_namespace) for release in repo.releases] == [
        ("a-release-with-a-name-that-is-well-over--218d0cd1b743", "web"),
        ("other-short", "other"),
        ("mine", "other"),
        ("exactly-fifty-three-characters-long-name-for-release1", "web"),
    ]


def test_charts_from_every_kind_of_source(read_for_real: Read) -> None:
    repo = read_for_real("chart-sources", ".", origin="git@git.example.com:us/platform.git")
    oci, image, chart, here, there = repo.releases
    assert oci.chart == OciChart(url="oci://registry.example.com/charts/app", insecure=True)
    assert image.chart == OciChart(url="oci://registry.example.com/charts/image", semver=">=1.0.0")
    assert chart.chart == OciChart(url="oci://registry.example.com/charts/web", version="1.x", insecure=True)
    assert chart.values_files == ("values.yaml", "values-dev.yaml")
    assert here.chart == LocalChart(path=REPOS / "chart-sources" / "charts" / "local")
    assert here.values_files == ("values.yaml", "../../dev.yaml")
    assert there.chart == GitChart(url="https://git.example.com/them/charts", path="charts/web", tag="v1")


def test_without_an_origin_a_declared_repository_is_another_one(read_for_real: Read) -> None:
    here = read_for_real("chart-sources", ".").releases[3]
    assert here.chart == GitChart(url="https://git.example.com/us/platform.git", path="charts/local", branch="main")


def test_a_cluster_that_flux_bootstrap_wrote(read_for_real: Read) -> None:
    repo = read_for_real("flux-bootstrap")
    assert tree(repo) == [
        "flux-system/flux-system in None: Namespace flux-system, ConfigMap flux-system/stage",
        "flux-system/apps in flux-system/flux-system: ConfigMap web/settings",
        "flux-system/other in flux-system/flux-system: ",
    ]
    assert object_named(repo, "ConfigMap", "stage")["data"] == {"stage": "dev"}
    assert notes(repo) == [
        "clusters/dev/apps.yaml:23: spec.sourceRef: Kustomization flux-system/other: its files are not read: they come"
        " from GitRepository flux-system/other (https://git.example.com/them/other), which is not this repository",
        "clusters/dev/flux-system/gotk-components.yaml:8: Deployment flux-system/helm-controller:"
        " is not applied: it is a part of Flux itself, and nothing is reconciled after the run",
    ]


def test_kustomizations_that_build_from_an_artifact(read_for_real: Read) -> None:
    repo = read_for_real("artifact-generator")
    assert tree(repo) == [
        "flux-system/dev in None: ",
        "flux-system/apps in flux-system/dev: ConfigMap web/settings, ConfigMap web/shared",
    ]
    assert object_named(repo, "ConfigMap", "settings")["data"] == {"level": "debug"}


def test_an_encrypted_file_is_named_where_sops_is_missing(read_for_real: Read) -> None:
    with pytest.raises(InvalidError) as raised:
        read_for_real("encrypted")
    assert [str(problem) for problem in raised.value.problems] == [
        "apps/secret.yaml:8: sops: Secret web/login: is encrypted with SOPS and cannot be decrypted:"
        " the program sops is not installed; install it and give it the key"
    ]


def leave_encrypted(content: bytes, form: str) -> bytes:
    """Without a key the values stay `ENC[…]`; what SOPS added is removed."""
    if form not in {"json", "yaml"}:
        return content
    document = load(content.decode())
    return json.dumps({key: value for key, value in document.items() if key != "sops"}).encode()


def test_encrypted_files_can_be_left_as_they_are(read_for_real: Read) -> None:
    repo = read_for_real("encrypted", decrypt=leave_encrypted)
    login = object_named(repo, "Secret", "login")
    assert "sops" not in login
    assert login["stringData"]["password"].startswith("ENC[")
    assert notes(repo) == [
        "undeclared/secret.yaml:8: sops: Secret web/forgotten:"
        " is encrypted, but its Kustomization has no spec.decryption"
    ]


def test_all_problems_are_told_at_once(read_for_real: Read) -> None:
    with pytest.raises(InvalidError) as raised:
        read_for_real("broken")
    problems = [str(problem) for problem in raised.value.problems]
    assert problems[:3] + problems[4:] == [
        "clusters/dev/apps.yaml:27: spec.wait: Kustomization flux-system/bad: must be true or false",
        'clusters/dev/apps.yaml:26: spec.timeout: Kustomization flux-system/bad: "5 min" is not a duration (write 5m)',
        "clusters/dev/apps.yaml:8: spec.path: Kustomization flux-system/apps: there is no folder absent",
        "clusters/dev/apps.yaml:42: spec.postBuild.substituteFrom: Kustomization flux-system/vars: ConfigMap"
        " flux-system/nowhere is not in the repository: add it, mark it optional, or set its variables with --var",
        "clusters/dev/release.yaml:12: spec.chart.spec.sourceRef: HelmRelease web/bucket:"
        " charts from a Bucket (web/charts) are not supported",
        "clusters/dev/release.yaml:27: spec.chart.spec.sourceRef: HelmRelease web/lost:"
        " HelmRepository web/unknown is not in the repository",
    ]
    assert problems[3].startswith("bad: kustomize cannot build this folder: accumulating resources")
    assert "open bad/absent.yaml: no such file or directory" in problems[3]


@pytest.mark.parametrize("situation", ["patches-stage", "no-kustomization-file", "artifact-generator", "broken"])
def test_nothing_is_written_into_the_repository(read_for_real: Read, situation: str) -> None:
    def files() -> dict[str, int]:
        return {str(file): file.stat().st_mtime_ns for file in (REPOS / situation).rglob("*")}

    before = files()
    try:
        read_for_real(situation)
    except InvalidError:
        assert situation == "broken"
    assert files() == before
