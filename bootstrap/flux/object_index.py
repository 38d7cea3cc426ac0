"""All objects of a repository, found by kind, namespace and name."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping

from bootstrap.model.kube import Manifest, ref_of


class Store:
    """Objects by kind, namespace and name; the first of a name stays."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str | None, str], Manifest] = {}

    def add(self, manifests: Iterable[Manifest]) -> None:
        """Add these objects."""
        for manifest in manifests:
            ref = ref_of(manifest)
            self._objects.setdefault((ref.kind, ref.namespace, ref.name), manifest)

    def find(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """The object; None when the repository does not hold it."""
        return self._objects.get((kind, namespace, name))

    def of_kind(self, kind: str) -> Iterator[Manifest]:
        """All of a kind, in the order they were taken in."""
        return (manifest for (manifest_kind, _, _), manifest in self._objects.items() if manifest_kind == kind)


def contents(manifest: Manifest) -> dict[str, str]:
    """The entries of a ConfigMap or Secret as text; those that are not text are left out."""
    if manifest.get("kind") != "Secret":
        return _strings(manifest.get("data"))
    decoded = {key: _decoded(value) for key, value in _strings(manifest.get("data")).items()}
    return {key: value for key, value in decoded.items() if value is not None} | _strings(manifest.get("stringData"))


def _strings(entries: object) -> dict[str, str]:
    mapping = entries if isinstance(entries, Mapping) else {}
    return {str(key): value for key, value in mapping.items() if isinstance(value, str)}


def _decoded(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
