"""The full log of a run, always kept in a file."""

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path

from bootstrap.console.errors import error_text
from bootstrap.console.mask import SECRETS, Masker
from bootstrap.console.plain import PlainRenderer
from bootstrap.model.event import Event, StepFinished
from bootstrap.system.files import private_folder

_EVERYTHING = 2


def log_path(folder: Path, command: str, at: datetime) -> Path:
    """`<folder>/up-20260102-101500.log`; `command` is the verb."""
    verb = re.sub(r"[^a-z0-9]+", "-", command.lower()).strip("-") or "run"
    return folder / f"{verb}-{at:%Y%m%d-%H%M%S}.log"


class LogRenderer:
    """Every event as a line, whole errors included; the file is its owner's alone (0600)."""

    def __init__(self, file: Path, *, secrets: Masker = SECRETS) -> None:
        private_folder(file.parent)
        self._descriptor: int | None = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._secrets = secrets
        self._plain = PlainRenderer(self, verbosity=_EVERYTHING)

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._plain(event)
        if isinstance(event, StepFinished) and event.outcome.error is not None:
            self.write(error_text(event.outcome.error, whole=True))

    def write(self, text: str) -> None:
        """See `Writer`; a full disk ends the log, not the run."""
        if self._descriptor is None or not text:
            return
        ended = text if text.endswith("\n") else text + "\n"
        try:
            os.write(self._descriptor, self._secrets.mask(ended).encode("utf-8", "backslashreplace"))
        except OSError:
            self.close()

    def close(self) -> None:
        """See `Renderer`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
