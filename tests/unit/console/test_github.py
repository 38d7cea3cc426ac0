from pathlib import Path

from bootstrap.console.github import GithubRenderer
from bootstrap.console.mask import Masker
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.event import Event, Outcome, Status
from fakes.recorded_run import CANCELLED, FAILED, SECRET, TRAEFIK, ended


class Lines:
    """What was written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def shown(summary: Path | None, *events: Event) -> str:
    stream = Lines()
    secrets = Masker()
    secrets.register(SECRET)
    renderer = GithubRenderer(stream, summary, secrets=secrets)
    for event in events:
        renderer(event)
    renderer.close()
    return stream.text


def test_an_annotation_for_each_note_and_failure() -> None:
    assert shown(None, *FAILED).splitlines() == [
        "::warning file=apps/n8n.yaml,line=7,title=bootstrap::interval has no meaning here",
        "::error title=release/traefik/traefik::release traefik is not Ready after 60s"
        "%0Apod traefik-7d4: ImagePullBackOff%0Apod traefik-7d4: *** refused"
        "%0AFix: check spec.values.image.tag in apps/traefik.yaml, then run: bootstrap up",
    ]


def test_problems_are_shown_at_their_places() -> None:
    problems = [
        Problem(place=Place(file="a,b.yaml", line=3), text="100% wrong"),
        Problem(place=Place(file="c"), text="no"),
    ]
    event = ended(TRAEFIK, 1, Outcome(status=Status.FAILED, error=InvalidError(problems)))
    assert shown(None, event).splitlines() == [
        "::error file=a%2Cb.yaml,line=3,title=release/traefik/traefik::100%25 wrong",
        "::error file=c,title=release/traefik/traefik::no",
    ]


def test_the_summary_is_a_table_added_once(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    shown(file, *FAILED)
    text = file.read_text()
    assert text.startswith("before\n### stack dev on kwok")
    assert text.count("| step | result | time | |") == 1
    assert "| release/traefik/traefik | failed | 1m00s | release traefik is not Ready after 60s |" in text
    assert "| release/apps/n8n | skipped | 0.0s | because of release/traefik/traefik |" in text
    assert "- apps/n8n.yaml:7: interval has no meaning here" in text


def test_the_summary_of_a_run_that_never_finished(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    shown(file, *CANCELLED[:3])
    assert "| cluster | not finished | 0.0s | not found |" in file.read_text()


def test_an_error_outside_every_step_is_annotated_too() -> None:
    stream = Lines()
    renderer = GithubRenderer(stream, None, secrets=Masker())
    renderer.aborted(InvalidError([Problem(place=Place(file="stacks/dev.yaml", line=4), text="is not a port")]))
    assert stream.text == "::error file=stacks/dev.yaml,line=4,title=bootstrap::is not a port\n"
