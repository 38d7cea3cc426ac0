"""Finds the origin of a chart or a Kustomization: this repository, another one, a Helm repository, a registry."""

import json
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bootstrap.flux.fields import NOT_RECONCILED, Fields
from bootstrap.flux.findings import Findings, Subject
from bootstrap.flux.kustomization import SourceRef
from bootstrap.flux.object_index import Store
from bootstrap.flux.overlay import inside
from bootstrap.flux.sourceignore import SourceIgnore
from bootstrap.model.kube import mapping_in, ref_of
from bootstrap.model.release import ChartRef, GitChart, LocalChart, OciChart, RepositoryChart
from bootstrap.yamltext.positions import nearest

GROUP = "source.toolkit.fluxcd.io"
_OWN_LOGIN = "is not used: credentials come from helm's and docker's own config files"
_GIT_LOGIN = "is not used: credentials come from git's own configuration"
_UNVERIFIED = "is not checked: charts are pinned by digest instead"
_HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_ADDRESS = re.compile(r"^(?:[a-z+]+://)?(?:[^@/]+@)?(?P<host>[^:/]+)(?::\d+(?=/))?[:/](?P<path>.*?)/?(?:\.git)?/?$")


class Sources:
    """The sources of one repository, and which of them is the working tree itself."""

    def __init__(self, root: Path, origin: str | None, store: Store, findings: Findings) -> None:
        self._root = root
        self._origin = origin
        self._store = store
        self._findings = findings
        self._own: SourceRef | None = None
        self._ignore = SourceIgnore(())

    def choose_own(self, named: Sequence[SourceRef]) -> None:
        """Use the source of the entry's Kustomizations as this repository.

        Where they name several: none of another address if one of them has that of the repository's own remote; then
        `flux-system` goes before others, one that is not declared before one that is, one of Git before an artifact,
        and last the one that most of them name.
        """
        self._own = self._chosen(named, self._store)

    def own_ignore(self, store: Store, named: Sequence[SourceRef]) -> str | None:
        """The `spec.ignore` of the source that would be chosen, if it is declared in `store`."""
        own = self._chosen(named, store)
        manifest = None if own is None else store.find(own.kind, own.namespace, own.name)
        ignore = mapping_in(manifest, "spec").get("ignore")
        return ignore if isinstance(ignore, str) else None

    def _chosen(self, named: Sequence[SourceRef], store: Store) -> SourceRef | None:
        counted = Counter(ref for ref in named if ref.kind != "ExternalArtifact")
        addresses = {ref: _address(ref, store) for ref in counted}
        remote = {ref for ref, url in addresses.items() if url and self._origin and _same(url, self._origin)}

        def rank(ref: SourceRef) -> tuple[bool, bool, bool, bool, int]:
            declared = addresses[ref] is not None
            elsewhere = bool(remote) and declared and ref not in remote
            return (elsewhere, ref.name != "flux-system", declared, ref.kind != "GitRepository", -counted[ref])

        return min(counted, key=rank, default=None)

    def is_working_tree(self, ref: SourceRef) -> bool:
        """Whether what this source names is the tree on disk: not so when it is another branch of it."""
        if ref == self._own:
            return True
        url = self.url(ref)
        if url is None or self._origin is None or not _same(url, self._origin):
            return False
        own = None if self._own is None else self._version(self._own)
        return own is None or self._version(ref) in {None, own}

    def may_be_elsewhere(self, ref: SourceRef) -> bool:
        """Whether it is taken for the tree on disk by its address alone, and names a branch that may be another one."""
        return ref != self._own and ref.kind == "GitRepository" and self._version(ref) is not None

    def _version(self, ref: SourceRef) -> str | None:
        """Which branch, tag or commit it names; None when it names none."""
        manifest = self._store.find(ref.kind, ref.namespace, ref.name)
        named = None if manifest is None else (manifest.get("spec") or {}).get("ref")
        return json.dumps(named, sort_keys=True) if named else None

    def url(self, ref: SourceRef) -> str | None:
        """Its address; None when it is not declared in the repository."""
        return _address(ref, self._store)

    def missing(self, ref: SourceRef) -> str:
        """What to report of a source that is not declared: with the nearest one of its kind that is."""
        declared = (ref_of(manifest) for manifest in self._store.of_kind(ref.kind))
        names = (f"{there.namespace}/{there.name}" for there in declared)
        near = nearest(f"{ref.namespace}/{ref.name}", names)
        return f"{ref} is not in the repository{f'; did you mean {near}?' if near else ''}"

    def chart(self, ref: SourceRef, chart: str, version: str | None, asker: Subject, path: str) -> ChartRef | None:
        """The chart that a HelmRelease or HelmChart asks a source for; None when it has none, which is reported."""
        if ref.kind == "GitRepository":
            return self._git_chart(ref, chart, asker, path)
        spec = self._spec(ref, asker, path)
        if spec is None:
            return None
        if ref.kind == "HelmRepository":
            return _repository_chart(spec, chart, version)
        asker.problem(f"charts from a {ref.kind} ({ref.namespace}/{ref.name}) are not supported", path)
        return None

    def oci_chart(self, ref: SourceRef, asker: Subject, path: str) -> OciChart | None:
        """The chart that an OCIRepository is; None when it is not declared, which is reported."""
        spec = self._spec(ref, asker, path)
        if spec is None:
            return None
        version = spec.child("ref")
        named = any(key in version for key in ("tag", "semver", "digest"))
        chart = OciChart(
            url=spec.required("url").rstrip("/"),
            # As source-controller: without a reference the tag `latest`, not the newest version.
            tag=version.text("tag") if named else "latest",
            semver=version.text("semver"),
            digest=version.text("digest"),
            insecure=spec.flag("insecure"),
        )
        version.note("is not supported: any version of the range may be chosen", "semverFilter")
        version.close()
        _check_layer(spec)
        spec.note(_OWN_LOGIN, "provider", "secretRef", "serviceAccountName", "certSecretRef", "proxySecretRef")
        _accept(spec)
        return chart

    def _git_chart(self, ref: SourceRef, chart: str, asker: Subject, path: str) -> ChartRef | None:
        if self.is_working_tree(ref):
            folder = self._root / inside(chart)
            if not (folder / "Chart.yaml").is_file():
                asker.problem(f"there is no chart at {inside(chart)} (no Chart.yaml)", path)
                return None
            return LocalChart(path=folder, left_out=self._left_out(folder))
        spec = self._spec(ref, asker, path)
        if spec is None:
            return None
        version = spec.child("ref")
        git_chart = GitChart(
            url=spec.required("url"),
            path=inside(chart),
            branch=version.text("branch"),
            tag=version.text("tag"),
            semver=version.text("semver"),
            commit=version.text("commit"),
            ref_name=version.text("name"),
        )
        version.close()
        spec.ignore("gitImplementation", "sparseCheckout", "recurseSubmodules", "include")
        spec.note(_GIT_LOGIN, "provider", "secretRef", "proxySecretRef")
        spec.note(_OWN_LOGIN, "serviceAccountName")
        _accept(spec)
        return git_chart

    def leave_out(self, ignore: SourceIgnore) -> None:
        """Files that Flux leaves out of the tree on disk are not part of a chart in it either."""
        self._ignore = ignore

    def _left_out(self, folder: Path) -> tuple[str, ...]:
        files = (file for file in sorted(folder.rglob("*")) if file.is_file())
        return tuple(
            file.relative_to(folder).as_posix()
            for file in files
            if self._ignore.excludes(file.relative_to(self._root).as_posix())
        )

    def _spec(self, ref: SourceRef, asker: Subject, path: str) -> Fields | None:
        manifest = self._store.find(ref.kind, ref.namespace, ref.name)
        if manifest is None:
            asker.problem(self.missing(ref), path)
            return None
        subject = Subject(ref=ref_of(manifest), findings=self._findings, fallback=asker.fallback)
        return Fields(manifest.get("spec") or {}, subject, "spec")


