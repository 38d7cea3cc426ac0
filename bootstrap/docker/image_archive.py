"""Images as the engine knows them, and their archives as `docker save` writes them."""

import contextlib
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bootstrap.docker.images import full_name, name_on_engine
from bootstrap.system.clock import CancelToken

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it

_MANIFESTS_API = (1, 48)
"""Since then an engine lists the platforms of an image, and saves one of them alone."""
_PIECE = 1024 * 1024
_AHEAD = 16
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineImage:
    """An image that the engine has."""

    name: str
    """As it was asked for."""
    id: str
    """`sha256:…`: of its configuration, or with containerd's image store of its manifest or index."""
    digests: frozenset[str]
    """Of all manifests that are it, as far as the engine reports."""
    platform: str
    """`linux/amd64`: the one of which the engine has the contents."""
    foreign: bool
    """Whether that is not the engine's own."""
    size: int
    """Bytes, as the engine counts them."""
    source: str
    """The name by which the engine has it."""

    @property
    def full_name(self) -> str:
        """As containerd stores it."""
        return full_name(self.name)

    @property
    def is_pinned(self) -> bool:
        """Whether it is named by its digest."""
        return "@" in self.name


def find_image(client: "DockerClient", image: str) -> EngineImage | None:
    """The image of this name; None: the engine has none.

    Raises:
        docker.errors.APIError: the engine refuses.
    """
    from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - loads slowly

    try:
        asked = name_on_engine(client, image)
        if asked is None:
            return None
        inspected: Mapping[str, Any] = client.api.inspect_image(asked)  # type: ignore[no-untyped-call]  # a lack of its stubs
    except ImageNotFound:
        return None
    except APIError as error:
        if error.status_code == HTTPStatus.BAD_REQUEST:  # not the name of an image: reported by whoever pulls it
            return None
        raise
    system, architecture = str(inspected.get("Os") or "linux"), str(inspected.get("Architecture") or "")
    variant = str(inspected.get("Variant") or "")
    platform = f"{system}/{architecture}{f'/{variant}' if architecture == 'arm' and variant else ''}"
    identity = str(inspected["Id"])
    return EngineImage(
        name=image,
        id=identity,
        digests=frozenset({identity, *_manifests(client, asked)}),
        platform=platform,
        foreign=architecture != str(client.api.version(api_version=False).get("Arch", architecture)),
        size=int(inspected.get("Size") or 0),
        source=asked,
    )


def saved(client: "DockerClient", image: EngineImage, cancel: CancelToken) -> Iterator[bytes]:
    """The archive of the image, piece by piece.

    Raises:
        docker.errors.APIError: the engine cannot save it.
        requests.RequestException: it stopped in the middle.
        CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
    """
    platform = _chosen(image) if image.foreign and _lists_manifests(client) else {}
    response = _get(client, f"/images/{quote(image.source, safe='/:@')}/get", platform, stream=True)
    pieces: queue.Queue[bytes | Exception | None] = queue.Queue(_AHEAD)
    stopped = threading.Event()
    threading.Thread(target=_read, args=(response, pieces, stopped), daemon=True).start()
    try:
        while True:
            cancel.check()
            try:
                piece = pieces.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                return
            yield piece
    finally:
        stopped.set()
        response.close()


def _read(response: Any, pieces: "queue.Queue[bytes | Exception | None]", stopped: threading.Event) -> None:  # noqa: ANN401 - what requests gives
    """In a thread of its own: an engine may prepare a large image for minutes before its first byte."""

    def put(piece: bytes | Exception | None) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                pieces.put(piece, timeout=_POLL_SECONDS)
                return

    try:
        for piece in response.iter_content(_PIECE):
            put(piece)
            if stopped.is_set():
                return
        put(None)
    except Exception as error:  # noqa: BLE001 - handed over to whoever reads
        put(error)


def _get(client: "DockerClient", path: str, parameters: Mapping[str, str], *, stream: bool = False) -> Any:  # noqa: ANN401 - what requests gives
    """Ask the engine what the library has no words for."""
    from docker.errors import create_api_error_from_http_exception  # noqa: PLC0415 - loads slowly
    from requests import HTTPError  # noqa: PLC0415

    api: Any = client.api
    response = api.get(f"{api.base_url}/v{api.api_version}{path}", params=dict(parameters), stream=stream, timeout=None)
    try:
        response.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)
    return response


def _manifests(client: "DockerClient", asked: str) -> Iterator[str]:
    if not _lists_manifests(client):
        return
    response = _get(client, f"/images/{quote(asked, safe='/:@')}/json", {"manifests": "1"})
    for manifest in response.json().get("Manifests") or ():
        if manifest.get("Kind") == "image":
            yield str(manifest["ID"])


def _lists_manifests(client: "DockerClient") -> bool:
    major, _, minor = str(client.api.api_version).partition(".")
    return (int(major), int(minor)) >= _MANIFESTS_API


def _chosen(image: EngineImage) -> dict[str, str]:
    system, architecture, *variant = image.platform.split("/")
    chosen = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    return {"platform": json.dumps(chosen)}
