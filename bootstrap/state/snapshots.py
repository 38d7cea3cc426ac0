"""The snapshots in a stack's state folder, and the mark of a save or restore that is not finished."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.snapshot import FORMAT, NAME, NAME_RULE, Contents, Manifest, Phase, Unfinished, Verb
from bootstrap.model.stack import StatePaths
from bootstrap.system.files import write_whole

MANIFEST = "snapshot.json"
CONTENTS = "contents.json"
_PARTIAL = ".saving"


def checked_name(name: str) -> str:
    """The name.

    Raises:
        UsageError: it cannot be the name of a snapshot.
    """
    if NAME.fullmatch(name):
        return name
    raise UsageError(f"{name!r} is not the name of a snapshot", fix=f"use {NAME_RULE}")


def folder_of(state: StatePaths, name: str) -> Path:
    """Where the snapshot is, or would be."""
    return state.snapshots / checked_name(name)


def partial_folder(state: StatePaths, name: str) -> Path:
    """Where it is written; renamed once it is whole."""
    return state.snapshots / f"{_PARTIAL}-{checked_name(name)}"


def remove_partial(state: StatePaths) -> None:
    """Remove what killed saves and imports left."""
    for folder in state.snapshots.glob(f"{_PARTIAL}-*"):
        shutil.rmtree(folder)


def is_whole(folder: Path) -> bool:
    """Whether all of a snapshot is in the folder: its manifest is written last."""
    return (folder / MANIFEST).is_file()


def snapshot_names(state: StatePaths) -> tuple[str, ...]:
    """Those that are whole, in alphabetical order."""
    if not state.snapshots.is_dir():
        return ()
    entries = (entry for entry in state.snapshots.iterdir() if not entry.name.startswith("."))
    return tuple(sorted(entry.name for entry in entries if is_whole(entry)))


def manifests(state: StatePaths) -> tuple[tuple[Manifest, ...], Mapping[str, str]]:
    """Every snapshot, the newest first; and those that cannot be read, by name with the reason."""
    readable, unreadable = [], {}
    for name in snapshot_names(state):
        try:
            readable.append(read_manifest(state, name))
        except RefusedError as error:
            unreadable[name] = error.what
    return tuple(sorted(readable, key=lambda manifest: manifest.created, reverse=True)), unreadable


def read_manifest(state: StatePaths, name: str) -> Manifest:
    """The manifest of a snapshot.

    Raises:
        UsageError: the name cannot be one.
        RefusedError: there is none of this name, or it is damaged.
    """
    folder = folder_of(state, name)
    if not is_whole(folder):
        names = snapshot_names(state)
        others = f"there are {', '.join(names)}" if names else "there are none"
        raise RefusedError(f"there is no snapshot {name}: {others}", fix="run: bootstrap snapshot list")
    return manifest_in(folder)


def manifest_in(folder: Path) -> Manifest:
    """The manifest in the folder of a snapshot.

    Raises:
        RefusedError: it is damaged, or of another version of the format.
    """
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_bytes())
        version = int(content["format"])
        if version != FORMAT:
            raise RefusedError(
                f"{file}: its format is version {version}, this bootstrap reads version {FORMAT}",
                fix=f"use the bootstrap that saved it, or remove it: bootstrap snapshot rm {folder.name}",
            )
        return Manifest(**{**content, "created": datetime.fromisoformat(content["created"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"{file} is damaged: {error}",
            fix=f"remove the snapshot: bootstrap snapshot rm {folder.name}; then save it again",
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it, readable only by its owner."""
    content = {**dataclasses.asdict(manifest), "created": manifest.created.isoformat()}
    write_whole(folder / MANIFEST, json.dumps(content, indent=1).encode())


def damaged_files(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """The files of a snapshot that are missing or have another size than when it was saved."""
    return tuple(name for name, size in manifest.files.items() if _size(folder / name) != size)


def sizes_in(folder: Path) -> dict[str, int]:
    """Every file below the folder, except for the manifest, with its size."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink())
    return {str(file.relative_to(folder)): file.stat().st_size for file in files if file != folder / MANIFEST}


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def read_contents(folder: Path) -> Contents:
    """The digests in a snapshot."""
    return Contents(**json.loads((folder / CONTENTS).read_bytes()))


def write_contents(folder: Path, contents: Contents) -> None:
    """Write the digests, readable only by their owner."""
    write_whole(folder / CONTENTS, json.dumps(dataclasses.asdict(contents), indent=1).encode())


def read_unfinished(state: StatePaths) -> Unfinished | None:
    """The save or restore that runs or was killed; None: there is none.

    Raises:
        RefusedError: the mark is damaged.
    """
    try:
        content = json.loads(state.unfinished.read_bytes())
        return Unfinished(verb=Verb(content["verb"]), name=content["name"], phase=Phase(content["phase"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"{state.unfinished} is damaged: {error}", fix="remove the stack: bootstrap down, then bootstrap up"
        ) from error


def mark_unfinished(state: StatePaths, unfinished: Unfinished) -> None:
    """Write the mark; on disk before this returns."""
    write_whole(state.unfinished, json.dumps(dataclasses.asdict(unfinished)).encode())


def unmark(state: StatePaths) -> None:
    """Remove the mark: it is finished, or undone."""
    state.unfinished.unlink(missing_ok=True)
