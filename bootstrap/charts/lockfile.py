"""`bootstrap.lock`: which version and digest each chart reference means, kept in the user's repository."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.release import ChartRef, GitChart, LocalChart, OciChart, RepositoryChart, UnknownChart
from bootstrap.system.files import write_whole
from bootstrap.yamltext.kubernetes import YamlError, load

FILE_NAME = "bootstrap.lock"
_HEAD = "# Written by bootstrap; change it with: bootstrap lock --upgrade\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedChart:
    """What one reference means."""

    version: str
    digest: str
    """`sha256:…` of the chart archive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartLock:
    """Chart references and what they mean; local charts are not in it, their files are at hand."""

    charts: Mapping[str, LockedChart] = field(default_factory=dict)
    """By `lock_key`."""

    def find(self, ref: ChartRef) -> LockedChart | None:
        """What this reference means; None when nobody has written that down."""
        key = lock_key(ref)
        return None if key is None else self.charts.get(key)

    def having(self, ref: ChartRef, locked: LockedChart) -> "ChartLock":
        """This lock with one more entry, or another one in its place."""
        key = lock_key(ref)
        return self if key is None else ChartLock(charts={**self.charts, key: locked})


def lock_key(ref: ChartRef) -> str | None:
    """The reference as text; None for a chart on disk, or that no one knows."""
    match ref:
        case RepositoryChart():
            return f"{ref.url.rstrip('/')} {ref.name} {ref.version}"
        case OciChart():
            return f"{ref.url} {ref.digest or ref.semver or ref.tag or ref.version or '*'}"
        case GitChart():
            return f"{ref.url} {ref.path} {ref.commit or ref.ref_name or ref.semver or ref.tag or ref.branch or 'HEAD'}"
        case LocalChart() | UnknownChart():
            return None


def missing(lock: ChartLock, refs: Iterable[ChartRef]) -> tuple[str, ...]:
    """The references that the lock does not have, each once; charts on disk are not locked."""
    keys = dict.fromkeys(key for ref in refs if (key := lock_key(ref)) is not None)
    return tuple(key for key in keys if key not in lock.charts)


def read_lock(file: Path) -> ChartLock:
    """The lock file; an empty lock when there is none.

    Raises:
        InvalidError: it is not one.
    """
    try:
        document = load(file.read_text()) or {}
        entries = document["charts"]
        return ChartLock(
            charts={
                entry["chart"]: LockedChart(version=str(entry["version"]), digest=entry["digest"]) for entry in entries
            }
        )
    except FileNotFoundError:
        return ChartLock()
    except (YamlError, KeyError, TypeError) as error:
        problem = Problem(place=Place(file=str(file)), text=f"is not a lock file: {error}")
        raise InvalidError((problem,), fix="run: bootstrap lock --upgrade") from error


def write_lock(file: Path, lock: ChartLock) -> None:
    """Write it whole, sorted, so that its differences can be read."""
    import yaml  # noqa: PLC0415 - only this writes

    entries = [
        {"chart": key, "version": locked.version, "digest": locked.digest}
        for key, locked in sorted(lock.charts.items())
    ]
    text = _HEAD + yaml.safe_dump({"version": 1, "charts": entries}, sort_keys=False, width=1000)
    write_whole(file, text.encode(), mode=0o644)
