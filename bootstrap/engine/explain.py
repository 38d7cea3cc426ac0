"""Finds the objects of a step or a name, and collects causes, conditions, events and logs of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bootstrap.engine.plan import Planning
from bootstrap.engine.status import objects_of
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.object_report import Explanation, ObjectReport
from bootstrap.model.step import Keep, StepId
from bootstrap.plan.ids import find_step, forms
from bootstrap.system.clock import CancelToken
from bootstrap.yamltext.positions import nearest

Explain: TypeAlias = Callable[[ObjectRef, str, KubeContext, CancelToken], ObjectReport]
"""The report of one object; one without a namespace is looked for in the one given."""
Find: TypeAlias = Callable[[str, str, KubeContext, CancelToken], Sequence[ObjectRef]]
"""The live objects with this kind, in any spelling of kubectl, and this name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    ref: ObjectRef
    namespace: str
    step: StepId | None = None


def explain(
    subject: str | None, planning: Planning, explain_object: Explain, find: Find, cancel: CancelToken
) -> Explanation:
    """The reports of the objects of a step that are not ready, of one object, or of everything that is not ready.

    With them: how the steps that were asked for, or that the objects are of, failed last.

    Raises:
        RefusedError: the cluster is not running.
        UsageError: nothing has this name.
    """
    if planning.observed.cluster.kube is None and (failures := _failures_without_cluster(subject, planning)):
        return Explanation(failures=failures, subject=subject or "")
    kube = planning.kube
    candidates = tuple(_planned(planning))
    step, targets = _targets(subject, candidates, planning, lambda kind, name: find(kind, name, kube, cancel))
    reports = [
        _with_needs(explain_object(target.ref, target.namespace, kube, cancel), target, planning) for target in targets
    ]
    exact = step is None and subject is not None
    return Explanation(
        reports=tuple(report for report in reports if exact or not report.ready),
        failures=_failures(subject, step, reports, planning),
        subject=subject or "",
    )


def _failures(
    subject: str | None, step: StepId | None, reports: Sequence[ObjectReport], planning: Planning
) -> Mapping[str, BootstrapError]:
    """Of each step in question that has not succeeded since: its last error."""
    failed = planning.observed.failed
    if subject is None:
        names: list[str] = [each.id for each in planning.plan.steps if not isinstance(each.action, Keep)]
    elif step is not None:
        names = [step]
    else:
        names = [report.step for report in reports if report.step]
    return {name: failed[name] for name in names if name in failed}


def _failures_without_cluster(subject: str | None, planning: Planning) -> Mapping[str, BootstrapError]:
    """How the step that was asked for failed last, or, without a subject, all."""
    names = [step.id for step in planning.plan.steps if subject is None or subject in forms(step.id)]
    return {name: planning.observed.failed[name] for name in names if name in planning.observed.failed}


def _planned(planning: Planning) -> Iterator[_Target]:
    """The objects of all steps of the plan."""
    for step in planning.plan.steps:
        if step.id.startswith(("release/", "objects/")):
            objects, namespace = objects_of(step.id, planning)
            yield from (_Target(ref=ref, namespace=namespace, step=step.id) for ref in objects)


def _targets(
    subject: str | None,
    candidates: Sequence[_Target],
    planning: Planning,
    find: Callable[[str, str], Sequence[ObjectRef]],
) -> tuple[StepId | None, Sequence[_Target]]:
    """The step if one is meant, and the objects."""
    if subject is None:
        return None, candidates
    kind, slash, name = subject.rpartition("/")
    if slash and "/" not in kind:
        kinds = {kind.lower(), kind.lower().removesuffix("s")}
        named = [
            candidate for candidate in candidates if candidate.ref.name == name and candidate.ref.kind.lower() in kinds
        ]
        live = named or [_Target(ref=ref, namespace=ref.namespace or "") for ref in _live(find, kind, name)]
        if live:
            return None, live
    steps = [each.id for each in planning.plan.steps]
    try:
        step = find_step(subject, steps)
    except UsageError as error:
        objects = [f"{candidate.ref.kind}/{candidate.ref.name}" for candidate in candidates]
        near = nearest(subject, [*objects, *(form for each in steps for form in forms(each))])
        meant = f"; did you mean {near}?" if near is not None else ""
        raise UsageError(
            f"{subject} is neither a step of the stack nor an object in its cluster{meant}",
            fix=f"bootstrap explain {near}" if near is not None else error.fix,
        ) from error
    return step, [candidate for candidate in candidates if candidate.step == step]


def _live(find: Callable[[str, str], Sequence[ObjectRef]], kind: str, name: str) -> Sequence[ObjectRef]:
    try:
        return find(kind, name)
    except UnknownKindError:
        return ()


def _with_needs(report: ObjectReport, target: _Target, planning: Planning) -> ObjectReport:
    if target.step is None:
        return report
    needed = tuple(step.id for step in planning.plan.steps if target.step in step.needs)
    return replace(report, step=target.step, needed_by=needed)
