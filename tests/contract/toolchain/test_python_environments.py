"""Programs that are Python packages, installed by the real pip from a folder of wheels."""

import base64
import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from bootstrap.errors import CancelledError, RefusedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Missing, Toolchain, ToolchainSettings, Where

NAME = "ministack-1.5.33-py3-none-any.whl"


def wheel(folder: Path) -> str:
    """A package of one module; its digest."""
    content = b"import sys\nprint('running', sys.argv[1:])\n"
    info = "ministack-1.5.33.dist-info"
    files = {
        "ministack.py": content,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: ministack\nVersion: 1.5.33\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,", ""]))
    return hashlib.sha256((folder / NAME).read_bytes()).hexdigest()


class Desk:
    """A toolchain whose pip knows one folder of wheels, by the user's own settings."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache, self.index = folder / "cache", folder / "index"
        self.index.mkdir()
        self.requirements = folder / "ministack.txt"
        self.pin(wheel(self.index))
        self.said: list[str] = []
        self.cancel = CancelToken(SystemClock())
        # The tests' own Python has it.
        monkeypatch.setattr("bootstrap.toolchain.find.installed_version", lambda _build: None)
        monkeypatch.setattr(
            "bootstrap.toolchain.python_environments.requirements_file", lambda _build: self.requirements
        )
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            # These would lead it elsewhere, and are the user's for other projects.
            "PIP_TARGET": str(folder / "target"),
            "PIP_USER": "1",
            "PYTHONPATH": str(folder),
        }

    def pin(self, digest: str) -> None:
        self.requirements.write_text(f"ministack==1.5.33 \\\n    --hash=sha256:{digest}\n")

    def toolchain(self) -> Toolchain:
        settings = ToolchainSettings(cache=self.cache, environment=self.environment)
        return Toolchain(settings, SystemProcesses(SystemClock()), Work(self.cancel, self.said.append))

    @property
    def left(self) -> list[Path]:
        return [file for file in (self.cache / "programs/.work").iterdir() if file.exists()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_it_is_installed_once_into_an_environment_of_its_own(desk: Desk) -> None:
    assert isinstance(desk.toolchain().find("ministack"), Missing)
    program = desk.toolchain().obtain("ministack")
    assert (program.version, program.where, program.why) == ("1.5.33", Where.CACHE, "installed from ministack.txt")
    assert desk.said[0] == "installing ministack 1.5.33"
    ended = subprocess.run(
        [program.path, "-P", "-m", "ministack", "-x"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert ended.stdout == "running ['-x']\n"
    foreign = subprocess.run([program.path, "-I", "-c", "import boto3"], capture_output=True, check=False)
    assert b"ModuleNotFoundError" in foreign.stderr, "packages of ours do not meet the program's"
    (desk.index / NAME).unlink()
    assert desk.toolchain().path("ministack") == program.path
    assert desk.left == []


def test_a_file_of_another_digest_is_refused_and_leaves_nothing(desk: Desk) -> None:
    desk.pin("0" * 64)
    with pytest.raises(RefusedError, match=r"ministack .* is not installed, and no source has it") as refused:
        desk.toolchain().obtain("ministack")
    assert "DO NOT MATCH THE HASHES" in (desk.cache / "logs/install-ministack.log").read_text()
    assert refused.value.evidence[-1].endswith(f"(log: {desk.cache}/logs/install-ministack.log)")
    assert str(refused.value.fix).startswith(f"run: {sys.executable} -m pip install ministack==1.5.33, or name it: ")
    assert not (desk.cache / "programs/ministack").exists()
    assert desk.left == []


def test_runs_at_once_install_it_once(desk: Desk) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(desk.toolchain().path("ministack"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 3
    assert len(set(paths)) == 1
    assert desk.said.count("installing ministack 1.5.33") == 1


def test_a_cancelled_one_leaves_nothing_and_the_next_one_installs(desk: Desk) -> None:
    desk.cancel.cancel("Ctrl-C")
    with pytest.raises(CancelledError):
        desk.toolchain().obtain("ministack")
    desk.cancel = CancelToken(SystemClock())
    assert desk.toolchain().version("ministack") == "1.5.33"
    assert desk.left == []


def test_without_pip_one_is_made_of_what_comes_with_python(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.toolchain.pip.has_module", lambda name: name == "ensurepip")
    program = desk.toolchain().obtain("ministack")
    assert not (program.path.parents[1] / "pip").exists()


def test_a_python_without_any_pip_is_told_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.toolchain.pip.has_module", lambda _name: False)
    desk.environment["PATH"] = "/nowhere"
    with pytest.raises(RefusedError, match=r"there is no pip: .* has neither pip nor ensurepip") as refused:
        desk.toolchain().obtain("ministack")
    assert refused.value.fix == "install them for this Python, such as by: apt install python3-pip python3-venv"


def test_an_environment_of_another_python_is_not_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.toolchain().obtain("ministack")
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    assert isinstance(desk.toolchain().find("ministack"), Missing)


def test_a_named_python_is_asked_what_it_has_each_time(desk: Desk, tmp_path: Path) -> None:
    own = desk.toolchain().path("ministack")
    desk.environment["BOOTSTRAP_TOOL_MINISTACK"] = str(own)
    assert desk.toolchain().obtain("ministack").where is Where.GIVEN
    assert not (desk.cache / "versions.json").exists()
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)
    desk.environment["BOOTSTRAP_TOOL_MINISTACK"] = str(empty / "bin/python")
    with pytest.raises(RefusedError, match="ministack, named by BOOTSTRAP_TOOL_MINISTACK, reports no version"):
        desk.toolchain().obtain("ministack")


def test_it_is_installed_from_the_wheels_of_a_bundle_alone(desk: Desk, tmp_path: Path) -> None:
    desk.toolchain().bundled.save(("ministack",), tmp_path / "bundle", Work(desk.cancel))
    assert [file.name for file in (tmp_path / "bundle/wheels/ministack").iterdir()] == [NAME]
    (desk.index / NAME).unlink()
    desk.toolchain().bundled.load(tmp_path / "bundle", ("ministack",), Work(desk.cancel))
    program = desk.toolchain().obtain("ministack")
    assert (program.version, program.where) == ("1.5.33", Where.CACHE)
    assert desk.left == []
