"""How a run ended, as JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.console.json_lines import VERSION, error_fields
from bootstrap.engine.run import Report
from bootstrap.model.stack import Stack


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """A run of one stack that has ended."""

    stack: Stack
    report: Report


def run_json(result: RunResult) -> str:
    """`{"version": 1, "stack", "name", "exit_code", "seconds", "steps": [{"id", "status", "detail", "error"}]}`."""
    return _json({"version": VERSION, **_fields(result)})


def runs_json(results: Sequence[RunResult]) -> str:
    """`{"version": 1, "stacks": […]}`, each as `run_json`."""
    return _json({"version": VERSION, "stacks": [_fields(result) for result in results]})


def _fields(result: RunResult) -> dict[str, Any]:
    return {
        "stack": result.stack.name,
        "name": result.stack.instance,
        "exit_code": int(result.report.exit_code),
        "seconds": round(result.report.seconds, 3),
        "steps": [
            {
                "id": step,
                "status": outcome.status.value,
                "detail": outcome.detail,
                "error": None if outcome.error is None else error_fields(outcome.error),
            }
            for step, outcome in result.report.outcomes.items()
        ],
    }


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
