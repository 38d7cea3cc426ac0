from pathlib import Path

import pytest

from bootstrap.clusters.kwok.layout import Layout, Record, read_record, write_record
from bootstrap.errors import StepFailedError
from bootstrap.model.stack import StatePaths


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    layout = Layout(state=StatePaths(folder=tmp_path))
    assert read_record(layout) is None
    record = Record(port=20001, kubernetes="1.34.4", uid="u")
    write_record(layout, record)
    assert read_record(layout) == record


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', '{"port": 1, "kubernetes": "1", "new": 2}'])
def test_a_damaged_record_is_told_with_its_fix(tmp_path: Path, text: str) -> None:
    layout = Layout(state=StatePaths(folder=tmp_path))
    layout.folder.mkdir()
    layout.record.write_text(text)
    with pytest.raises(StepFailedError, match="is damaged") as caught:
        read_record(layout)
    assert caught.value.fix == "continue with its data: bootstrap up --adopt"


def test_a_folder_has_one_name_whatever_way_leads_there(tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(tmp_path)
    layout = Layout(state=StatePaths(folder=tmp_path / "way" / "state"))
    assert layout.folder == tmp_path.resolve() / "state" / "cluster"
