"""Finds a release's chart: on disk, in the cache, or where it is published."""

import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.charts.archive import ChartFiles, Dependency, read_archive, read_folder
from bootstrap.charts.cache import ChartStore, StoredChart
from bootstrap.charts.git import fetch_chart
from bootstrap.charts.helm import Helm
from bootstrap.charts.lockfile import ChartLock, LockedChart, lock_key, read_lock, write_lock
from bootstrap.charts.oci_tags import OciTags, is_version
from bootstrap.errors import InvalidError, Place, Problem, StepFailedError
from bootstrap.model.release import ChartRef, GitChart, LocalChart, OciChart, Release, RepositoryChart, UnknownChart
from bootstrap.model.stack import LockWriting
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import CommandFailedError, Processes
from bootstrap.system.work import Work
from bootstrap.yamltext.kubernetes import YamlError, load

_SECONDS = 300.0
_LOOPBACK = ("oci://127.0.0.1", "oci://localhost", "oci://[::1]")
_FILE = "file://"


class ChartSources:
    """Looks charts up without the network, and pulls them if that is asked for."""

    def __init__(
        self,
        helm: Helm,
        processes: Processes,
        store: ChartStore,
        *,
        mirrors: Mapping[str, str],
        lock_file: Path | None,
        lock_writing: LockWriting = LockWriting.ALWAYS,
    ) -> None:
        self._helm = helm
        self._processes = processes
        self._store = store
        self._mirrors = mirrors
        self._lock_file = lock_file
        self._lock_writing = lock_writing
        self._writing = threading.Lock()
        self._tags = OciTags(helm.registry_configurations, processes)

    @property
    def lock(self) -> ChartLock:
        """The lock file as it is now."""
        return ChartLock() if self._lock_file is None else read_lock(self._lock_file)

    def find(self, release: Release, lock: ChartLock) -> StoredChart | None:
        """The release's chart from disk or cache, its values files merged; None: it must be pulled.

        A chart in the cache that the lock file lacks is written there, if it must be written at all.

        Raises:
            InvalidError: what is there is no chart, or lacks a values file.
        """
        chart = self._find(release.chart, lock)
        if chart is None:
            return None
        self._note(release.chart, chart)
        return self._with_values_files(release, chart)

    def pull(self, release: Release, work: Work) -> StoredChart:
        """Bring the release's chart into the cache, and into the lock file if that must be written.

        Raises:
            StepFailedError: it cannot be had, or is not what the lock file holds.
        """
        locked = self.lock.find(release.chart)
        chart = self._pull(_pinned(release.chart, locked), work)
        if locked is not None and locked.digest != chart.digest:
            raise StepFailedError(
                f"chart {chart.name} {chart.version} differs from {self._lock_file}: "
                f"{chart.digest}, not {locked.digest}",
                fix="if the new one is right, run: bootstrap lock --upgrade",
            )
        self._store.resolve(release.chart, chart.digest)
        self._note(release.chart, chart)
        return self._with_values_files(release, chart)

    def upgrade(self, ref: ChartRef, work: Work) -> LockedChart | None:
        """What this reference means now, whatever the lock file holds; None for a chart on disk."""
        if lock_key(ref) is None:
            return None
        chart = self._pull(ref, work)
        self._store.resolve(ref, chart.digest)
        return LockedChart(version=chart.version, digest=chart.digest)

    def reference(self, ref: ChartRef) -> ChartRef:
        """What the cache remembers it by; a chart on disk has a version, of its files, only if it is not whole."""
        if not isinstance(ref, LocalChart):
            return ref
        chart = read_folder(ref.path, frozenset(ref.left_out))
        return _of(ref, chart) if chart.lacking else replace(ref, version=None)

    def stored(self, ref: ChartRef, lock: ChartLock) -> StoredChart | None:
        """The chart in the cache, without the values files of a release; None: it must be pulled."""
        return self._find(ref, lock)

    def _find(self, ref: ChartRef, lock: ChartLock) -> StoredChart | None:
        if isinstance(ref, LocalChart):
            chart = read_folder(ref.path, frozenset(ref.left_out))
            # With its dependencies put in it is another chart, remembered for the files it was made of.
            return self._store.pack(chart) if not chart.lacking else self._store.resolved(_of(ref, chart))
        if (locked := lock.find(ref)) is not None:
            return self._store.find(locked.digest)
        return self._store.resolved(ref)

    def _pull(self, ref: ChartRef, work: Work) -> StoredChart:
        match ref:
            case LocalChart():
                chart = read_folder(ref.path, frozenset(ref.left_out))
                stored = self._store.pack(self._completed(chart, ref.path, work))
                self._store.resolve(_of(ref, chart), stored.digest)
                return stored
            case GitChart():
                work.notify(f"fetching {ref.url}")
                return self._pull_git(ref, work)
            case RepositoryChart():
                work.notify(f"pulling {ref.name} {ref.version} from {ref.url}")
                return self._pull_repository(ref, work.cancel)
            case OciChart():
                work.notify(f"pulling {ref.url}")
                return self._pull_oci(ref, work.cancel)
            case UnknownChart(reason=reason):
                raise StepFailedError(reason)

    def _pull_git(self, ref: GitChart, work: Work) -> StoredChart:
        with tempfile.TemporaryDirectory(prefix="bootstrap-chart-") as temporary:
            folder = fetch_chart(ref, Path(temporary), self._processes, work.cancel)
            return self._store.pack(self._completed(read_folder(folder), folder, work))

    def _pull_repository(self, ref: RepositoryChart, cancel: CancelToken) -> StoredChart:
        url = self._mirrored(ref.url)
        repository = self._repository_named(url)
        where = (f"{repository}/{ref.name}",) if repository is not None else (ref.name, "--repo", url)
        user = () if repository is None else ("--repository-config", str(self._helm.repositories))
        if repository is not None:
            self._ask_helm(("repo", "update", repository, *user), f"chart repository {url}", cancel)
        version = () if ref.version in {"", "*"} else ("--version", ref.version)
        return self._pulled((*where, *version, *user), f"chart {ref.name} {ref.version} of {ref.url}", cancel)

    def _pull_oci(self, ref: OciChart, cancel: CancelToken) -> StoredChart:
        url = self._mirrored(ref.url)
        plain = ("--plain-http",) if ref.insecure or url.startswith(_LOOPBACK) else ()
        version = ref.semver or ref.version
        if ref.digest is not None:
            return self._pulled((f"{url}@{ref.digest}", *plain), f"chart {ref.url}@{ref.digest}", cancel)
        if ref.semver is None and ref.tag is not None:
            what = f"chart {ref.url}:{ref.tag}"
            if is_version(ref.tag):
                return self._pulled((f"{url}:{ref.tag}", *plain), what, cancel)
            digest = self._tags.digest(url, ref.tag, cancel, plain=bool(plain))
            return self._pulled((f"{url}@{digest}", *plain), what, cancel)
        version_option = () if version in {None, "", "*"} else ("--version", str(version))
        return self._pulled((url, *version_option, *plain), f"chart {ref.url} {version or ''}".rstrip(), cancel)

    def _pulled(self, arguments: tuple[str, ...], what: str, cancel: CancelToken) -> StoredChart:
        with tempfile.TemporaryDirectory(prefix="bootstrap-chart-") as temporary:
            self._ask_helm(("pull", *arguments, "--destination", temporary), what, cancel)
            [archive] = Path(temporary).glob("*.tgz")
            return self._store.keep(archive.read_bytes(), what)

    def _ask_helm(self, arguments: tuple[str, ...], what: str, cancel: CancelToken) -> None:
        try:
            self._helm.read(arguments, cancel.within(_SECONDS, what))
        except CommandFailedError as error:
            raise StepFailedError(
                f"cannot pull {what}",
                evidence=error.evidence,
                command=error.command,
                fix="check address, name and version; a mirror is set with `mirrors:` in the stack file",
            ) from error

    def _completed(self, chart: ChartFiles, folder: Path, work: Work) -> ChartFiles:
        """The chart with the dependencies that it lacks in charts/, as `helm dependency build` puts them there."""
        files = {}
        for dependency in chart.lacking:
            stored = self._dependency(dependency, folder, work)
            files[f"charts/{stored.name}-{stored.version}.tgz"] = stored.file.read_bytes()
        return chart.having(files) if files else chart

    def _dependency(self, dependency: Dependency, folder: Path, work: Work) -> StoredChart:
        if dependency.repository.startswith(_FILE):
            path = (folder / dependency.repository.removeprefix(_FILE)).resolve()
            return self._pull(LocalChart(path=path), work)
        if dependency.repository.startswith("oci://"):
            return self._pull(
                OciChart(url=f"{dependency.repository}/{dependency.name}", version=dependency.version), work
            )
        if not dependency.repository:
            problem = Problem(
                place=Place(file=str(folder)), text=f"has no charts/{dependency.name}, which has no repository"
            )
            raise InvalidError((problem,))
        ref = RepositoryChart(url=dependency.repository, name=dependency.name, version=dependency.version)
        return self._pull(ref, work)

    def _with_values_files(self, release: Release, chart: StoredChart) -> StoredChart:
        """The chart whose values.yaml is what the release's values files make of it (Flux's rule)."""
        if not release.values_files:
            return chart
        files = read_archive(chart.file.read_bytes(), str(chart.file))
        values: dict[str, Any] = {}
        for name in release.values_files:
            content = files.files.get(name.removeprefix("./")) or _beside(release.chart, name)
            if content is None and not release.ignore_missing_values_files:
                raise _invalid(release, f"valuesFiles: {name} is not in chart {chart.name}")
            values = _over(values, _values(content or b"", name, release))
        import json  # noqa: PLC0415

        # JSON is YAML.
        return self._store.pack(files.having({"values.yaml": json.dumps(values).encode()}))

    def _mirrored(self, url: str) -> str:
        matching = [prefix for prefix in self._mirrors if url.startswith(prefix)]
        if not matching:
            return url
        prefix = max(matching, key=len)
        return self._mirrors[prefix] + url.removeprefix(prefix)

    def _repository_named(self, url: str) -> str | None:
        """What the user's helm calls this repository, with the credentials it has for it."""
        try:
            listed = (load(self._helm.repositories.read_text()) or {}).get("repositories") or ()
        except (FileNotFoundError, YamlError):
            return None
        for entry in listed:
            if str(entry.get("url", "")).rstrip("/") == url.rstrip("/"):
                return str(entry["name"])
        return None

    def _note(self, ref: ChartRef, chart: StoredChart) -> None:
        if self._lock_file is None or lock_key(ref) is None or not self._writes_lock(self._lock_file):
            return
        with self._writing:
            lock = read_lock(self._lock_file)
            locked = LockedChart(version=chart.version, digest=chart.digest)
            if lock.find(ref) != locked:
                write_lock(self._lock_file, lock.having(ref, locked))

    def _writes_lock(self, file: Path) -> bool:
        existing = self._lock_writing is LockWriting.EXISTING and file.exists()
        return existing or self._lock_writing is LockWriting.ALWAYS


def _pinned(ref: ChartRef, locked: LockedChart | None) -> ChartRef:
    match ref:
        case RepositoryChart() if locked is not None:
            return replace(ref, version=locked.version)
        case OciChart(digest=None, tag=None) if locked is not None:
            return replace(ref, version=locked.version, semver=None)
        case _:
            return ref


def _of(ref: LocalChart, chart: ChartFiles) -> LocalChart:
    return replace(ref, version=chart.digest)


def _beside(ref: ChartRef, name: str) -> bytes | None:
    file = ref.path / name if isinstance(ref, LocalChart) else None
    return file.read_bytes() if file is not None and file.is_file() else None


def _values(content: bytes, name: str, release: Release) -> Mapping[str, Any]:
    try:
        values = load(content.decode())
    except YamlError as error:
        raise _invalid(release, f"valuesFiles: {name}: {error}") from error
    return values or {}


def _over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        current = result.get(key)
        result[key] = _over(current, value) if isinstance(current, Mapping) and isinstance(value, Mapping) else value
    return result


def _invalid(release: Release, text: str) -> InvalidError:
    return InvalidError((Problem(place=release.place or Place(file=release.id), text=text),))
