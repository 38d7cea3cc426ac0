"""This machine: its programs, and what `doctor` looks at."""

import os
from collections.abc import Callable
from pathlib import Path

from bootstrap.cli.options import StackOptions, settings_of
from bootstrap.config.settings import Settings
from bootstrap.model.check import Check
from bootstrap.model.event import Say
from bootstrap.model.stack import Provider
from bootstrap.state.paths import cache_folder, state_folder
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.doctor import Machine, examine, machine_probes
from bootstrap.toolchain.find import Toolchain, ToolchainSettings
from bootstrap.toolchain.table import EMBEDDED

TOOLS_LOCK_FILE = "bootstrap.tools.lock"
"""Beside it: the digests of programs that were downloaded."""
NEEDED = {
    Provider.AUTO: ("kubectl", "helm", *EMBEDDED),
    Provider.KWOK: ("kubectl", "helm", *EMBEDDED),
    Provider.KIND: ("kubectl", "helm", "kind"),
    Provider.K3D: ("kubectl", "helm", "k3d"),
    Provider.EXISTING: ("kubectl", "helm"),
}
"""The programs that each provider's `up` uses."""


def make_toolchain(settings: Settings, work: Work) -> Toolchain:
    """The programs of this machine, without a stack."""
    cache, here = cache_folder(os.environ), Path.cwd()
    locks = (folder / TOOLS_LOCK_FILE for folder in (here, *here.parents))
    known = toolchain_settings(settings, cache, next((file for file in locks if file.exists()), None))
    return Toolchain(known, SystemProcesses(work.cancel.clock), work)


def examine_machine(options: StackOptions) -> tuple[Check, ...]:
    """Everything that `doctor` looks at."""
    from bootstrap.docker.doctor import docker_probe  # noqa: PLC0415 - the docker library loads slowly

    machine = Machine(
        toolchain=make_toolchain(settings_of(options), Work(new_token())),
        environment=os.environ,
        cache=cache_folder(os.environ),
        state=state_folder(os.environ),
    )
    return examine((*machine_probes(machine), docker_probe(os.environ)))


def new_token() -> CancelToken:
    """The token of a whole command; its deadline, where it has one, begins once all programs are here."""
    return CancelToken(SystemClock())


def toolchain_settings(settings: Settings, cache: Path, lock_file: Path | None) -> ToolchainSettings:
    """What the user's settings and this machine say of programs."""
    environment = dict(os.environ)
    if settings.mirror is not None:
        environment["BOOTSTRAP_MIRROR"] = settings.mirror
    return ToolchainSettings(cache=cache, environment=environment, given=settings.tools, lock_file=lock_file)


class Telling:
    """What a toolchain says, led to whoever listens now."""

    def __init__(self) -> None:
        self._say: Say | None = None

    def __call__(self, text: str) -> None:
        """Say it, where anybody listens."""
        if self._say is not None:
            self._say(text)

    def through(self, say: Say, act: Callable[[], object]) -> None:
        """Act, and lead what is said meanwhile to this listener."""
        self._say = say
        try:
            act()
        finally:
            self._say = None
