"""Collects the variables of a Kustomization."""

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.flux.decryption import Decrypt, decrypted
from bootstrap.flux.findings import Subject
from bootstrap.flux.kustomization import Declared, PostBuild, VariablesRef
from bootstrap.flux.kustomize_build import Built, Variables
from bootstrap.flux.object_index import Store, contents
from bootstrap.flux.substitution.substitute import IMAGE, NAME
from bootstrap.model.kube import Manifest, ref_of
from bootstrap.yamltext.kubernetes import YamlError, load

_PATH = "spec.postBuild.substituteFrom"


def variables_of(
    built: Built, store: Store, given: Mapping[str, str], *, strict: bool, decrypt: Decrypt | None = None
) -> Variables | None:
    """The variables of substituteFrom, then substitute, then the stack; None if Flux would not substitute.

    Line breaks are removed from every value, as in Flux. Missing sources and invalid names are reported.
    """
    declared = built.declared
    post_build = declared.post_build or PostBuild()
    values: dict[str, str] = {}
    for ref in post_build.substitute_from:
        manifest = store.find(ref.kind, declared.namespace, ref.name) or _among_its_own(built, ref, decrypt)
        if manifest is not None:
            values |= _named(contents(manifest), ref, declared)
        elif not ref.optional:
            _report(declared, ref, [name for name in given if not name.startswith(IMAGE)])
    values |= {**post_build.substitute, **given}
    if not values and not post_build.always:
        return None
    return Variables(values={name: value.replace("\n", "") for name, value in values.items()}, strict=strict)


def _named(entries: Mapping[str, str], ref: VariablesRef, declared: Declared) -> dict[str, str]:
    for name in entries:
        if not NAME.fullmatch(name):
            declared.subject.problem(f'"{name}" of {ref.kind} {ref.name} cannot be a variable\'s name', _PATH)
    return dict(entries)


def _among_its_own(built: Built, ref: VariablesRef, decrypt: Decrypt | None) -> Manifest | None:
    """The object if the Kustomization itself creates it: Flux reads it from the cluster from the second run on."""
    for text in built.texts:
        manifest = _read(text) if ref.name in text else None
        if manifest is None:
            continue
        object_ref = ref_of(manifest)
        if (object_ref.kind, object_ref.namespace, object_ref.name) == (ref.kind, built.declared.namespace, ref.name):
            return manifest if "sops" not in manifest else _plain(manifest, built.declared, decrypt)
    return None


def _plain(manifest: dict[str, Any], declared: Declared, decrypt: Decrypt | None) -> Manifest | None:
    if not declared.decrypts:
        return None
    subject = Subject(ref=ref_of(manifest), findings=declared.subject.findings, fallback=declared.path)
    return decrypted(manifest, subject, decrypt)


def _read(text: str) -> dict[str, Any] | None:
    try:
        manifest = load(text)
    except YamlError:
        return None
    return manifest if isinstance(manifest, dict) else None


def _report(declared: Declared, ref: VariablesRef, given: Sequence[str]) -> None:
    source = f"{ref.kind} {declared.namespace}/{ref.name} is not in the repository"
    if given:
        declared.subject.note(f"{source}: only the stack's own variables are used instead", _PATH)
    else:
        declared.subject.problem(f"{source}: add it, mark it optional, or set its variables with --var", _PATH)
