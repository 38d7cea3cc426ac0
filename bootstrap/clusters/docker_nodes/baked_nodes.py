"""Node images with the stack's images in their containerd: made after `up`, used by the next cluster."""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bootstrap.clusters.docker_nodes.containerd_images import copy_image, images_on
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.baked_images import BakedImage, baked_images, surplus
from bootstrap.docker.exec import execute
from bootstrap.docker.image_archive import EngineImage, find_image
from bootstrap.docker.images import full_name, name_on_engine
from bootstrap.docker.removal import remove_patiently
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import StepFailedError
from bootstrap.model.count import counted
from bootstrap.system.clock import CancelToken
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_COMMIT_SECONDS = 10 * 60
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_KEY_DIGITS = 16


class BakedNodes:
    """Implements `ports.BakedNodes` for kind, whose nodes have the image's own containerd."""

    def __init__(self, tool: ClusterTool, docker: StackOnDocker, stack: str) -> None:
        """`stack` is the identity of the stack."""
        self._tool = tool
        self._docker = docker
        self._stack = stack
        self._wanted: Sequence[str] = ()

    def expect(self, images: Sequence[str]) -> None:
        """See `BakedNodes.expect`."""
        self._wanted = images

    def name_for(self, client: "DockerClient", node_image: str, work: Work) -> str | None:
        """What a new node is created from instead of this image; None: nothing that is here serves."""
        baked = self._match(client, node_image, self._wanted)
        if baked is None:
            return None
        work.notify(f"its nodes have {counted(len(baked.images), 'image')} already: {baked.name}")
        return baked.name

    def held(self, client: "DockerClient", images: Sequence[str]) -> Collection[str]:
        """Those of the images that a new cluster for all of them begins with."""
        baked = self._match(client, self._tool.images[0], images)
        return () if baked is None else [image for image in images if full_name(image) in baked.images]

    def bake(self, images: Sequence[str], work: Work) -> str:
        """See `BakedNodes.bake`."""
        with self._docker.open() as client:
            client.api.timeout = _COMMIT_SECONDS
            here = [image for name in dict.fromkeys(images) if (image := find_image(client, name)) is not None]
            made = [
                self._make(client, node_image, here, work)
                for node_image in self._tool.images
                if here and self._match(client, node_image, [image.name for image in here]) is None
            ]
            self._prune(client, work)
        return ", ".join(made)

    def _match(self, client: "DockerClient", node_image: str, names: Sequence[str]) -> BakedImage | None:
        """The newest that has all of these; what the engine itself does not have may be of any digest."""
        if not names:
            return None
        base = _id_of(client, node_image)
        wanted = {full_name(name): _id_of(client, name) for name in names}
        return next((image for image in baked_images(client, self._stack) if image.serves(base, wanted)), None)

    def _make(self, client: "DockerClient", node_image: str, images: Sequence[EngineImage], work: Work) -> str:
        base = _id_of(client, node_image)
        if base is None:
            raise StepFailedError(f"the node image {node_image} is not on the engine", fix="run: bootstrap up")
        held = {image.full_name: image.id for image in images}
        baked = BakedImage(
            name=f"{self._docker.name}-node:{_key(base, held)}",
            id="",
            created=0,
            stack=self._stack,
            base=base,
            images=held,
        )
        with self._container(client, node_image, work.cancel) as container:
            _start_containerd(container, work.cancel)
            for number, image in enumerate(images, start=1):
                work.notify(f"adding {image.name} ({number} of {len(images)})")
                copy_image(client, image, [container], work.cancel, lambda _count: None, unpack=False)
            _check(container, baked, work.cancel)
            _stop_containerd(container, work.cancel)
            work.notify(f"writing {baked.name}")
            _commit(container, client.api.inspect_image(base), baked)  # type: ignore[no-untyped-call]  # a lack of its stubs
        return baked.name

    @contextlib.contextmanager
    def _container(self, client: "DockerClient", node_image: str, cancel: CancelToken) -> Iterator["Container"]:
        """A container that is not a node, and gone afterwards; on the stack's network, by which `down` knows it.

        Without labels of its own, which the new image would pass on to every node.
        """
        from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

        name = f"{self._docker.name}-bake"
        with contextlib.suppress(NotFound):  # left by a run that was killed
            remove_patiently(partial(client.containers.get(name).remove, v=True, force=True), cancel)
        container = client.containers.create(
            name_on_engine(client, node_image) or node_image,
            ["infinity"],
            entrypoint=["sleep"],
            name=name,
            network=str(self._docker.ensure_network(client).name),
            security_opt=["seccomp=unconfined"],
        )
        try:
            container.start()
            yield container
        finally:
            remove_patiently(partial(container.remove, v=True, force=True), CancelToken(cancel.clock))

    def _prune(self, client: "DockerClient", work: Work) -> None:
        """Of this stack: others' are removed by `gc`."""
        for image in surplus(client):
            if image.stack == self._stack:
                work.notify(f"removing {image.name}")
                client.images.remove(image.name)


def _id_of(client: "DockerClient", name: str) -> str | None:
    image = find_image(client, name)
    return None if image is None else image.id


def _key(base: str, images: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([base, sorted(images.items())]).encode()).hexdigest()[:_KEY_DIGITS]


def _start_containerd(container: "Container", cancel: CancelToken) -> None:
    api: Any = container.client.api  # type: ignore[union-attr]  # whoever came from an engine has one
    start = api.exec_create(container.id, ["sh", "-c", "exec containerd >/dev/null 2>&1"])
    api.exec_start(start["Id"], detach=True)
    within = cancel.within(_START_SECONDS, "containerd in the node image")
    wait_until(lambda: execute(container, ("ctr", "version"), within)[0] == 0 or None, within)


def _stop_containerd(container: "Container", cancel: CancelToken) -> None:
    """In order, so that all it knows is on the disk."""
    execute(container, ("pkill", "-x", "containerd"), cancel)
    within = cancel.within(_STOP_SECONDS, "the end of containerd in the node image")
    wait_until(lambda: execute(container, ("pgrep", "-x", "containerd"), within)[0] != 0 or None, within)


def _check(container: "Container", baked: BakedImage, cancel: CancelToken) -> None:
    there = images_on(container, cancel)
    lacking = sorted(name for name in baked.images if name not in there)
    if lacking:
        raise StepFailedError(f"the node image took {', '.join(lacking)}, but does not have it")


def _commit(container: "Container", base: Mapping[str, Any], baked: BakedImage) -> None:
    config: Mapping[str, Any] = base.get("Config") or {}
    repository, _, tag = baked.name.rpartition(":")
    labels = [f'LABEL {name}="{value}"' for name, value in baked.labels().items()]
    begun = [f"{word.upper()} {json.dumps(config.get(word) or [])}" for word in ("Entrypoint", "Cmd")]
    container.commit(repository=repository, tag=tag, changes=[*begun, *labels])
