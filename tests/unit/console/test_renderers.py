"""One recorded run through every renderer: what each shows, word for word."""

import io
import json
from collections.abc import Callable, Sequence

import pytest

from bootstrap.console.json_lines import JsonRenderer, error_record, line
from bootstrap.console.live import LiveRenderer
from bootstrap.console.mask import Masker
from bootstrap.console.plain import PlainRenderer
from bootstrap.console.quiet import QuietRenderer
from bootstrap.console.renderer import FanOut, Renderer
from bootstrap.console.renderer_choice import choose_renderer, is_json_requested
from bootstrap.console.stream import ProgressSink
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.event import Event
from fakes.clock import FakeClock
from fakes.recorded_run import BEGIN, CANCELLED, FAILED, SECRET, UNCHANGED, at, broken

PLAIN_FAILED = """\
stack dev on kwok: a real Kubernetes API, but pods are simulated
00:01 note  apps/n8n.yaml:7: interval has no meaning here
00:01 start cluster: not found
00:02   …   cluster: starting kube-apiserver
00:42 done  cluster: created (41s)
00:42 start release/traefik: new
00:42 same  release/apps/redis: unchanged
00:42 start seeds: 12 to create
00:44   …   release/traefik: 1 of 2 pods Ready
00:42 done  seeds: 12 created
01:42 FAIL  release/traefik: release traefik is not Ready after 60s
01:42 skip  release/apps/n8n: needs release/traefik
01:42 skip  objects/flux-system/apps: needs release/traefik

Error: release/traefik: release traefik is not Ready after 60s
  pod traefik-7d4: ImagePullBackOff
  pod traefik-7d4: *** refused
  Command: helm upgrade --install traefik charts/traefik -n traefik
  2 steps skipped because of this: release/apps/n8n, objects/flux-system/apps
Fix:   check spec.values.image.tag in apps/traefik.yaml, then run: bootstrap up
Log:   /state/logs/up-20260102-101500.log

2 done · 1 unchanged · 1 failed · 2 skipped (1m42s)
Time: release/traefik 1m00s, cluster 41s
"""

PLAIN_UNCHANGED = """\
stack dev on kwok: a real Kubernetes API, but pods are simulated
00:00 same  cluster: unchanged
Nothing to do: 1 unchanged (0.6s)
Next: bootstrap status dev
"""

PLAIN_CANCELLED = """\
stack dev on kwok: a real Kubernetes API, but pods are simulated
00:01 start cluster: not found
00:03 stop  cluster: stopped
00:03 stop  seeds: stopped
2 cancelled (3.0s)
Time: cluster 2.0s, planning 1.0s
"""

QUIET_FAILED = """\
Error: release/traefik: release traefik is not Ready after 60s
  pod traefik-7d4: ImagePullBackOff
  pod traefik-7d4: *** refused
  Command: helm upgrade --install traefik charts/traefik -n traefik
  2 steps skipped because of this: release/apps/n8n, objects/flux-system/apps
Fix:   check spec.values.image.tag in apps/traefik.yaml, then run: bootstrap up
Log:   /state/logs/up-20260102-101500.log
"""


def secrets() -> Masker:
    masker = Masker()
    masker.register(SECRET)
    return masker


def replay(events: Sequence[Event], make: Callable[[ProgressSink], Renderer]) -> str:
    stream = io.StringIO()
    renderer = make(ProgressSink(stream, secrets=secrets()))
    for event in events:
        renderer(event)
    renderer.close()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("events", "shown"), [(FAILED, PLAIN_FAILED), (UNCHANGED, PLAIN_UNCHANGED), (CANCELLED, PLAIN_CANCELLED)]
)
def test_plain(events: Sequence[Event], shown: str) -> None:
    assert replay(events, PlainRenderer) == shown


def test_plain_tells_all_that_steps_say_when_asked_to() -> None:
    lines = replay(FAILED, lambda sink: PlainRenderer(sink, verbosity=1))
    assert "00:02   …   cluster: starting kube-apiserver\n" in lines
    assert lines.count("1 of 2 pods Ready") == 2


def test_plain_shows_the_plan_when_asked_for_everything() -> None:
    lines = replay(FAILED, lambda sink: PlainRenderer(sink, verbosity=2))
    assert "      plan  release/apps/n8n: values changed (needs release/traefik, release/apps/redis)\n" in lines


