"""A run's events in a file: the one of --events, and the one that is kept beside the run's log."""

import contextlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bootstrap.console.json_lines import error_record, event_record, line
from bootstrap.console.mask import SECRETS, Masker
from bootstrap.errors import BootstrapError, SeveralError
from bootstrap.model.event import Event
from bootstrap.system.files import private_folder

_OURS, _USERS = 0o600, 0o666


class EventsFile:
    """One record a line; whoever follows the file sees each event at once."""

    def __init__(self, file: Path, *, more: bool = False, kept: bool = False, secrets: Masker = SECRETS) -> None:
        """`more`: the records that are in the file stay. `kept`: beside a log, its owner's alone."""
        if kept:
            private_folder(file.parent)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if more else os.O_TRUNC)
        self._descriptor: int | None = os.open(file, flags, _OURS if kept else _USERS)
        self._kept = kept
        self._secrets = secrets

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._write(line(event_record(event), secrets=self._secrets))

    def aborted(self, error: BootstrapError) -> None:
        """Add the error that ended the run outside its steps."""
        for each in error.errors if isinstance(error, SeveralError) else (error,):
            self._write(line(error_record(each, at=datetime.now(UTC)), secrets=self._secrets))

    def close(self) -> None:
        """See `Renderer`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _write(self, text: str) -> None:
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, text.encode())
        except OSError:
            # A full disk ends what is kept for later, not the run; what was asked for is missed.
            if not self._kept:
                raise
            self.close()


def records_of(lines: str) -> tuple[Mapping[str, Any], ...]:
    """The records of an events file; the half line of a killed run is left out."""
    records = []
    for text in lines.splitlines():
        try:
            record = json.loads(text)
        except ValueError:
            continue
        if isinstance(record, Mapping):
            records.append(record)
    return tuple(records)
