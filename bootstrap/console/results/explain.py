"""The result of `explain`: text for people, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bootstrap.console.json_lines import VERSION, error_fields
from bootstrap.console.results.status import cause_record
from bootstrap.errors import BootstrapError
from bootstrap.model.object_report import Explanation, ObjectReport

_NOTHING = (
    "Everything is ready. To examine one step or object, name it, for example: bootstrap explain Deployment/web\n"
)


def explain_text(explanation: Explanation) -> str:
    """How steps failed last, then each object with its causes and the fix, its conditions, events and logs."""
    blocks = [_failure(step, error) for step, error in explanation.failures.items()]
    blocks += [list(_lines(report)) for report in explanation.reports]
    if not blocks:
        return f"{explanation.subject}: everything in it is ready\n" if explanation.subject else _NOTHING
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def explain_json(explanation: Explanation) -> str:
    """`{"version": 1, "failures": […], "stories": [{"object", "ready", "state", "step", "causes", …}]}`."""
    return json.dumps({"version": VERSION, **explain_records(explanation)}, indent=2) + "\n"


def explain_records(explanation: Explanation) -> dict[str, Any]:
    """The failures and the stories of the JSON."""
    return {
        "failures": [{"step": step, **error_fields(error)} for step, error in explanation.failures.items()],
        "stories": [report_record(report) for report in explanation.reports],
    }


def _failure(step: str, error: BootstrapError) -> list[str]:
    """The error that ended a step when it was performed last."""
    lines = [f"{step} failed last time: {error.what}", *(f"  {line}" for line in error.evidence)]
    lines += [f"  Fix: {error.fix}"] if error.fix else []
    return lines + ([f"  Log: {error.log}"] if error.log else [])


def _lines(report: ObjectReport) -> Iterator[str]:
    yield f"{report.object}: {report.state}" + (", its pods are simulated: nothing in them runs" * report.simulated)
    if report.step:
        needed = f", which {', '.join(report.needed_by)} need{'s' if len(report.needed_by) == 1 else ''}"
        yield f"  created by {report.step}" + (needed if report.needed_by else "")
    for cause in report.causes:
        yield f"  Cause: {cause.text}"
        yield from (f"    {line}" for line in cause.evidence)
        if cause.fix:
            yield f"    Fix: {cause.fix}"
    yield from _section("Conditions", report.conditions)
    yield from _section("Events", report.events)
    for log in report.logs:
        run = "previous run" if log.previous else "current run"
        yield from _section(f"Log of {log.pod}/{log.container}, {run}", log.lines)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}:"
        yield from (f"    {line}" for line in lines)


def report_record(report: ObjectReport) -> dict[str, Any]:
    """An object as JSON has it."""
    ref = report.object
    return {
        "object": {"api_version": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name},
        "ready": report.ready,
        "there": report.there,
        "simulated": report.simulated,
        "state": report.state,
        "step": report.step,
        "needed_by": list(report.needed_by),
        "causes": [cause_record(cause) for cause in report.causes],
        "conditions": list(report.conditions),
        "events": list(report.events),
        "logs": [
            {"pod": log.pod, "container": log.container, "previous": log.previous, "lines": list(log.lines)}
            for log in report.logs
        ],
    }
