"""What plain lines leave out."""

from datetime import UTC, datetime, timedelta

import pytest

from bootstrap.console.plain import PlainRenderer
from bootstrap.model.event import Noted, RunStarted, StepProgress, StepStarted
from bootstrap.model.release import Note
from bootstrap.model.step import StepId


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


def said(texts: list[tuple[float, str]]) -> list[str]:
    """What plain lines show of a step that said this after so many seconds."""
    lines: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            lines.append(text)

    renderer, begun = PlainRenderer(Lines()), datetime(2026, 1, 2, tzinfo=UTC)
    step = StepId("release/shop/web")
    renderer(RunStarted(at=begun, command="up", stack="dev", headline="Bringing up dev"))
    renderer(StepStarted(at=begun, step=step, reason="not found"))
    for seconds, text in texts:
        renderer(StepProgress(at=begun + timedelta(seconds=seconds), step=step, text=text))
    return [line.partition("…")[2].strip() for line in lines if "…" in line]


def test_a_cause_is_shown_when_it_changes_and_every_fifteen_seconds_otherwise() -> None:
    shown = said(
        [
            (0.5, "installing web 1.0.0"),
            (4, "pulling image web:1 for 2s"),
            (6, "pulling image web:1 for 4s"),
            (9, "image web:1 is not found in its registry"),
            (11, "image web:1 is not found in its registry"),
            (24, "image web:1 is not found in its registry"),
        ]
    )
    assert shown == [
        "release/shop/web: pulling image web:1 for 2s",
        "release/shop/web: image web:1 is not found in its registry",
        "release/shop/web: image web:1 is not found in its registry",
    ]


def test_what_is_over_in_a_moment_explains_nothing() -> None:
    assert said([(0.1, "installing web 1.0.0"), (0.9, "waiting for Deployment shop/web: 0/1 replicas available")]) == []
