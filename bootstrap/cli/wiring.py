"""Constructs the adapters of one stack: the only place that knows them all."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.clock import CancelToken, Clock, SystemClock
from bootstrap.config.conflicts import resolve_auto
from bootstrap.config.settings import Settings
from bootstrap.config.stack import LoadedStack, load_stack
from bootstrap.config.state import cache_folder, state_paths
from bootstrap.engine.flow import Platform
from bootstrap.engine.journal import Journal
from bootstrap.engine.ports import ClusterProvider, Emulator, Ports, Programs, Seeds
from bootstrap.errors import RefusedError
from bootstrap.model.event import Say
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import Provider, Stack, StatePaths
from bootstrap.plan.build import Wanted
from bootstrap.process import SystemProcesses
from bootstrap.toolchain.resolve import Missing, Toolchain, ToolchainSettings

from bootstrap.cli.options import StackOptions, settings_of

_NEEDED = {
    Provider.KWOK: ("kubectl", "helm", "kwok", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
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


def open_stack(options: StackOptions, *, cancel: CancelToken, settings: Settings | None = None) -> Opened:
    """Read the stack file and make its adapters; touches nothing but files of ours.

    Raises:
        UsageError, InvalidError: the command line, the stack file or the settings are wrong.
        RefusedError: the stack lives where it cannot be reached.
    """
    held = settings or settings_of(options)
    loaded = load_stack(options.reference, options.overrides, cwd=Path.cwd(), environment=os.environ)
    state, cache = state_paths(loaded.stack, os.environ), cache_folder(os.environ)
    lives_on = _lives_on(state)
    docker = _docker_answers(loaded.stack, lives_on)
    stack = resolve_auto(loaded.stack, docker_answers=docker, lives_on=lives_on, place=loaded.place)
    clock = cancel.clock
    journal = Journal(state.journal, clock)
    processes = SystemProcesses(clock, journal.child)
    toolchain = Toolchain(_toolchain_settings(held, cache, loaded.stack), processes, cancel)
    parts = _Parts(
        stack=stack, state=state, cache=cache, settings=held, processes=processes, programs=toolchain, clock=clock
    )
    platform = Platform(
        stack=stack,
        state=state,
        ports=_ports(parts),
        processes=processes,
        journal=journal,
        clock=clock,
        read=lambda token: _read(parts, token),
        infer=_infer,
        fetch=_fetch(parts, toolchain),
        headline=_headline(loaded.stack, stack, lives_on),
    )
    return Opened(platform=platform, loaded=loaded, settings=held, processes=processes, cache=cache)


def make_toolchain(settings: Settings, cancel: CancelToken, say: Say = lambda _text: None) -> Toolchain:
    """The programs of this machine, without a stack."""
    cache = cache_folder(os.environ)
    return Toolchain(_toolchain_settings(settings, cache, None), SystemProcesses(cancel.clock), cancel, say)


def new_token(settings: Settings | None = None) -> CancelToken:
    """The token of a whole run, with the run's deadline where settings tell one."""
    token = CancelToken(SystemClock())
    return token if settings is None else token.within(settings.timeout.total_seconds(), "the run")


def _toolchain_settings(settings: Settings, cache: Path, stack: Stack | None) -> ToolchainSettings:
    environment = dict(os.environ)
    if settings.mirror is not None:
        environment["BOOTSTRAP_MIRROR"] = settings.mirror
    lock_file = None if stack is None else stack.project / "bootstrap.lock"
    return ToolchainSettings(cache=cache, environment=environment, given=settings.tools, lock_file=lock_file)


def _lives_on(state: StatePaths) -> Provider | None:
    try:
        return Provider(state.provider.read_text().strip())
    except FileNotFoundError:
        return None
    except ValueError:
        raise RefusedError(f"{state.provider} names no provider", fix=f"remove {state.folder}") from None


def _docker_answers(stack: Stack, lives_on: Provider | None) -> bool:
    """Whether a Docker engine answers; asked only where the answer counts."""
    on_docker = {Provider.KIND, Provider.K3D}
    if lives_on not in {None, *on_docker} or stack.cluster.provider not in {Provider.AUTO, *on_docker}:
        return False
    from bootstrap.containers.engine import engine_answers  # noqa: PLC0415 - the docker library loads slowly

    return engine_answers()


def _headline(asked: Stack, stack: Stack, lives_on: Provider | None) -> str:
    provider = stack.cluster.provider
    found = asked.cluster.provider is Provider.AUTO and lives_on is None and provider is Provider.KWOK
    why = " (no Docker engine answers)" if found else ""
    simulated = ": a real Kubernetes API, but pods are simulated" if provider is Provider.KWOK else ""
    return f"stack {stack.name} on {provider}{why}{simulated}"


def _ports(parts: _Parts) -> Ports:
    from bootstrap.charts.port import HelmCharts  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.kube.objects import KubeObjects  # noqa: PLC0415

    return Ports(
        cluster=_cluster(parts),
        emulator=_emulator(parts),
        seeds=_seeds(parts),
        charts=HelmCharts(parts),  # type: ignore
        objects=KubeObjects(parts.processes, parts.stack.name),
    )


def _cluster(parts: _Parts) -> ClusterProvider:
    stack = parts.stack
    match stack.cluster.provider:
        case Provider.KWOK | Provider.AUTO:
            from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415

            return KwokProvider(stack.name, stack.cluster, parts.state, parts.programs, parts.processes, parts.clock)
        case Provider.KIND | Provider.K3D | Provider.EXISTING:
            raise RefusedError(f"provider {stack.cluster.provider} is not available yet")


def _emulator(parts: _Parts) -> Emulator | None:
    spec = parts.stack.emulator
    if spec is None:
        return None
    from bootstrap.emulators.choose import emulator_for  # noqa: PLC0415

    return emulator_for(parts.stack.name, spec, parts.state, parts.processes, parts.clock)


def _seeds(parts: _Parts) -> Seeds | None:
    if not parts.stack.seeds or parts.stack.emulator is None:
        return None
    raise NotImplementedError


def _read(parts: _Parts, cancel: CancelToken) -> FluxRepo:
    source = parts.stack.source
    if source is None:
        return FluxRepo()
    from bootstrap.flux.reader import read_repo  # noqa: PLC0415
    from bootstrap.kube.kustomize import Kustomize  # noqa: PLC0415

    kustomize = Kustomize(parts.programs, parts.processes)
    return read_repo(
        source,
        build=lambda folder: kustomize.build(folder, cancel),
        origin=_origin(source.root),
        variables=parts.stack.variables,
    )


def _infer(wanted: Wanted) -> Sequence[tuple[str, str, str]]:
    from bootstrap.plan.infer import infer  # noqa: PLC0415

    return infer(wanted)


def _origin(root: Path) -> str | None:
    raise NotImplementedError


def _fetch(parts: _Parts, toolchain: Toolchain):
    raise NotImplementedError
