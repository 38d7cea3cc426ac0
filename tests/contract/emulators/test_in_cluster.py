"""What an emulator that is a release promises of the way to it, over a kubectl and an API server that are fakes."""

import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.emulators.address import Address
from bootstrap.emulators.daemon import PACKAGE_ROOT, read_identity
from bootstrap.emulators.http_exchange import NoAnswerError, Request, exchange
from bootstrap.emulators.in_cluster import ChartEmulator
from bootstrap.emulators.process_record import ForwardFolder
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorRelease, TargetState
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import ProcessIdentity, SystemProcesses
from bootstrap.system.sockets import free_port
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work
from fakes.emulator import FakeEmulator, fake_emulator
from fakes.kube_api import FakeKubeApi, fake_kube_api
from fakes.machine import quiet
from fakes.programs import GivenPrograms, script
from fakes.repo import release

pytestmark = pytest.mark.e2e

KUBECTL = Path(__file__).parents[2] / "fakes" / "forwarding_kubectl.py"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/apps/endpointslices/localstack-1"
SERVICE = "/api/v1/namespaces/apps/services/localstack"


@dataclass
class Setting:
    """A cluster with the release in it, and what one run after another makes of it."""

    api: FakeKubeApi
    folder: Path
    port: int
    cancel: CancelToken

    @property
    def state(self) -> StatePaths:
        return StatePaths(folder=self.folder / "state ü")

    def make(self, **changed: object) -> ChartEmulator:
        """As each run makes it; `inside=False`: one that only looks."""
        kube = self.api.context(self.folder)
        inside = EmulatorRelease(release=release("localstack", chart="localstack"), kube=kube)
        known_inside = changed.pop("inside", True)
        spec = EmulatorSpec(**{"port": self.port, **changed})  # type: ignore[arg-type]  # fields of the spec
        kubectl = script(self.folder / "kubectl", f'PYTHONPATH="{PACKAGE_ROOT}" exec {sys.executable} {KUBECTL} "$@"')
        programs = GivenPrograms(paths={"kubectl": kubectl})
        return ChartEmulator(
            spec, self.state, programs, SystemProcesses(SystemClock()), inside if known_inside else None
        )

    def serve(self, *emulators: FakeEmulator) -> None:
        """Have the Service lead to pods with these emulators."""
        endpoints = [
            {
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": f"localstack-{running.port}", "uid": str(running.port)},
            }
            for running in emulators
        ]
        ports = [{"name": "edge", "port": running.port} for running in emulators]
        labels = {"kubernetes.io/service-name": "localstack"}
        self.api.put(SLICE, {"metadata": {"labels": labels}, "endpoints": endpoints, "ports": ports})

    def health(self) -> int:
        """The status that its health route answers with; a connection that is cut in its middle is made again."""
        address = Address(host="127.0.0.1", port=self.port)
        request = Request(method="GET", path="/_ministack/health")

        def asked() -> int | None:
            with contextlib.suppress(NoAnswerError):
                return exchange(address, request, self.cancel, seconds=20).status
            return None

        return wait_until(asked, self.cancel.within(20, "an answer"), interval=0.05)

    def process(self, which: str) -> ProcessIdentity:
        record = read_identity(getattr(ForwardFolder(self.state.emulator), which))
        assert record is not None
        return record


@pytest.fixture
def setting(tmp_path: Path, cancel: CancelToken) -> Iterator[Setting]:
    port = free_port()
    assert port is not None
    with fake_kube_api() as api:
        annotations = {"meta.helm.sh/release-name": "localstack"}
        ports = [{"name": "other", "port": 4510}, {"name": "edge", "port": 4566}]
        api.put(SERVICE, {"metadata": {"annotations": annotations}, "spec": {"ports": ports}})
        new_setting = Setting(api, tmp_path, port, cancel)
        new_setting.state.folder.mkdir()
        yield new_setting
        new_setting.make(port=0).delete(Work(cancel, quiet))


@pytest.fixture
def emulator() -> Iterator[FakeEmulator]:
    with fake_emulator() as running_emulator:
        yield running_emulator


