import dataclasses

from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorObserved,
    InventoryEntry,
    Observed,
    ReleaseObserved,
    TargetState,
)
from bootstrap.model.stack import Provider
from bootstrap.model.step import DeleteCluster, DeleteEmulator, DeleteObjects, Plan, RemoveLeftovers, RemoveState
from bootstrap.plan.teardown import build_teardown
from fakes.ports import ENDPOINT, KUBE
from fakes.repo import stack


def lines(plan: Plan) -> list[str]:
    return [
        f"{step.id}: {type(step.action).__name__} after {', '.join(step.needs)} ({step.reason})" for step in plan.steps
    ]


UP = Observed(
    cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE),
    emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT),
    releases={
        f"apps/{name}": ReleaseObserved(
            namespace="apps", release_name=name, status="deployed", revision=1, fingerprint=mark, owner=mark
        )
        for name, mark in (("ours", "apps/ours"), ("second", "apps/second"), ("theirs", None))
    },
    inventory={
        "flux-system/apps": InventoryEntry(
            fingerprint="1",
            objects=(
                ObjectRef(api_version="v1", kind="Namespace", namespace=None, name="apps"),
                ObjectRef(api_version="v1", kind="ConfigMap", namespace="apps", name="c"),
            ),
        )
    },
)


def test_our_own_cluster_goes_whole() -> None:
    assert lines(build_teardown(stack(emulator=True), UP)) == [
        "cluster: DeleteCluster after  (running)",
        "emulator: DeleteEmulator after  (running)",
        "state: RemoveState after cluster, emulator (the rest of this stack)",
    ]


def test_all_that_carries_a_mark_goes_after_those_two() -> None:
    assert lines(build_teardown(stack(emulator=True), UP, labelled=True))[2:] == [
        "leftovers: RemoveLeftovers after cluster, emulator (everything that carries its label)",
        "state: RemoveState after cluster, emulator, leftovers (the rest of this stack)",
    ]


def test_kept_data_is_kept_by_every_step() -> None:
    plan = build_teardown(stack(emulator=True), UP, labelled=True, keep_data=True)
    assert [step.action for step in plan.steps] == [
        DeleteCluster(),
        DeleteEmulator(keep_data=True),
        RemoveLeftovers(keep_data=True),
        RemoveState(keep_data=True),
    ]
    assert plan.steps[-1].reason == "everything except what is kept"


def test_someone_elses_cluster_loses_only_what_we_put_there() -> None:
    plan = build_teardown(stack(provider=Provider.EXISTING), dataclasses.replace(UP, emulator=None))
    assert lines(plan) == [
        "release/apps/ours: UninstallRelease after  (installed by bootstrap)",
        "release/apps/second: UninstallRelease after release/apps/ours (installed by bootstrap)",
        "objects/flux-system/apps: DeleteObjects after release/apps/second (applied by bootstrap)",
        "cluster: DeleteCluster after release/apps/ours, release/apps/second, objects/flux-system/apps (running)",
        "state: RemoveState after release/apps/ours, release/apps/second, objects/flux-system/apps, cluster "
        "(the rest of this stack)",
    ]
    deletion = plan.steps[2].action
    assert isinstance(deletion, DeleteObjects)
    assert [ref.kind for ref in deletion.objects] == ["ConfigMap", "Namespace"]


def test_what_is_foreign_stays() -> None:
    foreign = dataclasses.replace(
        UP,
        cluster=ClusterObserved(state=TargetState.FOREIGN, detail="on another network"),
        emulator=EmulatorObserved(state=TargetState.FOREIGN, detail="no label"),
    )
    assert lines(build_teardown(stack(emulator=True), foreign))[:2] == [
        "cluster: Keep after  (not created by bootstrap: on another network)",
        "emulator: Keep after  (not created by bootstrap: no label)",
    ]


def test_an_emulator_that_is_no_longer_declared_goes_too() -> None:
    assert lines(build_teardown(stack(), UP))[1] == "emulator: DeleteEmulator after  (running)"
