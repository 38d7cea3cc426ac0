"""Charts of a bundle are found on another machine by their references, wherever the project is there."""

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest

from bootstrap.charts.archive import read_folder
from bootstrap.charts.bundled_charts import load_charts, save_charts
from bootstrap.charts.cache import ChartStore
from bootstrap.charts.fetch import ChartSources
from bootstrap.charts.lockfile import ChartLock
from bootstrap.errors import RefusedError
from bootstrap.model.release import ChartRef, LocalChart, OciChart, Release, RepositoryChart
from fakes.repo import release

PUBLISHED = RepositoryChart(url="https://charts.example", name="app", version="^1")
PACKED = OciChart(url="oci://registry.example/app", version="1.0.0")


class Machine:
    """One with a cache of charts, and a project at a path of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = ChartStore(folder / "cache")
        self.sources = ChartSources(
            cast("Any", _Helm()), cast("Any", None), self.store, mirrors={}, lock_file=folder / "bootstrap.lock"
        )
        for name, more in (("whole", ""), ("parts", "dependencies: [{name: lib, version: 1.0.0}]\n")):
            (folder / name).mkdir(parents=True)
            (folder / name / "Chart.yaml").write_text(f"name: {name}\nversion: 1.0.0\n{more}")
        self.whole, self.parts = LocalChart(path=folder / "whole"), LocalChart(path=folder / "parts")
        self.releases: tuple[Release, ...] = tuple(release(str(number), chart="x") for number in range(4))
        charts: tuple[ChartRef, ...] = (PUBLISHED, PACKED, self.whole, self.parts)
        self.releases = tuple(
            dataclasses.replace(each, chart=chart) for each, chart in zip(self.releases, charts, strict=True)
        )

    def fill(self) -> None:
        """As after `up`."""
        archive = read_folder(self.whole.path).having({"values.yaml": b"a: 1"}).packed()
        self.store.resolve(PUBLISHED, self.store.keep(archive, "x").digest)
        self.store.resolve(PACKED, self.store.pack(read_folder(self.whole.path)).digest)
        complete = read_folder(self.parts.path).having({"charts/lib-1.0.0.tgz": read_folder(self.whole.path).packed()})
        self.store.resolve(self.sources.reference(self.parts), self.store.pack(complete).digest)

    def digests(self) -> list[str | None]:
        stored = (self.sources.stored(each.chart, ChartLock()) for each in self.releases)
        return [None if chart is None else chart.digest for chart in stored]


class _Helm:
    registry_configurations = ()


def test_every_chart_is_found_where_the_project_is_elsewhere(tmp_path: Path) -> None:
    maker, other = Machine(tmp_path / "maker"), Machine(tmp_path / "other")
    maker.fill()
    items = save_charts(maker.releases, maker.sources, tmp_path / "bundle")
    assert sorted(item.name for item in items) == ["parts", "whole", "whole"]
    assert [digest is None for digest in other.digests()] == [True, True, False, True]
    load_charts(other.releases, other.sources, other.store, tmp_path / "bundle")
    assert other.digests() == maker.digests()


def test_a_chart_with_another_digest_is_refused(tmp_path: Path) -> None:
    maker, other = Machine(tmp_path / "maker"), Machine(tmp_path / "other")
    maker.fill()
    save_charts(maker.releases, maker.sources, tmp_path / "bundle")
    for file in (tmp_path / "bundle/charts").glob("*.tgz"):
        file.write_bytes(read_folder(maker.whole.path).having({"values.yaml": b"evil: true"}).packed())
    with pytest.raises(RefusedError, match=r"a chart of the bundle is sha256:\w+, not sha256:\w+"):
        load_charts(other.releases, other.sources, other.store, tmp_path / "bundle")
    assert other.digests()[0] is None


def test_a_bundle_without_charts_is_one_too(tmp_path: Path) -> None:
    other = Machine(tmp_path / "other")
    load_charts(other.releases, other.sources, other.store, tmp_path / "bundle")
    assert other.digests()[0] is None


def test_a_chart_that_is_not_in_the_cache_is_named(tmp_path: Path) -> None:
    maker = Machine(tmp_path / "maker")
    with pytest.raises(RefusedError, match="the chart of apps/0 is not in the cache"):
        save_charts(maker.releases, maker.sources, tmp_path / "bundle")
