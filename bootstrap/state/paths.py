"""The folders of bootstrap on this machine."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from bootstrap.errors import RefusedError
from bootstrap.model.stack import Stack, StatePaths

_NAME = "bootstrap"
_HASH_LENGTH = 10
_LONGEST = 63
"""Longest name of a state folder, in characters: the name becomes the value of labels."""


def state_paths(stack: Stack, environment: Mapping[str, str]) -> StatePaths:
    """The state folder of the stack; creates nothing."""
    return StatePaths(folder=state_folder(environment) / identity(stack))


def identity(stack: Stack) -> str:
    """The identity of the stack on this machine and its engine: its name, that of its instance, and a digest.

    The digest is of the project's real path and, for a named instance, of both names, so that identities differ even
    if the names look alike because of hyphens or shortening.
    """
    project = str(stack.project.resolve())
    named = f"{stack.name}-{stack.instance}" if stack.instance else stack.name
    meant = f"{project}\0{stack.name}\0{stack.instance}" if stack.instance else project
    digest = hashlib.sha256(meant.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_LENGTH]
    return f"{named[: _LONGEST - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def create_state(paths: StatePaths) -> None:
    """Make the stack's folder and its logs folder, readable by their owner only.

    Raises:
        RefusedError: the disk does not allow it.
    """
    try:
        for folder in (paths.folder, paths.logs):
            # One by one: with `parents`, the parent folders would be created with the modes of the umask.
            for missing in reversed([parent for parent in (folder, *folder.parents) if not parent.exists()]):
                missing.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise RefusedError(
            f"cannot create {error.filename}: {error.strerror}",
            fix="set XDG_STATE_HOME to a folder that can be written to",
        ) from error


def state_folder(environment: Mapping[str, str]) -> Path:
    """The state of all stacks: `$XDG_STATE_HOME/bootstrap`, else the system's place for it."""
    return _folder(environment, "XDG_STATE_HOME", platformdirs.user_state_path(_NAME, appauthor=False))


def cache_folder(environment: Mapping[str, str]) -> Path:
    """The cache of what can be fetched again: `$XDG_CACHE_HOME/bootstrap`, else the system's place for it."""
    return _folder(environment, "XDG_CACHE_HOME", platformdirs.user_cache_path(_NAME, appauthor=False))


def settings_folder(environment: Mapping[str, str]) -> Path:
    """The user's settings: `$XDG_CONFIG_HOME/bootstrap`, else the system's place for it."""
    return _folder(environment, "XDG_CONFIG_HOME", platformdirs.user_config_path(_NAME, appauthor=False))


def _folder(environment: Mapping[str, str], variable: str, otherwise: Path) -> Path:
    given = environment.get(variable, "")
    # The XDG rules: a relative path is ignored.
    return Path(given) / _NAME if Path(given).is_absolute() else otherwise
