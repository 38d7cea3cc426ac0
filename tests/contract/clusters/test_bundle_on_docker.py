"""Images of a bundle, on a real engine: also those that are named by a digest, which an archive forgets."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from bootstrap.docker.bundled_images import EngineImages
from bootstrap.docker.engine import connect
from bootstrap.docker.image_archive import find_image
from bootstrap.docker.images import bundled_name, pull
from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.work import Work
from fakes.on_docker import skip_without
from fakes.registry import registry_with

pytestmark = pytest.mark.docker

APP = os.environ.get("BOOTSTRAP_TEST_APP_IMAGE", "bootstrap-rig/http-echo:1.0.0")
NAME = "rig-bundled/app:1"


@pytest.fixture
def client() -> Iterator[DockerClient]:
    skip_without(APP)
    client = connect(os.environ, seconds=60)
    yield client
    client.close()


def _work() -> Work:
    return Work(CancelToken(SystemClock()).within(120, "the test"))


def _forget(client: DockerClient, *names: str) -> None:
    for name in names:
        with suppress(ImageNotFound):
            client.images.remove(name)


def test_they_come_back_under_every_name(client: DockerClient, tmp_path: Path) -> None:
    images = EngineImages(lambda: (), os.environ)
    client.images.get(APP).tag(*NAME.split(":"))
    with registry_with(APP, client) as registry:
        pull(client, registry.image, lambda _text: None, lambda: None)
        [pinned] = client.images.get(registry.image).attrs["RepoDigests"][-1:]
        try:
            saved = images.save((NAME, pinned), tmp_path, _work())
            assert [item.name for item in saved] == sorted((NAME, pinned))
            _forget(client, NAME, registry.image, bundled_name(pinned), pinned)
            assert images.lacking((NAME, pinned), _work().cancel) == [NAME, pinned]
            images.load(tmp_path, _work())
            assert images.lacking((NAME, pinned), _work().cancel) == []
            back = find_image(client, pinned)
            assert back is not None
            assert {back.id} <= {item.digest for item in saved}
        finally:
            _forget(client, NAME, bundled_name(pinned), pinned)


def test_all_that_cannot_be_pulled_are_named(client: DockerClient, tmp_path: Path) -> None:
    assert client.ping()
    images = EngineImages(lambda: (), os.environ)
    with pytest.raises(RefusedError, match=r"cannot be pulled: 127.0.0.1:1/a:1, 127.0.0.1:1/b:1"):
        images.save(("127.0.0.1:1/a:1", APP, "127.0.0.1:1/b:1"), tmp_path, _work())
    assert list(tmp_path.iterdir()) == []


def test_an_image_comes_from_its_mirror_with_its_own_name(client: DockerClient) -> None:
    image = "rig-upstream.invalid/team/shop:1"
    with registry_with(APP, client) as registry:
        host = registry.image.partition("/")[0]
        try:
            mirrors = {"rig-upstream.invalid/team": host}
            pull(client, image, lambda _text: None, lambda: None, mirrors=mirrors)
            assert registry.asked
            found = find_image(client, image)
            assert found is not None
            assert found.source == image
            assert find_image(client, registry.image) is None
        finally:
            _forget(client, image)
