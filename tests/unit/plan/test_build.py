"""The whole plan, as lines: order, needs and reasons at once."""

import dataclasses
from datetime import timedelta

import pytest

from bootstrap.errors import InvalidError, RefusedError, StepFailedError
from bootstrap.model.kube import Manifest, ref_of
from bootstrap.model.observed import (
    ClusterObserved,
    EmulatorObserved,
    InventoryEntry,
    ObjectsObserved,
    Observed,
    PreparedRelease,
    ReleaseObserved,
    SeedsObserved,
    TargetState,
)
from bootstrap.model.release import FluxRepo, Release
from bootstrap.model.stack import Provider
from bootstrap.model.step import LoadImages, Plan, Refuse
from bootstrap.plan import ids
from bootstrap.plan.build import HEAL_TIMEOUT, UNLIMITED_TIMEOUT, build_plan
from bootstrap.plan.desired import Desired
from bootstrap.plan.units import cut, fingerprint
from fakes.ports import ENDPOINT, KUBE
from fakes.repo import config_map, custom, kustomization, release, stack

NOTHING = Observed(cluster=ClusterObserved(state=TargetState.ABSENT))
EMPTY = Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE))
SEEDED = dataclasses.replace(
    EMPTY,
    emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT),
    seeds=SeedsObserved(changes=0),
)


def lines(plan: Plan) -> list[str]:
    return [
        f"{step.id}: {type(step.action).__name__}"
        + (f" after {', '.join(step.needs)}" if step.needs else "")
        + f" ({step.reason})"
        for step in plan.steps
    ]


def notes(plan: Plan) -> list[str]:
    return [note.text for note in plan.notes]


def prepared(helm_release: Release, print_: str = "c1.v1.s1") -> PreparedRelease:
    return PreparedRelease(release=helm_release, chart_digest="sha256:1", fingerprint=print_, manifests=())


def with_images(prepared_release: PreparedRelease, *images: str) -> PreparedRelease:
    return dataclasses.replace(prepared_release, manifests=tuple(pod(image) for image in images))


def pod(image: str) -> Manifest:
    spec = {"containers": [{"name": "main", "image": image}]}
    name = image.partition(":")[0]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "apps"}, "spec": spec}


def deployed(helm_release: Release, print_: str | None = "c1.v1.s1", status: str = "deployed") -> ReleaseObserved:
    return ReleaseObserved(
        namespace=helm_release.target_namespace,
        release_name=helm_release.release_name,
        status=status,
        revision=1,
        fingerprint=print_,
        owner=helm_release.id if print_ else None,
    )


def test_a_stack_without_anything_else_is_one_step() -> None:
    assert lines(build_plan(Desired(stack=stack()), NOTHING)) == ["cluster: EnsureCluster (not found)"]


def test_a_cold_stack_starts_everything_independent_at_once() -> None:
    crd = {"spec": {"group": "example.dev", "names": {"kind": "Widget"}}}
    a, b = release("a"), release("b", needs=["a"])
    repo = FluxRepo(
        kustomizations=(
            kustomization("apps", config_map("one"), custom("Widget", "w"), releases=["apps/a", "apps/b"]),
        ),
        releases=(a, b),
    )
    desired = Desired(
        stack=stack(emulator=True, seeds=True),
        repo=repo,
        prepared={a.id: dataclasses.replace(prepared(a), crds=(crd,)), b.id: prepared(b)},
        inferred=[("objects/flux-system/apps+custom", "release/apps/a", "Widget w is of a kind it defines")],
    )
    assert lines(build_plan(desired, NOTHING)) == [
        "cluster: EnsureCluster (not found)",
        "emulator: EnsureEmulator (not found)",
        "seeds: ApplySeeds after emulator (not known before the emulator runs)",
        "crds/apps/a: ApplyCrds after cluster (not found)",
        "objects/bootstrap-system/emulator: ApplyObjects after cluster (not found)",
        "objects/flux-system/apps: ApplyObjects after cluster (not found)",
        "release/apps/a: InstallRelease after crds/apps/a, objects/flux-system/apps (not found)",
        "release/apps/b: InstallRelease after release/apps/a (not found)",
        "objects/flux-system/apps+custom: ApplyObjects after release/apps/a (not found)",
    ]


