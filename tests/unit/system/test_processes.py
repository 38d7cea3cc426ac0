"""Real children of a shell: what they are given, how they end, and what is written down about them."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from bootstrap.errors import CancelledError, DeadlineError, RefusedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, CommandFailedError, ProcessIdentity, SystemProcesses, started_at

CLOCK = SystemClock()


@pytest.fixture
def cancel() -> CancelToken:
    return CancelToken(CLOCK).within(30, "the test")


def sh(script: str, **fields: object) -> Command:
    return Command(argv=("/bin/sh", "-c", script), **fields)  # type: ignore[arg-type]  # fields of Command by name


def wait_for(file: Path, cancel: CancelToken) -> str:
    while not (file.exists() and file.read_text().endswith("\n")):
        cancel.sleep(0.01)
    return file.read_text().strip()


def test_output_is_collected_and_input_is_fed(cancel: CancelToken) -> None:
    finished = SystemProcesses(CLOCK).run(sh("cat; echo more >&2", stdin=b"fed"), cancel)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"fed", b"more\n")


def test_standard_input_is_closed_unless_fed(cancel: CancelToken) -> None:
    assert SystemProcesses(CLOCK).run(sh("cat"), cancel).text() == ""


def test_output_larger_than_a_pipe_does_not_hang(cancel: CancelToken) -> None:
    assert len(SystemProcesses(CLOCK).run(sh("head -c 1000000 /dev/zero"), cancel).stdout) == 1_000_000


def test_environment_and_folder_are_those_given(cancel: CancelToken, tmp_path: Path) -> None:
    finished = SystemProcesses(CLOCK).run(sh("echo $ONLY; pwd; echo $HOME", env={"ONLY": "this"}, cwd=tmp_path), cancel)
    assert finished.text().splitlines() == ["this", str(tmp_path.resolve()), ""]


def test_a_failure_keeps_what_was_told(cancel: CancelToken) -> None:
    with pytest.raises(CommandFailedError) as raised:
        SystemProcesses(CLOCK).run(sh("echo out; echo one >&2; echo two >&2; exit 3"), cancel)
    assert raised.value.finished.returncode == 3
    assert raised.value.evidence == ("one", "two")
    assert raised.value.command == "/bin/sh -c 'echo out; echo one >&2; echo two >&2; exit 3'"
    assert SystemProcesses(CLOCK).run(sh("echo out; exit 3"), cancel, check=False).lines() == ("out",)


def test_a_missing_program_is_refused(cancel: CancelToken) -> None:
    with pytest.raises(RefusedError, match="cannot start /nowhere/helm: No such file"):
        SystemProcesses(CLOCK).run(Command(argv=("/nowhere/helm",)), cancel)


@pytest.mark.parametrize("recorded", [False, True])
def test_cancel_sends_the_polite_signal_first_and_ends_the_whole_group(tmp_path: Path, *, recorded: bool) -> None:
    token = CancelToken(CLOCK).within(30, "the test")
    ready, said = tmp_path / "ready", tmp_path / "said"
    # Not SIGINT: a shell cannot trap what was ignored when it began, as in a job that runs in the background.
    script = f"sleep 60 & trap 'echo polite > {said}; exit 0' USR1; echo $! > {ready}; wait"
    command = sh(script, polite=signal.SIGUSR1, recorded=recorded)

    def stop_when_ready() -> None:
        wait_for(ready, token)
        token.cancel("stop")

    threading.Thread(target=stop_when_ready).start()
    with pytest.raises(CancelledError, match="stop"):
        SystemProcesses(CLOCK).run(command, token)
    assert said.read_text() == "polite\n"
    grandchild = int(ready.read_text())
    checking = CancelToken(CLOCK).within(10, "the grandchild's end")
    while started_at(grandchild) is not None:
        checking.sleep(0.01)


def test_a_deadline_ends_a_child_that_ignores_polite_signals() -> None:
    token = CancelToken(CLOCK).within(0.3, "helm")
    command = sh("trap '' INT TERM; while :; do sleep 0.05; done", polite=signal.SIGINT, grace=0.1)
    with pytest.raises(DeadlineError, match=r"helm was not done within 0\.3s"):
        SystemProcesses(CLOCK).run(command, token)


def test_a_recorded_child_is_written_down_before_its_program_begins(cancel: CancelToken, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    seen: list[tuple[ProcessIdentity, bool]] = []
    processes = SystemProcesses(CLOCK, lambda identity, _command: seen.append((identity, trace.exists())))
    finished = processes.run(sh(f"touch {trace}; echo $$; cat", recorded=True, stdin=b"fed"), cancel)
    ((identity, begun),) = seen
    assert not begun
    assert trace.exists()
    assert finished.text() == f"{identity.pid}\nfed"
    assert identity.program == "sh"


def test_a_recorded_child_never_begins_when_its_record_fails(cancel: CancelToken, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    pids: list[int] = []

    def fail(identity: ProcessIdentity, command: Command) -> None:
        pids.append(identity.pid)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        SystemProcesses(CLOCK, fail).run(sh(f"touch {trace}", recorded=True), cancel)
    while started_at(pids[0]) is not None:
        cancel.sleep(0.01)
    assert not trace.exists()


@pytest.mark.parametrize("recorded", [False, True])
def test_a_spawned_program_outlives_its_starter_until_it_is_stopped(
    cancel: CancelToken, tmp_path: Path, *, recorded: bool
) -> None:
    processes = SystemProcesses(CLOCK)
    log = tmp_path / "log"
    script = f"touch {tmp_path}/written; mkdir {tmp_path}/made; echo started; exec sleep 60"
    identity = processes.spawn(sh(script, recorded=recorded), log)
    wait_for(log, cancel)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("written", "made")] == [0o600, 0o700]
    assert processes.alive(identity)
    assert log.stat().st_mode & 0o777 == 0o600
    assert os.getpgid(identity.pid) == identity.pid
    processes.stop(identity, cancel, polite=signal.SIGTERM, grace=5)
    assert not processes.alive(identity)
    processes.stop(identity, cancel, polite=signal.SIGTERM, grace=5)


def test_a_reused_pid_is_someone_else(cancel: CancelToken, tmp_path: Path) -> None:
    processes = SystemProcesses(CLOCK)
    identity = processes.spawn(sh("sleep 60"), tmp_path / "log")
    stranger = ProcessIdentity(pid=identity.pid, started="1@another boot", program="sh")
    assert not processes.alive(stranger)
    processes.stop(stranger, cancel, polite=signal.SIGTERM, grace=1)
    assert processes.alive(identity)
    processes.stop(identity, cancel, polite=signal.SIGKILL, grace=5)


def test_a_name_with_spaces_and_parentheses_hides_nothing(cancel: CancelToken, tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to(sys.executable)
    identity = SystemProcesses(CLOCK).spawn(Command(argv=(str(odd), "-c", "input()")), tmp_path / "log")
    assert identity.started == started_at(identity.pid) or started_at(identity.pid) is None
    SystemProcesses(CLOCK).stop(identity, cancel, polite=signal.SIGTERM, grace=5)


def test_nothing_runs_under_a_pid_that_is_free() -> None:
    assert started_at(2**22 + 1) is None


def test_what_runs_can_be_killed_at_once(cancel: CancelToken, tmp_path: Path) -> None:
    processes, ready = SystemProcesses(CLOCK), tmp_path / "ready"
    command = sh(f"trap '' INT TERM; echo yes > {ready}; sleep 60", recorded=True)

    def kill_when_ready() -> None:
        wait_for(ready, cancel)
        processes.kill_running()

    threading.Thread(target=kill_when_ready).start()
    assert processes.run(command, cancel, check=False).returncode == -signal.SIGKILL
    processes.kill_running()


@pytest.mark.parametrize("recorded", [False, True])
def test_a_tethered_child_ends_with_us_however_we_end(cancel: CancelToken, tmp_path: Path, *, recorded: bool) -> None:
    ready = tmp_path / "ready"
    program = f"""
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, SystemProcesses
script = "trap '' TERM INT HUP; sleep 60 & echo $! $$ > {ready}; wait"
command = Command(argv=("/bin/sh", "-c", script), tethered=True, recorded={recorded})
SystemProcesses(SystemClock()).run(command, CancelToken(SystemClock()))
"""
    starter = SystemProcesses(CLOCK).spawn(Command(argv=(sys.executable, "-c", program)), tmp_path / "log")
    children = [int(pid) for pid in wait_for(ready, cancel).split()]
    assert all(started_at(pid) for pid in children)
    os.kill(starter.pid, signal.SIGKILL)
    while any(started_at(pid) for pid in children):
        cancel.sleep(0.01)


def test_a_tethered_child_is_as_any_other_while_we_live(cancel: CancelToken) -> None:
    finished = SystemProcesses(CLOCK).run(sh("cat; echo $$; exit 3", tethered=True, stdin=b"fed"), cancel, check=False)
    assert finished.returncode == 3
    assert finished.stdout.startswith(b"fed")
    assert started_at(int(finished.stdout[3:])) is None
