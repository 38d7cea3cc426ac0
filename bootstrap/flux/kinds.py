"""Finds objects whose group, version or kind is misspelt: what they declare would be missing."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from bootstrap.flux.findings import Subject
from bootstrap.model.kube import ObjectRef
from bootstrap.model.kubernetes_api import built_in_groups, kinds_of
from bootstrap.yamltext.positions import nearest

_OLD = ("v1", "v1beta1", "v1beta2")
_KINDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "kustomize.toolkit.fluxcd.io": {"Kustomization": _OLD},
    "helm.toolkit.fluxcd.io": {"HelmRelease": ("v2", "v2beta1", "v2beta2")},
    "source.toolkit.fluxcd.io": {
        "GitRepository": _OLD,
        "OCIRepository": _OLD,
        "HelmRepository": _OLD,
        "HelmChart": _OLD,
        "Bucket": _OLD,
        "ExternalArtifact": ("v1",),
    },
    "source.extensions.fluxcd.io": {"ArtifactGenerator": ("v1beta1", "v1")},
    "notification.toolkit.fluxcd.io": {"Alert": (), "Provider": (), "Receiver": ()},
    "image.toolkit.fluxcd.io": {"ImageRepository": (), "ImagePolicy": (), "ImageUpdateAutomation": ()},
}
"""Flux's own kinds with their versions; none where the object is not read, so that any version is accepted."""
_OPERATOR = "fluxcd.controlplane.io"
_READ_AS_MISSPELT = 0.88
_MISSPELT_KIND = 0.8


def check_kind(subject: Subject, defined: Iterable[str]) -> None:
    """Report an object that no API server with Flux would accept, because of its apiVersion or its kind.

    `defined`: the groups of the CustomResourceDefinitions in the repository; their kinds are not checked.
    """
    ref = subject.ref
    if ref.group in _KINDS:
        _check_flux(subject, _KINDS[ref.group])
    elif not ref.group and ref.api_version != "v1":
        _check_core(subject)
    elif ref.group in built_in_groups():
        _check_built_in(subject)
    elif ref.group != _OPERATOR and ref.group not in defined:
        near = _near(ref.group, _READ_AS_MISSPELT)
        if near is not None:
            subject.problem(f'"{ref.group}" is not an API group of Flux: did you mean "{near}"?', "apiVersion")


def _check_flux(subject: Subject, kinds: Mapping[str, tuple[str, ...]]) -> None:
    ref = subject.ref
    versions = kinds.get(ref.kind)
    if versions is None:
        known = ", ".join(kinds)
        subject.problem(f"{ref.group} has no kind {ref.kind}{_hint(ref.kind, kinds) or f' (it has {known})'}", "kind")
        return
    version = ref.api_version.rpartition("/")[2]
    if versions and version not in versions:
        near = nearest(version, versions)
        hint = f': did you mean "{near}"?' if near else f" (known: {', '.join(versions)})"
        subject.problem(f"version {version} is not known{hint}", "apiVersion")


def _check_core(subject: Subject) -> None:
    """An apiVersion without a group that is not `v1`."""
    version = subject.ref.api_version
    near = _near(version, _READ_AS_MISSPELT)
    hint = f': write "{near}/{_newest(near, subject.ref)}"' if near else ': did you mean "v1"?'
    subject.problem(f'apiVersion "{version}" names no version of a group{hint}', "apiVersion")


def _newest(group: str, ref: ObjectRef) -> str:
    return next(iter(_KINDS[group].get(ref.kind, ())), "v1")


def _check_built_in(subject: Subject) -> None:
    ref = subject.ref
    kinds = kinds_of(ref.group)
    if ref.kind in kinds or ref.kind.endswith("List"):
        return
    flux = next((group for group, there in _KINDS.items() if ref.kind in there), None)
    if flux is not None:
        subject.problem(f"{ref.kind} is a kind of {flux}, not of {ref.api_version}", "apiVersion")
    elif not ref.group or _similar(ref.kind, kinds) >= _MISSPELT_KIND:
        subject.problem(f"{ref.api_version} has no kind {ref.kind}{_hint(ref.kind, kinds)}", "kind")


def _near(group: str, cutoff: float) -> str | None:
    near = nearest(group, _KINDS)
    return near if near is not None and _similar(group, (near,)) >= cutoff else None


def _similar(name: str, candidates: Iterable[str]) -> float:
    name = name.casefold()
    return max((SequenceMatcher(None, name, each.casefold()).ratio() for each in candidates), default=0.0)


def _hint(kind: str, kinds: Iterable[str]) -> str:
    near = nearest(kind, kinds)
    return f': did you mean "{near}"?' if near else ""
