"""Reads a Flux repository on disk as Flux would."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.flux import artifacts as external
from bootstrap.flux import helmrelease, kustomization, sources
from bootstrap.flux.artifacts import Artifacts
from bootstrap.flux.decryption import Decrypt
from bootstrap.flux.dependencies import dependencies, find_cycle
from bootstrap.flux.entries import entries_below
from bootstrap.flux.findings import Findings, Subject
from bootstrap.flux.helmrelease import read_release
from bootstrap.flux.kustomization import Declared, SourceRef
from bootstrap.flux.kustomize_build import Build
from bootstrap.flux.object_index import Store
from bootstrap.flux.overlay import inside
from bootstrap.flux.places import Places
from bootstrap.flux.sourceignore import artifact, source_ignore
from bootstrap.flux.sources import Sources
from bootstrap.flux.walk import Expanded, Known, Tools, Walk
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, namespace_ref, ref_of
from bootstrap.model.kubernetes_api import is_namespaced
from bootstrap.model.release import FluxRepo, Kustomization, Release
from bootstrap.model.stack import SourceSpec

_READ = frozenset({kustomization.GROUP, helmrelease.GROUP, sources.GROUP, external.GROUP})
_DEFINITION = "CustomResourceDefinition"
_ALL_TEXT = (("metadata", "labels"), ("metadata", "annotations"))
_TEXT_OF = {"ConfigMap": (("data",),), "Secret": (("data",), ("stringData",))}
_FLUX = "fluxcd.io"
_OPERATOR = "fluxcd.controlplane.io"
_GENERATES = "ResourceSet"
_ENTRY_NAMESPACE = "flux-system"
_EXCLUDED = {"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "kustomize.toolkit.fluxcd.io/ssa": "Ignore"}
_PART_OF_FLUX = {"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": "flux-system"}


def read_repo(
    source: SourceSpec,
    *,
    build: Build,
    origin: str | None = None,
    variables: Mapping[str, str] | None = None,
    decrypt: Decrypt | None = None,
    tolerant: bool = False,
) -> FluxRepo:
    """Everything that the entry leads to, in listed order. Nothing is written into the repository.

    `origin` is the address of the repository's own remote: a source with that address is the tree on disk, as is the
    one that the entry's Kustomizations name. `variables` override `source.substitute`, which overrides what the
    repository declares. `build` is called from several threads at once. All problems are raised at once; with
    `tolerant` they are in `FluxRepo.problems` instead, beside everything that could be read.

    Raises:
        InvalidError: with every problem found.
        CancelledError, DeadlineError, RefusedError: as `build` raises them.
    """
    root = source.root.resolve()
    entry = inside(source.path)
    if not (root / entry).is_dir():
        raise InvalidError([Problem(place=Place(file=str(root / entry)), text="there is no such folder")])
    if below := entries_below(root, entry):
        raise InvalidError(
            [Problem(place=Place(file=entry), text=f"is not an entry of Flux but holds {_counted(below)}")],
            fix=f"name the entry: {below[0]} (--repo, or source.path of the stack)",
        )
    findings, store = Findings(Places(root)), Store()
    places = Sources(root, origin, store, findings)
    with tempfile.TemporaryDirectory(prefix="bootstrap-artifacts-") as temporary:
        layout = _Layout(root, Path(temporary).resolve(), places)
        tree = layout(None)
        artifacts = Artifacts(tree, layout.folder("artifacts"), store, places)
        context = Known(store=store, sources=places, artifacts=artifacts, findings=findings)
        tools = Tools(root=tree, build=build, decrypt=decrypt, strict=source.strict_substitution, layout=layout)
        walk = Walk(tools, context, {**source.substitute, **(variables or {})})
        expanded = walk.expand(_entry(entry, findings))
    above = _ancestors(expanded)
    releases = tuple(
        replace(release, ancestors=above[release.owner]) for release in _releases(expanded, places, store, findings)
    )
    kustomizations = tuple(
        replace(_kustomization(item, findings), ancestors=above[item.declared.id]) for item in expanded
    )
    _check_empty(kustomizations, findings)
    kustomizations = _with_namespace_of_flux(kustomizations, releases, findings)
    _check_namespaces(kustomizations, store, findings)
    _check_texts(kustomizations, findings)
    repo = FluxRepo(kustomizations=kustomizations, releases=releases, named_variables=walk.named_variables)
    _check_graph(repo, findings)
    _note_suspended(repo, findings)
    problems = findings.problems()
    if problems and not tolerant:
        raise InvalidError(problems)
    return replace(repo, notes=findings.notes(), problems=problems)


def _counted(entries: Sequence[str]) -> str:
    shown = ", ".join(entries[:5])
    return shown if len(entries) <= 5 else f"{shown} and {len(entries) - 5} more"  # noqa: PLR2004 - a line's worth


class _Layout:
    """Lays out Flux's artifact of the tree on disk: the tree itself if nothing is left out."""

    def __init__(self, root: Path, temporary: Path, sources: Sources) -> None:
        self._root = root
        self._temporary = temporary
        self._sources = sources

    def __call__(self, spec_ignore: str | None) -> Path:
        """The folder to build from, given the `spec.ignore` of the tree's own source."""
        ignore = source_ignore(self._root, spec_ignore)
        self._sources.leave_out(ignore)
        name = "tree" if spec_ignore is None else "tree-by-spec"
        return artifact(self._root, ignore, self.folder(name)) or self._root

    def folder(self, name: str) -> Path:
        """A folder of its own below the temporary one."""
        return self._temporary / name


