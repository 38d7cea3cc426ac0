"""What every emulator that runs as a container promises."""

import dataclasses
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.container import ContainerEmulator
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.host_port import choose_port
from bootstrap.errors import DeadlineError, RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint, TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import free_port
from bootstrap.system.work import Work
from fakes.docker import require
from fakes.machine import quiet

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

pytestmark = pytest.mark.docker

IMAGE = os.environ.get("BOOTSTRAP_TEST_EMULATOR_IMAGE", "bootstrap-rig/ministack:1.5.33")

Make = Callable[..., ContainerEmulator]


STARTS = """
import os, sys
from pathlib import Path
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.emulators.choose import Means, emulator_for
from bootstrap.model.stack import Driver, EmulatorSpec, Placement, StatePaths
from bootstrap.system.processes import SystemProcesses
clock = SystemClock()
spec = EmulatorSpec(driver=Driver.MINISTACK, placement=Placement.CONTAINER, image=sys.argv[2])
state, processes = StatePaths(folder=Path(sys.argv[1])), SystemProcesses(clock)
means = Means(state=state, processes=processes, clock=clock, environment=os.environ, programs=None)
emulator = emulator_for("rig-emulator", spec, means)
print("starting", flush=True)
emulator.up(CancelToken(clock), lambda text: print(text, flush=True))
print("up", flush=True)
"""


ASKS = """
import json, sys, urllib.request
headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.GetQueueUrl"}
asked = urllib.request.Request(sys.argv[1], json.dumps({"QueueName": "orders"}).encode(), headers)
print(json.load(urllib.request.urlopen(asked, timeout=10))["QueueUrl"])
"""


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path / f"rig-emulator-{os.getpid()}")


@pytest.fixture
def docker(state: StatePaths) -> StackOnDocker:
    require(IMAGE)
    return StackOnDocker(state, os.environ)


@pytest.fixture
def client(docker: StackOnDocker) -> "Iterator[DockerClient]":
    with docker.open() as opened:
        yield opened


@pytest.fixture
def make(docker: StackOnDocker, state: StatePaths, cancel: CancelToken) -> Iterator[Make]:
    """Emulators of one stack, as one run after another makes them; all gone at the end."""
    port = free_port()
    assert port is not None

    def build(recipe: EmulatorDriver | None = None, **changed: object) -> ContainerEmulator:
        declared = {"driver": Driver.MINISTACK, "port": port, "image": IMAGE, **changed}
        spec = EmulatorSpec(**declared)  # type: ignore[arg-type]  # fields of the spec
        processes = SystemProcesses(SystemClock())
        return ContainerEmulator("rig-emulator", spec, state, recipe or driver_of(spec), docker, processes)

    yield build
    build().delete(Work(cancel, quiet))


def container_of(docker: StackOnDocker, client: "DockerClient") -> "Container":
    return client.containers.get(f"{docker.name}-emulator")


def left(docker: StackOnDocker, client: "DockerClient") -> list[str]:
    """Everything of the stack that the engine holds."""
    containers = client.containers.list(all=True, ignore_removed=True, filters={"name": docker.name})
    names = [container.name for container in containers] + [
        network.name for network in client.networks.list(names=[docker.name])
    ]
    return [
        str(name) for name in [*names, *(volume.name for volume in client.volumes.list(filters={"name": docker.name}))]
    ]


def s3(endpoint: EmulatorEndpoint) -> Any:  # boto3's clients have no type of their own
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def put(endpoint: EmulatorEndpoint) -> None:
    s3(endpoint).create_bucket(Bucket="artefacts")
    s3(endpoint).put_object(Bucket="artefacts", Key="a", Body=b"1")


def buckets(endpoint: EmulatorEndpoint) -> list[str]:
    return [bucket["Name"] for bucket in s3(endpoint).list_buckets()["Buckets"]]


