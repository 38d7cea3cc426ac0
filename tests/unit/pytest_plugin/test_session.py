import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_bootstrap_stack.program import Program, ProgramError, find_program
from pytest_bootstrap_stack.session import Choice, Session


@dataclass
class Recorded:
    """A program that records what it is asked for."""

    calls: list[str] = field(default_factory=list)
    broken: str = ""

    def run(self, *arguments: str) -> str:
        self.calls.append(" ".join(arguments))
        if self.broken:
            raise ProgramError(self.broken)
        return ""

    def json(self, *arguments: str) -> Any:
        self.calls.append(" ".join(arguments))
        return {"KUBECONFIG": "/kubeconfig"}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorded:
    recorded = Recorded()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Session, "program", recorded)
    return recorded


def session(**choices: bool) -> Session:
    return Session(choice=Choice(stack="ci", run="0123456789ab", **choices), project=Path())


def test_the_first_brings_it_up_and_the_last_takes_it_down(program: Recorded) -> None:
    first, second, controller = session(), session(), session()
    assert first.platform() == second.platform() == {"environment": {"KUBECONFIG": "/kubeconfig"}}
    assert first.end() == second.end() == ""
    assert [call.split()[0] for call in program.calls] == ["up", "env"]
    assert controller.end() == ""
    assert program.calls == [
        "up ci --name pytest-01234567 --ttl 2h --ports auto --progress plain",
        "env --stack ci --name pytest-01234567 --quiet",
        "down --stack ci --name pytest-01234567 --progress plain",
    ]
    assert not controller.folder.exists()


def test_without_need_nothing_is_brought_up(program: Recorded) -> None:
    assert session().end() == ""
    assert program.calls == []


def test_a_platform_that_fails_is_tried_once_and_told_to_all(program: Recorded) -> None:
    program.broken = "no room"
    first, second = session(), session()
    for each in (first, second):
        with pytest.raises(ProgramError, match="no room"):
            each.platform()
    assert len(program.calls) == 1
    assert first.end() == ""
    # What it left is taken down all the same.
    assert "could not be taken down: no room" in second.end()
    assert program.calls[-1].startswith("down")


@pytest.mark.parametrize(
    ("choices", "up", "text"),
    [
        (
            {"keep": True},
            "up ci --name pytest-01234567 --ports auto --progress plain",
            "bootstrap status --stack ci --name pytest-01234567",
        ),
        ({"reuse": True}, "up ci --progress plain", "bootstrap status --stack ci"),
    ],
)
def test_kept_and_reused_platforms_stay(program: Recorded, choices: dict[str, bool], up: str, text: str) -> None:
    kept = session(**choices)
    kept.platform()
    assert kept.end() == f"the platform stays up: {text}"
    assert (program.calls[0], len(program.calls)) == (up, 2)


def test_the_program_is_never_a_module_of_the_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bootstrap.py").write_text("raise SystemExit('shadowed')")
    found = find_program(tmp_path)
    assert Path(found.path).name in {"bootstrap-stack", "bootstrap"}
    assert Program.environment({"PYTHONPATH": ".", "PATH": "/bin"}) == {"PATH": "/bin"}
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError, match="pip install bootstrap-stack"):
        find_program(tmp_path)


def test_the_state_of_a_run_is_json(program: Recorded) -> None:
    one = session()
    one.platform()
    assert json.loads((one.folder / "platform.json").read_text())["environment"]
    one.end()
