"""A reader of runs goes on where it stopped, whatever happened meanwhile."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bootstrap.model.stack import StatePaths
from bootstrap.ui.run_events import Place, is_going_on, read_on

FIRST, SECOND = "up-20260102-030405", "up-20260102-030500"


def record(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "at": "2026-01-02T03:04:05.000Z", **fields}) + "\n"


class Run:
    """The events file of a run."""

    def __init__(self, state: StatePaths, name: str) -> None:
        state.logs.mkdir(parents=True, exist_ok=True)
        self.file = state.logs / f"{name}.events.jsonl"

    def write(self, *lines: str) -> None:
        with self.file.open("a") as stream:
            stream.write("".join(lines))


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    return StatePaths(folder=tmp_path / "dev-1")


def types(state: StatePaths, place: Place | None) -> tuple[list[str], Place]:
    piece = read_on(state, place)
    assert piece is not None
    return [json.loads(line)["type"] for line in piece.records], piece.place


def test_a_reader_that_comes_late_sees_the_run_from_its_beginning(state: StatePaths) -> None:
    run = Run(state, FIRST)
    run.write(record("run_started"), record("planned"), record("step_started", step="cluster"))
    seen, place = types(state, None)
    assert seen == ["run_started", "planned", "step_started"]
    assert read_on(state, place) is None
    run.write(record("step_finished", step="cluster"))
    assert types(state, Place.parse(str(place)))[0] == ["step_finished"]


def test_half_a_line_is_read_once_it_is_whole(state: StatePaths) -> None:
    run = Run(state, FIRST)
    run.write(record("run_started"))
    _, place = types(state, None)
    whole = record("planned", steps=["a" * 100])
    run.write(whole[:50])
    assert read_on(state, place) is None
    run.write(whole[50:])
    assert types(state, place)[0] == ["planned"]


def test_a_restarted_run_begins_again(state: StatePaths) -> None:
    Run(state, FIRST).write(record("run_started"), record("planned"))
    _, place = types(state, None)
    Run(state, SECOND).write(record("run_started"))
    piece = read_on(state, place)
    assert piece is not None
    assert (piece.begins, piece.place.run, len(piece.records)) == (True, SECOND, 1)


def test_a_run_that_was_refused_hides_no_other(state: StatePaths) -> None:
    Run(state, FIRST).write(record("run_started"))
    _, place = types(state, None)
    Run(state, SECOND).write(record("error", what="another run changes this stack"))
    assert read_on(state, place) is None
    assert types(state, None)[0] == ["run_started"]


def test_a_stack_that_was_removed_is_forgotten_once(state: StatePaths) -> None:
    run = Run(state, FIRST)
    run.write(record("run_started"))
    _, place = types(state, None)
    run.file.unlink()
    piece = read_on(state, place)
    assert piece is not None
    assert (piece.begins, piece.records) == (True, ())
    assert read_on(state, piece.place) is None


@pytest.mark.parametrize("text", ["", "x", "x:", "x:-1", "x:1.5", "../../etc/passwd:0", f"{FIRST}:99999999"])
def test_a_place_that_is_none_of_ours_is_the_beginning(state: StatePaths, text: str) -> None:
    Run(state, FIRST).write(record("run_started"))
    assert types(state, Place.parse(text))[0] == ["run_started"]


def test_a_long_run_is_read_in_pieces(state: StatePaths) -> None:
    run = Run(state, FIRST)
    run.write(record("run_started"), *(record("step_progress", text="x" * 1000) for _ in range(3000)))
    total, place, pieces = 0, None, 0
    while (piece := read_on(state, place)) is not None:
        total, place, pieces = total + len(piece.records), piece.place, pieces + 1
        assert sum(map(len, piece.records)) <= 1 << 20
    assert (total, pieces) == (3001, 4)


def test_a_run_goes_on_while_its_process_does_and_has_not_ended_it(state: StatePaths) -> None:
    run = Run(state, FIRST)
    run.write(record("run_started"))
    assert not is_going_on(state)
    state.lock.write_text(json.dumps({"pid": os.getpid(), "command": "bootstrap up"}))
    assert is_going_on(state)
    run.write(record("run_finished", exit_code=0))
    assert not is_going_on(state)
