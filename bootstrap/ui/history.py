"""The runs of a stack, from their recorded events: how each ended, and where its time went."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.console.events_file import records_of
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.json_form import timeline_document
from bootstrap.console.timeline.text import where_time_went
from bootstrap.errors import UsageError
from bootstrap.model.stack import StatePaths
from bootstrap.ui.run_events import first_record, is_going_on, last_record, name_of, newest_run, runs

_SHOWN = 100
_LARGEST = 32 << 20


def runs_json(state: StatePaths) -> dict[str, Any]:
    """`{"runs": [{"run", "command", "at", "ended", "exit_code", "seconds", "counts", "error"}]}`, the newest first."""
    newest = newest_run(state)
    going_on = name_of(newest) if newest is not None and is_going_on(state) else ""
    return {"runs": [_line(file, going_on) for file in runs(state)[:_SHOWN]]}


def run_json(state: StatePaths, run: str) -> dict[str, Any]:
    """`{"run", "timeline", "time", "errors", "warnings"}` of one run, as `timeline` has it; null: it began nothing.

    Raises:
        UsageError: there is no such run, or it is too long for a page.
    """
    file = next((file for file in runs(state) if name_of(file) == run), None)
    if file is None:
        raise UsageError(f"there is no run {run}")
    if file.stat().st_size > _LARGEST:
        raise UsageError(f"the events of {run} are too long for a page", fix=f"read {file}")
    records = records_of(file.read_text(errors="replace"))
    timeline = timeline_of(records, run)
    return {
        "run": run,
        "timeline": None if timeline is None else timeline_document(timeline),
        "time": "" if timeline is None else where_time_went(timeline),
        "errors": [
            {**error, "what": f"{record['step']}: {error['what']}" if record.get("step") else error["what"]}
            for record in records
            if (error := record if record.get("type") == "error" else record.get("error"))
        ],
        "warnings": [record["text"] for record in records if record.get("type") == "noted"],
    }


def _line(file: Path, going_on: str) -> Mapping[str, Any]:
    first, last = first_record(file), last_record(file)
    finished = last if last.get("type") == "run_finished" else {}
    error = last if last.get("type") == "error" else {}
    return {
        "run": name_of(file),
        "command": first.get("command") or "",
        "at": first.get("at") or last.get("at"),
        "ended": "" if name_of(file) == going_on else "yes" if finished or error else "cut off",
        "exit_code": finished.get("exit_code", error.get("exit_code")),
        "seconds": finished.get("seconds"),
        "counts": finished.get("counts") or {},
        "error": error.get("what"),
    }
