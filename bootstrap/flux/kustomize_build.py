"""Turns the folder of one Kustomization into its objects: built, decrypted, substituted, labelled."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bootstrap.errors import InvalidError, Place, Problem
from bootstrap.flux.decryption import Decrypt, decrypted, is_encrypted
from bootstrap.flux.document_check import Malformed, malformed, without
from bootstrap.flux.findings import Findings, Subject
from bootstrap.flux.kustomization import Declared
from bootstrap.flux.overlay import is_scanned, laid_out
from bootstrap.flux.places import Places
from bootstrap.flux.substitution.expression import SubstitutionError
from bootstrap.flux.substitution.substitute import substitute, substitute_given
from bootstrap.model.kube import Manifest, ref_of
from bootstrap.system.processes import CommandFailedError
from bootstrap.yamltext.kubernetes import YamlError, load

Build = Callable[[Path], bytes]
"""What kustomize makes of a folder (`kubectl kustomize --load-restrictor=LoadRestrictionsNone`); called from several
threads at once. Raises CommandFailedError when kustomize refuses the folder."""

_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """The output of kustomize for a Kustomization's folder: one text per object, or the error."""

    declared: Declared
    texts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Variables:
    """The values for `${name}` in a Kustomization's objects."""

    values: Mapping[str, str]
    only_given: bool = False
    """Flux would not substitute here: only the variables of the stack are replaced, the rest is unchanged."""
    strict: bool = True
    """Whether a name without value or default is an error (kustomize-controller: StrictPostBuildSubstitutions)."""


def build(root: Path, declared: Declared, run: Build) -> Built:
    """Build the folder. A failure because of the files is returned, any other is raised.

    Documents that are not objects, which make kustomize refuse the folder, are left out and reported with their lines.
    """
    attempt = _attempt(root, declared, run)
    if not attempt.problems:
        return attempt
    wrong = malformed(Places(root).files_of(declared.path), every_file=is_scanned(root / declared.path))
    if not wrong:
        return attempt
    problems = tuple(document.problem(root) for document in wrong)
    with tempfile.TemporaryDirectory(prefix="bootstrap-mended-") as temporary:
        again = _attempt(_mended(root, wrong, Path(temporary).resolve()), declared, run)
    return replace(again, problems=(*problems, *again.problems))


def _attempt(root: Path, declared: Declared, run: Build) -> Built:
    mirror = ""
    try:
        with laid_out(root, declared.path, declared.additions) as folder:
            mirror = str(folder)
            output = b"" if folder is None else run(folder)
    except InvalidError as error:
        return Built(declared=declared, problems=error.problems)
    except CommandFailedError as error:
        return Built(declared=declared, problems=(_refused(root, declared, error, mirror),))
    texts = (text for text in _SEPARATOR.split(output.decode()) if text.strip())
    return Built(declared=declared, texts=tuple(texts))


def _mended(root: Path, wrong: Sequence[Malformed], folder: Path) -> Path:
    """The tree as links, except for the files that hold these documents: they are copied without them."""
    texts = {
        file: without(file, [each for each in wrong if each.file == file])
        for file in {problem.file for problem in wrong}
    }
    for base, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        target = folder / Path(base).relative_to(root)
        target.mkdir(exist_ok=True)
        for name in names:
            file = Path(base, name)
            if file in texts:
                (target / name).write_text(texts[file], encoding="utf-8")
            else:
                (target / name).symlink_to(file)
    return folder


def manifests(
    built: Built, variables: Variables | None, decrypt: Decrypt | None, findings: Findings
) -> tuple[Manifest, ...]:
    """The objects, in listed order; those that cannot be read are reported and left out."""
    missing: set[str] = set()
    texts = (_Text(text=text, declared=built.declared, findings=findings) for text in built.texts)
    objects = [manifest for text in texts for manifest in _objects(text, variables, decrypt, missing)]
    if missing:
        names = ", ".join(f"${{{name}}}" for name in sorted(missing))
        built.declared.subject.note(f"{names} has no value in {built.declared.path}: it becomes empty")
    return tuple(_labelled(manifest, built.declared) for manifest in objects)


_LOGGED = re.compile(r'[EF]\d{4} .*?\] "command failed" err="(.*)"')
"""An error as some builds of kubectl print it: as a line of their log."""


def _refused(root: Path, declared: Declared, error: CommandFailedError, mirror: str) -> Problem:
    """The complete error of kustomize, with the paths of the repository instead of those of the temporary folder."""
    words = " ".join(line.strip() for line in error.finished.lines())
    if logged := _LOGGED.fullmatch(words):
        words = logged[1].replace('\\"', '"')
    message = words.replace(mirror, declared.path)
    top = mirror.removesuffix(declared.path).rstrip("/")
    for path in (top, str(root)):
        message = message.replace(f"{path}/", "") if path else message
    message = re.sub(r"\s+", " ", message).removeprefix("error: ")
    return Problem(place=Place(file=declared.path), text=f"kustomize cannot build this folder: {message or error.what}")


