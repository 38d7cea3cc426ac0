"""Images of this machine's engine."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bootstrap.errors import RefusedError

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it

_DIGITS = 32
_LAYER_OVER = frozenset({"Pull complete", "Already exists"})


def pull(
    client: "DockerClient",
    image: str,
    notify: Callable[[str], None],
    check: Callable[[], None],
    *,
    another: str = "",
    mirrors: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Bring an image to the engine unless it is there; `check` is asked between its words and may raise.

    The user's credentials and credential helpers count, as for `docker pull`. `another`: how another image is named.
    `mirrors`: prefixes of names, and what is asked first instead; if that fails, the image itself is.

    Raises:
        RefusedError: it cannot be had.
    """
    from docker.errors import APIError, InvalidRepository  # noqa: PLC0415 - loads slowly

    try:
        if name_on_engine(client, image) is not None or _mirrored(client, image, notify, check, mirrors):
            return
        error = _download(client, image, notify, check)
    except (APIError, InvalidRepository) as failure:
        # Also what is not an image's name at all.
        raise _no_image(image, str(getattr(failure, "explanation", None) or failure), another) from failure
    if error:
        raise _no_image(image, error, another)


def mirrored_name(image: str, mirrors: Mapping[str, str]) -> str | None:
    """The image's name at the mirror of the longest matching prefix; None: it has none.

    A prefix ends where a part of the name does: `docker.io` and `docker.io/library` match `redis:7`.
    """
    whole = full_name(image)
    matching = [prefix for prefix in mirrors if whole.startswith(f"{prefix.rstrip('/')}/")]
    if not matching:
        return None
    prefix = max(matching, key=len)
    return mirrors[prefix].rstrip("/") + whole.removeprefix(prefix.rstrip("/"))


def _mirrored(
    client: "DockerClient",
    image: str,
    notify: Callable[[str], None],
    check: Callable[[], None],
    mirrors: Mapping[str, str],
) -> bool:
    """Whether a mirror had it; it then has its own name, or that of a bundle, which a digest needs."""
    from docker.errors import APIError  # noqa: PLC0415 - loads slowly

    mirror = mirrored_name(image, mirrors)
    if mirror is None:
        return False
    try:
        error = _download(client, mirror, notify, check)
    except APIError as failure:
        error = str(failure.explanation or failure)
    if error:
        notify(f"{mirror} cannot be pulled, asking for {image}: {error}")
        return False
    client.images.get(asked_name(mirror)).tag(*reference(bundled_name(image)))
    with contextlib.suppress(APIError):  # its other name stays then
        client.images.remove(asked_name(mirror), noprune=True)
    return True


def _download(client: "DockerClient", image: str, notify: Callable[[str], None], check: Callable[[], None]) -> str:
    """Why it cannot be had, in the engine's words; empty: it is here."""
    repository, tag = reference(image)
    layers = _Layers()
    notify(f"pulling {image}")
    for line in client.api.pull(repository, tag=tag, stream=True, decode=True):
        check()
        if "error" in line:
            return str(line["error"])
        if layers.update(line):
            notify(f"pulling {image}: {layers}")
    return ""


def name_on_engine(client: "DockerClient", image: str) -> str | None:
    """The name by which the engine has the image; None: it has none.

    One that is named by its digest and came from a bundle has another name: an engine knows such a digest only of
    images that it pulled itself.
    """
    from docker.errors import ImageNotFound  # noqa: PLC0415 - loads slowly

    names: tuple[str, ...] = (asked_name(image), bundled_name(image)) if "@" in image else (image,)
    for name in names:
        try:
            client.images.get(name)
        except ImageNotFound:
            continue
        return name
    return None


def bundled_name(image: str) -> str:
    """The name under which a bundle keeps it: of a digest, a tag made of it."""
    if "@" not in image:
        return image
    repository, digest = reference(image)
    return f"{repository}:bundle-{digest.removeprefix('sha256:')[:_DIGITS]}"


def full_name(image: str) -> str:
    """`docker.io/library/redis:latest` for `redis`; one with a digest keeps no tag, as in a cluster."""
    repository, version = reference(image)
    host, slash, _ = repository.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
    if not is_host:
        repository = f"docker.io/{repository}" if slash else f"docker.io/library/{repository}"
    return f"{repository}{'@' if '@' in image else ':'}{version}"


def reference(image: str) -> tuple[str, str]:
    """Repository, and tag or digest, as the engine wants them: `latest` where neither is named."""
    name, at, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # a colon before a slash is that of a port
        repository, tag = name, "latest"
    return repository, digest if at else tag


def asked_name(image: str) -> str:
    """The name that an engine finds it by: of a tag and a digest, the digest."""
    repository, version = reference(image)
    return f"{repository}@{version}" if "@" in image else image


class _Layers:
    """How many layers of an image are here."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def update(self, line: Mapping[str, Any]) -> bool:
        """Read the engine's progress; whether one more is here."""
        layer, status = line.get("id"), str(line.get("status", ""))
        if layer is None or status.startswith("Pulling from"):
            return False
        over = status in _LAYER_OVER
        news = over and not self._known.get(layer)
        self._known[layer] = over or self._known.get(layer, False)
        return news

    def __str__(self) -> str:
        """`3 of 7 layers`."""
        return f"{sum(self._known.values())} of {len(self._known)} layers"


def _no_image(image: str, message: str, another: str) -> RefusedError:
    named = f"name another one: {another}" if another else "name another one"
    return RefusedError(
        f"the image {image} cannot be pulled", evidence=message.splitlines(), fix=f"{named}; or docker load it"
    )
