"""Probes that make `up` wait by their configuration, with the values that may set them."""

from typing import Any

import pytest

from bootstrap.charts.archive import ChartFiles
from bootstrap.charts.value_paths import value_paths
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo
from bootstrap.plan.desired import Desired
from bootstrap.plan.slow import slow_probes
from fakes.repo import kustomization, release, stack


def deployment(**probes: Any) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"name": "main", "image": "a:1", **probes}]}}}
    metadata = {"name": "web", "namespace": "apps"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def notes(manifest: dict[str, Any], *paths: str, own: bool = False) -> list[str]:
    a = release("a")
    repo = FluxRepo(kustomizations=(kustomization("apps", manifest),)) if own else FluxRepo(releases=(a,))
    prepared = {} if own else {a.id: PreparedRelease(release=a, manifests=(manifest,))}
    steps = ("objects/flux-system/apps", "release/apps/a")
    desired = Desired(stack=stack(), repo=repo, prepared=prepared)
    return [note.text for note in slow_probes(desired, steps, lambda _release, _key, _value: paths)]


def test_a_late_first_look_is_named_with_the_values_that_set_it() -> None:
    slow = deployment(readinessProbe={"initialDelaySeconds": 30, "periodSeconds": 10})
    assert notes(slow, "probe.initialDelaySeconds", "web.initialDelaySeconds") == [
        "release/apps/a: Deployment apps/web, container main, readinessProbe: initialDelaySeconds 30: it is not ready "
        "before, however fast it starts; set by values.probe.initialDelaySeconds or values.web.initialDelaySeconds"
    ]
    assert notes(slow)[0].endswith("; its chart's templates set it")
    assert notes(slow, own=True)[0].startswith("objects/flux-system/apps: Deployment apps/web")


def test_looks_far_apart_are_named_too() -> None:
    (text,) = notes(deployment(startupProbe={"periodSeconds": 60}))
    assert "startupProbe: periodSeconds 60: if it is not ready at one look, the next is 60 s later" in text


@pytest.mark.parametrize(
    "probes",
    [
        {},
        {"readinessProbe": {"initialDelaySeconds": 4, "periodSeconds": 10}},
        {"livenessProbe": {"initialDelaySeconds": 60}},
    ],
)
def test_what_holds_nothing_up_is_not_named(probes: dict[str, Any]) -> None:
    assert notes(deployment(**probes)) == []


def test_values_are_those_of_the_release_over_those_of_the_chart_and_its_subcharts() -> None:
    files = {
        "Chart.yaml": b"{name: web, version: 1.0.0, dependencies: [{name: db, alias: main}]}",
        "values.yaml": b"{readiness: {initialDelaySeconds: 30}, other: {initialDelaySeconds: 30}}",
        "charts/db/Chart.yaml": b"{name: db, version: 1.0.0}",
        "charts/db/values.yaml": b"probes: [{initialDelaySeconds: 30}]",
    }
    chart = ChartFiles(name="web", version="1.0.0", files=files)
    found = value_paths({"other": {"initialDelaySeconds": 1}}, chart, "initialDelaySeconds", 30)
    assert sorted(found) == ["main.probes.0.initialDelaySeconds", "readiness.initialDelaySeconds"]
