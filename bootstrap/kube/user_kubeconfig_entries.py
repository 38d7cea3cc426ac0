"""What was merged into the user's own kubeconfig, and leaves it again with the stack."""

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import InvalidError, RefusedError
from bootstrap.kube.user_kubeconfig import LISTS, read_kubeconfig
from bootstrap.model.lease import Lease
from bootstrap.model.stack import StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.work import Work


def note_merged(state: StatePaths, target: Path) -> None:
    """Write down which entries of the stack's kubeconfig were put into `target`; comes before they are."""
    ours = yaml.safe_load(state.kubeconfig.read_text())
    entries = [[section, str(entry["name"]), _digest(entry)] for section in LISTS for entry in ours[section]]
    noted = {**_noted(state), str(target.resolve()): entries}
    write_whole(_file(state), json.dumps(noted).encode())


def is_merged(state: StatePaths) -> bool:
    """Whether anything was ever merged."""
    return _file(state).exists()


class MergedEntries:
    """Implements `ports.Leftovers`."""

    def __init__(self, state: StatePaths) -> None:
        self._state = state

    def lease(self, lease: Lease | None, cancel: CancelToken) -> None:
        """See `Leftovers.lease`: entries have none."""

    def remove(self, work: Work, *, keep_data: bool) -> Sequence[str]:
        """See `Leftovers.remove`; an entry that is not as it was merged is the user's by now, and stays."""
        del keep_data
        removed: list[str] = []
        for name, entries in _noted(self._state).items():
            work.cancel.check()
            try:
                gone = _remove_entries(Path(name), {(section, entry): digest for section, entry, digest in entries})
            except InvalidError as error:
                work.notify(f"{name} stays as it is: {error.what}")
                continue
            removed += [f"{context} in {name}" for context in gone]
        _file(self._state).unlink(missing_ok=True)
        return removed


def _remove_entries(file: Path, entries: Mapping[tuple[str, str], str]) -> list[str]:
    """Take the entries out of the file if they are unchanged; the contexts among them."""
    if not file.exists():
        return []
    theirs = read_kubeconfig(file)
    gone: list[tuple[str, str]] = []
    for section in LISTS:
        there = [(entry, (section, str(entry.get("name")))) for entry in theirs.get(section) or []]
        gone += [key for entry, key in there if entries.get(key) == _digest(entry)]
        theirs[section] = [entry for entry, key in there if entries.get(key) != _digest(entry)]
    contexts = [name for section, name in gone if section == "contexts"]
    if theirs.get("current-context") in contexts:
        theirs["current-context"] = ""
    if gone:
        write_whole(file, yaml.safe_dump(theirs, sort_keys=False).encode(), mode=file.stat().st_mode & 0o777)
    return contexts


def _digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True, default=str).encode()).hexdigest()


def _noted(state: StatePaths) -> dict[str, Any]:
    file = _file(state)
    try:
        entries: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise RefusedError(
            f"{file}, which names the entries in your kubeconfig, is damaged: {error}",
            fix="delete the stack's entries, if any: kubectl config get-contexts lists them; kubectl config "
            f"delete-context, delete-cluster and delete-user NAME delete them; then: rm {shlex.quote(str(file))}",
        ) from error
    return entries


def _file(state: StatePaths) -> Path:
    return state.folder / "merged.json"