@pytest.mark.parametrize(("events", "shown"), [(FAILED, QUIET_FAILED), (UNCHANGED, ""), (CANCELLED, "")])
def test_quiet(events: Sequence[Event], shown: str) -> None:
    assert replay(events, QuietRenderer) == shown


def records(events: Sequence[Event]) -> list[dict[str, object]]:
    shown = replay(events, lambda sink: JsonRenderer(sink, secrets=secrets()))
    assert shown.isascii()
    return [json.loads(line_) for line_ in shown.splitlines()]


def test_json_begins_with_the_version_and_has_one_record_for_each_event() -> None:
    replayed = records(FAILED)
    assert replayed[0] == {
        "type": "run_started",
        "version": 1,
        "at": "2026-01-02T10:15:00.000Z",
        "command": "bootstrap up dev",
        "stack": "dev",
        "headline": "stack dev on kwok: a real Kubernetes API, but pods are simulated",
    }
    assert [record["type"] for record in replayed] == [
        "run_started",
        "planned",
        "noted",
        "step_started",
        "step_progress",
        "step_finished",
        "step_started",
        "step_finished",
        "step_started",
        "step_progress",
        "step_finished",
        "step_progress",
        "step_finished",
        "step_finished",
        "step_finished",
        "run_finished",
    ]


def test_json_of_the_plan_and_a_note() -> None:
    planned, noted = records(FAILED)[1:3]
    assert planned["changes"] == 5
    steps = planned["steps"]
    assert isinstance(steps, list)
    assert steps[4] == {
        "id": "release/apps/n8n",
        "action": "install_release",
        "needs": ["release/traefik/traefik", "release/apps/redis"],
        "reason": "values changed",
    }
    assert noted == {
        "type": "noted",
        "at": "2026-01-02T10:15:01.000Z",
        "text": "interval has no meaning here",
        "place": {"file": "apps/n8n.yaml", "line": 7, "path": None},
    }


def test_json_of_steps() -> None:
    replayed = records(FAILED)
    assert replayed[3] == {
        "type": "step_started",
        "at": "2026-01-02T10:15:01.000Z",
        "step": "cluster",
        "reason": "not found",
    }
    assert replayed[4] == {
        "type": "step_progress",
        "at": "2026-01-02T10:15:02.000Z",
        "step": "cluster",
        "text": "starting kube-apiserver",
    }
    assert replayed[5] == {
        "type": "step_finished",
        "at": "2026-01-02T10:15:42.000Z",
        "step": "cluster",
        "status": "done",
        "seconds": 41.0,
        "detail": "created",
        "because_of": None,
        "error": None,
        "pods": [],
    }


def test_json_of_a_failure_and_of_what_it_skipped() -> None:
    failed, skipped = records(FAILED)[12:14]
    assert failed["error"] == {
        "what": "release traefik is not Ready after 60s",
        "exit_code": 1,
        "evidence": ["pod traefik-7d4: ImagePullBackOff", "pod traefik-7d4: *** refused"],
        "command": "helm upgrade --install traefik charts/traefik -n traefik",
        "fix": "check spec.values.image.tag in apps/traefik.yaml, then run: bootstrap up",
        "log": None,
    }
    assert (skipped["status"], skipped["because_of"]) == ("skipped", "release/traefik/traefik")
    assert (skipped["detail"], skipped["error"]) == (None, None)


def test_json_of_the_end() -> None:
    assert records(FAILED)[-1] == {
        "type": "run_finished",
        "at": "2026-01-02T10:16:42.000Z",
        "exit_code": 1,
        "seconds": 102.0,
        "counts": {"done": 2, "unchanged": 1, "failed": 1, "skipped": 2, "cancelled": 0},
        "log": "/state/logs/up-20260102-101500.log",
        "summary": [],
    }


def test_the_error_that_ended_a_run_is_a_record_too() -> None:
    problem = Problem(place=Place(file="stacks/dev.yaml", line=4, path="cluster.provder"), text="unknown key")
    assert json.loads(line(error_record(InvalidError([problem]), at=BEGIN))) == {
        "type": "error",
        "version": 1,
        "at": "2026-01-02T10:15:00.000Z",
        "what": "stacks/dev.yaml:4: cluster.provder: unknown key",
        "exit_code": 3,
        "evidence": [],
        "command": None,
        "fix": None,
        "log": None,
        "problems": [
            {
                "place": {"file": "stacks/dev.yaml", "line": 4, "path": "cluster.provder"},
                "text": "unknown key",
            }
        ],
    }
    assert "problems" not in json.loads(line(error_record(broken(), at=BEGIN)))


