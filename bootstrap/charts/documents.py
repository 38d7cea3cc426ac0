"""Splits what `helm template` prints into definitions, hooks and ordinary objects."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.flux.scalars import YamlError, load_all
from bootstrap.model.kube import Manifest

_SOURCE = re.compile(r"^# Source: (?P<path>\S.*)$", re.MULTILINE)
_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_CRDS_FOLDER = re.compile(r"(?:[^/]+/charts/)*[^/]+/crds/")
HOOK = "helm.sh/hook"


class UnreadableTemplateError(ValueError):
    """A template gave what is not YAML; names the template."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A chart's objects."""

    folder_crds: tuple[Manifest, ...] = ()
    """Of crds/ folders: helm neither upgrades nor removes these."""
    objects: tuple[Manifest, ...] = ()
    hooks: tuple[Manifest, ...] = ()


def split(text: str) -> Rendered:
    """Each object of `helm template --include-crds`.

    Raises:
        UnreadableTemplateError: a document is not YAML.
    """
    crds: list[Manifest] = []
    objects: list[Manifest] = []
    hooks: list[Manifest] = []
    for source, manifest in _documents(text):
        if _CRDS_FOLDER.match(source):
            crds.append(manifest)
        elif HOOK in ((manifest.get("metadata") or {}).get("annotations") or {}):
            hooks.append(manifest)
        else:
            objects.append(manifest)
    return Rendered(folder_crds=tuple(crds), objects=tuple(objects), hooks=tuple(hooks))


def objects_of(text: str, *, without: str) -> tuple[Manifest, ...]:
    """The objects of YAML text, but for those of one kind, which are not even read: definitions are long."""
    unwanted = re.compile(rf"^kind: [\"']?{without}[\"']?\s*$", re.MULTILINE)
    parts = (part for part in _SEPARATOR.split(text) if not unwanted.search(part))
    return tuple(flattened(load_all("\n---\n".join(parts))))


def flattened(documents: Sequence[object]) -> Iterator[Manifest]:
    """The objects among documents; those of a `List` one by one."""
    for document in documents:
        if not isinstance(document, dict) or "kind" not in document:
            continue
        if document["kind"] == "List":
            yield from flattened(document.get("items") or ())
        else:
            yield document


def _documents(text: str) -> Iterator[tuple[str, Manifest]]:
    source = ""
    for document in _SEPARATOR.split(text):
        # Only the first document of a file is told where it comes from.
        if found := _SOURCE.search(document):
            source = found["path"]
        try:
            loaded = load_all(document)
        except YamlError as error:
            raise UnreadableTemplateError(f"{source}: {error}") from error
        for manifest in flattened(loaded):
            yield source, manifest
