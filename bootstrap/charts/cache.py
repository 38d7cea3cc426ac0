"""The cache of charts: archives by digest, and what each reference was resolved to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bootstrap.charts.archive import ChartFiles, read_archive
from bootstrap.charts.template_queries import asked_apis, folder_apis, lookups
from bootstrap.model.release import ChartRef
from bootstrap.system.files import write_whole


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredChart:
    """A chart in the cache."""

    name: str
    version: str
    digest: str
    """`sha256:…`: of the archive as it was published, or of the files where nobody published one."""
    asked_apis: frozenset[str]
    """See `asking.asked_apis`."""
    folder_apis: frozenset[str]
    """See `asking.folder_apis`."""
    file: Path
    lookups: frozenset[str] = frozenset()
    """See `capabilities.lookups`."""


class ChartStore:
    """Archives under `folder`; written whole, never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, content: bytes, where: str) -> StoredChart:
        """Keep a published archive.

        Raises:
            InvalidError: it is not a chart archive.
        """
        chart = read_archive(content, where)
        return self._keep(chart, f"sha256:{hashlib.sha256(content).hexdigest()}", content)

    def pack(self, chart: ChartFiles) -> StoredChart:
        """Keep a chart that is known by its files."""
        file = self._file(chart.digest)
        return self._keep(chart, chart.digest, b"" if file.exists() else chart.packed())

    def find(self, digest: str) -> StoredChart | None:
        """The chart of this digest; None when it is not here."""
        try:
            record = json.loads(self._file(digest).with_suffix(".json").read_bytes())
            return _stored(record, self._file(digest)) if self._file(digest).exists() else None
        except (FileNotFoundError, KeyError, ValueError):
            # Another version of this program wrote what it knew of the chart: it is read from the chart again.
            return None

    def resolve(self, ref: ChartRef, digest: str) -> None:
        """Remember what a reference led to."""
        write_whole(self._reference(ref), json.dumps({"digest": digest, "ref": reference_key(ref)}).encode())

    def resolved(self, ref: ChartRef) -> StoredChart | None:
        """What this reference led to the last time; None when it was never followed here."""
        try:
            record = json.loads(self._reference(ref).read_bytes())
        except FileNotFoundError:
            return None
        return self.find(record["digest"])

    def _keep(self, chart: ChartFiles, digest: str, content: bytes) -> StoredChart:
        if (kept := self.find(digest)) is not None:
            return kept
        file = self._file(digest)
        record = {
            "name": chart.name,
            "version": chart.version,
            "digest": digest,
            "asked_apis": sorted(asked_apis(chart.files)),
            "folder_apis": sorted(folder_apis(chart.files)),
            "lookups": sorted(lookups(chart.files)),
        }
        if not file.exists():
            write_whole(file, content)
        write_whole(file.with_suffix(".json"), json.dumps(record).encode())
        return _stored(record, file)

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest.removeprefix('sha256:')}.tgz"

    def _reference(self, ref: ChartRef) -> Path:
        return self._folder / "refs" / f"{hashlib.sha256(reference_key(ref).encode()).hexdigest()[:32]}.json"


def _stored(record: Mapping[str, Any], file: Path) -> StoredChart:
    return StoredChart(
        name=record["name"],
        version=record["version"],
        digest=record["digest"],
        asked_apis=frozenset(record["asked_apis"]),
        folder_apis=frozenset(record["folder_apis"]),
        file=file,
        # A chart that an earlier version of this program kept has none of them.
        lookups=frozenset(record.get("lookups") or ()),
    )


def reference_key(ref: ChartRef) -> str:
    """What distinguishes this reference from all others."""
    return json.dumps({"type": type(ref).__name__, **asdict(ref)}, sort_keys=True, default=str)
