"""What is in a bundle, and what a machine lacks of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bootstrap.model.count import counted

FORMAT = 1
"""Of the files that this version writes, and the only one that it reads."""


class ItemKind(StrEnum):
    """What `up` fetches."""

    PROGRAM = "program"
    CHART = "chart"
    IMAGE = "image"


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleItem:
    """One thing in a bundle."""

    kind: ItemKind
    name: str
    version: str = ""
    digest: str = ""
    """`sha256:…`: of a program's download, of the chart archive, or the ID of the image; empty for what was built."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleHead:
    """The first entry of a bundle: for whom it is, and what is in it."""

    stack: str
    provider: str
    platform: str
    """`linux/amd64`: of the machine that it was made on."""
    items: tuple[BundleItem, ...]
    format: int = FORMAT

    def document(self) -> Mapping[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def head_of(document: Mapping[str, Any]) -> BundleHead:
    """The head that `document` gave.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    items = tuple(
        BundleItem(
            kind=ItemKind(item["kind"]), name=str(item["name"]), version=str(item["version"]), digest=item["digest"]
        )
        for item in document["items"]
    )
    words = {name: str(document[name]) for name in ("stack", "provider", "platform")}
    return BundleHead(**words, items=items, format=int(document["format"]))


def items_text(items: Iterable[BundleItem]) -> str:
    """`3 programs, 1 chart, 2 images`."""
    counts = Counter(item.kind for item in items)
    return ", ".join(counted(counts[kind], kind.value) for kind in ItemKind if counts[kind]) or "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lacking:
    """One thing that `up` needs and that is not on this machine."""

    what: str
    """`program etcd`, `image redis:7`."""
    command: str
    """What gets it while there is a network."""

    def __str__(self) -> str:
        """`image redis:7: docker pull redis:7`."""
        return f"{self.what}: {self.command}"
