"""What is in a report on a stack: each part as a section, and the overview; both masked."""

import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bootstrap.console.events_file import records_of
from bootstrap.console.json_lines import line, moment
from bootstrap.console.mask import MASK
from bootstrap.console.report.overview import (
    Overview,
    failures_in,
    failures_of_error,
    missing_of,
    steps_of,
)
from bootstrap.console.report.secrets import (
    ReportMasker,
    is_secret_name,
    secrets_in,
    secrets_of_environment,
    secrets_of_objects,
)
from bootstrap.console.report.section import Section
from bootstrap.console.results.config import values_text
from bootstrap.console.results.explain import explain_text
from bootstrap.console.results.manifests import objects_yaml
from bootstrap.console.results.plan import plan_json, plan_text
from bootstrap.console.results.seeds import plan_text as seed_plan_text
from bootstrap.console.results.status import status_text
from bootstrap.docker.container_logs import ContainerLog
from bootstrap.engine.evidence import LOG_LINES, Evidence
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from bootstrap.model.kube import Manifest, mappings_in, ref_of
from bootstrap.model.object_report import Explanation, ObjectReport
from bootstrap.model.stack import DeclaredValue
from bootstrap.seeds.results import SeedPlan

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """All that a report is made of."""

    name: str
    """The stack's, as it was asked for."""
    version: str
    at: datetime
    error: BootstrapError | None = None
    """The error that ended the run; None: the last run has it in its events, or nothing failed."""
    session: Session | None = None
    evidence: Evidence = field(default_factory=Evidence)
    containers: tuple[ContainerLog, ...] = ()
    events: str = ""
    """Of the last run, as JSON lines."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """The end of each log in the stack's folder, by its path there; the one written last first."""
    secrets: tuple[str, ...] = ()
    """Values of files in the stack's folder that may be in other texts."""
    problems: Mapping[str, BootstrapError] = field(default_factory=dict)
    """Why parts are missing, besides those of the evidence."""


def masker_of(material: Material, environment: Mapping[str, str]) -> ReportMasker:
    """Knows every secret that the material shows by its place: of this process, of files, the cluster and the seeds."""
    masker = ReportMasker()
    evidence = material.evidence
    masker.register(material.secrets)
    masker.register(secrets_of_environment(environment))
    masker.register(secrets_of_objects((*evidence.secrets, *_all_objects(evidence))))
    masker.register(_secrets_of_repository(evidence))
    masker.register(_secrets_of_seeds(evidence))
    if material.session is not None:
        masker.register(map(str, material.session.stack.variables.values()))
        masker.register(str(value.value) for value in material.session.values if _is_secret(value))
    return masker


def _secrets_of_repository(evidence: Evidence) -> Iterator[str]:
    """Not only of what is installed: a HelmRelease, and a Secret that values come from, are in none of its objects."""
    if evidence.rendered is None:
        return
    for kustomization in evidence.rendered.kustomizations:
        yield from secrets_of_objects(kustomization.built)
    for prepared in evidence.rendered.releases:
        yield from secrets_in(prepared.release.values)


def _secrets_of_seeds(evidence: Evidence) -> Iterator[str]:
    for fixture in () if evidence.fixtures is None else evidence.fixtures.by_id.values():
        yield from secrets_in(fixture.body)
        if fixture.id.service == "secretsmanager":
            yield from _texts([fixture.body.get(field) for field in ("json", "string", "binary")])
    for resource in () if evidence.seed_plan is None else evidence.seed_plan.resources:
        for difference in resource.differences:
            values = [difference.old, difference.new]
            yield from secrets_in({difference.path: values})
            if difference.secret:
                yield from _texts(values)


def overview_of(material: Material, masker: ReportMasker) -> Overview:
    """What is shown first, masked."""
    mask = masker.mask
    records = records_of(material.events)
    started = next((record for record in records if record.get("type") == "run_started"), {})
    finished = next((record for record in records if record.get("type") == "run_finished"), {})
    named = f"stack {material.name}"
    facts = {
        "stack": str(started.get("headline") or (material.session.headline if material.session else named)),
        "command": str(started.get("command") or ""),
        "began": str(started.get("at") or ""),
        "ended with": str(finished.get("exit_code", "")) or ("not finished" if started else ""),
        "bootstrap": f"{material.version}, Python {platform.python_version()}, {platform.platform(terse=True)}",
        "written": moment(material.at),
    }
    failures = dict.fromkeys(failures_in(records))
    if material.error is not None:
        failures |= dict.fromkeys(failures_of_error(material.error))
    missing = missing_of({**material.problems, **material.evidence.problems})
    return Overview(
        title=mask(f"Report of {named}"),
        facts={name: mask(text) for name, text in facts.items() if text},
        failures=[mask(failure) for failure in failures],
        steps=tuple(
            replace(step, detail=mask(step.detail), step=mask(step.step), status=mask(step.status))
            for step in steps_of(records)
        ),
        missing={part: mask(why) for part, why in missing.items()},
    )


def sections_of(material: Material, masker: ReportMasker) -> tuple[Section, ...]:
    """Every other part, masked; what matters most first."""
    return tuple(replace(section, text=masker.mask(section.text)) for section in _sections(material, masker))


