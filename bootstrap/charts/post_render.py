"""What Flux does to rendered objects before they are installed: kustomize post renderers and common metadata.

helm calls a small script that hands everything to the kustomize inside kubectl, one folder upon the other.
"""

import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.charts.helm import Helm
from bootstrap.kube.kustomize import Kustomize
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in, ref_of
from bootstrap.model.labels import HELM_HOOK
from bootstrap.model.release import Release
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Processes
from bootstrap.yamltext.kubernetes import YamlError, load_all

_PLUGIN = "bootstrap-kustomize"
_INPUT = "all.yaml"
_HOOKS = "hooks"
_SCRIPT = """#!/bin/sh
set -eu
build() { "$BOOTSTRAP_KUBECTL" kustomize --load-restrictor=LoadRestrictionsNone "$1"; }
if [ ! -d "$1/hooks" ]; then
  cat > "$1/0/all.yaml"
  build "$1/$2"
  exit
fi
: > "$1/0/all.yaml"
: > "$1/hooks/0/all.yaml"
awk -v objects="$1/0/all.yaml" -v hooks="$1/hooks/0/all.yaml" '
  function flush() { if (text != "") printf "---\\n%s", text >> (hook ? hooks : objects); text = ""; hook = 0 }
  /^---/ { flush(); next }
  /[ {,"\\047]helm\\.sh\\/hook["\\047]?:/ { hook = 1 }
  { text = text $0 "\\n" }
  END { flush() }'
build "$1/$2"
echo ---
build "$1/hooks/$2"
"""
"""A hook may have the name of an object, which kustomize does not allow: then each is built by itself."""
_PLUGIN_FILE = {
    "apiVersion": "v1",
    "type": "postrenderer/v1",
    "name": _PLUGIN,
    "version": "1.0.0",
    "runtime": "subprocess",
    "runtimeConfig": {"platformCommand": [{"command": "${HELM_PLUGIN_DIR}/render.sh"}]},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PostRenderer:
    """Kustomizations, each on top of the one before; empty: nothing is changed."""

    stages: tuple[Mapping[str, Any], ...] = ()
    hook_stages: tuple[Mapping[str, Any], ...] = ()
    """Those of the hooks, if some of them have the name of an object: each is rendered by itself. Else empty."""

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.stages)


def post_renderer(release: Release, manifests: Sequence[Manifest], dropped: Iterable[ObjectRef] = ()) -> PostRenderer:
    """A release's post renderers in order, then its common metadata, then what is left out.

    `manifests` are its objects, hooks included if they are rendered too.
    """
    stages: list[Mapping[str, Any]] = [dict(stage) for stage in release.post_renderers if stage]
    if release.common_metadata:
        stages.append({"transformers": list(_common_metadata(release.common_metadata))})
    if patches := [_deletion(ref) for ref in dropped]:
        stages.append({"patches": patches})
    hooks = frozenset(_identity(manifest) for manifest in manifests if is_hook(manifest))
    objects = frozenset(_identity(manifest) for manifest in manifests if not is_hook(manifest))
    if not stages or hooks.isdisjoint(objects):
        return PostRenderer(stages=tuple(stages))
    return PostRenderer(
        stages=tuple(_without_patches_of(stage, hooks - objects) for stage in stages),
        hook_stages=tuple(_without_patches_of(stage, objects - hooks) for stage in stages),
    )


def is_hook(manifest: Manifest) -> bool:
    """Whether helm runs it at certain moments, instead of keeping it in the release."""
    return HELM_HOOK in mapping_in(manifest, "metadata", "annotations")


def _identity(manifest: Manifest) -> tuple[str, str]:
    ref = ref_of(manifest)
    return ref.kind, ref.name


def _without_patches_of(stage: Mapping[str, Any], absent: Collection[tuple[str, str]]) -> Mapping[str, Any]:
    """The stage without patches that name an object which is not here; one with a target may match nothing."""
    kept = [patch for patch in stage.get("patches") or () if patch.get("target") or _patched(patch) not in absent]
    return {**stage, **({"patches": kept} if "patches" in stage else {})}


