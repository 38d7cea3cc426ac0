from pathlib import Path

import pytest

from bootstrap.charts.lockfile import ChartLock, LockedChart, read_lock, write_lock
from bootstrap.errors import InvalidError
from bootstrap.model.release import GitChart, LocalChart, OciChart, RepositoryChart

LOCKED = LockedChart(version="1.2.3", digest="sha256:abc")
REFS: list[RepositoryChart | OciChart | GitChart] = [
    RepositoryChart(url="https://charts.example.com/", name="app", version="^1"),
    OciChart(url="oci://registry.example.com/app", semver="1.x"),
    GitChart(url="https://git.example.com/app", path="charts/app", branch="main"),
]


@pytest.mark.parametrize("ref", REFS, ids=lambda ref: type(ref).__name__)
def test_written_and_read_again(ref: RepositoryChart | OciChart | GitChart, tmp_path: Path) -> None:
    file = tmp_path / "bootstrap.lock"
    write_lock(file, ChartLock().having(ref, LOCKED))
    assert read_lock(file).find(ref) == LOCKED
    assert file.read_text().startswith("# Written by bootstrap")


def test_same_charts_same_text(tmp_path: Path) -> None:
    first, two = ChartLock(), ChartLock()
    for ref in REFS:
        first = first.having(ref, LOCKED)
    for ref in reversed(REFS):
        two = two.having(ref, LOCKED)
    write_lock(tmp_path / "one", first)
    write_lock(tmp_path / "two", two)
    assert (tmp_path / "one").read_text() == (tmp_path / "two").read_text()


def test_a_chart_on_disk_is_not_locked() -> None:
    local = LocalChart(path=Path("/charts/app"))
    assert ChartLock().having(local, LOCKED) == ChartLock()
    assert ChartLock().find(local) is None


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "none") == ChartLock()


@pytest.mark.parametrize("text", ["charts: [{}]", "[", "charts: 3", "charts: [1]"])
def test_broken_lock(text: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(text)
    with pytest.raises(InvalidError, match="is not a lock file"):
        read_lock(tmp_path / "lock")
