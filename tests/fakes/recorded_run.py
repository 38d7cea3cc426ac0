"""Recorded runs, to be replayed through every renderer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bootstrap.errors import BootstrapError, Place, StepFailedError
from bootstrap.model.event import (
    Event,
    Noted,
    Outcome,
    Planned,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import LocalChart, Note, Release
from bootstrap.model.stack import ClusterSpec
from bootstrap.model.step import (
    Action,
    ApplySeeds,
    Edge,
    EdgeKind,
    EnsureCluster,
    InstallRelease,
    Keep,
    Plan,
    Step,
    StepId,
)

BEGIN = datetime(2026, 1, 2, 10, 15, 0, tzinfo=UTC)

CLUSTER = StepId("cluster")
SEEDS = StepId("seeds")
TRAEFIK = StepId("release/traefik/traefik")
REDIS = StepId("release/apps/redis")
N8N = StepId("release/apps/n8n")
LAST = StepId("objects/flux-system/apps")


def at(seconds: float) -> datetime:
    """This long after the run began."""
    return BEGIN + timedelta(seconds=seconds)


def install(namespace: str, name: str) -> InstallRelease:
    release = Release(
        namespace=namespace, name=name, release_name=name, target_namespace=namespace, chart=LocalChart(path=Path("/c"))
    )
    return InstallRelease(prepared=PreparedRelease(release=release))


def step(step_id: StepId, action: Action, reason: str, *needs: StepId) -> Step:
    return Step(id=step_id, action=action, needs=needs, reason=reason, timeout=timedelta(minutes=5))


PLAN = Plan(
    steps=(
        step(CLUSTER, EnsureCluster(spec=ClusterSpec()), "not found"),
        step(SEEDS, ApplySeeds(), "12 to create", CLUSTER),
        step(TRAEFIK, install("traefik", "traefik"), "new", CLUSTER),
        step(REDIS, Keep(what="redis"), "unchanged", CLUSTER),
        step(N8N, install("apps", "n8n"), "values changed", TRAEFIK, REDIS),
        step(LAST, install("apps", "last"), "changed", N8N),
    ),
    edges=(
        Edge(step=TRAEFIK, needs=CLUSTER, kind=EdgeKind.STRUCTURE, reason="it is installed there"),
        Edge(step=N8N, needs=TRAEFIK, kind=EdgeKind.DEPENDS_ON, reason='Kustomization "apps"'),
    ),
    notes=(Note(text="interval has no meaning here", place=Place(file="apps/n8n.yaml", line=7)),),
)

SECRET = "hunter2-s3cret"


def broken() -> BootstrapError:
    return StepFailedError(
        "release traefik is not Ready after 60s",
        evidence=("pod traefik-7d4: ImagePullBackOff", f"pod traefik-7d4: {SECRET} refused"),
        command="helm upgrade --install traefik charts/traefik -n traefik",
        fix="check spec.values.image.tag in apps/traefik.yaml, then run: bootstrap up",
    )


def started(step_id: StepId, seconds: float, reason: str) -> StepStarted:
    return StepStarted(at=at(seconds), step=step_id, reason=reason)


def said(step_id: StepId, seconds: float, text: str) -> StepProgress:
    return StepProgress(at=at(seconds), step=step_id, text=text)


def ended(step_id: StepId, seconds: float, outcome: Outcome, took: float = 0.0) -> StepFinished:
    return StepFinished(at=at(seconds), step=step_id, outcome=outcome, seconds=took)


HEADLINE = "stack dev on kwok: a real Kubernetes API, but pods are simulated"
RUN_STARTED = RunStarted(at=BEGIN, command="bootstrap up dev", stack="dev", headline=HEADLINE)

FAILED: tuple[Event, ...] = (
    RUN_STARTED,
    Planned(at=at(1), plan=PLAN),
    Noted(at=at(1), note=PLAN.notes[0]),
    started(CLUSTER, 1, "not found"),
    said(CLUSTER, 2, "starting kube-apiserver"),
    ended(CLUSTER, 42, Outcome(status=Status.DONE, detail="created"), 41),
    started(TRAEFIK, 42, "new"),
    ended(REDIS, 42, Outcome(status=Status.UNCHANGED)),
    started(SEEDS, 42, "12 to create"),
    said(TRAEFIK, 44, "1 of 2 pods Ready"),
    ended(SEEDS, 42.4, Outcome(status=Status.DONE, detail="12 created"), 0.4),
    said(TRAEFIK, 55, "1 of 2 pods Ready"),
    ended(TRAEFIK, 102, Outcome(status=Status.FAILED, error=broken()), 60),
    ended(N8N, 102, Outcome(status=Status.SKIPPED, detail=TRAEFIK)),
    ended(LAST, 102, Outcome(status=Status.SKIPPED, detail=TRAEFIK)),
    RunFinished(
        at=at(102),
        exit_code=1,
        seconds=102,
        counts={"done": 2, "unchanged": 1, "failed": 1, "skipped": 2},
        log="/state/logs/up-20260102-101500.log",
    ),
)

UNCHANGED: tuple[Event, ...] = (
    RUN_STARTED,
    Planned(at=at(0.5), plan=Plan(steps=(step(CLUSTER, Keep(what="cluster"), "unchanged"),))),
    ended(CLUSTER, 0.6, Outcome(status=Status.UNCHANGED)),
    RunFinished(at=at(0.6), exit_code=0, seconds=0.6, counts={"unchanged": 1}, summary=("Next: bootstrap status dev",)),
)

CANCELLED: tuple[Event, ...] = (
    RUN_STARTED,
    Planned(at=at(1), plan=Plan(steps=PLAN.steps[:2])),
    started(CLUSTER, 1, "not found"),
    ended(CLUSTER, 3, Outcome(status=Status.CANCELLED, detail="stopped"), 2),
    ended(SEEDS, 3, Outcome(status=Status.CANCELLED, detail="stopped")),
    RunFinished(at=at(3), exit_code=130, seconds=3, counts={"cancelled": 2}),
)
