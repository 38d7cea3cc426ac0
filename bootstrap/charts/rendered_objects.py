"""Splits what `helm template` prints into definitions, hooks and ordinary objects."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bootstrap.model.kube import Manifest
from bootstrap.model.labels import HELM_HOOK
from bootstrap.yamltext.kubernetes import YamlError, load_all

_SOURCE = re.compile(r"^# Source: (?P<path>\S.*)$", re.MULTILINE)
_SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)
_CRDS_FOLDER = re.compile(r"(?:[^/]+/charts/)*[^/]+/crds/")
_DEFINITION = re.compile(r"^kind: [\"']?CustomResourceDefinition[\"']?\s*$", re.MULTILINE)
_LONG = 200_000
"""Characters from which on another program reads them faster, its start included."""
Convert = Callable[[Sequence[str]], Sequence[Manifest] | None]


class UnreadableTemplateError(ValueError):
    """A template gave what is not YAML; names the template."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A chart's objects."""

    folder_crds: tuple[Manifest, ...] = ()
    """Of crds/ folders: helm neither upgrades nor removes these."""
    objects: tuple[Manifest, ...] = ()
    hooks: tuple[Manifest, ...] = ()


def split(text: str, convert: Convert) -> Rendered:
    """Each object of `helm template --include-crds`; `convert` reads definitions, which are long, or returns None.

    Raises:
        UnreadableTemplateError: a document is not YAML.
    """
    return classified(_read(tuple(_documents(text)), convert))


def classified(manifests: Iterable[tuple[str, Manifest]]) -> Rendered:
    """Objects, each with the file it comes from, by what helm does with them."""
    crds: list[Manifest] = []
    objects: list[Manifest] = []
    hooks: list[Manifest] = []
    for source, manifest in manifests:
        if _CRDS_FOLDER.match(source):
            crds.append(manifest)
        elif HELM_HOOK in ((manifest.get("metadata") or {}).get("annotations") or {}):
            hooks.append(manifest)
        else:
            objects.append(manifest)
    return Rendered(folder_crds=tuple(crds), objects=tuple(objects), hooks=tuple(hooks))


def other_objects(text: str) -> tuple[Manifest, ...]:
    """The objects of YAML text, except for definitions: they are long, and not even read."""
    parts = (part for part in _SEPARATOR.split(text) if not _DEFINITION.search(part))
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


def _documents(text: str) -> Iterator[tuple[str, str]]:
    """Each document and the file it comes from, which only the first document of a file names."""
    source = ""
    for document in _SEPARATOR.split(text):
        if match := _SOURCE.search(document):
            source = match["path"]
        yield source, document


def _read(documents: Sequence[tuple[str, str]], convert: Convert) -> Iterator[tuple[str, Manifest]]:
    long = [document for _, document in documents if _DEFINITION.search(document)]
    converted = convert(long) if sum(map(len, long)) > _LONG else None
    definitions = iter(converted or ())
    for source, document in documents:
        if converted is not None and _DEFINITION.search(document):
            yield source, next(definitions)
            continue
        try:
            loaded = load_all(document)
        except YamlError as error:
            raise UnreadableTemplateError(f"{source}: {error}") from error
        for manifest in flattened(loaded):
            yield source, manifest
