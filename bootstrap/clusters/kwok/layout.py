"""Where the embedded cluster keeps its files, and what it remembers."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from bootstrap.clusters.kwok.components import Component
from bootstrap.errors import StepFailedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.files import write_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The folders and files of one cluster.

    `folder` is the working directory of every component: they are given relative names only, because a unix
    socket's path may have no more than 107 bytes, and a state folder may be deep.
    """

    state: StatePaths

    @property
    def folder(self) -> Path:
        """All that the cluster is, but for its logs and the stack's kubeconfig; one name, whatever way leads there."""
        return self.state.cluster.resolve()

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.folder / "pki"

    @property
    def etcd(self) -> Path:
        """The data."""
        return self.folder / "etcd"

    @property
    def temporary(self) -> Path:
        """TMPDIR and HOME of the components."""
        return self.folder / "tmp"

    @property
    def record(self) -> Path:
        """What `Record` holds."""
        return self.folder / "cluster.json"

    @property
    def lock(self) -> Path:
        """Held while something changes the cluster."""
        return self.folder / "lock"

    def log(self, component: str) -> Path:
        """What a component prints."""
        return self.state.logs / f"{component}.log"

    @property
    def logs(self) -> tuple[Path, ...]:
        """Every log there can be."""
        files = (self.log(component) for component in Component)
        return tuple(each for file in files for each in (file, file.with_suffix(".log.1")))

    def kubeconfig(self, identity: str) -> Path:
        """The kubeconfig that a component is given."""
        return self.folder / f"{identity}.kubeconfig"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What must outlive a run."""

    port: int
    """Of the API server, on 127.0.0.1; stays the same for the cluster's life."""
    kubernetes: str
    """The version that wrote the data, such as 1.34.4."""
    uid: str | None = None
    """UID of kube-system; None until it was first seen."""


def read_record(layout: Layout) -> Record | None:
    """What was remembered; None: nothing yet.

    Raises:
        StepFailedError: the file is damaged.
    """
    try:
        return Record(**json.loads(layout.record.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StepFailedError(
            f"{layout.record} is damaged: {error}", fix="make the cluster anew: bootstrap down, then bootstrap up"
        ) from error


def write_record(layout: Layout, record: Record) -> None:
    """Remember."""
    write_whole(layout.record, json.dumps(dataclasses.asdict(record), indent=1).encode())
