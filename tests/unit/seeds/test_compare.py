"""What is done about a resource, by values."""

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.seeds.applied_state import Applied
from bootstrap.seeds.compare import action_for, differences, for_apply, reported_differently
from bootstrap.seeds.model import KNOWN_LATER, Desired, Observed, ResourceId, digest

ID = ResourceId("s3", "a")


def said(
    desired: dict[str, Any],
    observed: dict[str, Any] | None,
    applied: dict[str, Any] | None = None,
    **more: frozenset[str],
) -> tuple[str, list[str]]:
    declared = Desired(id=ID, fields=desired, **more)
    current = None if observed is None else Observed(id=ID, fields=observed)
    remembered = Applied(fields={path: digest(value) for path, value in (applied or {}).items()}, notes=applied or {})
    differing = list(differences(declared, current, remembered, ("objects/",)))
    return str(action_for(declared, current, differing)[0]), [
        f"{difference.path} {difference.kind} {difference.old} {difference.new} {difference in for_apply([difference])}"
        for difference in differing
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
    declared = Desired(id=ID, fields={"value": "hush"}, secret=frozenset({"value"}))
    (difference,) = differences(declared, Observed(id=ID, fields={"value": "old"}), Applied())
    assert difference.to_json() == {"path": "value", "kind": "changed", "old": "***", "new": "***"}


def test_what_the_emulator_makes_of_a_value_counts_as_declared() -> None:
    declared = Desired(id=ID, fields={"x": {"a": 1}, "y": 2}, verbatim=frozenset({"x", "z"}))
    observed = Observed(id=ID, fields={"x": {"a": 1, "filled": 0}, "y": 3})
    remembered = Applied(fields={path: digest(value) for path, value in declared.fields.items()})
    otherwise = reported_differently(declared, observed, remembered)
    assert otherwise == {"x": digest({"a": 1, "filled": 0})}
    remembered = replace(remembered, reported=otherwise)
    assert [difference.path for difference in differences(declared, observed, remembered)] == ["y"]
    by_hand = Observed(id=ID, fields={"x": {"a": 1, "filled": 1}, "y": 2})
    assert [difference.path for difference in differences(declared, by_hand, remembered)] == ["x"]
    declared_anew = Desired(id=ID, fields={"x": {"a": 2}, "y": 2}, verbatim=declared.verbatim)
    assert [difference.path for difference in differences(declared_anew, observed, remembered)] == ["x", "y"]


def test_an_absent_resource_is_made_whatever_was_told_of_it() -> None:
    declared = Desired(id=ID, fields={"x": 1}, verbatim=frozenset({"x"}))
    remembered = Applied(fields={"x": digest(1)}, reported={"x": digest(None)})
    assert [difference.path for difference in differences(declared, None, remembered)] == ["x"]
