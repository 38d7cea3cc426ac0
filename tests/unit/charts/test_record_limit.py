"""The release record that helm would keep is measured before anything is installed."""

import base64
import random
from pathlib import Path

import pytest

from bootstrap.charts.archive import ChartFiles
from bootstrap.charts.cache import ChartStore, StoredChart
from bootstrap.charts.record_limit import LIMIT, check_record, record_size
from bootstrap.charts.rendered_objects import Rendered
from bootstrap.errors import StepFailedError
from fakes.repo import release


def stored(folder: Path, files: dict[str, bytes]) -> StoredChart:
    chart = {"Chart.yaml": b"name: big\nversion: 1.0.0", **files}
    return ChartStore(folder).pack(ChartFiles(name="big", version="1.0.0", files=chart))


def noise(size: int) -> bytes:
    """What gzip cannot make smaller."""
    return random.Random(1).randbytes(size)  # noqa: S311 - no secret, the same in every run


def test_a_chart_whose_record_is_too_large_is_refused_with_its_largest_files(tmp_path: Path) -> None:
    chart = stored(tmp_path, {"files/plugins.tar": noise(900_000), "files/small": noise(5_000)})
    with pytest.raises(StepFailedError, match=r"chart big 1.0.0 of apps/a is too large for helm.* 1\.\d MiB") as failed:
        check_record(release("a"), chart, Rendered())
    assert failed.value.evidence[0].startswith("files/plugins.tar: ")
    assert ".helmignore" in (failed.value.fix or "")


def test_subcharts_are_not_in_the_record(tmp_path: Path) -> None:
    check_record(release("a"), stored(tmp_path, {"charts/sub/files/plugins.tar": noise(900_000)}), Rendered())


def test_what_is_large_but_compresses_well_is_fine(tmp_path: Path) -> None:
    objects = tuple({"kind": "ConfigMap", "data": {"a": "x" * 10_000}} for _ in range(200))
    check_record(release("a"), stored(tmp_path, {"files/zeros": bytes(5_000_000)}), Rendered(objects=objects))


def test_rendered_objects_count_too(tmp_path: Path) -> None:
    blob = base64.b64encode(noise(850_000)).decode()
    with pytest.raises(StepFailedError) as failed:
        check_record(release("a"), stored(tmp_path, {}), Rendered(objects=({"kind": "Secret", "data": {"a": blob}},)))
    assert failed.value.evidence[0].startswith("(the rendered objects): ")


def test_the_size_is_that_of_base64() -> None:
    assert record_size({"files/a": noise(786_432)}, b"", release("a")) > LIMIT
