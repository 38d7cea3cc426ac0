"""The truth about a stack: what a plan would change, and how what stays is right now."""

from collections.abc import Iterator, Mapping, Sequence

from bootstrap.engine.planning import Planning, plan_up
from bootstrap.engine.platform import PlanOptions, Platform
from bootstrap.model.kube import Manifest, ObjectRef, ref_of
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.observed import Observed, TargetState
from bootstrap.model.status import Health, PartStatus, StatusReport
from bootstrap.model.step import Keep, Replace, Step
from bootstrap.plan import ids
from bootstrap.plan.units import cut
from bootstrap.system.clock import CancelToken

_EVIDENCE_LINES = 5
# They exist from the moment they are made; a cluster never tells more of them.
_NOT_SHOWN = frozenset({"CustomResourceDefinition"})


def read_status(platform: Platform, cancel: CancelToken) -> StatusReport:
    """Every part of the stack: as declared and healthy, or what is wrong with it. Changes nothing.

    Raises:
        InvalidError: the stack's files are wrong.
    """
    planning = plan_up(platform, PlanOptions(), cancel)
    parts = tuple(_part(step, platform, planning, cancel) for step in planning.plan.steps if _is_part(step))
    return StatusReport(
        stack=platform.stack.name,
        instance=platform.stack.instance,
        headline=platform.headline,
        parts=parts,
        urls=tuple(_urls(platform, planning)),
    )


def _is_part(step: Step) -> bool:
    return not step.id.startswith(("pull/", "crds/", ids.BUILD))


def _part(step: Step, platform: Platform, planning: Planning, cancel: CancelToken) -> PartStatus:
    if not isinstance(step.action, Keep):
        return PartStatus(name=step.id, health=_undone(step, planning.observed), detail=step.reason)
    observed = planning.observed
    kube = observed.cluster.kube
    match step.id.partition("/"):
        case (ids.CLUSTER, _, _):
            return PartStatus(name=step.id, health=Health.UP, detail=observed.cluster.detail)
        case (ids.EMULATOR, _, _):
            endpoint = None if observed.emulator is None else observed.emulator.endpoint
            detail = "" if endpoint is None else f"{endpoint.driver} at {endpoint.url}"
            return PartStatus(name=step.id, health=Health.UP, detail=detail)
        case (kind, _, _) if kube is not None and kind in {"release", "objects"}:
            objects, namespace = _objects_of(step, planning)
            return _judged(step, platform.health(objects, namespace, kube, cancel))
        case _:
            return PartStatus(name=step.id, health=Health.UP)


def _undone(step: Step, observed: Observed) -> Health:
    if isinstance(step.action, Replace) and step.action.lives:
        return Health.UP
    return _on_its_way(step, observed)


def _on_its_way(step: Step, observed: Observed) -> Health:
    """Something that runs but is not as declared is on its way; the rest is not there."""
    changed = step.id.startswith(("release/", "objects/", "seeds")) and step.reason != "not found"
    return Health.PENDING if changed and observed.cluster.state is TargetState.RUNNING else Health.DOWN


def _objects_of(step: Step, planning: Planning) -> tuple[Sequence[ObjectRef], str]:
    kind, _, name = step.id.partition("/")
    if kind == "release":
        prepared = planning.wanted.prepared[name]
        shown = [ref_of(one) for one in prepared.manifests or () if _is_shown(one)]
        return shown, prepared.release.target_namespace
    return planning.observed.inventory[name].objects, "default"


def _is_shown(manifest: Manifest) -> bool:
    hook = HELM_HOOK in ((manifest.get("metadata") or {}).get("annotations") or {})
    return not hook and manifest.get("kind") not in _NOT_SHOWN


def _judged(step: Step, found: Mapping[ObjectRef, tuple[Health, str]]) -> PartStatus:
    worst = Health.UP
    for health in (Health.SIMULATED, Health.PENDING, Health.DOWN):
        if any(one is health for one, _ in found.values()):
            worst = health
    told = [f"{ref}: {text}" for ref, (health, text) in found.items() if health is worst and health is not Health.UP]
    counted = f"{len(found)} object{'' if len(found) == 1 else 's'}"
    detail = counted if worst is Health.UP else f"{len(told)} of {counted} {worst}"
    return PartStatus(name=step.id, health=worst, detail=detail, evidence=tuple(told[:_EVIDENCE_LINES]))


def _urls(platform: Platform, planning: Planning) -> Iterator[tuple[str, str]]:
    observed = planning.observed
    if observed.emulator is not None and observed.emulator.endpoint is not None:
        yield "AWS", observed.emulator.endpoint.url
    kube = observed.cluster.kube
    if kube is not None and not kube.simulated:
        port = platform.stack.cluster.ports.http
        for host in dict.fromkeys(_hosts(planning)):
            yield host, f"http://{host}:{port}"


def _hosts(planning: Planning) -> Iterator[str]:
    """Every host name that an Ingress answers to."""
    units = cut(planning.wanted.stack, planning.wanted.repo)
    rendered = (one for prepared in planning.wanted.prepared.values() for one in prepared.manifests or ())
    for manifest in (*(one for part in units.parts for one in part.objects), *rendered):
        if manifest.get("kind") == "Ingress":
            rules = (manifest.get("spec") or {}).get("rules") or ()
            yield from (rule["host"] for rule in rules if rule.get("host"))
