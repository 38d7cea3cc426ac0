"""A replacement killed at each moment: the next look tells the truth, and `up` alone ends what was begun."""

import dataclasses
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.docker_nodes.cluster import NodeCluster
from bootstrap.errors import RefusedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import ClusterSpec, Provider
from bootstrap.system.processes import Command, Finished
from bootstrap.system.work import Work
from fakes.docker_nodes import FakeEngine
from fakes.processes import FakeProcesses, ok
from unit.clusters.test_docker_nodes import BASE, NODES, Room

NEW = dataclasses.replace(BASE, image="node:2")


class Killed(BaseException):
    """The process ends here."""


class Moments:
    """Counts what leaves a trace outside the process, and kills it before the n-th."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        self.names.append(name)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed(name)

    def before(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*given: Any, **named: Any) -> Any:
            self.reach(name)
            return act(*given, **named)

        return acted


@dataclasses.dataclass
class Life:
    """A room whose program creates nodes, and every trace of which is a moment."""

    room: Room
    moments: Moments

    def run_create(self, command: Command) -> Finished:
        del command
        room, name = self.room, self.room.docker.name
        label, _, value = room.tool(NEW).label.partition("=")
        for role in NODES:
            self.moments.reach(f"create {role}")
            labels = {label: value, "io.x-k8s.kind.role": role}
            room.engine.run(f"{name}-{role}", network=name, labels=labels)
            box = room.engine.boxes[f"{name}-{role}"]
            box.id = f"new {role}"
        return ok()

    @property
    def made_of(self) -> set[str]:
        return {box.id for box in self.room.engine.boxes.values()}


@pytest.fixture(params=(Provider.KIND, Provider.K3D), ids=str)
def life(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Life:
    room = Room(tmp_path / "stack", request.param, FakeEngine(known_keys={"node:1", "node:2"}), FakeProcesses())
    life = Life(room, Moments())
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.cluster.host_record", lambda *_given: "")
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.cluster.refuse_used_ports", lambda *_given, **_named: None)
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.prerequisites.refuse_used_ports", lambda *_g, **_n: None)

    def proven(cluster: NodeCluster, work: Work) -> KubeContext:
        # Its API server is real in tests/contract.
        cluster._note(work.cancel, uid="uid")
        return KubeContext(kubeconfig=Path("/kubeconfig"), uid="uid", simulated=False)

    monkeypatch.setattr(NodeCluster, "_proven", proven)
    room.create()
    for module, names in {
        "bootstrap.clusters.docker_nodes.record": ("write_whole",),
        "fakes.docker_nodes.FakeContainer": ("remove",),
        "pathlib.Path": ("unlink",),
    }.items():
        for name in names:
            target = f"{module}.{name}"
            owner, _, _ = target.rpartition(".")
            monkeypatch.setattr(target, life.moments.before(target, _resolve(owner, name)))
    programs = {Provider.KIND: ("kind create cluster",), Provider.K3D: ("k3d cluster create",)}
    room.processes.answers = dict.fromkeys(programs[request.param], life.run_create)
    return life


def _resolve(owner: str, name: str) -> Callable[..., Any]:
    import importlib  # noqa: PLC0415 - by the owner's path

    module, _, last = owner.rpartition(".")
    try:
        holder: Any = importlib.import_module(owner)
    except ModuleNotFoundError:
        holder = getattr(importlib.import_module(module), last)
    act: Callable[..., Any] = getattr(holder, name)
    return act


def replaced(life: Life, spec: ClusterSpec = NEW) -> None:
    life.room.cluster(spec).replace(life.room.work())


def test_every_moment(life: Life, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    room, old = life.room, {f"{life.room.docker.name}-{role} id" for role in NODES}
    new = {f"new {role}" for role in NODES}
    killed = 0
    for moment in count():
        life.moments.left = moment
        try:
            replaced(life)
        except Killed:
            killed += 1
        else:
            break
        life.moments.left = None
        _next_run(life, old, new)
        _again(life, tmp_path / f"stack {moment}", old)
    assert killed >= 8, life.moments.names
    assert life.made_of == new
    assert room.cluster(NEW).observe(room.token()).replacement is None


def _next_run(life: Life, old: set[str], new: set[str]) -> None:
    room = life.room
    seen, there = room.cluster(NEW).observe(room.token()), life.made_of
    if seen.replacement is not None:
        assert there == old, "what is to be replaced is whole"
        with pytest.raises(ReplacementNeededError):
            room.cluster(NEW).up(room.work())
        assert life.made_of == old
        return
    if there == new and seen.detail != "its creation was interrupted":
        room.cluster(NEW).up(room.work())
        assert life.made_of == new
        return
    if there:
        assert (seen.state, seen.unfinished) == (TargetState.BROKEN, True)
        assert seen.detail in {"its removal was interrupted", "its creation was interrupted"}
    else:
        assert seen.state is TargetState.ABSENT
    with pytest.raises(RefusedError, match="there is no cluster to start"):
        room.cluster(NEW).start(room.work())
    room.cluster(NEW).up(room.work())
    assert life.made_of == new


def _again(life: Life, folder: Path, old: set[str]) -> None:
    """The same stack as before the replacement."""
    life.room.folder, life.room.engine = folder, FakeEngine(known_keys={"node:1", "node:2"})
    life.room.create()
    old.clear()
    old.update(life.made_of)
