"""The data of an emulator that runs as a process: the folder into which it saves what it keeps when it ends."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.emulators.daemon import Resident
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.process_record import EmulatorFolder, Record
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.copies import copy_folder, exchange, remove_copies, staged, used_bytes
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

_RECORD = "emulator.json"
_CONTENTS = "contents"
_TEMPORARY = frozenset({"tmp"})
"""Of one run of the process."""


class ProcessState:
    """Implements `ports.SavedPart` for a driver that saves its data when it ends in order."""

    placeable = True

    def __init__(self, state: StatePaths, driver: EmulatorDriver, processes: Processes) -> None:
        self._folder = EmulatorFolder(state.emulator)
        self._driver = driver
        self._resident = Resident(
            driver.name.value, self._folder.identity_file, state.logs / "emulator.log", processes, seconds=0
        )

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`."""
        return {"emulator": f"{self._driver.name} as a process"}

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`."""
        del work
        return ()

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`: what it has in memory is written when it ends, beside what it has on disk."""
        del cancel
        return 2 * used_bytes(self._folder.contents)

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`."""
        work.notify("stopping the emulator")
        self._resident.stop_saving(work.cancel)

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`.

        Raises:
            StepFailedError: it did not end in order, so that its data is not whole.
        """
        record = self._folder.record()
        if record is None or not self._folder.is_whole:
            raise StepFailedError(
                f"{self._driver.name} ended without saving all its data",
                fix="bring it up again: bootstrap up",
                log="its log: bootstrap logs emulator",
            )
        copy_folder(self._folder.contents, folder / _CONTENTS, work.cancel, without=_TEMPORARY)
        write_whole(folder / _RECORD, json.dumps(dataclasses.asdict(record)).encode())

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`."""
        private_folder(self._folder.folder)
        remove_copies(self._folder.contents)
        target, whole = staged(self._folder.contents), self._folder.whole.name
        copy_folder(folder / _CONTENTS, target, work.cancel, without=frozenset({whole}))
        # Last: a copy that was cut off is not whole.
        (target / whole).touch(mode=0o600)

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`; the emulator stays at its port."""
        work.cancel.check()
        if not (self._folder.is_whole or (staged(self._folder.contents) / self._folder.whole.name).exists()):
            # Exchanged and started by a run that was cut off, and then killed: it begins again.
            self.stage(folder, work)
        exchange(self._folder.contents)
        saved, current = _saved_record(folder), self._folder.record()
        port = saved.port if current is None else current.port
        # Data of before any start: the next one goes on with it.
        self._folder.remember(dataclasses.replace(saved, port=port, started=0.0))

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: the port starts its processes."""

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`: nothing is left to do."""
        del folder, work
        return ()

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`."""
        del work
        remove_copies(self._folder.contents)


def _saved_record(folder: Path) -> Record:
    file = folder / _RECORD
    try:
        return Record(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise RefusedError(f"{file} is damaged: {error}", fix="restore another snapshot") from error
