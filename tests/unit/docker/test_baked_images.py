"""Which baked node image serves a stack, and which ones are kept."""

from typing import Any, cast

import pytest
from docker import DockerClient

from bootstrap.docker.baked_images import BakedImage, baked_images, surplus

IMAGES = {"docker.io/library/redis:7": "sha256:r", "docker.io/library/web:1": "sha256:w"}


def baked(name: str, created: int = 0, stack: str = "dev-1") -> BakedImage:
    return BakedImage(
        name=f"{name}:1", id=f"sha256:{name}", created=created, stack=stack, base="sha256:n", images=IMAGES
    )


class Engine:
    """One that lists these images, of which containers use some."""

    def __init__(self, *images: BakedImage, used: tuple[str, ...] = ()) -> None:
        self.api = self
        self._images = images
        self._used = used

    def images(self, *, filters: dict[str, str]) -> list[dict[str, Any]]:
        key, _, stack = filters["label"].partition("=")
        return [
            {"Id": image.id, "RepoTags": [image.name], "Created": image.created, "Labels": image.labels()}
            for image in self._images
            if key in image.labels() and stack in {"", image.stack}
        ]

    def containers(self, *, all: bool) -> list[dict[str, str]]:  # noqa: A002 - docker's own
        assert all
        return [{"ImageID": image} for image in self._used]

    def client(self) -> DockerClient:
        return cast("DockerClient", self)


@pytest.mark.parametrize(
    ("base", "wanted", "serves"),
    [
        ("sha256:n", {"docker.io/library/redis:7": "sha256:r"}, True),
        (None, {"docker.io/library/redis:7": "sha256:r"}, True),
        ("sha256:other", {"docker.io/library/redis:7": "sha256:r"}, False),
        ("sha256:n", {"docker.io/library/redis:7": "sha256:newer"}, False),
        ("sha256:n", {"docker.io/library/more:1": "sha256:m"}, False),
        ("sha256:n", {"docker.io/library/more:1": None}, True),  # the engine has none, and it is not loaded either
    ],
)
def test_it_serves_if_it_has_what_the_engine_has(base: str | None, wanted: dict[str, str | None], serves: bool) -> None:
    assert baked("a").serves(base, wanted) is serves


def test_what_the_engine_keeps_is_read_again_the_newest_first() -> None:
    old, new, other = baked("old", 1), baked("new", 2), baked("other", 3, "ci-2")
    client = Engine(old, new, other).client()
    assert baked_images(client, "dev-1") == [new, old]
    assert baked_images(client) == [other, new, old]


def test_the_two_newest_of_each_stack_and_what_is_used_are_kept() -> None:
    images = [baked(f"i{number}", number) for number in range(5)]
    other = baked("other", 0, "ci-2")
    client = Engine(*images, other, used=("sha256:i0",)).client()
    assert [image.name for image in surplus(client)] == ["i2:1", "i1:1"]
