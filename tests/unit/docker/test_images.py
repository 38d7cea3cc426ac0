"""Images on this machine's engine."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from bootstrap.docker.images import bundled_name, name_on_engine, pull, reference
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
