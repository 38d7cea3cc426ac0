"""The images of a stack in a bundle: one archive as `docker save` writes it, in which they share their layers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bootstrap.docker.image_archive import find_image
from bootstrap.docker.images import bundled_name, pull, reference
from bootstrap.docker.stack_resources import opened_engine
from bootstrap.errors import RefusedError
from bootstrap.model.bundle import BundleItem, ItemKind
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it

_FILE = "images.tar"
_PULLS_AT_ONCE = 3
_PIECE = 1 << 20
_MEGABYTE = 1_000_000
_LOAD_SECONDS = 30 * 60


class EngineImages:
    """Implements `ports.BundledImages`."""

    def __init__(
        self,
        own: Callable[[], Sequence[str]],
        environment: Mapping[str, str],
        mirrors: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`own` names the images besides those of manifests."""
        self._mirrors = mirrors
        self._own = own
        self._environment = environment

    @property
    def own(self) -> Sequence[str]:
        """See `BundledImages.own`."""
        return self._own()

    def lacking(self, images: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        """See `BundledImages.lacking`."""
        cancel.check()
        with opened_engine(self._environment) as client:
            return [image for image in images if find_image(client, image) is None]

    def save(self, images: Sequence[str], folder: Path, work: Work) -> Sequence[BundleItem]:
        """See `BundledImages.save`."""
        with opened_engine(self._environment) as client:
            self._pull(client, images, work)
            names = sorted(dict.fromkeys(self._named(client, image) for image in images))
            if names:
                _save(client, names, folder / _FILE, work)
            return tuple(_item(client, image) for image in sorted(set(images)))

    def load(self, folder: Path, work: Work) -> None:
        """See `BundledImages.load`."""
        file = folder / _FILE
        if not file.exists():
            return
        with opened_engine(self._environment) as client:
            # It answers once all of it is unpacked.
            client.api.timeout = _LOAD_SECONDS
            content: Any = _read(file, work)
            client.images.load(content)

    def _pull(self, client: "DockerClient", images: Sequence[str], work: Work) -> None:
        def failure(image: str) -> RefusedError | None:
            try:
                pull(client, image, work.notify, work.cancel.check, mirrors=self._mirrors)
            except RefusedError as error:
                work.cancel.check()
                return error
            return None

        with ThreadPoolExecutor(max_workers=_PULLS_AT_ONCE, thread_name_prefix="images") as pool:
            failed = [error for error in pool.map(failure, images) if error is not None]
        if failed:
            raise RefusedError(
                f"cannot be pulled: {', '.join(error.what.split()[2] for error in failed)}",
                evidence=[line for error in failed for line in error.evidence],
                fix="docker load them first, or name other images",
            )

    def _named(self, client: "DockerClient", image: str) -> str:
        """The name that the archive keeps: an image named by its digest loses that, and is given a tag of it."""
        name, here = bundled_name(image), find_image(client, image)
        if here is not None and here.source != name:
            repository, tag = reference(name)
            client.images.get(here.source).tag(repository, tag)
        return name


def _save(client: "DockerClient", names: Sequence[str], file: Path, work: Work) -> None:
    api: Any = client.api
    response = api.get(
        f"{api.base_url}/v{api.api_version}/images/get", params={"names": list(names)}, stream=True, timeout=None
    )
    try:
        response.raise_for_status()
        written = 0
        with file.open("wb") as stream:
            for piece in response.iter_content(_PIECE):
                work.cancel.check()
                stream.write(piece)
                written += len(piece)
                if written % (64 * _PIECE) < len(piece):
                    work.notify(f"saving images: {written / _MEGABYTE:.0f} MB")
    finally:
        response.close()


def _item(client: "DockerClient", image: str) -> BundleItem:
    here = find_image(client, image)
    assert here is not None  # noqa: S101 - it was just pulled
    return BundleItem(kind=ItemKind.IMAGE, name=image, digest=here.id)


def _read(file: Path, work: Work) -> Iterator[bytes]:
    with file.open("rb") as stream:
        size, read = file.stat().st_size, 0
        while piece := stream.read(_PIECE):
            work.cancel.check()
            read += len(piece)
            if read % (64 * _PIECE) < len(piece):
                work.notify(f"loading images: {read / _MEGABYTE:.0f} of {size / _MEGABYTE:.0f} MB")
            yield piece
