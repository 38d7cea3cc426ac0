"""Clusters of containers over an engine in memory: what a changed field, a lost record, a removed node come to."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.docker_nodes import prerequisites
from bootstrap.clusters.docker_nodes.cluster import NodeCluster
from bootstrap.clusters.docker_nodes.record import RecordFile
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.clusters.k3d.tool import K3d
from bootstrap.clusters.kind.tool import Kind
from bootstrap.errors import InvalidError, RefusedError, StepFailedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import ClusterSpec, HostPorts, Mount, Profile, Provider, StatePaths
from bootstrap.plan.changes import CLUSTER, Effect
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Finished
from bootstrap.system.work import Work
from fakes.clock import FakeClock
from fakes.docker_nodes import FakeEngine, FakeStackOnDocker
from fakes.processes import FakeProcesses, failed, ok
from fakes.programs import GivenPrograms

PROGRAMS = GivenPrograms(paths={"kind": Path("/bin/kind"), "k3d": Path("/bin/k3d")})
TOOLS = (Provider.KIND, Provider.K3D)
BASE = ClusterSpec(image="node:1", ports=HostPorts(http=18_080, https=18_443))
NODES = ("control-plane", "worker")


@dataclass
class Room:
    """One cluster of two nodes that runs, as far as the engine knows."""

    folder: Path
    provider: Provider
    engine: FakeEngine
    processes: FakeProcesses

    def cluster(self, spec: ClusterSpec = BASE, *, adopt: bool = False) -> NodeCluster:
        state, docker = StatePaths(folder=self.folder), self.docker
        tool = self.tool(spec)
        return NodeCluster(tool, spec.ports, state, docker, self.processes, adopt=adopt)

    @property
    def docker(self) -> FakeStackOnDocker:
        docker = FakeStackOnDocker(StatePaths(folder=self.folder), {"DOCKER_HOST": "unix:///nowhere"})
        docker.engine = self.engine
        return docker

    def tool(self, spec: ClusterSpec) -> ClusterTool:
        name = self.docker.name
        if self.provider is Provider.KIND:
            return Kind(spec, name, PROGRAMS, self.processes, {})
        return K3d(spec, name, name, PROGRAMS, self.processes, {})

    @property
    def record(self) -> RecordFile:
        return RecordFile(StatePaths(folder=self.folder))

    def create(self, spec: ClusterSpec = BASE) -> None:
        """As a run leaves it that has created it; its API server answers nobody here."""
        docker, cluster = self.docker, self.cluster(spec)
        docker.ensure_network(self.engine)  # type: ignore[arg-type] # stands for the library's client
        label, _, value = self.tool(spec).label.partition("=")
        for role in NODES:
            labels = {label: value, "io.x-k8s.kind.role": role}
            ports = {"80/tcp": spec.ports.http, "443/tcp": spec.ports.https} if role == NODES[0] else {}
            self.engine.run(f"{docker.name}-{role}", network=docker.name, labels=labels, ports=ports)
        cluster._note(self.token(), created=True)
        self.engine.asked.clear()
        self.processes.commands.clear()

    def token(self) -> CancelToken:
        return CancelToken(FakeClock())

    def work(self) -> Work:
        return Work(self.token())

    @property
    def untouched(self) -> bool:
        """Whether nothing was removed, and no program was started that creates or deletes."""
        changing = [command for command in self.processes.commands if {"create", "delete"} & {*command.argv}]
        return not changing and not [request for request in self.engine.asked if request.startswith("remove")]


@pytest.fixture(params=TOOLS, ids=str)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    return Room(tmp_path / "stack", request.param, FakeEngine(known_keys={"node:1", "node:2"}), FakeProcesses())


@pytest.fixture(autouse=True)
def no_host_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """No node is asked for its /etc/hosts: a fake one has none."""
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.cluster.host_record", lambda *_given: "")


def native(room: Room) -> Path:
    fields: dict[Provider, dict[str, Any]] = {
        Provider.KIND: {"networking": {"ipFamily": "ipv4"}},
        Provider.K3D: {"subnet": "172.28.0.0/16"},
    }
    kind = {Provider.KIND: "Cluster", Provider.K3D: "Simple"}[room.provider]
    version = {Provider.KIND: "kind.x-k8s.io/v1alpha4", Provider.K3D: "k3d.io/v1alpha5"}[room.provider]
    room.folder.parent.mkdir(parents=True, exist_ok=True)
    file = room.folder.parent / "native.yaml"
    file.write_text(json.dumps({"kind": kind, "apiVersion": version, **fields[room.provider]}))
    return file


MOVES = {"cluster.provider"}
"""Tried in test_moved.py."""
CHANGED: dict[str, Callable[[Room], tuple[ClusterSpec, ClusterSpec]]] = {
    "cluster.kubernetes": lambda _room: (
        dataclasses.replace(BASE, image=None, kubernetes="1.34"),
        dataclasses.replace(BASE, image=None, kubernetes="1.35"),
    ),
    "cluster.workers": lambda _room: (dataclasses.replace(BASE, workers=1), BASE),
    "cluster.ports.http": lambda _room: (BASE, dataclasses.replace(BASE, ports=HostPorts(http=18_081, https=18_443))),
    "cluster.ports.https": lambda _room: (BASE, dataclasses.replace(BASE, ports=HostPorts(http=18_080, https=18_444))),
    "cluster.image": lambda _room: (BASE, dataclasses.replace(BASE, image="node:2")),
    "cluster.profile": lambda _room: (BASE, dataclasses.replace(BASE, profile=Profile.STOCK)),
    "cluster.config": lambda room: (BASE, dataclasses.replace(BASE, config=native(room))),
    "cluster.featureGates": lambda _room: (BASE, dataclasses.replace(BASE, feature_gates={"A": True})),
    "cluster.mounts": lambda room: (
        BASE,
        dataclasses.replace(BASE, mounts=(Mount(here=room.folder, inside="/data"),)),
    ),
}


def test_every_field_that_replaces_is_tried() -> None:
    changing = {Effect.REPLACE, Effect.GROWS}
    for provider in TOOLS:
        assert {field for field, effects in CLUSTER.items() if effects[provider] in changing} - MOVES == set(CHANGED)


@pytest.mark.parametrize("field", CHANGED)
def test_a_changed_field_is_refused_and_touches_nothing(room: Room, field: str) -> None:
    before, after = CHANGED[field](room)
    room.create(before)
    assert room.cluster(before).observe(room.token()).replacement is None
    replacement = room.cluster(after).observe(room.token()).replacement
    assert replacement is not None
    assert [reason.partition(":")[0].partition(" ")[0] for reason in replacement.reasons] == [field]
    with pytest.raises(ReplacementNeededError, match=field):
        room.cluster(after).up(room.work())
    assert room.untouched


MORE = dataclasses.replace(BASE, workers=2, feature_gates={"A": True})


@pytest.fixture
def grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """One of k3d that is declared with two more workers than it was created with; its API server answers."""
    room = Room(tmp_path / "stack", Provider.K3D, FakeEngine(known_keys={"node:1"}), FakeProcesses())
    room.create(dataclasses.replace(MORE, workers=0))

    def proven(cluster: NodeCluster, work: Work) -> KubeContext:
        cluster._note(work.cancel, uid="uid")
        return KubeContext(kubeconfig=Path("/kubeconfig"), uid="uid", simulated=False)

    def add(command: Command) -> Finished:
        labels = {"k3d.cluster": room.docker.name, "k3d.role": "agent"}
        room.engine.run(f"k3d-{command.argv[3]}-0", network=room.docker.name, labels=labels)
        return ok()

    monkeypatch.setattr(NodeCluster, "_proven", proven)
    monkeypatch.setattr(NodeCluster, "_examined", lambda *_given: ClusterObserved(state=TargetState.RUNNING))
    room.processes.answers = {"k3d node create": add}
    return room


def test_workers_of_k3d_are_added_in_place(grown: Room) -> None:
    before, seen = {*grown.engine.boxes}, grown.cluster(MORE).observe(grown.token())
    assert (seen.replacement, [str(change) for change in seen.changes]) == (None, ["cluster.workers: 0 → 2"])
    grown.cluster(MORE).up(grown.work())
    name = grown.docker.name
    assert {*grown.engine.boxes} - before == {f"k3d-{name}-agent-{number}-0" for number in (0, 1)}
    assert "--k3s-arg=--kubelet-arg=feature-gates=A=true" in grown.processes.commands[0].argv
    after = grown.cluster(MORE).observe(grown.token())
    assert (after.state, after.changes, after.replacement) == (TargetState.RUNNING, (), None)
    assert grown.cluster(dataclasses.replace(MORE, workers=0)).observe(grown.token()).replacement is not None


def test_a_worker_of_a_killed_run_is_added_again(grown: Room) -> None:
    add, killed = grown.processes.answers["k3d node create"], KeyboardInterrupt()

    def dies(command: Command) -> Finished:
        assert callable(add)
        add(command)
        raise killed

    grown.processes.answers = {"k3d node create": dies}
    with pytest.raises(KeyboardInterrupt):
        grown.cluster(MORE).up(grown.work())
    seen = grown.cluster(MORE).observe(grown.token())
    assert (seen.state, len(seen.changes)) == (TargetState.RUNNING, 1), "proven, and not yet as declared"
    grown.processes.answers = {"k3d node create": add}
    grown.cluster(MORE).up(grown.work())
    assert len(grown.engine.boxes) == len(NODES) + 2
    assert grown.cluster(MORE).observe(grown.token()).changes == ()


@pytest.mark.parametrize("field", ["cluster.context", "cluster.uid"])
def test_a_field_of_another_provider_is_none_of_it(room: Room, field: str) -> None:
    room.create()
    given: dict[str, Any] = {field.rpartition(".")[2]: "x"}
    after = dataclasses.replace(BASE, **given)
    assert room.cluster(after).observe(room.token()).replacement is None


def test_what_only_makes_it_faster_is_no_change(room: Room) -> None:
    room.create(dataclasses.replace(BASE, profile=Profile.STOCK))
    assert room.cluster(BASE).observe(room.token()).replacement is None


def test_a_record_of_an_earlier_version_is_compared_as_a_whole(room: Room) -> None:
    room.create()
    content = json.loads(room.record.path.read_text())
    content["machines"] = [*content["machines"]]
    del content["fields"]
    room.record.path.write_text(json.dumps(content))
    assert room.cluster().observe(room.token()).replacement is None
    after = room.cluster(dataclasses.replace(BASE, workers=1)).observe(room.token()).replacement
    assert after is not None
    assert "created by an earlier bootstrap" in after.reason


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"spec": 1}', '{"spec": "x", "machines": {"another": "n"}}'])
def test_a_lost_damaged_or_foreign_record_is_refused_until_it_is_adopted(room: Room, content: str | None) -> None:
    room.create()
    room.record.path.unlink() if content is None else room.record.path.write_text(content)
    assert room.cluster().observe(room.token()).state is TargetState.UNVERIFIED
    for act in (room.cluster().up, room.cluster().start, room.cluster().replace):
        with pytest.raises(RefusedError, match="cannot be proven") as refused:
            act(room.work())
        assert "--adopt" in str(refused.value.fix)
    assert room.untouched
    adopting = room.cluster(adopt=True)
    assert adopting.observe(room.token()).state is TargetState.BROKEN
    adopting._adopt_cluster(room.work())
    record = room.record.read()
    assert record is not None
    assert [*record.nodes.values()] == [f"{room.docker.name}-{role}" for role in NODES]
    assert room.cluster().observe(room.token()).state is TargetState.BROKEN  # no API server answers here
    assert room.untouched


def test_a_removed_network_is_refused_until_it_is_adopted(room: Room) -> None:
    room.create()
    room.engine.nets.clear()
    seen = room.cluster().observe(room.token())
    assert (seen.state, seen.detail) == (TargetState.UNVERIFIED, f"its network {room.docker.name} was removed")
    room.cluster(adopt=True)._adopt_cluster(room.work())
    assert [request.partition(" ")[0] for request in room.engine.asked] == [
        "network",
        *(["disconnect", "connect"] * len(NODES)),
    ]
    assert room.cluster().observe(room.token()).state is TargetState.BROKEN


def test_a_removed_node_is_told_and_never_created_again(room: Room) -> None:
    room.create()
    name = f"{room.docker.name}-worker"
    del room.engine.boxes[name]
    seen = room.cluster().observe(room.token())
    assert seen.replacement is not None
    assert seen.replacement.reasons == (f"{name} was removed",)
    with pytest.raises(ReplacementNeededError, match="was removed"):
        room.cluster().up(room.work())
    with pytest.raises(RefusedError, match=f"{name} of the cluster was removed") as refused:
        room.cluster().start(room.work())
    assert "--allow-replace cluster" in str(refused.value.fix)
    assert "bootstrap down" in str(refused.value.fix)
    assert room.untouched


def test_all_nodes_removed_start_says_so(room: Room) -> None:
    room.create()
    room.engine.boxes.clear()
    assert room.cluster().observe(room.token()).state is TargetState.ABSENT
    with pytest.raises(RefusedError, match=r"there is no cluster to start: .* was removed") as refused:
        room.cluster().start(room.work())
    assert "bootstrap up" in str(refused.value.fix)
    assert room.untouched


@pytest.mark.parametrize("what", ["creation", "removal"])
def test_what_a_killed_run_left_is_told_and_finished_by_up_alone(room: Room, what: str) -> None:
    room.create()
    room.record.begin(what)
    seen = room.cluster().observe(room.token())
    assert (seen.state, seen.detail) == (TargetState.BROKEN, f"its {what} was interrupted")
    with pytest.raises(RefusedError, match="there is no cluster to start"):
        room.cluster().start(room.work())
    assert room.untouched
    room.processes.answers = {room.provider.value: failed(1, "stops here")}
    with pytest.raises(CommandFailedError):
        room.cluster().up(room.work())
    assert not room.engine.boxes


@pytest.mark.parametrize("missing", ["image", "port", "disk", "configuration"])
def test_nothing_goes_before_all_that_the_new_one_needs_is_here(
    room: Room, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.create()
    spec = dataclasses.replace(BASE, workers=1)
    if missing == "image":
        spec = dataclasses.replace(spec, image="nobody-has-this:1")
    if missing == "port":
        spec = dataclasses.replace(spec, ports=HostPorts(http=18_099, https=18_443))
        monkeypatch.setattr("bootstrap.clusters.docker_nodes.host_ports.is_free", lambda port: port != 18_099)
        monkeypatch.setattr("bootstrap.clusters.docker_nodes.host_ports.holder_of", lambda *_given: "pid 1")
    if missing == "disk":
        monkeypatch.setattr(room.engine.__class__, "info", lambda _engine: {"DockerRootDir": str(room.folder)})
        monkeypatch.setattr(prerequisites, "ROOM", 1 << 60)
    if missing == "configuration":
        spec = dataclasses.replace(spec, image=None, kubernetes="1.2")
    with pytest.raises(Exception, match=r"cannot be pulled|18099 of|are free in|no image for Kubernetes"):
        room.cluster(spec).replace(room.work())
    assert room.untouched
    assert {*room.engine.boxes} == {f"{room.docker.name}-{role}" for role in NODES}


WORDS = {
    Provider.KIND: "ERROR: unable to decode config: field nodez not found",
    Provider.K3D: "FATA Additional property nodez is not allowed",
}


def test_a_configuration_that_the_program_does_not_accept_deletes_nothing(room: Room) -> None:
    room.create()
    spec = dataclasses.replace(BASE, config=native(room))
    checks = {Provider.KIND: "kind create cluster --name", Provider.K3D: "k3d config migrate"}
    room.processes.answers = {checks[room.provider]: failed(1, WORDS[room.provider])}
    with pytest.raises(InvalidError, match=r"does not accept it: .*nodez"):
        room.cluster(spec).replace(room.work())
    assert {*room.engine.boxes} == {f"{room.docker.name}-{role}" for role in NODES}


def test_one_that_it_accepts_is_gone_on_with(room: Room) -> None:
    room.create()
    spec = dataclasses.replace(BASE, config=native(room))
    accepted = {
        Provider.KIND: {
            f"kind create cluster --name {room.docker.name}-check": failed(
                1, 'failed to pull image "bootstrap.invalid/none:none"'
            ),
            "kind create cluster --config": failed(1, "stops here"),
        },
        Provider.K3D: {"k3d config migrate": ok("{}"), "k3d cluster create": failed(1, "stops here")},
    }
    room.processes.answers = accepted[room.provider]
    with pytest.raises(StepFailedError, match="could not be created again"):
        room.cluster(spec).replace(room.work())
    assert not room.engine.boxes


def test_its_own_ports_are_not_in_the_way(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.create()
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.host_ports.is_free", lambda _port: bool(not room.engine.boxes))
    room.processes.answers = {room.provider.value: failed(1, "stops here")}
    with pytest.raises(StepFailedError, match="the cluster is gone, and could not be created again") as gone:
        room.cluster(dataclasses.replace(BASE, image="node:2")).replace(room.work())
    assert "kept: its network, the emulator and its data" in gone.value.evidence[-1]
    assert "bootstrap up" in str(gone.value.fix)
    assert not room.engine.boxes
    assert room.record.unfinished == "creation"


def test_what_k3d_runs_beside_its_nodes_is_named_as_k3d_names_it() -> None:
    programs = dataclasses.replace(PROGRAMS, versions={"k3d": "5.8.3"})
    processes = FakeProcesses()
    k3d = K3d(BASE, "a", "a", programs, processes, {})
    assert k3d.helpers == ("ghcr.io/k3d-io/k3d-tools:5.8.3",)
    named = {"K3D_IMAGE_TOOLS": "tools:1"}
    assert K3d(BASE, "a", "a", programs, processes, named).helpers == ("tools:1",)
    assert Kind(BASE, "a", programs, processes, {}).helpers == ()
