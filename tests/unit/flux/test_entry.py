"""What a folder alone says of where a repository begins."""

from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.flux.entry import source_of


def test_paths_are_relative_to_the_folder_that_git_knows(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    entry = tmp_path / "clusters" / "dev"
    entry.mkdir(parents=True)
    source = source_of(entry)
    assert (source.root, source.path) == (tmp_path, "clusters/dev")


def test_a_folder_outside_git_is_its_own_root(tmp_path: Path) -> None:
    assert (source_of(tmp_path).root, source_of(tmp_path).path) == (tmp_path, ".")


def test_a_root_that_is_named_is_taken(tmp_path: Path) -> None:
    entry = tmp_path / "a" / "b"
    entry.mkdir(parents=True)
    source = source_of(entry, tmp_path / "a")
    assert (source.root, source.path) == (tmp_path / "a", "b")


def test_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match="there is no folder"):
        source_of(tmp_path / "absent")
    with pytest.raises(UsageError, match="is not below the root"):
        source_of(tmp_path / "a", tmp_path / "b")
