"""The data of the embedded cluster as files: etcd's folder, its keys, and its record."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap.clusters.kwok.component_processes import Children
from bootstrap.clusters.kwok.layout import Layout, Record, read_record, write_record
from bootstrap.errors import RefusedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.copies import copy_file, copy_folder, exchange, remove_copies, staged, used_bytes
from bootstrap.system.filelock import hold
from bootstrap.system.files import private_folder
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work


class KwokState:
    """Implements `ports.SavedPart`.

    Every component is stopped and started again, so that none keeps a newer world than the one restored: etcd's
    revisions may go back.
    """

    placeable = True

    def __init__(
        self, state: StatePaths, processes: Processes, version: Callable[[], str], free_port: Callable[[Path], int]
    ) -> None:
        self._layout = Layout(state=state)
        self._children = Children(self._layout, processes)
        self._version = version
        self._free_port = free_port

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`: etcd's data is read by the Kubernetes minor version that wrote it."""
        record = read_record(self._layout)
        version = self._version() if record is None else record.kubernetes
        return {"provider": "kwok", "Kubernetes version": ".".join(version.split(".")[:2])}

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`: everything is in etcd."""
        del work
        return ()

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`."""
        del cancel
        return used_bytes(self._layout.etcd)

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`: the API server and the controllers before etcd."""
        work.notify("stopping the cluster")
        self._children.stop(work.cancel)

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`."""
        self._refuse_running()
        copy_folder(self._layout.etcd, folder / "etcd", work.cancel)
        copy_folder(self._layout.pki, folder / "pki", work.cancel)
        copy_file(self._layout.record, folder / "cluster.json", work.cancel)

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`."""
        private_folder(self._layout.folder)
        for name, live in self._folders().items():
            remove_copies(live)
            copy_folder(folder / name, staged(live), work.cancel)

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`; the cluster stays at its port."""
        work.cancel.check()
        with hold(self._layout.lock, "the embedded cluster"):
            self._refuse_running()
            for live in self._folders().values():
                exchange(live)
            saved = _saved_record(folder)
            current = read_record(self._layout)
            port = self._free_port(self._layout.folder) if current is None else current.port
            write_record(self._layout, dataclasses.replace(saved, port=port))

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: the port starts its processes."""

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`: nothing is left to do."""
        del folder, work
        return ()

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`."""
        del work
        for live in self._folders().values():
            remove_copies(live)

    def _folders(self) -> Mapping[str, Path]:
        return {"etcd": self._layout.etcd, "pki": self._layout.pki}

    def _refuse_running(self) -> None:
        if running := self._children.running():
            raise RefusedError(f"{', '.join(running)} of the cluster runs", fix="run the same command again")


def _saved_record(folder: Path) -> Record:
    file = folder / "cluster.json"
    try:
        return Record(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise RefusedError(
            f"{file} is damaged: {error}", fix="restore another snapshot; they are listed by: bootstrap snapshot list"
        ) from error
