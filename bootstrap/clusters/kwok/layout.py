"""Where the embedded cluster keeps its files, and what it remembers."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

from bootstrap.clusters.kwok.components import Component
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.stack import StatePaths
from bootstrap.system.files import write_whole

_SERVER = re.compile(r"https://127\.0\.0\.1:([0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The folders and files of one cluster.

    `folder` is the working directory of every component: they are given relative names only, because a unix
    socket's path may have no more than 107 bytes, and a state folder may be deep.
    """

    state: StatePaths

    @property
    def folder(self) -> Path:
        """All that the cluster is, except its logs and the stack's kubeconfig; one name, whatever way leads there."""
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
    def going(self) -> Path:
        """There while the cluster is being removed: what is left of it is nobody's data."""
        return self.folder / "removal"

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


class DamagedRecordError(StepFailedError):
    """The record cannot be read."""


def holds_data(layout: Layout) -> bool:
    """Whether there is data of a cluster that nobody was removing."""
    return layout.etcd.is_dir() and any(layout.etcd.iterdir()) and not layout.going.exists()


def recovered_record(layout: Layout, kubernetes: str) -> Record:
    """What the files beside a lost record still say; the cluster's UID is taken from it once it runs.

    Raises:
        RefusedError: they do not say at which port its API server was.
    """
    files = (layout.state.kubeconfig, *layout.folder.glob("*.kubeconfig"))
    texts = (file.read_text() for file in files if file.exists())
    port = next((int(match.group(1)) for text in texts if (match := _SERVER.search(text))), None)
    if port is None:
        raise RefusedError(
            f"no kubeconfig in {layout.folder} shows the port of its API server", fix="remove it: bootstrap down"
        )
    return Record(port=port, kubernetes=kubernetes)


def read_record(layout: Layout) -> Record | None:
    """What was remembered; None: nothing yet.

    Raises:
        DamagedRecordError: the file is damaged.
    """
    try:
        return Record(**json.loads(layout.record.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DamagedRecordError(
            f"its record {layout.record} is damaged: {error}", fix="continue with its data: bootstrap up --adopt"
        ) from error


def write_record(layout: Layout, record: Record) -> None:
    """Remember."""
    write_whole(layout.record, json.dumps(dataclasses.asdict(record), indent=1).encode())