def _note_suspended(repo: FluxRepo, findings: Findings) -> None:
    """Note who depends on something that is suspended."""
    for group in (repo.kustomizations, repo.releases):
        suspended = {unit.id for unit in group if unit.suspended}
        for item in group:
            for need in sorted(suspended & set(item.depends_on)):
                text = f"depends on {need}, which is suspended: Flux would wait until it is resumed"
                findings.note(text, item.id, item.place)


def _check_empty(kustomizations: Sequence[Kustomization], findings: Findings) -> None:
    """Report an entry that nothing is made of, and note every other Kustomization like it.

    Flux would apply an empty entry, and delete all that it brought up before.
    """
    entry, *others = kustomizations
    if findings.problems():
        return  # what could not be read may be all that there is
    if not entry.built:
        text = "nothing is declared here: its files hold no object, or its kustomization.yaml names none of them"
        findings.problem(f"{text} (without a repository, leave out the stack's source)", Place(file=entry.path))
    for other in others:
        if not other.built and not other.suspended and not other.unread:
            text = "is empty: its folder holds no object, or its kustomization.yaml names none of them"
            findings.note(text, f"Kustomization {other.id}", other.place)


def _with_namespace_of_flux(
    kustomizations: tuple[Kustomization, ...], releases: Sequence[Release], findings: Findings
) -> tuple[Kustomization, ...]:
    """With the namespace of Flux itself, if anything goes into it and nothing declares it.

    Flux is installed into it before it reads the repository, which therefore need not hold it.
    """
    entry, *others = kustomizations
    refs = {ref_of(manifest) for kustomization in kustomizations for manifest in kustomization.objects}
    used = {ref.namespace for ref in refs} | {release.target_namespace for release in releases}
    namespace = namespace_ref(entry.namespace)
    if entry.namespace not in used or namespace in refs:
        return kustomizations
    findings.note("is created, as Flux itself would be in it", str(namespace), None, expected=True)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": entry.namespace}}
    return (replace(entry, objects=(manifest, *entry.objects)), *others)


def _check_namespaces(kustomizations: Sequence[Kustomization], store: Store, findings: Findings) -> None:
    """Report objects that name no namespace though their kind has one, as Flux refuses them (fluxcd/pkg `ssa`)."""
    defined = {_defined_kind(crd): mapping_in(crd, "spec").get("scope") for crd in store.of_kind(_DEFINITION)}
    for owner in kustomizations:
        for manifest in owner.objects:
            ref = ref_of(manifest)
            scope = defined.get((ref.group, ref.kind))
            namespaced = is_namespaced(ref.api_version, ref.kind) if scope is None else scope == "Namespaced"
            if namespaced and not ref.namespace:
                Subject(ref=ref, findings=findings, fallback=owner.path).problem(
                    "names no namespace, and Flux refuses it: "
                    f"set metadata.namespace, or spec.targetNamespace of {owner.id}"
                )


def _check_texts(kustomizations: Sequence[Kustomization], findings: Findings) -> None:
    """Report values that have to be text and are not, as the API server would refuse the whole object for them."""
    for owner in kustomizations:
        for manifest in owner.objects:
            ref = ref_of(manifest)
            subject = Subject(ref=ref, findings=findings, fallback=owner.path)
            for path in (*_ALL_TEXT, *(() if ref.group else _TEXT_OF.get(ref.kind, ()))):
                for key, value in mapping_in(manifest, *path).items():
                    if isinstance(value, bool | int | float):
                        text = f"is {json.dumps(value)}, which is not text: put it in quotes"
                        subject.problem(text, ".".join((*path, key)))


