"""Constructs the adapters of one stack: the only place that knows them all."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.cli.options import StackOptions, settings_of
from bootstrap.clock import CancelToken, Clock, SystemClock
from bootstrap.config.conflicts import resolve_auto
from bootstrap.config.documents import ValuePath, path_text
from bootstrap.config.flags import Overrides
from bootstrap.config.settings import Settings
from bootstrap.config.stack import LoadedStack, load_stack
from bootstrap.config.state import cache_folder, state_folder, state_paths
from bootstrap.engine.journal import Journal
from bootstrap.engine.leftovers import AllLeftovers
from bootstrap.engine.platform import Platform
from bootstrap.engine.ports import ClusterProvider, Emulator, Images, Leftovers, Ports, Programs
from bootstrap.engine.remembered import remembered
from bootstrap.errors import BootstrapError, Place, RefusedError
from bootstrap.model.check import Check
from bootstrap.model.event import Say
from bootstrap.model.kube import ObjectRef
from bootstrap.model.observed import EmulatorRelease
from bootstrap.model.release import FluxRepo, Note
from bootstrap.model.stack import ClusterSpec, Placement, Provider, Stack, StatePaths
from bootstrap.model.status import Health
from bootstrap.plan import ids
from bootstrap.plan.build import Wanted
from bootstrap.plan.units import cut
from bootstrap.process import SystemProcesses
from bootstrap.toolchain.doctor import Machine, examine, machine_probes
from bootstrap.toolchain.resolve import Found, Missing, Toolchain, ToolchainSettings, Where
from bootstrap.toolchain.table import EMBEDDED, PROGRAMS

if TYPE_CHECKING:
    from bootstrap.charts.releases import HelmCharts
    from bootstrap.clusters.tool import ClusterTool
    from bootstrap.containers.stack import StackOnDocker
    from bootstrap.seeds.seeding import Seeding  # `--help` imports no adapter

LOCK_FILE = "bootstrap.lock"
"""Beside the project's stacks: what each chart reference means."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A stack with all that can act for it, and where its values came from."""

    platform: Platform
    loaded: LoadedStack
    settings: Settings
    processes: SystemProcesses
    cache: Path
    toolchain: Toolchain
    charts: "HelmCharts"

    @property
    def lock_file(self) -> Path:
        """Where the project keeps what its chart references mean."""
        return self.platform.stack.project / LOCK_FILE

    def program_folders(self) -> tuple[str, ...]:
        """Where kubectl and helm are, as far as they are not on PATH: what `run` and `env` put before it."""
        found = self.toolchain.resolve_all(("kubectl", "helm"))
        folders = (str(one.path.parent) for one in found if isinstance(one, Found) and one.where is not Where.PATH)
        return tuple(dict.fromkeys(folders))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """What the adapters of one stack share."""

    stack: Stack
    state: StatePaths
    cache: Path
    settings: Settings
    processes: SystemProcesses
    programs: Programs
    clock: Clock
    locked: bool
    """Whether only charts of the lock file are taken."""
    preload: bool
    """Whether images go to the cluster through this machine's engine."""
    adopt: bool
    """Whether a cluster of our name that we did not make is taken over."""


