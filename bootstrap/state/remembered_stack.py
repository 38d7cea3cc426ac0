"""A stack as it was brought up last: enough to tell of it, and to take it away when its file is gone."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.model.stack import (
    ClusterSpec,
    Driver,
    EmulatorSpec,
    HostPorts,
    Mount,
    Placement,
    Profile,
    Provider,
    Stack,
    StatePaths,
)
from bootstrap.system.files import write_whole

_Spec = TypeVar("_Spec", ClusterSpec, EmulatorSpec, HostPorts, Mount)


def remember(stack: Stack, state: StatePaths) -> None:
    """Write it down; values of variables, which may be secrets, and what only bringing it up needs are left out."""
    content = {
        "name": stack.name,
        "instance": stack.instance,
        "project": str(stack.project),
        "file": None if stack.file is None else str(stack.file),
        "cluster": dataclasses.asdict(stack.cluster),
        "emulator": None if stack.emulator is None else dataclasses.asdict(stack.emulator),
    }
    text = json.dumps(content, indent=1, default=str).encode()
    if not state.remembered.exists() or state.remembered.read_bytes() != text:
        write_whole(state.remembered, text)


def remembered(state: StatePaths) -> Stack | None:
    """The stack whose state folder this is, without seeds and source; None where no run got so far."""
    try:
        found = json.loads(state.remembered.read_bytes())
        return Stack(
            name=found["name"],
            instance=found["instance"],
            project=Path(found["project"]),
            file=None if found["file"] is None else Path(found["file"]),
            cluster=_cluster(found["cluster"]),
            emulator=None if found["emulator"] is None else _emulator(found["emulator"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        # Damaged, or of another version: as good as none.
        return None


def _cluster(found: Mapping[str, Any]) -> ClusterSpec:
    return _known(
        ClusterSpec,
        {
            **found,
            "provider": Provider(found["provider"]),
            "profile": Profile(found.get("profile", Profile.FAST)),
            "ports": _known(HostPorts, found["ports"]),
            "config": None if found["config"] is None else Path(found["config"]),
            "mounts": tuple(_known(Mount, {**one, "here": Path(one["here"])}) for one in found.get("mounts", ())),
        },
    )


def _emulator(found: Mapping[str, Any]) -> EmulatorSpec:
    return _known(
        EmulatorSpec, {**found, "driver": Driver(found["driver"]), "placement": Placement(found["placement"])}
    )


def _known(kind: type[_Spec], found: Mapping[str, Any]) -> _Spec:
    """What another version wrote may have more fields."""
    names = {one.name for one in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in found.items() if name in names})
