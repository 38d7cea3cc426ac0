"""The archive that `helm template` is given: the chart itself, or a copy that shows its templates what is served.

Definitions in crds/ are printed as they are. One that was itself rendered from a template holds a `# Source:` line of
its own, which would be taken for helm's and the definition for a template's: in the copy it is not such a line.
"""

import contextlib
import gzip
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from bootstrap.charts.api_rewrite import seeing
from bootstrap.charts.archive import ChartFiles, is_packed_subchart, read_archive
from bootstrap.charts.cache import StoredChart
from bootstrap.charts.template_queries import is_definition_file

_SOURCE, _DISGUISED = b"# Source: ", b"# From: "
_PACKED = b".tgz"


@contextlib.contextmanager
def archive_to_render(chart: StoredChart, apis: frozenset[str]) -> Iterator[Path]:
    """Its file while the context lasts; `apis` are the `group/version[/Kind]` that templates see."""
    content = chart.file.read_bytes()
    if not chart.asked_apis and not _may_hold_source_lines(content):
        yield chart.file
        return
    whole = read_archive(content, str(chart.file))
    changed = without_source_lines(seeing(whole, apis) if chart.asked_apis else whole)
    if changed is whole:
        yield chart.file
        return
    with tempfile.TemporaryDirectory(prefix="bootstrap-render-") as temporary:
        file = Path(temporary, f"{chart.name}.tgz")
        file.write_bytes(changed.packed())
        yield file


def without_source_lines(chart: ChartFiles) -> ChartFiles:
    """The chart, none of whose definitions in crds/ holds a line that looks like helm's own; subcharts included."""
    changed: dict[str, bytes] = {}
    for path, content in chart.files.items():
        if is_packed_subchart(path):
            below = read_archive(content, path)
            inner = without_source_lines(below)
            if inner is not below:
                changed[path] = inner.packed()
        elif is_definition_file(path) and _SOURCE in content:
            changed[path] = content.replace(_SOURCE, _DISGUISED)
    return chart.having(changed) if changed else chart


def _may_hold_source_lines(content: bytes) -> bool:
    """Cheaper than a look at every file: most charts are not read as a whole here."""
    try:
        text = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return False
    return _SOURCE in text or _PACKED in text
