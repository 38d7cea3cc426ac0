"""Small Flux repositories as values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.model.kube import Manifest
from bootstrap.model.release import Kustomization, LocalChart, Release, RepositoryChart
from bootstrap.model.stack import ClusterSpec, EmulatorSpec, Placement, Provider, Stack


def stack(
    *,
    emulator: bool = False,
    seeds: bool = False,
    provider: Provider = Provider.KWOK,
    placement: Placement = Placement.PROCESS,
    emulator_release: str = "auto",
) -> Stack:
    """A stack named `test`."""
    return Stack(
        name="test",
        file=None,
        project=Path("/project"),
        cluster=ClusterSpec(provider=provider),
        emulator=EmulatorSpec(placement=placement, release=emulator_release) if emulator else None,
        seeds=(Path("/project/seeds"),) if seeds else (),
    )


def release(name: str, *, needs: Sequence[str] = (), chart: str | None = None, **fields: Any) -> Release:
    """Release `apps/NAME` of Kustomization `flux-system/apps`."""
    return Release(
        **{
            "namespace": "apps",
            "name": name,
            "release_name": name,
            "target_namespace": "apps",
            "chart": LocalChart(path=Path("/charts") / name)
            if chart is None
            else RepositoryChart(url="http://x", name=chart),
            "depends_on": tuple(f"apps/{need}" for need in needs),
            "owner": "flux-system/apps",
            **fields,
        }
    )


def kustomization(
    name: str, *objects: Manifest, needs: Sequence[str] = (), releases: Sequence[str] = (), **fields: Any
) -> Kustomization:
    """Kustomization `flux-system/NAME`."""
    return Kustomization(
        namespace="flux-system",
        name=name,
        objects=objects,
        releases=tuple(releases),
        depends_on=tuple(f"flux-system/{need}" for need in needs),
        **fields,
    )


def config_map(name: str, values: Mapping[str, str] | None = None) -> Manifest:
    """ConfigMap `apps/NAME`."""
    metadata = {"name": name, "namespace": "apps"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(values or {})}


def custom(kind: str, name: str) -> Manifest:
    """A custom resource `apps/NAME` of group example.dev."""
    return {"apiVersion": "example.dev/v1", "kind": kind, "metadata": {"name": name, "namespace": "apps"}}
