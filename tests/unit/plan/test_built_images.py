"""Images of the stack's own: in manifests, and as steps of the plan."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo, Kustomization, LocalChart, Release
from bootstrap.model.stack import BuiltImage, ClusterSpec, ImageSpec, Provider, Stack
from bootstrap.plan.build import build_plan
from bootstrap.plan.built_images import image_name, names_in, renderer_stage, replaced, with_built_images
from bootstrap.plan.desired import Desired

REFERENCES = {"web": "web:bootstrap-1"}
BUILT = BuiltImage(
    spec=ImageSpec(name="web", context=Path("/web"), dockerfile=Path("/web/Dockerfile")), reference="web:bootstrap-1"
)
KUBE = KubeContext(kubeconfig=Path("/kubeconfig"), uid="u", simulated=False)


def _deployment(*images: str, name: str = "d") -> dict[str, Any]:
    containers = [{"name": str(number), "image": image} for number, image in enumerate(images)]
    spec = {"template": {"spec": {"containers": containers[:1], "initContainers": containers[1:]}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize("image", ["web", "web:dev", "web@sha256:12", "web:dev@sha256:12"])
def test_the_name_counts_whatever_its_tag(image: str) -> None:
    assert replaced(_deployment(image, "redis:7"), REFERENCES) == _deployment("web:bootstrap-1", "redis:7")


@pytest.mark.parametrize("image", ["team/web:dev", "web-api", "docker.io/web", "localhost:5000/web"])
def test_another_name_is_another_image(image: str) -> None:
    assert replaced(_deployment(image), REFERENCES) == _deployment(image)
    assert names_in([_deployment(image)], REFERENCES) == []


def test_a_name_with_a_port_has_no_tag() -> None:
    assert image_name("localhost:5000/web") == "localhost:5000/web"
    assert image_name("localhost:5000/web:1") == "localhost:5000/web"


def test_what_is_no_container_stays() -> None:
    other = {"kind": "ConfigMap", "data": {"image": "web"}, "spec": {"image": "web"}}
    assert replaced(other, REFERENCES) == other


def test_a_release_gets_a_post_renderer() -> None:
    assert renderer_stage(["web"], REFERENCES) == {
        "images": [{"name": "web", "newName": "web", "newTag": "bootstrap-1"}]
    }
    assert renderer_stage(["r:5/w"], {"r:5/w": "r:5/w:bootstrap-2"})["images"][0]["newName"] == "r:5/w"


def test_plain_objects_of_a_repository() -> None:
    part = Kustomization(namespace="a", name="b", objects=(_deployment("web"),), built=(_deployment("web:1"),))
    changed = with_built_images(FluxRepo(kustomizations=(part,)), REFERENCES).kustomizations[0]
    assert changed.objects == changed.built == (_deployment("web:bootstrap-1"),)


def _steps(
    provider: Provider = Provider.KIND, *, built: frozenset[str] = frozenset(), asked: bool = False, image: str = ""
) -> dict[str, str]:
    part = Kustomization(namespace="a", name="b", objects=(_deployment(image or BUILT.reference, "redis:7"),))
    stack = Stack(name="s", file=None, project=Path("/p"), emulator=None, cluster=ClusterSpec(provider=provider))
    desired = Desired(
        stack=stack,
        repo=FluxRepo(kustomizations=(part,)),
        built=(BUILT,),
        build_simulated=asked,
        preload=provider is Provider.KIND,
    )
    observed = Observed(cluster=ClusterObserved(state=TargetState.ABSENT), built=built)
    plan = build_plan(desired, observed)
    return {step.id: f"{type(step.action).__name__}: {step.reason} {list(step.needs)}" for step in plan.steps}


def test_what_is_applied_waits_for_the_build() -> None:
    steps = _steps()
    assert steps["build/web"] == "BuildImage: its files are not built yet []"
    assert steps["objects/a/b"] == "ApplyObjects: not found ['build/web', 'nodes']"
    assert steps["images"] == "LoadImages: 1 image in the applied objects []"


def test_what_the_engine_has_is_not_built_again() -> None:
    assert _steps(built=frozenset({BUILT.reference}))["build/web"] == "Keep: unchanged []"


def test_what_nothing_runs_is_not_built() -> None:
    assert _steps(image="nginx:1")["build/web"] == "Keep: no applied object uses it []"


def test_where_pods_are_simulated_it_is_built_when_asked() -> None:
    assert _steps(Provider.KWOK)["build/web"].startswith("Keep: pods are simulated; build it with: --only build/web")
    assert _steps(Provider.KWOK, asked=True)["build/web"] == "BuildImage: requested with --only []"


def test_a_release_that_is_not_known_yet_waits_too() -> None:
    release = Release(
        namespace="a", name="r", release_name="r", target_namespace="a", chart=LocalChart(path=Path("/chart"))
    )
    stack = Stack(name="s", file=None, project=Path("/p"), emulator=None, cluster=ClusterSpec(provider=Provider.KIND))
    prepared = {release.id: PreparedRelease(release=release)}
    desired = Desired(stack=stack, repo=FluxRepo(releases=(release,)), prepared=prepared, built=(BUILT,))
    plan = build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE)))
    (step,) = [step for step in plan.steps if step.id == "release/a/r"]
    assert "build/web" in step.needs
