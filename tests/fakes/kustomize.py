"""A kustomize that only collects resources, for repositories where nothing is to be changed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from bootstrap.flux.overlay import FILE_NAMES
from bootstrap.system.processes import Command, CommandFailedError, Finished
from bootstrap.yamltext.kubernetes import load


class Collector:
    """Puts the resources of a folder one after another, as kustomize does where nothing is to be changed."""

    def __init__(self) -> None:
        self.settings: list[Mapping[str, object]] = []

    def __call__(self, folder: Path) -> bytes:
        self.settings.append(json.loads((folder / "kustomization.yaml").read_text()))
        return "---\n".join(_resources(folder)).encode()


def _resources(folder: Path) -> Iterator[str]:
    named = next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)
    if named is None:
        raise _refusal(folder, f"unable to find one of 'kustomization.yaml' in directory '{folder}'")
    for name in load(named.read_text()).get("resources", []):
        path = folder / name
        if path.is_dir():
            yield from _resources(path)
        elif path.exists():
            yield path.read_text().removeprefix("---\n").rstrip("\n") + "\n"
        else:
            raise _refusal(folder, f"open {path}: no such file or directory")


def _refusal(folder: Path, text: str) -> CommandFailedError:
    command = Command(argv=("kubectl", "kustomize", str(folder)))
    return CommandFailedError(command, Finished(returncode=1, stdout=b"", stderr=f"error: {text}\n".encode()))
