"""Reads the state of a stack: what is up now and, separately, what is as declared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bootstrap.engine.fix_commands import complete, completed_cause, selection
from bootstrap.engine.plan import Planning, plan_up
from bootstrap.engine.session import PlanOptions, Session
from bootstrap.engine.urls import urls_of
from bootstrap.errors import BootstrapError
from bootstrap.kube.simulated_pods import is_api_backend, simulated_reason
from bootstrap.model.count import counted
from bootstrap.model.kube import Manifest, ObjectRef, is_named_by_server, ref_of
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.observed import Observed, PreparedRelease, ReleaseObserved, TargetState
from bootstrap.model.status import Health, PartStatus, StatusReport
from bootstrap.model.step import ApplyObjects, Keep, Refuse, Step
from bootstrap.plan import ids
from bootstrap.state.snapshots import read_unfinished
from bootstrap.system.clock import CancelToken
from bootstrap.system.filelock import is_held

_DEPLOYED = "deployed"
_HEALTH_OF = {
    TargetState.ABSENT: Health.DOWN,
    TargetState.STOPPED: Health.STOPPED,
    TargetState.BROKEN: Health.UNREACHABLE,
    TargetState.RUNNING: Health.UP,
    TargetState.UNVERIFIED: Health.UNKNOWN,
    TargetState.FOREIGN: Health.UNKNOWN,
    TargetState.UNKNOWN: Health.UNKNOWN,
}
# They have no state besides their existence.
_NOT_SHOWN = frozenset({"CustomResourceDefinition"})


def read_status(session: Session, cancel: CancelToken) -> StatusReport:
    """The state of every part of the stack and, separately, whether it is as declared. Changes nothing.

    Problems of its repository are in the report: what is there is shown all the same.

    Raises:
        InvalidError: the stack's fixtures are wrong.
    """
    return status_of(session, plan_up(session, PlanOptions(tolerant=True), cancel), cancel)


def status_of(session: Session, planning: Planning, cancel: CancelToken) -> StatusReport:
    """As `read_status`, from a plan that was made just now."""
    steps = (step for step in planning.plan.steps if _is_part(step))
    for refusal in planning.plan.refusals:
        complete(refusal, session)
    parts = tuple(_with_causes(_part(step, session, planning, cancel), session, planning, cancel) for step in steps)
    return StatusReport(
        stack=session.stack.name,
        instance=session.stack.instance,
        headline=session.headline,
        parts=(*_unfinished(session), *parts, *_suspended(planning)),
        urls=urls_of(session, planning, cancel),
        differences=tuple(map(str, session.differences)),
        up_command=session.up_command,
        selection=selection(session.stack),
        failures=planning.failures,
    )


def _unfinished(session: Session) -> Iterator[PartStatus]:
    """A save or restore of a snapshot that is not finished: until then no other part shows what it will be."""
    unfinished = read_unfinished(session.state)
    if unfinished is None:
        return
    why = "is running" if is_held(session.state.lock) else f"was cut off; to finish or undo it: {session.up_command}"
    yield PartStatus(name=f"snapshot/{unfinished.name}", health=Health.NOT_READY, detail=f"its {unfinished.verb} {why}")


def _suspended(planning: Planning) -> Iterator[PartStatus]:
    """What the plan leaves as it is; a suspended release is named, its objects are not looked at."""
    repo = planning.desired.repo
    suspended = frozenset(planning.desired.units.suspended)
    names = [ids.objects(part.id) for part in repo.kustomizations if part.id in suspended]
    names += [ids.release(release.id) for release in repo.releases if release.id in suspended]
    for name in names:
        yield PartStatus(name=name, health=Health.SUSPENDED, detail="left as it is")


def _with_causes(part: PartStatus, session: Session, planning: Planning, cancel: CancelToken) -> PartStatus:
    """With what keeps a part that is in the cluster and not up."""
    kube = planning.observed.cluster.kube
    if part.is_up or kube is None or not part.name.startswith(("release/", "objects/")):
        return part
    objects, namespace = objects_of(part.name, planning)
    causes = session.ports.causes(objects, namespace, kube, cancel) if objects else ()
    return replace(part, causes=tuple(completed_cause(cause, session) for cause in causes))


def objects_of(step: str, planning: Planning) -> tuple[Sequence[ObjectRef], str]:
    """The objects of a release or of a part of a Kustomization that are shown, and their namespace."""
    kind, _, name = step.partition("/")
    if kind == "release":
        prepared = planning.desired.prepared.get(name)
        if prepared is None:
            return (), "default"
        shown = [ref_of(manifest) for manifest in prepared.manifests or () if _is_shown(manifest)]
        return shown, prepared.release.target_namespace
    applied = planning.observed.inventory.get(name)
    return () if applied is None else applied.objects, "default"


def object_health(
    step: str, session: Session, planning: Planning, cancel: CancelToken
) -> Mapping[ObjectRef, tuple[Health, str]]:
    """The state of each object of a release or of a part of a Kustomization, and why it is not ready.

    Empty if the cluster is not running.
    """
    kube = planning.observed.cluster.kube
    if kube is None:
        return {}
    objects, namespace = objects_of(step, planning)
    simulated = _not_installed(_declared_objects(step, planning)) if kube.simulated else {}
    installed = [ref for ref in objects if ref not in simulated]
    return {**session.ports.health(installed, namespace, kube, cancel), **simulated}


def _declared_objects(step: str, planning: Planning) -> Sequence[Manifest]:
    kind, _, name = step.partition("/")
    if kind == "release":
        prepared = planning.desired.prepared.get(name)
        return () if prepared is None else prepared.manifests or ()
    return next((part.objects for part in planning.desired.units.parts if part.id == name), ())


def _is_part(step: Step) -> bool:
    return step.id in {ids.CLUSTER, ids.EMULATOR, ids.SEEDS} or step.id.startswith(("release/", "objects/"))


def _part(step: Step, session: Session, planning: Planning, cancel: CancelToken) -> PartStatus:
    observed = planning.observed
    match step.id.partition("/"):
        case (ids.CLUSTER, _, _):
            return _target(step, observed.cluster.state, observed.cluster.detail)
        case (ids.EMULATOR, _, _):
            return _emulator(step, observed)
        case (ids.SEEDS, _, _):
            return _seeds(step, observed)
        case ("release", _, name):
            return _release(step, name, session, planning, cancel)
        case (_, _, name):
            return _applied(step, name, session, planning, cancel)


def _target(step: Step, state: TargetState, detail: str) -> PartStatus:
    """The cluster or the emulator; one that runs is up, as declared or not."""
    if isinstance(step.action, Keep):
        return PartStatus(name=step.id, health=Health.UP, detail=detail)
    if isinstance(step.action, Refuse):
        return _refused(step.id, _HEALTH_OF[state], step.action.error)
    health = _HEALTH_OF[state]
    differs = step.reason if health in {Health.UP, Health.DOWN} else ""
    return PartStatus(name=step.id, health=health, detail=detail or step.reason, difference=differs)


def _refused(name: str, health: Health, error: BootstrapError) -> PartStatus:
    """What nothing may be done with, or what could not be looked at: why, and what to do."""
    fix = (f"Fix: {error.fix}",) if error.fix else ()
    return PartStatus(name=name, health=health, detail=error.what, evidence=(*error.evidence, *fix))


def _emulator(step: Step, observed: Observed) -> PartStatus:
    emulator = observed.emulator
    if emulator is None:
        return _target(step, TargetState.ABSENT, "")
    if emulator.state is TargetState.FOREIGN and isinstance(step.action, Refuse):
        # Somebody else has its port or its name: it is not there itself.
        return _refused(step.id, Health.DOWN, step.action.error)
    if emulator.endpoint is None:
        return _target(step, emulator.state, emulator.detail)
    detail = f"{emulator.endpoint.driver} at {emulator.endpoint.url}"
    differs = "" if isinstance(step.action, Keep) else step.reason
    return PartStatus(name=step.id, health=Health.UP, detail=detail, difference=differs)


def _seeds(step: Step, observed: Observed) -> PartStatus:
    if isinstance(step.action, Refuse):
        return _refused(step.id, Health.UNKNOWN, step.action.error)
    if isinstance(step.action, Keep):
        return PartStatus(name=step.id, health=Health.UP)
    if observed.seeds is not None and observed.seeds.changes:
        detail = observed.seeds.detail
        return PartStatus(name=step.id, health=Health.NOT_READY, detail=detail, difference=detail)
    if observed.seeds is not None:
        return PartStatus(name=step.id, health=Health.UP)
    state = TargetState.ABSENT if observed.emulator is None else observed.emulator.state
    return _unseen(step, state, "emulator")


def _unseen(step: Step, state: TargetState, where: str) -> PartStatus:
    """The state of a part that cannot be observed: that of what contains it; down if that does not exist."""
    health = _HEALTH_OF[state]
    if health is Health.UP:
        health = Health.UNREACHABLE
    detail = step.reason if health in {Health.DOWN, Health.UNREACHABLE} else f"the {where} is {health}"
    return PartStatus(name=step.id, health=health, detail=detail, difference=_missing(health, step))


def _missing(health: Health, step: Step) -> str:
    return step.reason if health is Health.DOWN else ""


def _release(step: Step, name: str, session: Session, planning: Planning, cancel: CancelToken) -> PartStatus:
    kube, prepared = planning.observed.cluster.kube, planning.desired.prepared.get(name)
    if kube is None or prepared is None:
        return _unseen(step, planning.observed.cluster.state, "cluster")
    release = prepared.release
    release_observed = planning.observed.releases.get(f"{release.target_namespace}/{release.release_name}")
    if release_observed is None:
        return PartStatus(name=step.id, health=Health.DOWN, detail=step.reason, difference=step.reason)
    if release_observed.fingerprint == prepared.fingerprint and prepared.fingerprint is not None:
        part = _judged(step, object_health(step.id, session, planning, cancel))
        return _with_status(part, release_observed, step)
    # Its objects have other values than declared now: only helm's status and its workloads count.
    ready = release_observed.status == _DEPLOYED and not release_observed.unready
    reason = (
        release_observed.unready if release_observed.status == _DEPLOYED else f"its state is {release_observed.status}"
    )
    health = Health.UP if ready else Health.NOT_READY
    return PartStatus(name=step.id, health=health, detail=reason, difference=_changed(step, prepared))


def _changed(step: Step, prepared: PreparedRelease) -> str:
    """What differs, as far as it is known: what a chart that is not in the cache would give is not."""
    return step.reason if prepared.fingerprint is not None else ""


def _with_status(part: PartStatus, installed: ReleaseObserved, step: Step) -> PartStatus:
    """With helm's status if that is not `deployed`, and with changed values that only the cluster holds."""
    if installed.status != _DEPLOYED:
        health = Health.NOT_READY if part.health in {Health.UP, Health.SIMULATED} else part.health
        return replace(part, health=health, detail=f"its state is {installed.status}", difference="")
    differs = "" if isinstance(step.action, Keep) or part.health is not Health.UP or installed.unready else step.reason
    return replace(part, difference=differs)


