"""Walks from the entry through all Kustomizations that it leads to, level by level."""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.flux.artifacts import Artifacts
from bootstrap.flux.decryption import Decrypt
from bootstrap.flux.findings import Findings, Subject
from bootstrap.flux.kinds import check_kind
from bootstrap.flux.kustomization import GROUP, Declared, PostBuild, read_kustomization
from bootstrap.flux.kustomize_build import Build, Built, Variables, build, manifests
from bootstrap.flux.object_index import Store
from bootstrap.flux.sources import GROUP as SOURCES
from bootstrap.flux.sources import Sources
from bootstrap.flux.variables import variables_of
from bootstrap.model.kube import Manifest, mapping_in, ref_of
from bootstrap.yamltext.kubernetes import YamlError, load

_THREADS = 8
_NAMED = re.compile(r"\$\{(\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """The settings for building objects from the files below `root`."""

    root: Path
    build: Build
    decrypt: Decrypt | None = None
    strict: bool = True
    """Whether a variable without value or default is an error."""
    layout: Callable[[str | None], Path] | None = None
    """The tree to build from, given the own source's `spec.ignore`; None: nothing is left out of `root`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The collected results."""

    store: Store
    sources: Sources
    artifacts: Artifacts
    findings: Findings


@dataclass(frozen=True, kw_only=True, slots=True)
class Expanded:
    """A Kustomization with its objects, child Kustomizations among them."""

    declared: Declared
    parent: str | None
    manifests: tuple[Manifest, ...] = ()
    unread: str = ""
    """Why its files are not read, although it is not suspended; empty: they are."""


class Walk:
    """One walk through a repository."""

    def __init__(self, tools: Tools, context: Known, variables: Mapping[str, str]) -> None:
        self._tools = tools
        self._variables = variables
        self._known = context
        self._findings = context.findings
        self._roots: dict[str, Path] = {}
        self._parents: dict[str, str | None] = {}
        self._done: dict[str, Expanded] = {}
        self._named: set[str] = set()

    @property
    def named_variables(self) -> frozenset[str]:
        """Each NAME of a `${NAME…}` in what was built so far, and each variable of a Kustomization."""
        return frozenset(self._named)

    def expand(self, entry: Declared) -> tuple[Expanded, ...]:
        """The entry and all below it, each parent before its children, in listed order."""
        entry, built = self._laid_out(entry)
        self._parents[entry.id] = None
        waiting = [built]
        while waiting:
            settled = [built for built in waiting if self._settled(built.declared)] or [_least_demanding(waiting)]
            waiting = [built for built in waiting if built not in settled]
            children = [child for built in settled for child in self._finish(built, top=built.declared.id == entry.id)]
            waiting += self._build_all(children)
        return tuple(self._in_order(entry.id))

    def _laid_out(self, entry: Declared) -> tuple[Declared, Built]:
        """The entry, built from the artifact that its own source makes of the tree."""
        adopted, built = self._adopted(entry)
        ignore = self._own_ignore(built)
        if ignore is None or self._tools.layout is None:
            return adopted, built
        root = self._tools.layout(ignore)
        self._tools = replace(self._tools, root=root)
        self._known.artifacts.build_from(root)
        return self._adopted(entry)

    def _own_ignore(self, built: Built) -> str | None:
        """The `spec.ignore` of the source of the tree on disk, if the entry declares that source."""
        store = Store()
        store.add(source for text in built.texts if (source := _as_source(text)) is not None)
        children = [child.source for child in self._kustomizations(built)]
        return self._known.sources.own_ignore(
            store, [built.declared.source] if built.declared.source.name else children
        )

    def _adopted(self, entry: Declared) -> tuple[Declared, Built]:
        """The entry as its own Kustomization declares it, if the repository holds one: `flux bootstrap` writes it."""
        built = self._build(entry)
        own = next((declared for declared in self._kustomizations(built) if declared.path == entry.path), None)
        if own is None:
            return entry, built
        # It was found among all of them without reports: now its own problems are reported.
        own = replace(own, subject=replace(own.subject, findings=self._findings))
        if own.additions == entry.additions:
            return own, replace(built, declared=own)
        return own, self._build(own)

    def _kustomizations(self, built: Built) -> Sequence[Declared]:
        silent = Findings(self._findings.places)
        kustomizations = (_as_kustomization(text, built.declared, silent) for text in built.texts)
        return [declared for declared in kustomizations if declared is not None]

    def _build_all(self, declared: Sequence[Declared]) -> list[Built]:
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self._build, declared))

    def _build(self, declared: Declared) -> Built:
        return build(self._roots.get(declared.id, self._tools.root), declared, self._tools.build)

    def _settled(self, declared: Declared) -> bool:
        """Whether everything it takes variables from is known."""
        post_build = declared.post_build or PostBuild()
        return all(self._known.store.find(ref.kind, declared.namespace, ref.name) for ref in post_build.substitute_from)

    def _finish(self, built: Built, *, top: bool) -> list[Declared]:
        """Build its objects; the Kustomizations to build next."""
        declared = built.declared
        for problem in built.problems:
            self._findings.problem(problem.text, problem.place)
        given = self._variables
        self._named.update(name for text in built.texts for name in _NAMED.findall(text))
        self._named.update((declared.post_build or PostBuild()).substitute)
        if declared.post_build is not None:
            variables = variables_of(
                built, self._known.store, given, strict=self._tools.strict, decrypt=self._tools.decrypt
            )
        else:
            # Flux would not substitute in the entry either: only what the stack itself gives is replaced there.
            variables = Variables(values=given, only_given=True) if top and given else None
        objects = manifests(built, variables, self._tools.decrypt, self._findings)
        self._known.store.add(objects)
        self._check_kinds(objects, declared)
        self._done[declared.id] = Expanded(declared=declared, parent=self._parents[declared.id], manifests=objects)
        children = [
            read_kustomization(manifest, self._subject(manifest, declared))
            for manifest in objects
            if ref_of(manifest).group == GROUP and ref_of(manifest).kind == "Kustomization"
        ]
        if top:
            self._known.sources.choose_own([declared.source] if declared.source.name else [c.source for c in children])
        return [child for child in children if self._is_new(child, declared)]

    def _is_new(self, child: Declared, parent: Declared) -> bool:
        """Note it as a child; whether it is to be built."""
        if child.id in self._parents:
            first = self._done[child.id].declared
            # The same object is often built twice: the root of a cluster holds its own sync object.
            if replace(child, subject=first.subject) != first:
                child.subject.note("is declared more than once: the first one is used")
            return False
        self._parents[child.id] = parent.id
        unread = "" if child.suspended else self._unread(child)
        self._done[child.id] = Expanded(declared=child, parent=parent.id, unread=unread)
        return not child.suspended and child.id in self._roots

    def _unread(self, child: Declared) -> str:
        """Why its files are not read, which is noted; empty: they are, or it is reported that they are missing."""
        root = self._root_of(child)
        if root is None:
            why = f"they come from {self._origin_of(child)}, which is not this repository"
        elif (root / child.path).is_dir():
            self._roots[child.id] = root
            return ""
        elif self._known.sources.may_be_elsewhere(child.source):
            why = f"{child.source} names a version of this repository that is not on disk"
        else:
            child.subject.problem(f"there is no folder {child.path}", "spec.path")
            return ""
        child.subject.note(f"its files are not read: {why}", "spec.sourceRef")
        return why

    def _origin_of(self, child: Declared) -> str:
        url = self._known.sources.url(child.source)
        return f"{child.source} ({url})" if url else str(child.source)

    def _root_of(self, child: Declared) -> Path | None:
        """What its path is relative to: a source that no one declares is taken for this repository where it fits."""
        folder = self._known.artifacts.root_of(child.source, self._findings)
        if folder is not None or self._known.sources.url(child.source) is not None:
            return folder
        fits = child.path != "." and (self._tools.root / child.path).is_dir()
        if child.source.kind == "ExternalArtifact" or not fits:
            return None
        child.subject.note(f"{child.source} is not declared: bootstrap assumes this repository", "spec.sourceRef")
        return self._tools.root

    def _check_kinds(self, objects: Sequence[Manifest], declared: Declared) -> None:
        definitions = self._known.store.of_kind("CustomResourceDefinition")
        groups = frozenset(str(mapping_in(definition, "spec").get("group")) for definition in definitions)
        for manifest in objects:
            check_kind(self._subject(manifest, declared), groups)

    def _subject(self, manifest: Manifest, declared: Declared) -> Subject:
        return Subject(ref=ref_of(manifest), findings=self._findings, fallback=declared.path)

    def _in_order(self, top: str) -> list[Expanded]:
        children = [child for child, parent in self._parents.items() if parent == top]
        return [self._done[top], *(kustomization for child in children for kustomization in self._in_order(child))]


def _least_demanding(waiting: Sequence[Built]) -> Built:
    """The one to go on with although it lacks a source of variables: best one that calls it optional."""

    def demanding(built: Built) -> bool:
        post_build = built.declared.post_build or PostBuild()
        return any(not ref.optional for ref in post_build.substitute_from)

    return min(waiting, key=demanding)


def _as_source(text: str) -> Manifest | None:
    if SOURCES not in text:
        return None
    try:
        manifest = load(text)
    except YamlError:
        return None
    return manifest if isinstance(manifest, dict) and ref_of(manifest).group == SOURCES else None


def _as_kustomization(text: str, declared: Declared, findings: Findings) -> Declared | None:
    if GROUP not in text:
        return None
    try:
        manifest = load(text)
    except YamlError:
        return None
    ref = ref_of(manifest)
    if ref.group != GROUP or ref.kind != "Kustomization":
        return None
    return read_kustomization(manifest, Subject(ref=ref, findings=findings, fallback=declared.path))
