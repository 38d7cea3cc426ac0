"""Fetches what a run needs: programs and charts."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.model.event import (
    Emit,
    Outcome,
    Status,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo, Release, UnknownChart
from bootstrap.model.step import StepId
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

PROGRAMS = StepId("programs")
"""The message before there is a plan: programs are fetched or built."""
_PULLS_AT_ONCE = 4
_LOOK_SECONDS = 10.0


def prepare_all(
    session: Session, releases: Sequence[Release], definitions: Sequence[Manifest], work: Work
) -> tuple[PreparedRelease, ...]:
    """The releases, rendered for the cluster as it runs, or as it will; charts not in the cache are pulled first.

    `definitions` are those that the repository holds itself. A chart that cannot be pulled is the `failure` of its
    releases.
    """
    prepare = partial(session.ports.charts.prepare, kube=_running(session, work), definitions=definitions)
    prepared = prepare(releases, work.cancel)
    lacking = [release for release in releases if _is_to_be_pulled(prepared[release.id])]
    failed = {} if not lacking else pull_all(session, lacking, work)
    if lacking:
        prepared = prepare(releases, work.cancel)
    return tuple(
        replace(prepared[release.id], failure=prepared[release.id].failure or failed.get(release.id))
        for release in releases
    )


def definitions_of(repo: FluxRepo) -> tuple[Manifest, ...]:
    """The CustomResourceDefinitions among the plain objects of a repository."""
    return tuple(
        manifest
        for kustomization in repo.kustomizations
        if not kustomization.suspended
        for manifest in kustomization.objects
        if manifest.get("kind") == "CustomResourceDefinition"
    )


def _running(session: Session, work: Work) -> KubeContext | None:
    """The cluster, if it is running; errors of the cluster do not matter for rendering."""
    try:
        return session.ports.cluster.observe(work.cancel.within(_LOOK_SECONDS, "reading the cluster")).kube
    except BootstrapError:
        work.cancel.check()
        return None


def _is_to_be_pulled(prepared: PreparedRelease) -> bool:
    unknown = isinstance(prepared.release.chart, UnknownChart)
    return prepared.chart_digest is None and prepared.failure is None and not unknown


def pull_all(session: Session, releases: Sequence[Release], work: Work) -> Mapping[str, BootstrapError]:
    """Pull each chart once, several at a time; the errors, by release."""
    users: dict[str, list[Release]] = {}
    for release in releases:
        users.setdefault(repr((release.chart, release.values_files)), []).append(release)

    def pull(group: Sequence[Release]) -> BootstrapError | None:
        try:
            session.ports.charts.pull(group[0], work)
        except CancelledError:
            raise
        except BootstrapError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=_PULLS_AT_ONCE, thread_name_prefix="pull") as pool:
        ended = list(pool.map(pull, users.values()))
    return {
        release_.id: error for group, error in zip(users.values(), ended, strict=True) if error for release_ in group
    }


def fetch_programs(session: Session, emit: Emit, cancel: CancelToken) -> None:
    """Fetch or build the programs that are missing; reported as a step of its own before there is a plan.

    Raises:
        RefusedError: one can neither be found nor fetched nor built.
    """
    lacking = session.ports.programs.missing()
    if not lacking:
        return
    clock, started = session.clock, session.clock.monotonic()
    emit(StepStarted(at=clock.now(), step=PROGRAMS, reason=f"not downloaded yet: {', '.join(lacking)}"))

    def notify(text: str) -> None:
        emit(StepProgress(at=clock.now(), step=PROGRAMS, text=text))

    def finish(outcome: Outcome) -> None:
        seconds = clock.monotonic() - started
        emit(StepFinished(at=clock.now(), step=PROGRAMS, outcome=outcome, seconds=seconds))

    try:
        session.ports.programs.fetch(Work(cancel, notify))
    except BootstrapError as error:
        finish(Outcome(status=Status.FAILED, detail=error.what, error=error))
        raise
    finish(Outcome(status=Status.DONE, detail=f"{', '.join(lacking)}: downloaded"))
