"""What `bootstrap images` lists: all that a node will pull for what is installed."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import Placement
from bootstrap.plan.manifest_images import images_in, images_of
from bootstrap.plan.units import cut
from fakes.repo import kustomization, release, stack


def deployment(image: str, **container: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "c", "image": image, **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": spec}},
    }


@pytest.mark.parametrize(
    ("container", "more"),
    [
        ({"args": ["--prometheus-config-reloader=quay.io/po/reloader:v0.79.0"]}, ["quay.io/po/reloader:v0.79.0"]),
        ({"args": ["--acme-http01-solver-image=quay.io/jetstack/solver:v1"]}, ["quay.io/jetstack/solver:v1"]),
        ({"command": ["/run", "--sidecarImage=busybox:1.36"]}, ["busybox:1.36"]),
        ({"env": [{"name": "RELATED_IMAGE_AGENT", "value": "ghcr.io/x/agent:1"}]}, ["ghcr.io/x/agent:1"]),
        ({"args": ["--listen=127.0.0.1:8080", "--endpoint=https://quay.io/x:1", "plain"]}, []),
        ({"env": [{"name": "IMAGE_PULL_POLICY", "value": "Always"}]}, []),
    ],
)
def test_images_that_a_container_starts_others_with(container: dict[str, Any], more: list[str]) -> None:
    assert images_of(deployment("op:1", **container)) == ("op:1", *more)


def test_image_fields_of_custom_resources() -> None:
    cluster = {
        "apiVersion": "x.dev/v1",
        "kind": "Cluster",
        "spec": {
            "image": {"registry": "ghcr.io", "repository": "x/db", "tag": "16"},
            "monitoring": {"exporterImage": "x/exporter:1"},
            "imagePullPolicy": "Always",
        },
    }
    assert images_of(cluster) == ("ghcr.io/x/db:16", "x/exporter:1")
    assert images_of({**cluster, "apiVersion": "v1", "kind": "ConfigMap"}) == ()


def test_what_is_suspended_or_replaced_is_not_listed_and_plain_workloads_are() -> None:
    resting = replace(release("resting"), suspended=True)
    emulator = release("localstack", chart="localstack")
    releases = (release("web"), resting, emulator)
    repo = FluxRepo(kustomizations=(kustomization("apps", deployment("plain:1")),), releases=releases)
    prepared = {item.id: PreparedRelease(release=item, manifests=(deployment(f"{item.name}:1"),)) for item in releases}
    listed = list(images_in(cut(stack(emulator=True, placement=Placement.CONTAINER), repo), prepared))
    assert listed == [("objects/flux-system/apps", "plain:1"), ("release/apps/web", "web:1")]
