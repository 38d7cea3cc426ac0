"""Which steps begin the longest chains, by what earlier runs took or by what such steps take."""

import dataclasses
from datetime import timedelta
from typing import Any

from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import Provider
from bootstrap.model.step import DeleteObjects, InstallRelease, LoadImages, Plan, Step, StepId
from bootstrap.plan.build import build_plan
from bootstrap.plan.chains import chains, estimated, longest_first
from bootstrap.plan.desired import Desired
from fakes.repo import release, stack


def step(name: str, *needs: str, seconds: float = 1.0) -> Step:
    return Step(
        id=StepId(name),
        action=DeleteObjects(owner=name, objects=()),
        needs=tuple(StepId(need) for need in needs),
        reason="asked",
        timeout=timedelta(seconds=60),
        estimate=seconds,
    )


def deployment(image: str, **readiness: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": image, "readinessProbe": readiness}]
    spec = {"template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


def installed(*manifests: dict[str, Any], wait: bool = True) -> InstallRelease:
    declared = dataclasses.replace(release("a"), disable_wait=not wait)
    return InstallRelease(prepared=PreparedRelease(release=declared, manifests=manifests))


def test_a_chain_is_as_long_as_its_slowest_way() -> None:
    steps = (
        step("cluster", seconds=10),
        step("short", "cluster"),
        step("long", "cluster"),
        step("end", "long", seconds=5),
    )
    assert chains(Plan(steps=steps)) == {"cluster": 16.0, "short": 1.0, "long": 6.0, "end": 5.0}


def test_the_longest_chains_are_chosen_and_of_equal_ones_the_first() -> None:
    steps = (step("a"), step("b"), step("c"))
    assert longest_first(steps, 2, {StepId("a"): 1.0, StepId("b"): 1.0, StepId("c"): 3.0}) == {"c", "a"}
    assert longest_first(steps, -1, {}) == frozenset()


def test_pods_that_are_waited_for_count_with_their_probes() -> None:
    slow = deployment("a:1", initialDelaySeconds=30)
    assert estimated(installed(slow)) - estimated(installed(deployment("a:1"))) == 30
    assert estimated(installed(slow, wait=False)) == estimated(installed())


def test_images_come_in_the_order_of_the_chains_that_need_them() -> None:
    first, slow, last = release("first"), release("slow"), release("last", needs=["slow"])
    prepared = {
        each.id: PreparedRelease(release=each, chart_digest="1", manifests=(deployment(f"{each.name}:1"),))
        for each in (first, slow, last)
    }
    desired = Desired(
        stack=stack(provider=Provider.KIND),
        repo=FluxRepo(releases=(first, slow, last)),
        prepared=prepared,
        preload=True,
    )
    nothing = ClusterObserved(state=TargetState.ABSENT)

    def images(seen: Observed) -> tuple[str, ...]:
        [action] = [each.action for each in build_plan(desired, seen).steps if isinstance(each.action, LoadImages)]
        return action.images

    assert images(Observed(cluster=nothing)) == ("slow:1", "first:1", "last:1")
    # What took long the last time counts before what is thought of it.
    known = Observed(cluster=nothing, seconds={"release/apps/first": 60.0})
    assert images(known) == ("first:1", "slow:1", "last:1")
