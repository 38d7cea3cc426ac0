"""The journal of runs, written at step boundaries: the next run reads what a killed one left behind."""

import dataclasses
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.model.event import Event, RunFinished, RunStarted, Status, StepFinished, StepStarted
from bootstrap.system.clock import Clock
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Command, ProcessIdentity

_LARGE = 1 << 20
_EVIDENCE = 20
"""Lines of an error that are kept; the log has all."""


class Journal:
    """Appends JSON lines; every line is on disk before the call returns.

    It is an event renderer (`write`) and records children (`child`), from any thread.
    """

    def __init__(self, file: Path, clock: Clock, *, mask: Callable[[str], str] = str) -> None:
        """`mask` hides secrets in the texts of errors."""
        self._file = file
        self._mask = mask
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Write nothing more: the state folder is being removed."""
        with self._lock:
            self._closed = True

    def write(self, event: Event) -> None:
        """Record the begin and end of runs and steps."""
        match event:
            case RunStarted(command=command):
                self._append("run_started", command=command, pid=os.getpid())
            case StepStarted(step=step):
                self._append("step_started", step=step)
            case StepFinished(step=step, outcome=outcome, seconds=seconds):
                error = {} if outcome.error is None else {"error": self._written(outcome.error)}
                self._append("step_finished", step=step, status=outcome.status.value, seconds=seconds, **error)
            case RunFinished(exit_code=exit_code):
                self._append("run_finished", exit_code=exit_code)
            case _:
                pass

    def child(self, identity: ProcessIdentity, command: Command) -> None:
        """Record a child process before its program starts."""
        self._append("child", **dataclasses.asdict(identity), polite=command.polite.name)

    def children(self) -> Iterator[tuple[ProcessIdentity, str]]:
        """Every recorded child process, with the name of the signal that asks it to stop."""
        for line in self._lines():
            if line.get("type") == "child":
                yield (
                    ProcessIdentity(pid=line["pid"], started=line["started"], program=line["program"]),
                    line["polite"],
                )

    def failures(self) -> Mapping[str, BootstrapError]:
        """By step that failed when it was performed last: the error, with its first lines of evidence."""
        last = {line["step"]: line for line in self._lines() if line.get("type") == "step_finished"}
        return {
            step: BootstrapError(error["what"], evidence=error["evidence"], fix=error["fix"], log=error["log"])
            for step, line in last.items()
            if (error := line.get("error")) is not None
        }

    def seconds(self) -> Mapping[str, float]:
        """By step the time that it took when it was done last."""
        return {
            str(line["step"]): float(line["seconds"])
            for line in self._lines()
            if line.get("type") == "step_finished" and line.get("status") == Status.DONE and "seconds" in line
        }

    def _written(self, error: BootstrapError) -> Mapping[str, object]:
        evidence = [self._mask(text) for text in error.evidence[:_EVIDENCE]]
        return {
            "what": self._mask(error.what),
            "evidence": evidence,
            "fix": None if error.fix is None else self._mask(error.fix),
            "log": error.log,
        }

    def compact(self) -> None:
        """Delete old records of a large journal; only if none of its child processes is running."""
        if self._file.exists() and self._file.stat().st_size > _LARGE:
            write_whole(self._file, b"")

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self._file.exists():
            return
        for text in self._file.read_text(errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # a kill in the middle of a write leaves at most one half line
            if isinstance(line, dict):
                yield line

    def _append(self, kind: str, **fields: object) -> None:
        # Starts a new line even after the incomplete line of a killed run.
        line = "\n" + json.dumps({"type": kind, "at": self._clock.now().isoformat(), **fields}) + "\n"
        with self._lock:
            if self._closed:
                return
            private_folder(self._file.parent)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
