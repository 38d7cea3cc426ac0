"""Images of the stack's own: built, and brought to the nodes even where others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bootstrap.engine.observe import observe
from bootstrap.engine.perform import Performer
from bootstrap.errors import BootstrapError, StepFailedError
from bootstrap.model.event import Status
from bootstrap.model.observed import ClusterObserved, Observed, TargetState
from bootstrap.model.release import Kustomization
from bootstrap.model.stack import BuiltImage, ImageSpec
from bootstrap.model.step import ApplyObjects, BuildImage
from bootstrap.ports import Images, Ports
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.ports import KUBE, FakeImages, World

IMAGE = BuiltImage(
    spec=ImageSpec(name="web", context=Path("/web"), dockerfile=Path("/web/Dockerfile")), reference="web:bootstrap-1"
)


@dataclass(kw_only=True)
class FakeBuilds:
    """Builds that are told of."""

    world: World
    images: Images | None = None
    references: frozenset[str] = frozenset({IMAGE.reference})
    there: set[str] = field(default_factory=set)

    @property
    def declared(self) -> Sequence[BuiltImage]:
        return (IMAGE,)

    def built(self, cancel: CancelToken) -> frozenset[str]:
        cancel.check()
        return frozenset(self.there)

    def build(self, image: BuiltImage, work: Work) -> None:
        work.cancel.check()
        self.world.write(f"build {image.reference}")
        self.there.add(image.reference)


def _work() -> Work:
    return Work(CancelToken(SystemClock()))


def _ports(world: World, *, loader: bool = True, others: bool = False) -> Ports:
    images = FakeImages(world)
    builds = FakeBuilds(world=world, images=images if loader else None)
    return replace(world.ports(), builds=builds, images=images if others else None)


def _performer(ports: Ports) -> Performer:
    observed = Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE))
    return Performer(ports, observed, lambda _keep_data: "removed")


def _pods(*images: str) -> ApplyObjects:
    containers: Sequence[dict[str, str]] = [{"name": "c", "image": image} for image in images]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}
    return ApplyObjects(kustomization=Kustomization(namespace="a", name="b", objects=(pod,)), fingerprint="f")


def test_it_is_built_and_then_brought_to_every_node() -> None:
    world = World()
    outcome = _performer(_ports(world))(BuildImage(image=IMAGE), _work())
    assert (outcome.status, outcome.detail) == (Status.DONE, "built web:bootstrap-1")
    assert world.writes[0] == "build web:bootstrap-1"
    assert world.writes[1].startswith("load web:bootstrap-1 ")
    assert not any(write.startswith("fetch") for write in world.writes)


def test_where_pods_are_simulated_it_is_built_alone() -> None:
    world = World()
    assert _performer(_ports(world, loader=False))(BuildImage(image=IMAGE), _work()).status is Status.DONE
    assert world.writes == ["build web:bootstrap-1"]


def test_a_build_that_fails_loads_nothing() -> None:
    world = World()
    world.fail("build web:bootstrap-1")
    with pytest.raises(StepFailedError):
        _performer(_ports(world))(BuildImage(image=IMAGE), _work())
    assert world.writes == []


def test_a_stack_without_images_builds_none() -> None:
    with pytest.raises(BootstrapError, match="builds no images"):
        _performer(World().ports())(BuildImage(image=IMAGE), _work())


@pytest.mark.parametrize(("others", "loads"), [(False, ["web:bootstrap-1"]), (True, ["web:bootstrap-1", "redis:7"])])
def test_what_is_nowhere_to_be_pulled_from_is_always_loaded(others: bool, loads: list[str]) -> None:
    world = World()
    _performer(_ports(world, others=others))(_pods("redis:7", IMAGE.reference), _work())
    assert [write.split()[1] for write in world.writes if write.startswith("load")] == loads


def test_what_the_engine_has_is_observed() -> None:
    ports = _ports(World())
    assert observe(ports, CancelToken(SystemClock())).built == frozenset()
    _performer(ports)(BuildImage(image=IMAGE), _work())
    assert observe(ports, CancelToken(SystemClock())).built == {IMAGE.reference}
