"""The images that the containerd of a node has, and one stream that brings one to several nodes."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bootstrap.docker.exec import execute
from bootstrap.docker.exec_stdin import FedProgram
from bootstrap.docker.image_archive import EngineImage, saved
from bootstrap.docker.images import full_name
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.system.clock import CancelToken

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_CTR = ("ctr", "-n", "k8s.io", "images")
_COLUMNS = 3
# Unpacked for another snapshotter than the kubelet's, an image is there twice or not at all: the node's own
# configuration says which one it is (on file systems without overlays it is not overlayfs).
_IMPORT = """
config=$(cat /var/lib/rancher/k3s/agent/etc/containerd/config.toml 2>/dev/null || containerd config dump 2>/dev/null)
chosen=$(echo "$config" | sed -n "s/^ *snapshotter = [\\"']\\([a-z-][a-z-]*\\)[\\"'].*/\\1/p" | head -n 1)
exec ctr -n k8s.io images import ${chosen:+--snapshotter "$chosen"} "$@" -
"""


class SaveFailedError(RefusedError):
    """The engine has the image, but cannot save it; the nodes may still pull it."""


def images_on(node: "Container", cancel: CancelToken) -> Mapping[str, str]:
    """Digests by name, as the node's containerd has them.

    Raises:
        StepFailedError: it does not answer.
    """
    code, output = execute(node, (*_CTR, "ls"), cancel)
    text = output.decode(errors="replace")
    if code != 0:
        raise StepFailedError(f"cannot list the images of {node.name}", evidence=text.splitlines())
    return listed(text)


def listed(text: str) -> dict[str, str]:
    """Digests by name, of what `ctr images ls` prints."""
    rows = (line.split() for line in text.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) >= _COLUMNS}


def has_image(rows: Mapping[str, str], name: str, image: EngineImage | None) -> bool:
    """Whether a node with these rows has the very image that the engine has.

    An engine with containerd's image store knows an image by the digest that a node knows it by; one without knows
    it by that of its configuration, by which the kubelet's part of containerd lists it once more. What is named by
    its digest, or what the engine does not have, is known by its name alone.
    """
    digest = rows.get(full_name(name))
    if digest is None or image is None or image.is_pinned:
        return digest is not None
    return digest in image.digests or rows.get(image.id) == digest


def copy_image(
    client: "DockerClient",
    image: EngineImage,
    nodes: "Sequence[Container]",
    cancel: CancelToken,
    progress: Callable[[int], None],
    *,
    unpack: bool = True,
) -> None:
    """Stream the image from the engine to all these nodes at once; `progress` is given the bytes so far.

    Without `unpack` a node unpacks it when its first container starts.

    Raises:
        SaveFailedError: the engine cannot save it.
        StepFailedError: a node cannot import it.
        CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
    """
    with ExitStack() as stack:
        programs = [stack.enter_context(FedProgram(node, _import(image, unpack=unpack))) for node in nodes]
        _feed(client, image, programs, cancel, progress)
        results = [program.end(cancel) for program in programs]
    for node, (code, output) in zip(nodes, results, strict=True):
        if code != 0:
            evidence = output.decode(errors="replace").splitlines()
            raise StepFailedError(f"{node.name} cannot import {image.name}", evidence=evidence)
    if image.is_pinned:
        for node in nodes:
            _name_by_digest(node, image, cancel)


def _import(image: EngineImage, *, unpack: bool) -> tuple[str, ...]:
    pinned = ("--digests", "--base-name", image.full_name.partition("@")[0]) if image.is_pinned else ()
    packed = () if unpack else ("--no-unpack",)
    return ("sh", "-c", _IMPORT, "import", "--platform", image.platform, *packed, *pinned)


def _feed(
    client: "DockerClient",
    image: EngineImage,
    programs: Sequence[FedProgram],
    cancel: CancelToken,
    progress: Callable[[int], None],
) -> None:
    from docker.errors import APIError  # noqa: PLC0415 - loads slowly
    from requests import RequestException  # noqa: PLC0415 - what docker lets through when a stream breaks

    fed, count = list(programs), 0
    try:
        for piece in saved(client, image, cancel):
            fed = [program for program in fed if _took(program, piece, cancel)]
            count += len(piece)
            progress(count)
            if not fed:
                return
    except (APIError, RequestException) as error:
        reason = str(getattr(error, "explanation", None) or error)
        raise SaveFailedError(f"the engine cannot save {image.name}", evidence=reason.splitlines()) from error


def _took(program: FedProgram, piece: bytes, cancel: CancelToken) -> bool:
    """Whether it still accepts input: what ended too early reports why at its end."""
    with contextlib.suppress(OSError):
        program.write(piece, cancel)
        return True
    return False


def _name_by_digest(node: "Container", image: EngineImage, cancel: CancelToken) -> None:
    """An engine without containerd's image store writes manifests of its own: their digest is not the asked one."""
    rows = images_on(node, cancel)
    if image.full_name in rows or image.id not in rows:
        return
    code, output = execute(node, (*_CTR, "tag", image.id, image.full_name), cancel)
    if code != 0:
        evidence = output.decode(errors="replace").splitlines()
        raise StepFailedError(f"{node.name} cannot tag {image.name}", evidence=evidence)
