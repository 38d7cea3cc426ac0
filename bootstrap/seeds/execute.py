"""Performing: changed resources in dependency order, independent ones at once."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace

from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.model.event import Notify
from bootstrap.seeds.compare import for_apply
from bootstrap.seeds.model import Action, DifferenceKind, ResourceId
from bootstrap.seeds.observe import Case, Survey
from bootstrap.seeds.results import Failure
from bootstrap.seeds.services.base import Written

Act = Callable[[Case], None]


@dataclass(slots=True)
class Run:
    """One pass over the changed resources."""

    order: Mapping[ResourceId, frozenset[ResourceId]]
    act: Act
    failures: list[Failure] = field(default_factory=list)

    def all(self, cases: Sequence[Case], survey: Survey, notify: Notify) -> None:
        """Perform; a failure skips what needs it, and everything else goes on. This thread alone owns the state."""
        waiting = {case.fixture.id: case for case in cases}
        failed: dict[ResourceId, ResourceId] = {}
        running: dict[Future[None], ResourceId] = {}
        total = len(waiting)
        while waiting or running:
            for resource in self._startable(waiting, running.values(), failed):
                case = waiting.pop(resource)
                running[survey.target.submit(functools.partial(self.act, case))] = resource
            if not running:
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                self._finished(future, running.pop(future), failed)
            notify(f"{total - len(waiting) - len(running)} of {total} resources")

    def _startable(
        self, waiting: dict[ResourceId, Case], running: Iterable[ResourceId], failed: dict[ResourceId, ResourceId]
    ) -> list[ResourceId]:
        unfinished = {*waiting, *running}
        startable = []
        for resource in list(waiting):
            needs = self.order.get(resource, frozenset())
            culprit = next((need for need in sorted(needs) if need in failed), None)
            if culprit is not None:
                failed[resource] = failed[culprit]
                self.failures.append(Failure(id=resource, error=None, because=failed[culprit]))
                del waiting[resource]
            elif not needs & unfinished:
                startable.append(resource)
        return startable

    def _finished(self, future: Future[None], resource: ResourceId, failed: dict[ResourceId, ResourceId]) -> None:
        error = future.exception()
        if error is None:
            return
        if isinstance(error, CancelledError) or not isinstance(error, BootstrapError):
            raise error
        failed[resource] = resource
        self.failures.append(Failure(id=resource, error=error))


def make(survey: Survey, case: Case, *, extras: bool) -> None:
    """Create or change one resource, and note it. `extras`: what nobody declares goes too."""
    current = _current(survey, case)
    service = survey.services[current.fixture.id.service]
    if current.action is Action.REPLACE and current.observed is not None:
        service.delete(survey.target, current.observed)
        survey.marker.forget(current.fixture.id)
        survey.marker.begin([current.fixture.id])
        current.observed = None
    written = _written(survey, current, extras=extras)
    survey.attributes[current.fixture.id] = {
        **service.predict(current.fixture.id.name, survey.target),
        **survey.attributes.get(current.fixture.id, {}),
        **written.attributes,
    }
    left = (
        ()
        if extras
        else (difference.path for difference in current.differences if difference.kind is DifferenceKind.ORPHANED)
    )
    survey.marker.record(current.desired, written.notes, left)


def clear(survey: Survey, case: Case) -> None:
    """Delete what is in one resource and no longer declared; all else stays as it is, and as it is remembered."""
    if case.observed is None:
        return
    written = survey.services[case.fixture.id.service].update(
        survey.target, case.desired, case.observed, case.differences
    )
    survey.marker.drop(case.fixture.id, [difference.path for difference in case.differences], written.notes)


def _written(survey: Survey, case: Case, *, extras: bool) -> Written:
    service = survey.services[case.fixture.id.service]
    if case.observed is None:
        return service.create(survey.target, case.desired)
    acted = list(case.differences) if extras else for_apply(case.differences)
    return service.update(survey.target, case.desired, case.observed, acted)


def _current(survey: Survey, case: Case) -> Case:
    """The case with what became known since it was planned: attributes of what it needs."""
    fresh = survey.desire(case.fixture, writes=True)
    case.desired = fresh
    case.differences = tuple(
        replace(difference, new=fresh.fields[difference.path])
        if difference.path in fresh.fields and difference.kind is not DifferenceKind.EXTRA
        else difference
        for difference in case.differences
    )
    return case
