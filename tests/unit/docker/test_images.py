"""Images on this machine's engine."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from bootstrap.docker.images import bundled_name, mirrored_name, name_on_engine, pull, reference
from bootstrap.errors import RefusedError


class Engine:
    """An engine without images that tells these lines when it is asked to pull."""

    def __init__(self, *lines: Mapping[str, Any]) -> None:
        self.lines = lines
        self.asked: list[tuple[str, str]] = []
        self.api = self
        self.images = self
        self.here: set[str] = set()

    def get(self, image: str) -> None:
        if image not in self.here:
            raise ImageNotFound(f"no {image}")

    def pull(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[Mapping[str, Any]]:
        assert stream
        assert decode
        self.asked.append((repository, tag))
        return iter(self.lines)

    def client(self) -> DockerClient:
        return cast("DockerClient", self)


@pytest.mark.parametrize(
    ("image", "asked"),
    [
        ("redis", ("redis", "latest")),
        ("redis:7.2", ("redis", "7.2")),
        ("127.0.0.1:5000/shop", ("127.0.0.1:5000/shop", "latest")),
        ("127.0.0.1:5000/shop:1", ("127.0.0.1:5000/shop", "1")),
        ("ghcr.io/a/b@sha256:12", ("ghcr.io/a/b", "sha256:12")),
        ("ghcr.io/a/b:1@sha256:12", ("ghcr.io/a/b", "sha256:12")),
    ],
)
def test_what_is_asked_for(image: str, asked: tuple[str, str]) -> None:
    engine = Engine()
    pull(engine.client(), image, lambda _text: None, lambda: None)
    assert engine.asked == [asked] == [reference(image)]


def test_each_layer_that_is_here_is_told() -> None:
    lines: list[Mapping[str, Any]] = [
        {"status": "Pulling from a", "id": "1"},
        {"status": "Pulling fs layer", "id": "x"},
        {"status": "Already exists", "id": "y"},
        {"status": "Downloading", "id": "x", "progressDetail": {"current": 1}},
        {"status": "Pull complete", "id": "x"},
        {"status": "Pull complete", "id": "x"},
        {"status": "Digest: sha256:12"},
    ]
    messages: list[str] = []
    pull(Engine(*lines).client(), "a:1", messages.append, lambda: None)
    assert messages == ["pulling a:1", "pulling a:1: 1 of 2 layers", "pulling a:1: 2 of 2 layers"]


def test_what_cannot_be_had_is_told_in_the_engines_words() -> None:
    engine = Engine({"error": "manifest unknown"})
    with pytest.raises(RefusedError, match="the image a:1 cannot be pulled") as raised:
        pull(engine.client(), "a:1", lambda _text: None, lambda: None, another="--set b=…")
    assert list(raised.value.evidence) == ["manifest unknown"]
    assert raised.value.fix == "name another one: --set b=…; or docker load it"


def test_what_is_no_image_at_all_is_told_as_one_that_cannot_be_had() -> None:
    class Strict(Engine):
        def get(self, image: str) -> None:
            raise APIError("400 Client Error", explanation=f"invalid reference format: {image}")

    with pytest.raises(RefusedError, match="the image web:1:2 cannot be pulled") as raised:
        pull(Strict().client(), "web:1:2", lambda _text: None, lambda: None)
    assert list(raised.value.evidence) == ["invalid reference format: web:1:2"]


def test_an_image_named_by_its_digest_has_another_name_in_a_bundle() -> None:
    digest = "0123456789abcdef" * 4
    pinned = f"kindest/node:v1.34.11@sha256:{digest}"
    assert bundled_name(pinned) == f"kindest/node:bundle-{digest[:32]}"
    assert bundled_name("redis:7") == "redis:7"
    engine = Engine()
    engine.here = {bundled_name(pinned), "redis:7"}
    client = engine.client()
    assert name_on_engine(client, pinned) == bundled_name(pinned)
    assert name_on_engine(client, "redis:7") == "redis:7"
    assert name_on_engine(client, "redis:8") is None
    pull(client, pinned, lambda _text: None, lambda: None)
    assert engine.asked == [], "what a bundle brought is not pulled"


MIRRORS = {"docker.io": "mirror.test/hub", "docker.io/team": "mirror.test/ours/", "ghcr.io": "127.0.0.1:5000"}


@pytest.mark.parametrize(
    ("image", "mirror"),
    [
        ("redis:7", "mirror.test/hub/library/redis:7"),
        ("team/web", "mirror.test/ours/web:latest"),
        ("teams/web:1", "mirror.test/hub/teams/web:1"),
        ("ghcr.io/a/b:1@sha256:12", "127.0.0.1:5000/a/b@sha256:12"),
        ("quay.io/a/b:1", None),
    ],
)
def test_the_longest_prefix_names_the_mirror(image: str, mirror: str | None) -> None:
    assert mirrored_name(image, MIRRORS) == mirror


class MirroredEngine(Engine):
    """One that can pull these; a pulled image can be given another name."""

    def __init__(self, *pullable: str) -> None:
        super().__init__()
        self.pullable = pullable

    def pull(self, repository: str, *, tag: str, stream: bool, decode: bool) -> Iterator[Mapping[str, Any]]:
        list(super().pull(repository, tag=tag, stream=stream, decode=decode))
        name = f"{repository}{'@' if tag.startswith('sha256:') else ':'}{tag}"
        if name not in self.pullable:
            return iter([{"error": "not found"}])
        self.here.add(name)
        return iter(())

    def get(self, image: str) -> Any:
        super().get(image)
        return self

    def tag(self, repository: str, tag: str) -> None:
        self.here.add(f"{repository}:{tag}")

    def remove(self, image: str, *, noprune: bool) -> None:
        assert noprune
        self.here.discard(image)


def test_what_the_mirror_has_gets_its_own_name() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    pinned = f"ghcr.io/a/b:1@{digest}"
    engine = MirroredEngine("mirror.test/hub/library/redis:7", f"127.0.0.1:5000/a/b@{digest}")
    for image in ("redis:7", pinned):
        pull(engine.client(), image, lambda _text: None, lambda: None, mirrors=MIRRORS)
    assert engine.here == {"redis:7", bundled_name(pinned)}
    assert name_on_engine(engine.client(), pinned) == bundled_name(pinned)


def test_what_the_mirror_lacks_is_pulled_itself() -> None:
    engine, said = MirroredEngine("redis:7"), list[str]()
    pull(engine.client(), "redis:7", said.append, lambda: None, mirrors=MIRRORS)
    assert engine.asked == [("mirror.test/hub/library/redis", "7"), ("redis", "7")]
    assert "mirror.test/hub/library/redis:7 cannot be pulled, asking for redis:7: not found" in said
    assert engine.here == {"redis:7"}
    with pytest.raises(RefusedError, match="the image redis:8 cannot be pulled"):
        pull(engine.client(), "redis:8", said.append, lambda: None, mirrors=MIRRORS)