def job(name: str, **annotations: str) -> Manifest:
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": "tool:1"}]}}}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def test_the_nodes_of_a_new_cluster_are_waited_for_by_what_starts_pods() -> None:
    plain, hook, test, unknown = (release(name) for name in ("plain", "hook", "test", "unknown"))
    known = {each.id: prepared(each) for each in (plain, hook, test)}
    known[hook.id] = dataclasses.replace(known[hook.id], manifests=(job("migrate"),))
    known[test.id] = dataclasses.replace(known[test.id], manifests=(job("try", **{"helm.sh/hook": "test"}),))
    repo = FluxRepo(kustomizations=(kustomization("apps", job("fill")),), releases=(plain, hook, test, unknown))
    desired = Desired(stack=stack(provider=Provider.KIND), repo=repo, prepared=known)
    edges = build_plan(desired, NOTHING).edges
    assert [edge.needs for edge in edges if edge.step == "nodes"] == ["cluster"]
    assert {edge.step: edge.reason for edge in edges if edge.needs == "nodes"} == {
        "objects/flux-system/apps": "the pods of Job/fill need services and names",
        "release/apps/hook": "the pods of Job/migrate need services and names",
        "release/apps/unknown": "its pods are not known yet",
    }


@pytest.mark.parametrize("provider", [Provider.KIND, Provider.K3D, Provider.KWOK])
@pytest.mark.parametrize("state", list(TargetState))
def test_only_a_cluster_that_is_created_is_used_before_its_nodes_are_ready(
    provider: Provider, state: TargetState
) -> None:
    plan = build_plan(
        Desired(stack=stack(provider=provider)), Observed(cluster=ClusterObserved(state=state, kube=KUBE))
    )
    expected = state is TargetState.ABSENT and provider.on_docker
    assert ("nodes" in [step.id for step in plan.steps]) is expected


def test_a_second_plan_keeps_everything() -> None:
    a = release("a")
    repo = FluxRepo(kustomizations=(kustomization("apps", config_map("one")),), releases=(a,))
    desired = Desired(stack=stack(emulator=True, seeds=True), repo=repo, prepared={a.id: prepared(a)})
    parts = cut(desired.stack, repo).parts
    inventory = {part.id: InventoryEntry(fingerprint=fingerprint(part)) for part in parts}
    plan = build_plan(desired, dataclasses.replace(SEEDED, releases={"apps/a": deployed(a)}, inventory=inventory))
    assert {step.reason for step in plan.steps} == {"unchanged"}
    assert plan.changes == 0


@pytest.mark.parametrize(
    ("installed", "reason"),
    [
        (deployed(release("a"), "c1.v2.s1"), "values changed"),
        (deployed(release("a"), "c0.v0.s1"), "chart and values changed"),
        (deployed(release("a"), status="pending-install"), "its state is pending-install"),
        (deployed(release("a"), None), "installed by someone else"),
    ],
)
def test_a_release_says_why_it_is_installed_again(installed: ReleaseObserved, reason: str) -> None:
    a = release("a")
    desired = Desired(stack=stack(), repo=FluxRepo(releases=(a,)), prepared={a.id: prepared(a)})
    plan = build_plan(desired, dataclasses.replace(EMPTY, releases={"apps/a": installed}))
    assert lines(plan)[-1] == f"release/apps/a: InstallRelease after cluster ({reason})"


def test_a_chart_that_is_not_pulled_keeps_the_listed_order_around_it() -> None:
    a, b, c, d = (release(name) for name in "abcd")
    repo = FluxRepo(kustomizations=(kustomization("apps", custom("Widget", "w")),), releases=(a, b, c, d))
    prepared_releases = {helm_release.id: prepared(helm_release) for helm_release in (a, b, d)}
    assert lines(build_plan(Desired(stack=stack(), repo=repo, prepared=prepared_releases), NOTHING)) == [
        "cluster: EnsureCluster (not found)",
        "pull/apps/c: PullChart (not in the cache)",
        "release/apps/a: InstallRelease after cluster (not found)",
        "release/apps/b: InstallRelease after cluster (not found)",
        "release/apps/c: InstallRelease after pull/apps/c, release/apps/a, release/apps/b (not found)",
        "release/apps/d: InstallRelease after release/apps/c (not found)",
        "objects/flux-system/apps+custom: ApplyObjects after release/apps/c (not found)",
    ]


