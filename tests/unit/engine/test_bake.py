"""A node image is made after an `up` that changed something, of the images of the whole stack."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bootstrap.engine.session import PlanOptions, Session
from bootstrap.model.event import Status
from bootstrap.model.step import StepId
from bootstrap.system.work import Work
from fakes.ports import FakeImages, World
from fakes.repo import kustomization
from fakes.setting import REPO, Setting

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {"containers": [{"name": "web", "image": "web:1"}]},
}
STEP = StepId("node-image")


@dataclasses.dataclass
class Baked:
    """An engine that has none at first."""

    calls: list[str] = dataclasses.field(default_factory=list)
    name: str = "stack-node:1"

    def expect(self, images: Sequence[str]) -> None:
        if images:
            self.calls.append(f"expect {' '.join(images)}")

    def bake(self, images: Sequence[str], work: Work) -> str:
        work.cancel.check()
        self.calls.append(f"bake {' '.join(images)}")
        made, self.name = self.name, ""
        return made


@dataclasses.dataclass
class OnKind(Setting):
    baked: Baked = dataclasses.field(default_factory=Baked)

    @property
    def session(self) -> Session:
        session = super().session
        ports = dataclasses.replace(session.ports, baked=self.baked, images=FakeImages(self.world))
        return dataclasses.replace(session, ports=ports)


def setting(folder: Path) -> OnKind:
    repo = dataclasses.replace(REPO, kustomizations=(*REPO.kustomizations, kustomization("plain", POD)))
    return OnKind(folder, World(charts={"apps/a", "apps/b"}, repo=repo))


def test_the_cluster_is_told_what_it_needs_and_the_image_is_made_afterwards(tmp_path: Path) -> None:
    here = setting(tmp_path)
    report = here.up()
    assert here.baked.calls == ["expect web:1", "bake web:1"]
    assert report.outcomes[STEP].detail == "stack-node:1"


def test_an_up_that_changes_nothing_makes_none(tmp_path: Path) -> None:
    here = setting(tmp_path)
    here.up()
    here.baked.calls.clear()
    report = here.up()
    assert "bake web:1" not in here.baked.calls
    assert STEP not in report.outcomes


def test_one_that_is_there_is_left(tmp_path: Path) -> None:
    here = setting(tmp_path)
    here.baked.name = ""
    assert here.up().outcomes[STEP].status is Status.UNCHANGED


def test_a_part_or_a_failure_makes_none(tmp_path: Path) -> None:
    here = setting(tmp_path)
    here.up(PlanOptions(only=("release/a",)))
    here.world.fail("install apps/b")
    assert here.up().exit_code == 1
    assert not any(call.startswith("bake") for call in here.baked.calls)
