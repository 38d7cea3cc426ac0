"""Stacks as a table and as JSON, and what was taken away."""

import json
from datetime import UTC, datetime

from bootstrap.console.results.stacks import collected_json, collected_text, stacks_json, stacks_text
from bootstrap.model.lease import Collected
from bootstrap.model.status import StackLine

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
STACKS = (
    StackLine(
        identity="dev-pr-1-0123456789",
        stack="dev",
        instance="pr-1",
        project="/project",
        provider="kind",
        state="running",
        expires=NOON,
        seconds_left=5400.4,
        folder="/state/dev-pr-1-0123456789",
    ),
    StackLine(identity="ci-1", stack="ci", project="/p", provider="kwok", state="stopped", detail="why", folder="/s"),
    StackLine(identity="x-1", stack="x-1", state="elsewhere", detail="not here", expires=NOON, seconds_left=-1.0),
)
GONE = (Collected(identity="a-1", why="expired 5 min ago"), Collected(identity="b-1", failure="in use"))


def test_stacks_are_a_table_with_why_beneath() -> None:
    assert stacks_text(STACKS) == (
        "STACK  NAME  PROVIDER  STATE      TIME LEFT  PROJECT\n"
        "dev    pr-1  kind      running    1h30m      /project\n"
        "ci     -     kwok      stopped    -          /p\n"
        "    why\n"
        "x-1    -     -         elsewhere  over       -\n"
        "    not here\n"
    )
    assert stacks_text(()) == "no stacks\n"


def test_stacks_are_json_for_programs() -> None:
    document = json.loads(stacks_json(STACKS))
    assert document["version"] == 1
    assert document["stacks"][0] == {
        "id": "dev-pr-1-0123456789",
        "stack": "dev",
        "name": "pr-1",
        "project": "/project",
        "provider": "kind",
        "state": "running",
        "detail": "",
        "expires": "2026-01-02T12:00:00+00:00",
        "seconds_left": 5400,
        "folder": "/state/dev-pr-1-0123456789",
    }
    assert [stack["seconds_left"] for stack in document["stacks"]] == [5400, None, -1]


def test_what_was_taken_away_is_told_with_what_was_not() -> None:
    assert collected_text(GONE, dry_run=False) == "removed a-1: expired 5 min ago\nb-1 stays: in use\n"
    assert collected_text(GONE[:1], dry_run=True) == "would remove a-1: expired 5 min ago\n"
    assert collected_text((), dry_run=False) == "nothing has expired\n"
    unread = Collected(identity="stacks on the Docker engine", unread="it does not answer")
    told = "stacks on the Docker engine were not looked at: it does not answer\n"
    assert collected_text((unread,), dry_run=False) == f"nothing has expired\n{told}"
    assert collected_text((unread, *GONE[:1]), dry_run=False) == f"{told}removed a-1: expired 5 min ago\n"
    assert json.loads(collected_json(GONE, dry_run=True)) == {
        "version": 1,
        "dry_run": True,
        "stacks": [
            {"id": "a-1", "why": "expired 5 min ago", "failure": "", "unread": "", "differences": []},
            {"id": "b-1", "why": "", "failure": "in use", "unread": "", "differences": []},
        ],
    }


def test_what_is_removed_otherwise_than_declared_says_so() -> None:
    collected = Collected(identity="a-1", why="over", differences=("cluster.workers: 2 (--set), now 0 (default)",))
    assert collected_text((collected,), dry_run=True) == (
        "would remove a-1: over\n    is declared differently now: cluster.workers: 2 (--set), now 0 (default)\n"
    )
