"""docs/events.md names every type of record and each of its fields."""

import re
from pathlib import Path
from typing import Any

import pytest

from bootstrap.console.json_lines import action_name, error_record, event_record
from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.model import step
from bootstrap.model.event import Status
from fakes.recorded_run import BEGIN, FAILED

TEXT = (Path(__file__).parents[3] / "docs" / "events.md").read_text()


def documented() -> dict[str, set[str]]:
    """The fields of each type, by the document."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    fields = {
        section.splitlines()[0].strip("`"): set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for section in sections
    }
    every = fields.pop("Every record")
    return {name: field_types | every for name, field_types in fields.items()}


def produced() -> list[dict[str, Any]]:
    invalid = InvalidError([Problem(place=Place(file="a"), text="b")])
    return [*map(event_record, FAILED), error_record(invalid, at=BEGIN)]


def test_the_types_are_those_of_the_document() -> None:
    assert {record["type"] for record in produced()} == set(documented())


@pytest.mark.parametrize("record", produced(), ids=lambda record: record["type"])
def test_the_fields_are_those_of_the_document(record: dict[str, Any]) -> None:
    assert set(record) == documented()[record["type"]]


def test_the_words_are_those_of_the_document() -> None:
    words = {status.value for status in Status} | {
        action_name(action.__new__(action)) for action in step.Action.__args__
    }
    assert words <= set(re.findall(r"`(\w+)`", TEXT))
