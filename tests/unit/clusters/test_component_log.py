from pathlib import Path

import pytest

from bootstrap.clusters.kwok import component_log
from bootstrap.clusters.kwok.component_log import disk_note, significant_lines


def error_lines(folder: Path, text: str) -> tuple[str, ...]:
    log = folder / "log"
    log.write_text(text)
    return significant_lines(log)


def test_lines_that_speak_of_a_failure_go_before_the_last_ones(tmp_path: Path) -> None:
    text = "I1123 fine\nE1123 10:00 broke\nI1123 fine again\n\n"
    assert error_lines(tmp_path, text) == ("E1123 10:00 broke",)


def test_where_none_speaks_of_it_the_last_lines_do(tmp_path: Path) -> None:
    assert error_lines(tmp_path, "".join(f"line {number}\n" for number in range(9))) == (
        "line 5",
        "line 6",
        "line 7",
        "line 8",
    )


def test_json_is_told_in_words(tmp_path: Path) -> None:
    text = '{"level":"fatal","ts":"now","msg":"failed to create WAL","error":"no space left on device"}\n'
    assert error_lines(tmp_path, text) == ("fatal: failed to create WAL: no space left on device",)


def test_json_without_a_message_stays_as_it_is(tmp_path: Path) -> None:
    assert error_lines(tmp_path, '{"error": 1}\n[1]\n') == ('{"error": 1}', "[1]")


def test_a_long_line_is_shortened(tmp_path: Path) -> None:
    (line,) = error_lines(tmp_path, "x" * 1000)
    assert line == "x" * 300 + "…"


def test_without_a_log_nothing_is_told(tmp_path: Path) -> None:
    assert significant_lines(tmp_path / "absent") == ()


def test_a_full_disk_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk_note(tmp_path / "absent") == ""
    monkeypatch.setattr(component_log, "_SCARCE", 0)
    assert disk_note(tmp_path) == ""
    monkeypatch.setattr(component_log, "_SCARCE", 1 << 60)
    assert disk_note(tmp_path).endswith(f"MiB are free on the disk of {tmp_path}")
