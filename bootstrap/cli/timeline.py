"""Finds a recorded run and makes its timeline."""

import os
import shutil
from pathlib import Path

from bootstrap.cli.options import StackOptions
from bootstrap.cli.session import state_of
from bootstrap.config.flags import DEFAULT_STACK
from bootstrap.console.events_file import records_of
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.model import Timeline
from bootstrap.errors import RefusedError, UsageError
from bootstrap.state.logs import find_events, run_name


def read_run(run: str | None, stack: StackOptions) -> Timeline:
    """The timeline of a run: of an events file, or of a run of the stack by its name or verb.

    Raises:
        RefusedError: nothing is recorded, or the file cannot be read.
        UsageError: no run has this name.
    """
    file = _events_of(run, stack)
    try:
        text = file.read_text(errors="replace")
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}", fix="name another run") from error
    timeline = timeline_of(records_of(text), run_name(file))
    if timeline is None:
        raise RefusedError(
            f"no run has begun in {file}", fix="name another run, or write one: bootstrap up --events FILE"
        )
    return timeline


def write_result_file(file: Path, text: str) -> None:
    """Write a file that the user asked for.

    Raises:
        RefusedError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file} cannot be written: {error.strerror}", fix="name another file") from error


def terminal_width() -> int:
    """The columns of the terminal, or 80 (COLUMNS decides)."""
    return shutil.get_terminal_size().columns


def _events_of(run: str | None, stack: StackOptions) -> Path:
    if run is not None and (os.sep in run or Path(run).is_file()):
        return Path(run)
    state = state_of(stack)
    if state is None or not state.folder.exists():
        name = stack.reference or DEFAULT_STACK
        raise RefusedError(f"no run of stack {name} is recorded", fix="name its stack: --stack NAME, or an events file")
    try:
        return find_events(state, run)
    except UsageError as error:
        error.fix = f"name one of them; if {run} is a stack: --stack {run}"
        raise
