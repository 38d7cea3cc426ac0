"""Reports of every way in which a run ends, read by those who read them: a schema, and junitparser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from junitparser import JUnitXml

from bootstrap.console.junit import JunitRenderer
from bootstrap.console.mask import Masker
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model.event import Event
from fakes.recorded_run import CANCELLED, FAILED, RUN_STARTED, UNCHANGED

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parents[2] / "data" / "junit.xsd"))


def check(file: Path) -> Any:
    SCHEMA.validate(str(file))
    report: Any = JUnitXml.fromfile(str(file))
    before = (report.tests, report.failures, report.errors, report.skipped)
    report.update_statistics()
    assert (report.tests, report.failures, report.errors, report.skipped) == before
    return report


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        (UNCHANGED, (0, 0)),
        (FAILED, (1, 0)),
        (CANCELLED, (0, 0)),
        # Killed in the middle, by its job's time limit or otherwise: nobody closed it.
        (FAILED[:11], (0, 1)),
        ((RUN_STARTED,), (0, 0)),
    ],
    ids=["passed", "failed", "cancelled", "killed", "killed-at-once"],
)
def test_a_report_is_valid_and_read_back(tmp_path: Path, events: Sequence[Event], counts: tuple[int, int]) -> None:
    renderer = JunitRenderer(tmp_path / "junit.xml", secrets=Masker())
    for event in events:
        renderer(event)
    report = check(tmp_path / "junit.xml")
    assert (report.failures, report.errors) == counts


def test_a_run_that_never_began(tmp_path: Path) -> None:
    renderer = JunitRenderer(tmp_path / "junit.xml", command="bootstrap up", secrets=Masker())
    renderer.aborted(InvalidError([Problem(place=Place(file="stacks/dev.yaml", line=4), text="is not a port")]))
    renderer.close()
    (suite,) = check(tmp_path / "junit.xml")
    (case,) = suite
    assert case.result[0].message == "stacks/dev.yaml:4: is not a port"
