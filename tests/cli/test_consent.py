"""--allow-replace on the command line, and the question on a terminal."""

import io
from datetime import timedelta

import click
import pytest

from bootstrap.cli.consent import asking
from bootstrap.cli.options import allow_replace_option
from bootstrap.console.quiet import QuietRenderer
from bootstrap.console.stream import ProgressSink
from bootstrap.engine.consent import ask_nobody
from bootstrap.model.replacement import EVERYTHING, Replacement
from bootstrap.model.stack import ClusterSpec
from bootstrap.model.step import EnsureCluster, Replace, Step, StepId


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def replacing(step: str) -> Step:
    action = Replace(
        action=EnsureCluster(spec=ClusterSpec()),
        replacement=Replacement(reasons=(f"{step}.image: a → b",), losses=("3 namespaces",)),
        consent_to=StepId(step),
    )
    return Step(id=StepId(step), action=action, reason="", timeout=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("typed", "steps"),
    [
        ([], ()),
        (["--allow-replace"], (EVERYTHING,)),
        (["--allow-replace", "--other"], (EVERYTHING,)),
        (["--allow-replace", "cluster", "--allow-replace", "emulator"], ("cluster", "emulator")),
        (["--allow-replace=cluster"], ("cluster",)),
    ],
)
def test_it_takes_a_step_or_means_all(typed: list[str], steps: tuple[str, ...]) -> None:
    @click.command()
    @allow_replace_option
    @click.option("--other", is_flag=True)
    def command(*, allow_replace: tuple[str, ...], other: bool) -> tuple[str, ...]:
        del other
        return allow_replace

    assert command.main(typed, standalone_mode=False) == steps


@pytest.mark.parametrize(("answer", "allowed"), [("y\n", ("cluster",)), ("\n", ()), ("n\n", ())])
def test_a_terminal_is_asked(
    answer: str, allowed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    ask = asking(QuietRenderer(ProgressSink(io.StringIO())), stdin=Terminal(), stderr=Terminal(), environment={})
    assert tuple(ask([replacing("cluster")])) == allowed
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[:3] == [
        "cluster would be deleted and created again:",
        "  cluster.image: a → b",
        "  lost with it: 3 namespaces",
    ]


@pytest.mark.parametrize(
    ("stdin", "stderr", "environment"),
    [
        (io.StringIO(), Terminal(), {}),
        (Terminal(), io.StringIO(), {}),
        (Terminal(), Terminal(), {"CI": "true"}),
    ],
)
def test_nobody_else_is(stdin: io.StringIO, stderr: io.StringIO, environment: dict[str, str]) -> None:
    shown = QuietRenderer(ProgressSink(io.StringIO()))
    assert asking(shown, stdin=stdin, stderr=stderr, environment=environment) is ask_nobody
