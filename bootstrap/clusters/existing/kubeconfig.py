"""Takes one context out of the user's kubeconfig, which is only read."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import RefusedError

_FILES = (
    ("cluster", "certificate-authority"),
    ("user", "client-certificate"),
    ("user", "client-key"),
)


def user_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The user's kubeconfig files that there are, as kubectl looks for them."""
    named = [Path(path) for path in environment.get("KUBECONFIG", "").split(":") if path]
    files = named or [Path(environment.get("HOME") or Path.home()) / ".kube" / "config"]
    return tuple(file for file in files if file.exists())


def only_context(files: Sequence[Path], context: str) -> dict[str, Any]:
    """A kubeconfig that holds this context alone, files that it names put in; exec plugins stay as they are.

    Of several entries of one name the first counts, as for kubectl.

    Raises:
        RefusedError: there is no such context, or what it names is not there.
    """
    documents = [(file.parent, _read(file)) for file in files]
    _, entry = _find(documents, "contexts", context, "context")
    cluster_folder, cluster = _find(documents, "clusters", str(entry.get("cluster")), "cluster")
    user_folder, user = _find(documents, "users", str(entry.get("user")), "user")
    parts = {"cluster": _whole(cluster, "cluster", cluster_folder), "user": _whole(user, "user", user_folder)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {**entry, "cluster": context, "user": context}}],
        "clusters": [{"name": context, "cluster": parts["cluster"]}],
        "users": [{"name": context, "user": parts["user"]}],
    }


def _read(file: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - not needed by --help

    try:
        document = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise RefusedError(f"cannot read the kubeconfig {file}: {error}") from error
    return document if isinstance(document, dict) else {}


def _find(
    documents: Sequence[tuple[Path, Mapping[str, Any]]], section: str, name: str, key: str
) -> tuple[Path, Mapping[str, Any]]:
    names: list[str] = []
    for folder, document in documents:
        for entry in document.get(section) or ():
            if entry.get("name") == name:
                return folder, entry.get(key) or {}
            names.append(str(entry.get("name")))
    hint = f"; there are: {', '.join(names)}" if names else ""
    raise RefusedError(
        f"your kubeconfig has no entry {name!r} in {section}{hint}",
        fix="set cluster.context to the context that you mean",
    )


def _whole(entry: Mapping[str, Any], part: str, folder: Path) -> dict[str, Any]:
    """The entry with what it names on disk inside it: a copy elsewhere must not depend on where it is."""
    copy = dict(entry)
    for where, key in _FILES:
        if where == part and (named := copy.pop(key, None)) and f"{key}-data" not in copy:
            copy[f"{key}-data"] = base64.b64encode(_content(folder / str(named))).decode()
    if part == "user" and (named := copy.get("tokenFile")):
        copy["tokenFile"] = str((folder / str(named)).resolve())
    plugin = copy.get("exec")
    if part == "user" and isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
        # kubectl takes a relative path from the kubeconfig's folder.
        copy["exec"] = {**plugin, "command": str((folder / str(plugin["command"])).resolve())}
    return copy


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RefusedError(f"your kubeconfig names {file}: {error.strerror}") from error