def gone(identity: ProcessIdentity, cancel: CancelToken) -> None:
    """Wait until it has ended."""
    processes = SystemProcesses(SystemClock())
    token = cancel.within(15, f"the end of {identity.program}")
    wait_until(lambda: None if processes.alive(identity) else True, token, interval=0.02)


def kill(identity: ProcessIdentity, cancel: CancelToken) -> None:
    os.kill(identity.pid, signal.SIGKILL)
    gone(identity, cancel)


def test_up_twice_is_one_way_to_it(setting: Setting, emulator: FakeEmulator, cancel: CancelToken) -> None:
    assert setting.make(inside=False).observe(cancel).state is TargetState.ABSENT
    setting.serve(emulator)
    first = setting.make().up(Work(cancel, quiet))
    keeper, kubectl = setting.process("keeper"), setting.process("kubectl")
    assert (first.driver, first.url) == ("ministack", f"http://127.0.0.1:{setting.port}")
    assert [first.incarnation] == list(emulator.parameters.values())
    assert setting.make().up(Work(cancel, quiet)) == first
    assert (setting.process("keeper"), setting.process("kubectl")) == (keeper, kubectl)
    observed = setting.make(inside=False).observe(cancel)
    assert (observed.state, observed.endpoint, observed.release) == (TargetState.RUNNING, first, "apps/localstack")


