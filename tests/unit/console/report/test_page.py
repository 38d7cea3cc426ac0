from html.parser import HTMLParser

import pytest

from bootstrap.console.events_file import records_of
from bootstrap.console.json_lines import event_record, line
from bootstrap.console.report.overview import (
    Overview,
    StepLine,
    failures_in,
    failures_of_error,
    missing_of,
    steps_of,
)
from bootstrap.console.report.page import page_html
from bootstrap.console.report.section import Section, fitted, shortened
from bootstrap.errors import InvalidError, Place, Problem, RefusedError, SeveralError
from fakes.recorded_run import FAILED

HOSTILE = "</pre><script>alert(1)</script><img src=http://example.com/x onerror=y> & \"'"


class Tags(HTMLParser):
    """The elements of a page, and the addresses that they name."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]


def test_everything_is_escaped_and_nothing_is_asked_for() -> None:
    overview = Overview(
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        failures=[HOSTILE],
        steps=(StepLine(step=HOSTILE, status=HOSTILE, time=HOSTILE, detail=HOSTILE),),
        missing={HOSTILE: HOSTILE},
    )
    page = page_html(overview, [Section(file=HOSTILE, title=HOSTILE, text=HOSTILE)], 1 << 20)
    tags = Tags()
    tags.feed(page)
    assert not tags.names & {"script", "img", "link", "iframe", "object", "form"}
    assert tags.addresses == []
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 15


def test_the_page_stays_in_its_limit_and_says_what_is_cut() -> None:
    sections = [Section(file=f"{number}.log", title="log", text="<" * 40_000, keep_end=True) for number in range(5)]
    page = page_html(Overview(title="full"), sections, 200_000)
    assert len(page) < 210_000
    assert "bytes are left out here" in page


def test_the_steps_of_a_run_as_its_events_tell_them() -> None:
    records = records_of("".join(line(event_record(event)) for event in FAILED) + '{"type": "half')
    lines = {step.step: step for step in steps_of(records)}
    assert lines["cluster"] == StepLine(step="cluster", status="done", time="41s", detail=lines["cluster"].detail)
    assert lines["release/traefik/traefik"].status == "failed"
    assert lines["release/apps/n8n"].detail == "because of release/traefik/traefik"
    (failure,) = failures_in(records)
    assert failure.startswith("Error: release/traefik/traefik: release traefik is not Ready after 60s")
    assert "Fix:   check spec.values.image.tag" in failure


def test_a_killed_run_names_the_step_that_had_not_finished() -> None:
    records = records_of("".join(line(event_record(event)) for event in FAILED[:11]))
    lines = {step.step: step.status for step in steps_of(records)}
    assert lines["release/traefik/traefik"] == "not finished"
    assert lines["release/apps/n8n"] == "not started"


def test_errors_outside_the_steps() -> None:
    wrong = InvalidError([Problem(place=Place(file="stacks/dev.yaml", line=4), text="is not a port")])
    several = SeveralError([wrong, RefusedError("no engine answers", fix="start it")])
    assert [text.splitlines()[0] for text in failures_of_error(several)] == [
        "Error: 1 problem in stacks/dev.yaml",
        "Error: no engine answers",
    ]
    assert missing_of({"nodes": RefusedError("no engine\nanswers", fix="start it")}) == {
        "nodes": "no engine answers · start it"
    }


@pytest.mark.parametrize("keep_end", [True, False])
def test_a_long_text_is_cut_at_a_line(keep_end: bool) -> None:
    text = "".join(f"{number:04} ☂\n" for number in range(1000))
    cut = shortened(Section(file="f", title="t", text=text, keep_end=keep_end), 1000)
    assert len(cut.text.encode()) <= 1000
    lines = cut.text.splitlines()
    notice, kept = (lines[0], lines[1:]) if keep_end else (lines[-1], lines[:-1])
    assert "bytes are left out here" in notice
    assert all(len(each) == 6 for each in kept)
    assert kept[-1 if keep_end else 0].startswith("0999" if keep_end else "0000")


def test_sections_fit_the_first_ones_first() -> None:
    sections = [Section(file=name, title=name, text="x\n" * 300) for name in "abc"]
    sizes = [len(section.text) for section in fitted(sections, 1000)]
    assert sizes[0] == 600
    assert sum(sizes) <= 1000
