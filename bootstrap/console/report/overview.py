"""The beginning of a report: what failed, every step of the last run, and what is not ready."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.console.errors import error_text
from bootstrap.console.format import lasted
from bootstrap.console.json_lines import error_fields
from bootstrap.errors import BootstrapError, SeveralError

_UNFINISHED = "not finished"
"""A step that a killed run had begun."""

_MOST, _LONGEST = 40, 20_000
"""Failures, and characters of one: the log has them whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepLine:
    """One step of the last run."""

    step: str
    status: str
    time: str = ""
    detail: str = ""


@dataclass(kw_only=True, slots=True)
class Overview:
    """What is shown first."""

    title: str
    facts: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    """Each as it would be printed, whole."""
    steps: tuple[StepLine, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    """Parts of the report that could not be read, and why."""

    def text(self) -> str:
        """The same as plain text."""
        lines = [self.title, *(f"{name}: {text}" for name, text in self.facts.items()), ""]
        lines += [f"{failure}\n" for failure in self.failures]
        lines += [f"{part} could not be read: {why}" for part, why in self.missing.items()]
        lines += [f"{step.step}: {step.status} {step.time} {step.detail}".rstrip() for step in self.steps]
        return "\n".join(lines) + "\n"


def steps_of(records: Iterable[Mapping[str, Any]]) -> tuple[StepLine, ...]:
    """Every step of a run in the order of its plan, with how it ended."""
    lines: dict[str, StepLine] = {}
    for record in records:
        step = str(record.get("step", ""))
        match record.get("type"):
            case "planned":
                for planned in record.get("steps") or ():
                    lines.setdefault(planned["id"], StepLine(step=planned["id"], status="not started"))
            case "step_started" | "step_progress":
                detail = str(record.get("reason") or record.get("text") or "")
                lines[step] = StepLine(step=step, status=_UNFINISHED, detail=detail)
            case "step_finished":
                lines[step] = _ended(step, record)
            case _:
                pass
    return tuple(lines.values())


def _ended(step: str, record: Mapping[str, Any]) -> StepLine:
    error = record.get("error") or {}
    because = record.get("because_of")
    detail = error.get("what") or (f"because of {because}" if because else record.get("detail"))
    seconds = float(record.get("seconds") or 0)
    return StepLine(step=step, status=str(record.get("status")), time=lasted(seconds), detail=str(detail or ""))


def failures_in(records: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The errors of a run as text, the same one once."""
    errors = [(f"{record['step']}: ", record["error"]) for record in records if record.get("error")]
    errors += [("", record) for record in records if record.get("type") == "error"]
    texts = dict.fromkeys(_text(where, error)[:_LONGEST] for where, error in errors)
    return tuple(texts)[:_MOST]


def failures_of_error(error: BootstrapError) -> tuple[str, ...]:
    """The error that ended a run outside its steps; of several each."""
    errors: Sequence[BootstrapError] = error.errors if isinstance(error, SeveralError) else (error,)
    return tuple(error_text(each, whole=True).rstrip()[:_LONGEST] for each in errors)


def _text(where: str, error: Mapping[str, Any]) -> str:
    lines = [f"Error: {where}{error.get('what')}", *(f"  {line}" for line in error.get("evidence") or ())]
    if error.get("command"):
        lines.append(f"  Command: {error['command']}")
    if error.get("fix"):
        lines.append(f"Fix:   {error['fix']}")
    return "\n".join(lines)


def missing_of(problems: Mapping[str, BootstrapError]) -> dict[str, str]:
    """Why parts could not be read, in one line each."""
    return {part: " · ".join(filter(None, (_what(error), error.fix))) for part, error in problems.items()}


def _what(error: BootstrapError) -> str:
    return str(error_fields(error)["what"]).replace("\n", " ")
