"""What is done about a resource, by values."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.seeds.applied_state import Applied
from bootstrap.seeds.compare import action_for, differences, for_apply, told_otherwise
from bootstrap.seeds.model import KNOWN_LATER, Desired, Observed, ResourceId, digest

ID = ResourceId("s3", "a")


def said(
    desired: dict[str, Any],
    observed: dict[str, Any] | None,
    applied: dict[str, Any] | None = None,
    **more: frozenset[str],
) -> tuple[str, list[str]]:
    wanted = Desired(id=ID, fields=desired, **more)
    found = None if observed is None else Observed(id=ID, fields=observed)
    remembered = Applied(fields={path: digest(value) for path, value in (applied or {}).items()}, notes=applied or {})
    told = list(differences(wanted, found, remembered, ("objects/",)))
    return str(action_for(wanted, found, told)[0]), [
        f"{one.path} {one.kind} {one.old} {one.new} {one in for_apply([one])}" for one in told
    ]


@pytest.mark.parametrize(
    ("desired", "observed", "applied", "expected"),
    [
        ({"x": 1}, None, None, ("create", ["x changed None 1 True"])),
        ({"x": 1}, {"x": 1, "y": 2}, None, ("unchanged", [])),
        ({"x": 2}, {"x": 1}, {"x": 1}, ("update", ["x changed 1 2 True"])),
        ({"x": 1}, {"x": 3}, {"x": 1}, ("drifted", ["x drifted 3 1 True"])),
        ({"x": 1}, {}, {"x": 1}, ("drifted", ["x drifted None 1 True"])),
        ({}, {"x": 1}, {"x": 1}, ("update", ["x changed 1 None True"])),
        ({}, {"objects/a": 1}, {"objects/a": 1}, ("drifted", ["objects/a orphaned 1 None False"])),
        (
            {"objects/a": 1},
            {"objects/a": 1, "objects/a#tags": 2},
            {"objects/a": 1, "objects/a#tags": 2},
            ("update", ["objects/a#tags changed 2 None True"]),
        ),
        ({}, {}, {"x": 1}, ("unchanged", [])),
        ({"x": KNOWN_LATER}, {"x": 1}, None, ("unchanged", [])),
    ],
)
def test_actions(
    desired: dict[str, Any], observed: dict[str, Any] | None, applied: dict[str, Any], expected: tuple[str, list[str]]
) -> None:
    assert said(desired, observed, applied) == expected


def test_a_fixed_field_means_replace() -> None:
    assert said({"x": 2}, {"x": 1}, fixed=frozenset({"x"}))[0] == "replace"


def test_what_the_emulator_cannot_tell_is_remembered() -> None:
    assert said({"x": 1}, {}, {"x": 1}, ledger=frozenset({"x"}))[0] == "unchanged"
    assert said({"x": 1}, {"x": 5}, {"x": 1}, ledger=frozenset({"x"}))[0] == "drifted"


def test_secrets_are_masked_in_json() -> None:
    wanted = Desired(id=ID, fields={"value": "hush"}, secret=frozenset({"value"}))
    (one,) = differences(wanted, Observed(id=ID, fields={"value": "old"}), Applied())
    assert one.to_json() == {"path": "value", "kind": "changed", "old": "***", "new": "***"}


def test_what_the_emulator_makes_of_a_value_counts_as_declared() -> None:
    wanted = Desired(id=ID, fields={"x": {"a": 1}, "y": 2}, verbatim=frozenset({"x", "z"}))
    found = Observed(id=ID, fields={"x": {"a": 1, "filled": 0}, "y": 3})
    remembered = Applied(fields={path: digest(value) for path, value in wanted.fields.items()})
    told = told_otherwise(wanted, found, remembered)
    assert told == {"x": digest({"a": 1, "filled": 0})}
    remembered = replace(remembered, told=told)
    assert [one.path for one in differences(wanted, found, remembered)] == ["y"]
    by_hand = Observed(id=ID, fields={"x": {"a": 1, "filled": 1}, "y": 2})
    assert [one.path for one in differences(wanted, by_hand, remembered)] == ["x"]
    declared_anew = Desired(id=ID, fields={"x": {"a": 2}, "y": 2}, verbatim=wanted.verbatim)
    assert [one.path for one in differences(declared_anew, found, remembered)] == ["x", "y"]


def test_an_absent_resource_is_made_whatever_was_told_of_it() -> None:
    wanted = Desired(id=ID, fields={"x": 1}, verbatim=frozenset({"x"}))
    remembered = Applied(fields={"x": digest(1)}, told={"x": digest(None)})
    assert [one.path for one in differences(wanted, None, remembered)] == ["x"]