def test_images_of_what_is_applied_are_one_step_that_nothing_waits_for() -> None:
    a, b, same = release("a"), release("b"), release("same")
    prepared_releases = {
        helm_release.id: with_images(prepared(helm_release), f"{helm_release.name}:1", "shared:2")
        for helm_release in (a, b, same)
    }
    part = kustomization("apps", pod("shared:2"), pod("own:3"))
    repo = FluxRepo(kustomizations=(part,), releases=(a, b, same))
    desired = Desired(stack=stack(emulator=True), repo=repo, prepared=prepared_releases, preload=True)
    observed = dataclasses.replace(EMPTY, releases={"apps/same": deployed(same)})
    plan = build_plan(desired, observed)
    (step,) = [planned for planned in plan.steps if planned.id == "images"]
    assert (step.action, step.needs) == (LoadImages(images=("shared:2", "a:1", "b:1", "own:3")), ())
    assert step.reason == "4 images in the applied objects"
    assert not [planned for planned in plan.steps if "images" in planned.needs]
    assert [planned.id for planned in build_plan(desired, NOTHING).steps][:3] == ["cluster", "emulator", "images"]
    assert "images" not in {
        planned.id for planned in build_plan(dataclasses.replace(desired, preload=False), NOTHING).steps
    }


def test_where_nothing_is_applied_no_image_is_looked_for() -> None:
    a = release("a")
    prepared_releases = {a.id: with_images(prepared(a), "a:1")}
    desired = Desired(stack=stack(), repo=FluxRepo(releases=(a,)), prepared=prepared_releases, preload=True)
    plan = build_plan(desired, dataclasses.replace(EMPTY, releases={"apps/a": deployed(a)}))
    assert [planned.id for planned in plan.steps] == ["cluster", "release/apps/a"]


def test_the_emulator_takes_the_place_of_its_release() -> None:
    localstack = release("localstack", chart="localstack", needs=["a"])
    a, user = release("a"), release("user", needs=["localstack"])
    every = (a, localstack, user)
    desired = Desired(
        stack=stack(emulator=True),
        repo=FluxRepo(releases=every),
        prepared={helm_release.id: prepared(helm_release) for helm_release in every},
    )
    assert lines(build_plan(desired, NOTHING)) == [
        "cluster: EnsureCluster (not found)",
        "emulator: EnsureEmulator (not found)",
        "release/apps/a: InstallRelease after cluster (not found)",
        "objects/bootstrap-system/emulator: ApplyObjects after release/apps/a (not found)",
        "release/apps/user: InstallRelease after emulator, objects/bootstrap-system/emulator (not found)",
    ]


def test_kustomizations_wait_for_all_that_they_depend_on_brings() -> None:
    inner = release("inner", owner="flux-system/child")
    repo = FluxRepo(
        kustomizations=(
            kustomization("parent", config_map("p")),
            kustomization("child", config_map("c"), parent="flux-system/parent", releases=["apps/inner"]),
            kustomization("later", config_map("l"), needs=["parent"]),
        ),
        releases=(inner,),
    )
    desired = Desired(stack=stack(), repo=repo, prepared={inner.id: prepared(inner)})
    assert lines(build_plan(desired, EMPTY))[1:] == [
        "objects/flux-system/parent: ApplyObjects after cluster (not found)",
        "objects/flux-system/child: ApplyObjects after objects/flux-system/parent (not found)",
        "release/apps/inner: InstallRelease after objects/flux-system/child (not found)",
        "objects/flux-system/later: ApplyObjects after release/apps/inner (not found)",
    ]


