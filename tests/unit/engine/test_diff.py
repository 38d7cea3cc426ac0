from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bootstrap.engine.diff import differences
from bootstrap.engine.plan import Planning
from bootstrap.errors import RefusedError
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.step import Keep, Plan, Step
from bootstrap.plan import ids
from bootstrap.plan.desired import Desired
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import KUBE
from fakes.repo import config_map, kustomization, release, stack

HOOK: Manifest = {"kind": "Job", "metadata": {"name": "hook", "annotations": {"helm.sh/hook": "pre-install"}}}
CRD: Manifest = {"kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.dev"}}


def planning(state: TargetState) -> Planning:
    a = release("a")
    prepared = PreparedRelease(release=a, manifests=(config_map("mine"), HOOK, CRD))
    desired = Desired(
        stack=stack(),
        repo=FluxRepo(kustomizations=(kustomization("apps", config_map("one")),), releases=(a,)),
        prepared={a.id: prepared},
    )
    kube = KUBE if state is TargetState.RUNNING else None
    return Planning(plan=Plan(), desired=desired, observed=Observed(cluster=ClusterObserved(state=state, kube=kube)))


def test_each_unit_is_compared_as_it_would_be_applied() -> None:
    asked: list[tuple[Sequence[Manifest], str, str]] = []

    def compare(
        objects: Sequence[Manifest], namespace: str, manager: str, kube: KubeContext, cancel: CancelToken
    ) -> int:
        assert kube is KUBE
        asked.append((objects, namespace, manager))
        return len(asked)

    shown = list(differences(planning(TargetState.RUNNING), compare, CancelToken(FakeClock())))
    assert shown == [("objects/flux-system/apps", 1), ("release/apps/a", 2)]
    (plain, _, manager), (installed, namespace, helm) = asked
    assert (plain, manager) == ((config_map("one"),), "bootstrap")
    assert (namespace, helm) == ("apps", "helm")
    (only,) = installed
    assert only["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert only["metadata"]["annotations"] == {
        "meta.helm.sh/release-name": "a",
        "meta.helm.sh/release-namespace": "apps",
    }


def test_a_release_that_the_plan_leaves_as_it_is_has_no_differences() -> None:
    """What is rendered now may hold other random values than what was installed: nobody would apply them."""
    kept = Step(id=ids.release("apps/a"), action=Keep(what="release"), reason="unchanged", timeout=timedelta(minutes=1))
    plan = replace(planning(TargetState.RUNNING), plan=Plan(steps=(kept,)))
    assert [unit for unit, _ in differences(plan, lambda *_: (), CancelToken(FakeClock()))] == [
        "objects/flux-system/apps"
    ]


def test_what_nobody_can_compare_is_left_out() -> None:
    """Objects that the API server names, and, where pods are simulated, APIs that a pod would serve."""
    named = {"kind": "Job", "apiVersion": "batch/v1", "metadata": {"generateName": "job-"}}
    backend = {"kind": "APIService", "metadata": {"name": "v1.x"}, "spec": {"service": {"name": "x"}}}
    plan = planning(TargetState.RUNNING)
    prepared = replace(plan.desired.prepared["apps/a"], manifests=(named, backend, config_map("mine")))
    plan = replace(plan, desired=replace(plan.desired, prepared={"apps/a": prepared}))
    compared = dict(differences(plan, lambda objects, *_: objects, CancelToken(FakeClock())))
    assert [item["metadata"]["name"] for item in compared["release/apps/a"]] == ["mine"]


def test_without_a_cluster_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(RefusedError, match="the cluster is not running"):
        list(differences(planning(TargetState.STOPPED), lambda *_: None, CancelToken(FakeClock())))
