"""Webhooks that really are called: what a release waits for, and what is told when they fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bootstrap.clusters.kwok.certificates import Authority
from fakes.docker import require
from fakes.docker_project import EMULATOR, MACHINES, Project
from fakes.releases import ENTRY, Ended, ended, release, write_releases

pytestmark = pytest.mark.docker

CHARTS = Path(__file__).parents[1] / "data" / "charts"
SECONDS = 120


@dataclass
class Guarded:
    """A project whose chart `guard` registers webhooks, which are asked about the chart `guarded`."""

    project: Project
    guard: Mapping[str, str]
    """Values of the guard, whatever it is to answer."""

    def up(self, answer: str, **releases: Mapping[str, Any]) -> Ended:
        """Bring up the guard with this answer, the releases that it guards, and one that has nothing to do with it."""
        expected = {
            "guard": release("guard", "./charts/guard", {"values": {**self.guard, "answer": answer}, "timeout": "15s"}),
            "beside": release("beside", "./charts/guarded", {}),
            **{name: release(name, "./charts/guarded", spec) for name, spec in releases.items()},
        }
        write_releases(self.project.folder / "repo", expected)
        events = self.project.folder / "events"
        ran = subprocess.run(
            (sys.executable, "-m", "bootstrap", "up", self.project.name, "--events", str(events)),
            cwd=self.project.folder,
            env=self.project.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return ended(ran.returncode, events, ran.stderr)

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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    require(MACHINES["kind"], EMULATOR)
    project = Project(tmp_path_factory.mktemp("project"), name=f"rig-webhooks-{os.getpid()}")
    project.write_stack(emulator=False, source={"root": "../repo", "path": ENTRY})
    for chart in ("guard", "guarded"):
        shutil.copytree(CHARTS / chart, project.folder / "repo" / "charts" / chart)
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
def guarded(shared: Guarded) -> Iterator[Guarded]:
    yield shared
    shared.nothing()


def test_who_is_guarded_comes_once_the_webhook_answers(guarded: Guarded) -> None:
    """Its pod is Ready before it answers: helm calls the guard installed, and whoever follows at once would fail."""
    seen = guarded.up("late", guarded={})
    assert (seen.code, set(seen.steps.values())) == (0, {"done"}), seen.output
    waited = "waiting for webhook guard.example.com: Internal error occurred: failed calling webhook"
    assert any(waited in line for line in seen.progress), "\n".join(seen.progress)
    assert not any("again" in line for line in seen.progress)


def test_a_webhook_that_never_answers(guarded: Guarded) -> None:
    seen = guarded.up("silent", guarded={})
    assert seen.code == 1
    assert seen.steps["release/guard/guard"] == "failed", seen.output
    assert seen.steps["release/guarded/guarded"] == "skipped"
    assert seen.steps["release/beside/beside"] in {"done", "unchanged"}
    silent = "webhook guard.example.com does not answer for ConfigMap guarded/guarded"
    assert f"{silent} (release/guard/guard was not done within 75s)" in seen.output
    assert 'failed calling webhook "guard.example.com"' in seen.output


def test_a_refusal_is_an_answer(guarded: Guarded) -> None:
    seen = guarded.up("refuse", guarded={})
    assert seen.code == 1
    assert seen.steps["release/guard/guard"] == "done", seen.output
    assert seen.steps["release/guarded/guarded"] == "failed"
    assert seen.steps["release/beside/beside"] in {"done", "unchanged"}
    assert "not on a Sunday" in seen.output


def test_a_conversion_that_is_refused(guarded: Guarded) -> None:
    seen = guarded.up("allow", guarded={"values": {"thing": "v2"}})
    assert seen.code == 1
    assert seen.steps["release/guard/guard"] == "done", seen.output
    assert seen.steps["release/guarded/guarded"] == "failed"
    assert seen.steps["release/beside/beside"] in {"done", "unchanged"}
    assert "no way from v2 to v1" in seen.output
    assert "Fix:   the conversion webhook of example.com/v2, Kind=Thing fails" in seen.output