def test_a_circle_in_the_repository_is_refused_with_each_reason() -> None:
    repo = FluxRepo(releases=(release("a", needs=["b"]), release("b", needs=["a"])))
    with pytest.raises(InvalidError) as raised:
        build_plan(Desired(stack=stack(), repo=repo), NOTHING)
    assert str(raised.value) == (
        "release/apps/b: depends on itself: release/apps/b needs release/apps/a (HelmRelease apps/b dependsOn apps/a); "
        "release/apps/a needs release/apps/b (HelmRelease apps/a dependsOn apps/b)"
    )


def test_the_written_order_wins_over_the_inferred_one_and_says_so() -> None:
    a, b = release("a", needs=["b"]), release("b")
    prepared_releases = {helm_release.id: prepared(helm_release) for helm_release in (a, b)}
    desired = Desired(
        stack=stack(),
        repo=FluxRepo(releases=(a, b)),
        prepared=prepared_releases,
        inferred=[("release/apps/b", "release/apps/a", "uses its Secret")],
    )
    plan = build_plan(desired, NOTHING)
    assert [step.id for step in plan.steps] == ["cluster", "release/apps/b", "release/apps/a"]
    assert notes(plan) == [
        "the declared order wins over the one inferred from manifests: "
        "release/apps/b needs release/apps/a (uses its Secret); "
        "release/apps/a needs release/apps/b (HelmRelease apps/a dependsOn apps/b)"
    ]


def test_what_is_suspended_is_left_with_a_note_together_with_what_it_would_bring() -> None:
    a, b = release("a", suspended=True), release("b", owner="flux-system/child")
    repo = FluxRepo(
        kustomizations=(
            kustomization("child", config_map("c"), parent="flux-system/rest"),
            kustomization("rest", config_map("r"), suspended=True),
        ),
        releases=(a, b),
    )
    plan = build_plan(Desired(stack=stack(), repo=repo), NOTHING)
    assert lines(plan) == ["cluster: EnsureCluster (not found)"]
    assert notes(plan) == [
        "flux-system/rest is suspended: left as it is",
        "flux-system/child is suspended: left as it is",
        "apps/a is suspended: left as it is",
        "apps/b is suspended: left as it is",
    ]


def test_a_dependency_that_is_nowhere_is_noted() -> None:
    a = release("a", needs=["ghost"])
    repo = FluxRepo(kustomizations=(kustomization("apps", config_map("c"), needs=["nobody"]),), releases=(a,))
    assert notes(build_plan(Desired(stack=stack(), repo=repo, prepared={a.id: prepared(a)}), NOTHING)) == [
        "Kustomization flux-system/apps depends on flux-system/nobody, which does not exist: Flux would wait forever",
        "HelmRelease apps/a depends on apps/ghost, which does not exist: Flux would wait forever",
    ]


def test_a_misspelt_dependency_gets_the_nearest_name_and_is_loud() -> None:
    releases = (release("postgres"), release("web", needs=["postgress"]))
    plan = build_plan(Desired(stack=stack(), repo=FluxRepo(releases=releases)), NOTHING)
    [note] = [note for note in plan.notes if note.loud]
    assert note.text.endswith(
        "depends on apps/postgress, which does not exist: Flux would wait forever; did you mean apps/postgres?"
    )


def test_objects_that_changed_or_are_gone_are_applied_again() -> None:
    part = kustomization("apps", config_map("one"), config_map("two"))
    desired = Desired(stack=stack(), repo=FluxRepo(kustomizations=(part,)))
    refs = tuple(ref_of(item) for item in part.objects)
    changed = dataclasses.replace(EMPTY, inventory={part.id: InventoryEntry(fingerprint="old", objects=refs)})
    assert lines(build_plan(desired, changed))[1].endswith("(manifests changed)")
    same = InventoryEntry(fingerprint=fingerprint(part), objects=refs)
    gone = dataclasses.replace(EMPTY, inventory={part.id: same}, objects=ObjectsObserved(missing=frozenset(refs[:1])))
    assert lines(build_plan(desired, gone))[1].endswith("(gone: ConfigMap apps/one)")


