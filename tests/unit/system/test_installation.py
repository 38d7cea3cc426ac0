"""A hint on a missing package names the way in which this copy was installed."""

import shlex
import sys
from pathlib import Path

import pytest

from bootstrap.system.installation import Installation, requirements_of, this_installation

PYTHON = Path("/env/bin/python")


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/env", "/env/bin/python -m pip install 'moto[server]'"),
        ("/home/me/.local/share/pipx/venvs/bootstrap", "pipx inject bootstrap 'moto[server]'"),
        ("/home/me/.local/share/uv/tools/bootstrap", "uv pip install --python /env/bin/python 'moto[server]'"),
    ],
)
def test_a_package_is_added_as_this_copy_was_installed(prefix: str, command: str) -> None:
    assert Installation(prefix=Path(prefix), python=PYTHON).command("moto[server]") == command


def test_an_environment_of_uv_has_no_pip(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr\nuv = 0.9.1\n")
    assert Installation(prefix=tmp_path, python=PYTHON).command("a").startswith("uv pip install --python ")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/uv = 1\n")
    assert Installation(prefix=tmp_path, python=PYTHON).command("a").startswith("/env/bin/python -m pip ")


def test_an_extra_of_a_clone_is_named_by_its_folder(tmp_path: Path) -> None:
    clone = Installation(prefix=tmp_path, python=PYTHON, clone=Path("/my clone"))
    assert clone.extra_command("embedded") == "/env/bin/python -m pip install -e '/my clone[embedded]'"
    (tmp_path / "pyvenv.cfg").write_text("uv = 0.9.1\n")
    assert clone.extra_command("embedded") == "uv pip install --python /env/bin/python -e '/my clone[embedded]'"


def test_elsewhere_an_extra_is_named_by_what_it_asks_for() -> None:
    packages = requirements_of("embedded")
    assert {package.partition("=")[0].rstrip(">") for package in packages} == {"cryptography", "ministack"}
    command = Installation(prefix=Path("/env"), python=PYTHON).extra_command("embedded")
    assert command == f"/env/bin/python -m pip install {shlex.join(packages)}"


def test_this_copy_knows_its_python() -> None:
    assert this_installation().python == Path(sys.executable)
    assert sys.executable in this_installation().extra_command("embedded")