def _sections(material: Material, masker: ReportMasker) -> Iterator[Section]:
    evidence = material.evidence
    if evidence.status is not None:
        yield Section(file="status.txt", title="Status", text=status_text(evidence.status))
    for number, report in enumerate(evidence.reports, start=1):
        yield from _object(number, report, masker)
    of_emulator = {name: text for name, text in material.logs.items() if name.startswith("emulator")}
    yield from (_log(name, text) for name, text in of_emulator.items())
    yield from map(_container, material.containers)
    yield from _plans(evidence, masker)
    if evidence.nodes:
        yield Section(file="nodes.txt", title="Nodes", text="".join(_node_lines(evidence.nodes)))
    yield from _events(material, masker)
    if material.session is not None:
        text = values_text([_shown(value) for value in material.session.values], origins=True)
        yield Section(file="config.txt", title="Configuration", text=text)
    yield from (_log(name, text) for name, text in material.logs.items() if name not in of_emulator)
    yield from _manifests(evidence, masker)
    if evidence.nodes:
        text = objects_yaml(map(masker.mask_object, evidence.nodes))
        yield Section(file="nodes.yaml", title="Nodes, as YAML", text=text)


def _plans(evidence: Evidence, masker: ReportMasker) -> Iterator[Section]:
    if evidence.seed_plan is not None:
        text = seed_plan_text(_masked_plan(evidence.seed_plan, masker), verbose=True)
        yield Section(file="seed-plan.txt", title="AWS data: what is not as declared", text=text)
    if evidence.planning is not None:
        plan, configuration = evidence.planning.plan, masker.mask_object(evidence.planning.configuration)
        yield Section(file="plan.txt", title="Plan: what up would do now", text=plan_text(plan, configuration))
        yield Section(file="plan.json", title="Plan, as JSON", text=plan_json(plan))


def _events(material: Material, masker: ReportMasker) -> Iterator[Section]:
    if material.events:
        records = (masker.mask_object(record) for record in records_of(material.events))
        text = "".join(map(line, records))
        yield Section(file="events.jsonl", title="Events of the last run", text=text, keep_end=True)


def _object(number: int, report: ObjectReport, masker: ReportMasker) -> Iterator[Section]:
    name = _safe(f"{number:02}-{report.object.kind}-{report.object.namespace or ''}-{report.object.name}")
    yield Section(
        file=f"objects/{name}.txt",
        title=f"{report.object}: {report.state}",
        text=explain_text(Explanation(reports=(report,))),
        keep_end=False,
    )
    if report.manifests:
        text = objects_yaml(map(masker.mask_object, report.manifests))
        yield Section(file=f"objects/{name}.yaml", title=f"{report.object}, as YAML", text=text)


def _log(name: str, text: str) -> Section:
    return Section(file=f"logs/{name}", title=f"Log {name}", text=text, keep_end=True)


def _container(container: ContainerLog) -> Section:
    head = f"{container.name}: {container.state}; the last {LOG_LINES} lines\n"
    text = head + "".join(f"{text}\n" for text in container.lines)
    return Section(
        file=f"containers/{_safe(container.name)}.log", title=f"Container {container.name}", text=text, keep_end=True
    )


def _manifests(evidence: Evidence, masker: ReportMasker) -> Iterator[Section]:
    if evidence.rendered is None:
        return
    for kustomization in evidence.rendered.kustomizations:
        yield _rendered("Kustomization", kustomization.id, kustomization.built, masker.mask_object)
    for prepared in evidence.rendered.releases:
        objects = prepared.manifests or ()
        yield _rendered("release", prepared.release.id, objects, masker.mask_object)


def _rendered(kind: str, name: str, objects: Sequence[Manifest], mask: Callable[[Manifest], Manifest]) -> Section:
    file = f"manifests/{kind.lower()}-{_safe(name)}.yaml"
    return Section(file=file, title=f"Manifests of {kind} {name}", text=objects_yaml(map(mask, objects)))


def _masked_plan(plan: SeedPlan, masker: ReportMasker) -> SeedPlan:
    """Values are shortened when they are shown: a part of a secret would not be recognised any more."""
    resources = tuple(
        replace(
            resource,
            differences=tuple(
                replace(each, old=masker.mask_object(each.old), new=masker.mask_object(each.new))
                for each in resource.differences
            ),
        )
        for resource in plan.resources
    )
    return replace(plan, resources=resources)


def _node_lines(nodes: Sequence[Manifest]) -> Iterator[str]:
    for node in nodes:
        yield f"{ref_of(node).name}\n"
        for condition in mappings_in(node, "status", "conditions"):
            why = ": ".join(str(condition[part]) for part in ("reason", "message") if condition.get(part))
            yield f"  {condition.get('type')} is {condition.get('status')} since {condition.get('lastTransitionTime')}"
            yield f": {why}\n" if why else "\n"


def _all_objects(evidence: Evidence) -> Iterator[Manifest]:
    for report in evidence.reports:
        yield from report.manifests
    if evidence.rendered is not None:
        for kustomization in evidence.rendered.kustomizations:
            yield from kustomization.objects
        for prepared in evidence.rendered.releases:
            yield from prepared.manifests or ()
            yield from prepared.crds


def _is_secret(value: DeclaredValue) -> bool:
    return value.is_variable or is_secret_name(value.path)


def _shown(value: DeclaredValue) -> DeclaredValue:
    return replace(value, value=MASK) if _is_secret(value) else value


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _safe(name: str) -> str:
    return _UNSAFE.sub("-", name).strip("-.")[:_LONGEST_NAME]


def file_name(path: Path) -> str:
    """The path of a log in a report."""
    return "/".join(_safe(part) for part in path.parts)
