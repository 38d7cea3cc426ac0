"""The source of programs that are Python packages: an environment for each, whose packages have known digests."""

import importlib.metadata
import importlib.resources
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.system.files import private_folder
from bootstrap.system.processes import Command, Processes
from bootstrap.system.work import Work
from bootstrap.toolchain.logged_run import LoggedRun
from bootstrap.toolchain.pip import QUIET, Pip, has_module
from bootstrap.toolchain.programs import PythonPackage
from bootstrap.toolchain.source import Origin, Wish

_INSTALL_SECONDS = 15 * 60.0
_PYTHON = "bin/python"
_PACKAGE = re.compile(r"(?m)^[A-Za-z0-9][\w.\[\],-]*==")


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonEnvironments:
    """Installs packages where neither this program's own packages nor the user's meet them."""

    processes: Processes
    environment: Mapping[str, str]
    logs: Path

    def get(self, wish: Wish, build: PythonPackage, work: Work, *, wheels: Path | None = None) -> Origin:
        """Make the environment in the wish's folder; given `wheels`, from those files alone, without the network.

        Raises:
            CannotGiveError: a package is out of reach, or not what its digest says; the log is kept.
            RefusedError: this Python can make no environment, or there is no pip.
        """
        name, version = wish.program.name, wish.program.default_version
        within = work.cancel.within(_INSTALL_SECONDS, f"installing {name}")
        pip = Pip(processes=self.processes, environment=self.environment)
        work.notify(f"installing {name} {version}")
        python = pip.make_environment(wish.folder, within, "--without-pip")
        helper = wish.folder / "pip"
        file = requirements_file(build)
        here = () if wheels is None else ("--no-index", "--find-links", str(wheels))
        options = (*here, "--require-hashes", "--no-deps", "--requirement", str(file))
        command = Command(
            argv=(*pip.install_command(python, helper, within), *options),
            env=pip.clean_environment(),
            cwd=wish.folder,
        )
        logged = LoggedRun(processes=self.processes, log=self.logs / f"install-{name}.log")
        logged.begin()
        total = len(_PACKAGE.findall(file.read_text()))
        logged.run(
            command,
            within,
            lambda seconds, lines: work.notify(f"installing {name}, {seconds:.0f}s: {_so_far(lines, total)}"),
        )
        if helper.exists():
            shutil.rmtree(helper)
        return Origin(version=version, source=f"installed from {build.requirements}", path=_PYTHON)

    def download(self, build: PythonPackage, folder: Path, work: Work) -> None:
        """Put the wheels of all its packages into the folder.

        Raises:
            CannotGiveError: a package is out of reach, or not what its digest says.
            RefusedError: there is no pip.
        """
        within = work.cancel.within(_INSTALL_SECONDS, f"downloading {build.project}")
        pip = Pip(processes=self.processes, environment=self.environment)
        helper = private_folder(folder) / "pip"
        options = ("download", "--only-binary=:all:", "--require-hashes", "--no-deps", *QUIET, "--dest", str(folder))
        command = Command(
            argv=(*pip.command(helper, within), *options, "--requirement", str(requirements_file(build))),
            env=pip.clean_environment(),
            cwd=folder,
        )
        logged = LoggedRun(processes=self.processes, log=self.logs / f"download-{build.project}.log")
        logged.begin()
        logged.run(command, within, lambda seconds, _lines: work.notify(f"downloading {build.project}, {seconds:.0f}s"))
        if helper.exists():
            shutil.rmtree(helper)


def requirements_file(build: PythonPackage) -> Path:
    """Where the versions and digests of its packages are."""
    return Path(str(importlib.resources.files("bootstrap.toolchain"))) / "python" / build.requirements


def installed_version(build: PythonPackage) -> str | None:
    """The version that this program's own environment has; None: it is not installed, or only a part of it."""
    if not all(map(has_module, build.modules)):
        return None
    try:
        return importlib.metadata.version(build.project)
    except importlib.metadata.PackageNotFoundError:
        return None


def _so_far(lines: Sequence[str], total: int) -> str:
    """How far pip is: it names every package that it collects, then all that it installs."""
    if any(line.startswith("Installing collected packages") for line in lines):
        return "unpacking"
    collected = sum(line.startswith("Collecting ") for line in lines)
    return f"{collected} of {total} packages downloaded"
