"""Builds kustomizations with the kustomize inside kubectl."""

import os
from collections.abc import Callable
from pathlib import Path

from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_SECONDS = 120.0
_PASSED = ("PATH", "HOME", "TMPDIR", "LANG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
Build = Callable[[Path, CancelToken], bytes]


class Kustomize:
    """Called from several threads at once; remembers nothing."""

    def __init__(self, programs: Programs, processes: Processes) -> None:
        self._programs = programs
        self._processes = processes

    def build(self, folder: Path, cancel: CancelToken) -> bytes:
        """The YAML that `kustomize build` gives for this folder; files outside it may be named, as in Flux.

        Raises:
            CommandFailedError: kustomize rejects the folder; names it.
        """
        command = Command(
            argv=(
                str(self._programs.path("kubectl")),
                "kustomize",
                "--load-restrictor=LoadRestrictionsNone",
                str(folder),
            ),
            env=clean_environment(),
        )
        within = cancel.within(_SECONDS, f"kustomize build {folder}")
        finished = self._processes.run(command, within, check=False)
        if finished.returncode != 0:
            raise CommandFailedError(command, finished, what=f"kustomize cannot build {folder}")
        return finished.stdout


def clean_environment() -> dict[str, str]:
    """What a program needs of ours; an empty KUBECONFIG, so that none reaches a cluster that it was not given.

    Without one, the file in HOME counts: some vendors' kubectl asks the server that it names before anything else.
    """
    # Also lower-case proxy variables are read by Go programs.
    names = (*_PASSED, *(name.lower() for name in _PASSED if name.endswith("PROXY")))
    return {name: os.environ[name] for name in names if name in os.environ} | {"KUBECONFIG": os.devnull}
