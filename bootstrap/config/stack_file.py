"""Finds the stack file of a command."""

import os
from pathlib import Path

from bootstrap.config.flags import DEFAULT_STACK
from bootstrap.errors import UsageError
from bootstrap.yamltext.positions import nearest

_FOLDER = "stacks"
_ENDINGS = (".yaml", ".yml")


class StackNotFoundError(UsageError):
    """The stack file does not exist."""


def find_stack(reference: str | None, cwd: Path) -> Path:
    """The absolute path of the stack file; a name is `stacks/NAME.yaml` here or in a folder above.

    Raises:
        StackNotFoundError: it does not exist; the fix names the most similar one.
    """
    if reference is not None and (os.sep in reference or reference.endswith(_ENDINGS)):
        return _named_file(reference, cwd)
    name = reference or DEFAULT_STACK
    for folder in _folders(cwd):
        for ending in _ENDINGS:
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    raise _not_found(name, cwd)


def shown_path(path: Path, cwd: Path) -> str:
    """The path as it is shortest to read from `cwd`."""
    relative = os.path.relpath(path, cwd)
    return min(relative, str(path), key=len)


def _named_file(reference: str, cwd: Path) -> Path:
    path = (cwd / reference).absolute()
    if path.is_file():
        return path
    what = "is a folder" if path.is_dir() else "does not exist"
    raise StackNotFoundError(f"the stack file {reference} {what}", fix="name a stack, or the path of its file")


def _folders(cwd: Path) -> tuple[Path, ...]:
    """The folders of stack files from here upwards, the nearest first."""
    return tuple(folder / _FOLDER for folder in (cwd, *cwd.parents) if (folder / _FOLDER).is_dir())


def _not_found(name: str, cwd: Path) -> StackNotFoundError:
    folders = _folders(cwd)
    if not folders:
        return StackNotFoundError(
            f"there is no stack {name}: {cwd} and the folders above it have no folder {_FOLDER}",
            fix=f"write {_FOLDER}/{name}.yaml, or run a Flux repository without one: --repo PATH",
        )
    names = dict.fromkeys(path.stem for folder in folders for path in sorted(folder.glob("*.y*ml")))
    near = nearest(name, names)
    fix = f"did you mean {near}?" if near else f"there are: {', '.join(names) or 'none'}"
    return StackNotFoundError(f"there is no stack {name} in {shown_path(folders[0], cwd)}", fix=fix)
