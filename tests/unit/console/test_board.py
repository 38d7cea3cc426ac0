"""The live board as lines, for every width, height and encoding."""

import pytest

from bootstrap.console.board import ASCII, UNICODE, Line, Symbols, board_lines, last_board, symbols_for
from bootstrap.console.progress import Progress
from fakes.recorded_run import FAILED, at

WIDE = """\
stack dev on kwok: a real Kubernetes API, but pods are simulated
 ✓ cluster                   created                                         41s
 ✓ seeds                     12 created                                     0.4s
 ⠼ release/traefik           1 of 2 pods Ready                               18s
 = release/apps/redis        unchanged
 · release/apps/n8n          needs release/traefik, release/apps/redis
 · objects/flux-system/apps  needs release/apps/n8n
 2 done · 1 unchanged · 1 running · 2 waiting  1m00s
"""

NARROW = """\
stack dev on kwok: a real Kubernetes
API, but pods are simulated
 + cluster           created         41s
 + seeds             12 created     0.4s
 | release/traefik   1 of 2 pods~    18s
 = release/apps/re~  unchanged
 . release/apps/n8n  needs release/trae~
 . objects/flux-sy~  needs release/apps~
 2 done, 1 unchanged, 1 running, 2 wait~
"""

LOW = """\
stack dev on kwok: a real Kubernetes API, but pods are simulated
 ⠼ release/traefik           1 of 2 pods Ready                               18s
 · release/apps/n8n          needs release/traefik, release/apps/redis
 · objects/flux-system/apps  needs release/apps/n8n
 2 done · 1 unchanged · 1 running · 2 waiting (3 not shown)  1m00s
"""


def board(width: int, height: int, symbols: Symbols) -> list[Line]:
    progress = Progress()
    for event in FAILED[:-4]:
        progress.add(event)
    return board_lines(progress, at(60), width=width, height=height, symbols=symbols)


def shown(lines: list[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def test_eighty_columns() -> None:
    assert shown(board(80, 20, UNICODE)) == WIDE


def test_forty_columns_of_an_old_encoding() -> None:
    assert shown(board(40, 20, ASCII)) == NARROW


def test_a_low_terminal_keeps_what_matters() -> None:
    assert shown(board(80, 5, UNICODE)) == LOW


def test_what_a_line_is_coloured_by() -> None:
    statuses = [line.status for line in board(80, 20, UNICODE)]
    assert statuses == ["", "done", "done", "running", "unchanged", "waiting", "waiting", ""]


@pytest.mark.parametrize("width", range(1, 100, 7))
@pytest.mark.parametrize("height", [1, 3, 4, 50])
def test_no_board_is_wider_or_higher_than_its_room(width: int, height: int) -> None:
    lines = board(width, height, UNICODE)
    assert len(lines) <= max(3, height)
    assert all(len(line.text) <= max(width, 8) for line in lines)


def test_what_stays_of_a_finished_run_is_what_happened() -> None:
    progress = Progress()
    for event in FAILED:
        progress.add(event)
    assert [line.text for line in last_board(progress, at(102), width=80, symbols=UNICODE)] == [
        "stack dev on kwok: a real Kubernetes API, but pods are simulated",
        " ✓ cluster                   created                                         41s",
        " ✓ seeds                     12 created                                     0.4s",
        " ✗ release/traefik           release traefik is not Ready after 60s        1m00s",
        " - release/apps/n8n          needs release/traefik",
        " - objects/flux-system/apps  needs release/traefik",
    ]


def test_the_spinner_turns() -> None:
    progress = Progress()
    for event in FAILED[:4]:
        progress.add(event)
    frames = {
        board_lines(progress, at(2 + tenth / 10), width=80, height=9, symbols=UNICODE)[1].text[1] for tenth in range(13)
    }
    assert frames == set(UNICODE.spinner)


def test_symbols_follow_the_encoding() -> None:
    assert symbols_for("utf-8") is UNICODE
    assert [symbols_for(name) for name in ("latin-1", "cp437", "ascii", "no-such", None)] == [ASCII] * 5


def test_before_there_is_a_plan() -> None:
    progress = Progress()
    progress.add(FAILED[0])
    assert [line.text for line in board_lines(progress, at(2), width=80, height=9, symbols=UNICODE)] == [
        "stack dev on kwok: a real Kubernetes API, but pods are simulated",
        " looking  2.0s",
    ]