def test_up_twice_is_one_emulator(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    assert make().observe(cancel).state is TargetState.ABSENT
    first = make().up(Work(cancel, quiet))
    emulator_container = container_of(docker, client)
    assert first.incarnation
    assert make().up(Work(cancel, quiet)) == first
    assert container_of(docker, client).id == emulator_container.id
    observed = make().observe(cancel)
    assert (observed.state, observed.endpoint) == (TargetState.RUNNING, first)


def test_it_is_on_the_stacks_network_by_its_name_and_published_on_loopback_alone(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    attrs = container_of(docker, client).attrs
    networks = attrs["NetworkSettings"]["Networks"]
    assert [*networks] == [docker.name]
    assert "bootstrap-rig-emulator-emulator" in networks[docker.name]["Aliases"]
    published = attrs["NetworkSettings"]["Ports"]["4566/tcp"]
    assert published == [{"HostIp": "127.0.0.1", "HostPort": endpoint.url.rpartition(":")[2]}]
    assert docker.is_ours(attrs["Config"]["Labels"])
    assert not [mount for mount in attrs["Mounts"] if mount["Type"] == "bind"]


def test_a_url_that_it_makes_up_fits_whoever_asked_for_it(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    sqs = boto3.client(
        "sqs",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert sqs.create_queue(QueueName="orders")["QueueUrl"].startswith(f"{endpoint.url}/")
    # As a pod does, which finds it on the stack's network by its name, at the port of the Service.
    inside = "http://bootstrap-rig-emulator-emulator:4566"
    code, output = container_of(docker, client).exec_run(["python3", "-c", ASKS, inside])
    assert code == 0, output
    assert isinstance(output, bytes)
    assert output.decode().startswith(f"{inside}/")


def test_one_that_can_listen_where_it_is_published_has_the_same_port_inside(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    driver = driver_of(EmulatorSpec(driver=Driver.MINISTACK))
    assert driver.image is not None
    listening = dataclasses.replace(driver.image, listening=lambda port: {"GATEWAY_PORT": str(port)})
    recipe = dataclasses.replace(driver, image=listening)
    endpoint = make(recipe).up(Work(cancel, quiet))
    port = endpoint.url.rpartition(":")[2]
    published = container_of(docker, client).attrs["NetworkSettings"]["Ports"][f"{port}/tcp"]
    assert published == [{"HostIp": "127.0.0.1", "HostPort": port}]
    assert make(recipe).observe(cancel).endpoint == endpoint


def test_an_orderly_stop_keeps_its_contents(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).stop(timeout=30)
    assert make().observe(cancel).state is TargetState.STOPPED
    again = make().up(Work(cancel, quiet))
    assert again == endpoint
    assert buckets(again) == ["artefacts"]


def test_one_whose_port_was_taken_while_it_was_stopped_goes_on_at_another_with_its_contents(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make(port=0).up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).stop(timeout=30)
    port = int(endpoint.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(RefusedError, match=rf"port {port} .* is in use by pid {os.getpid()} "):
            make(port=port).up(Work(cancel, quiet))
        again = make(port=0).up(Work(cancel, quiet))
    assert again.url != endpoint.url
    assert buckets(again) == ["artefacts"]


def test_without_persistence_a_stop_loses_everything(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make(persist=False).up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).stop(timeout=30)
    assert make(persist=False).observe(cancel).state is TargetState.ABSENT
    again = make(persist=False).up(Work(cancel, quiet))
    assert again.incarnation != endpoint.incarnation
    assert buckets(again) == []


def test_one_that_somebody_restarted_is_waited_for(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make(persist=False).up(Work(cancel, quiet))
    container = container_of(docker, client)
    # For a moment it answers nothing.
    container.restart(timeout=0)
    assert make(persist=False).observe(cancel).replacement is None
    again = make(persist=False).up(Work(cancel, quiet))
    assert (container_of(docker, client).id, again.url) == (container.id, endpoint.url)


def test_after_a_kill_everything_is_lost_and_nothing_half_there(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).kill()
    observed = make().observe(cancel)
    assert observed.state is TargetState.BROKEN
    assert observed.detail.startswith("ministack was killed (exit code 137)")
    again = make().up(Work(cancel, quiet))
    assert again.incarnation != endpoint.incarnation
    assert buckets(again) == []


def test_a_paused_one_goes_on(make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient") -> None:
    endpoint = make().up(Work(cancel, quiet))
    container_of(docker, client).pause()
    assert make().observe(cancel).detail == "paused, its data is kept"
    assert make().up(Work(cancel, quiet)) == endpoint


def test_a_changed_declaration_makes_it_anew_with_its_contents(make: Make, cancel: CancelToken) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    port = free_port()
    observed = make(port=port).observe(cancel)
    was = endpoint.url.rpartition(":")[2]
    assert (observed.state, observed.replacement) == (TargetState.RUNNING, None)
    assert [str(change) for change in observed.changes] == [f"emulator.port: {was} → {port}"]
    again = make(port=port).up(Work(cancel, quiet))
    assert again == dataclasses.replace(endpoint, url=f"http://127.0.0.1:{port}")
    assert buckets(again) == ["artefacts"]


def test_one_that_ended_and_is_declared_otherwise_now_is_made_anew_with_its_contents(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).stop(timeout=30)
    port, was = free_port(), endpoint.url.rpartition(":")[2]
    observed = make(port=port).observe(cancel)
    assert (observed.state, observed.replacement) == (TargetState.STOPPED, None)
    assert [str(change) for change in observed.changes] == [f"emulator.port: {was} → {port}"]
    assert buckets(make(port=port).up(Work(cancel, quiet))) == ["artefacts"]


def test_a_creation_that_was_killed_is_made_good(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    docker.ensure_network(client)
    client.containers.create(IMAGE, name=f"{docker.name}-emulator", labels=docker.labels(), network=docker.name)
    observed = make().observe(cancel)
    assert (observed.state, observed.detail) == (TargetState.BROKEN, "its start was interrupted")
    assert make().up(Work(cancel, quiet)).incarnation


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.9])
def test_after_a_kill_at_any_moment_up_makes_it_good_and_delete_leaves_nothing(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient", state: StatePaths, seconds: float
) -> None:
    argv = [sys.executable, "-c", STARTS, str(state.folder), IMAGE]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "starting\n"
        cancel.sleep(seconds)
        child.kill()
    if seconds in {0.1, 0.3, 0.6}:
        assert make(port=0).up(Work(cancel, quiet)).incarnation
    make(port=0).delete(Work(cancel, quiet))
    assert left(docker, client) == []


def test_a_network_that_a_killed_run_asked_for_too_is_taken_away(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    """Nothing can join either of two by name; the engine makes the second without a word."""
    first, second = (client.networks.create(docker.name, labels=docker.labels()) for _ in range(2))
    assert make().up(Work(cancel, quiet)).incarnation
    assert [network.id for network in client.networks.list(names=[docker.name])] == [first.id]
    client.networks.create(docker.name, labels=docker.labels())
    make().delete(Work(cancel, quiet))
    assert left(docker, client) == []
    assert second.id != first.id


def test_kept_data_is_gone_on_with_and_only_what_ended_in_order_is_kept(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    assert make().delete_keeping(Work(cancel, quiet)) == f"its data in the volume {docker.name}-emulator"
    assert left(docker, client) == [f"{docker.name}-emulator"]
    assert make().delete_keeping(Work(cancel, quiet)) == f"its data in the volume {docker.name}-emulator"
    again = make().up(Work(cancel, quiet))
    assert again.incarnation == endpoint.incarnation
    assert buckets(again) == ["artefacts"]
    container_of(docker, client).kill()
    assert make().delete_keeping(Work(cancel, quiet)) == ""
    assert left(docker, client) == []


def test_what_a_lost_container_left_behind_is_not_gone_on_with(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    container_of(docker, client).remove(force=True)
    again = make().up(Work(cancel, quiet))
    assert again.incarnation != endpoint.incarnation
    assert buckets(again) == []


def test_its_network_removed_by_hand_the_same_container_is_connected_to_the_new_one(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    first = container_of(docker, client)
    first.stop()
    client.networks.get(docker.name).remove()
    assert make().observe(cancel).state is TargetState.STOPPED
    assert make().start(Work(cancel, quiet)).incarnation == endpoint.incarnation
    again = container_of(docker, client)
    assert (again.id, [*again.attrs["NetworkSettings"]["Networks"]]) == (first.id, [docker.name])


@pytest.mark.parametrize(
    "changed", [{"persist": False}, {"driver": Driver.LOCALSTACK, "image": "localstack/localstack:4.14.0"}]
)
def test_what_would_lose_its_data_is_refused_and_replaced_by_consent(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient", changed: dict[str, Any]
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    first = container_of(docker, client)
    observed = make(**changed).observe(cancel)
    assert observed.replacement is not None
    assert observed.endpoint is not None, "it lives on"
    with pytest.raises(ReplacementNeededError, match=r"emulator\.(persist|driver): "):
        make(**changed).up(Work(cancel, quiet))
    assert container_of(docker, client).id == first.id
    assert buckets(make().up(Work(cancel, quiet))) == ["artefacts"]


def test_replaced_by_consent_it_is_empty_and_at_its_port(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    first = container_of(docker, client)
    again = make(persist=False).replace(Work(cancel, quiet))
    assert (again.url, buckets(again)) == (endpoint.url, [])
    assert container_of(docker, client).id != first.id


def test_a_replacement_whose_image_cannot_be_had_deletes_nothing(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    first = container_of(docker, client)
    for act in (make(image="bootstrap-rig/nobody-has-this:1").up, make(image="bootstrap-rig/nor-this:1").replace):
        with pytest.raises(RefusedError, match="cannot be pulled"):
            act(Work(cancel, quiet))
    assert container_of(docker, client).id == first.id
    assert make().observe(cancel).endpoint == endpoint


def test_start_of_a_killed_one_is_the_same_container_and_empty(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    put(endpoint)
    first = container_of(docker, client)
    first.kill()
    again = make().start(Work(cancel, quiet))
    assert (container_of(docker, client).id, buckets(again)) == (first.id, [])
    assert again.incarnation not in {"", endpoint.incarnation}


def test_start_creates_nothing(make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient") -> None:
    with pytest.raises(RefusedError, match="there is no emulator to start: not found"):
        make().start(Work(cancel, quiet))
    assert left(docker, client) == []


def test_delete_leaves_nothing(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient", state: StatePaths
) -> None:
    make().up(Work(cancel, quiet))
    make().delete(Work(cancel, quiet))
    assert left(docker, client) == []
    assert not state.emulator.exists()
    make().delete(Work(cancel, quiet))


def test_one_of_its_name_that_is_not_ours_is_left_alone(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    stranger = client.containers.create(IMAGE, name=f"{docker.name}-emulator")
    try:
        assert make().observe(cancel).state is TargetState.FOREIGN
        with pytest.raises(RefusedError, match="was not created by this stack"):
            make().up(Work(cancel, quiet))
        with pytest.raises(RefusedError, match="was not created by this stack"):
            make().delete(Work(cancel, quiet))
        stranger.reload()
    finally:
        stranger.remove()


def test_a_taken_port_names_its_holder(make: Make, cancel: CancelToken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        observed = make(port=port).observe(cancel)
        assert observed.state is TargetState.FOREIGN
        assert f"port {port} of 127.0.0.1 is in use by pid {os.getpid()}" in observed.detail
        with pytest.raises(RefusedError, match=f"port {port} of 127.0.0.1 is in use by"):
            make(port=port).up(Work(cancel, quiet))


@pytest.mark.parametrize("declared", [True, False])
def test_a_port_that_another_took_meanwhile_is_not_the_end_unless_it_is_declared(
    make: Make, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch, *, declared: bool
) -> None:
    looked: list[int] = []

    def late(spec: EmulatorSpec, last: int, processes: SystemProcesses, cancel: CancelToken) -> int:
        looked.append(last)
        return taken_port if len(looked) == 1 else choose_port(spec, last, processes, cancel)

    monkeypatch.setattr("bootstrap.emulators.container.choose_port", late)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken_port = other.getsockname()[1]
        if declared:
            with pytest.raises(RefusedError, match=f"port {taken_port} of 127.0.0.1 is in use by "):
                make(port=taken_port).up(Work(cancel, quiet))
        else:
            endpoint = make(port=0).up(Work(cancel, quiet))
            assert not endpoint.url.endswith(f":{taken_port}")


def test_any_port_is_remembered(make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient") -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = make(port=0, first_port=other.getsockname()[1]).up(Work(cancel, quiet))
    container_of(docker, client).kill()
    assert make(port=0).up(Work(cancel, quiet)).url == first.url


def ending_with(code: int) -> EmulatorDriver:
    """MiniStack that writes its last words and ends as LocalStack does without a licence."""
    driver = driver_of(EmulatorSpec(driver=Driver.MINISTACK))
    assert driver.image is not None
    # Python reads the folder first where it looks for modules: this one ends it.
    environment = {"PYTHONPATH": "/nowhere", "GATEWAY_PORT": "4566"}
    explained = {code: "it has no valid licence"}
    recipe = dataclasses.replace(driver.image, environment=lambda _port, _region: environment, exit_codes=explained)
    return dataclasses.replace(driver, image=recipe)


def test_one_that_dies_ends_up_at_once_with_its_exit_code_explained(make: Make, cancel: CancelToken) -> None:
    dying = make(ending_with(1))
    with pytest.raises(StepFailedError) as failed:
        dying.up(Work(cancel.within(20, "its end"), quiet))
    assert failed.value.what == "it has no valid licence"
    assert "No module named ministack" in failed.value.evidence[-1]
    observed = dying.observe(cancel)
    assert observed.state is TargetState.BROKEN
    assert observed.detail.startswith("it has no valid licence; ")


def test_one_that_never_answers_is_told_of_at_its_deadline(
    make: Make, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.emulators.container.START_SECONDS", 0.01)
    with pytest.raises(StepFailedError, match=r"ministack answering in the container .* was not done within 0\.01s"):
        make().up(Work(cancel, quiet))


def test_a_cancel_while_it_starts_leaves_one_that_the_next_run_knows(make: Make, cancel: CancelToken) -> None:
    with pytest.raises(DeadlineError):
        make().up(Work(cancel.within(0.2, "the test"), quiet))
    endpoint = make().up(Work(cancel, quiet))
    assert make().observe(cancel).endpoint == endpoint


def test_an_image_that_cannot_be_had_is_refused(make: Make, cancel: CancelToken) -> None:
    with pytest.raises(RefusedError, match="the image bootstrap-rig/no-such:1 cannot be pulled"):
        make(image="bootstrap-rig/no-such:1").up(Work(cancel, quiet))


def test_a_localstack_that_needs_a_licence_is_refused_before_anything_is_made(
    make: Make, cancel: CancelToken, docker: StackOnDocker, client: "DockerClient"
) -> None:
    with pytest.raises(RefusedError, match="does not start without LOCALSTACK_AUTH_TOKEN"):
        make(driver=Driver.LOCALSTACK, image="localstack/localstack:2026.3.0").up(Work(cancel, quiet))
    assert client.networks.list(names=[docker.name]) == []
