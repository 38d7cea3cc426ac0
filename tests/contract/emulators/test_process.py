"""What every emulator that runs as a process promises."""

import dataclasses
import io
import json
import os
import re
import signal
import socket
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.daemon import read_identity
from bootstrap.emulators.endpoint import EndpointEmulator, empty
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.emulators.process_record import EmulatorFolder
from bootstrap.errors import DeadlineError, RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint, TargetState
from bootstrap.model.replacement import ReplacementNeededError
from bootstrap.model.stack import Driver, EmulatorSpec, Placement, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import ProcessIdentity, SystemProcesses
from bootstrap.system.sockets import free_port, listeners_of
from bootstrap.system.work import Work
from fakes.machine import Make, descendants, quiet
from fakes.means import NoPrograms, means_of

pytestmark = pytest.mark.e2e


def client(name: str, endpoint: EmulatorEndpoint) -> Any:  # boto3's clients have no type of their own
    return boto3.client(
        name,  # type: ignore[call-overload]  # any of them
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def pid_of(state: StatePaths) -> int:
    identity = read_identity(EmulatorFolder(state.emulator).identity_file)
    assert identity is not None
    return identity.pid


def kill(state: StatePaths, number: signal.Signals) -> None:
    identity = read_identity(EmulatorFolder(state.emulator).identity_file)
    assert identity is not None
    os.kill(identity.pid, number)
    processes, token = SystemProcesses(SystemClock()), CancelToken(SystemClock()).within(30, "the end of the emulator")
    while processes.alive(identity):
        token.sleep(0.02)


def test_one_whose_name_was_lost_is_found_by_its_home(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    first = make().up(Work(cancel, quiet))
    EmulatorFolder(state.emulator).identity_file.write_text("")
    assert make().observe(cancel).endpoint == first
    assert make().up(Work(cancel, quiet)) == first


def test_a_damaged_record_is_replaced_by_consent_alone(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    first = make().up(Work(cancel, quiet))
    pid = pid_of(state)
    (state.emulator / "emulator.json").write_text("{")
    for act in (make().up, make().start):
        with pytest.raises(RefusedError, match="is damaged"):
            act(Work(cancel, quiet))
    assert pid_of(state) == pid
    assert make().replace(Work(cancel, quiet)).incarnation != first.incarnation
    assert pid_of(state) != pid


def test_up_twice_is_one_emulator(make: Make, state: StatePaths, cancel: CancelToken, driver: Driver) -> None:
    assert make().observe(cancel).state is TargetState.ABSENT
    first = make().up(Work(cancel, quiet))
    pid = pid_of(state)
    assert first.driver == driver
    assert first.incarnation
    assert make().up(Work(cancel, quiet)) == first
    assert pid_of(state) == pid
    observed = make().observe(cancel)
    assert (observed.state, observed.endpoint) == (TargetState.RUNNING, first)


def test_plain_boto3_finds_a_dummy_account_and_the_region(make: Make, cancel: CancelToken) -> None:
    endpoint = make(region="eu-central-1").up(Work(cancel, quiet))
    assert client("sts", endpoint).get_caller_identity()["Account"] in {"000000000000", "123456789012"}
    url = client("sqs", endpoint).create_queue(QueueName="orders")["QueueUrl"]
    attributes = client("sqs", endpoint).get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    assert attributes["Attributes"]["QueueArn"].startswith("arn:aws:sqs:eu-central-1:")


def test_emptying_loses_the_data_and_changes_the_incarnation(make: Make, cancel: CancelToken) -> None:
    endpoint = make().up(Work(cancel, quiet))
    client("s3", endpoint).create_bucket(Bucket="artefacts")
    emptied = empty(endpoint, cancel, list)
    assert emptied.incarnation not in {"", endpoint.incarnation}
    assert dataclasses.replace(emptied, incarnation=endpoint.incarnation) == endpoint
    assert client("s3", endpoint).list_buckets()["Buckets"] == []


def test_an_orderly_stop_keeps_what_the_driver_can_keep(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    endpoint = make().up(Work(cancel, quiet))
    client("s3", endpoint).create_bucket(Bucket="artefacts")
    client("s3", endpoint).put_object(Bucket="artefacts", Key="a", Body=b"1")
    keeps = "persistence" in endpoint.capabilities
    kill(state, signal.SIGTERM)
    assert make().observe(cancel).state is (TargetState.STOPPED if keeps else TargetState.ABSENT)
    again = make().up(Work(cancel, quiet))
    assert (again == endpoint) is keeps
    assert [bucket["Name"] for bucket in client("s3", again).list_buckets()["Buckets"]] == ["artefacts"] * keeps


def test_without_persistence_a_stop_loses_everything(make: Make, cancel: CancelToken) -> None:
    endpoint = make(persist=False).up(Work(cancel, quiet))
    client("s3", endpoint).create_bucket(Bucket="artefacts")
    make(persist=False).stop(cancel)
    again = make(persist=False).up(Work(cancel, quiet))
    assert again.incarnation != endpoint.incarnation
    assert client("s3", again).list_buckets()["Buckets"] == []


def test_after_a_kill_everything_is_lost_and_nothing_half_there(
    make: Make, state: StatePaths, cancel: CancelToken
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    make().stop(cancel)
    endpoint = make().up(Work(cancel, quiet))
    client("s3", endpoint).create_bucket(Bucket="artefacts")
    client("s3", endpoint).put_object(Bucket="artefacts", Key="a", Body=b"1")
    kill(state, signal.SIGKILL)
    observed = make().observe(cancel)
    assert (observed.state, observed.detail) == (TargetState.ABSENT, "ended, its data is lost")
    again = make().up(Work(cancel, quiet))
    assert again.incarnation != endpoint.incarnation
    assert client("s3", again).list_buckets()["Buckets"] == []


def test_every_socket_is_on_loopback_with_functions_running_too(
    make: Make, state: StatePaths, cancel: CancelToken
) -> None:
    endpoint = make().up(Work(cancel, quiet))
    if "lambda-invoke" in endpoint.capabilities:
        assert invoked(endpoint) == {"queues": 0}
    listeners = listeners_of(descendants(pid_of(state)))
    assert endpoint.url.rpartition(":")[2] in {str(listener.port) for listener in listeners}
    assert {listener.address for listener in listeners} <= {"127.0.0.1", "::1"}


def invoked(endpoint: EmulatorEndpoint) -> object:
    """What a function answers that calls the emulator back."""
    code = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    return {'queues': len(boto3.client('sqs').list_queues().get('QueueUrls', []))}\n"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    functions = client("lambda", endpoint)
    functions.create_function(
        FunctionName="probe",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/probe",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="probe")
    return json.loads(functions.invoke(FunctionName="probe")["Payload"].read())


def test_delete_leaves_no_process_no_socket_and_no_file(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    endpoint = make().up(Work(cancel, quiet))
    if "lambda-invoke" in endpoint.capabilities:
        invoked(endpoint)
    processes = descendants(pid_of(state))
    make().delete(Work(cancel, quiet))
    assert [pid for pid in processes if Path(f"/proc/{pid}").exists() and not zombie(pid)] == []
    assert free_port(int(endpoint.url.rpartition(":")[2])) is not None
    assert not state.emulator.exists()
    make().delete(Work(cancel, quiet))


def zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_nothing_of_the_users_reaches_it(
    make: Make, state: StatePaths, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = {
        "AWS_PROFILE": "production",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_ENDPOINT_URL": "http://10.9.9.9",
        "HTTPS_PROXY": "http://10.9.9.9",
        "DOCKER_HOST": "tcp://10.9.9.9:2375",
        "BIND_HOST": "0.0.0.0",  # noqa: S104  # what must not come through
        "USE_SSL": "1",
        "HOME": "/home/production",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    make().up(Work(cancel, quiet))
    pairs = Path(f"/proc/{pid_of(state)}/environ").read_text().rstrip("\0").split("\0")
    given = dict(pair.split("=", 1) for pair in pairs)
    assert {name for name, value in hostile.items() if given.get(name) == value} == set()


def test_a_changed_declaration_restarts_what_keeps_its_data_and_no_other(
    make: Make, cancel: CancelToken, driver: Driver
) -> None:
    make().up(Work(cancel, quiet))
    changed = make(region="eu-west-3")
    observed = changed.observe(cancel)
    if driver is Driver.MINISTACK:
        assert (observed.state, observed.replacement) == (TargetState.RUNNING, None)
        assert [str(change) for change in observed.changes] == ["emulator.region: us-east-1 → eu-west-3"]
        assert changed.up(Work(cancel, quiet)).region == "eu-west-3"
    else:
        assert observed.endpoint is not None, "it lives on"
        with pytest.raises(ReplacementNeededError, match="region: us-east-1 → eu-west-3"):
            changed.up(Work(cancel, quiet))
        assert changed.replace(Work(cancel, quiet)).region == "eu-west-3"
    assert make(region="eu-west-3").observe(cancel).state is TargetState.RUNNING


def test_a_frozen_one_is_broken_and_replaced(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    make().up(Work(cancel, quiet))
    first = pid_of(state)
    os.kill(first, signal.SIGSTOP)
    observed = make().observe(cancel)
    assert observed.state is TargetState.BROKEN
    assert "does not answer" in observed.detail
    os.kill(first, signal.SIGCONT)


def test_a_taken_port_names_its_holder(make: Make, cancel: CancelToken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()
        taken = f"port {port} of 127.0.0.1 is in use by pid {os.getpid()} ({name})"
        observed = make(port=port).observe(cancel)
        assert (observed.state, observed.detail) == (TargetState.FOREIGN, taken)
        with pytest.raises(RefusedError, match=re.escape(taken)) as refused:
            make(port=port).up(Work(cancel, quiet))
    assert refused.value.fix == "end that program, or set emulator.port to another (0: any)"


def test_any_port_is_remembered(make: Make, cancel: CancelToken) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        first = make(port=0, first_port=other.getsockname()[1]).up(Work(cancel, quiet))
    make(port=0).stop(cancel)
    assert make(port=0).up(Work(cancel, quiet)).url == first.url


def test_a_child_that_dies_ends_up_at_once_with_its_last_words(
    driver: Driver, state: StatePaths, cancel: CancelToken
) -> None:
    declared = driver_of(EmulatorSpec(driver=driver))
    assert declared.process is not None
    recipe = dataclasses.replace(
        declared.process, arguments=lambda _launch: ("-c", "print('no licence'); raise SystemExit(55)")
    )
    emulator = ProcessEmulator(
        "test",
        EmulatorSpec(driver=driver),
        dataclasses.replace(declared, process=recipe),
        means_of(state),
    )
    with pytest.raises(StepFailedError) as failed:
        emulator.up(Work(cancel.within(10, "its end"), quiet))
    assert failed.value.what == f"{driver} ended while it was starting"
    assert failed.value.evidence == ("no licence",)
    assert failed.value.log == str(state.logs / "emulator.log")


def test_one_that_never_answers_is_ended_at_its_deadline(
    driver: Driver, state: StatePaths, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bootstrap.emulators.process.START_SECONDS", 1.0)
    declared = driver_of(EmulatorSpec(driver=driver))
    assert declared.process is not None
    recipe = dataclasses.replace(declared.process, arguments=lambda _launch: ("-c", "import time; time.sleep(60)"))
    clock = SystemClock()
    emulator = ProcessEmulator(
        "test",
        EmulatorSpec(driver=driver),
        dataclasses.replace(declared, process=recipe),
        means_of(state),
    )
    with pytest.raises(StepFailedError, match=f"{driver} answering on 127.0.0.1:.* was not done within 1s"):
        emulator.up(Work(cancel, quiet))
    identity = read_identity(EmulatorFolder(state.emulator).identity_file)
    assert identity is not None
    assert not SystemProcesses(clock).alive(identity)


def test_a_stale_pid_is_nobodys(make: Make, state: StatePaths, cancel: CancelToken) -> None:
    make().up(Work(cancel, quiet))
    make().stop(cancel)
    folder = EmulatorFolder(state.emulator)
    mine = ProcessIdentity(pid=os.getpid(), started="another time", program="python")
    folder.identity_file.write_text(json.dumps(dataclasses.asdict(mine)))
    assert make().observe(cancel).state is not TargetState.RUNNING
    make().delete(Work(cancel, quiet))  # and this test goes on


def test_the_endpoint_placement_uses_a_running_one_and_leaves_it(
    make: Make, cancel: CancelToken, driver: Driver
) -> None:
    running = make().up(Work(cancel, quiet))
    port = running.url.rpartition(":")[2]
    named = EndpointEmulator(EmulatorSpec(placement=Placement.ENDPOINT, endpoint=f"http://localhost:{port}"))
    assert named.up(Work(cancel, quiet)) == running
    assert named.observe(cancel).endpoint == running
    named.delete(Work(cancel, quiet))
    assert make().observe(cancel).state is TargetState.RUNNING
    assert running.driver == driver


def test_one_that_can_neither_be_found_nor_installed_is_refused_before_anything_is_made(
    driver: Driver, state: StatePaths, cancel: CancelToken
) -> None:
    means = dataclasses.replace(means_of(state), programs=NoPrograms())
    emulator = ProcessEmulator("test", EmulatorSpec(driver=driver), driver_of(EmulatorSpec(driver=driver)), means)
    with pytest.raises(RefusedError, match=f"no source has {driver}"):
        emulator.up(Work(cancel, quiet))
    assert not state.emulator.exists()


def test_a_cancel_while_it_starts_leaves_one_that_the_next_run_knows(
    make: Make, state: StatePaths, cancel: CancelToken
) -> None:
    with pytest.raises(DeadlineError):
        make().up(Work(cancel.within(0.2, "the test"), quiet))
    endpoint = make().up(Work(cancel, quiet))
    assert Path(f"/proc/{pid_of(state)}").exists()
    assert make().observe(cancel).endpoint == endpoint


def test_two_that_find_the_same_port_free_both_come_up(driver: Driver, tmp_path: Path, cancel: CancelToken) -> None:
    first = free_port()
    assert first is not None
    spec = EmulatorSpec(driver=driver, first_port=first)
    both = [
        ProcessEmulator(name, spec, driver_of(spec), means_of(StatePaths(folder=tmp_path / name)))
        for name in ("one", "other")
    ]
    try:
        with ThreadPoolExecutor() as pool:
            endpoints = list(pool.map(lambda emulator: emulator.up(Work(cancel, quiet)), both))
        assert len({endpoint.url for endpoint in endpoints}) == 2
        assert any(endpoint.url.endswith(f":{first}") for endpoint in endpoints)
    finally:
        for process_emulator in both:
            process_emulator.delete(Work(cancel, quiet))
