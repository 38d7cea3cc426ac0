"""Charts in a bundle: archives, and by reference which of them it means."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bootstrap.charts.archive import read_archive
from bootstrap.charts.cache import ChartStore, StoredChart, reference_key
from bootstrap.charts.fetch import ChartSources
from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleItem, ItemKind
from bootstrap.model.release import ChartRef, LocalChart, Release, UnknownChart
from bootstrap.system.files import private_folder, write_whole

_FOLDER = "charts"
_REFERENCES = "references.json"


def save_charts(releases: Sequence[Release], sources: ChartSources, folder: Path) -> tuple[BundleItem, ...]:
    """Copy the charts of these releases into the folder of a bundle; those whole on disk are in the repository."""
    pairs = dict(_stored(releases, sources))
    if not pairs:
        return ()
    target = private_folder(folder / _FOLDER)
    for chart in pairs.values():
        write_whole(target / chart.file.name, chart.file.read_bytes())
    references = {key: chart.digest for key, chart in sorted(pairs.items())}
    write_whole(target / _REFERENCES, json.dumps(references, indent=1).encode())
    charts = {chart.digest: chart for chart in pairs.values()}
    return tuple(
        BundleItem(kind=ItemKind.CHART, name=chart.name, version=chart.version, digest=digest)
        for digest, chart in sorted(charts.items())
    )


def load_charts(releases: Sequence[Release], sources: ChartSources, store: ChartStore, folder: Path) -> None:
    """Bring the charts that the bundle has for these releases into the cache."""
    file = folder / _FOLDER / _REFERENCES
    references: Mapping[str, str] = json.loads(file.read_bytes()) if file.exists() else {}
    for release in releases:
        if isinstance(release.chart, UnknownChart):
            continue
        reference = sources.reference(release.chart)
        digest = references.get(_key(reference))
        if digest is not None:
            _keep(file.parent / f"{digest.removeprefix('sha256:')}.tgz", digest, store)
            store.resolve(reference, digest)


def _stored(releases: Sequence[Release], sources: ChartSources) -> Iterator[tuple[str, StoredChart]]:
    lock = sources.lock
    for release in releases:
        if isinstance(release.chart, UnknownChart):
            continue
        reference = sources.reference(release.chart)
        if isinstance(reference, LocalChart) and reference.version is None:
            continue
        chart = sources.stored(release.chart, lock)
        if chart is None:
            raise RefusedError(f"the chart of {release.id} is not in the cache", fix="run: bootstrap lock")
        yield _key(reference), chart


def _key(reference: ChartRef) -> str:
    """The reference as it is on every machine: a chart on disk by the digest of its files."""
    if isinstance(reference, LocalChart):
        return f"local {reference.version}"
    return reference_key(reference)


def _keep(archive: Path, digest: str, store: ChartStore) -> None:
    """Keep the archive under this digest: its own if it was published so, else that of the files in it."""
    content = archive.read_bytes()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" == digest:
        kept = store.keep(content, str(archive))
    else:
        kept = store.pack(read_archive(content, str(archive)))
    if kept.digest != digest:
        raise RefusedError(
            f"a chart of the bundle is {kept.digest}, not {digest}",
            fix="create it again: bootstrap bundle create FILE",
        )
