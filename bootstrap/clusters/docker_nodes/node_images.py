"""Brings images to every node of a cluster, once each, through the engine that the nodes run on."""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from bootstrap.clusters.docker_nodes.containerd_images import SaveFailedError, copy_image, has_image, images_on
from bootstrap.clusters.docker_nodes.containers import nodes_of
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.exec import execute
from bootstrap.docker.image_archive import EngineImage, find_image
from bootstrap.docker.images import full_name, pull
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.ports import LoadedImages
from bootstrap.system.clock import CancelToken, Clock
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_POLL_SECONDS = 0.1
_PULLS_AT_ONCE = 3
_STREAMS_AT_ONCE = 2
"""While one is unpacked on the nodes, the engine packs the next."""
_PROGRESS_SECONDS = 0.5
_MEGABYTE = 1_000_000


HeldImages: TypeAlias = "Callable[[DockerClient, Sequence[str]], Collection[str]]"


def _nothing(_client: "DockerClient", _images: Sequence[str]) -> Collection[str]:
    return ()


class NodeImages:
    """Implements `ports.Images` for kind and k3d."""

    def __init__(self, tool: ClusterTool, docker: StackOnDocker, held: HeldImages = _nothing) -> None:
        """`held` gives those of the images that a node image, with which the nodes begin, has in it."""
        self._tool = tool
        self._held = held
        self._docker = docker
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._rows: dict[str, Mapping[str, str]] = {}
        """By container what its containerd has: a node that is recreated is another container."""
        self._copied: set[tuple[str, str, str]] = set()
        """Container, name and the engine's ID of what this run has brought."""

    def fetch(self, images: Sequence[str], work: Work) -> Sequence[str]:
        """See `Images.fetch`."""
        with self._docker.open() as client:
            held = self._held(client, images)

        def is_fetched(image: str) -> bool:
            if image in held:  # pulled only if a node turns out to lack it
                return True
            with self._alone(image, work.cancel), self._docker.open() as client:
                return _fetched(client, image, self._docker.mirrors, work) is not None

        with ThreadPoolExecutor(max_workers=_PULLS_AT_ONCE, thread_name_prefix="images") as pool:
            here = tuple(pool.map(is_fetched, images))
        return [image for image, is_here in zip(images, here, strict=True) if not is_here]

    def taken(self, cancel: CancelToken) -> bool:
        """See `Images.taken`: all nodes that the cluster needs are running, and their containerd answers."""
        cancel.check()
        with self._docker.open() as client:
            nodes = nodes_of(self._tool, client)
            if len(nodes) < self._tool.machines or any(node.status != "running" for node in nodes):
                return False
            return all(execute(node, ("ctr", "version"), cancel)[0] == 0 for node in nodes)

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        """See `Images.lacking`."""
        with self._docker.open() as client:
            held = self._held(client, images)
            away = [image for image in images if image not in held and find_image(client, image) is None]
            nodes = nodes_of(self._tool, client) if away else ()
            if not nodes or any(node.status != "running" for node in nodes):
                return away
            return [image for image in away if self._lacking(nodes, image, None, cancel)]

    def ensure(self, images: Sequence[str], work: Work) -> LoadedImages:
        """See `Images.ensure`; the first images come first, each to all nodes in one stream."""
        with ThreadPoolExecutor(max_workers=_STREAMS_AT_ONCE, thread_name_prefix="images") as pool:
            results = tuple(pool.map(lambda image: self._bring(image, work), images))
        by_image = dict(zip(images, results, strict=True))
        loaded = tuple(image for image, is_loaded in by_image.items() if is_loaded)
        return LoadedImages(
            loaded=loaded, left=tuple(image for image, is_loaded in by_image.items() if is_loaded is False)
        )

    def _bring(self, image: str, work: Work) -> bool | None:
        """Whether it could be brought; None: it was there."""
        with self._alone(image, work.cancel), self._docker.open() as client:
            nodes = nodes_of(self._tool, client)
            on_engine = find_image(client, image)
            if not self._lacking(nodes, image, on_engine, work.cancel):
                return None
            on_engine = on_engine or _fetched(client, image, self._docker.mirrors, work)
            if on_engine is None:
                return False
            lacking = self._lacking(nodes, image, on_engine, work.cancel)
            return not lacking or self._copy(client, on_engine, lacking, work)

    def _copy(self, client: "DockerClient", image: EngineImage, nodes: "Sequence[Container]", work: Work) -> bool:
        """Whether it could be copied, which was then seen on every node; what cannot be saved may still be pulled."""
        try:
            copy_image(client, image, nodes, work.cancel, _progress(image, work))
        except SaveFailedError as error:
            work.notify(f"{error.what}; the cluster pulls it itself: {'; '.join(error.evidence)}")
            return False
        for node in nodes:
            if full_name(image.name) not in self._read(node, work.cancel):
                raise StepFailedError(
                    f"{node.name} imported {image.name}, but does not have it",
                    fix="let the cluster pull it itself: --no-preload",
                )
            self._copied.add((str(node.id), image.name, image.id))
        return True

    def _lacking(
        self, nodes: "Sequence[Container]", name: str, image: EngineImage | None, cancel: CancelToken
    ) -> "Sequence[Container]":
        """The nodes that do not have it."""
        return [node for node in nodes if not self._has(node, name, image, cancel)]

    def _has(self, node: "Container", name: str, image: EngineImage | None, cancel: CancelToken) -> bool:
        if image is not None and (str(node.id), name, image.id) in self._copied:
            return True
        rows = self._rows.get(str(node.id))
        # What was there is there; what was not may have come since.
        return (rows is not None and has_image(rows, name, image)) or has_image(self._read(node, cancel), name, image)

    def _read(self, node: "Container", cancel: CancelToken) -> Mapping[str, str]:
        rows = self._rows[str(node.id)] = images_on(node, cancel)
        return rows

    @contextlib.contextmanager
    def _alone(self, image: str, cancel: CancelToken) -> Iterator[None]:
        """One thread at a time brings an image: the others find it brought."""
        with self._lock:
            lock = self._busy.setdefault(image, threading.Lock())
        while not lock.acquire(timeout=_POLL_SECONDS):
            cancel.check()
        try:
            yield
        finally:
            lock.release()


def _fetched(client: "DockerClient", image: str, mirrors: Mapping[str, str], work: Work) -> EngineImage | None:
    """The engine's image, pulled if it has none; None: it cannot be had."""
    try:
        pull(client, image, work.notify, work.cancel.check, mirrors=mirrors)
    except RefusedError:
        work.cancel.check()
        return None
    return find_image(client, image)


def _progress(image: EngineImage, work: Work) -> Callable[[int], None]:
    """Reports bytes, of as many as the engine counts: a stream may come to a little more."""
    clock: Clock = work.cancel.clock
    reported = clock.monotonic()
    work.notify(f"loading {image.name}")

    def report(count: int) -> None:
        nonlocal reported
        if clock.monotonic() - reported >= _PROGRESS_SECONDS:
            reported = clock.monotonic()
            whole = max(image.size, count) / _MEGABYTE
            work.notify(f"loading {image.name}: {count / _MEGABYTE:.0f} of {whole:.0f} MB")

    return report
