"""One recorded run in every form of a timeline."""

import json
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from bootstrap.console.json_lines import event_record
from bootstrap.console.timeline.build import timeline_of
from bootstrap.console.timeline.compare import compared, comparison_json, comparison_text
from bootstrap.console.timeline.json_form import timeline_document
from bootstrap.console.timeline.model import Timeline
from bootstrap.console.timeline.otlp import otlp_json
from bootstrap.console.timeline.page import timeline_html
from bootstrap.console.timeline.picture import timeline_svg
from bootstrap.console.timeline.text import timeline_text, where_time_went
from bootstrap.console.timeline.trace import trace_json
from fakes.random_run import RandomRun, Recorder, random_runs
from fakes.recorded_run import FAILED, TRAEFIK, UNCHANGED

POD = {
    "namespace": "traefik",
    "name": "traefik-7d4",
    "node": "node-1",
    "created": "2026-01-02T10:15:44.000Z",
    "scheduled": "2026-01-02T10:15:45.000Z",
    "pulled": "2026-01-02T10:16:20.000Z",
    "started": "2026-01-02T10:16:21.000Z",
    "ready": None,
    "restarts": 2,
    "pulls": [{"image": "traefik:3 <b>", "took": "35s"}],
}
OLD_POD = {**POD, "name": "traefik-old", "created": "2026-01-01T08:00:00.000Z"}

TEXT = """\
up-20260102-101500: bootstrap up dev
stack dev, 2026-01-02 10:15:00 UTC, 1m42s, exit code 1

                        0               30s              1m              1m30s
planning          1.0s  #
cluster            41s  #######################
seeds             2.0s                         -
release/traefik  1m00s                         ########################## failed
                        # on the critical path, - beside it
and 3 more that took less (--html shows all)

Critical path, 1m42s:
    1%    1.0s  planning: before the plan
   40%     41s  cluster: not found
   59%   1m00s  release/traefik: new; needs cluster: it is installed there
"""


def timeline(**changes: Any) -> Timeline:
    records = [event_record(event) for event in FAILED]
    for record in records:
        if (record["type"], record.get("step")) == ("step_finished", TRAEFIK):
            record["pods"] = [POD, OLD_POD]
    made = timeline_of([{**record, **changes} for record in records], "up-20260102-101500")
    assert made is not None
    return made


def random_timeline(run: RandomRun) -> Timeline:
    made = timeline_of(Recorder(run).record())
    assert made is not None
    return made


def test_text_fits_its_width() -> None:
    assert timeline_text(timeline(), width=80) == TEXT
    assert max(map(len, timeline_text(timeline(), width=60).splitlines())) <= 60


@given(random_runs())
@settings(max_examples=30)
def test_text_of_any_run_fits(run: RandomRun) -> None:
    assert max(map(len, timeline_text(random_timeline(run), width=72).splitlines())) <= 72


def test_one_line_names_the_longest_parts() -> None:
    assert where_time_went(timeline()) == "release/traefik 1m00s, cluster 41s"


def test_a_run_that_does_nothing_has_a_timeline_too() -> None:
    made = timeline_of(map(event_record, UNCHANGED))
    assert made is not None
    assert "planning" in timeline_text(made)
    assert "<svg" in timeline_html(made)


def test_a_pod_is_a_child_of_its_step_if_it_came_into_being_there() -> None:
    bar = timeline().bar(TRAEFIK)
    assert bar is not None
    assert [(pod.name, pod.stages()) for pod in bar.pods] == [
        ("traefik-7d4", [("scheduling", 44.0, 45.0), ("pulling", 45.0, 80.0), ("starting", 80.0, 81.0)])
    ]


def test_json_has_what_the_page_has() -> None:
    document = timeline_document(timeline())
    assert document["critical_path"][-1] == {
        "step": TRAEFIK,
        "start": 42.0,
        "seconds": 60.0,
        "why": "needs cluster: it is installed there",
    }
    step = next(step for step in document["steps"] if step["step"] == TRAEFIK)
    assert (step["lane"], step["critical"], step["after"], step["pods"][0]["pulled"]) == (
        "releases",
        True,
        "cluster",
        80.0,
    )
    assert step["messages"] == [{"at": 44.0, "seconds": 58.0, "text": "1 of 2 pods Ready"}]