class UnsetVariablesError(ValueError):
    """An object names variables that have neither a value nor a default."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = frozenset(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    text: str
    declared: Declared
    findings: Findings

    def subject(self, manifest: Manifest) -> Subject:
        return Subject(ref=ref_of(manifest), findings=self.findings, fallback=self.declared.path)

    def unset(self, names: Collection[str]) -> None:
        """Report variables that are not set, each at the line that names it."""
        for name in sorted(names):
            message = (
                f"variable {name} is not set: give it a value in spec.postBuild.substitute of Kustomization "
                f"{self.declared.id} or with --var {name}=…, a default with ${{{name}:=…}}, or write $${{{name}}} for "
                "the text itself (to make it empty, as Flux before 2.9 does: source.strictSubstitution: false)"
            )
            manifest = _tolerant(self.text)
            if manifest is None:
                self.findings.problem(message, Place(file=self.declared.path))
            else:
                subject = self.subject(manifest)
                self.findings.problem(f"{subject.ref}: {message}", subject.place_of_text(f"${{{name}"))

    def problem(self, text: str) -> None:
        manifest = _tolerant(self.text)
        if manifest is None:
            self.findings.problem(text, Place(file=self.declared.path))
        else:
            self.subject(manifest).problem(text)


def _objects(
    text: _Text, variables: Variables | None, decrypt: Decrypt | None, missing: set[str]
) -> Iterator[Manifest]:
    text = _readable(text, decrypt)
    try:
        replaced = text.text if variables is None else _substituted(text, variables, missing)
        manifest = load(replaced)
    except SubstitutionError as error:
        text.problem(f"Flux refuses a ${{…}} in it: {error}")
        return
    except UnsetVariablesError as error:
        text.unset(error.names)
        return
    except YamlError as error:
        when = "cannot be read" if variables is None else "is not YAML any more after its variables are replaced"
        text.problem(f"{when}: {error}")
        return
    if not is_object(manifest):
        text.problem("is not a Kubernetes object: it needs apiVersion, kind and metadata.name")
        return
    yield manifest


def is_object(manifest: object) -> bool:
    """Whether it has a kind and a name; documents of a repository may lack both."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("metadata"), dict):
        return False
    metadata = manifest["metadata"]
    named = (manifest.get("apiVersion"), manifest.get("kind"), metadata.get("name"))
    return all(isinstance(name, str) and name for name in named) and isinstance(metadata.get("namespace"), str | None)


def _readable(text: _Text, decrypt: Decrypt | None) -> _Text:
    """The same, in plain text."""
    manifest = _tolerant(text.text) if is_encrypted(text.text) else None
    if manifest is None:
        return text
    if not text.declared.decrypts:
        if "sops" in manifest:
            text.subject(manifest).note("is encrypted, but its Kustomization has no spec.decryption", "sops")
        return text
    plain = decrypted(manifest, text.subject(manifest), decrypt)
    return replace(text, text=json.dumps(plain, ensure_ascii=False))


def _tolerant(text: str) -> dict[str, Any] | None:
    try:
        manifest = load(text)
    except YamlError:
        return None
    return manifest if isinstance(manifest, dict) else None


def _substituted(text: _Text, variables: Variables, missing: set[str]) -> str:
    if "$" not in text.text or (_SUBSTITUTE in text.text and _disabled(_tolerant(text.text))):
        return text.text
    if variables.only_given:
        return substitute_given(text.text, variables.values)
    result = substitute(text.text, variables.values)
    if result.missing and variables.strict:
        raise UnsetVariablesError(result.missing)
    missing.update(result.missing)
    return result.text


def _disabled(manifest: Manifest | None) -> bool:
    metadata = (manifest or {}).get("metadata") or {}
    return any((metadata.get(place) or {}).get(_SUBSTITUTE) == "disabled" for place in ("labels", "annotations"))


def _labelled(manifest: Manifest, declared: Declared) -> Manifest:
    """With the Kustomization's common labels and annotations over its own."""
    if not declared.labels and not declared.annotations:
        return manifest
    metadata = dict(manifest.get("metadata") or {})
    for key, common in (("labels", declared.labels), ("annotations", declared.annotations)):
        if common:
            metadata[key] = {**(metadata.get(key) or {}), **common}
    return {**manifest, "metadata": metadata}
