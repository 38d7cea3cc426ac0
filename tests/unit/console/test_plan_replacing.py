"""How a replacement reads in a plan."""

import dataclasses
import json
from datetime import timedelta

from bootstrap.console.results.plan import plan_json, plan_text
from bootstrap.model.replacement import Replacement
from bootstrap.model.stack import ClusterSpec
from bootstrap.model.step import EnsureCluster, Plan, Replace, Step, StepId

REPLACEMENT = Replacement(reasons=("cluster.image: a → b",), losses=("3 namespaces", "2 volumes"))
ACTION = Replace(
    action=EnsureCluster(spec=ClusterSpec()), replacement=REPLACEMENT, consent_to=StepId("cluster"), lives=True
)


def planned(action: Replace) -> Plan:
    step = Step(id=StepId("cluster"), action=action, reason=REPLACEMENT.reason, timeout=timedelta(minutes=1))
    return Plan(steps=(step,))


def test_one_without_consent_says_what_is_lost_and_how_it_is_given() -> None:
    assert plan_text(planned(ACTION)).splitlines()[:3] == [
        "* cluster  replace  cluster.image: a → b",
        "    lost with it: 3 namespaces, 2 volumes",
        "    refused without --allow-replace cluster; the old one stays, and the other steps use it",
    ]


def test_one_with_consent_says_what_is_lost() -> None:
    lines = plan_text(planned(dataclasses.replace(ACTION, consented=True))).splitlines()
    assert lines[1:] == ["    lost with it: 3 namespaces, 2 volumes", "1 of 1 step would change something (*)"]


def test_programs_are_told_the_same() -> None:
    (step,) = json.loads(plan_json(planned(ACTION)))["steps"]
    assert step["action"] == "replace"
    assert step["replaces"] == {
        "reasons": ["cluster.image: a → b"],
        "losses": ["3 namespaces", "2 volumes"],
        "consented": False,
    }
