"""How this copy of bootstrap was installed, and so how a package is added to it."""

import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from urllib.parse import unquote, urlsplit

_NAME = "bootstrap"
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
    """What the extra asks for, such as `cryptography>=45`."""
    try:
        declared: Sequence[str] = requires(_NAME) or ()
    except PackageNotFoundError:  # run from a folder that was never installed
        return (extra,)
    parts = (_EXTRA.match(requirement) for requirement in declared)
    return tuple(part["what"].strip() for part in parts if part is not None and part["extra"] == extra)


def _clone() -> Path | None:
    try:
        text = distribution(_NAME).read_text("direct_url.json")
    except PackageNotFoundError:
        return Path(__file__).resolve().parents[2]
    origin = json.loads(text) if text else {}
    if not (origin.get("dir_info") or {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin["url"]).path))
