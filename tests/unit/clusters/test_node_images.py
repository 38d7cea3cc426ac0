"""Images on nodes: known by their digest, copied in one stream to all of them."""

from typing import Any

import pytest

from bootstrap.clusters.docker_nodes.containerd_images import SaveFailedError, copy_image, has_image, images_on, listed
from bootstrap.docker.image_archive import EngineImage, find_image
from bootstrap.docker.images import full_name
from bootstrap.errors import CancelledError, StepFailedError
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.engine_with_nodes import FakeEngine, FakeNode


def _token() -> CancelToken:
    return CancelToken(SystemClock())


def _found(engine: FakeEngine, name: str) -> EngineImage:
    image = find_image(engine.client(), name)
    assert image is not None
    return image


def _copy(engine: FakeEngine, name: str) -> list[int]:
    seen: list[int] = []
    copy_image(engine.client(), _found(engine, name), engine.containers_(), _token(), seen.append)
    return seen


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7", "docker.io/library/redis:7"),
        ("team/web:dev", "docker.io/team/web:dev"),
        ("localhost/web:dev", "localhost/web:dev"),
        ("127.0.0.1:5000/web", "127.0.0.1:5000/web:latest"),
        ("ghcr.io/a/b:1@sha256:12", "ghcr.io/a/b@sha256:12"),
        ("redis@sha256:12", "docker.io/library/redis@sha256:12"),
    ],
)
def test_the_name_that_a_node_stores(image: str, name: str) -> None:
    assert full_name(image) == name


def test_the_digests_of_a_listing() -> None:
    text = "REF TYPE DIGEST SIZE PLATFORMS LABELS\ndocker.io/library/web:dev type sha256:d1 6.0 MiB linux/amd64 -\n\n"
    assert listed(text) == {"docker.io/library/web:dev": "sha256:d1"}


def _image(name: str, identity: str, *digests: str) -> EngineImage:
    return EngineImage(
        name=name,
        id=identity,
        digests=frozenset({identity, *digests}),
        platform="linux/amd64",
        foreign=False,
        size=1,
        source=name,
    )


NAME = "docker.io/library/web:dev"


@pytest.mark.parametrize(
    ("rows", "image", "there"),
    [
        ({}, _image("web:dev", "sha256:c1"), False),
        ({NAME: "sha256:d1", "sha256:c1": "sha256:d1"}, _image("web:dev", "sha256:c1"), True),
        ({NAME: "sha256:d0", "sha256:c1": "sha256:d1"}, _image("web:dev", "sha256:c1"), False),  # an older one
        ({NAME: "sha256:d0", "sha256:c0": "sha256:d0"}, _image("web:dev", "sha256:c1"), False),
        ({NAME: "sha256:d1"}, _image("web:dev", "sha256:d1"), True),  # containerd's image store
        ({NAME: "sha256:d0"}, _image("web:dev", "sha256:d1"), False),
        ({NAME: "sha256:m1"}, _image("web:dev", "sha256:d1", "sha256:m1"), True),  # saved for one platform
        ({NAME: "sha256:d0"}, None, True),  # the engine has none to compare with
        ({"docker.io/library/web@sha256:d1": "sha256:d9"}, _image("web@sha256:d1", "sha256:c1"), True),
    ],
)
def test_an_image_is_known_by_what_it_is_not_by_its_name(
    rows: dict[str, str], image: EngineImage | None, there: bool
) -> None:
    assert has_image(rows, "web:dev" if image is None else image.name, image) is there


@pytest.mark.parametrize("new", [False, True])
def test_one_stream_brings_it_to_every_node(new: bool) -> None:
    nodes = [FakeNode("a"), FakeNode("b")]
    engine = FakeEngine(*nodes, new=new)
    engine.image("web:dev", "d1" if new else "c1", "d1", padding=300_000)
    seen = _copy(engine, "web:dev")
    image = _found(engine, "web:dev")
    assert [has_image(node.rows, "web:dev", image) for node in nodes] == [True, True]
    assert engine.saves == [("web:dev", {})]
    assert seen[-1] > 300_000
    assert seen == sorted(seen)


