"""The pods of a part, as the API server lists them, and their logs, line after line."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import UsageError
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.release import FluxRepo
from bootstrap.ui.looks import Look
from bootstrap.ui.pods import Container, containers_json, followed, pods_json
from fakes.kube_api import FakeKubeApi, fake_kube_api
from fakes.pages import Pages
from fakes.repo import kustomization

PODS = "/api/v1/namespaces/apps/pods"
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
}
COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age", "Node")


def table(*pods: tuple[str, str]) -> dict[str, Any]:
    return {
        "columnDefinitions": [{"name": name} for name in COLUMNS],
        "rows": [
            {
                "cells": [name, "1/1", "Running", 0, "3m", "node-1"],
                "object": {"metadata": {"name": name, "labels": {"app": app, "more": "x"}}},
            }
            for name, app in pods
        ],
    }


@pytest.fixture
def api() -> Iterator[FakeKubeApi]:
    with fake_kube_api() as api:
        yield api


@pytest.fixture
def look(pages: Pages, api: FakeKubeApi, tmp_path: Path) -> Look:
    """A look at a cluster whose pods run."""
    pages.setting.world.repo = FluxRepo(kustomizations=(kustomization("apps", WEB),))
    look = pages.looks.take()
    assert look.planning is not None
    cluster = ClusterObserved(state=TargetState.RUNNING, kube=api.context(tmp_path))
    return replace(look, planning=replace(look.planning, observed=replace(look.planning.observed, cluster=cluster)))


def test_only_the_pods_of_the_part_are_listed(pages: Pages, api: FakeKubeApi, look: Look) -> None:
    api.fault = lambda _method, path: (200, table(("web-1", "web"), ("db-1", "db"))) if path == PODS else None
    found = pods_json(look, "objects/flux-system/apps", pages.cancel)
    assert found == {
        "columns": ["Namespace", "Name", "Ready", "Status", "Restarts", "Age", "Node"],
        "pods": [["apps", "web-1", "1/1", "Running", "0", "3m", "node-1"]],
        "simulated": False,
    }


def test_a_pod_has_its_containers_with_their_restarts(pages: Pages, api: FakeKubeApi, look: Look) -> None:
    spec = {"initContainers": [{"name": "init"}], "containers": [{"name": "main"}]}
    status = {"containerStatuses": [{"name": "main", "restartCount": 3}]}
    api.put(f"{PODS}/web-1", {"kind": "Pod", "spec": spec, "status": status})
    found = containers_json(look, "apps", "web-1", pages.cancel)
    assert found == {"containers": [{"name": "init", "restarts": 0}, {"name": "main", "restarts": 3}]}
    with pytest.raises(UsageError, match="no pod apps/web-2"):
        containers_json(look, "apps", "web-2", pages.cancel)


def logged(look: Look, pages: Pages, since: str = "", rounds: int = 2) -> list[str]:
    container, asked = Container(namespace="apps", pod="web-1", name="main"), iter([False] * rounds + [True] * 9)

    async def read() -> list[bytes]:
        stream = followed(look, container, since, pages.cancel, lambda: next(asked), pause=0)
        return [part async for part in stream]

    return [part.decode() for part in asyncio.run(read())]


def test_a_log_goes_on_after_its_last_line(pages: Pages, api: FakeKubeApi, look: Look) -> None:
    first = b"2026-01-02T03:04:05.1Z one <b>\n2026-01-02T03:04:05.2Z two\n"
    answers = iter([first, first + b"2026-01-02T03:04:05.3Z three\n"])
    api.fault = lambda _method, path: (200, next(answers)) if path.endswith("/log") else None
    parts = logged(look, pages)
    texts = [json.loads(part.split("data: ")[1])["text"] for part in parts]
    assert texts == ["one <b>\ntwo\n", "three\n"]
    assert parts[0].startswith("id: 2026-01-02T03:04:05.2Z\n")


def test_a_log_that_cannot_be_read_says_why(pages: Pages, api: FakeKubeApi, look: Look) -> None:
    api.fault = lambda _method, path: (400, {"message": "container is waiting"}) if path.endswith("/log") else None
    (part,) = logged(look, pages)
    assert "the log cannot be read: container is waiting" in part


def test_simulated_pods_have_no_logs_and_nobody_is_asked(pages: Pages) -> None:
    pages.setting.up()
    (part,) = logged(pages.looks.take(), pages)
    assert "they write no logs" in part


def test_the_log_of_a_cluster_that_is_gone_says_so(pages: Pages) -> None:
    (part,) = logged(pages.looks.take(), pages)
    assert "the cluster is not running" in part
