"""Evidence is whole until it is shown: the screen has a few lines, the log has all of it."""

from datetime import UTC, datetime
from pathlib import Path

from bootstrap.charts.helm_errors import explained
from bootstrap.console.errors import error_text, shortened
from bootstrap.console.log_file import LogRenderer
from bootstrap.console.mask import Masker
from bootstrap.model.event import Outcome, Status, StepFinished
from bootstrap.model.step import StepId
from bootstrap.system.processes import Command, CommandFailedError
from fakes.processes import failed
from fakes.repo import release

LINES = tuple(f"line {number}" for number in range(1, 31))
FAILED = CommandFailedError(Command(argv=("helm", "upgrade")), failed(1, "\n".join(LINES)))


def test_a_programs_whole_output_is_in_its_error() -> None:
    assert FAILED.evidence == LINES
    assert explained(FAILED, release("a"), doing="install").evidence == LINES


def test_the_screen_has_the_first_and_the_last_lines() -> None:
    assert shortened(LINES) == ["line 1", "… 26 lines more …", "line 28", "line 29", "line 30"]
    assert shortened(LINES[:5]) == list(LINES[:5])
    assert "line 2\n" not in error_text(FAILED)
    assert all(f"  {line}\n" in error_text(FAILED, whole=True) for line in LINES)


def test_the_log_has_all_of_it_masked(tmp_path: Path) -> None:
    secrets = Masker()
    secrets.register("line 17")
    log = LogRenderer(tmp_path / "up.log", secrets=secrets)
    outcome = Outcome(status=Status.FAILED, detail=FAILED.what, error=FAILED)
    log(StepFinished(at=datetime.now(UTC), step=StepId("release/a/a"), outcome=outcome, seconds=1.0))
    log.close()
    written = (tmp_path / "up.log").read_text()
    assert [line for line in LINES if f"  {line}\n" not in written] == ["line 17"]
    assert written.count("line 16") == 1
