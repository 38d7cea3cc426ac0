"""Holds together what the stack files, the stages, the components and the fixtures say of each other."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.model.stack import SourceSpec, Stack
from bootstrap.seeds.load import load
from bootstrap.seeds.services.registry import all_services

STACKS = Path(__file__).parents[3] / "stacks"
NAMES = ("quickstart", "dev", "ci", "prod")
COMPONENTS = (
    "traefik",
    "localstack",
    "external-secrets",
    "external-secrets-config",
    "kube-prometheus-stack",
    "weave-gitops",
)
VARIABLE = re.compile(r"\$\{(\w+)(:=)?")

Object = Mapping[str, Any]


@cache
def documents(file: Path) -> tuple[Object, ...]:
    return tuple(yaml.safe_load_all(file.read_text(encoding="utf-8")))


def listed(folder: Path) -> Iterator[Path]:
    """The files of a kustomize folder, as its kustomization lists them."""
    for entry in documents(folder / "kustomization.yaml")[0]["resources"]:
        path = folder / entry
        if path.is_dir():
            yield from listed(path)
        else:
            yield path


def objects(folder: Path) -> list[Object]:
    return [each for file in listed(folder) for each in documents(file)]


def stack(name: str) -> Stack:
    return load_stack(name, Overrides(), cwd=STACKS.parent, environment={}).stack


def source(name: str) -> SourceSpec:
    spec = stack(name).source
    assert spec is not None
    return spec


def kustomizations(name: str) -> list[Object]:
    spec = source(name)
    return [each for each in objects(spec.root / spec.path) if each["kind"] == "Kustomization"]


def folder(name: str, kustomization: Object) -> Path:
    return source(name).root / str(kustomization["spec"]["path"])


def releases(name: str) -> Iterator[Object]:
    for kustomization in kustomizations(name):
        yield from (each for each in objects(folder(name, kustomization)) if each["kind"] == "HelmRelease")


def unknown(values: Object, defaults: Object, path: str = "") -> Iterator[str]:
    """Keys that the defaults do not have; an empty mapping takes any."""
    for key, value in values.items():
        if key not in defaults:
            yield f"{path}{key}"
        elif isinstance(value, dict) and defaults[key]:
            yield from unknown(value, defaults[key], f"{path}{key}.")


@pytest.mark.parametrize("file", sorted(STACKS.rglob("kustomization.yaml")), ids=lambda file: str(file.parent.name))
def test_a_folder_holds_what_its_kustomization_lists(file: Path) -> None:
    entries = {path.name for path in file.parent.iterdir() if path.suffix == ".yaml" or path.is_dir()}
    assert set(documents(file)[0]["resources"]) == entries - {"kustomization.yaml"}


@pytest.mark.parametrize("name", NAMES)
class TestStage:
    def test_every_path_is_a_folder_of_the_repository(self, name: str) -> None:
        for kustomization in kustomizations(name):
            assert (folder(name, kustomization) / "kustomization.yaml").is_file()

    def test_what_depends_is_listed_after_what_it_depends_on(self, name: str) -> None:
        seen: set[str] = set()
        for kustomization in kustomizations(name):
            needs = {need["name"] for need in kustomization["spec"].get("dependsOn", [])}
            assert needs <= seen
            seen.add(kustomization["metadata"]["name"])

    def test_patches_meet_what_they_are_for(self, name: str) -> None:
        for kustomization in kustomizations(name):
            there = {(each["kind"], each["metadata"]["name"]) for each in objects(folder(name, kustomization))}
            for patch in kustomization["spec"].get("patches", []):
                target = (patch["target"]["kind"], patch["target"]["name"])
                assert target in there
                body = yaml.safe_load(patch["patch"])
                assert isinstance(body, list) or (body["kind"], body["metadata"]["name"]) == target

    def test_variables_have_a_value_or_a_default(self, name: str) -> None:
        for kustomization in kustomizations(name):
            given = set(kustomization["spec"].get("postBuild", {}).get("substitute", {}))
            texts = [file.read_text(encoding="utf-8") for file in listed(folder(name, kustomization))]
            texts += [patch["patch"] for patch in kustomization["spec"].get("patches", [])]
            used = {match[1] for text in texts for match in VARIABLE.finditer(text) if match[2] is None}
            assert used <= given

    def test_the_secrets_are_looked_for_where_they_are_seeded(self, name: str) -> None:
        emulator = stack(name).emulator
        assert emulator is not None
        regions = {
            kustomization["spec"]["postBuild"]["substitute"]["aws_region"]
            for kustomization in kustomizations(name)
            if "aws_region" in kustomization["spec"].get("postBuild", {}).get("substitute", {})
        }
        assert regions == {emulator.region}

    def test_releases_wait_for_releases_that_are_there(self, name: str) -> None:
        there = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in releases(name)}
        for release in releases(name):
            for need in release["spec"].get("dependsOn", []):
                assert (need["namespace"], need["name"]) in there


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_a_stage_has_the_six_components_in_the_documented_order(name: str) -> None:
    assert tuple(each["metadata"]["name"] for each in kustomizations(name)) == COMPONENTS


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_upstream_charts_are_of_one_version(name: str) -> None:
    for release in releases(name):
        assert re.fullmatch(r"\d+\.\d+\.\d+", release["spec"]["chart"]["spec"]["version"])


def test_stacks_can_be_up_side_by_side() -> None:
    ports = [port for name in NAMES for port in (stack(name).cluster.ports.http, stack(name).cluster.ports.https)]
    assert len(ports) == len(set(ports))


def test_quickstart_charts_know_the_values_they_are_given() -> None:
    root = source("quickstart").root
    for release in releases("quickstart"):
        chart = root / release["spec"]["chart"]["spec"]["chart"]
        assert not list(unknown(release["spec"].get("values", {}), documents(chart / "values.yaml")[0]))


def fixtures(*folders: Path) -> set[str]:
    """`secretsmanager/platform/grafana`: every fixture under the folders."""
    bodies = [body for folder in folders for file in sorted(folder.glob("*.yaml")) for body in documents(file)]
    return {
        f"{service}/{name}"
        for body in bodies
        if body.get("kind") == "Seeds"
        for service, named in body.items()
        if isinstance(named, dict)
        for name in named
    }


def test_the_quickstart_application_names_what_is_seeded() -> None:
    seeded = fixtures(*stack("quickstart").seeds)
    settings = documents(source("quickstart").root / "apps" / "orders" / "configmap.yaml")[0]["data"]
    assert {
        f"secretsmanager/{settings['DATABASE_SECRET_ID']}",
        f"s3/{settings['ORDERS_BUCKET']}",
        f"sqs/{settings['ORDERS_QUEUE']}",
    } <= seeded


@pytest.mark.parametrize("name", NAMES)
def test_the_fixtures_of_a_stack_are_sound(name: str) -> None:
    loaded = load(stack(name).seeds, all_services(), {})
    assert {str(each) for each in loaded.by_id} == fixtures(*stack(name).seeds)


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_what_is_synced_into_the_cluster_is_seeded(name: str) -> None:
    seeded = {
        secret: body
        for folder in stack(name).seeds
        for file in folder.glob("*.yaml")
        for document in documents(file)
        for secret, body in document.get("secretsmanager", {}).items()
    }
    for kustomization in kustomizations(name):
        for each in objects(folder(name, kustomization)):
            if each["kind"] == "ExternalSecret":
                for remote in remote_refs(each):
                    assert remote["key"] in seeded
                    assert "property" not in remote or remote["property"] in seeded[remote["key"]]["json"]


def remote_refs(external_secret: Object) -> list[Object]:
    spec = external_secret["spec"]
    return [each["remoteRef"] for each in spec.get("data", [])] + [each["extract"] for each in spec.get("dataFrom", [])]


def test_quickstart_seeds_each_service() -> None:
    services = {each.split("/")[0] for each in fixtures(*stack("quickstart").seeds)}
    assert services == {"s3", "secretsmanager", "dynamodb", "sqs", "sns", "lambda"}
