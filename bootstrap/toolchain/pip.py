"""Finds a pip: of this Python, or one that comes with Python itself."""

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_VENV_SECONDS = 5 * 60.0
# What would lead packages elsewhere than into the environment that is meant, or add packages without a digest.
_MISLEADING = frozenset({"PYTHONPATH", "PYTHONHOME", "PIP_CONSTRAINT", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET"})
QUIET = ("--no-input", "--disable-pip-version-check")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pip:
    """pip with the user's own settings: its configuration files and PIP_… variables name the index."""

    processes: Processes
    environment: Mapping[str, str]

    def command(self, folder: Path, cancel: CancelToken) -> tuple[str, ...]:
        """The argument list that starts pip; one is put into `folder` if this Python has none.

        Raises:
            RefusedError: there is no pip, and none comes with this Python.
        """
        if has_module("pip"):
            # -P: the current folder may hold a module of any name.
            return (sys.executable, "-P", "-m", "pip")
        if not has_module("ensurepip"):
            raise RefusedError(
                f"there is no pip: {sys.executable} has neither pip nor ensurepip",
                fix="install them for this Python, such as by: apt install python3-pip python3-venv",
            )
        self.make_environment(folder, cancel, "--clear")
        return (str(folder / "bin" / "python"), "-P", "-m", "pip")

    def make_environment(self, folder: Path, cancel: CancelToken, *options: str) -> Path:
        """An environment of this Python in `folder`; its Python.

        Raises:
            RefusedError: it cannot be made; shows what venv printed.
        """
        argv = (sys.executable, "-I", "-m", "venv", *options, str(folder))
        command = Command(argv=argv, env=self.clean_environment(), cwd=folder.parent, tethered=True)
        try:
            self.processes.run(command, cancel.within(_VENV_SECONDS, f"an environment in {folder}"))
        except CommandFailedError as error:
            raise RefusedError(
                f"{sys.executable} cannot make an environment",
                evidence=error.evidence,
                fix="install this Python's module venv, such as by: apt install python3-venv",
            ) from error
        return folder / "bin" / "python"

    def install_command(self, python: Path, folder: Path, cancel: CancelToken) -> tuple[str, ...]:
        """The argument list that installs into the environment of `python`: by pip, or by uv if there is no pip.

        Raises:
            RefusedError: there is neither pip nor uv.
        """
        uv = shutil.which("uv", path=self.environment.get("PATH"))
        if uv is not None and not has_module("pip") and not has_module("ensurepip"):
            return (uv, "pip", "install", "--python", str(python), "--no-build")
        pip = self.command(folder, cancel)
        return (*pip, *QUIET, "--python", str(python), "install", "--only-binary=:all:")

    def clean_environment(self) -> dict[str, str]:
        """The user's, without what leads packages elsewhere."""
        kept = {name: value for name, value in self.environment.items() if name not in _MISLEADING}
        return {**kept, "PIP_USER": "0"}


def has_module(name: str) -> bool:
    """Whether this Python can import the top-level module."""
    return importlib.util.find_spec(name) is not None
