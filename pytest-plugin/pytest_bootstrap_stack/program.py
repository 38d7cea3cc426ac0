"""Calls the command line of bootstrap: its documented interface, and the only one that this plugin uses."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAMES = ("bootstrap-stack", "bootstrap")
_NOT_PASSED = ("PYTHONPATH", "PYTHONHOME", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS")
"""What would make the program import modules of the tests, or run as a part of them."""


class ProgramError(Exception):
    """The program ended with an error; the text is what it printed."""


@dataclass(frozen=True)
class Program:
    """The program in a project's folder."""

    path: str
    folder: Path

    def run(self, *arguments: str) -> str:
        """What it prints on standard output.

        Raises:
            ProgramError: it ended with another code than 0.
        """
        ended = self.completed(*arguments)
        if ended.returncode != 0:
            raise ProgramError(f"bootstrap {' '.join(arguments)} ended with {ended.returncode}:\n{ended.stderr}")
        return ended.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        """What it prints as JSON. Raises as `run`."""
        return json.loads(self.run(*arguments, "--output", "json"))

    def completed(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The program that ran to its end."""
        return subprocess.run(
            (self.path, *arguments),
            cwd=self.folder,
            env=self.environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, arguments: Sequence[str]) -> "subprocess.Popen[str]":
        """The program with pipes to its standard input and output; what goes wrong is printed in the test's output."""
        return subprocess.Popen(
            (self.path, *arguments),
            cwd=self.folder,
            env=self.environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def environment(ours: Mapping[str, str]) -> dict[str, str]:
        """Ours, without what belongs to the tests."""
        return {name: value for name, value in ours.items() if name not in _NOT_PASSED}


def find_program(folder: Path) -> Program:
    """The program of this Python's environment, else of PATH; never a module of the tested project.

    Raises:
        ProgramError: it is not installed.
    """
    here = Path(sys.executable).parent
    found = next((str(here / name) for name in _NAMES if (here / name).exists()), None)
    path = found or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise ProgramError("bootstrap is not installed\nFix:   pip install bootstrap-stack")
    return Program(path=path, folder=folder)