def test_a_secret_that_is_a_word_of_ours_breaks_no_record() -> None:
    masker = Masker()
    masker.register("run_started", "true", '"at"')
    shown = line({"type": "run_started", "version": 1, "command": "true run_started"}, secrets=masker)
    assert json.loads(shown) == {"type": "run_started", "version": 1, "command": "*** ***"}


class Terminal(io.StringIO):
    """A terminal of 80 columns, as rich asks for it."""

    def isatty(self) -> bool:
        return True


def live(events: Sequence[Event], monkeypatch: pytest.MonkeyPatch, *, color: bool) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "25")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    renderer = LiveRenderer(ProgressSink(stream, secrets=secrets()), FakeClock(at(60)), color=color)
    for event in events:
        renderer(event)
    renderer.close()
    renderer.close()
    return stream.getvalue()


def test_live_leaves_the_board_the_failure_and_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = live(FAILED, monkeypatch, color=True)
    assert SECRET not in shown
    left = shown[shown.rindex("stack dev on kwok") :]
    assert " release/traefik           release traefik is not Ready after 60s" in left
    assert left.endswith(PLAIN_FAILED[PLAIN_FAILED.index("\nError: ") :])
    assert "note: apps/n8n.yaml:7: interval has no meaning here" in shown
    assert "\x1b[?25h" in shown, "the cursor is given back"


def test_live_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m" in live(FAILED, monkeypatch, color=True)
    assert "\x1b[32m" not in live(FAILED, monkeypatch, color=False)


def test_live_gives_the_terminal_back_when_a_run_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = live(FAILED[:-4], monkeypatch, color=False)
    assert "1 of 2 pods Ready" in shown[shown.rindex("stack dev on kwok") :]
    assert "\x1b[?25h" in shown


def test_a_fan_out_tells_each_and_closes_each() -> None:
    lines: list[str] = []

    class Recorder:
        def __init__(self, name: str) -> None:
            self._name = name

        def __call__(self, event: Event) -> None:
            lines.append(f"{self._name} {type(event).__name__}")

        def close(self) -> None:
            lines.append(f"{self._name} closed")

    both = FanOut((Recorder("a"), Recorder("b")))
    both(UNCHANGED[0])
    both.close()
    assert lines == ["a RunStarted", "b RunStarted", "b closed", "a closed"]


@pytest.mark.parametrize(
    ("progress", "verbosity", "terminal", "environment", "chosen"),
    [
        ("auto", 0, True, {"TERM": "xterm"}, LiveRenderer),
        ("auto", 0, True, {"TERM": "xterm", "CI": "0"}, LiveRenderer),
        ("auto", 0, True, {"TERM": "xterm", "CI": "true"}, PlainRenderer),
        ("auto", 0, True, {"TERM": "dumb"}, PlainRenderer),
        ("auto", 0, True, {}, PlainRenderer),
        ("auto", 0, False, {"TERM": "xterm"}, PlainRenderer),
        ("auto", -1, True, {"TERM": "xterm"}, QuietRenderer),
        ("live", 0, True, {"TERM": "xterm", "CI": "true"}, LiveRenderer),
        ("live", 0, False, {"TERM": "xterm"}, PlainRenderer),
        ("plain", 0, True, {"TERM": "xterm"}, PlainRenderer),
        ("quiet", 0, True, {"TERM": "xterm"}, QuietRenderer),
        ("json", -1, True, {"TERM": "xterm"}, JsonRenderer),
    ],
)
def test_which_renderer_is_chosen(
    progress: str, verbosity: int, terminal: bool, environment: dict[str, str], chosen: type[Renderer]
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    renderer = choose_renderer(
        progress, verbosity=verbosity, color=True, stderr=stream, environment=environment, clock=FakeClock()
    )
    assert type(renderer) is chosen


@pytest.mark.parametrize(
    ("arguments", "environment", "asked"),
    [
        (["up", "--progress", "json"], {}, True),
        (["up", "--progress=json", "dev"], {}, True),
        (["up"], {"BOOTSTRAP_PROGRESS": "json"}, True),
        (["up", "--progress", "plain"], {"BOOTSTRAP_PROGRESS": "json"}, False),
        (["run", "--", "x", "--progress", "json"], {}, False),
        (["up", "json"], {}, False),
    ],
)
def test_whether_errors_are_records(arguments: list[str], environment: dict[str, str], *, asked: bool) -> None:
    assert is_json_requested(arguments, environment) is asked
