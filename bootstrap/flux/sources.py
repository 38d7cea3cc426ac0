"""Says where a chart or a Kustomization comes from: this repository, another one, a Helm repository, a registry."""

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
from bootstrap.model.kube import ref_of
from bootstrap.model.release import ChartRef, GitChart, LocalChart, OciChart, RepositoryChart

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

    def choose_own(self, named: Sequence[SourceRef]) -> None:
        """Take the source of the entry's Kustomizations as this repository.

        Where they name several, `flux-system` goes before one that is not declared, that before the one most of
        them name.
        """
        counted = Counter(ref for ref in named if ref.kind != "ExternalArtifact")
        ranked = sorted(counted, key=lambda ref: (ref.name != "flux-system", self._declared(ref), -counted[ref]))
        self._own = ranked[0] if ranked else None

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
        manifest = self._store.find(ref.kind, ref.namespace, ref.name)
        return None if manifest is None else str((manifest.get("spec") or {}).get("url"))

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
        chart = OciChart(
            url=spec.required("url").rstrip("/"),
            tag=version.text("tag"),
            semver=version.text("semver"),
            digest=version.text("digest"),
            insecure=spec.flag("insecure"),
        )
        version.note("is not supported: every version of the range is taken", "semverFilter")
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
            return LocalChart(path=folder)
        spec = self._spec(ref, asker, path)
        if spec is None:
            return None
        version = spec.child("ref")
        found = GitChart(
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
        return found

    def _declared(self, ref: SourceRef) -> bool:
        return self.url(ref) is not None

    def _spec(self, ref: SourceRef, asker: Subject, path: str) -> Fields | None:
        manifest = self._store.find(ref.kind, ref.namespace, ref.name)
        if manifest is None:
            asker.problem(f"{ref} is not in the repository", path)
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
        layer.subject.note("spec.layerSelector is not supported: the chart's own layer is taken", layer.path)
    layer.ignore("operation")
    layer.close()


def _accept(spec: Fields) -> None:
    spec.note(NOT_RECONCILED, "interval", expected=True)
    spec.note(NOT_RECONCILED, "timeout", "suspend", "ignore", "accessFrom")
    spec.note(_UNVERIFIED, "verify")
    spec.close()


def _same(one: str, other: str) -> bool:
    """Whether two addresses name one repository, over https, over ssh, with or without `.git`."""
    return one == other or (_plain(one) is not None and _plain(one) == _plain(other))


def _plain(url: str) -> tuple[str, str] | None:
    found = _ADDRESS.match(url)
    return None if found is None else (found["host"].lower(), found["path"].lower())
