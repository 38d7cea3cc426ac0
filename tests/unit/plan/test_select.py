from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import ClusterSpec, EmulatorSpec, Placement, Provider
from bootstrap.model.step import EdgeKind, Plan, PullCharts
from bootstrap.plan.build import build_plan
from bootstrap.plan.desired import Desired
from bootstrap.plan.select import before_charts, select, targets
from fakes.repo import release, stack


@pytest.fixture
def plan() -> Plan:
    releases = (release("a"), release("b", needs=["a"]), release("c", needs=["b"]), release("d"))
    prepared_releases = {
        helm_release.id: PreparedRelease(release=helm_release, chart_digest="1", manifests=())
        for helm_release in releases
    }
    desired = Desired(stack=stack(), repo=FluxRepo(releases=releases), prepared=prepared_releases)
    return build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.needs for step in plan.steps}


def test_all_steps_are_there_without_a_choice(plan: Plan) -> None:
    assert select(plan) == plan


def test_only_brings_what_it_needs(plan: Plan) -> None:
    assert list(needs(select(plan, only=["b"]))) == ["cluster", "release/apps/a", "release/apps/b"]


def test_skip_leaves_one_out_and_keeps_the_order_around_it(plan: Plan) -> None:
    chosen = select(plan, skip=["release/b"])
    assert needs(chosen) == {
        "cluster": (),
        "release/apps/a": ("cluster",),
        "release/apps/c": ("release/apps/a",),
        "release/apps/d": ("cluster",),
    }
    assert [note.text for note in chosen.notes] == ["release/apps/c needs release/apps/b, which is skipped"]
    assert all(edge.needs != "release/apps/b" for edge in chosen.edges)


def test_only_does_not_bring_what_is_merely_listed_before() -> None:
    """The manifests of b and c are not known, so that they keep listed order; neither asks for the other."""
    releases = (release("a"), release("b"), release("c", needs=["a"]))
    desired = Desired(stack=stack(), repo=FluxRepo(releases=releases))
    plan = build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))
    chosen = select(plan, only=["release/c"])
    assert [step for step in needs(chosen) if step.startswith("release/")] == ["release/apps/a", "release/apps/c"]
    assert "release/apps/a" in needs(chosen)["release/apps/c"]


def test_listed_order_leads_around_a_step_that_is_left_out() -> None:
    releases = (release("a"), release("b"), release("c"))
    desired = Desired(stack=stack(), repo=FluxRepo(releases=releases))
    plan = build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))
    chosen = select(plan, skip=["release/b"])
    assert "release/apps/a" in needs(chosen)["release/apps/c"]
    [kind] = [edge.kind for edge in chosen.edges if (edge.step, edge.needs) == ("release/apps/c", "release/apps/a")]
    assert kind is EdgeKind.LISTED


def test_a_typing_error_gets_the_nearest_name(plan: Plan) -> None:
    with pytest.raises(UsageError, match="no step is called relase/a; did you mean release/a"):
        select(plan, skip=["relase/a"])


def test_before_charts_is_what_needs_none() -> None:
    lacking = (release("a"), release("b"))
    whole = replace(stack(emulator=True, seeds=True), cluster=ClusterSpec(provider=Provider.KIND))
    desired = Desired(stack=whole, repo=FluxRepo(releases=lacking))
    plan = build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))
    early = before_charts(plan, lacking)
    assert needs(early) == {
        "cluster": (),
        "nodes": ("cluster",),
        "emulator": (),
        "seeds": ("emulator",),
        "charts": (),
    }
    assert early.steps[-1].action == PullCharts(releases=lacking)
    assert early.steps[-1].reason == "not in the cache: apps/a, apps/b"


def test_names_that_mean_nothing_or_too_much_are_told(plan: Plan) -> None:
    with pytest.raises(UsageError, match="no step is called x"):
        select(plan, only=["x"])
    twice = (release("same"), release("same", namespace="other"))
    prepared_releases = {
        helm_release.id: PreparedRelease(release=helm_release, chart_digest="1", manifests=()) for helm_release in twice
    }
    desired = Desired(stack=stack(), repo=FluxRepo(releases=twice), prepared=prepared_releases)
    double = build_plan(desired, Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))
    with pytest.raises(UsageError, match="same could be release/apps/same or release/other/same"):
        select(double, only=["same"])


def test_repair_is_of_what_everything_else_is_put_into() -> None:
    whole = replace(stack(), emulator=EmulatorSpec(placement=Placement.CONTAINER), seeds=(Path("/seeds"),))
    assert targets(whole) == ("cluster", "emulator", "seeds")
    assert targets(replace(whole, seeds=())) == ("cluster", "emulator")
    assert targets(replace(whole, emulator=None)) == ("cluster",)
    inside = replace(whole, emulator=EmulatorSpec(placement=Placement.CHART))
    assert targets(inside) == ("cluster", "emulator", "seeds")
