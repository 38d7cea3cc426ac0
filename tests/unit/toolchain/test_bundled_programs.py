"""Programs go from one cache into another, with what they are names of, and are not brought again."""

from pathlib import Path
from typing import Any, cast

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleItem, ItemKind
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.bundled_programs import BundledPrograms
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import PROGRAMS, Program, PythonPackage
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish
from fakes.clock import FakeClock

LINUX = Platform(system="linux", machine="amd64")


class Environments:
    """Packages that are one file."""

    fits = True

    def download(self, build: PythonPackage, folder: Path, work: Work) -> None:
        work.cancel.check()
        if not self.fits:
            raise CannotGiveError("out of reach")
        folder.mkdir(parents=True)
        (folder / f"{build.project}.whl").write_text("wheel")

    def get(self, wish: Wish, build: PythonPackage, work: Work, *, wheels: Path) -> Origin:
        work.cancel.check()
        if not self.fits:
            raise CannotGiveError("no matching distribution")
        executable(wish.folder / "python").write_text((wheels / f"{build.project}.whl").read_text())
        return Origin(version=wish.program.default_version, source="bundle", path="python")


class Machine:
    """A cache that cannot bring anything but what is in it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(root=folder / "programs", platform=LINUX)
        self.environments = Environments()
        self.bundled = BundledPrograms(store=self.store, sources=cast("Any", self))
        self.work = Work(CancelToken(FakeClock()))

    def bring(self, program: Program, work: Work) -> Path:
        work.cancel.check()
        kept = self.store.find(program)
        assert kept is not None, program.name
        return kept[0]

    def fill(self) -> None:
        """Put helm there as downloaded, etcd as a name of a program that is several."""
        for name, version in (("helm", "4.1.4"), ("controlplane", "1.34.4")):
            place = self.store.root / name / version / "linux-amd64"
            place.mkdir(parents=True)
            executable(place / name).write_text(name)
        (self.store.root / "helm/4.1.4/linux-amd64/origin.json").write_text(
            '{"version": "4.1.4", "source": "x", "path": "helm", "sha256": "00"}'
        )
        with self.store.workplace("etcd") as workplace:
            (workplace / "etcd").symlink_to("../../../controlplane/1.34.4/linux-amd64/controlplane")
            self.store.keep(PROGRAMS["etcd"], Origin(version="3.6.4", source="built", path="etcd"), workplace)


def executable(file: Path) -> Path:
    file.touch(mode=0o700)
    return file


def test_they_are_found_in_the_other_cache(tmp_path: Path) -> None:
    maker, other = Machine(tmp_path / "maker"), Machine(tmp_path / "other")
    maker.fill()
    names, folder = ("helm", "etcd", "ministack"), tmp_path / "bundle"
    assert maker.bundled.save(names, folder, maker.work) == (
        BundleItem(kind=ItemKind.PROGRAM, name="helm", version="4.1.4", digest="sha256:00"),
        BundleItem(kind=ItemKind.PROGRAM, name="etcd", version="3.6.4"),
        BundleItem(kind=ItemKind.PROGRAM, name="ministack", version=PROGRAMS["ministack"].default_version),
    )
    for _ in range(2):  # the second time nothing is left to do
        other.bundled.load(folder, names, other.work)
        brought = {name: other.bring(PROGRAMS[name], other.work).read_text() for name in names}
        assert brought == {"helm": "helm", "etcd": "controlplane", "ministack": "wheel"}
        other.environments.fits = False
    assert list((other.store.root / ".work").iterdir()) == []


def test_packages_for_another_python_are_refused(tmp_path: Path) -> None:
    maker, other = Machine(tmp_path / "maker"), Machine(tmp_path / "other")
    maker.bundled.save(("ministack",), tmp_path / "bundle", maker.work)
    other.environments.fits = False
    with pytest.raises(RefusedError, match="ministack cannot be installed from the bundle: no matching distribution"):
        other.bundled.load(tmp_path / "bundle", ("ministack",), other.work)


def test_packages_out_of_reach_are_refused(tmp_path: Path) -> None:
    maker = Machine(tmp_path / "maker")
    maker.environments.fits = False
    with pytest.raises(RefusedError, match="the packages of ministack cannot be downloaded: out of reach"):
        maker.bundled.save(("ministack",), tmp_path / "bundle", maker.work)


def test_packages_of_what_is_installed_with_bootstrap_are_left(tmp_path: Path) -> None:
    maker, other = Machine(tmp_path / "maker"), Machine(tmp_path / "other")
    maker.bundled.save(("ministack",), tmp_path / "bundle", maker.work)
    other.bundled.load(tmp_path / "bundle", (), other.work)
    assert other.store.find(PROGRAMS["ministack"]) is None
