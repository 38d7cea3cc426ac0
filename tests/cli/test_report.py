"""Reports on stacks that are not there, or cannot be read."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.conftest import Cli


def test_a_stack_that_was_never_brought_up(cli: "Cli") -> None:
    cli.stack()
    ended = cli("report", "--output", "out")
    assert (ended.code, ended.out) == (0, "out/index.html\n")
    summary = (cli.folder / "out" / "summary.txt").read_text()
    assert "plan could not be read: not on this machine: " in summary
    assert "cluster.provider: kwok" in (cli.folder / "out" / "config.txt").read_text()


def test_a_run_that_fails_before_it_begins_leaves_its_reason_in_ci(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    cli.stack("cluster: {provider: kwok, workers: many}")
    ended = cli("up")
    assert ended.code == 3
    place = ended.err.partition("Report: ")[2].splitlines()[0]
    assert place.startswith("bootstrap-report/dev-up-")
    assert "stacks/dev.yaml:4: cluster.workers" in (cli.folder / place).read_text()


@pytest.mark.parametrize(
    ("arguments", "name", "value"), [(("up",), "BOOTSTRAP_REPORT", "off"), (("up", "--only"), "A", "")]
)
def test_switched_off_and_typing_errors_leave_none(
    cli: "Cli", monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], name: str, value: str
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv(name, value)
    cli.stack("cluster: {provider: kwok, workers: many}")
    assert cli(*arguments).code != 0
    assert not (cli.folder / "bootstrap-report").exists()


def test_a_place_that_holds_something_else_is_refused_at_once(cli: "Cli") -> None:
    cli.stack()
    ended = cli("report", "--output", ".")
    assert ended.code == 2
    assert "--output .: holds something other than a report" in ended.err


def test_events_are_whole_where_the_run_never_began(cli: "Cli") -> None:
    cli.stack("cluster: {provider: kwok, workers: many}")
    assert cli("up", "--events", "events").code == 3
    assert '"type":"error"' in (cli.folder / "events").read_text()
