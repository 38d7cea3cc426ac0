"""Finds the source of a repository without a stack file: only its folder is given."""

from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.model.stack import SourceSpec


def source_of(entry: Path, root: Path | None = None) -> SourceSpec:
    """The repository whose entry is this folder.

    Paths in it are relative to `root`; without one to the nearest folder above that holds `.git`, else to the entry.

    Raises:
        UsageError: the folder does not exist, or is not below the root.
    """
    folder = entry.resolve()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {entry}")
    top = _top(folder) if root is None else root.resolve()
    if not folder.is_relative_to(top):
        raise UsageError(f"{entry} is not below the root {root}", fix="name a --root above the folder of --repo")
    return SourceSpec(root=top, path=folder.relative_to(top).as_posix())


def _top(folder: Path) -> Path:
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
