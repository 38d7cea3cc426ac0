"""`bootstrap ui` as it is typed: what it prints, refuses and hands on."""

import builtins
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bootstrap.cli.options import StackOptions
from bootstrap.cli.ui import _Gone, _verb
from bootstrap.config.flags import Overrides
from bootstrap.errors import ExitCode
from bootstrap.model.stack import StatePaths
from bootstrap.system.processes import started_at
from bootstrap.ui.server import Address

if TYPE_CHECKING:
    from cli.conftest import Cli


def test_without_the_extra_it_says_how_to_install_it(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    cli.stack()
    real = builtins.__import__

    def lacking(name: str, *more: Any) -> Any:
        if name == "starlette":
            raise ImportError("No module named 'starlette'", name="starlette")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    ended = cli("ui")
    assert ended.code == ExitCode.REFUSED
    assert "the pages need starlette, which is not installed" in ended.err
    assert "install" in ended.err
    assert "'bootstrap-stack[ui]'" in ended.err


def test_a_second_server_is_not_started(cli: "Cli") -> None:
    cli.stack()
    address = Address(port=4000, token="t", pid=os.getpid(), started=started_at(os.getpid()) or "")
    address.write(cli.state)
    ended = cli("ui")
    assert (ended.code, ended.out) == (0, "http://127.0.0.1:4000/?token=t\n")


def test_a_stack_that_nothing_names_is_an_error(cli: "Cli") -> None:
    ended = cli("ui", "nowhere")
    assert ended.code == ExitCode.USAGE
    assert "nowhere" in ended.err


def test_a_verb_has_the_same_stack_and_flags_and_no_secret_in_its_words() -> None:
    overrides = Overrides(sets=("cluster.workers=2",), provider="kwok", variables=("token=s3cret",), name="two")
    options = StackOptions(reference="shop", overrides=overrides)
    up = _verb(options, ("up", "--progress", "plain"))
    assert up.argv[3:] == (
        *("up", "--progress", "plain", "--name", "two", "--provider", "kwok"),
        *("--set", "cluster.workers=2", "shop"),
    )
    assert up.env is not None
    assert up.env["BOOTSTRAP_SET_variables__token"] == "s3cret"
    assert _verb(options, ("pause",)).argv[3:] == ("pause", "--name", "two", "shop")
    assert _verb(options, ("seed", "apply")).argv[3:] == ("seed", "apply", "--name", "two", "--stack", "shop")
    assert _verb(StackOptions(reference=None, overrides=Overrides()), ("reset",)).argv[3:] == ("reset",)


@pytest.mark.parametrize(
    "words",
    [
        ("up", "--progress", "plain"),
        ("repair", "--progress", "plain"),
        ("resume", "--progress", "plain"),
        ("reset", "--progress", "plain"),
        ("pause",),
        ("seed", "apply"),
        ("seed", "refresh"),
        ("ui",),
    ],
)
def test_every_verb_takes_the_flags_that_it_is_given(cli: "Cli", words: tuple[str, ...]) -> None:
    overrides = Overrides(sets=("cluster.workers=0",), provider="kwok", name="two")
    options = StackOptions(reference="dev", overrides=overrides, tools=("helm=/x",), locked=True)
    command = _verb(options, words)
    ended = cli(*command.argv[3:], "--help")
    assert (ended.code, ended.err) == (0, "")
    assert command.argv[:3] == (sys.executable, "-m", "bootstrap_stack")


def test_beside_a_run_it_stays_as_long_as_the_stack(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path / "dev-1")
    gone = _Gone(state)
    assert not gone()
    state.cluster.mkdir(parents=True)
    state.remembered.write_text("{}")
    assert not gone()
    state.cluster.rmdir()
    state.logs.mkdir()
    events = state.logs / "up-20260102-030405.events.jsonl"
    events.write_text('{"type": "run_started"}\n')
    state.lock.write_text(json.dumps({"pid": os.getpid()}))
    # A cluster that is replaced is not there for a moment.
    assert not gone()
    events.write_text('{"type": "run_started"}\n{"type": "run_finished"}\n')
    assert gone()
