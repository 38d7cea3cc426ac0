"""How this copy of bootstrap was installed, and so how a package is added to it."""

import re
import shlex
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

DISTRIBUTION = "bootstrap-stack"
"""What this project is called in a package index."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """Where this copy runs from."""

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    """Of its Python environment."""
    python: Path = field(default_factory=lambda: Path(sys.executable))

    def command(self, *requirements: str) -> str:
        """The command, ready to paste, that adds these packages to it."""
        packages = shlex.join(requirements)
        folders = self.prefix.parts
        if "pipx" in folders and "venvs" in folders:
            return f"pipx inject {self.prefix.name} {packages}"
        if self._is_of_uv():
            return f"uv pip install --python {shlex.quote(str(self.python))} {packages}"
        return f"{shlex.quote(str(self.python))} -m pip install {packages}"

    def _is_of_uv(self) -> bool:
        folders = self.prefix.parts
        if "uv" in folders and "tools" in folders:
            return True
        settings = self.prefix / "pyvenv.cfg"
        return settings.is_file() and re.search(r"(?m)^uv\s*=", settings.read_text(errors="replace")) is not None


def this_installation() -> Installation:
    """The copy that runs."""
    return Installation()


def version() -> str:
    """The version of this copy, such as `1.2.3`."""
    try:
        return distribution(DISTRIBUTION).version
    except PackageNotFoundError:
        return str(_project()["version"])


def _project() -> Mapping[str, Any]:
    """What a clone that was never installed, but is run from its folder, declares of itself."""
    project: Mapping[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    return project
