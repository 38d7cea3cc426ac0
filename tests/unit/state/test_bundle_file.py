"""A bundle as one file: the same bytes for the same content, and nothing of a damaged one is used."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleHead, BundleItem, ItemKind
from bootstrap.state.bundle_file import read_head, unpack_bundle, write_bundle
from bootstrap.system.clock import CancelToken
from bootstrap.system.compressed import open_zstd
from fakes.clock import FakeClock

HEAD = BundleHead(
    stack="dev",
    provider="kwok",
    platform="linux/amd64",
    items=(BundleItem(kind=ItemKind.CHART, name="traefik", version="1.0.0", digest="sha256:1"),),
)


def token() -> CancelToken:
    return CancelToken(FakeClock())


def content(folder: Path) -> Path:
    (folder / "programs").mkdir(parents=True)
    (folder / "programs/helm").write_bytes(b"program" + bytes(100_000))
    (folder / "programs/helm").chmod(0o755)
    (folder / "programs/other").symlink_to("helm")
    (folder / "a.txt").write_text("a")
    return folder


def written(folder: Path) -> Path:
    write_bundle(folder / "b.tar.zst", content(folder / "content"), HEAD, token())
    return folder / "b.tar.zst"


def unpacked(file: Path, folder: Path) -> BundleHead:
    folder.mkdir()
    return unpack_bundle(file, folder, token())


def archive(file: Path, head: object, **files: bytes) -> Path:
    """A bundle of somebody else's."""
    with file.open("wb") as stream, open_zstd(stream, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, data in {"bundle.json": json.dumps(head).encode(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return file


def test_what_is_written_is_read_with_its_links_and_modes(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert read_head(file) == HEAD
    assert unpacked(file, tmp_path / "out") == HEAD
    assert (tmp_path / "out/programs/helm").read_bytes() == b"program" + bytes(100_000)
    assert (tmp_path / "out/programs/helm").stat().st_mode & 0o777 == 0o700
    assert str((tmp_path / "out/programs/other").readlink()) == "helm"
    assert (tmp_path / "out/a.txt").read_text() == "a"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.tar.zst", "content", "out"]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    assert written(tmp_path / "1").read_bytes() == written(tmp_path / "2").read_bytes()


@pytest.mark.parametrize("kept", [0.5, 0.98])
def test_a_part_of_one_is_refused(tmp_path: Path, kept: float) -> None:
    file = written(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(RefusedError, match=r"is damaged|is not a bundle"):
        unpacked(file, tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": "0" * 64}, "is damaged: a is missing or has another digest"),
        ({}, "is damaged: a is missing or has another digest"),
        (
            {"a": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "b": "1"},
            "is damaged: b is missing",
        ),
    ],
)
def test_every_file_is_compared_with_its_digest(tmp_path: Path, files: dict[str, str], message: str) -> None:
    file = archive(tmp_path / "b", {**HEAD.document(), "size": 1, "files": files}, a=b"a")
    with pytest.raises(RefusedError, match=message):
        unpacked(file, tmp_path / "out")


def test_a_name_that_points_outside_is_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "b", {**HEAD.document(), "size": 1, "files": {}}, **{"../a": b"a"})
    with pytest.raises(RefusedError, match="is damaged"):
        unpacked(file, tmp_path / "out")
    assert not (tmp_path / "a").exists()


def test_another_format_is_refused_by_its_number(tmp_path: Path) -> None:
    file = archive(tmp_path / "b", {**HEAD.document(), "format": 2})
    with pytest.raises(RefusedError, match="has format 2, this bootstrap reads format 1"):
        read_head(file)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("nothing")
    with pytest.raises(RefusedError, match="is not a bundle"):
        read_head(tmp_path / "b")


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path) -> None:
    file = archive(tmp_path / "b", {**HEAD.document(), "size": 1 << 60, "files": {}}, a=b"a")
    with pytest.raises(RefusedError, match="unpacking the bundle needs"):
        unpacked(file, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
