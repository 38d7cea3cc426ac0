from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bootstrap.console.junit import JunitRenderer
from bootstrap.console.mask import Masker
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.event import Event, Outcome, Status
from fakes.recorded_run import CANCELLED, CLUSTER, FAILED, RUN_STARTED, SECRET, TRAEFIK, ended, said, started


def report(file: Path, *events: Event, secrets: Masker | None = None) -> ET.Element:
    renderer = JunitRenderer(file, secrets=secrets or Masker())
    for event in events:
        renderer(event)
    renderer.close()
    return ET.fromstring(file.read_bytes())  # noqa: S314 - our own


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "junit.xml"


def test_a_test_case_for_each_step_with_its_time_and_evidence(file: Path) -> None:
    root = report(file, *FAILED)
    counts = {key: root.attrib[key] for key in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "6", "failures": "1", "errors": "0", "skipped": "2", "time": "102.000"}
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.attrib["name"], suite.attrib["timestamp"]) == ("stack dev", "2026-01-02T10:15:00")
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    assert cases["cluster"].attrib == {"classname": "bootstrap.dev", "name": "cluster", "time": "41.000"}
    failure = cases["release/traefik/traefik"].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "release traefik is not Ready after 60s", "type": "StepFailedError"}
    assert failure.text is not None
    assert "pod traefik-7d4: ImagePullBackOff" in failure.text
    assert "Command: helm upgrade --install traefik" in failure.text
    assert "Fix:   check spec.values.image.tag" in failure.text
    skipped = cases["release/apps/n8n"].find("skipped")
    assert skipped is not None
    assert skipped.attrib == {"message": "because of release/traefik/traefik"}
    out = cases["release/traefik/traefik"].find("system-out")
    assert out is not None
    assert out.text == "1 of 2 pods Ready\n1 of 2 pods Ready"


def test_a_cancelled_run(file: Path) -> None:
    root = report(file, *CANCELLED)
    assert (root.attrib["skipped"], root.attrib["failures"]) == ("2", "0")
    messages = [skipped.attrib["message"] for skipped in root.iter("skipped")]
    assert messages == ["cancelled: stopped", "cancelled: stopped"]


def test_a_killed_run_leaves_what_had_ended_and_names_what_had_not(file: Path) -> None:
    renderer = JunitRenderer(file)
    for event in FAILED[:11]:
        renderer(event)
    # Killed here: nobody closes it. The last write came with the last step that ended.
    root = ET.fromstring(file.read_bytes())  # noqa: S314 - our own
    errors = [
        (case.attrib["name"], error.attrib["message"]) for case in root.iter("testcase") for error in case.iter("error")
    ]
    assert errors == [("release/traefik/traefik", "still running when the run ended: 1 of 2 pods Ready")]
    assert [case.attrib["name"] for case in root.iter("testcase") if case.find("skipped") is not None] == [
        "release/apps/n8n",
        "objects/flux-system/apps",
    ]


def test_no_secret_and_nothing_that_is_not_xml(file: Path) -> None:
    secrets = Masker()
    secrets.register(SECRET)
    odd = (said(CLUSTER, 2, "bell \x07 and <tag> & \ud800"), ended(CLUSTER, 3, Outcome(status=Status.DONE), 2))
    root = report(file, *FAILED[:4], *odd, started(TRAEFIK, 3, "new"), *FAILED[12:], secrets=secrets)
    assert SECRET.encode() not in file.read_bytes()
    out = root.find(".//testcase[@name='cluster']/system-out")
    assert out is not None
    assert out.text == "bell \ufffd and <tag> & \ufffd"


def test_a_run_that_ends_before_its_plan_leaves_a_report_too(file: Path) -> None:
    root = report(file, RUN_STARTED)
    assert (root.attrib["name"], root.attrib["tests"]) == ("bootstrap up dev", "0")


def test_an_error_outside_every_step_is_a_test_case_of_its_own(file: Path) -> None:
    renderer = JunitRenderer(file)
    renderer(RUN_STARTED)
    renderer.aborted(InvalidError([Problem(place=Place(file="stacks/dev.yaml", line=4), text="is not a port")]))
    renderer.close()
    root = ET.fromstring(file.read_bytes())  # noqa: S314 - our own
    failure = root.find(".//testcase[@name='run']/failure")
    assert failure is not None
    assert failure.text is not None
    assert "stacks/dev.yaml:4: is not a port" in failure.text
    assert root.attrib["failures"] == "1"


def test_the_stacks_of_one_command_are_suites_of_one_report(file: Path) -> None:
    report(file, *FAILED)
    renderer = JunitRenderer(file, more=True)
    for event in CANCELLED:
        renderer(event)
    root = ET.fromstring(file.read_bytes())  # noqa: S314 - our own
    assert [suite.attrib["tests"] for suite in root.findall("testsuite")] == ["6", "2"]
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == ("8", "1", "4")
    assert root.attrib["time"] == "105.000"


def test_a_link_and_a_pipe_stay_what_they_are(tmp_path: Path) -> None:
    real, link = tmp_path / "real.xml", tmp_path / "link.xml"
    link.symlink_to(real)
    report(link, RUN_STARTED)
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"<?xml")
    JunitRenderer(Path("/dev/null"))(RUN_STARTED)
    assert not Path("/dev/null").is_file()
