"""What is brought to the nodes, by whom, and how often."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from docker import DockerClient

from bootstrap.clusters.docker_nodes.node_images import NodeImages
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import StepFailedError
from bootstrap.ports import LoadedImages
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.engine_with_nodes import FakeEngine, FakeImage, FakeNode


class _Tool:
    label = "cluster=a"
    machines = 1


class _Docker:
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self.mirrors: dict[str, str] = {}

    @contextmanager
    def open(self) -> Iterator[DockerClient]:
        yield self._engine.client()


class Setting:
    """Nodes, their engine, and what was said."""

    def __init__(self, *nodes: FakeNode, new: bool = False) -> None:
        self.engine = FakeEngine(*nodes, new=new)
        self.said: list[str] = []
        self.work = Work(CancelToken(SystemClock()), self.said.append)

    def images(self, *held: str) -> NodeImages:
        """As in a new run; `held` are in the node image already."""
        return NodeImages(
            cast("ClusterTool", _Tool()), cast("StackOnDocker", _Docker(self.engine)), lambda _client, _images: held
        )

    def ensure(self, *images: str) -> LoadedImages:
        return self.images().ensure(images, self.work)


@pytest.mark.parametrize("new", [False, True])
def test_the_second_run_loads_nothing(new: bool) -> None:
    setting = Setting(FakeNode("a"), FakeNode("b"), new=new)
    setting.engine.image("web:dev", "d1" if new else "c1", "d1")
    assert setting.ensure("web:dev") == LoadedImages(loaded=("web:dev",))
    assert setting.ensure("web:dev") == LoadedImages()
    assert len(setting.engine.saves) == 1


@pytest.mark.parametrize("new", [False, True])
def test_a_rebuilt_image_is_loaded_again(new: bool) -> None:
    setting = Setting(FakeNode("a"), new=new)
    setting.engine.image("web:dev", "d1" if new else "c1", "d1")
    setting.ensure("web:dev")
    setting.engine.image("web:dev", "d2" if new else "c2", "d2")
    assert setting.ensure("web:dev") == LoadedImages(loaded=("web:dev",))


def test_only_nodes_that_lack_it_are_fed() -> None:
    old, fresh = FakeNode("old"), FakeNode("fresh")
    setting = Setting(old, fresh)
    setting.engine.image("web:dev", "c1", "d1")
    old.rows |= {"docker.io/library/web:dev": "sha256:d1", "sha256:c1": "sha256:d1"}
    setting.ensure("web:dev")
    assert [any("import" in argv for argv in node.ran) for node in (old, fresh)] == [False, True]


def test_what_the_engine_lacks_is_pulled_first() -> None:
    setting = Setting(FakeNode("a"))
    setting.engine.pullable["redis:7"] = FakeImage(id="sha256:c1", digest="sha256:d1")
    assert setting.ensure("redis:7", "none:1") == LoadedImages(loaded=("redis:7",), left=("none:1",))
    assert sorted(setting.engine.pulls) == ["none:1", "redis:7"]


def test_an_image_named_by_its_digest_is_brought_too() -> None:
    node = FakeNode("a")
    setting = Setting(node)
    setting.engine.pullable["redis@sha256:asked"] = FakeImage(id="sha256:c1", digest="sha256:made-here")
    assert setting.ensure("redis:7@sha256:asked") == LoadedImages(loaded=("redis:7@sha256:asked",))
    assert setting.ensure("redis:7@sha256:asked") == LoadedImages()
    assert "docker.io/library/redis@sha256:asked" in node.rows


def test_what_a_node_has_and_the_engine_has_not_is_there() -> None:
    setting = Setting(FakeNode("a", rows={"docker.io/library/redis:7": "sha256:d1"}))
    assert setting.ensure("redis:7") == LoadedImages()
    assert setting.engine.pulls == []


def test_what_cannot_be_saved_is_left_for_the_cluster_and_said() -> None:
    setting = Setting(FakeNode("a"))
    setting.engine.image("web:dev", "c1", "d1", padding=300_000, broken=True)
    assert setting.ensure("web:dev") == LoadedImages(left=("web:dev",))
    assert "the engine cannot save web:dev; the cluster pulls it itself: content digest sha256:5d" in (setting.said[-1])


class _Forgetful(FakeNode):
    def _import(self, argv: tuple[str, ...], given: bytes) -> tuple[int, str]:
        return 0, "unpacking … done"


def test_what_did_not_arrive_is_told() -> None:
    setting = Setting(_Forgetful("a"))
    setting.engine.image("web:dev", "c1", "d1")
    with pytest.raises(StepFailedError, match="a imported web:dev, but does not have it"):
        setting.ensure("web:dev")


class _Clock(SystemClock):
    """Every look at it takes a second."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        self._seconds += 1.0
        return self._seconds


def test_progress_is_told_in_bytes() -> None:
    setting = Setting(FakeNode("a"))
    setting.work = Work(CancelToken(_Clock()), setting.said.append)
    setting.engine.image("web:dev", "c1", "d1", padding=8_000_000)
    setting.ensure("web:dev")
    assert setting.said[0] == "loading web:dev"
    assert setting.said[1] == "loading web:dev: 1 of 8 MB"


def test_nodes_take_images_once_all_of_them_run_and_answer() -> None:
    node = FakeNode("a")
    setting = Setting(node)
    assert setting.images().taken(setting.work.cancel)
    node.status = "exited"
    assert not setting.images().taken(setting.work.cancel)
    assert not Setting().images().taken(setting.work.cancel)


def test_fetch_names_what_it_could_not_bring() -> None:
    setting = Setting()
    setting.engine.image("web:dev", "c1", "d1")
    missing: Any = setting.images().fetch(("web:dev", "none:1"), setting.work)
    assert missing == ["none:1"]


def test_what_the_node_image_holds_is_neither_pulled_nor_missed() -> None:
    setting = Setting()
    setting.engine.pullable["redis:7"] = FakeImage(id="sha256:c1", digest="sha256:d1")
    images = setting.images("redis:7")
    assert images.fetch(("redis:7", "none:1"), setting.work) == ["none:1"]
    assert images.lacking(("redis:7", "none:1"), setting.work.cancel) == ["none:1"]
    assert setting.engine.pulls == ["none:1"]


def test_a_node_that_lacks_what_its_image_should_hold_gets_it() -> None:
    setting = Setting(FakeNode("a"))
    setting.engine.pullable["redis:7"] = FakeImage(id="sha256:c1", digest="sha256:d1")
    assert setting.images("redis:7").ensure(("redis:7",), setting.work) == LoadedImages(loaded=("redis:7",))
