"""One part of a stack: what `explain`, `render`, `diff` and `graph` print of it, without secrets."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from bootstrap.console.json_lines import error_fields
from bootstrap.console.mask import MASK
from bootstrap.console.report.secrets import is_secret_name
from bootstrap.console.results.diff import differences_text
from bootstrap.console.results.explain import explain_records, report_record
from bootstrap.console.results.manifests import objects_yaml
from bootstrap.engine.diff import differences
from bootstrap.engine.explain import explain
from bootstrap.engine.fix_commands import completed_cause
from bootstrap.engine.plan import Planning
from bootstrap.engine.session import Session
from bootstrap.engine.status import object_health, objects_of
from bootstrap.errors import BootstrapError, UsageError
from bootstrap.kube.dry_run import KubeDifferences
from bootstrap.kube.object_report import KubeReports
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.model.release import Release
from bootstrap.plan import ids
from bootstrap.plan.units import Units
from bootstrap.system.clock import CancelToken
from bootstrap.ui.looks import Look, masked


def part_json(look: Look, name: str, cancel: CancelToken) -> dict[str, Any]:
    """State, why it is so, who needs it and why, its objects and values.

    Raises:
        UsageError: the stack has no such part.
    """
    session, planning = look.ready()
    step = next((step for step in planning.plan.steps if step.id == name), None)
    known = () if look.report is None else look.report.parts
    if step is None and not any(part.name == name for part in known):
        raise UsageError(f"the stack has no part {name}")
    edges = planning.plan.edges
    document = {
        "name": name,
        "reason": "" if step is None else step.reason,
        "needs": [_edge(edge.needs, edge.reason, edge.kind) for edge in edges if edge.step == name],
        "needed_by": [_edge(edge.step, edge.reason, edge.kind) for edge in edges if edge.needs == name],
        **_explained(session, planning, name, cancel),
        "objects": list(_objects(session, planning, name, cancel)),
        "values": _values(session, planning, name),
        "place": _place(planning, name),
    }
    return {**masked(document, look.masker), "manifest": _manifest(look, planning, name)}


def object_json(look: Look, name: str, ref: ObjectRef, cancel: CancelToken) -> dict[str, Any]:
    """All that `explain` prints of one object of a part, ready or not.

    Raises:
        UsageError: the part has no such object.
        RefusedError: the cluster is not running.
    """
    session, planning = look.ready()
    objects, namespace = objects_of(name, planning)
    if ref not in objects and replace(ref, namespace=None) not in objects:
        raise UsageError(f"{name} has no {ref}")
    report = KubeReports(session.processes)(ref, namespace, planning.kube, cancel)
    causes = tuple(completed_cause(cause, session) for cause in report.causes)
    document = report_record(replace(report, causes=causes, step=name))
    live = report.manifests[:1]
    text = look.masker.mask(objects_yaml(map(look.masker.mask_object, live))) if live else ""
    return {**masked(document, look.masker), "live": text}


def diff_text(look: Look, name: str, cancel: CancelToken) -> str:
    """What `up` would change of a part, as `diff` prints it.

    Raises:
        RefusedError: the cluster is not running.
    """
    session, planning = look.ready()
    narrowed = replace(planning, desired=replace(planning.desired, already_cut=_only(planning, name)))
    compare = KubeDifferences(session.processes, session.state.folder.name)
    found = differences(narrowed, compare, cancel, looked_up=session.ports.charts.looked_up)
    return look.masker.mask("".join(differences_text(unit, each) for unit, each in found))


def manifests_of(planning: Planning, name: str) -> tuple[Manifest, ...]:
    """What a part consists of, as declared."""
    kind, _, rest = name.partition("/")
    if kind == "release" and rest in planning.desired.prepared:
        return planning.desired.prepared[rest].manifests or ()
    return next((part.objects for part in planning.desired.units.parts if ids.objects(part.id) == name), ())


def release_of(planning: Planning, name: str) -> Release | None:
    """The release that a part is; None: it is not one."""
    prepared = planning.desired.prepared.get(name.removeprefix("release/"))
    return None if prepared is None or not name.startswith("release/") else prepared.release


def _only(planning: Planning, name: str) -> Units:
    units = planning.desired.units
    kept = (each for each in units.listed if name in {ids.release(each.id), ids.objects(each.id)})
    return replace(units, listed=tuple(kept))


def _edge(other: str, reason: str, kind: str) -> Mapping[str, str]:
    return {"id": other, "reason": reason, "kind": str(kind)}


def _explained(session: Session, planning: Planning, name: str, cancel: CancelToken) -> Mapping[str, Any]:
    reports = KubeReports(session.processes)
    try:
        explanation = explain(name, planning, reports, reports.find, cancel)
    except BootstrapError as error:
        cancel.check()
        return {"failures": [], "stories": [], "unread": error_fields(error)}
    completed = (
        replace(report, causes=tuple(completed_cause(cause, session) for cause in report.causes))
        for report in explanation.reports
    )
    return {**explain_records(replace(explanation, reports=tuple(completed))), "unread": None}


def _objects(session: Session, planning: Planning, name: str, cancel: CancelToken) -> Iterator[Mapping[str, Any]]:
    """Each object of a part with its health, as `status` judges it."""
    for ref, (health, text) in object_health(name, session, planning, cancel).items() if "/" in name else ():
        named = {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
        yield {**named, "health": health.value, "text": text}


def _values(session: Session, planning: Planning, name: str) -> list[Mapping[str, Any]]:
    """The values that the repository gives a release with their place; of cluster and emulator those of the stack."""
    release = release_of(planning, name)
    if release is not None:
        place, inline = str(release.place or ""), {path for path, _ in _flat(release.inline_values)}
        return [
            {"path": path, "value": value, "origin": f"{place} spec.{_field(path, inline)}".strip()}
            for path, value in _flat(release.values)
        ]
    prefixes: Mapping[str, str] = {ids.CLUSTER: "cluster.", ids.EMULATOR: "emulator.", ids.SEEDS: "seeds"}
    prefix = prefixes.get(name)
    return [
        {
            "path": value.path,
            "value": MASK if value.is_variable or is_secret_name(value.path) else str(value.value),
            "origin": value.origin,
        }
        for value in session.values
        if prefix is not None and value.path.startswith(prefix)
    ]


def _field(path: str, inline: Collection[str]) -> str:
    """The field of a HelmRelease that gives the value."""
    return "values" if path in inline else "valuesFrom or valuesFiles"


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list) and values:
        for number, value in enumerate(values):
            yield from _flat(value, f"{path}[{number}]")
    else:
        secret = is_secret_name(path.rpartition(".")[2])
        yield path, MASK if secret and values not in {None, "", False, True} else str(values)


def _place(planning: Planning, name: str) -> str:
    release = release_of(planning, name)
    parts = (part.place for part in planning.desired.units.parts if ids.objects(part.id) == name)
    place = next(parts, None) if release is None else release.place
    return "" if place is None else str(place)


def _manifest(look: Look, planning: Planning, name: str) -> str:
    objects = manifests_of(planning, name)
    return look.masker.mask(objects_yaml(map(look.masker.mask_object, objects))) if objects else ""
