"""Completion scripts: their text, and where each shell looks for them."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from click.shell_completion import get_completion_class

from bootstrap.cli.main import bootstrap
from bootstrap.errors import RefusedError
from bootstrap.system.files import write_whole

_MARK = "_BOOTSTRAP_COMPLETE"
"""In every script of ours, and in nobody else's."""


def script(shell: str) -> str:
    """The script for a shell that click knows."""
    kind = get_completion_class(shell)
    if kind is None:
        raise AssertionError(shell)
    return kind(bootstrap, {}, "bootstrap", _MARK).source()


def install_script(shell: str, environment: Mapping[str, str]) -> str:
    """Write the script to where the shell looks for it; what was done, and what is left to do by hand.

    Raises:
        RefusedError: a file that is not ours is in its place.
    """
    file, text = _place(shell, environment), f"{script(shell)}\n"
    present = file.read_text(errors="replace") if file.is_file() else None
    if present is None and (file.exists() or file.is_symlink()):
        raise _refused(shell, file)
    if present is not None and present != text and _MARK not in present:
        raise _refused(shell, file)
    if present != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode(), mode=0o644)
    done = f"{file}: {'is there already' if present == text else 'written' if present is None else 'updated'}"
    return f"{done}\n{_rest(shell, file)}"


def _place(shell: str, environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("HOME") or Path.home())
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    places = {
        "bash": data / "bash-completion/completions/bootstrap",
        "zsh": data / "zsh/site-functions/_bootstrap",
        "fish": config / "fish/completions/bootstrap.fish",
    }
    return places[shell]


def _rest(shell: str, file: Path) -> str:
    if shell == "zsh":
        folder = shlex.quote(str(file.parent))
        return f"Add this line to ~/.zshrc, before compinit: fpath=({folder} $fpath)"
    if shell == "bash":
        return "It works in new shells, with the package bash-completion"
    return "It works in new shells"


def _refused(shell: str, file: Path) -> RefusedError:
    return RefusedError(
        f"{file} is there, and is not bootstrap's completion",
        fix=f"remove it, or write the script elsewhere: bootstrap completion {shell}",
    )
