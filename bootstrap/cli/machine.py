"""This machine: its programs, and what `doctor` looks at."""

import os
from collections.abc import Sequence
from pathlib import Path

from bootstrap.cli.options import StackOptions, settings_of
from bootstrap.config.settings import Settings
from bootstrap.model.bundle import BundleItem
from bootstrap.model.check import Check
from bootstrap.model.event import Notify
from bootstrap.model.stack import Driver, Placement, Provider, Stack
from bootstrap.state.paths import cache_folder, state_folder
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import Processes, SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.doctor import Machine, examine, machine_probes
from bootstrap.toolchain.find import Found, Missing, Toolchain, ToolchainSettings, Where
from bootstrap.toolchain.programs import EMBEDDED, PROGRAMS

TOOLS_LOCK_FILE = "bootstrap.tools.lock"
"""The lock file beside it: digests of downloaded programs."""
REQUIRED = {
    Provider.AUTO: ("kubectl", "helm", *EMBEDDED),
    Provider.KWOK: ("kubectl", "helm", *EMBEDDED),
    Provider.KIND: ("kubectl", "helm", "kind"),
    Provider.K3D: ("kubectl", "helm", "k3d"),
    Provider.EXISTING: ("kubectl", "helm"),
}
"""The programs that each provider's `up` uses."""


def required_programs(stack: Stack) -> tuple[str, ...]:
    """The programs that the stack's `up` uses."""
    spec = stack.emulator
    if spec is None or spec.placement not in {Placement.AUTO, Placement.PROCESS}:
        return REQUIRED[stack.cluster.provider]
    driver = Driver.MINISTACK if spec.driver is Driver.AUTO else spec.driver
    return (*REQUIRED[stack.cluster.provider], *((driver.value,) if driver.value in PROGRAMS else ()))


def make_toolchain(settings: Settings, work: Work) -> Toolchain:
    """The programs of this machine, without a stack."""
    cache, here = cache_folder(os.environ), Path.cwd()
    locks = (folder / TOOLS_LOCK_FILE for folder in (here, *here.parents))
    toolchain_options = toolchain_settings(settings, cache, next((file for file in locks if file.exists()), None))
    return Toolchain(toolchain_options, SystemProcesses(work.cancel.clock), work)


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
    """The token of a whole command; its deadline, if it has one, begins once all programs are present."""
    return CancelToken(SystemClock())


def toolchain_settings(settings: Settings, cache: Path, lock_file: Path | None) -> ToolchainSettings:
    """The programs of the user's settings and of this machine."""
    environment = dict(os.environ)
    if settings.mirror is not None:
        environment["BOOTSTRAP_MIRROR"] = settings.mirror
    return ToolchainSettings(cache=cache, environment=environment, given=settings.tools, lock_file=lock_file)


class StackPrograms:
    """Implements `Programs`, and `RequiredPrograms` for the programs that one stack uses."""

    def __init__(
        self, toolchain_options: ToolchainSettings, processes: Processes, cancel: CancelToken, required: Sequence[str]
    ) -> None:
        self._listener: Notify | None = None
        self._required = required
        self._platform = str(toolchain_options.platform)
        self._toolchain = Toolchain(toolchain_options, processes, Work(cancel, self._report))

    def path(self, name: str) -> Path:
        """See `Programs.path`."""
        return self._toolchain.path(name)

    def version(self, name: str) -> str:
        """See `Programs.version`."""
        return self._toolchain.version(name)

    def present(self, name: str) -> str | None:
        """See `Programs.present`."""
        return self._toolchain.present(name)

    @property
    def platform(self) -> str:
        """See `RequiredPrograms.platform`."""
        return self._platform

    def missing(self) -> tuple[str, ...]:
        """See `RequiredPrograms.missing`."""
        return tuple(each.name for each in self._toolchain.resolve_all(self._required) if isinstance(each, Missing))

    def fetch(self, work: Work) -> None:
        """See `RequiredPrograms.fetch`."""
        self._listener = work.notify
        try:
            self._toolchain.fetch(self._required)
        finally:
            self._listener = None

    def save(self, folder: Path, work: Work) -> tuple[BundleItem, ...]:
        """See `RequiredPrograms.save`."""
        self._listener = work.notify
        try:
            return self._toolchain.bundled.save(self._required, folder, work)
        finally:
            self._listener = None

    def load(self, folder: Path, work: Work) -> None:
        """See `RequiredPrograms.load`."""
        self._toolchain.bundled.load(folder, self.missing(), work)

    def folders(self) -> tuple[str, ...]:
        """See `RequiredPrograms.folders`."""
        programs = self._toolchain.resolve_all(("kubectl", "helm"))
        here = (program for program in programs if isinstance(program, Found) and program.where is not Where.PATH)
        return tuple(dict.fromkeys(str(program.path.parent) for program in here))

    def _report(self, text: str) -> None:
        if self._listener is not None:
            self._listener(text)
