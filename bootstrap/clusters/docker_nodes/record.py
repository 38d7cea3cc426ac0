"""What is remembered of a cluster of containers, and whether somebody is just creating or removing it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.model.stack import StatePaths
from bootstrap.system.files import private_folder, write_whole

CREATION, REMOVAL = "creation", "removal"


class DamagedRecordError(BootstrapError):
    """The record cannot be read: what it would prove is not proven."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterRecord:
    """Written once the program has created the cluster."""

    fields: Mapping[str, Any] | None
    """What it was created from, see `declared_fields`; None: an earlier version noted a digest alone."""
    digest: str
    """Of the configuration that the program was given."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Name by container id; an empty name if an earlier version recorded none."""
    uid: str = ""
    """Of kube-system; empty until it was first seen."""
    adding: tuple[str, ...] = ()
    """Names of the nodes that a run is adding to it."""
    host: str = ""
    """The address of this machine that the program wrote into every node's /etc/hosts; empty: it wrote none."""


class RecordFile:
    """`machines.json` in the cluster's folder, and beside it the file that names an unfinished change."""

    def __init__(self, state: StatePaths) -> None:
        self._folder = state.cluster
        self.path: Path = state.cluster / "machines.json"
        self._unfinished = state.cluster / "unfinished"

    def read(self) -> ClusterRecord | None:
        """What was written; None: nothing.

        Raises:
            DamagedRecordError: it cannot be read.
        """
        try:
            content = json.loads(self.path.read_bytes())
            nodes = content["machines"]
            return ClusterRecord(
                fields=content.get("fields"),
                digest=str(content["spec"]),
                nodes=dict.fromkeys(nodes, "") if isinstance(nodes, list) else dict(nodes),
                uid=str(content.get("uid") or ""),
                host=str(content.get("host") or ""),
                adding=tuple(content.get("adding") or ()),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedRecordError(f"its record {self.path} is damaged: {error}") from error

    def write(self, record: ClusterRecord) -> None:
        """Remember; nothing is unfinished any more."""
        private_folder(self._folder)
        content = {
            "spec": record.digest,
            "fields": record.fields,
            "machines": dict(record.nodes),
            "uid": record.uid,
            "host": record.host,
            **({"adding": list(record.adding)} if record.adding else {}),
        }
        write_whole(self.path, json.dumps(content).encode())
        self._unfinished.unlink(missing_ok=True)

    def begin(self, what: str) -> None:
        """Record that the creation or removal has begun, so that what is left of it does not pass for a cluster."""
        private_folder(self._folder)
        write_whole(self._unfinished, f"{what}\n".encode())
        self.path.unlink(missing_ok=True)

    @property
    def unfinished(self) -> str:
        """What was begun and has not ended: `creation` or `removal`; empty: nothing."""
        try:
            return self._unfinished.read_text().strip()
        except FileNotFoundError:
            return ""
