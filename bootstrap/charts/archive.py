"""Charts as archives: packed the same from the same files, whoever packs them and when."""

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.charts.helmignore import Ignore
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.yamltext.kubernetes import YamlError, load

_CHART_FILE = "Chart.yaml"
_PACKED_SUBCHART = re.compile(r"(?:charts/[^/]+/)*charts/[^/_.][^/]*\.tgz")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """A chart that another one needs."""

    name: str
    version: str
    repository: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartFiles:
    """A chart's files by their path inside it."""

    name: str
    version: str
    files: Mapping[str, bytes]
    lacking: tuple[Dependency, ...] = ()
    """Dependencies that are not in charts/."""

    @property
    def digest(self) -> str:
        """`sha256:…` of names and contents; neither time nor compression counts."""
        total = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            total.update(f"{len(path)}:{path}:{len(content)}:".encode())
            total.update(content)
        return f"sha256:{total.hexdigest()}"

    def packed(self) -> bytes:
        """The archive that helm installs."""
        stream = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            # Helm wants Chart.yaml first.
            for path in sorted(self.files, key=lambda path: (path != _CHART_FILE, path)):
                member = tarfile.TarInfo(f"{self.name}/{path}")
                member.size, member.mode = len(self.files[path]), 0o644
                archive.addfile(member, io.BytesIO(self.files[path]))
        return stream.getvalue()

    def having(self, files: Mapping[str, bytes]) -> "ChartFiles":
        """This chart with these files put in or replaced."""
        return chart_files({**self.files, **files}, str(self.name))


def read_folder(folder: Path, left_out: Collection[str] = ()) -> ChartFiles:
    """The chart in this folder, without what its .helmignore or the repository's source leaves out.

    Raises:
        InvalidError: it is not a chart.
    """
    ignore_file = folder / ".helmignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.is_file() else ()
    files = dict(_walk(folder, folder, Ignore(lines)))
    return chart_files({path: files[path] for path in files if path not in left_out}, str(folder))


def read_archive(content: bytes, where: str) -> ChartFiles:
    """The chart in this archive.

    Raises:
        InvalidError: it is not a chart.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            files = dict(_members(archive))
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _invalid(where, f"is not a chart archive: {error}") from error
    return chart_files(files, where)


def chart_files(files: Mapping[str, bytes], where: str) -> ChartFiles:
    """A chart made of these files.

    Raises:
        InvalidError: there is no Chart.yaml with a name and a version.
    """
    if _CHART_FILE not in files:
        raise _invalid(where, "is not a chart: it has no Chart.yaml")
    metadata = _yaml(files[_CHART_FILE], f"{where}/{_CHART_FILE}")
    if not metadata.get("name") or not metadata.get("version"):
        raise _invalid(f"{where}/{_CHART_FILE}", "has no name or no version")
    return ChartFiles(
        name=str(metadata["name"]),
        version=str(metadata["version"]),
        files=files,
        lacking=tuple(_lacking(_dependencies(metadata, files, where), files)),
    )


def is_packed_subchart(path: str) -> bool:
    """Whether helm takes this file of a chart for a chart (helm `pkg/chart/v2/loader`): only archives in charts/."""
    return _PACKED_SUBCHART.fullmatch(path) is not None


def _dependencies(metadata: Mapping[str, Any], files: Mapping[str, bytes], where: str) -> Sequence[Mapping[str, Any]]:
    if "dependencies" in metadata:
        return metadata["dependencies"] or ()
    # Charts of API version v1 name them in a file of their own.
    if "requirements.yaml" in files:
        return _yaml(files["requirements.yaml"], f"{where}/requirements.yaml").get("dependencies") or ()
    return ()


def _lacking(dependencies: Sequence[Mapping[str, Any]], files: Mapping[str, bytes]) -> Iterator[Dependency]:
    there = [path.split("/")[1] for path in files if path.startswith("charts/")]
    for dependency in dependencies:
        name = str(dependency.get("name", ""))
        if not any(entry == name or (entry.startswith(f"{name}-") and entry.endswith(".tgz")) for entry in there):
            yield Dependency(
                name=name,
                version=str(dependency.get("version", "*")),
                repository=str(dependency.get("repository") or ""),
            )


def _walk(folder: Path, root: Path, ignored: Ignore) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir()):
        path = entry.relative_to(root).as_posix()
        if ignored(path, folder=entry.is_dir()):
            continue
        if entry.is_dir():
            yield from _walk(entry, root, ignored)
        elif entry.is_file():
            yield path, entry.read_bytes()


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is not None:
            # The first part is the chart's name.
            yield member.name.removeprefix("./").partition("/")[2], stream.read()


def _yaml(content: bytes, where: str) -> Mapping[str, Any]:
    try:
        document = load(content.decode())
    except (YamlError, UnicodeDecodeError) as error:
        raise _invalid(where, str(error)) from error
    return document if isinstance(document, dict) else {}


def _invalid(where: str, text: str) -> InvalidError:
    return InvalidError((Problem(place=Place(file=where), text=text),))
