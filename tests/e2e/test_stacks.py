"""The stacks of this repository, built by the real kustomize and helm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.flux.repository import read_repo
from bootstrap.kube.kustomize import Kustomize
from bootstrap.model.kube import Manifest
from bootstrap.model.release import FluxRepo, LocalChart, OciChart, Release, RepositoryChart
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Command, SystemProcesses
from fakes.programs import real_programs

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
PINNED = {
    "traefik": "41.3.0",
    "localstack": "0.7.0",
    "external-secrets": "2.9.0",
    "kube-prometheus-stack": "88.5.3",
    "weave-gitops": "4.0.36",
}


@pytest.fixture(scope="module")
def processes() -> SystemProcesses:
    return SystemProcesses(SystemClock())


def read(name: str, processes: SystemProcesses, *variables: str) -> FluxRepo:
    stack = load_stack(name, Overrides(variables=variables), cwd=PROJECT, environment={}).stack
    assert stack.source is not None
    kustomize, cancel = Kustomize(real_programs(), processes), CancelToken(SystemClock())
    return read_repo(stack.source, build=lambda folder: kustomize.build(folder, cancel), variables=stack.variables)


def release(repo: FluxRepo, name: str) -> Release:
    return next(each for each in repo.releases if each.name == name)


def values(repo: FluxRepo, name: str) -> Any:
    return release(repo, name).values


def applied(repo: FluxRepo, kind: str, name: str) -> Manifest:
    objects: Iterator[Manifest] = (each for kustomization in repo.kustomizations for each in kustomization.objects)
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize("name", ["quickstart", "dev", "ci", "prod"])
def test_a_stack_is_read_with_no_note_that_asks_for_a_change(name: str, processes: SystemProcesses) -> None:
    assert [note for note in read(name, processes).notes if not note.expected] == []


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_stage_installs_the_charts_that_were_checked(name: str, processes: SystemProcesses) -> None:
    charts = [each.chart for each in read(name, processes).releases]
    versions = {
        chart.name if isinstance(chart, RepositoryChart) else chart.url.rpartition("/")[2]: chart.version
        for chart in charts
        if isinstance(chart, RepositoryChart | OciChart)
    }
    assert versions == PINNED
    assert len(charts) == len(PINNED)


def test_stage_dev_is_small_and_stage_prod_is_not(processes: SystemProcesses) -> None:
    dev, prod = read("dev", processes), read("prod", processes)
    webhooks = [
        values(repo, "kube-prometheus-stack")["prometheusOperator"]["admissionWebhooks"]["enabled"]
        for repo in (dev, prod)
    ]
    assert webhooks == [False, True]
    assert "storageSpec" not in values(dev, "kube-prometheus-stack")["prometheus"]["prometheusSpec"]
    assert values(prod, "kube-prometheus-stack")["prometheus"]["prometheusSpec"]["replicas"] == 2
    assert [values(repo, "traefik")["log"]["level"] for repo in (dev, prod)] == ["DEBUG", "WARN"]


def test_weave_gitops_is_off_in_dev_until_a_variable_turns_it_on(processes: SystemProcesses) -> None:
    assert release(read("dev", processes), "weave-gitops").suspended
    assert not release(read("dev", processes, "weave_gitops_suspend=false"), "weave-gitops").suspended
    assert not release(read("prod", processes), "weave-gitops").suspended


def test_the_operator_asks_the_emulator_by_the_name_that_pods_use(processes: SystemProcesses) -> None:
    environment = {
        each["name"]: each["value"] for each in values(read("dev", processes), "external-secrets")["extraEnv"]
    }
    assert environment == {
        f"AWS_{service}_ENDPOINT": "http://localstack.localstack.svc:4566"
        for service in ("SECRETSMANAGER", "SSM", "STS")
    }


def test_the_image_of_the_quickstart_is_a_variable(processes: SystemProcesses) -> None:
    repo = read("quickstart", processes, "app_image=shop:1")
    assert values(repo, "catalog")["image"] == "shop:1"
    deployment = applied(repo, "Deployment", "orders")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1"
    assert deployment["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", ["feature-flags", "catalog"])
def test_helm_finds_no_fault_in_the_quickstart_charts(name: str, processes: SystemProcesses, tmp_path: Path) -> None:
    helm_release = release(read("quickstart", processes), name)
    assert isinstance(helm_release.chart, LocalChart)
    file = tmp_path / "values.json"
    file.write_text(json.dumps(helm_release.values), encoding="utf-8")
    helm = str(real_programs().path("helm"))
    lint = Command(argv=(helm, "lint", "--strict", "--values", str(file), str(helm_release.chart.path)))
    assert processes.run(lint, CancelToken(SystemClock()).within(60, "helm lint")).returncode == 0
