"""Writes a stack's cluster into the user's own kubeconfig, when asked to."""

import os
from pathlib import Path
from typing import Any

import yaml

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.system.files import write_whole

LISTS = ("clusters", "users", "contexts")


def user_kubeconfig() -> Path:
    """The file kubectl writes to: the first of $KUBECONFIG, else ~/.kube/config."""
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(named[0]) if named else Path.home() / ".kube" / "config"


def merge_kubeconfig(own: Path, target: Path) -> str:
    """Put the cluster, user and context of `own` into `target`, replacing those of the same names; the context.

    The current context, and everything else that is there, stays.

    Raises:
        InvalidError: the target is not a kubeconfig; it is left as it is.
    """
    ours = yaml.safe_load(own.read_text())
    theirs = read_kubeconfig(target)
    for name in LISTS:
        added = {entry["name"] for entry in ours[name]}
        kept = [entry for entry in theirs.get(name) or [] if entry.get("name") not in added]
        theirs[name] = [*kept, *ours[name]]
    merged = {"apiVersion": "v1", "kind": "Config", **theirs}
    # A link stays a link: what it leads to is written.
    write_whole(target.resolve(), yaml.safe_dump(merged, sort_keys=False).encode())
    return str(ours["current-context"])


def read_kubeconfig(target: Path) -> dict[str, Any]:
    """The user's file; empty if there is none.

    Raises:
        InvalidError: it is not a kubeconfig.
    """
    if not target.exists():
        return {}
    try:
        document = yaml.safe_load(target.read_text()) or {}
    except yaml.YAMLError as error:
        raise InvalidError([Problem(place=Place(file=str(target)), text=f"is not YAML: {error}")]) from error
    if not isinstance(document, dict) or not all(isinstance(document.get(name) or [], list) for name in LISTS):
        raise InvalidError([Problem(place=Place(file=str(target)), text="is not a kubeconfig")])
    return document
