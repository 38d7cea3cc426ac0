"""A hint on a missing package names the way in which this copy was installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.system.installation import Installation, this_installation, version

PYTHON = Path("/env/bin/python")


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/env", "/env/bin/python -m pip install 'moto[server]'"),
        ("/home/me/.local/share/pipx/venvs/bootstrap-stack", "pipx inject bootstrap-stack 'moto[server]'"),
        ("/home/me/.local/share/uv/tools/bootstrap-stack", "uv pip install --python /env/bin/python 'moto[server]'"),
    ],
)
def test_a_package_is_added_as_this_copy_was_installed(prefix: str, command: str) -> None:
    assert Installation(prefix=Path(prefix), python=PYTHON).command("moto[server]") == command


def test_an_environment_of_uv_has_no_pip(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr\nuv = 0.9.1\n")
    assert Installation(prefix=tmp_path, python=PYTHON).command("a").startswith("uv pip install --python ")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/uv = 1\n")
    assert Installation(prefix=tmp_path, python=PYTHON).command("a").startswith("/env/bin/python -m pip ")


def test_this_copy_knows_its_python() -> None:
    assert this_installation().python == Path(sys.executable)
    assert sys.executable in this_installation().command("moto")


ROOT = Path(__file__).parents[3]
_PROGRAM = "import runpy, sys; sys.argv[1:] = ['version']; runpy.run_path({file!r}, run_name='__main__')"


def test_the_version_is_the_one_that_the_project_declares() -> None:
    assert f'\nversion = "{version()}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["bootstrap.py", "bootstrap/__init__.py", "bootstrap/cli/__init__.py"])
def test_a_project_may_have_a_bootstrap_of_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("raise AssertionError('this is the user's')\n")
    program = _PROGRAM.format(file=str(ROOT / "bootstrap_stack.py"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    # `-c` puts the current folder first, as `-m` does.
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.stdout, ended.stderr) == (f"bootstrap {version()}\n", "")
