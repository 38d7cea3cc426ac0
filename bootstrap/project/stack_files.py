"""The stack files that `init` writes, with the reason of each choice beside it."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bootstrap.project.discover import Discovered

DEV, CI = "dev", "ci"
_STAGES = {
    DEV: ("dev", "development", "local", "home", "kind", "k3d", "minikube", "test", "staging", "stage"),
    CI: ("ci", "e2e", "test", "testing", "kind", "dev", "development", "local", "staging", "stage"),
}
_LIVE = ("prod", "production", "live")
_PORTS = {DEV: (8080, 8443), CI: (18080, 18443)}
_USE = {DEV: "What a developer works on every day.", CI: "The same for a CI job: nothing is kept."}
_COLUMN = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeds:
    """Where the stack's AWS data comes from."""

    folder: Path
    comment: str


def stack_file(name: str, discovered: Discovered, seeds: Seeds | None, folder: Path) -> str:
    """The text of `folder/NAME.yaml`, for a project as it was found."""
    lines = [
        f"# {_USE[name]} Written by `bootstrap init`; every field: docs/stack-file.md of bootstrap-stack.",
        f"#   bootstrap up{'' if name == DEV else f' {name}'}",
        "apiVersion: bootstrap.dev/v1",
        "kind: Stack",
        f"metadata: {{name: {name}}}",
        *_cluster(name, discovered, folder),
        *_emulator(name, discovered, seeds),
        *_seeds(seeds, folder),
        *_source(name, discovered, folder),
    ]
    return "\n".join(lines) + "\n"


def entry_for(name: str, entries: Sequence[Path]) -> Path:
    """Of several clusters' folders, the one that this stack is most likely meant to be."""

    def rank(entry: Path) -> tuple[int, str]:
        words = re.split(r"[^a-z0-9]+", entry.name.lower())
        if any(word in _LIVE for word in words):
            return len(_STAGES[name]) + 1, str(entry)
        ranks = [_STAGES[name].index(word) for word in words if word in _STAGES[name]]
        return min(ranks, default=len(_STAGES[name])), str(entry)

    return min(entries, key=rank)


def releases(charts: Sequence[Path], root: Path) -> dict[str, str]:
    """A HelmRelease for each chart of the project, by file name, and the source that they name."""
    source = _object("source.toolkit.fluxcd.io/v1", "GitRepository", "project", "flux-system")
    files = {
        "source.yaml": f"# This working tree: nothing is fetched from the address.\n{source}spec:\n"
        "  interval: 1h\n  url: https://git.example.com/project.git\n  ref: {branch: main}\n"
    }
    for chart in charts:
        name = re.sub(r"[^a-z0-9-]+", "-", chart.name.lower()).strip("-")[:40] or "chart"
        path = PurePosixPath(chart.relative_to(root).as_posix())
        release = _object("helm.toolkit.fluxcd.io/v2", "HelmRelease", name, "flux-system")
        files[f"{name}.yaml"] = (
            f"{release}spec:\n  interval: 1h\n  targetNamespace: {name}\n  install: {{createNamespace: true}}\n"
            f"  chart:\n    spec:\n      chart: {json.dumps(f'./{path}')}\n"
            "      sourceRef: {kind: GitRepository, name: project}\n"
            f"  values: {{}}                  # over those of {path}/values.yaml\n"
        )
    return files


def _object(version: str, kind: str, name: str, namespace: str) -> str:
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n"


def _cluster(name: str, discovered: Discovered, folder: Path) -> Iterator[str]:
    http, https = _PORTS[name]
    yield "cluster:"
    if name == DEV and discovered.k3d and not discovered.kind:
        yield _commented("  provider: k3d", "because of its configuration; without Docker: --provider kwok")
        yield _commented(f"  config: {_relative(discovered.k3d[0], folder)}", _others(discovered.k3d, folder))
    else:
        yield _commented("  provider: auto", "kind if a Docker engine answers, else kwok, whose pods are simulated")
        if discovered.kind and name == DEV:
            text = f"  config: {_relative(discovered.kind[0], folder)}"
            yield _commented(text, f"merged in on kind{_others(discovered.kind, folder, '; ')}")
    why = "not those of dev: both can be up at once" if name == CI else "of this machine, for the ingress controller"
    yield _commented(f"  ports: {{http: {http}, https: {https}}}", why)


def _emulator(name: str, discovered: Discovered, seeds: Seeds | None) -> Iterator[str]:
    if seeds is None and not discovered.compose and discovered.aws is None and not discovered.empty:
        yield _commented("emulator: false", "nothing here names AWS; without this line there is one")
        return
    yield "emulator:"
    compose = discovered.compose[0] if discovered.compose else None
    if compose is not None:
        where = f"{os.path.relpath(compose.file, discovered.root)}:{compose.service.line}"
        image = compose.service.image or compose.service.name
        yield _commented("  driver: auto", f"MiniStack, in the place of {image} of {where}")
    region = compose.service.region if compose is not None else None
    why = "as in the compose file" if region else "of clients and of what is declared"
    yield _commented(f"  region: {region or 'us-east-1'}", why)
    if name == CI:
        yield _commented("  persist: false", "a job begins with what is declared, and keeps nothing")


def _seeds(seeds: Seeds | None, folder: Path) -> Iterator[str]:
    if seeds is not None:
        yield _commented(f"seeds: [{_relative(seeds.folder, folder)}]", seeds.comment)


def _source(name: str, discovered: Discovered, folder: Path) -> Iterator[str]:
    if not discovered.entries:
        return
    entry = entry_for(name, discovered.entries)
    others = [_relative(other, discovered.root) for other in discovered.entries if other != entry]
    yield "source:"
    yield _commented(f"  root: {_relative(discovered.root, folder)}", "Flux paths are relative to it")
    more = f"; there are also {', '.join(others)}" if others else ""
    yield _commented(f"  path: {_relative(entry, discovered.root)}", f"what Flux is started with{more}")


def _others(files: Sequence[Path], folder: Path, before: str = "") -> str:
    others = ", ".join(_relative(file, folder) for file in files[1:])
    return f"{before}there are also {others}" if others else ""


def _relative(path: Path, folder: Path) -> str:
    """As YAML has it: quoted if it would read as something else."""
    text = os.path.relpath(path, folder)
    return text if re.fullmatch(r"[\w./][\w./ -]*", text) and not text.endswith(" ") else json.dumps(text)


def _commented(text: str, comment: str) -> str:
    return f"{text:<{_COLUMN - 1}} # {comment}" if comment else text