def test_a_rebuilt_image_replaces_the_older_one_of_its_name() -> None:
    node = FakeNode("a")
    engine = FakeEngine(node)
    engine.image("web:dev", "c1", "d1")
    _copy(engine, "web:dev")
    engine.image("web:dev", "c2", "d2")
    assert not has_image(node.rows, "web:dev", _found(engine, "web:dev"))
    _copy(engine, "web:dev")
    assert has_image(node.rows, "web:dev", _found(engine, "web:dev"))


def test_only_the_platform_that_is_there_is_imported() -> None:
    node = FakeNode("a")
    engine = FakeEngine(node, new=True)
    engine.image("web:dev", "i1", "i1", manifests=("sha256:m1",))
    _copy(engine, "web:dev")
    (ran,) = [argv for argv in node.ran if "--platform" in argv]
    assert ran[ran.index("--platform") + 1] == "linux/amd64"
    assert "--all-platforms" not in ran


def test_a_foreign_platform_alone_is_asked_of_the_engine_by_name() -> None:
    node = FakeNode("a")
    engine = FakeEngine(node, new=True)
    engine.image("far:1", "i1", "m1", architecture="arm64", manifests=("sha256:m1",))
    _copy(engine, "far:1")
    assert engine.saves == [("far:1", {"platform": '{"os": "linux", "architecture": "arm64"}'})]
    assert has_image(node.rows, "far:1", _found(engine, "far:1"))


def test_an_older_engine_cannot_be_asked_for_a_platform() -> None:
    engine = FakeEngine(FakeNode("a"))
    engine.image("far:1", "c1", "m1", architecture="arm64")
    _copy(engine, "far:1")
    assert engine.saves == [("far:1", {})]


@pytest.mark.parametrize(("new", "digest"), [(False, "made-here"), (True, "asked")])
def test_an_image_named_by_its_digest_is_found_by_it(new: bool, digest: str) -> None:
    node = FakeNode("a")
    engine = FakeEngine(node, new=new)
    engine.image("redis@sha256:asked", "asked" if new else "c1", digest)
    _copy(engine, "redis:7@sha256:asked")
    assert "docker.io/library/redis@sha256:asked" in node.rows


def test_what_the_engine_cannot_save_is_told_apart() -> None:
    node = FakeNode("a")
    engine = FakeEngine(node)
    engine.image("web:dev", "c1", "d1", padding=300_000, broken=True)
    with pytest.raises(SaveFailedError, match="cannot save web:dev") as error:
        _copy(engine, "web:dev")
    assert "content digest" in error.value.evidence[0]
    assert node.rows == {}


def test_a_node_that_cannot_take_it_is_named_with_its_own_words() -> None:
    full, fine = FakeNode("full", full=True), FakeNode("fine")
    engine = FakeEngine(full, fine)
    engine.image("web:dev", "c1", "d1", padding=8_000_000)
    with pytest.raises(StepFailedError, match="full cannot import web:dev") as error:
        _copy(engine, "web:dev")
    assert list(error.value.evidence) == ["ctr: no space left on device"]
    assert images_on(engine.containers_()[1], _token()) == fine.rows != {}


def test_a_cancel_ends_the_stream() -> None:
    engine = FakeEngine(FakeNode("a"))
    engine.image("web:dev", "c1", "d1", padding=8_000_000)
    token = _token()

    def stop(_count: Any) -> None:
        token.cancel("stopped")

    with pytest.raises(CancelledError):
        copy_image(engine.client(), _found(engine, "web:dev"), engine.containers_(), token, stop)


def test_the_engine_has_none_of_this_name() -> None:
    assert find_image(FakeEngine().client(), "web:dev") is None
