"""A snapshot as one file: the same on the other side, and nothing at all if anything of it is wrong."""

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.snapshot import FORMAT, Manifest
from bootstrap.model.stack import StatePaths
from bootstrap.state.snapshot_file import export_snapshot, import_snapshot
from bootstrap.state.snapshots import (
    damaged_files,
    folder_of,
    manifests,
    read_manifest,
    sizes_in,
    snapshot_names,
    write_manifest,
)
from bootstrap.system.clock import CancelToken, SystemClock

CANCEL = CancelToken(SystemClock())
Members = list[tuple[tarfile.TarInfo, bytes]]


def saved(state: StatePaths, name: str = "a") -> Manifest:
    folder = folder_of(state, name)
    (folder / "cluster" / "empty").mkdir(parents=True)
    (folder / "cluster" / "db").write_bytes(b"objects" * 100)
    manifest = Manifest(
        format=FORMAT,
        name=name,
        stack="dev-0123456789",
        project="/srv/shop",
        created=datetime(2026, 1, 2, tzinfo=UTC),
        facts={"provider": "kwok"},
        files=sizes_in(folder),
        size=700,
    )
    write_manifest(folder, manifest)
    return manifest


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path / "here" / "dev-0123456789")


@pytest.fixture
def elsewhere(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path / "there" / "dev-0123456789")


@pytest.fixture
def file(state: StatePaths, tmp_path: Path) -> Path:
    saved(state)
    export_snapshot(state, "a", tmp_path / "a.tar.gz", CANCEL)
    return tmp_path / "a.tar.gz"


def test_it_is_the_same_on_the_other_side(file: Path, state: StatePaths, elsewhere: StatePaths) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert import_snapshot(elsewhere, file, CANCEL) == read_manifest(state, "a")
    folder = folder_of(elsewhere, "a")
    assert damaged_files(folder, read_manifest(elsewhere, "a")) == ()
    assert (folder / "cluster" / "db").read_bytes() == b"objects" * 100
    assert (folder / "cluster" / "empty").is_dir()
    assert [entry.name for entry in elsewhere.snapshots.iterdir()] == ["a"]


def test_another_name_and_one_that_is_taken(file: Path, elsewhere: StatePaths) -> None:
    assert import_snapshot(elsewhere, file, CANCEL, name="b").name == "b"
    assert read_manifest(elsewhere, "b").name == "b"
    import_snapshot(elsewhere, file, CANCEL)
    with pytest.raises(RefusedError, match="there is a snapshot a already"):
        import_snapshot(elsewhere, file, CANCEL)
    import_snapshot(elsewhere, file, CANCEL, overwrite=True)
    assert snapshot_names(elsewhere) == ("a", "b")


def rewritten(file: Path, change: Callable[[Members], Members]) -> None:
    with tarfile.open(file, "r:gz") as archive:
        members = [(member, stream.read() if (stream := archive.extractfile(member)) else b"") for member in archive]
    with tarfile.open(file, "w:gz") as archive:
        for member, content in change(members):
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def with_other_content(members: Members) -> Members:
    return [(member, b"x" * len(content) if member.name.endswith("db") else content) for member, content in members]


def without_content(members: Members) -> Members:
    return [(member, content) for member, content in members if not member.name.endswith("db")]


def with_more(name: str) -> Callable[[Members], Members]:
    return lambda members: [*members, (tarfile.TarInfo(name), b"x")]


def with_link(members: Members) -> Members:
    link = tarfile.TarInfo("cluster/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    return [*members, (link, b"")]


def of_another_stack(members: Members) -> Members:
    return [(member, content.replace(b"dev-0123456789", b"ci-00123456789")) for member, content in members]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_other_content, "cluster/db has another digest"),
        (without_content, "cluster/db is missing"),
        (lambda members: members[1:], "it is not a snapshot"),
        (lambda members: [members[0], *members[2:]], "comes before snapshot.json"),
        (with_more("cluster/more"), "cluster/more has another digest"),
        (with_more("../../outside"), "outside"),
        (with_link, "link"),
        (of_another_stack, "snapshot.json has another digest"),
    ],
)
def test_a_file_that_was_changed_is_refused(
    file: Path, elsewhere: StatePaths, tmp_path: Path, change: Callable[[Members], Members], why: str
) -> None:
    rewritten(file, change)
    with pytest.raises(RefusedError, match=why):
        import_snapshot(elsewhere, file, CANCEL)
    assert snapshot_names(elsewhere) == ()
    assert list(elsewhere.snapshots.iterdir()) == []
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\0"])
def test_another_file_is_refused(tmp_path: Path, elsewhere: StatePaths, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RefusedError, match="cannot be imported"):
        import_snapshot(elsewhere, tmp_path / "file", CANCEL)


def test_one_of_another_stack_is_refused(file: Path, tmp_path: Path) -> None:
    other = StatePaths(folder=tmp_path / "there" / "ci-0123456789")
    with pytest.raises(RefusedError, match="the snapshot is of stack dev-0123456789 in /srv/shop"):
        import_snapshot(other, file, CANCEL)


def test_a_damaged_or_missing_one_is_named(state: StatePaths) -> None:
    manifest = saved(state)
    with pytest.raises(RefusedError, match="there is no snapshot b: there are a"):
        read_manifest(state, "b")
    with pytest.raises(UsageError):
        read_manifest(state, "../b")
    (folder_of(state, "a") / "cluster" / "db").write_bytes(b"short")
    assert damaged_files(folder_of(state, "a"), manifest) == ("cluster/db",)
    (folder_of(state, "a") / "snapshot.json").write_text("{")
    with pytest.raises(RefusedError, match="is damaged"):
        read_manifest(state, "a")
    readable, unreadable = manifests(state)
    assert readable == ()
    assert "is damaged" in unreadable["a"]