def test_the_page_asks_no_host_and_runs_nothing() -> None:
    page = timeline_html(timeline(), compared(timeline(), timeline()))
    assert not re.findall(r"<script|<link|<img|<iframe|@import|url\(|\son\w+=", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src &#x27;none&#x27;" in page
    assert "prefers-color-scheme: dark" in page


def test_every_bar_of_the_page_leads_to_its_facts() -> None:
    page = timeline_html(timeline())
    targets = re.findall(r'<a href="#(step-\d+)">', page)
    assert targets
    assert set(targets) <= set(re.findall(r'<details id="(step-\d+)">', page))
    assert "needs" in page
    assert "pod traefik-7d4: ImagePullBackOff" in page
    assert "traefik:3 &lt;b&gt;: 35s" in page


def test_what_a_run_says_cannot_become_part_of_the_page() -> None:
    page = timeline_html(timeline(reason='"><script>alert(1)</script>'))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_picture_is_well_formed_and_the_same_each_time() -> None:
    picture = timeline_svg(timeline())
    assert picture == timeline_svg(timeline())
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    names = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"critical path", "cluster", "releases", "release/traefik", "traefik-7d4"} <= set(names)


@given(random_runs())
@settings(max_examples=30)
def test_events_of_one_thread_of_a_trace_do_not_overlap(run: RandomRun) -> None:
    threads: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for event in json.loads(trace_json(random_timeline(run)))["traceEvents"]:
        assert event["ph"] in {"M", "X"}
        if event["ph"] == "X":
            assert event["ts"] >= 0
            assert event["dur"] >= 0
            threads.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
    for times in threads.values():
        for before, after in pairwise(sorted(times)):
            assert before[1] <= after[0]


def test_a_trace_has_a_process_for_each_lane_and_pods_with_their_stages() -> None:
    events = json.loads(trace_json(timeline()))["traceEvents"]
    names = [event["args"]["name"] for event in events if event["name"] == "process_name"]
    assert names == ["critical path", "run", "cluster", "seeds", "releases", "objects", "pods"]
    pulling = next(event for event in events if event["name"] == "pulling")
    assert (pulling["ts"], pulling["dur"]) == (45_000_000, 35_000_000)
    traefik = next(event for event in events if event["name"] == TRAEFIK and event["pid"] != 1)
    assert traefik["args"]["needs"] == ["cluster: it is installed there"]


def test_spans_are_those_of_the_protocol() -> None:
    document = json.loads(otlp_json(timeline(), version="1"))
    spans = {span["name"]: span for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]}
    run, traefik, pod = spans["bootstrap up"], spans[TRAEFIK], spans["pod traefik-7d4"]
    assert (len(run["traceId"]), len(run["spanId"]), "parentSpanId" in run) == (32, 16, False)
    assert traefik["parentSpanId"] == run["spanId"]
    assert pod["parentSpanId"] == traefik["spanId"]
    assert spans["pulling"]["parentSpanId"] == pod["spanId"]
    assert traefik["status"]["code"] == 2
    assert traefik["events"] == [{"timeUnixNano": "1767348944000000000", "name": "1 of 2 pods Ready", "attributes": []}]
    assert (run["startTimeUnixNano"], run["endTimeUnixNano"]) == ("1767348900000000000", "1767349002000000000")
    assert otlp_json(timeline(), version="1") == otlp_json(timeline(), version="1")


SLOWER = """\
+1.5s in sum

                     before     now   slower
release/shop/app-0     1.0s    4.0s    +3.0s  on the critical path
release/shop/app-1     2.0s    0.5s    -1.5s  on the critical path
"""


def test_a_comparison_names_what_became_slower_first() -> None:
    shape = {"needs": (frozenset[int](), frozenset({0})), "jobs": 2, "planning": 100, "ending": 0}
    before = random_timeline(RandomRun(durations=(1000, 2000), **shape))  # type: ignore[arg-type]  # fields by name
    now = random_timeline(RandomRun(durations=(4000, 500), **shape))  # type: ignore[arg-type]  # fields by name
    comparison = compared(before, now)
    assert comparison_text(comparison).split("\n", 2)[2] == SLOWER
    assert [row["step"] for row in json.loads(comparison_json(comparison))["steps"]] == [
        "release/shop/app-0",
        "planning",
        "release/shop/app-1",
    ]
    assert "What became slower" in timeline_html(now, comparison)


def test_a_step_of_one_run_alone_is_named() -> None:
    shape = {"needs": (frozenset[int](), frozenset({0})), "jobs": 2, "planning": 100, "ending": 0}
    two = random_timeline(RandomRun(durations=(1000, 2000), **shape))  # type: ignore[arg-type]  # fields by name
    one = random_timeline(RandomRun(durations=(1000,), needs=(frozenset(),), jobs=1, planning=100, ending=0))
    assert "not in the other run" in comparison_text(compared(one, two))
    assert "only in the other run" in comparison_text(compared(two, one))
    assert "No step differs" in comparison_text(compared(one, one))


@pytest.mark.parametrize("count", [1, 150])
def test_a_large_run_is_shortened_in_text_only(count: int) -> None:
    run = RandomRun(durations=(1000,) * count, needs=(frozenset(),) * count, jobs=count, planning=1, ending=0)
    made = random_timeline(run)
    assert len(timeline_text(made).splitlines()) < 60
    assert timeline_html(made).count("<details ") == len(made.bars)
