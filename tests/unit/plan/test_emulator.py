"""The emulator and the release that it is, or takes the place of, are one node of the graph."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from bootstrap.errors import InvalidError
from bootstrap.model.kube import ref_of
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorObserved,
    InventoryEntry,
    Observed,
    PreparedRelease,
    ReleaseObserved,
    SeedsObserved,
    TargetState,
)
from bootstrap.model.release import FluxRepo, Kustomization, Release
from bootstrap.model.stack import Placement, Provider, Stack
from bootstrap.model.step import DeleteObjects, EnsureEmulator, Plan
from bootstrap.plan import ids
from bootstrap.plan.build import build_plan
from bootstrap.plan.desired import Desired
from bootstrap.plan.emulator import EMULATOR_PART, emulator_part
from bootstrap.plan.select import select, targets
from bootstrap.plan.units import cut, fingerprint
from fakes.ports import ENDPOINT, KUBE
from fakes.repo import config_map, kustomization, release, stack

INSIDE = stack(emulator=True, seeds=True, provider=Provider.KIND, placement=Placement.CHART)
OUTSIDE = stack(emulator=True, seeds=True, provider=Provider.KIND, placement=Placement.CONTAINER)
LOCALSTACK = release("localstack", chart="localstack", needs=["a"])
EVERY = (release("a"), LOCALSTACK, release("user", needs=["localstack"]))
READS = [("release/apps/user", "seeds", "ClusterSecretStore aws reads what is seeded")]
NOTHING = Observed(cluster=ClusterObserved(state=TargetState.ABSENT))
LIVING = dataclasses.replace(ENDPOINT, incarnation="i1")
UP = Observed(
    cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE),
    emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=LIVING, release="apps/localstack"),
    seeds=SeedsObserved(changes=0),
    releases={
        f"apps/{name}": ReleaseObserved(
            namespace="apps",
            release_name=name,
            status="deployed",
            revision=1,
            fingerprint="c.v.s",
            owner=f"apps/{name}",
        )
        for name in ("a", "localstack", "user")
    },
)


def planned(
    observed: Observed, on: Stack = INSIDE, releases: Sequence[Release] = EVERY, *parts: Kustomization, **more: Any
) -> Plan:
    prepared_releases = {
        helm_release.id: PreparedRelease(release=helm_release, chart_digest="1", fingerprint="c.v.s", manifests=())
        for helm_release in releases
    }
    repo = FluxRepo(kustomizations=parts, releases=tuple(releases))
    return build_plan(Desired(stack=on, repo=repo, prepared=prepared_releases, **{"inferred": READS, **more}), observed)


def lines(plan: Plan) -> list[str]:
    return [
        f"{step.id}: {type(step.action).__name__} after {', '.join(step.needs)} ({step.reason})" for step in plan.steps
    ]


def test_a_release_that_is_the_emulator_is_installed_before_it_and_all_that_use_it_wait_for_both() -> None:
    plan = planned(NOTHING)
    assert lines(plan) == [
        "cluster: EnsureCluster after  (not found)",
        "nodes: AwaitNodes after cluster (created with the cluster)",
        "release/apps/a: InstallRelease after cluster (not found)",
        "release/apps/localstack: InstallRelease after release/apps/a (not found)",
        "emulator: EnsureEmulator after release/apps/localstack (not found)",
        "seeds: ApplySeeds after emulator (not known before the emulator runs)",
        "release/apps/user: InstallRelease after seeds (not found)",
    ]
    actions = {step.id: step.action for step in plan.steps}
    assert INSIDE.emulator is not None
    assert actions[ids.EMULATOR] == EnsureEmulator(spec=INSIDE.emulator, release=LOCALSTACK)


def test_it_is_kept_when_it_runs_with_its_data() -> None:
    assert planned(UP).changes == 0


@pytest.mark.parametrize(
    ("changed", "reason", "seeds"),
    [
        (
            {"emulator": EmulatorObserved(state=TargetState.STOPPED, detail="no forward"), "seeds": None},
            "stopped: no forward",
            "not known before the emulator runs",
        ),
        (
            {"emulator": EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT, release="apps/localstack")},
            "its data is lost",
            "not known before the emulator runs",
        ),
        (
            {"emulator": EmulatorObserved(state=TargetState.RUNNING, endpoint=LIVING, release="apps/other")},
            "it is apps/other, but apps/localstack is declared",
            "not known before the emulator runs",
        ),
        (
            {"releases": {k: v for k, v in UP.releases.items() if k != "apps/localstack"}},
            "its release is installed: not found",
            "not known before the emulator runs",
        ),
    ],
)
def test_it_says_why_it_is_looked_for_again_and_is_seeded_again(
    changed: dict[str, Any], reason: str, seeds: str
) -> None:
    rows = {
        str(step.id): (type(step.action).__name__, step.reason)
        for step in planned(dataclasses.replace(UP, **changed)).steps
    }
    assert rows["emulator"] == ("EnsureEmulator", reason)
    assert rows["seeds"] == ("ApplySeeds", seeds)


def test_repair_brings_its_release_along_and_no_other_that_it_does_not_need() -> None:
    plan = select(planned(NOTHING), only=targets(INSIDE))
    assert [step.id for step in plan.steps] == [
        "cluster",
        "release/apps/a",
        "release/apps/localstack",
        "emulator",
        "seeds",
    ]


def test_an_emulator_that_was_outside_leaves_its_name_to_the_release() -> None:
    part = emulator_part(at("http://10.1.2.3:4566"), LOCALSTACK)
    refs = tuple(ref_of(item) for item in part.objects)
    moved = dataclasses.replace(
        UP, releases={}, inventory={EMULATOR_PART: InventoryEntry(fingerprint=fingerprint(part), objects=refs)}
    )
    plan = planned(moved, prune=True)
    assert "replaced/apps/localstack: DeleteObjects after  (the emulator is a release now)" in lines(plan)
    removed = next(step.action for step in plan.steps if isinstance(step.action, DeleteObjects))
    assert [object_ref.kind for object_ref in removed.objects] == [
        "Service",
        "EndpointSlice",
    ]  # its namespace is the release's now
    needs = {step.id: step.needs for step in plan.steps}
    assert "replaced/apps/localstack" in needs[next(need for need in needs if need == "release/apps/localstack")]


def test_an_emulator_that_was_a_release_leaves_its_name_to_the_one_outside() -> None:
    shown = lines(planned(UP, OUTSIDE))
    assert "replaced/apps/localstack: Replace after  (the emulator replaces it)" in shown
    part = next(line for line in shown if line.startswith(f"objects/{EMULATOR_PART}"))
    assert "replaced/apps/localstack" in part


def test_one_that_is_no_longer_declared_goes() -> None:
    outdated = EmulatorObserved(state=TargetState.BROKEN, detail="placement is container, declared none")
    observed = dataclasses.replace(UP, emulator=outdated, seeds=None)
    assert lines(planned(observed, stack(provider=Provider.KIND), inferred=()))[1] == (
        "emulator: DeleteEmulator after  (no longer declared)"
    )


def test_objects_that_moved_to_another_kustomization_are_not_pruned() -> None:
    moved = (config_map("one"),)
    refs = tuple(ref_of(item) for item in moved)
    observed = dataclasses.replace(UP, inventory={"flux-system/old": InventoryEntry(fingerprint="1", objects=refs)})
    kept = planned(observed, INSIDE, EVERY, kustomization("new", *moved), prune=True)
    assert not [step for step in kept.steps if isinstance(step.action, DeleteObjects)]
    gone = planned(observed, prune=True, prune_all=True)
    assert [step.id for step in gone.steps if isinstance(step.action, DeleteObjects)] == [
        "prune-objects/flux-system/old"
    ]


@pytest.mark.parametrize(
    ("on", "releases", "text"),
    [
        (INSIDE, (release("a"),), "emulator.release: no HelmRelease has a chart named localstack"),
        (
            INSIDE,
            (LOCALSTACK, release("second", chart="localstack")),
            "emulator.release: auto could be apps/localstack or apps/second",
        ),
        (
            INSIDE,
            (release("localstack", chart="localstack", suspended=True),),
            "emulator.release: apps/localstack is suspended, so it is not installed",
        ),
        (
            stack(emulator=True, emulator_release="apps/locolstack"),
            (LOCALSTACK,),
            "emulator.release: there is no HelmRelease apps/locolstack",
        ),
    ],
)
def test_a_release_that_cannot_be_the_emulator_is_refused(on: Stack, releases: Sequence[Release], text: str) -> None:
    with pytest.raises(InvalidError) as raised:
        planned(NOTHING, on, releases)
    assert str(raised.value) == f"test: {text}"


def test_a_release_is_named_with_its_namespace_or_without() -> None:
    other = release("aws", chart="ministack")
    for named in ("aws", "apps/aws"):
        on = stack(emulator=True, provider=Provider.KIND, placement=Placement.CHART, emulator_release=named)
        assert "emulator: EnsureEmulator after release/apps/aws (not found)" in lines(planned(NOTHING, on, (other,)))


def at(endpoint: str, provider: Provider = Provider.KIND) -> Stack:
    on = stack(emulator=True, provider=provider, placement=Placement.ENDPOINT)
    assert on.emulator is not None
    return dataclasses.replace(on, emulator=dataclasses.replace(on.emulator, endpoint=endpoint))


def test_an_endpoint_that_is_a_number_is_led_to_with_its_port() -> None:
    _, service, ends = emulator_part(at("http://10.1.2.3:9999"), None).objects
    assert "type" not in service["spec"]
    assert (ends["kind"], ends["addressType"], ends["endpoints"]) == (
        "EndpointSlice",
        "IPv4",
        [{"addresses": ["10.1.2.3"]}],
    )
    assert ends["metadata"]["labels"] == {"kubernetes.io/service-name": service["metadata"]["name"]}
    [port] = ends["ports"]
    assert (port["name"], port["port"]) == (service["spec"]["ports"][0]["name"], 9999)
    assert emulator_part(at("http://[fd00::1]:4566"), None).objects[2]["addressType"] == "IPv6"


def test_an_endpoint_with_a_name_is_led_to_by_that_name() -> None:
    _, service = emulator_part(at("http://emulator.lan:4566", Provider.EXISTING), None).objects
    assert (service["spec"]["type"], service["spec"]["externalName"]) == ("ExternalName", "emulator.lan")


@pytest.mark.parametrize(
    ("endpoint", "provider", "text"),
    [
        (
            "http://127.0.0.1:4567",
            Provider.KIND,
            ["pods cannot reach http://127.0.0.1:4567: that address is local to this machine"],
        ),
        (
            "http://emulator.lan:4567",
            Provider.EXISTING,
            ["pods find emulator.lan at port 4566, not 4567: a name has no port; write its number"],
        ),
        ("http://10.1.2.3:4567", Provider.KIND, []),
        ("http://localhost:4567", Provider.KWOK, []),
    ],
)
def test_what_pods_cannot_reach_is_told(endpoint: str, provider: Provider, text: list[str]) -> None:
    on = at(endpoint, provider)
    assert [note.text for note in planned(NOTHING, on, (release("a"),), inferred=()).notes] == text
    objects = emulator_part(on, None).objects
    assert (len(objects) == 2 and "type" not in objects[1]["spec"]) == ("127.0" in endpoint or "localhost" in endpoint)


def test_a_namespace_that_the_repository_declares_is_not_ours_to_apply() -> None:
    """One object has one author: else each `up` of ours takes off the labels that the repository gives it."""
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "localstack", "labels": {"team": "platform"}}}
    declaring = FluxRepo(kustomizations=(kustomization("apps", home),))
    for repo, kinds in ((declaring, ["Service"]), (FluxRepo(), ["Namespace", "Service"])):
        [part] = [part for part in cut(OUTSIDE, repo).parts if part.id == EMULATOR_PART]
        assert [item["kind"] for item in part.objects if item["kind"] != "EndpointSlice"] == kinds
