"""Reads everything that explains the state of a stack, for a report; what cannot be read is a problem of its own."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bootstrap.engine.explain import explain
from bootstrap.engine.plan import Planning, desired_now, plan_up
from bootstrap.engine.render import Rendered
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.engine.status import objects_of, status_of
from bootstrap.errors import BootstrapError, CancelledError, RefusedError
from bootstrap.kube.api import ApiRefusedError
from bootstrap.kube.identity import Clusters
from bootstrap.kube.object_report import KubeReports
from bootstrap.model.kube import KubeContext, Manifest
from bootstrap.model.object_report import ObjectReport
from bootstrap.model.observed import Observed
from bootstrap.model.status import StatusReport
from bootstrap.plan import ids
from bootstrap.plan.desired import Desired
from bootstrap.seeds.load import Fixtures
from bootstrap.seeds.results import SeedPlan
from bootstrap.seeds.seeding import Seeding
from bootstrap.system.clock import CancelToken

T = TypeVar("T")
LOG_LINES = 200
"""Of each container's log."""


@dataclass(kw_only=True, slots=True)
class Evidence:
    """What was read of a stack; None and empty for what could not be."""

    planning: Planning | None = None
    status: StatusReport | None = None
    rendered: Rendered | None = None
    reports: tuple[ObjectReport, ...] = ()
    """Every object that is not ready, and the emulator's if it is in the cluster."""
    nodes: tuple[Manifest, ...] = ()
    secrets: tuple[Manifest, ...] = ()
    """Every Secret that the cluster lets us read: only to mask its values."""
    fixtures: Fixtures | None = None
    seed_plan: SeedPlan | None = None
    problems: dict[str, BootstrapError] = field(default_factory=dict)
    """Why a part is missing, by its name."""


def read_evidence(session: Session, cancel: CancelToken) -> Evidence:
    """Read it; changes nothing, fetches nothing.

    What takes longer than the token allows is a problem; what was read before stays.
    """
    evidence = Evidence()

    def attempt(part: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except CancelledError:
            raise
        except BootstrapError as error:
            evidence.problems[part] = error
            return None

    evidence.fixtures = attempt("seeds", lambda: _fixtures(session))
    if missing := session.ports.programs.missing():
        evidence.problems["plan"] = RefusedError(
            f"not on this machine: {', '.join(missing)}", fix="run: bootstrap tools fetch"
        )
        return evidence
    planning = attempt("plan", lambda: plan_up(session, PlanOptions(tolerant=True), cancel))
    if planning is None:
        desired = attempt("manifests", lambda: desired_now(session, PlanOptions(tolerant=True), lambda: None, cancel))
        evidence.rendered = None if desired is None else rendered_of(desired)
        return evidence
    evidence.planning, evidence.rendered = planning, rendered_of(planning.desired)
    evidence.status = attempt("status", lambda: status_of(session, planning, cancel))
    evidence.seed_plan = attempt("seeds", lambda: _seed_plan(session, planning.observed, cancel))
    kube = planning.observed.cluster.kube
    if kube is not None:
        evidence.nodes = attempt("nodes", lambda: listed(session, kube, "/api/v1/nodes", cancel)) or ()
        evidence.secrets = attempt("masking", lambda: listed(session, kube, "/api/v1/secrets", cancel)) or ()
        evidence.reports = attempt("objects", lambda: tuple(_unready(session, planning, kube, cancel))) or ()
    return evidence


def rendered_of(desired: Desired) -> Rendered:
    """What the releases and Kustomizations of a stack give."""
    return Rendered(
        releases=tuple(desired.prepared.values()), units=desired.units, kustomizations=desired.repo.kustomizations
    )


def _fixtures(session: Session) -> Fixtures | None:
    seeds = session.ports.seeds
    return seeds.fixtures() if isinstance(seeds, Seeding) else None


def _seed_plan(session: Session, observed: Observed, cancel: CancelToken) -> SeedPlan | None:
    seeds, endpoint = session.ports.seeds, None if observed.emulator is None else observed.emulator.endpoint
    return None if endpoint is None or not isinstance(seeds, Seeding) else seeds.plan(endpoint, cancel)


def listed(session: Session, kube: KubeContext, path: str, cancel: CancelToken) -> tuple[Manifest, ...]:
    """Nothing if the API server does not let us see them, as in a cluster of somebody else."""
    with contextlib.suppress(ApiRefusedError):
        answer = Clusters(session.processes).api(kube, cancel).get(path, cancel) or {}
        return tuple(answer.get("items") or ())
    return ()


def _unready(session: Session, planning: Planning, kube: KubeContext, cancel: CancelToken) -> Iterator[ObjectReport]:
    reports = KubeReports(session.processes, log_lines=LOG_LINES)
    unready: Sequence[ObjectReport] = explain(None, planning, reports, reports.find, cancel).reports
    yield from (report for report in unready if not report.ready)
    emulator = planning.desired.units.installed_emulator
    if emulator is None:
        return
    shown = {report.object for report in unready}
    objects, namespace = objects_of(ids.release(emulator.id), planning)
    for ref in objects:
        report = reports(ref, namespace, kube, cancel)
        if report.logs and report.object not in shown:
            yield report
