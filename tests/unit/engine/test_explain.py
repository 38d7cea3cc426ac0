"""Whose report is told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bootstrap.console.results.explain import explain_json, explain_text
from bootstrap.engine.explain import explain
from bootstrap.engine.plan import Planning
from bootstrap.errors import BootstrapError, RefusedError, UsageError
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.object_report import ObjectReport
from bootstrap.model.observed import ClusterObserved, Observed, PreparedRelease, TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.model.step import Keep, Plan, Step, StepId
from bootstrap.plan.desired import Desired
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import KUBE
from fakes.repo import release, stack

TOKEN = CancelToken(FakeClock())
POD = ObjectRef(api_version="v1", kind="Pod", namespace="apps", name="web-1")


def step(name: str, *needs: str) -> Step:
    return Step(
        id=StepId(name),
        action=Keep(what=name),
        needs=tuple(map(StepId, needs)),
        reason="unchanged",
        timeout=timedelta(minutes=1),
    )


def manifest(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}}


PLANNING = Planning(
    plan=Plan(
        steps=(step("cluster"), step("release/apps/web", "cluster"), step("release/apps/job", "release/apps/web"))
    ),
    desired=Desired(
        stack=stack(),
        repo=FluxRepo(),
        prepared={
            "apps/web": PreparedRelease(
                release=release("web"), manifests=(manifest("Deployment", "web"), manifest("Deployment", "cache"))
            ),
            "apps/job": PreparedRelease(release=release("job"), manifests=(manifest("StatefulSet", "db"),)),
        },
    ),
    observed=Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE)),
)


def explain_object(ref: ObjectRef, namespace: str, kube: KubeContext, cancel: CancelToken) -> ObjectReport:
    return ObjectReport(object=replace(ref, namespace=ref.namespace or namespace), state="-", ready=ref.name == "cache")


def find(kind: str, name: str, kube: KubeContext, cancel: CancelToken) -> Sequence[ObjectRef]:
    return [POD] if (kind, name) == ("po", "web-1") else []


def lines_of(subject: str | None) -> list[str]:
    return [str(report.object) for report in explain(subject, PLANNING, explain_object, find, TOKEN).reports]


@pytest.mark.parametrize(
    ("subject", "objects"),
    [
        (None, ["Deployment apps/web", "StatefulSet apps/db"]),
        ("release/apps/web", ["Deployment apps/web"]),
        ("Deployment/web", ["Deployment apps/web"]),
        ("deployments/cache", ["Deployment apps/cache"]),
        ("po/web-1", ["Pod apps/web-1"]),
    ],
)
def test_the_objects_that_a_name_stands_for(subject: str | None, objects: list[str]) -> None:
    assert lines_of(subject) == objects


def test_an_object_is_reported_with_its_step_and_who_needs_that() -> None:
    (report,) = explain("Deployment/web", PLANNING, explain_object, find, TOKEN).reports
    assert (report.step, report.needed_by) == ("release/apps/web", ("release/apps/job",))


def test_what_is_neither_a_step_nor_an_object() -> None:
    with pytest.raises(UsageError, match="Deployment/nobody is neither a step of the stack nor an object"):
        lines_of("Deployment/nobody")


def test_the_nearest_name_is_the_fix() -> None:
    with pytest.raises(UsageError, match="did you mean Deployment/web") as caught:
        lines_of("Deployment/wep")
    assert caught.value.fix == "bootstrap explain Deployment/web"


def test_how_its_step_failed_last_is_told_with_an_object_and_with_the_step() -> None:
    error = BootstrapError(
        "release apps/web cannot become ready", evidence=("no database",), fix="start it", log="/log"
    )
    planning = replace(PLANNING, observed=replace(PLANNING.observed, failed={"release/apps/web": error}))
    of_step = explain("release/apps/web", planning, explain_object, find, TOKEN)
    explanation = explain("Deployment/web", planning, explain_object, find, TOKEN)
    assert of_step.failures == explanation.failures == {"release/apps/web": error}
    assert explain_text(explanation).startswith(
        "release/apps/web failed last time: release apps/web cannot become ready\n"
        "  no database\n  Fix: start it\n  Log: /log\n\nDeployment apps/web: -\n"
    )
    assert json.loads(explain_json(explanation))["failures"][0]["step"] == "release/apps/web"
    assert not explain("StatefulSet/db", planning, explain_object, find, TOKEN).failures
    # It has succeeded since: its plan is to keep it.
    assert not explain(None, planning, explain_object, find, TOKEN).failures
    gone = replace(planning, observed=replace(planning.observed, cluster=ClusterObserved(state=TargetState.ABSENT)))
    assert explain(None, gone, explain_object, find, TOKEN).failures == {"release/apps/web": error}


def test_what_is_named_and_not_in_the_cluster_is_not_found() -> None:
    def absent(ref: ObjectRef, *_: object) -> ObjectReport:
        return ObjectReport(object=ref, state="not found", ready=False, there=False)

    assert not explain("Deployment/web", PLANNING, absent, find, TOKEN).found
    assert explain(None, PLANNING, absent, find, TOKEN).found
    assert explain("Deployment/web", PLANNING, explain_object, find, TOKEN).found


def test_without_a_cluster_there_is_nothing_to_tell() -> None:
    planning = replace(PLANNING, observed=Observed(cluster=ClusterObserved(state=TargetState.ABSENT)))
    with pytest.raises(RefusedError, match="the cluster is not running"):
        explain(None, planning, explain_object, find, TOKEN)
