"""Brings images to every machine of a cluster, once each, through the engine that the machines run on."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bootstrap.clusters.docker_nodes.containers import nodes_of
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.exec import execute
from bootstrap.docker.images import pull
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.ports import Brought
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_POLL_SECONDS = 0.1
_PULLS_AT_ONCE = 3


class MachineImages:
    """Implements `engine.ports.Images` for kind and k3d."""

    def __init__(self, tool: ClusterTool, docker: StackOnDocker) -> None:
        self._tool = tool
        self._docker = docker
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}
        self._seen: set[tuple[str, str]] = set()
        """Image and container: a machine that is made anew is another container."""

    def fetch(self, images: Sequence[str], work: Work) -> Sequence[str]:
        """See `Images.fetch`."""

        def fetched(image: str) -> bool:
            with self._alone(image, work.cancel), self._docker.open() as client:
                return _is_here(client, image, work)

        with ThreadPoolExecutor(max_workers=_PULLS_AT_ONCE, thread_name_prefix="images") as pool:
            here = tuple(pool.map(fetched, images))
        return [image for image, found in zip(images, here, strict=True) if not found]

    def taken(self, cancel: CancelToken) -> bool:
        """See `Images.taken`: all that are to be there run, and their containerd answers."""
        cancel.check()
        with self._docker.open() as client:
            nodes = nodes_of(self._tool, client)
            if len(nodes) < self._tool.machines or any(one.status != "running" for one in nodes):
                return False
            return all(execute(one, ("ctr", "version"), cancel)[0] == 0 for one in nodes)

    def ensure(self, images: Sequence[str], work: Work) -> Brought:
        """See `Images.ensure`; what was brought is verified on the machines."""
        became = {image: self._bring(image, work) for image in images}
        loaded = tuple(image for image, there in became.items() if there)
        return Brought(loaded=loaded, left=tuple(image for image, there in became.items() if there is False))

    def _bring(self, image: str, work: Work) -> bool | None:
        """Whether it could be brought; None: it was there."""
        with self._alone(image, work.cancel):
            if not self._lacking(image, work.cancel):
                return None
            with self._docker.open() as client:
                if _is_pinned(image) or not _is_here(client, image, work):
                    return False
            work.say(f"loading {image}")
            self._tool.load([image], work.cancel)
            if lacking := self._lacking(image, work.cancel):
                raise StepFailedError(
                    f"{self._tool.program} loaded {image}, but it is not on {', '.join(lacking)}",
                    fix="let the cluster pull it itself: --no-preload",
                )
        return True

    def _lacking(self, image: str, cancel: CancelToken) -> Sequence[str]:
        """The machines that do not have it."""
        found: list[str] = []
        with self._docker.open() as client:
            for node in nodes_of(self._tool, client):
                cancel.check()
                if not self._has(node, image, cancel):
                    found.append(str(node.name))
        return found

    def _has(self, node: "Container", image: str, cancel: CancelToken) -> bool:
        known = (image, str(node.id))
        if known not in self._seen and execute(node, ("crictl", "inspecti", image), cancel)[0] == 0:
            self._seen.add(known)
        return known in self._seen

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


def _is_pinned(image: str) -> bool:
    """Whether it is named by its digest: a copy has none, so a machine would not know it again."""
    return "@" in image


def _is_here(client: "DockerClient", image: str, work: Work) -> bool:
    if _is_pinned(image):
        return False
    try:
        pull(client, image, work.say, work.cancel.check)
    except RefusedError:
        work.cancel.check()
        return False
    return True
