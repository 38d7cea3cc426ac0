"""Times, numbers and names as a person reads them."""

import pytest

from bootstrap.console.format import grouped, lasted, outcome_text, short_id, stopwatch, tally
from bootstrap.errors import BootstrapError
from bootstrap.model.count import counted
from bootstrap.model.event import Outcome, Status
from bootstrap.model.step import StepId


def test_times() -> None:
    assert [stopwatch(seconds) for seconds in (0, 100.9, 3723)] == ["00:00", "01:40", "1:02:03"]
    assert [lasted(seconds) for seconds in (0.44, 9.9, 41.2, 62, 3725)] == ["0.4s", "9.9s", "41s", "1m02s", "1h02m"]
    assert lasted(59.7) == "1m00s"


def test_numbers() -> None:
    assert (counted(1, "step"), counted(2, "step"), counted(2, "entry", "entries")) == (
        "1 step",
        "2 steps",
        "2 entries",
    )
    assert tally({"skipped": 1, "done": 2, "failed": 0}) == "2 done · 1 skipped"
    assert tally({}) == "no steps"
    assert grouped(["a", "b", "a"]) == ["a (2 times)", "b"]


@pytest.mark.parametrize(
    ("step", "short"),
    [
        ("cluster", "cluster"),
        ("release/redis/redis", "release/redis"),
        ("release/apps/redis", "release/apps/redis"),
    ],
)
def test_names(step: str, short: str) -> None:
    assert short_id(StepId(step)) == short


def test_outcomes() -> None:
    failed = Outcome(status=Status.FAILED, error=BootstrapError("what\nmore"))
    assert outcome_text(failed) == "what"
    assert outcome_text(Outcome(status=Status.FAILED)) == "failed"
    assert outcome_text(Outcome(status=Status.SKIPPED, detail="release/a/a")) == "needs release/a"
    assert outcome_text(Outcome(status=Status.SKIPPED)) == "not wanted"
    assert outcome_text(Outcome(status=Status.DONE)) == "done"
    assert outcome_text(Outcome(status=Status.UNCHANGED, detail="6 objects")) == "6 objects"
