import json
from datetime import UTC, datetime, timedelta

import pytest

from bootstrap.console.format import size_text
from bootstrap.console.results.snapshots import changes_json, changes_text, snapshots_json, snapshots_text
from bootstrap.model.snapshot import FORMAT, Changed, Manifest

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
SAVED = Manifest(
    format=FORMAT,
    name="before-tests",
    stack="dev-0123456789",
    project="/srv/shop",
    created=NOW - timedelta(minutes=5, seconds=30),
    facts={"provider": "kind"},
    files={"cluster/db": 10},
    size=1 << 20,
    not_kept=("emptyDir volumes",),
    objects=1,
    resources=7,
)


def test_the_list() -> None:
    assert snapshots_text([], {}, NOW) == "no snapshots\n"
    assert snapshots_text([SAVED], {"old": "it is damaged"}, NOW).splitlines() == [
        "NAME          AGE    SIZE     CONTENTS",
        "before-tests  5m30s  1.0 MiB  1 object; 7 AWS resources; not kept: emptyDir volumes",
        "old           -      -        it is damaged",
    ]


def test_the_list_as_json() -> None:
    document = json.loads(snapshots_json([SAVED], {"old": "it is damaged"}))
    assert document["unreadable"] == [{"name": "old", "reason": "it is damaged"}]
    assert document["snapshots"] == [
        {
            "name": "before-tests",
            "created": "2026-01-02T11:54:30+00:00",
            "bytes": 1 << 20,
            "objects": 1,
            "resources": 7,
            "facts": {"provider": "kind"},
            "not_kept": ["emptyDir volumes"],
        }
    ]


def test_changes() -> None:
    objects = Changed(added=("Namespace other",), modified=("ConfigMap shop/settings",))
    resources = Changed(removed=("sqs/orders",))
    assert changes_text("a", objects, resources).splitlines() == [
        "since snapshot a: 2 objects differ (1 added, 1 changed), 1 AWS resource differs (1 removed)",
        "  + Namespace other",
        "  ~ ConfigMap shop/settings",
        "  - sqs/orders",
    ]
    assert changes_text("a", Changed(), Changed()) == "since snapshot a: no object differs, no AWS resource differs\n"
    assert json.loads(changes_json("a", objects, resources))["resources"]["removed"] == ["sqs/orders"]


def test_many_changes_are_cut_in_text_alone() -> None:
    many = Changed(added=tuple(f"Namespace {number:03}" for number in range(60)))
    assert changes_text("a", many, Changed()).splitlines()[-1] == "  … 10 more: --output json has all"
    assert len(json.loads(changes_json("a", many, Changed()))["objects"]["added"]) == 60


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 29, "2.5 GiB"), (3 << 40, "3072.0 GiB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
