"""What Flux does to rendered objects before they are installed: kustomize post renderers and common metadata.

helm calls a small script that hands everything to the kustomize inside kubectl, one folder upon the other.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.charts.helm import Helm
from bootstrap.kube.kustomize import Kustomize
from bootstrap.model.kube import Manifest, ObjectRef
from bootstrap.model.release import Release
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Processes
from bootstrap.yamltext.kubernetes import load_all

_PLUGIN = "bootstrap-kustomize"
_INPUT = "all.yaml"
_SCRIPT = """#!/bin/sh
set -eu
cat > "$1/0/all.yaml"
exec "$BOOTSTRAP_KUBECTL" kustomize --load-restrictor=LoadRestrictionsNone "$1/$2"
"""
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

    @property
    def needed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.stages)


def post_renderer(release: Release, dropped: Iterable[ObjectRef] = ()) -> PostRenderer:
    """A release's post renderers in order, then its common metadata, then what is left out."""
    stages: list[Mapping[str, Any]] = [dict(stage) for stage in release.post_renderers if stage]
    if release.common_metadata:
        stages.append({"transformers": list(_common_metadata(release.common_metadata))})
    if patches := [_deletion(ref) for ref in dropped]:
        stages.append({"patches": patches})
    return PostRenderer(stages=tuple(stages))


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
        try:
            write_whole(folder / "0" / _INPUT, "\n---\n".join(json.dumps(one) for one in manifests).encode())
            built = self._kustomize.build(folder / str(len(renderer.stages)), cancel)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return tuple(load_all(built.decode()))

    def flags(self, renderer: PostRenderer, name: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """What helm is told, as arguments and environment, to post render by itself."""
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
        first = private_folder(folder / "0")
        write_whole(first / "kustomization.yaml", json.dumps({"resources": [_INPUT]}).encode())
        for number, stage in enumerate(renderer.stages, start=1):
            # A later stage takes the one before as its only resource.
            whole = {**stage, "resources": [f"../{number - 1}"]}
            write_whole(folder / str(number) / "kustomization.yaml", json.dumps(whole).encode())
        return folder

    def _script(self) -> Path:
        plugin = self._helm.plugins / _PLUGIN
        script = plugin / "render.sh"
        if not script.exists() or script.read_text() != _SCRIPT:
            write_whole(plugin / "plugin.yaml", json.dumps(_PLUGIN_FILE).encode())
            write_whole(script, _SCRIPT.encode(), mode=0o700)
        return script


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
