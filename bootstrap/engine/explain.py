"""Finds the objects of a step or a name, and collects causes, conditions, events and logs of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bootstrap.engine.planning import Planning
from bootstrap.engine.status import objects_of
from bootstrap.errors import RefusedError, UsageError
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.step import StepId
from bootstrap.model.story import Story
from bootstrap.plan.ids import find_step
from bootstrap.system.clock import CancelToken

Tell: TypeAlias = Callable[[ObjectRef, str, KubeContext, CancelToken], Story]
"""The story of one object; one without a namespace is looked for in the one given."""
Find: TypeAlias = Callable[[str, str, KubeContext, CancelToken], Sequence[ObjectRef]]
"""The live objects with this kind, in any spelling of kubectl, and this name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meant:
    ref: ObjectRef
    namespace: str
    step: StepId | None = None


def explain(subject: str | None, planning: Planning, tell: Tell, find: Find, cancel: CancelToken) -> tuple[Story, ...]:
    """The stories of the objects of a step that are not ready, of one object, or of everything that is not ready.

    Raises:
        RefusedError: the cluster is not running.
        UsageError: nothing has this name.
    """
    kube = planning.observed.cluster.kube
    if kube is None:
        raise RefusedError("the cluster is not running", fix="run: bootstrap up")
    candidates = tuple(_known(planning))
    meant = _meant(subject, candidates, planning, lambda kind, name: find(kind, name, kube, cancel))
    stories = [
        _with_needs(tell(candidate.ref, candidate.namespace, kube, cancel), candidate, planning) for candidate in meant
    ]
    exact = len(stories) == 1
    return tuple(story for story in stories if exact or not story.ready)


def _known(planning: Planning) -> Iterator[_Meant]:
    """The objects of all steps of the plan."""
    for step in planning.plan.steps:
        if step.id.startswith(("release/", "objects/")):
            objects, namespace = objects_of(step.id, planning)
            yield from (_Meant(ref=ref, namespace=namespace, step=step.id) for ref in objects)


def _meant(
    subject: str | None,
    candidates: Sequence[_Meant],
    planning: Planning,
    find: Callable[[str, str], Sequence[ObjectRef]],
) -> Sequence[_Meant]:
    if subject is None:
        return candidates
    kind, slash, name = subject.rpartition("/")
    if slash and "/" not in kind:
        kinds = {kind.lower(), kind.lower().removesuffix("s")}
        named = [
            candidate for candidate in candidates if candidate.ref.name == name and candidate.ref.kind.lower() in kinds
        ]
        live = named or [_Meant(ref=ref, namespace=ref.namespace or "") for ref in _found(find, kind, name)]
        if live:
            return live
    try:
        step = find_step(subject, [each.id for each in planning.plan.steps])
    except UsageError as error:
        raise UsageError(
            f"{subject} is neither a step of the stack nor an object in its cluster", fix=error.fix
        ) from error
    return [candidate for candidate in candidates if candidate.step == step]


def _found(find: Callable[[str, str], Sequence[ObjectRef]], kind: str, name: str) -> Sequence[ObjectRef]:
    try:
        return find(kind, name)
    except UnknownKindError:
        return ()


def _with_needs(story: Story, meant: _Meant, planning: Planning) -> Story:
    if meant.step is None:
        return story
    needed = tuple(step.id for step in planning.plan.steps if meant.step in step.needs)
    return replace(story, step=meant.step, needed_by=needed)
