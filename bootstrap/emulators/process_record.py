"""What a stack remembers of its emulator process."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError, StepFailedError
from bootstrap.system.files import private_folder, write_whole


class DamagedRecordError(BootstrapError):
    """The record cannot be read: nothing says which process is the emulator's, and what it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """How the emulator was started last."""

    driver: str
    version: str
    """Of the installed distribution."""
    region: str
    persist: bool
    port: int
    started: float
    """Seconds since the epoch."""


class EmulatorFolder:
    """`state.emulator`: the record, the process identity, and what the emulator keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity_file = folder / "process.json"
        self._record_file = folder / "emulator.json"
        self.contents = folder / "contents"
        self.home = self.contents / "tmp"
        """The process has it as its HOME, and no other process has."""
        self.whole = self.contents / "whole"
        """Exists while all that the contents hold is saved; the process removes it before it changes them."""

    @property
    def is_used(self) -> bool:
        """Whether one was ever started here."""
        return self._record_file.exists()

    @property
    def is_whole(self) -> bool:
        """Whether all of the contents is saved: the last process ended in order, or never came to change them."""
        return self.whole.exists()

    def record(self) -> Record | None:
        """The last start, or None.

        Raises:
            DamagedRecordError: it cannot be read.
        """
        try:
            saved = _read(self._record_file)
        except ValueError as error:
            raise DamagedRecordError(f"its record {self._record_file} is damaged: {error}") from error
        try:
            return None if saved is None else Record(**saved)
        except TypeError as error:
            raise StepFailedError(
                f"{self._record_file} was written by another version of bootstrap",
                fix="run the bootstrap that wrote it, or remove the file after ending its emulator",
            ) from error

    def remember(self, record: Record) -> None:
        """Write it down; comes before the start."""
        self.identity_file.unlink(missing_ok=True)
        write_whole(self._record_file, json.dumps(dataclasses.asdict(record)).encode())

    def make(self) -> None:
        """All folders, private."""
        for name in ("tmp", "state", "s3"):
            private_folder(self.contents / name)

    def forget_contents(self) -> None:
        """Lose the data; a later start begins empty."""
        if self.contents.exists():
            shutil.rmtree(self.contents)

    def remove(self) -> None:
        """Everything of it; another kind of emulator may have its own here."""
        self.forget_contents()
        for file in (self.identity_file, self._record_file):
            file.unlink(missing_ok=True)
        _remove_empty(self.folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class Forward:
    """What a port of this machine leads to: one Service of a proven cluster."""

    release: str
    """NAMESPACE/NAME of the HelmRelease that the Service is of."""
    namespace: str
    service: str
    service_port: str
    """The name of the Service's port; empty if it has none."""
    port: int
    """On 127.0.0.1."""
    kubeconfig: str
    uid: str
    """Of the cluster."""
    kubectl: str
    """The program that forwards."""


class ForwardFolder:
    """`state.emulator` of one that is a release: the way to it, and the processes that keep it open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "forward"
        self._file = self._folder / "forward.json"
        self.keeper = self._folder / "keeper.json"
        """Who keeps the way open."""
        self.kubectl = self._folder / "kubectl.json"
        """The program that forwards, a child of the keeper."""
        self.kubectl_log = self._folder / "kubectl.log"
        self.discovery = self._folder / "discovery"

    @property
    def is_used(self) -> bool:
        """Whether anything was ever led to from here."""
        return self._file.exists()

    def forward(self) -> Forward | None:
        """Where it leads, or None; one that another version of bootstrap wrote, or that is damaged, is none."""
        try:
            return Forward(**(_read(self._file) or {}))
        except (TypeError, ValueError):
            return None

    def remember(self, forward: Forward) -> None:
        """Write it down; comes before the start."""
        self.keeper.unlink(missing_ok=True)
        write_whole(self._file, json.dumps(dataclasses.asdict(forward)).encode())

    def remove(self) -> None:
        """Everything."""
        if self._folder.exists():
            shutil.rmtree(self._folder)
        _remove_empty(self._folder.parent)


class ContainerFolder:
    """`state.emulator` of one that runs as a container: the engine remembers all but the port that was found free."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "container.json"

    @property
    def is_used(self) -> bool:
        """Whether one was ever made."""
        return self._file.exists()

    def port(self) -> int:
        """The port of the last start; 0: none yet."""
        return int(self._noted().get("port", 0))

    def remember(self, port: int) -> None:
        """Write it down; comes before the start."""
        self._write(port=port)

    def keep(self, spec: Mapping[str, str]) -> None:
        """Note that the contents which a container of this kind left are whole."""
        self._write(kept=dict(spec))

    def started(self) -> None:
        """Note that the contents are in use: only a container that ends in order leaves them whole."""
        self._write(kept=None)

    def kept(self) -> Mapping[str, str] | None:
        """The kind of container that left whole contents; None: none did, or they are in use."""
        return self._noted().get("kept")

    def _noted(self) -> Mapping[str, Any]:
        """What is written down; nothing if it is damaged: the engine remembers the rest."""
        try:
            return _read(self._file) or {}
        except ValueError:
            return {}

    def _write(self, **fields: object) -> None:
        write_whole(self._file, json.dumps({**self._noted(), **fields}).encode())

    def remove(self) -> None:
        """Everything of it."""
        self._file.unlink(missing_ok=True)
        _remove_empty(self._folder)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _read(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    record = json.loads(file.read_text())
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - as if it were not JSON
    return record
