"""A creation that continues while its cluster is used: what it waits for, and how it ends."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.cluster import NodeCluster
from bootstrap.clusters.docker_nodes.creation import Creation
from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.model.kube import KubeContext
from bootstrap.model.stack import Provider
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, CommandFailedError, Finished
from bootstrap.system.work import Work
from fakes.docker_nodes import FakeEngine
from fakes.kube_api import FakeKubeApi, fake_kube_api
from fakes.processes import FakeProcesses, failed, ok
from unit.clusters.test_docker_nodes import Room

COREDNS = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
PROBED = {"name": "coredns", "readinessProbe": {"periodSeconds": 10}}
_SECONDS = 20


@dataclasses.dataclass
class Program:
    """kind or k3d, which ends when it is told to; its API server answers, and is ready when it is told to."""

    room: Room
    server: FakeKubeApi
    folder: Path
    may_end: threading.Event = dataclasses.field(default_factory=threading.Event)
    begun: threading.Event = dataclasses.field(default_factory=threading.Event)
    ending: Finished = dataclasses.field(default_factory=ok)
    looks: int = 0

    def create(self, command: Command) -> Finished:
        del command
        self.begun.set()
        assert self.may_end.wait(_SECONDS)
        return self.ending

    def kubeconfig(self, command: Command) -> Finished:
        del command
        self.looks += 1
        if self.looks == 1:
            return failed(1, "no such file: admin.conf")
        return ok(self.server.context(self.folder).kubeconfig.read_text())

    @property
    def work(self) -> Work:
        return Work(CancelToken(SystemClock()).within(_SECONDS, "the test"))


@pytest.fixture
def server() -> Iterator[FakeKubeApi]:
    with fake_kube_api() as api:
        api.objects["/readyz"] = {"ok": True}
        yield api


def made(tool: Provider, server: FakeKubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    room = Room(tmp_path / "stack", tool, FakeEngine(known_keys={"node:1"}), FakeProcesses())
    (tmp_path / "made").mkdir()
    program = Program(room, server, tmp_path / "made")
    room.processes.answers = {
        "kind create": program.create,
        "kind get kubeconfig": program.kubeconfig,
        "k3d cluster create": program.create,
        "k3d kubeconfig": program.kubeconfig,
    }
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.cluster.host_record", lambda *_given: "")
    monkeypatch.setattr("bootstrap.clusters.docker_nodes.cluster.gather", lambda *_given, **_named: None)
    monkeypatch.setattr(NodeCluster, "_proven", lambda *_given: None)
    return program


@pytest.fixture
def kind(server: FakeKubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    program = made(Provider.KIND, server, tmp_path, monkeypatch)
    yield program
    program.may_end.set()


def test_the_api_is_used_while_kind_goes_on(kind: Program) -> None:
    cluster = kind.room.cluster()
    assert cluster.begin(kind.work).uid == kind.server.uid
    assert kind.room.record.unfinished == "creation", "who is killed now leaves nothing that passes for a cluster"
    kind.may_end.set()
    cluster.settle(kind.work)
    assert kind.room.record.unfinished == ""
    cluster.settle(kind.work)


def test_a_server_that_is_not_ready_does_not_answer(kind: Program) -> None:
    answers = iter([(500, "informers not synced"), (403, "rights not known yet")])
    kind.server.fault = lambda _method, path: next(answers, None) if path == "/readyz" else None
    kind.room.cluster().begin(kind.work)
    assert next(answers, None) is None


def test_the_name_service_is_quickened_as_soon_as_it_is_there(kind: Program) -> None:
    cluster = kind.room.cluster()
    cluster.begin(kind.work)
    settling = threading.Thread(target=cluster.settle, args=(kind.work,))
    settling.start()
    kind.server.put(COREDNS, {"spec": {"template": {"spec": {"containers": [PROBED]}}}})
    while f"PATCH {COREDNS}" not in kind.server.requests and settling.is_alive():
        settling.join(0.05)
    assert kind.server.requests == [f"PATCH {COREDNS}"]
    kind.may_end.set()
    settling.join(_SECONDS)


def test_one_that_fails_before_it_answers_says_why(kind: Program) -> None:
    kind.server.fault = lambda _method, path: (500, "no") if path == "/readyz" else None
    kind.ending = failed(1, "ERROR: no space left")
    kind.may_end.set()
    with pytest.raises(CommandFailedError) as caught:
        kind.room.cluster().begin(kind.work)
    assert "no space left" in caught.value.evidence[-1]


def test_one_that_fails_later_ends_the_run(kind: Program) -> None:
    cluster = kind.room.cluster()
    cluster.begin(kind.work)
    cluster.check()
    kind.ending = failed(1, "ERROR: no pod network")
    kind.may_end.set()
    with pytest.raises(CommandFailedError):
        cluster.settle(kind.work)
    with pytest.raises(CommandFailedError):
        cluster.check()


def test_what_is_there_is_brought_up_as_ever(kind: Program) -> None:
    kind.room.create()
    cluster = kind.room.cluster()
    cluster.begin(kind.work)
    assert not kind.begun.is_set()
    cluster.settle(kind.work)


def test_k3d_has_ended_before_its_api_is_used(
    server: FakeKubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    k3d = made(Provider.K3D, server, tmp_path, monkeypatch)
    contexts: list[KubeContext] = []
    cluster = k3d.room.cluster()
    beginning = threading.Thread(target=lambda: contexts.append(cluster.begin(k3d.work)))
    beginning.start()
    assert k3d.begun.wait(_SECONDS)
    assert k3d.looks == 0
    k3d.may_end.set()
    beginning.join(_SECONDS)
    assert [kube.uid for kube in contexts] == [server.uid]
    cluster.settle(k3d.work)


def test_who_waits_and_is_cancelled_stops_it() -> None:
    stopped: list[str] = []

    def create(cancel: CancelToken) -> None:
        try:
            cancel.sleep(_SECONDS)
        except BootstrapError as error:
            stopped.append(error.what)
            raise

    root = CancelToken(SystemClock())
    creation = Creation(create, root.child())
    waiting = root.child()
    waiting.cancel("Ctrl-C")
    with pytest.raises(CancelledError):
        creation.end(waiting)
    assert (stopped, creation.over) == (["Ctrl-C"], True)
