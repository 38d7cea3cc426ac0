"""The stable Python API; everything else may change with any version.

from bootstrap.api import load_repo

for release in load_repo("fleet/clusters/staging", root="fleet").releases:
    print(release.id, release.chart, release.values)
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.flux.entry import source_of
from bootstrap.kube.repository_reader import read_source
from bootstrap.model.release import FluxRepo, Kustomization, Note, Release
from bootstrap.state.paths import cache_folder
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Toolchain, ToolchainSettings

__all__ = ["BootstrapError", "FluxRepo", "Kustomization", "Note", "Release", "load_repo"]


def load_repo(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    substitute: Mapping[str, str] | None = None,
    timeout: float = 120.0,
) -> FluxRepo:
    """The releases and objects that Flux would make of a repository on disk, in listed order, patched and substituted.

    `path` is the folder that Flux would be started with; the paths of Flux's Kustomizations are relative to `root`,
    without one to the Git work tree around `path`. `substitute` overrides the repository's own variables. Needs
    kubectl, which is fetched if it is missing; reads no kubeconfig and reaches no cluster. `timeout`: seconds for
    all of it. What is accepted without an effect here is in `FluxRepo.notes`.

    Raises:
        UsageError: the folder does not exist, or is not below the root.
        InvalidError: the repository is wrong; with every problem found, each with file and line.
        RefusedError: kubectl can neither be found nor fetched.
        DeadlineError: the timeout has passed.
    """
    clock = SystemClock()
    cancel = CancelToken(clock).within(timeout, f"reading {os.fspath(path)}")
    source = source_of(Path(path), None if root is None else Path(root))
    processes = SystemProcesses(clock)
    settings = ToolchainSettings(cache=cache_folder(os.environ), environment=os.environ)
    programs = Toolchain(settings, processes, Work(cancel))
    return read_source(source, programs, processes, cancel, variables=substitute or {}, environment=os.environ)
