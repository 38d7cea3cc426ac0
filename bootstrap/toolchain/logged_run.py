"""Runs a long command that writes a log, and reports how far it is."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, CommandFailedError, Finished, Processes
from bootstrap.toolchain.source import CannotGiveError

_SAY_SECONDS = 5.0
_LAST_LINES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedRun:
    """Runs commands one after the other into one log, which is kept."""

    processes: Processes
    log: Path

    def begin(self) -> None:
        """An empty log, in a folder that is there."""
        private_folder(self.log.parent)
        self.log.write_bytes(b"")

    def run(self, command: Command, cancel: CancelToken, report: Callable[[float, list[str]], None]) -> None:
        """Run it; `report` is given the seconds so far and the lines of the log, every few seconds.

        Raises:
            CannotGiveError: it failed; names its last lines.
        """
        try:
            _watch(
                lambda: self.processes.run(self._logged(command), cancel),
                cancel,
                lambda seconds: report(seconds, self._lines()),
            )
        except CommandFailedError as error:
            last = "; ".join(self._lines()[-_LAST_LINES:]) or self._silent(error)
            raise CannotGiveError(f"{command} failed: {last} (log: {self.log})") from error

    def _lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()

    def _logged(self, command: Command) -> Command:
        """The same command with its output in the log, which can be read while it runs."""
        argv = ("/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', str(self.log), *command.argv)
        return Command(argv=argv, env=command.env, cwd=command.cwd, tethered=True)

    def _silent(self, error: CommandFailedError) -> str:
        """What is known of a command that printed nothing: its log lies on the disk that it fills."""
        folder = self.log.parent
        free = shutil.disk_usage(folder).free >> 20
        return f"exit code {error.finished.returncode} without output; {free} MiB are free on the disk of {folder}"


def _watch(work: Callable[[], Finished], cancel: CancelToken, report: Callable[[float], None]) -> None:
    """Do the work in a thread, reporting every few seconds how long it has taken; its error is raised here."""
    ended = threading.Event()

    def end(_future: Future[Finished]) -> None:
        ended.set()

    began = cancel.clock.monotonic()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="build") as pool:
        future = pool.submit(work)
        future.add_done_callback(end)
        while not cancel.clock.wait(ended, _SAY_SECONDS):
            report(cancel.clock.monotonic() - began)
        future.result()