def open_stack(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Opened:
    """Read the stack file and make its adapters; touches nothing but files of ours.

    Raises:
        UsageError, InvalidError: the command line, the stack file or the settings are wrong.
        RefusedError: the stack lives where it cannot be reached.
    """
    loaded = load_stack(options.reference, options.overrides, cwd=Path.cwd(), environment=os.environ)
    return _open(loaded, state_paths(loaded.stack, os.environ), options, settings, cancel)


def open_remembered(
    state: StatePaths, *, cancel: CancelToken, settings: Settings | None = None, overrides: Overrides | None = None
) -> Opened | None:
    """The stack as it was brought up last, whatever its file says now; None where no run got so far.

    Raises:
        RefusedError: the stack lives where it cannot be reached.
    """
    stack = remembered(state)
    if stack is None:
        return None

    def place(path: ValuePath) -> Place:
        return Place(file=str(state.remembered), path=path_text(path))

    options = StackOptions(reference=None, overrides=overrides or Overrides())
    return _open(LoadedStack(stack=stack, values=(), place=place), state, options, settings, cancel)


def _open(
    loaded: LoadedStack, state: StatePaths, options: StackOptions, settings: Settings | None, cancel: CancelToken
) -> Opened:
    held, cache = settings or settings_of(options), cache_folder(os.environ)
    lives_on = _lives_on(state)
    docker = _docker_answers(loaded.stack, lives_on)
    stack = resolve_auto(
        loaded.stack, docker_answers=docker, lives_on=lives_on, lived_in=_lived_in(state), place=loaded.place
    )
    stack = _with_ports(_apart(stack), state, options)
    clock = cancel.clock
    journal = Journal(state.journal, clock)
    processes = SystemProcesses(clock, journal.child)
    telling = _Telling()
    toolchain = Toolchain(
        _toolchain_settings(held, cache, loaded.stack.project / TOOLS_LOCK_FILE), processes, cancel, telling
    )
    parts = _Parts(
        stack=stack,
        state=state,
        cache=cache,
        settings=held,
        processes=processes,
        programs=toolchain,
        clock=clock,
        locked=options.locked,
        preload=options.preload,
        adopt=options.adopt,
    )
    needed = NEEDED[stack.cluster.provider]
    charts = _charts(parts)
    ports = _ports(parts, charts)
    platform = Platform(
        stack=stack,
        state=state,
        ports=ports,
        processes=processes,
        journal=journal,
        clock=clock,
        read=lambda token: _read(parts, token),
        check=_check(parts),
        preflight=lambda wanted, steps: _preflight(charts, wanted, steps),
        infer=lambda wanted: _infer(parts, wanted),
        health=_health(parts),
        configuration=lambda: _configuration(parts),
        watch=_watch(ports.cluster),
        lacking=lambda: [one.name for one in toolchain.resolve_all(needed) if isinstance(one, Missing)],
        fetch=lambda say: telling.through(say, lambda: toolchain.fetch(needed)),
        headline=_headline(loaded.stack, stack, lives_on),
        collect=lambda say, token: _collect(parts, say, token),
    )
    return Opened(
        platform=platform,
        loaded=loaded,
        settings=held,
        processes=processes,
        cache=cache,
        toolchain=toolchain,
        charts=charts,
    )


def _apart(stack: Stack) -> Stack:
    """An instance with a name takes no port that another would try first too."""
    if not stack.instance or stack.emulator is None:
        return stack
    return replace(stack, emulator=replace(stack.emulator, first_port=0))


def _with_ports(stack: Stack, state: StatePaths, options: StackOptions) -> Stack:
    if stack.cluster.provider not in {Provider.KIND, Provider.K3D}:
        return stack
    from bootstrap.clusters.chosen_ports import choose_ports, remembered_ports  # noqa: PLC0415 - `--help` does without

    declared = stack.cluster.ports
    ports = remembered_ports(declared, state)
    if options.choose_ports:
        ports = choose_ports(declared, state, apart=bool(stack.instance))
    return replace(stack, cluster=replace(stack.cluster, ports=ports))


def make_toolchain(settings: Settings, cancel: CancelToken, say: Say = lambda _text: None) -> Toolchain:
    """The programs of this machine, without a stack."""
    cache, here = cache_folder(os.environ), Path.cwd()
    locks = (folder / TOOLS_LOCK_FILE for folder in (here, *here.parents))
    known = _toolchain_settings(settings, cache, next((file for file in locks if file.exists()), None))
    return Toolchain(known, SystemProcesses(cancel.clock), cancel, say)


def examine_machine(options: StackOptions) -> tuple[Check, ...]:
    """Everything that `doctor` looks at."""
    from bootstrap.containers.doctor import docker_probe  # noqa: PLC0415 - the docker library loads slowly

    machine = Machine(
        toolchain=make_toolchain(settings_of(options), new_token()),
        environment=os.environ,
        cache=cache_folder(os.environ),
        state=state_folder(os.environ),
    )
    return examine((*machine_probes(machine), docker_probe(os.environ)))


def new_token() -> CancelToken:
    """The token of a whole command; its deadline, where it has one, begins once all programs are here."""
    return CancelToken(SystemClock())


def _toolchain_settings(settings: Settings, cache: Path, lock_file: Path | None) -> ToolchainSettings:
    environment = dict(os.environ)
    if settings.mirror is not None:
        environment["BOOTSTRAP_MIRROR"] = settings.mirror
    return ToolchainSettings(cache=cache, environment=environment, given=settings.tools, lock_file=lock_file)


def _lives_on(state: StatePaths) -> Provider | None:
    try:
        return Provider(state.provider.read_text().strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise RefusedError(f"{state.provider} names no provider", fix=f"remove {state.folder}") from None


def _lived_in(state: StatePaths) -> Placement | None:
    before = remembered(state)
    return None if before is None or before.emulator is None else before.emulator.placement


def _docker_answers(stack: Stack, lives_on: Provider | None) -> bool:
    """Whether a Docker engine answers; asked only where the answer counts."""
    on_docker = {Provider.KIND, Provider.K3D}
    if lives_on not in {None, *on_docker} or stack.cluster.provider not in {Provider.AUTO, *on_docker}:
        return False
    from bootstrap.containers.engine import engine_answers  # noqa: PLC0415 - the docker library loads slowly

    return engine_answers(os.environ)


def _headline(asked: Stack, stack: Stack, lives_on: Provider | None) -> str:
    provider = stack.cluster.provider
    found = asked.cluster.provider is Provider.AUTO and lives_on is None and provider is Provider.KWOK
    why = " (no Docker engine answers)" if found else ""
    simulated = ": a real Kubernetes API, but pods are simulated" if provider is Provider.KWOK else ""
    named = f" ({stack.instance})" if stack.instance else ""
    return f"stack {stack.name}{named} on {provider}{why}{simulated}"


class _Telling:
    """What a toolchain says, led to whoever listens now."""

    def __init__(self) -> None:
        self._say: Say | None = None

    def __call__(self, text: str) -> None:
        if self._say is not None:
            self._say(text)

    def through(self, say: Say, act: Callable[[], object]) -> None:
        self._say = say
        try:
            act()
        finally:
            self._say = None


def _charts(parts: _Parts) -> "HelmCharts":
    from bootstrap.charts.releases import HelmCharts  # noqa: PLC0415 - `--help` imports no adapter

    return HelmCharts(
        programs=parts.programs,
        processes=parts.processes,
        cache=parts.cache,
        state=parts.state,
        kube_version=_kube_version(parts.stack.cluster),
        mirrors=parts.stack.mirrors,
        lock_file=parts.stack.project / LOCK_FILE,
        locked=parts.locked,
    )


def _ports(parts: _Parts, charts: "HelmCharts") -> Ports:
    from bootstrap.kube.objects import KubeObjects  # noqa: PLC0415 - `--help` imports no adapter

    emulator, emulator_of = _emulators(parts)
    return Ports(
        cluster=_cluster(parts),
        emulator=emulator,
        emulator_of=emulator_of,
        seeds=_seeds(parts),
        charts=charts,
        objects=KubeObjects(parts.processes, parts.state.folder.name),
        images=_images(parts),
        leftovers=_leftovers(parts),
    )


def _leftovers(parts: _Parts) -> Leftovers | None:
    found: list[Leftovers] = []
    # Declared otherwise since, it still has there what it had.
    if _is_on_engine(parts.stack) or (parts.state.folder / "owner").exists():
        from bootstrap.containers.leftovers import DockerLeftovers  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.containers.stack import StackOnDocker  # noqa: PLC0415

        found.append(DockerLeftovers(StackOnDocker(parts.state, os.environ)))
    from bootstrap.kube.merged import MergedEntries, is_merged  # noqa: PLC0415 - `--help` imports no adapter

    if is_merged(parts.state):
        found.append(MergedEntries(parts.state))
    return AllLeftovers(found) if found else None


def _collect(parts: _Parts, say: Say, cancel: CancelToken) -> None:
    from bootstrap.cli.collecting import Collecting, collect  # noqa: PLC0415 - it opens the stacks that it takes away

    what = Collecting(but=parts.state.folder, on_engine=_is_on_engine(parts.stack), settings=parts.settings)
    collect(what, say, cancel)


def _is_on_engine(stack: Stack) -> bool:
    """Whether anything of the stack is in containers of a Docker engine."""
    contained = stack.emulator is not None and stack.emulator.placement is Placement.CONTAINER
    return contained or stack.cluster.provider in {Provider.KIND, Provider.K3D}


def _images(parts: _Parts) -> Images | None:
    if not parts.preload or parts.stack.cluster.provider not in {Provider.KIND, Provider.K3D}:
        return None
    from bootstrap.clusters.images import MachineImages  # noqa: PLC0415 - the docker library loads slowly
    from bootstrap.containers.stack import StackOnDocker  # noqa: PLC0415

    docker = StackOnDocker(parts.state, os.environ)
    return MachineImages(_tool(parts, docker), docker)


def _kube_version(spec: ClusterSpec) -> str:
    """What charts are told before the cluster can be asked: a minor alone means its embedded, else its first patch."""
    embedded = PROGRAMS["kube-apiserver"].wanted
    if embedded.startswith(f"{spec.kubernetes}."):
        return embedded
    return spec.kubernetes if spec.kubernetes.count(".") > 1 else f"{spec.kubernetes}.0"


def _cluster(parts: _Parts) -> ClusterProvider:
    stack = parts.stack
    match stack.cluster.provider:
        case Provider.KWOK | Provider.AUTO:
            from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415

            named = f"{stack.name}-{stack.instance}" if stack.instance else stack.name
            return KwokProvider(named, stack.cluster, parts.state, parts.programs, parts.processes, parts.clock)
        case Provider.KIND | Provider.K3D:
            return _machines(parts)
        case Provider.EXISTING:
            from bootstrap.clusters.existing.provider import ExistingProvider  # noqa: PLC0415

            return ExistingProvider(stack.cluster, parts.state, parts.processes, os.environ)


def _machines(parts: _Parts) -> ClusterProvider:
    from bootstrap.clusters.machines import MachineCluster  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.containers.stack import StackOnDocker  # noqa: PLC0415

    docker = StackOnDocker(parts.state, os.environ)
    tool = _tool(parts, docker)
    return MachineCluster(tool, parts.stack.cluster.ports, parts.state, docker, parts.processes, adopt=parts.adopt)


def _configuration(parts: _Parts) -> Mapping[str, Any] | None:
    if parts.stack.cluster.provider not in {Provider.KIND, Provider.K3D}:
        return None
    from bootstrap.containers.stack import StackOnDocker  # noqa: PLC0415 - `--help` imports no adapter

    found: Mapping[str, Any] = json.loads(_tool(parts, StackOnDocker(parts.state, os.environ)).configuration())
    return found


def _tool(parts: _Parts, docker: "StackOnDocker") -> "ClusterTool":
    from bootstrap.clusters.k3d.tool import LONGEST, K3d  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.clusters.kind.tool import Kind  # noqa: PLC0415

    spec = parts.stack.cluster
    if spec.provider is Provider.K3D:
        short = docker.name_within(LONGEST)
        return K3d(spec, short, docker.name, parts.programs, parts.processes, os.environ)
    return Kind(spec, docker.name, parts.programs, parts.processes, os.environ)


def _watch(cluster: ClusterProvider) -> Callable[[], None] | None:
    from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415 - `--help` imports no adapter

    return cluster.check if isinstance(cluster, KwokProvider) else None


def _emulators(parts: _Parts) -> tuple[Emulator | None, Callable[[EmulatorRelease], Emulator] | None]:
    from bootstrap.emulators.choose import Means, emulator_for, emulator_of, no_emulator  # noqa: PLC0415

    name, spec = parts.stack.name, parts.stack.emulator
    means = Means(
        state=parts.state,
        processes=parts.processes,
        clock=parts.clock,
        environment=os.environ,
        programs=parts.programs,
    )
    if spec is None:
        return no_emulator(name, means), None
    return emulator_for(name, spec, means), emulator_of(name, spec, means)


def _check(parts: _Parts) -> Callable[[], object]:
    seeds = _seeds(parts)
    return (lambda: None) if seeds is None else seeds.fixtures


def _seeds(parts: _Parts) -> "Seeding | None":
    if not parts.stack.seeds or parts.stack.emulator is None:
        return None
    from bootstrap.seeds.seeding import Seeding  # noqa: PLC0415

    return Seeding(
        owner=parts.state.folder.name,
        paths=parts.stack.seeds,
        state=parts.state.seeds,
        environment=os.environ,
        variables=parts.stack.variables,
        follow=lambda names, cancel, say: _follow(parts, names, cancel, say),
    )


def _follow(parts: _Parts, names: Sequence[str], cancel: CancelToken, say: Say) -> None:
    """Let the ExternalSecrets of a cluster that runs read these secrets again at once."""
    if not names or not parts.state.kubeconfig.exists():
        return
    from bootstrap.kube.cluster import Clusters  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.kube.externalsecrets import sync_external_secrets  # noqa: PLC0415

    try:
        kube = _cluster(parts).observe(cancel).kube
        if kube is None or kube.simulated:
            return
        asked = sync_external_secrets(names, Clusters(parts.processes).proven(kube, cancel), cancel)
    except BootstrapError as error:
        # The secrets are written; who reads them at the next refresh is late, not wrong.
        cancel.check()
        say(f"ExternalSecrets follow at their next refresh: {error.what}")
        return
    if asked:
        say(f"{len(asked)} ExternalSecrets read them again")


def _read(parts: _Parts, cancel: CancelToken) -> FluxRepo:
    source = parts.stack.source
    if source is None:
        return FluxRepo()
    from bootstrap.kube.reading import read_source  # noqa: PLC0415 - `--help` imports no adapter

    return read_source(
        source,
        parts.programs,
        parts.processes,
        cancel,
        variables=parts.stack.variables,
        environment=os.environ,
        tolerant=True,
    )


def _preflight(charts: "HelmCharts", wanted: Wanted, steps: Sequence[str]) -> tuple[Note, ...]:
    if not steps:
        return ()
    from bootstrap.config.dead import known_dead  # noqa: PLC0415 - not for a run that changes nothing
    from bootstrap.plan.lint import lint, unknown_value  # noqa: PLC0415

    found = list(lint(wanted, known_dead(), frozenset(steps)))
    for prepared in wanted.prepared.values():
        if ids.release(prepared.release.id) in steps:
            found += [unknown_value(prepared.release, one.path, one.near) for one in charts.unknown_values(prepared)]
    return tuple(found)


def _infer(parts: _Parts, wanted: Wanted) -> Sequence[tuple[str, str, str]]:
    from bootstrap.plan.infer import infer  # noqa: PLC0415 - `--help` needs no plan

    seeds = _seeds(parts)
    return infer(
        wanted.prepared.values(),
        cut(wanted.stack, wanted.repo).parts,
        simulated=parts.stack.cluster.provider is Provider.KWOK,
        secrets=None
        if seeds is None
        else {one.name for one in seeds.fixtures().by_id if one.service == "secretsmanager"},
    )


def _health(parts: _Parts) -> Callable[..., Mapping[ObjectRef, tuple[Health, str]]]:
    from bootstrap.kube.health import KubeHealth  # noqa: PLC0415

    return KubeHealth(parts.processes)
