"""Reads a Flux repository on disk with the programs of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.flux.repository import read_repo
from bootstrap.kube.kustomize import Kustomize
from bootstrap.kube.sops import sops_decrypt
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import SourceSpec
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Processes


@dataclass(frozen=True, kw_only=True, slots=True)
class DiskRepository:
    """Implements the port `Repository`."""

    source: SourceSpec | None
    """None: the stack has no repository."""
    programs: Programs
    processes: Processes
    variables: Mapping[str, str]
    environment: Mapping[str, str]

    def read(self, cancel: CancelToken) -> FluxRepo:
        """See `Repository.read`."""
        if self.source is None:
            return FluxRepo()
        return read_source(
            self.source,
            self.programs,
            self.processes,
            cancel,
            variables=self.variables,
            environment=self.environment,
            tolerant=True,
        )


def read_source(  # noqa: PLR0913 - what differs between its two callers
    source: SourceSpec,
    programs: Programs,
    processes: Processes,
    cancel: CancelToken,
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    tolerant: bool = False,
) -> FluxRepo:
    """See `read_repo`; kustomize is the one inside kubectl, secrets are decrypted by `sops` where PATH has it."""
    kustomize = Kustomize(programs, processes)
    return read_repo(
        source,
        build=lambda folder: kustomize.build(folder, cancel),
        origin=own_remote(source.root, processes, cancel),
        variables=variables,
        decrypt=sops_decrypt(environment, processes, cancel),
        tolerant=tolerant,
    )


def own_remote(root: Path, processes: Processes, cancel: CancelToken) -> str | None:
    """The address of the repository's own remote; None if it has none, or is not a Git repository."""
    # A tree of another user, as a CI job mounts it: git would read nothing in it. This runs nothing of the tree.
    trusted = ("git", "-c", "safe.directory=*", "-C", str(root))
    asked = Command(argv=(*trusted, "config", "--get", "remote.origin.url"))
    return processes.run(asked, cancel, check=False).text().strip() or None
