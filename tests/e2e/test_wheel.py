"""The wheel as a stranger gets it: what is in it, twice the same, and a platform from it in an empty folder."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bootstrap.state.paths import cache_folder

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def tracked(*under: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *under], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]


def built(folder: Path) -> Path:
    """A wheel of the files that git knows, as they are now."""
    source = folder / "source"
    for name in tracked():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    command = (sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", folder, source)
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1760000000"})
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {name for name in tracked("bootstrap", "bootstrap_stack.py") if (ROOT / name).is_file()}
    assert names == {name for name in package if not name.endswith(".in")}


def test_two_builds_are_the_same(wheel: Path, tmp_path: Path) -> None:
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (wheel, built(tmp_path)))
    assert first == second


def test_a_platform_comes_up_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    environment, folder = tmp_path / "environment", tmp_path / "project"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin/python"
    options = ("--quiet", "--disable-pip-version-check", "--constraint", str(without_digests(tmp_path)))
    subprocess.run([python, "-m", "pip", "install", *options, wheel], check=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL", "PIP_"))}
    variables = {
        **kept,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        # As many test jobs have it: the folder may hold modules of any name.
        "PYTHONPATH": str(folder),
    }

    def bootstrap(*arguments: str) -> str:
        ended = subprocess.run(
            [environment / "bin/bootstrap", *arguments],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "Next: bootstrap up" in bootstrap("init")
    (folder / "bootstrap.py").write_text("raise AssertionError\n")
    (folder / "conftest.py").write_text("raise AssertionError\n")
    bootstrap("up", "--provider", "kwok")
    try:
        assert json.loads(bootstrap("status", "--output", "json"))["up"] is True
        assert "7 unchanged" in bootstrap("seed", "plan")
    finally:
        bootstrap("down")
    installed = subprocess.run([python, "-m", "pip", "list"], check=True, capture_output=True, text=True).stdout
    assert "ministack" not in installed


def without_digests(folder: Path) -> Path:
    """The versions of constraints.txt alone: the wheel has none that pip could compare."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    versions = [line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))]
    file = folder / "versions.txt"
    file.write_text("\n".join(versions) + "\n")
    return file
