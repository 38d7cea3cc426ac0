"""Namespaces that a repository takes for granted."""

from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo, Release
from bootstrap.model.stack import Provider
from bootstrap.plan.desired import Desired
from bootstrap.plan.namespaces import missing_namespaces
from fakes.repo import config_map, kustomization, release, stack


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def placed(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": name}}


def missing(
    *objects: Manifest, releases: tuple[Release, ...] = (), rendered: tuple[Manifest, ...] = (), on: str = "kwok"
) -> list[str]:
    prepared = {each.id: PreparedRelease(release=each, fingerprint="f", manifests=rendered) for each in releases}
    repo = FluxRepo(kustomizations=(kustomization("apps", *objects),), releases=releases)
    desired = Desired(stack=stack(provider=Provider(on)), repo=repo, prepared=prepared)
    return [each.note().text for each in missing_namespaces(desired)]


def test_one_that_nothing_makes_is_named_once_with_the_nearest_name() -> None:
    assert missing(config_map("one"), config_map("two"), namespace("app")) == [
        "objects/flux-system/apps goes into namespace apps, which nothing in the repository makes (did you mean app?):"
        " declare it (kubectl create namespace apps --dry-run=client -o yaml prints it)"
    ]


def test_what_a_release_goes_into() -> None:
    web = release("web")
    assert missing(releases=(web,)) == [
        "release/apps/web goes into namespace apps, which nothing in the repository makes:"
        " declare it, or set install.createNamespace: true (kubectl create namespace apps --dry-run=client -o yaml"
        " prints it)"
    ]
    assert missing(releases=(release("web", create_namespace=True),)) == []
    assert missing(releases=(web,), rendered=(namespace("apps"), placed("elsewhere"))) == [
        "release/apps/web goes into namespace elsewhere, which nothing in the repository makes:"
        " declare it, or set install.createNamespace: true (kubectl create namespace elsewhere --dry-run=client -o yaml"
        " prints it)"
    ]


def test_what_is_made_and_what_every_cluster_has() -> None:
    assert missing(namespace("apps"), config_map("one"), placed("kube-system"), placed("default")) == []
    assert missing(placed("local-path-storage"), on="kind") == []
    assert len(missing(placed("local-path-storage"), on="k3d")) == 1


def test_a_suspended_release_goes_nowhere() -> None:
    assert missing(releases=(release("web", suspended=True),)) == []
