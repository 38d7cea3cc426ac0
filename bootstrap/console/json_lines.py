"""Events as JSON lines for programs; docs/events.md is the contract."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

from bootstrap.console.mask import SECRETS, Masker
from bootstrap.console.stream import Writer
from bootstrap.errors import BootstrapError, InvalidError, Place
from bootstrap.model.event import (
    Event,
    Noted,
    Planned,
    RunFinished,
    RunStarted,
    Status,
    StepFinished,
    StepProgress,
    StepStarted,
)
from bootstrap.model.pod_times import PodTimes
from bootstrap.model.step import Action, Edge, Replace, Step

VERSION = 1
"""Of the records; grows only when a field changes its meaning or goes."""
_OURS = frozenset({"type", "version", "at", "status", "action"})
"""Fields whose values are words of ours: a secret that is such a word does not change them."""


class JsonRenderer:
    """One record a line."""

    def __init__(self, writer: Writer, *, secrets: Masker = SECRETS) -> None:
        self._writer = writer
        self._secrets = secrets

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._writer.write(line(event_record(event), secrets=self._secrets))

    def close(self) -> None:
        """Nothing to give back."""


def line(record: Mapping[str, Any], *, secrets: Masker = SECRETS) -> str:
    """A record as one line of plain ASCII, its texts masked before JSON's quotes are around them."""
    return json.dumps(_masked(record, secrets), separators=(",", ":")) + "\n"


def event_record(event: Event) -> dict[str, Any]:
    """The stable form of an event."""
    at = {"at": moment(event.at)}
    match event:
        case RunStarted(command=command, stack=stack, headline=headline):
            first = {"type": "run_started", "version": VERSION}
            return first | at | {"command": command, "stack": stack, "headline": headline}
        case Planned(plan=plan):
            return (
                {"type": "planned"}
                | at
                | {
                    "changes": plan.changes,
                    "steps": [step_record(step) for step in plan.steps],
                    "edges": [edge_record(edge) for edge in plan.edges],
                }
            )
        case Noted(note=note):
            return {"type": "noted"} | at | {"text": note.text, "place": place_record(note.place)}
        case RunFinished():
            return {"type": "run_finished"} | at | _end(event)
        case StepStarted() | StepProgress() | StepFinished():
            return _step_event(event)
        case _:
            assert_never(event)


def error_record(error: BootstrapError, *, at: datetime) -> dict[str, Any]:
    """The error that ended a run, as the last record; also the first where the run had not begun."""
    return {"type": "error", "version": VERSION, "at": moment(at), **error_fields(error)}


def error_fields(error: BootstrapError) -> dict[str, Any]:
    """An error's parts; null if there is none."""
    fields: dict[str, Any] = {
        "what": error.what,
        "exit_code": int(error.exit_code),
        "evidence": list(error.evidence),
        "command": error.command,
        "fix": error.fix,
        "log": error.log,
    }
    if isinstance(error, InvalidError):
        fields["problems"] = [
            {"place": place_record(problem.place), "text": problem.text} for problem in error.problems
        ]
    return fields


def step_record(step: Step) -> dict[str, Any]:
    """A step of a plan."""
    action = step.action
    replaces = (
        {
            "reasons": list(action.replacement.reasons),
            "losses": list(action.replacement.losses),
            "consented": action.consented,
        }
        if isinstance(action, Replace)
        else None
    )
    head = {"id": step.id, "action": action_name(action), "needs": list(step.needs), "reason": step.reason}
    return head if replaces is None else {**head, "replaces": replaces}


def edge_record(edge: Edge) -> dict[str, Any]:
    """What a step waits for, and why."""
    return {"step": edge.step, "needs": edge.needs, "kind": edge.kind.value, "reason": edge.reason}


def _pod_record(pod: PodTimes) -> dict[str, Any]:
    points = {name: getattr(pod, name) for name in ("created", "scheduled", "pulled", "started", "ready")}
    times = {name: None if at is None else moment(at) for name, at in points.items()}
    head = {"namespace": pod.namespace, "name": pod.name, "node": pod.node or None}
    pulls = [{"image": image, "took": took} for image, took in (pod.pulls or {}).items()]
    return {**head, **times, "restarts": pod.restarts, "pulls": pulls}


def action_name(action: Action) -> str:
    """`install_release` for InstallRelease."""
    name = type(action).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def place_record(place: Place | None) -> dict[str, Any] | None:
    """A place in a file; null if there is none."""
    return None if place is None else {"file": place.file, "line": place.line, "path": place.path}


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _step_event(event: StepStarted | StepProgress | StepFinished) -> dict[str, Any]:
    common = {"at": moment(event.at), "step": event.step}
    match event:
        case StepStarted(reason=reason):
            return {"type": "step_started"} | common | {"reason": reason}
        case StepProgress(text=text):
            return {"type": "step_progress"} | common | {"text": text}
        case StepFinished(outcome=outcome, seconds=seconds):
            skipped = outcome.status is Status.SKIPPED
            ended = {
                "status": outcome.status.value,
                "seconds": round(float(seconds), 3),
                "detail": None if skipped else outcome.detail,
                "because_of": outcome.detail or None if skipped else None,
                "error": None if outcome.error is None else error_fields(outcome.error),
                "pods": [_pod_record(pod) for pod in outcome.pods],
            }
            return {"type": "step_finished"} | common | ended


def _end(event: RunFinished) -> dict[str, Any]:
    counts = {status.value: event.counts.get(status.value, 0) for status in Status}
    return {
        "exit_code": int(event.exit_code),
        "seconds": round(float(event.seconds), 3),
        "counts": counts,
        "log": event.log,
        "summary": list(event.summary),
    }


def _masked(value: Any, secrets: Masker) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(value, str):
        return secrets.mask(value)
    if isinstance(value, Mapping):
        return {key: part if key in _OURS else _masked(part, secrets) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, secrets) for part in value]
    return value
