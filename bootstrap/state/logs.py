"""The logs of a stack: of runs, and of the programs that keep running."""

from collections import deque
from pathlib import Path

from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.stack import StatePaths

_EVENTS = ".events.jsonl"
_NAMED = 5


def log_files(state: StatePaths) -> tuple[Path, ...]:
    """Every log of the stack, the one written last first."""
    files = {file for file in state.folder.rglob("*.log") if file.is_file()}
    return tuple(sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True))


def find_log(state: StatePaths, name: str | None) -> Path:
    """The newest log of this program or verb; without a name that of the last run.

    Raises:
        RefusedError: the stack has no log yet.
        UsageError: no log has this name.
    """
    logs = log_files(state)
    if not logs:
        raise RefusedError("there is no log of this stack", fix="run: bootstrap up")
    # A run's log carries the time it began: up-20260102-030405.log.
    for file in logs:
        stem, _, rest = file.stem.partition("-20")
        if name == file.stem or (rest and name in {None, stem}):
            return file
    names = sorted({file.stem.partition("-20")[0] for file in logs})
    raise UsageError(f"no log of {name or 'a run'}", fix=f"one of: {', '.join(names)}")


def events_file(log: Path) -> Path:
    """The events of the run whose log this is, as JSON lines."""
    return log.with_suffix(_EVENTS)


def last_events(state: StatePaths) -> Path | None:
    """The events of the run that began last; None if there was none.

    One that only looked at the stack has none.
    """
    return max(state.logs.glob(f"*{_EVENTS}"), key=lambda file: file.stat().st_mtime_ns, default=None)


def find_events(state: StatePaths, name: str | None) -> Path:
    """The events of the run of this name (as its log), else of the newest run of this verb; without one the newest.

    Raises:
        RefusedError: the stack has no recorded run.
        UsageError: no recorded run has this name.
    """
    files = sorted(state.logs.glob(f"*{_EVENTS}"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    if not files:
        raise RefusedError("no run of this stack is recorded", fix="run: bootstrap up")
    for file in files:
        run = run_name(file)
        if name in {None, run, run.partition("-20")[0]}:
            return file
    names = ", ".join(run_name(file) for file in files[:_NAMED])
    raise UsageError(f"no run is called {name}", evidence=(f"the last runs: {names}",), fix="name one of them")


def run_name(events: Path) -> str:
    """The name of the run of an events file: that of its log."""
    return events.name.removesuffix(_EVENTS)


def end_of(file: Path, size: int) -> str:
    """The last `size` bytes of a file as text."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - size))
        return stream.read().decode(errors="replace")


def last_lines(file: Path, count: int) -> str:
    """The last `count` lines; all of them for 0."""
    with file.open(errors="replace") as stream:
        return "".join(deque(stream, count or None))
