"""What lives is replaced by consent alone: plans by value."""

import dataclasses

import pytest

from bootstrap.errors import UsageError
from bootstrap.model.observed import ClusterObserved, EmulatorObserved, Observed, TargetState
from bootstrap.model.replacement import EVERYTHING, Change, Consent, Replacement
from bootstrap.model.step import Plan, Replace
from bootstrap.plan.build import build_plan
from bootstrap.plan.consent import makes_cluster, unconsented
from bootstrap.plan.desired import Desired
from fakes.ports import ENDPOINT, KUBE
from fakes.repo import config_map, kustomization, stack

CLUSTER = Replacement(reasons=("cluster.image: a → b", "cluster.ports.http: 80 → 81"), losses=("3 namespaces",))
EMULATOR = Replacement(reasons=("emulator.driver: moto → ministack",))
UP = Observed(
    cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE, replacement=CLUSTER),
    emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT, replacement=EMULATOR),
)


def planned(*allowed: str, observed: Observed = UP, emulator: bool = True) -> Plan:
    parts = (kustomization("apps", config_map("one")),)
    repo = dataclasses.replace(Desired(stack=stack()).repo, kustomizations=parts)
    desired = Desired(stack=stack(emulator=emulator), repo=repo, consent=Consent(steps=frozenset(allowed)))
    return build_plan(desired, observed)


def lines(plan: Plan) -> list[str]:
    return [f"{step.id}: {_action(step.action)} ({step.reason})" for step in plan.steps]


def _action(action: object) -> str:
    if not isinstance(action, Replace):
        return type(action).__name__
    return f"{'' if action.consented else 'refused '}Replace by {type(action.action).__name__}"


def test_without_consent_the_rest_is_planned_of_what_lives() -> None:
    plan = planned()
    assert lines(plan) == [
        "cluster: refused Replace by EnsureCluster (cluster.image: a → b; cluster.ports.http: 80 → 81)",
        "emulator: refused Replace by EnsureEmulator (emulator.driver: moto → ministack)",
        "objects/bootstrap-system/emulator: ApplyObjects (not found)",
        "objects/flux-system/apps: ApplyObjects (not found)",
    ]
    assert [step.id for step in unconsented(plan)] == ["cluster", "emulator"]
    assert not any(makes_cluster(step.action) for step in plan.steps)


@pytest.mark.parametrize("allowed", [("cluster", "emulator"), (EVERYTHING,)])
def test_with_consent_the_rest_is_planned_of_nothing(allowed: tuple[str, ...]) -> None:
    plan = planned(*allowed)
    assert lines(plan)[:2] == [
        "cluster: Replace by EnsureCluster (cluster.image: a → b; cluster.ports.http: 80 → 81)",
        "emulator: Replace by EnsureEmulator (emulator.driver: moto → ministack)",
    ]
    assert unconsented(plan) == ()
    assert [makes_cluster(step.action) for step in plan.steps] == [True, False, False, False]


def test_consent_to_one_step_is_none_to_another() -> None:
    assert [step.id for step in unconsented(planned("emulator"))] == ["cluster"]


def test_consent_to_what_is_not_there_is_a_slip() -> None:
    with pytest.raises(UsageError, match="--allow-replace quickstart: no step is called quickstart") as slip:
        planned("quickstart")
    assert "write --allow-replace last" in str(slip.value.fix)


def test_what_does_not_work_any_more_holds_up_what_needs_it() -> None:
    stopped = Observed(cluster=ClusterObserved(state=TargetState.STOPPED, replacement=CLUSTER))
    (step,) = unconsented(planned(observed=stopped))
    assert isinstance(step.action, Replace)
    assert (step.id, step.action.lives) == ("cluster", False)


def test_into_one_of_another_provider_nothing_is_put() -> None:
    moving = ClusterObserved(state=TargetState.RUNNING, kube=KUBE, replacement=CLUSTER, moves=True)
    (step,) = unconsented(planned(observed=Observed(cluster=moving)))
    assert isinstance(step.action, Replace)
    assert (step.id, step.action.lives) == ("cluster", False)
    assert lines(planned("cluster", observed=Observed(cluster=moving), emulator=False))[1] == (
        "objects/flux-system/apps: ApplyObjects (not found)"
    )
    assert lines(planned(observed=Observed(cluster=moving), emulator=False))[1] == (
        "objects/flux-system/apps: ApplyObjects (not known before the cluster runs)"
    )


def test_a_change_in_place_needs_no_consent() -> None:
    changes = (Change(field="cluster.workers", old="0", new="2"),)
    observed = Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE, changes=changes))
    assert lines(planned(observed=observed, emulator=False))[0] == (
        "cluster: EnsureCluster (changed in place: cluster.workers: 0 → 2)"
    )


def test_an_emulator_that_is_declared_no_more_goes_by_consent_with_what_it_holds() -> None:
    assert lines(planned(emulator=False))[1] == (
        "emulator: refused Replace by DeleteEmulator (emulator.driver: moto → ministack)"
    )
    assert lines(planned("emulator", emulator=False))[1].startswith("emulator: Replace by DeleteEmulator")
