"""Finds the objects of a step or a name, and collects causes, conditions, events and logs of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bootstrap.engine.plan import Planning
from bootstrap.engine.status import objects_of
from bootstrap.errors import RefusedError, UsageError
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.object_report import ObjectReport
from bootstrap.model.step import StepId
from bootstrap.plan.ids import find_step
from bootstrap.system.clock import CancelToken

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
) -> tuple[ObjectReport, ...]:
    """The reports of the objects of a step that are not ready, of one object, or of everything that is not ready.

    Raises:
        RefusedError: the cluster is not running.
        UsageError: nothing has this name.
    """
    kube = planning.observed.cluster.kube
    if kube is None:
        raise RefusedError("the cluster is not running", fix="run: bootstrap up")
    candidates = tuple(_planned(planning))
    targets = _targets(subject, candidates, planning, lambda kind, name: find(kind, name, kube, cancel))
    reports = [
        _with_needs(explain_object(target.ref, target.namespace, kube, cancel), target, planning) for target in targets
    ]
    exact = len(reports) == 1
    return tuple(report for report in reports if exact or not report.ready)


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
) -> Sequence[_Target]:
    if subject is None:
        return candidates
    kind, slash, name = subject.rpartition("/")
    if slash and "/" not in kind:
        kinds = {kind.lower(), kind.lower().removesuffix("s")}
        named = [
            candidate for candidate in candidates if candidate.ref.name == name and candidate.ref.kind.lower() in kinds
        ]
        live = named or [_Target(ref=ref, namespace=ref.namespace or "") for ref in _live(find, kind, name)]
        if live:
            return live
    try:
        step = find_step(subject, [each.id for each in planning.plan.steps])
    except UsageError as error:
        raise UsageError(
            f"{subject} is neither a step of the stack nor an object in its cluster", fix=error.fix
        ) from error
    return [candidate for candidate in candidates if candidate.step == step]


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
