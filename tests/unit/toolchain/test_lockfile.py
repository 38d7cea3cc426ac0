from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError, RefusedError
from bootstrap.toolchain.lockfile import LockFile

ONE, TWO = "1" * 64, "2" * 64


def test_a_digest_is_kept_sorted_and_found_again(tmp_path: Path) -> None:
    lock = LockFile(file=tmp_path / "bootstrap.lock")
    lock.keep("kind 0.33.0 linux/amd64", ONE, pytest.fail)
    lock.keep("helm 4.1.4 linux/amd64", TWO, pytest.fail)
    lock.keep("helm 4.1.4 linux/amd64", TWO, pytest.fail)
    assert lock.digest("helm 4.1.4 linux/amd64") == TWO
    assert lock.digest("helm 4.1.4 linux/arm64") is None
    lines = (tmp_path / "bootstrap.lock").read_text().splitlines()
    assert lines[1:] == [f"helm 4.1.4 linux/amd64 {TWO}", f"kind 0.33.0 linux/amd64 {ONE}"]


def test_another_digest_for_the_same_download_is_refused(tmp_path: Path) -> None:
    lock = LockFile(file=tmp_path / "bootstrap.lock")
    lock.keep("helm 4.1.4 linux/amd64", ONE, pytest.fail)
    with pytest.raises(RefusedError, match=r"helm 4\.1\.4 linux/amd64 is not the one") as refused:
        lock.keep("helm 4.1.4 linux/amd64", TWO, pytest.fail)
    assert refused.value.evidence == (f"locked:     sha256:{ONE}", f"downloaded: sha256:{TWO}")
    assert lock.digest("helm 4.1.4 linux/amd64") == ONE


def test_all_lines_that_are_none_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap.lock"
    file.write_text(f"# a comment\n\nhelm 4.1.4 {ONE}\nhelm 4.1.4 linux/amd64 {ONE}\n<<<<<<< HEAD\n")
    with pytest.raises(InvalidError) as invalid:
        LockFile(file=file).digest("helm 4.1.4 linux/amd64")
    assert [problem.place.line for problem in invalid.value.problems] == [3, 5]


def test_without_a_file_nothing_is_kept() -> None:
    lock = LockFile(file=None)
    lock.keep("helm 4.1.4 linux/amd64", ONE, pytest.fail)
    assert lock.digest("helm 4.1.4 linux/amd64") is None


def test_a_project_that_cannot_be_written_is_told_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "project").write_text("a file is in the way")
    messages: list[str] = []
    file = tmp_path / "project/bootstrap.lock"
    LockFile(file=file).keep("helm 4.1.4 linux/amd64", ONE, messages.append)
    assert messages == [f"the digest of helm 4.1.4 linux/amd64 is not saved: {file} cannot be written (File exists)"]


def test_runs_that_keep_at_once_lose_nothing(tmp_path: Path) -> None:
    def keep(number: int) -> None:
        LockFile(file=tmp_path / "bootstrap.lock").keep(f"p{number} 1.0.0 linux/amd64", ONE, pytest.fail)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(24)))
    assert len((tmp_path / "bootstrap.lock").read_text().splitlines()) == 25