def test_a_pod_that_is_replaced_is_followed_at_the_same_address(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    first = setting.make().up(Work(cancel, quiet))
    kubectl = setting.process("kubectl")
    with fake_emulator() as second:
        setting.serve(second)
        gone(kubectl, cancel)
        assert setting.health() == 200
        observed = setting.make().observe(cancel)
        assert observed.endpoint is not None
        assert (observed.endpoint.url, observed.endpoint.incarnation) == (first.url, "")
        again = setting.make().up(Work(cancel, quiet))
        assert again.url == first.url
        assert again.incarnation not in {"", first.incarnation}


def test_while_no_pod_is_ready_whoever_connects_waits(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    setting.make().up(Work(cancel, quiet))
    kubectl = setting.process("kubectl")
    setting.serve()
    gone(kubectl, cancel)
    with socket.create_connection(("127.0.0.1", setting.port)) as waiting:
        waiting.sendall(b"GET /_ministack/health HTTP/1.0\r\n\r\n")
        setting.serve(emulator)
        waiting.settimeout(20)
        assert waiting.recv(15).startswith(b"HTTP/1.0 200")


def test_a_kubectl_that_ends_is_started_again(setting: Setting, emulator: FakeEmulator, cancel: CancelToken) -> None:
    setting.serve(emulator)
    first = setting.make().up(Work(cancel, quiet))
    kill(setting.process("kubectl"), cancel)
    assert setting.health() == 200
    assert setting.make().observe(cancel).endpoint == first


def test_an_api_server_that_is_away_is_waited_for(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    first = setting.make().up(Work(cancel, quiet))
    setting.api.fault = lambda _method, _path: (503, {"message": "restarting"})
    kill(setting.process("kubectl"), cancel)
    with contextlib.closing(socket.create_connection(("127.0.0.1", setting.port))):
        setting.api.fault = lambda _method, _path: None
        assert setting.health() == 200
    assert setting.make().observe(cancel).endpoint == first


def test_after_a_kill_of_the_keeper_the_next_up_takes_the_same_port_and_leaves_nothing_behind(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    setting.port = 0
    first = setting.make().up(Work(cancel, quiet))
    kubectl = setting.process("kubectl")
    kill(setting.process("keeper"), cancel)
    observed = setting.make().observe(cancel)
    assert (observed.state, observed.detail) == (TargetState.STOPPED, "no port of 127.0.0.1 is forwarded to it")
    assert setting.make().up(Work(cancel, quiet)) == first
    gone(kubectl, cancel)


def test_another_cluster_at_the_same_address_is_led_to_by_nobody(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    setting.make().up(Work(cancel, quiet))
    setting.api.uid = "another"
    kill(setting.process("kubectl"), cancel)
    log = setting.state.logs / "emulator-forward.log"
    wait_until(lambda: True if "has uid another" in log.read_text() else None, cancel.within(15, "the refusal"))
    observed = setting.make().observe(cancel)
    assert observed.state is TargetState.BROKEN
    assert "another cluster answers" in observed.detail
    assert not ForwardFolder(setting.state.emulator).kubectl.exists()


def test_without_a_ready_pod_up_says_so(setting: Setting, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.emulators.in_cluster.START_SECONDS", 2.0)
    setting.serve()
    with pytest.raises(StepFailedError) as failed:
        setting.make().up(Work(cancel, quiet))
    assert failed.value.evidence[-1] == "no pod of Service apps/localstack is Ready"
    assert setting.make().observe(cancel).state is TargetState.STOPPED


def test_another_driver_than_declared_is_refused(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.emulators.in_cluster.START_SECONDS", 2.0)
    setting.serve(emulator)
    with pytest.raises(StepFailedError) as failed:
        setting.make(driver=Driver.LOCALSTACK).up(Work(cancel, quiet))
    assert "is not a known emulator" in failed.value.evidence[0]


def test_a_taken_port_names_its_holder(setting: Setting, emulator: FakeEmulator, cancel: CancelToken) -> None:
    setting.serve(emulator)
    with socket.create_server(("127.0.0.1", setting.port)):
        observed = setting.make(inside=False).observe(cancel)
        assert observed.state is TargetState.FOREIGN
        with pytest.raises(RefusedError, match=f"port {setting.port} of 127.0.0.1 is in use by pid {os.getpid()}"):
            setting.make().up(Work(cancel, quiet))


def test_a_changed_declaration_opens_another_way(setting: Setting, emulator: FakeEmulator, cancel: CancelToken) -> None:
    setting.serve(emulator)
    first = setting.make().up(Work(cancel, quiet))
    keeper = setting.process("keeper")
    other = free_port()
    assert other is not None
    setting.port = other
    observed = setting.make().observe(cancel)
    assert (observed.state, [change.field for change in observed.changes]) == (TargetState.STOPPED, ["emulator.port"])
    second = setting.make().up(Work(cancel, quiet))
    assert (second.url, second.incarnation) == (f"http://127.0.0.1:{other}", first.incarnation)
    gone(keeper, cancel)


def test_delete_leaves_no_process_no_socket_and_no_file(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    setting.make().up(Work(cancel, quiet))
    processes = [setting.process("keeper"), setting.process("kubectl")]
    setting.make(inside=False).delete(Work(cancel, quiet))
    assert not any(SystemProcesses(SystemClock()).alive(process) for process in processes)
    assert free_port(setting.port) == setting.port
    assert not setting.state.emulator.exists()
    setting.make(inside=False).delete(Work(cancel, quiet))


def test_it_ends_by_itself_when_the_stacks_folder_is_removed(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    setting.serve(emulator)
    setting.make().up(Work(cancel, quiet))
    processes = [setting.process("keeper"), setting.process("kubectl")]
    shutil.rmtree(setting.state.folder)
    for process in processes:
        gone(process, cancel)
    setting.state.folder.mkdir()


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({}, "its Services: none"),
        ({"aws": "localstack", "dns": "localstack", "theirs": "other"}, "its Services: aws, dns"),
    ],
)
def test_a_release_without_such_a_service_is_told(
    setting: Setting, cancel: CancelToken, services: dict[str, str], message: str
) -> None:
    del setting.api.objects[SERVICE]
    for name, owner in services.items():
        annotations = {"meta.helm.sh/release-name": owner}
        path = f"/api/v1/namespaces/apps/services/{name}"
        setting.api.put(path, {"metadata": {"annotations": annotations}, "spec": {"ports": [{"port": 4566}]}})
    with pytest.raises(StepFailedError) as failed:
        setting.make().up(Work(cancel, quiet))
    assert failed.value.what == "release apps/localstack has no Service localstack"
    assert failed.value.evidence == (message,)


def test_its_only_service_is_meant_whatever_its_name(
    setting: Setting, emulator: FakeEmulator, cancel: CancelToken
) -> None:
    only = setting.api.objects.pop(SERVICE)
    only["metadata"]["name"] = "aws"
    setting.api.objects["/api/v1/namespaces/apps/services/aws"] = only
    setting.serve(emulator)
    setting.api.objects[SLICE]["metadata"]["labels"] = {"kubernetes.io/service-name": "aws"}
    assert setting.make().up(Work(cancel, quiet)).driver == "ministack"
