import tarfile
from pathlib import Path

import pytest

from bootstrap.console.report.output import check_output, write_output
from bootstrap.errors import UsageError

FILES = {"index.html": "<p>é</p>", "logs/emulator.log": "ready\n"}


def test_a_folder_is_its_owners_alone_and_a_newer_report_takes_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    write_output(folder, FILES)
    assert (folder / "logs" / "emulator.log").read_text() == "ready\n"
    assert {file.stat().st_mode & 0o077 for file in folder.rglob("*")} == {0}
    check_output(folder)
    write_output(folder, {"index.html": "newer"})
    assert sorted(file.name for file in folder.iterdir()) == ["index.html", "report.json"]
    assert [file.name for file in folder.parent.iterdir()] == ["report"]


@pytest.mark.parametrize("name", ["report.tar.gz", "report.tgz"])
def test_an_archive(tmp_path: Path, name: str) -> None:
    write_output(tmp_path / name, FILES)
    with tarfile.open(tmp_path / name) as archive:
        assert archive.getnames() == ["report/index.html", "report/logs/emulator.log", "report/report.json"]
        stream = archive.extractfile("report/index.html")
        assert stream is not None
        assert stream.read().decode() == "<p>é</p>"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_what_is_not_a_report_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match="holds something other than a report"):
        check_output(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        check_output(tmp_path / "notes")
    (tmp_path / "folder.tar.zst").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_output(tmp_path / "folder.tar.zst")