def _defined_kind(definition: Manifest) -> tuple[str, str]:
    return str(mapping_in(definition, "spec").get("group")), str(mapping_in(definition, "spec", "names").get("kind"))


def _check_graph(repo: FluxRepo, findings: Findings) -> None:
    """Report a cycle in which Flux would wait forever."""
    cycle = find_cycle(dependency for dependency in dependencies(repo) if dependency.strict)
    if cycle:
        circle = "; ".join(str(dependency) for dependency in cycle)
        findings.problem(f"waits for itself: {circle}", cycle[0].place or Place(file="."))


def _entry(path: str, findings: Findings) -> Declared:
    """The Kustomization that Flux would have been started with."""
    name = "entry" if path == "." else path.rpartition("/")[2]
    version = f"{kustomization.GROUP}/v1"
    ref = ObjectRef(api_version=version, kind="Kustomization", namespace=_ENTRY_NAMESPACE, name=name)
    subject = Subject(ref=ref, findings=findings, fallback=path)
    nowhere = SourceRef(kind="", namespace="", name="")
    return Declared(namespace=_ENTRY_NAMESPACE, name=name, path=path, subject=subject, source=nowhere)


def _releases(expanded: Sequence[Expanded], places: Sources, store: Store, findings: Findings) -> Iterable[Release]:
    ids: set[str] = set()
    for item in expanded:
        for manifest in _helm_releases(item):
            ref = ref_of(manifest)
            subject = Subject(ref=ref, findings=findings, fallback=item.declared.path)
            if str(ref) in ids:
                subject.note("is declared more than once: the first one is used")
                continue
            ids.add(str(ref))
            yield read_release(manifest, subject, places, store, item.declared.id)


def _ancestors(expanded: Sequence[Expanded]) -> dict[str, tuple[str, ...]]:
    """What each Kustomization is below, its parent first."""
    above: dict[str, tuple[str, ...]] = {}
    for item in expanded:  # each parent before its children
        above[item.declared.id] = () if item.parent is None else (item.parent, *above[item.parent])
    return above


def _helm_releases(expanded: Expanded) -> list[Manifest]:
    return [
        manifest
        for manifest in expanded.manifests
        if ref_of(manifest).group == helmrelease.GROUP and ref_of(manifest).kind == "HelmRelease"
    ]


def _kustomization(expanded: Expanded, findings: Findings) -> Kustomization:
    declared = expanded.declared
    plain = (manifest for manifest in expanded.manifests if not _is_flux(manifest, declared, findings))
    return Kustomization(
        namespace=declared.namespace,
        name=declared.name,
        objects=tuple(manifest for manifest in plain if _is_applied(manifest, declared, findings)),
        built=expanded.manifests,
        releases=tuple(
            dict.fromkeys(
                f"{ref_of(helm_release).namespace or ''}/{ref_of(helm_release).name}"
                for helm_release in _helm_releases(expanded)
            )
        ),
        depends_on=declared.depends_on,
        parent=expanded.parent,
        path=declared.path,
        unread=expanded.unread,
        wait=declared.wait,
        timeout=declared.timeout,
        health_checks=declared.health_checks,
        suspended=declared.suspended,
        place=declared.subject.place(),
    )


def _is_flux(manifest: Manifest, declared: Declared, findings: Findings) -> bool:
    """Whether the object is one of Flux's own kinds; those that are not read are noted."""
    ref = ref_of(manifest)
    group = ref.group
    if not group.endswith(_FLUX) and group != _OPERATOR:
        return False
    if group not in _READ:
        subject = Subject(ref=ref, findings=findings, fallback=declared.path)
        subject.note(_not_read(ref))
    return True


def _not_read(ref: ObjectRef) -> str:
    if ref.kind == _GENERATES:
        # Named one by one, each with its place: what is missing differs.
        return f"is not rendered: the objects that {ref.name} makes of its inputs are missing in the cluster"
    return "is not applied: no Flux runs in the cluster that would act on it"


def _is_applied(manifest: Manifest, declared: Declared, findings: Findings) -> bool:
    metadata = manifest.get("metadata") or {}
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    subject = Subject(ref=ref_of(manifest), findings=findings, fallback=declared.path)
    if any(annotations.get(key) == value or labels.get(key) == value for key, value in _EXCLUDED.items()):
        subject.note("is not applied: it is marked as disabled for Flux")
        return False
    if _PART_OF_FLUX.items() <= labels.items() and ref_of(manifest).kind != "Namespace":
        subject.note("is not applied: it is a part of Flux itself, and nothing is reconciled after the run")
        return False
    return True