def test_what_is_as_declared_but_not_ready_is_waited_for_again() -> None:
    a, careless = release("a"), release("careless", disable_wait=True)
    waiting, other = kustomization("waiting", config_map("one"), wait=True), kustomization("other", config_map("two"))
    parts = (waiting, other)
    repo = FluxRepo(kustomizations=parts, releases=(a, careless))
    desired = Desired(
        stack=stack(), repo=repo, prepared={helm_release.id: prepared(helm_release) for helm_release in (a, careless)}
    )
    refs = {ref_of(item): "0/1 replicas available" for part in parts for item in part.objects}
    observed = dataclasses.replace(
        EMPTY,
        releases={
            f"apps/{helm_release.name}": dataclasses.replace(deployed(helm_release), unready="Deployment apps/x: 0/1")
            for helm_release in (a, careless)
        },
        inventory={part.id: InventoryEntry(fingerprint=fingerprint(part), objects=tuple(refs)) for part in parts},
        objects=ObjectsObserved(unready=refs),
    )
    assert lines(build_plan(desired, observed))[1:] == [
        "objects/flux-system/waiting: ApplyObjects after cluster "
        "(not ready: ConfigMap apps/one: 0/1 replicas available)",
        "objects/flux-system/other: Keep after cluster (unchanged)",
        "release/apps/a: InstallRelease after cluster (not ready: Deployment apps/x: 0/1)",
        "release/apps/careless: Keep after cluster (unchanged)",
    ]


def test_what_left_the_repository_is_named_and_pruned_only_when_asked() -> None:
    left = release("left")
    part = kustomization("apps", config_map("stays"))
    refs = tuple(ref_of(item) for item in (config_map("stays"), config_map("goes")))
    observed = dataclasses.replace(
        EMPTY,
        releases={"apps/left": deployed(left), "other/theirs": deployed(release("theirs"), None)},
        inventory={part.id: InventoryEntry(fingerprint=fingerprint(part), objects=refs)},
    )
    desired = Desired(stack=stack(), repo=FluxRepo(kustomizations=(part,)))
    plan = build_plan(desired, observed)
    assert plan.changes == 0
    assert notes(plan) == [
        "release apps/left is no longer in the repository; remove it with: bootstrap up test --prune"
    ]
    assert lines(build_plan(dataclasses.replace(desired, prune=True), observed))[2:] == [
        "prune/apps/left: UninstallRelease (no longer in the repository)",
        "prune-objects/flux-system/apps: DeleteObjects (no longer in the repository)",
    ]


def test_a_stopped_stack_is_started_and_looked_at_again() -> None:
    a = release("a")
    repo = FluxRepo(kustomizations=(kustomization("apps", config_map("one")),), releases=(a,))
    stopped = Observed(cluster=ClusterObserved(state=TargetState.STOPPED, detail="its programs do not run"))
    plan = build_plan(Desired(stack=stack(), repo=repo, prepared={a.id: prepared(a)}), stopped)
    assert [step.reason for step in plan.steps] == [
        "stopped: its programs do not run",
        "not known before the cluster runs",
        "not known before the cluster runs",
    ]


def test_what_is_not_ours_is_refused_and_the_rest_is_planned() -> None:
    repo = FluxRepo(kustomizations=(kustomization("apps", config_map("one")),))
    foreign = Observed(cluster=ClusterObserved(state=TargetState.FOREIGN, detail="on another network"))
    plan = build_plan(Desired(stack=stack(), repo=repo), foreign)
    assert [error.what for error in plan.refusals] == [
        "the cluster of stack test was not created by it: on another network"
    ]
    assert [step.reason for step in plan.steps[1:]] == ["not known before the cluster runs"]
    emulator = dataclasses.replace(NOTHING, emulator=EmulatorObserved(state=TargetState.FOREIGN, detail="no label"))
    plan = build_plan(Desired(stack=stack(emulator=True)), emulator)
    assert [error.what for error in plan.refusals] == ["the emulator of stack test was not created by it: no label"]
    assert not any(isinstance(step.action, Refuse) for step in plan.steps if step.id != ids.EMULATOR)