def _patched(patch: Mapping[str, Any]) -> tuple[str, str] | None:
    try:
        document = load_all(str(patch.get("patch") or ""))
    except YamlError:
        return None
    return _identity(document[0]) if document and isinstance(document[0], dict) else None


class PostRendering:
    """Runs post renderers, by ourselves for a render and through helm for an install."""

    def __init__(self, programs: Programs, processes: Processes, helm: Helm, folder: Path) -> None:
        self._programs = programs
        self._kustomize = Kustomize(programs, processes)
        self._helm = helm
        self._folder = folder

    def render(
        self, renderer: PostRenderer, manifests: Sequence[Manifest], name: str, cancel: CancelToken
    ) -> tuple[Manifest, ...]:
        """These objects, post rendered.

        Raises:
            CommandFailedError: kustomize rejects a patch.
        """
        if not renderer.needed or not manifests:
            return tuple(manifests)
        folder = self._lay_out(renderer, f"render-{name}")
        parts = [(folder, [manifest for manifest in manifests if not (renderer.hook_stages and is_hook(manifest))])]
        if renderer.hook_stages:
            parts.append((folder / _HOOKS, [manifest for manifest in manifests if is_hook(manifest)]))
        try:
            built = [self._build(part, objects, len(renderer.stages), cancel) for part, objects in parts]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return tuple(manifest for text in built for manifest in load_all(text.decode()))

    def _build(self, folder: Path, manifests: Sequence[Manifest], stages: int, cancel: CancelToken) -> bytes:
        write_whole(folder / "0" / _INPUT, "\n---\n".join(json.dumps(manifest) for manifest in manifests).encode())
        return self._kustomize.build(folder / str(stages), cancel)

    def flags(self, renderer: PostRenderer, name: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """The arguments and environment with which helm post-renders by itself."""
        if not renderer.needed:
            return (), {}
        folder = self._lay_out(renderer, f"install-{name}")
        script = self._script()
        named = _PLUGIN if self._helm.dialect.plugin_renderer else str(script)
        arguments = (
            *("--post-renderer", named),
            *("--post-renderer-args", str(folder), "--post-renderer-args", str(len(renderer.stages))),
        )
        return arguments, {"BOOTSTRAP_KUBECTL": str(self._programs.path("kubectl"))}

    def _lay_out(self, renderer: PostRenderer, name: str) -> Path:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        _lay_out_stages(folder, renderer.stages)
        if renderer.hook_stages:
            _lay_out_stages(folder / _HOOKS, renderer.hook_stages)
        return folder

    def _script(self) -> Path:
        plugin = self._helm.plugins / _PLUGIN
        script = plugin / "render.sh"
        if not script.exists() or script.read_text() != _SCRIPT:
            write_whole(plugin / "plugin.yaml", json.dumps(_PLUGIN_FILE).encode())
            write_whole(script, _SCRIPT.encode(), mode=0o700)
        return script


def _lay_out_stages(folder: Path, stages: Sequence[Mapping[str, Any]]) -> None:
    first = private_folder(folder / "0")
    write_whole(first / "kustomization.yaml", json.dumps({"resources": [_INPUT]}).encode())
    for number, stage in enumerate(stages, start=1):
        # A later stage takes the one before as its only resource.
        whole = {**stage, "resources": [f"../{number - 1}"]}
        write_whole(folder / str(number) / "kustomization.yaml", json.dumps(whole).encode())


def _common_metadata(metadata: Mapping[str, Any]) -> Iterable[str]:
    """Transformers that touch the objects' own metadata only; commonLabels would reach into pod templates."""
    for kind, key, field in (
        ("LabelTransformer", "labels", "metadata/labels"),
        ("AnnotationsTransformer", "annotations", "metadata/annotations"),
    ):
        if metadata.get(key):
            yield json.dumps(
                {
                    "apiVersion": "builtin",
                    "kind": kind,
                    "metadata": {"name": f"common-{key}"},
                    key: metadata[key],
                    "fieldSpecs": [{"path": field, "create": True}],
                }
            )


def _deletion(ref: ObjectRef) -> Mapping[str, Any]:
    target = {"kind": ref.kind, "name": ref.name}
    patch = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name},
        "$patch": "delete",
    }
    return {"target": target, "patch": json.dumps(patch)}
