"""Webhooks that really are called: what a release waits for, and what is told when they fail."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.kwok.certificates import Authority
from fakes.docker import require
from fakes.docker_project import EMULATOR, MACHINES, Project

pytestmark = pytest.mark.docker

CHARTS = Path(__file__).parents[1] / "data" / "charts"
SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "repo", "namespace": "flux-system"},
    "spec": {"interval": "1h", "url": "https://git.example.com/repo.git"},
}
PART = {
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
SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One `up`: how each step ended, and all that was told."""

    code: int
    steps: Mapping[str, str]
    progress: Sequence[str]
    told: str


@dataclass
class Guarded:
    """A project whose chart `guard` registers webhooks, which are asked about the chart `guarded`."""

    project: Project
    guard: Mapping[str, str]
    """Values of the guard, whatever it is to answer."""

    def up(self, answer: str, **releases: Mapping[str, Any]) -> Ended:
        """Bring up the guard with this answer, the releases that it guards, and one that has nothing to do with it."""
        guard = {"values": {**self.guard, "answer": answer}, "timeout": "15s"}
        wanted = {"guard": ("guard", guard), **{name: ("guarded", spec) for name, spec in releases.items()}}
        wanted["beside"] = ("guarded", {"targetNamespace": "beside"})
        releases_now = {name: _release(name, chart, spec) for name, (chart, spec) in wanted.items()}
        _write(self.project.folder / "repo" / "releases", releases_now)
        events = self.project.folder / "events"
        events.unlink(missing_ok=True)
        ended = subprocess.run(
            (sys.executable, "-m", "bootstrap", "up", self.project.name, "--events", str(events)),
            cwd=self.project.folder,
            env=self.project.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        found = [json.loads(line) for line in events.read_text().splitlines()]
        steps = {one["step"]: one["status"] for one in found if one["type"] == "step_finished"}
        progress = [one["text"] for one in found if one["type"] == "step_progress"]
        return Ended(code=ended.returncode, steps=steps, progress=progress, told=ended.stderr)

    def nothing(self) -> None:
        """All releases are gone again."""
        for name in ("guarded", "beside", "guard"):
            self.project.run(
                *("helm", "--kubeconfig", str(self.kubeconfig), "uninstall", name, "-n", name),
                *("--ignore-not-found", "--wait", "--no-hooks"),
            )

    @property
    def kubeconfig(self) -> Path:
        return next((self.project.folder / "state").rglob("kubeconfig"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    require(MACHINES["kind"], EMULATOR)
    project = Project(tmp_path_factory.mktemp("project"), name=f"rig-webhooks-{os.getpid()}")
    project.write_stack(emulator=False, source={"root": "../repo", "path": "entry"})
    repo = project.folder / "repo"
    _write(repo / "entry", {"source": SOURCE, "releases": PART})
    for chart in ("guard", "guarded"):
        shutil.copytree(CHARTS / chart, repo / "charts" / chart)
    authority = Authority(datetime.now(UTC))
    own = authority.server("guard", ("guard.guard.svc",), ())
    # The emulator's image is the one here that has a Python.
    values = {
        "image": EMULATOR,
        "key": own.key.decode(),
        "certificate": own.public.decode(),
        "authority": authority.certificate.decode(),
    }
    yield Guarded(project=project, guard=values)
    project.down()
    assert project.on_engine() == []


@pytest.fixture
def guarded(made: Guarded) -> Iterator[Guarded]:
    yield made
    made.nothing()


def test_who_is_guarded_comes_once_the_webhook_answers(guarded: Guarded) -> None:
    """Its pod is Ready before it answers: helm calls the guard installed, and whoever follows at once would fail."""
    ended = guarded.up("late", guarded={})
    assert (ended.code, set(ended.steps.values())) == (0, {"done"}), ended.told
    waited = "waiting for webhook guard.example.com: Internal error occurred: failed calling webhook"
    assert any(waited in one for one in ended.progress), "\n".join(ended.progress)
    assert not any("again" in one for one in ended.progress)


def test_a_webhook_that_never_answers(guarded: Guarded) -> None:
    ended = guarded.up("silent", guarded={})
    assert ended.code == 1
    assert ended.steps["release/guard/guard"] == "failed", ended.told
    assert ended.steps["release/guarded/guarded"] == "skipped"
    assert ended.steps["release/beside/beside"] in {"done", "unchanged"}
    silent = "webhook guard.example.com does not answer when it is asked about ConfigMap guarded/guarded"
    assert f"{silent} (release/guard/guard was not done within 75s)" in ended.told
    assert 'failed calling webhook "guard.example.com"' in ended.told


def test_a_refusal_is_an_answer(guarded: Guarded) -> None:
    ended = guarded.up("refuse", guarded={})
    assert ended.code == 1
    assert ended.steps["release/guard/guard"] == "done", ended.told
    assert ended.steps["release/guarded/guarded"] == "failed"
    assert ended.steps["release/beside/beside"] in {"done", "unchanged"}
    assert "not on a Sunday" in ended.told


def test_a_conversion_that_is_refused(guarded: Guarded) -> None:
    ended = guarded.up("allow", guarded={"values": {"thing": "v2"}})
    assert ended.code == 1
    assert ended.steps["release/guard/guard"] == "done", ended.told
    assert ended.steps["release/guarded/guarded"] == "failed"
    assert ended.steps["release/beside/beside"] in {"done", "unchanged"}
    assert "no way from v2 to v1" in ended.told
    assert "Fix:   the conversion webhook of example.com/v2, Kind=Thing refuses" in ended.told


def _write(folder: Path, objects: Mapping[str, object]) -> None:
    """A folder for kustomize."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in objects.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": [f"{name}.json" for name in objects]}))


def _release(name: str, chart: str, spec: Mapping[str, Any]) -> object:
    source = {"kind": "GitRepository", "name": "repo", "namespace": "flux-system"}
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": name},
        "spec": {
            "interval": "1h",
            "timeout": "30s",
            "chart": {"spec": {"chart": f"./charts/{chart}", "sourceRef": source}},
            "install": {"createNamespace": True},
            **spec,
        },
    }
