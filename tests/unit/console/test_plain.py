"""What plain lines leave out."""

from datetime import UTC, datetime

import pytest

from bootstrap.console.plain import PlainRenderer
from bootstrap.model.event import Noted
from bootstrap.model.release import Note


@pytest.mark.parametrize(("verbosity", "shown"), [(0, False), (1, True)])
def test_notes_that_every_flux_repository_brings_are_for_those_who_ask(*, verbosity: int, shown: bool) -> None:
    lines: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            lines.append(text)

    renderer = PlainRenderer(Lines(), verbosity=verbosity)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    renderer(Noted(at=at, note=Note(text="spec.interval has no effect", expected=True)))
    renderer(Noted(at=at, note=Note(text="unexpected")))
    assert any("interval" in line for line in lines) is shown
    assert any("unexpected" in line for line in lines)
