"""A Flux repository on disk that is nothing but releases, and how an `up` of it ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "repo", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "https://git.example.com/repo.git"},
}
_PART = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "releases", "namespace": "flux-system"},
    "spec": {
        "interval": "1h",
        "path": "./releases",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "repo"},
    },
}
ENTRY = "entry"
"""The path of a stack's source in such a repository."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One `up`: how each step ended, what it said on the way, and what was told."""

    code: int
    steps: Mapping[str, str]
    progress: Sequence[str]
    output: str


def ended(code: int, events: Path, output: str) -> Ended:
    """By the events that it wrote; the file is gone afterwards."""
    records = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    events.unlink(missing_ok=True)
    return Ended(
        code=code,
        steps={record["step"]: record["status"] for record in records if record["type"] == "step_finished"},
        progress=[record["text"] for record in records if record["type"] == "step_progress"],
        output=output,
    )


def write_releases(repo: Path, objects: Mapping[str, object]) -> None:
    """These objects and no others, beneath what leads to them."""
    _write_folder(repo / "releases", objects)
    _write_folder(repo / ENTRY, {"source": _SOURCE, "releases": _PART})


def release(name: str, chart: str, spec: Mapping[str, Any]) -> Mapping[str, object]:
    """Of a chart of this repository, in a namespace of its own name; `spec` goes over the usual."""
    source = {"kind": "GitRepository", "name": "repo", "namespace": "flux-system"}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": name},
        "spec": {
            "interval": "1h",
            "timeout": "20s",
            "chart": {"spec": {"chart": chart, "sourceRef": source}},
            "install": {"createNamespace": True},
            **spec,
        },
    }


def _write_folder(folder: Path, objects: Mapping[str, object]) -> None:
    """For kustomize."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, manifest in objects.items():
        (folder / f"{name}.json").write_text(json.dumps(manifest))
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": [f"{name}.json" for name in objects]}))