def test_what_could_not_be_looked_at_is_refused_with_the_reason_said_once() -> None:
    silent = RefusedError("no Docker engine answers")
    observed = Observed(
        cluster=ClusterObserved(state=TargetState.UNKNOWN),
        emulator=EmulatorObserved(state=TargetState.UNKNOWN),
        unseen={"cluster": silent, "emulator": silent, "seeds": silent},
    )
    for emulator in (True, False):
        plan = build_plan(Desired(stack=stack(emulator=emulator)), observed)
        assert plan.refusals == (silent,)


def test_what_failed_last_time_says_so_instead_of_having_changed() -> None:
    apps = kustomization("apps", config_map("one"))
    a = release("a")
    desired = Desired(stack=stack(), repo=FluxRepo(kustomizations=(apps,), releases=(a,)), prepared={a.id: prepared(a)})
    failure = StepFailedError("the API server rejects ConfigMap one")
    unfinished = dataclasses.replace(
        EMPTY, inventory={apps.id: InventoryEntry(fingerprint="")}, releases={"apps/a": deployed(a, status="failed")}
    )
    objects, release_step = ids.objects(apps.id), ids.release(a.id)

    def reasons(observed: Observed) -> list[str]:
        return [step.reason for step in build_plan(desired, observed).steps[1:]]

    assert reasons(unfinished) == ["was not finished last time", "its state is failed"]
    failed = dataclasses.replace(unfinished, failed={objects: failure, release_step: failure})
    assert reasons(failed) == ["failed last time: the API server rejects ConfigMap one"] * 2


@pytest.mark.parametrize(
    ("fields", "values", "address"),
    [
        ({}, {}, "localstack.apps"),
        ({"release_name": "aws", "target_namespace": "cloud"}, {}, "aws-localstack.cloud"),
        ({"release_name": "my-localstack"}, {}, "my-localstack.apps"),
        ({}, {"fullnameOverride": "aws"}, "aws.apps"),
        ({"release_name": "x"}, {"nameOverride": "cloud"}, "x-cloud.apps"),
    ],
)
def test_the_emulator_is_reached_by_the_name_its_chart_would_give_it(
    fields: dict[str, str], values: dict[str, str], address: str
) -> None:
    helm_release = release("localstack", chart="localstack", values=values, **fields)
    part = cut(stack(emulator=True), FluxRepo(releases=(helm_release,))).parts[0]
    home, service = part.objects
    assert f"{service['metadata']['name']}.{service['metadata']['namespace']}" == address
    assert home["metadata"]["name"] == service["metadata"]["namespace"]


def test_on_docker_the_emulators_name_leads_to_its_container() -> None:
    part = cut(stack(emulator=True, provider=Provider.KIND), FluxRepo()).parts[0]
    assert part.objects[1]["spec"]["externalName"] == "bootstrap-test-emulator"


def step_timeout(helm_release: Release, observed: Observed) -> timedelta:
    plan = build_plan(
        Desired(
            stack=stack(), repo=FluxRepo(releases=(helm_release,)), prepared={helm_release.id: prepared(helm_release)}
        ),
        observed,
    )
    return next(step.timeout for step in plan.steps if step.id == ids.release(helm_release.id))


def test_a_release_has_time_for_every_attempt_of_what_helm_will_do() -> None:
    helm_release = dataclasses.replace(
        release("web"),
        timeout=timedelta(minutes=2),
        retries=1,
        upgrade_timeout=timedelta(minutes=20),
        upgrade_retries=3,
    )
    installed = dataclasses.replace(
        SEEDED,
        releases={
            "apps/web": ReleaseObserved(
                namespace="apps", release_name="web", status="failed", revision=1, fingerprint=None
            )
        },
    )
    assert step_timeout(helm_release, SEEDED) == timedelta(minutes=4) + HEAL_TIMEOUT
    assert step_timeout(helm_release, installed) == timedelta(minutes=80) + HEAL_TIMEOUT


def test_a_release_that_is_retried_without_limit_has_the_time_of_the_run() -> None:
    helm_release = dataclasses.replace(release("web"), retries=-1)
    assert step_timeout(helm_release, SEEDED) == UNLIMITED_TIMEOUT