def values_file(source: SourceRef, chart: str, file: str) -> str:
    """The way to a values file from the chart's folder: in a Git repository it is named from the repository's root."""
    return posixpath.relpath(inside(file), inside(chart)) if source.kind == "GitRepository" else file


def _repository_chart(spec: Fields, chart: str, version: str | None) -> ChartRef:
    url = spec.required("url").rstrip("/")
    kind = spec.choice("type", ("default", "oci"), "default")
    insecure = spec.flag("insecure")
    spec.note(_OWN_LOGIN, "secretRef", "certSecretRef", "passCredentials", "provider")
    _accept(spec)
    if kind == "oci" or url.startswith("oci://"):
        return OciChart(url=f"{url}/{chart}", version=version, insecure=insecure)
    return RepositoryChart(url=url, name=chart, version=version or "*")


def _check_layer(spec: Fields) -> None:
    layer = spec.child("layerSelector")
    if layer.text("mediaType") not in {None, _HELM_LAYER}:
        layer.subject.note("spec.layerSelector is not supported: the chart's own layer is used", layer.path)
    layer.ignore("operation")
    layer.close()


def _accept(spec: Fields) -> None:
    spec.note(NOT_RECONCILED, "interval", expected=True)
    spec.note(NOT_RECONCILED, "timeout", "suspend", "ignore", "accessFrom")
    spec.note(_UNVERIFIED, "verify")
    spec.close()


def _address(ref: SourceRef, store: Store) -> str | None:
    """The address of a source; None when it is not declared."""
    manifest = store.find(ref.kind, ref.namespace, ref.name)
    return None if manifest is None else str(mapping_in(manifest, "spec").get("url"))


def _same(url: str, other: str) -> bool:
    """Whether two addresses name one repository, over https, over ssh, with or without `.git`."""
    return url == other or (_plain(url) is not None and _plain(url) == _plain(other))


def _plain(url: str) -> tuple[str, str] | None:
    match = _ADDRESS.match(url)
    return None if match is None else (match["host"].lower(), match["path"].lower())
