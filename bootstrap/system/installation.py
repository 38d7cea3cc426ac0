"""How this copy of bootstrap was installed, and so how a package is added to it."""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DISTRIBUTION = "bootstrap-stack"
"""What this project is called in a package index."""
_ROOT = Path(__file__).resolve().parents[2]
_EXTRA = re.compile(r"""^(?P<what>[^;]+?)\s*;\s*extra\s*==\s*["'](?P<extra>[^"']+)["']\s*$""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """Where this copy runs from."""

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    """Of its Python environment."""
    python: Path = field(default_factory=lambda: Path(sys.executable))
    clone: Path | None = None
    """The folder of the clone that it was installed from, so that changes in it count; None: it was not."""

    def command(self, *requirements: str) -> str:
        """The command, ready to paste, that adds these packages to it."""
        packages = shlex.join(requirements)
        folders = self.prefix.parts
        if "pipx" in folders and "venvs" in folders:
            return f"pipx inject {self.prefix.name} {packages}"
        if self._is_of_uv():
            return f"uv pip install --python {shlex.quote(str(self.python))} {packages}"
        return f"{shlex.quote(str(self.python))} -m pip install {packages}"

    def extra_command(self, name: str) -> str:
        """The command, ready to paste, that adds what the extra NAME of this project asks for."""
        if self.clone is not None and not self._is_of_uv():
            return f"{shlex.quote(str(self.python))} -m pip install -e {shlex.quote(f'{self.clone}[{name}]')}"
        if self.clone is not None:
            where = shlex.quote(f"{self.clone}[{name}]")
            return f"uv pip install --python {shlex.quote(str(self.python))} -e {where}"
        return self.command(*requirements_of(name))

    def _is_of_uv(self) -> bool:
        folders = self.prefix.parts
        if "uv" in folders and "tools" in folders:
            return True
        settings = self.prefix / "pyvenv.cfg"
        return settings.is_file() and re.search(r"(?m)^uv\s*=", settings.read_text(errors="replace")) is not None


def this_installation() -> Installation:
    """The copy that runs."""
    return Installation(clone=_clone())


def requirements_of(extra: str) -> tuple[str, ...]:
    """What the extra asks for, such as `ministack==1.5.33`."""
    try:
        declared: Sequence[str] = distribution(DISTRIBUTION).requires or ()
    except PackageNotFoundError:
        return tuple(_project()["optional-dependencies"][extra])
    parts = (_EXTRA.match(requirement) for requirement in declared)
    return tuple(part["what"].strip() for part in parts if part is not None and part["extra"] == extra)


def version() -> str:
    """The version of this copy, such as `1.2.3`."""
    try:
        return distribution(DISTRIBUTION).version
    except PackageNotFoundError:
        return str(_project()["version"])


def _clone() -> Path | None:
    try:
        text = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return _ROOT
    origin = json.loads(text) if text else {}
    if not (origin.get("dir_info") or {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin["url"]).path))


def _project() -> Mapping[str, Any]:
    """What a clone that was never installed, but is run from its folder, declares of itself."""
    project: Mapping[str, Any] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    return project
