import tarfile
from pathlib import Path

from backports import zstd

from bootstrap.console.report.output import write_output


def test_an_archive_is_read_by_other_programs(tmp_path: Path) -> None:
    write_output(tmp_path / "report.tar.zst", {"index.html": "<p>é</p>"})
    with zstd.open(tmp_path / "report.tar.zst") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        names = []
        for entry in archive:
            names.append(entry.name)
            content = archive.extractfile(entry)
            assert content is not None
            assert entry.name != "report/index.html" or content.read().decode() == "<p>é</p>"
    assert names == ["report/index.html", "report/report.json"]
