"""The remembered stack, as it was brought up last, with the origin of each value; verbs use it without a file."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.model.stack import (
    ClusterSpec,
    DeclaredValue,
    Driver,
    EmulatorSpec,
    HostPorts,
    ImageSpec,
    Mount,
    Placement,
    Profile,
    Provider,
    SourceSpec,
    Stack,
    StatePaths,
)
from bootstrap.system.files import write_whole

_Spec = TypeVar("_Spec", ClusterSpec, EmulatorSpec, HostPorts, ImageSpec, Mount, SourceSpec)

CLUSTER, EMULATOR, REST = "cluster", "emulator", "rest"
"""The parts of a stack that are remembered one by one while it is brought up."""
PARTS = frozenset({CLUSTER, EMULATOR, REST})
_DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, kw_only=True, slots=True)
class RememberedStack:
    """A stack as it was brought up last."""

    stack: Stack
    values: tuple[DeclaredValue, ...] = ()
    """Each value of it with its origin; those of variables without the value. Empty: an older version wrote it."""
    command: str = ""
    """The command line that brought it up, ready to paste."""
    whole: bool = True
    """Whether seeds, source and mirrors are in it: older versions did not write them down."""

    def with_parts(self, later: "RememberedStack", parts: frozenset[str]) -> "RememberedStack":
        """This one, with the parts that have become as in `later`."""
        stack = later.stack if REST in parts else self.stack
        stack = dataclasses.replace(
            stack,
            cluster=(later if CLUSTER in parts else self).stack.cluster,
            emulator=(later if EMULATOR in parts else self).stack.emulator,
        )
        kept = [value for value in self.values if _part_of(value) not in parts]
        taken = [value for value in later.values if _part_of(value) in parts]
        order = [value.path for value in (*later.values, *self.values)]
        return RememberedStack(
            stack=stack,
            values=tuple(sorted((*kept, *taken), key=lambda value: order.index(value.path))),
            command=later.command if parts == PARTS else self.command,
            whole=REST in parts or self.whole,
        )


def _part_of(value: DeclaredValue) -> str:
    head = value.path.partition(".")[0]
    return head if head in {CLUSTER, EMULATOR} else REST


def remember(stack: Stack, state: StatePaths, *, values: Sequence[DeclaredValue] = (), command: str = "") -> None:
    """Write the whole stack down; see `write_remembered`."""
    write_remembered(RememberedStack(stack=stack, values=tuple(values), command=command), state)


def write_remembered(remembered_stack: RememberedStack, state: StatePaths) -> None:
    """Write the file, readable only by its owner; values of variables, which may be secrets, in a file of their own."""
    stack = remembered_stack.stack
    content: dict[str, Any] = {
        "name": stack.name,
        "instance": stack.instance,
        "project": str(stack.project),
        "file": None if stack.file is None else str(stack.file),
        "cluster": dataclasses.asdict(stack.cluster),
        "emulator": None if stack.emulator is None else dataclasses.asdict(stack.emulator),
        "values": [dataclasses.asdict(_without_secret(value)) for value in remembered_stack.values],
        "command": remembered_stack.command,
    }
    if remembered_stack.whole:
        content["seeds"] = [str(path) for path in stack.seeds]
        content["source"] = None if stack.source is None else dataclasses.asdict(stack.source)
        content["snapshot_after_up"] = stack.snapshot_after_up
        content["mirrors"] = dict(stack.mirrors)
        content["images"] = [dataclasses.asdict(image) for image in stack.images]
        _write(state.variables, json.dumps(dict(stack.variables)).encode(), unless_empty=not stack.variables)
    _write(state.remembered, json.dumps(content, indent=1, default=str).encode())


def _write(file: Path, content: bytes, *, unless_empty: bool = False) -> None:
    """Write the file whole, unless that is what it holds; with `unless_empty` there is none afterwards."""
    if unless_empty:
        file.unlink(missing_ok=True)
    elif not file.exists() or file.read_bytes() != content:
        write_whole(file, content)


def _without_secret(value: DeclaredValue) -> DeclaredValue:
    return dataclasses.replace(value, value=None) if value.is_variable else value


def remembered(state: StatePaths) -> Stack | None:
    """The remembered stack of this state folder, without its variables; None if it was never brought up."""
    remembered = read_remembered(state)
    return None if remembered is None else remembered.stack


def read_remembered(state: StatePaths, *, with_variables: bool = False) -> RememberedStack | None:
    """The remembered stack with the origins of its values; None if it was never brought up, or the file is damaged."""
    try:
        return _read(state, with_variables=with_variables)
    except _DAMAGED:
        # Damaged, or of another version: ignored.
        return None


def damage(state: StatePaths) -> str:
    """What is wrong with the file of the remembered stack; empty: nothing, or it is not there."""
    if not state.remembered.exists():
        return ""
    try:
        _read(state, with_variables=True)
    except KeyError as error:
        return f"it has no field {error}"
    except _DAMAGED as error:
        return str(error)
    return ""


def _read(state: StatePaths, *, with_variables: bool) -> RememberedStack:
    content = json.loads(state.remembered.read_bytes())
    return RememberedStack(
        stack=dataclasses.replace(_stack(content), variables=_variables(state) if with_variables else {}),
        values=tuple(_declared(value) for value in content.get("values", ())),
        command=content.get("command", ""),
        whole="seeds" in content,
    )


def _declared(value: Mapping[str, Any]) -> DeclaredValue:
    return DeclaredValue(path=value["path"], value=value["value"], origin=value["origin"])


def _stack(content: Mapping[str, Any]) -> Stack:
    source = content.get("source")
    return Stack(
        name=content["name"],
        instance=content["instance"],
        project=Path(content["project"]),
        file=None if content["file"] is None else Path(content["file"]),
        cluster=_cluster(content["cluster"]),
        emulator=None if content["emulator"] is None else _emulator(content["emulator"]),
        seeds=tuple(map(Path, content.get("seeds", ()))),
        source=None if source is None else _spec(SourceSpec, {**source, "root": Path(source["root"])}),
        snapshot_after_up=content.get("snapshot_after_up", False),
        mirrors=content.get("mirrors", {}),
        images=tuple(map(_image, content.get("images", ()))),
    )


def _image(content: Mapping[str, Any]) -> ImageSpec:
    paths = {name: Path(content[name]) for name in ("context", "dockerfile")}
    return _spec(ImageSpec, {**content, **paths, "platforms": tuple(content["platforms"])})


def _variables(state: StatePaths) -> Mapping[str, str]:
    try:
        variables: Mapping[str, str] = json.loads(state.variables.read_bytes())
    except FileNotFoundError:
        return {}
    return variables


def _cluster(content: Mapping[str, Any]) -> ClusterSpec:
    return _spec(
        ClusterSpec,
        {
            **content,
            "provider": Provider(content["provider"]),
            # Made by a version that knew no profiles: as its program makes it.
            "profile": Profile(content.get("profile", Profile.STOCK)),
            "ports": _spec(HostPorts, content["ports"]),
            "config": None if content["config"] is None else Path(content["config"]),
            "mounts": tuple(
                _spec(Mount, {**mount, "here": Path(mount["here"])}) for mount in content.get("mounts", ())
            ),
        },
    )


def _emulator(content: Mapping[str, Any]) -> EmulatorSpec:
    return _spec(
        EmulatorSpec, {**content, "driver": Driver(content["driver"]), "placement": Placement(content["placement"])}
    )


def _spec(kind: type[_Spec], content: Mapping[str, Any]) -> _Spec:
    """What another version wrote may have more fields."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in content.items() if name in names})
