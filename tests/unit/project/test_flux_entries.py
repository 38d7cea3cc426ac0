"""Which folders Flux is started with, by the objects of a repository alone."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from bootstrap.project.flux_entries import FluxObject, entries_of


def kustomization(file: str, path: str | None, name: str = "apps", source: str = "GitRepository") -> FluxObject:
    spec: dict[str, Any] = {"sourceRef": {"kind": source, "name": "flux-system"}}
    if path is not None:
        spec["path"] = path
    document = {"metadata": {"name": name}, "spec": spec}
    return FluxObject(file=PurePosixPath(file), kind="Kustomization", document=document)


def release(file: str) -> FluxObject:
    return FluxObject(file=PurePosixPath(file), kind="HelmRelease", document={"metadata": {"name": "r"}, "spec": {}})


def sync(cluster: str) -> FluxObject:
    return kustomization(f"{cluster}/flux-system/gotk-sync.yaml", f"./{cluster}", name="flux-system")


STAGES = [kustomization(f"clusters/{stage}/apps.yaml", f"./apps/{stage}") for stage in ("staging", "production")]
FOLDERS = ("apps/staging", "apps/production", "apps", "tenants", "clusters/staging", "clusters/production", "infra")


@pytest.mark.parametrize(
    ("objects", "entries"),
    [
        ([], []),
        (STAGES, ["clusters/production", "clusters/staging"]),
        ([*STAGES, sync("clusters/staging")], ["clusters/production", "clusters/staging"]),
        # What an entry leads to is no entry, however deep it lies.
        ([kustomization("flux/apps.yaml", "./apps"), kustomization("apps/web/ks.yaml", "./infra")], ["flux"]),
        # A Kustomization that leads to another repository starts nothing here.
        (
            [*STAGES, kustomization("tenants/base/sync.yaml", "./elsewhere")],
            ["clusters/production", "clusters/staging"],
        ),
        ([kustomization("clusters/staging/apps.yaml", "./one", source="ExternalArtifact")], ["clusters/staging"]),
        # The folder of a part of a cluster is inside the cluster's.
        ([*STAGES[:1], kustomization("clusters/staging/extra/ks.yaml", "./infra")], ["clusters/staging"]),
        ([sync("clusters/gone")], []),
        ([release("releases/a/release.yaml"), release("releases/b.yaml")], ["releases"]),
        (
            [
                FluxObject(
                    file=PurePosixPath("clusters/staging/flux-system/flux.yaml"),
                    kind="FluxInstance",
                    document={"spec": {"sync": {"path": "clusters/staging"}}},
                )
            ],
            ["clusters/staging"],
        ),
    ],
)
def test_nothing_else_leads_to_an_entry(objects: list[FluxObject], entries: list[str]) -> None:
    found = entries_of(objects, lambda path: path.as_posix() in FOLDERS)
    assert [entry.as_posix() for entry in found] == entries