def _applied(step: Step, name: str, session: Session, planning: Planning, cancel: CancelToken) -> PartStatus:
    kube, entry = planning.observed.cluster.kube, planning.observed.inventory.get(name)
    if kube is None:
        return _unseen(step, planning.observed.cluster.state, "cluster")
    if entry is None:
        return PartStatus(name=step.id, health=Health.DOWN, detail=step.reason, difference=step.reason)
    part = _judged(step, object_health(step.id, session, planning, cancel))
    declared = step.action.fingerprint if isinstance(step.action, ApplyObjects) else entry.fingerprint
    gone = any(ref in planning.observed.objects.missing for ref in entry.objects)
    return replace(part, difference=step.reason if gone or declared != entry.fingerprint else "")


def _not_installed(manifests: Iterable[Manifest]) -> Mapping[ObjectRef, tuple[Health, str]]:
    """What `up` leaves out where pods are simulated, and counts as simulated too."""
    return {
        ref_of(manifest): (Health.SIMULATED, str(simulated_reason(manifest)))
        for manifest in manifests
        if is_api_backend(manifest)
    }


def _is_shown(manifest: Manifest) -> bool:
    if is_named_by_server(manifest):
        return False
    hook = HELM_HOOK in ((manifest.get("metadata") or {}).get("annotations") or {})
    return not hook and manifest.get("kind") not in _NOT_SHOWN


def _judged(step: Step, health_by_object: Mapping[ObjectRef, tuple[Health, str]]) -> PartStatus:
    worst = Health.UP
    for health in (Health.SIMULATED, Health.NOT_READY, Health.DOWN):
        if any(state is health for state, _ in health_by_object.values()):
            worst = health
    lines = [
        f"{ref}: {text}"
        for ref, (health, text) in health_by_object.items()
        if health is worst and health is not Health.UP
    ]
    objects = counted(len(health_by_object), "object")
    notes = [f"{ref}: {text}" for ref, (health, text) in health_by_object.items() if health is Health.UP and text]
    detail = ", ".join((objects, *notes)) if worst is Health.UP else f"{len(lines)} of {objects} {worst}"
    return PartStatus(name=step.id, health=worst, detail=detail, evidence=tuple(lines))
