"""How long a stack lives: what --ttl, an end that has come, and a damaged note make of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bootstrap.errors import RefusedError
from bootstrap.model.lease import Lease, Term, renewed
from bootstrap.model.stack import StatePaths
from bootstrap.state.lease import read_lease, write_lease

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HELD = Lease(expires=NOON + HOUR, length=2 * HOUR)
OVER = Lease(expires=NOON, length=2 * HOUR)


@pytest.mark.parametrize(
    ("lease", "term", "expected"),
    [
        (None, None, None),
        (HELD, None, HELD),
        (OVER, None, Lease(expires=NOON + 2 * HOUR, length=2 * HOUR)),
        (None, Term(length=HOUR), Lease(expires=NOON + HOUR, length=HOUR)),
        (HELD, Term(length=3 * HOUR), Lease(expires=NOON + 3 * HOUR, length=3 * HOUR)),
        (OVER, Term(length=HOUR), Lease(expires=NOON + HOUR, length=HOUR)),
        (HELD, Term(length=None), None),
        (OVER, Term(length=None), None),
    ],
)
def test_what_a_run_makes_of_it(lease: Lease | None, term: Term | None, expected: Lease | None) -> None:
    assert renewed(lease, term, NOON) == expected


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path / "dev")
    assert read_lease(state) is None
    write_lease(state, None)
    assert not state.folder.exists()
    write_lease(state, HELD)
    assert read_lease(state) == HELD
    assert state.lease.stat().st_mode & 0o777 == 0o600
    write_lease(state, None)
    assert read_lease(state) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"expires": "soon", "seconds": 1}', '{"expires": 1, "seconds": 1}'])
def test_a_damaged_one_is_told_with_the_way_out(tmp_path: Path, text: str) -> None:
    state = StatePaths(folder=tmp_path)
    state.lease.write_text(text)
    with pytest.raises(RefusedError, match="is damaged") as caught:
        read_lease(state)
    assert "--ttl" in str(caught.value.fix)
