"""Whether helm's record of a release fits into a Secret, found before anything is installed.

helm keeps every revision as a Secret: the release as JSON (chart metadata, templates, values, schema and all other
files of the chart itself, without its subcharts; the rendered objects; the given values), compressed by gzip and
written as base64 (helm `pkg/storage/driver/util.go`). The API server takes at most 1 MiB of data in a Secret.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence

from bootstrap.charts.archive import ChartFiles, read_archive
from bootstrap.charts.cache import StoredChart
from bootstrap.charts.rendered_objects import Rendered
from bootstrap.errors import StepFailedError
from bootstrap.model.release import Release

LIMIT = 1024 * 1024
_WORTH_A_LOOK = 700_000
"""Bytes of an archive and its objects below which no record reaches the limit, however badly it is compressed."""
_SHOWN = 5


def check_record(release: Release, chart: StoredChart, rendered: Rendered) -> None:
    """Return if helm can keep a record of the release.

    Raises:
        StepFailedError: it is too large; names the largest files of the chart.
    """
    objects = json.dumps([*rendered.objects, *rendered.hooks], separators=(",", ":")).encode()
    content = chart.file.read_bytes()
    if len(content) + len(objects) < _WORTH_A_LOOK:
        return
    files = own_files(read_archive(content, str(chart.file)))
    size = record_size(files, objects, release)
    if size <= LIMIT:
        return
    where = f" ({release.place})" if release.place is not None else ""
    raise StepFailedError(
        f"chart {chart.name} {chart.version} of {release.id} is too large for helm: "
        f"its release record would have {size / LIMIT:.1f} MiB, a Secret holds at most 1.0 MiB",
        evidence=largest({**files, "(the rendered objects)": objects}),
        fix=f"leave large files out with a .helmignore in the chart, or use a smaller chart{where}",
    )


def record_size(files: Mapping[str, bytes], objects: bytes, release: Release) -> int:
    """About how many bytes helm would write for one revision; never more than it does."""
    chart = {path: base64.b64encode(content).decode() for path, content in files.items()}
    record = {"chart": chart, "manifest": objects.decode(), "config": release.values}
    compressed = gzip.compress(json.dumps(record, default=str).encode(), 9)
    return len(base64.b64encode(compressed))


def own_files(chart: ChartFiles) -> dict[str, bytes]:
    """What of a chart is in the record: not its subcharts."""
    return {path: content for path, content in chart.files.items() if not path.startswith("charts/")}


def largest(files: Mapping[str, bytes]) -> Sequence[str]:
    """The largest files with what each takes once compressed, the largest first."""
    sizes = sorted(((len(gzip.compress(content)), path) for path, content in files.items()), reverse=True)
    return [f"{path}: {size / 1024:.0f} KiB compressed" for size, path in sizes[:_SHOWN]]
