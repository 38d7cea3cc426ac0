"""Node images that hold the images of a stack: what says so on the engine, and which of them are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bootstrap.model.labels import BAKED_FROM_LABEL, BAKED_IMAGES_LABEL, BAKED_LABEL

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it

KEPT = 2
"""Of each stack, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BakedImage:
    """A node image with the images of a stack in it."""

    name: str
    """Its tag."""
    id: str
    created: int
    stack: str
    """The identity of the stack."""
    base: str
    """The engine's ID of the node image that it was made of."""
    images: Mapping[str, str]
    """By full name the engine's ID of each image in it."""

    def labels(self) -> Mapping[str, str]:
        """As the engine keeps it."""
        held = " ".join(f"{name}={identity}" for name, identity in sorted(self.images.items()))
        return {BAKED_LABEL: self.stack, BAKED_FROM_LABEL: self.base, BAKED_IMAGES_LABEL: held}

    def serves(self, base: str | None, wanted: Mapping[str, str | None]) -> bool:
        """Whether it is made of this node image, and has each of these; of what has no ID nothing is known."""
        held = self.images
        return base in {None, self.base} and all(
            identity is None or held.get(name) == identity for name, identity in wanted.items()
        )


def baked_images(client: "DockerClient", stack: str | None = None) -> Sequence[BakedImage]:
    """Those of a stack, or of all stacks, the newest first."""
    label = BAKED_LABEL if stack is None else f"{BAKED_LABEL}={stack}"
    listed: Sequence[Mapping[str, Any]] = client.api.images(filters={"label": label})
    images = [_read(image) for image in listed if image.get("RepoTags")]
    return sorted(images, key=lambda image: (-image.created, image.name))


def surplus(client: "DockerClient") -> Sequence[BakedImage]:
    """Those of every stack beyond the newest ones, without those that a container uses."""
    used = {str(container["ImageID"]) for container in client.api.containers(all=True)}
    seen: dict[str, int] = {}
    over = []
    for image in baked_images(client):
        seen[image.stack] = seen.get(image.stack, 0) + 1
        if seen[image.stack] > KEPT and image.id not in used:
            over.append(image)
    return over


def _read(image: Mapping[str, Any]) -> BakedImage:
    labels: Mapping[str, str] = image.get("Labels") or {}
    pairs = (text.rpartition("=") for text in labels.get(BAKED_IMAGES_LABEL, "").split())
    return BakedImage(
        name=str(image["RepoTags"][0]),
        id=str(image["Id"]),
        created=int(image.get("Created") or 0),
        stack=labels[BAKED_LABEL],
        base=labels.get(BAKED_FROM_LABEL, ""),
        images={name: identity for name, _, identity in pairs},
    )
