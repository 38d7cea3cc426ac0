"""The data of an emulator process is kept whole or not at all, whatever comes between."""

import dataclasses
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.daemon import read_identity
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.emulators.process_record import EmulatorFolder
from bootstrap.emulators.process_state import ProcessState
from bootstrap.errors import StepFailedError
from bootstrap.model.observed import EmulatorEndpoint, TargetState
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, ProcessIdentity, SystemProcesses
from bootstrap.system.work import Work
from fakes.bench import AS_PROCESS
from fakes.machine import Make, quiet
from fakes.means import means_of

pytestmark = pytest.mark.e2e
SAVING = [name for name in AS_PROCESS if (recipe := driver_of(EmulatorSpec(driver=name)).process) and recipe.saves]


@pytest.fixture(params=SAVING, ids=str)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Every driver that saves its data when it ends."""
    return Driver(request.param)


@pytest.fixture
def work(cancel: CancelToken) -> Work:
    return Work(cancel, quiet)


@pytest.fixture
def saved(driver: Driver, state: StatePaths) -> ProcessState:
    return ProcessState(state, driver_of(EmulatorSpec(driver=driver)), SystemProcesses(SystemClock()))


class Interposed(SystemProcesses):
    """Does something just before a process begins or is ended."""

    def __init__(self, *, spawning: Callable[[], object] = list, stopping: Callable[[], object] = list) -> None:
        super().__init__(SystemClock())
        self._spawning, self._stopping = spawning, stopping

    def spawn(self, command: Command, log: Path) -> ProcessIdentity:
        self._spawning()
        return super().spawn(command, log)

    def stop(self, identity: ProcessIdentity, cancel: CancelToken, *, polite: signal.Signals, grace: float) -> None:
        self._stopping()
        super().stop(identity, cancel, polite=polite, grace=grace)


def emulator(driver: Driver, state: StatePaths, processes: SystemProcesses, port: int = 0) -> ProcessEmulator:
    spec = EmulatorSpec(driver=driver, port=port)
    return ProcessEmulator("test", spec, driver_of(spec), dataclasses.replace(means_of(state), processes=processes))


def s3(endpoint: EmulatorEndpoint) -> Any:  # boto3's clients have no type of their own
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def fill(endpoint: EmulatorEndpoint, bucket: str = "artefacts") -> None:
    s3(endpoint).create_bucket(Bucket=bucket)
    s3(endpoint).put_object(Bucket=bucket, Key="a", Body=b"1")


def buckets(endpoint: EmulatorEndpoint) -> list[str]:
    return [bucket["Name"] for bucket in s3(endpoint).list_buckets()["Buckets"]]


def port_of(state: StatePaths) -> int:
    record = EmulatorFolder(state.emulator).record()
    assert record is not None
    return record.port


def end(state: StatePaths, number: signal.Signals) -> None:
    identity = read_identity(EmulatorFolder(state.emulator).identity_file)
    assert identity is not None
    os.kill(identity.pid, number)
    if number is signal.SIGKILL:
        processes, token = SystemProcesses(SystemClock()), CancelToken(SystemClock()).within(30, "its end")
        while processes.alive(identity):
            token.sleep(0.02)


def cut_off_while_saving(state: StatePaths, cancel: CancelToken) -> None:
    """Kill it after it saved its first services, and before its last."""
    folder = EmulatorFolder(state.emulator).contents / "state"
    os.mkfifo(folder / "scheduler.json.tmp")  # it waits for a reader
    end(state, signal.SIGTERM)
    token = cancel.within(60, "the first services")
    while not (folder / "s3.json").exists():
        token.sleep(0.02)
    assert not (folder / "scheduler.json").exists()
    end(state, signal.SIGKILL)
    (folder / "scheduler.json.tmp").unlink()


def test_a_port_that_is_taken_at_the_last_moment_costs_no_data(
    make: Make, driver: Driver, state: StatePaths, work: Work
) -> None:
    fill(make(port=0).up(work))
    make(port=0).stop(work.cancel)
    strangers: list[socket.socket] = []

    def take() -> None:
        if not strangers:
            strangers.append(socket.create_server(("127.0.0.1", port_of(state))))

    try:
        again = emulator(driver, state, Interposed(spawning=take)).up(work)
        assert again.url != f"http://127.0.0.1:{strangers[0].getsockname()[1]}"
        assert buckets(again) == ["artefacts"]
    finally:
        for stranger in strangers:
            stranger.close()


def test_one_that_ends_before_it_serves_anything_has_all_its_data(
    make: Make, driver: Driver, state: StatePaths, work: Work
) -> None:
    first = make().up(work)
    fill(first)
    make().stop(work.cancel)
    declared = driver_of(EmulatorSpec(driver=driver))
    assert declared.process is not None
    recipe = dataclasses.replace(declared.process, arguments=lambda _launch: ("-c", "raise SystemExit(55)"))
    spec = EmulatorSpec(driver=driver, port=port_of(state))
    failing = ProcessEmulator("test", spec, dataclasses.replace(declared, process=recipe), means_of(state))
    with pytest.raises(StepFailedError, match="ended while it was starting"):
        failing.up(work)
    assert make().observe(work.cancel).state is TargetState.STOPPED
    assert make().up(work) == first
    assert buckets(first) == ["artefacts"]


def test_a_cancel_while_it_saves_costs_no_data(make: Make, driver: Driver, state: StatePaths, work: Work) -> None:
    first = make().up(work)
    fill(first)
    cancelled = CancelToken(SystemClock())
    interrupted = Interposed(stopping=lambda: cancelled.cancel("Ctrl-C"))
    emulator(driver, state, interrupted, port_of(state)).stop(cancelled)
    assert make().up(work) == first
    assert buckets(first) == ["artefacts"]


def test_one_that_is_killed_while_it_saves_keeps_nothing(
    make: Make, state: StatePaths, saved: ProcessState, work: Work, tmp_path: Path
) -> None:
    fill(make().up(work))
    cut_off_while_saving(state, work.cancel)
    with pytest.raises(StepFailedError, match="ended without saving all its data"):
        saved.save(tmp_path, work)
    assert make().observe(work.cancel).detail == "ended, its data is lost"
    assert buckets(make().up(work)) == []


def test_one_that_cannot_save_a_service_keeps_nothing(
    make: Make, state: StatePaths, saved: ProcessState, work: Work, tmp_path: Path
) -> None:
    fill(make().up(work))
    (EmulatorFolder(state.emulator).contents / "state" / "s3.json.tmp").mkdir()  # as if the disk were full
    saved.stop(work)
    with pytest.raises(StepFailedError, match="ended without saving all its data"):
        saved.save(tmp_path, work)
    assert make().observe(work.cancel).detail == "ended, its data is lost"


def test_what_cannot_be_loaded_is_not_lost_by_starting_without_it(make: Make, state: StatePaths, work: Work) -> None:
    first = make().up(work)
    fill(first)
    make().stop(work.cancel)
    file = EmulatorFolder(state.emulator).contents / "state" / "s3.json"
    content = file.read_text()
    file.write_text(content[:-1])
    with pytest.raises(StepFailedError, match="ended while it was starting") as failed:
        make().up(work)
    assert any("failed to load s3" in line for line in failed.value.evidence)
    file.write_text(content)
    assert make().up(work) == first
    assert buckets(first) == ["artefacts"]


def test_a_restore_that_is_finished_after_a_kill_begins_again_if_the_data_is_not_whole(
    make: Make, state: StatePaths, saved: ProcessState, work: Work, tmp_path: Path
) -> None:
    fill(make().up(work))
    saved.stop(work)
    saved.save(tmp_path, work)
    first = make().start(work)
    fill(first, "since")
    saved.stage(tmp_path, work)
    saved.stop(work)
    saved.exchange(tmp_path, work)
    assert make().start(work) == first
    fill(first, "after")
    end(state, signal.SIGKILL)
    saved.exchange(tmp_path, work)
    assert make().start(work) == first
    saved.clear(work)
    assert buckets(first) == ["artefacts"]


def test_a_copy_that_was_cut_off_is_not_exchanged(
    make: Make, state: StatePaths, saved: ProcessState, work: Work, tmp_path: Path
) -> None:
    first = make().up(work)
    fill(first)
    saved.stop(work)
    saved.save(tmp_path, work)
    make().start(work)
    end(state, signal.SIGKILL)
    half = state.emulator / ".contents.staged"
    half.mkdir()
    (half / "half").write_text(json.dumps({}))
    saved.exchange(tmp_path, work)
    assert make().start(work) == first
    assert buckets(first) == ["artefacts"]
