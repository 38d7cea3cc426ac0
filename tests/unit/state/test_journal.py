import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bootstrap.engine.recover import end_leftovers
from bootstrap.errors import BootstrapError, StepFailedError
from bootstrap.model.event import Outcome, RunFinished, RunStarted, Status, StepFinished, StepProgress, StepStarted
from bootstrap.model.step import StepId
from bootstrap.state.journal import Journal
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, ProcessIdentity
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HELM = ProcessIdentity(pid=7, started="t7", program="helm")
HELM_COMMAND = Command(argv=("helm", "upgrade"), polite=signal.SIGINT)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.jsonl", FakeClock())


def lines(tmp_path: Path) -> list[dict[str, object]]:
    text = (tmp_path / "state" / "journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def test_the_bounds_of_runs_and_steps_are_kept_and_progress_is_not(journal: Journal, tmp_path: Path) -> None:
    step = StepId("cluster")
    journal.write(RunStarted(at=NOW, command="bootstrap up", stack="dev", headline=""))
    journal.write(StepStarted(at=NOW, step=step, reason=""))
    journal.write(StepProgress(at=NOW, step=step, text="waiting"))
    journal.write(StepFinished(at=NOW, step=step, outcome=Outcome(status=Status.DONE), seconds=1))
    journal.write(RunFinished(at=NOW, exit_code=0, seconds=1, counts={}))
    at = "2026-01-02T03:04:05+00:00"
    assert lines(tmp_path) == [
        {"type": "run_started", "at": at, "command": "bootstrap up", "pid": os.getpid()},
        {"type": "step_started", "at": at, "step": "cluster"},
        {"type": "step_finished", "at": at, "step": "cluster", "status": "done", "seconds": 1},
        {"type": "run_finished", "at": at, "exit_code": 0},
    ]
    file = tmp_path / "state" / "journal.jsonl"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_what_failed_last_is_kept_with_its_secrets_masked_until_it_succeeds(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", FakeClock(), mask=lambda text: text.replace("s3cret", "***"))
    error = StepFailedError("no s3cret", evidence=("said s3cret", *map(str, range(40))), fix="ask for s3cret")

    def end(step: str, status: Status, error: BootstrapError | None = None) -> None:
        outcome = Outcome(status=status, error=error)
        journal.write(StepFinished(at=NOW, step=StepId(step), outcome=outcome, seconds=1))

    end("release/a", Status.FAILED, error)
    end("release/b", Status.FAILED, error)
    end("release/b", Status.DONE)
    ((step, kept),) = journal.failures().items()
    assert (step, kept.what, kept.evidence[0], kept.fix) == ("release/a", "no ***", "said ***", "ask for ***")
    assert len(kept.evidence) == 20


def test_children_are_found_again_even_behind_a_half_written_line(journal: Journal, tmp_path: Path) -> None:
    assert list(journal.children()) == []
    journal.child(HELM, HELM_COMMAND)
    with (tmp_path / "state" / "journal.jsonl").open("a") as stream:
        stream.write('\n{"type": "child", "pid"')
    journal.child(ProcessIdentity(pid=8, started="t8", program="kubectl"), Command(argv=("kubectl",)))
    assert [(identity.program, polite) for identity, polite in journal.children()] == [
        ("helm", "SIGINT"),
        ("kubectl", "SIGTERM"),
    ]


def test_a_closed_journal_makes_no_file_again(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    journal.child(HELM, HELM_COMMAND)
    assert not (tmp_path / "state").exists()


def test_only_living_children_are_ended_each_with_its_own_polite_signal(journal: Journal) -> None:
    processes = FakeProcesses()
    processes.living[7] = HELM
    journal.child(HELM, HELM_COMMAND)
    journal.child(ProcessIdentity(pid=8, started="t8", program="kubectl"), Command(argv=("kubectl",)))
    assert end_leftovers(journal, processes, CancelToken(FakeClock())) == ("helm",)
    assert processes.stopped == [("helm", signal.SIGINT)]


def test_a_large_journal_is_begun_anew_once_nothing_of_it_runs(journal: Journal, tmp_path: Path) -> None:
    file = tmp_path / "state" / "journal.jsonl"
    journal.child(HELM, HELM_COMMAND)
    journal.compact()
    assert file.stat().st_size > 0
    with file.open("a") as stream:
        stream.write("x" * (1 << 20))
    assert end_leftovers(journal, FakeProcesses(), CancelToken(FakeClock())) == ()
    assert file.stat().st_size == 0
