"""Opens a stack: everything that can act for it, from its file or from what was remembered of it."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.cli.compose import (
    LOCK_FILE,
    Parts,
    charts_of,
    configuration_of,
    images_once,
    is_on_engine,
    ports_of,
    references_of,
    seeds_of,
    watch_of,
)
from bootstrap.cli.machine import NEEDED, TOOLS_LOCK_FILE, Telling, toolchain_settings
from bootstrap.cli.options import StackOptions, settings_of
from bootstrap.config.conflicts import resolve_auto
from bootstrap.config.flags import Overrides
from bootstrap.config.settings import Settings
from bootstrap.config.stack import LoadedStack, load_stack
from bootstrap.engine.platform import Platform
from bootstrap.errors import Place, RefusedError
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import FluxRepo, Note
from bootstrap.model.stack import Placement, Provider, Stack, StatePaths
from bootstrap.model.status import Health
from bootstrap.plan import ids
from bootstrap.plan.build import Wanted
from bootstrap.plan.built_images import with_built_images
from bootstrap.plan.units import cut
from bootstrap.state.journal import Journal
from bootstrap.state.paths import cache_folder, state_paths
from bootstrap.state.remembered_stack import remembered
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Found, Missing, Toolchain, Where
from bootstrap.yamltext.positions import ValuePath, path_text

if TYPE_CHECKING:
    from bootstrap.charts.charts import HelmCharts


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
    docker, program = _docker_answers(loaded.stack, lives_on), shutil.which("docker") is not None
    stack = resolve_auto(
        loaded.stack,
        docker_answers=docker,
        docker_program=program,
        lives_on=lives_on,
        lived_in=_lived_in(state),
        place=loaded.place,
    )
    stack = _with_ports(_apart(stack), state, options)
    clock = cancel.clock
    journal = Journal(state.journal, clock)
    processes = SystemProcesses(clock, journal.child)
    telling = Telling()
    toolchain = Toolchain(
        toolchain_settings(held, cache, loaded.stack.project / TOOLS_LOCK_FILE), processes, Work(cancel, telling)
    )
    parts = Parts(
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
        built=images_once(stack),
    )
    needed = NEEDED[stack.cluster.provider]
    charts = charts_of(parts)
    ports = ports_of(parts, charts)
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
        configuration=lambda: configuration_of(parts),
        watch=watch_of(ports.cluster),
        lacking=lambda: [one.name for one in toolchain.resolve_all(needed) if isinstance(one, Missing)],
        fetch=lambda say: telling.through(say, lambda: toolchain.fetch(needed)),
        headline=_headline(loaded.stack, stack, lives_on, docker_answers=docker),
        built=parts.built,
        collect=lambda work: _collect(parts, work),
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
    if not stack.cluster.provider.on_docker:
        return stack
    from bootstrap.clusters.docker_nodes.chosen_ports import choose_ports, remembered_ports  # noqa: PLC0415 - `--help` does without

    declared = stack.cluster.ports
    ports = remembered_ports(declared, state)
    if options.choose_ports:
        ports = choose_ports(declared, state, apart=bool(stack.instance))
    return replace(stack, cluster=replace(stack.cluster, ports=ports))


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
    asked = stack.cluster.provider
    if not (lives_on is None or lives_on.on_docker) or not (asked is Provider.AUTO or asked.on_docker):
        return False
    from bootstrap.docker.engine import engine_answers  # noqa: PLC0415 - the docker library loads slowly

    return engine_answers(os.environ)


def _headline(asked: Stack, stack: Stack, lives_on: Provider | None, *, docker_answers: bool) -> str:
    provider = stack.cluster.provider
    found = asked.cluster.provider is Provider.AUTO and lives_on is None and provider.simulates_pods
    lacking = "kind needs the program docker, which is not on PATH" if docker_answers else "no Docker engine answers"
    why = f" ({lacking})" if found else ""
    simulated = ": a real Kubernetes API, but pods are simulated" if provider.simulates_pods else ""
    named = f" ({stack.instance})" if stack.instance else ""
    return f"stack {stack.name}{named} on {provider}{why}{simulated}"


def _collect(parts: Parts, work: Work) -> None:
    from bootstrap.cli.collecting import Collecting, collect  # noqa: PLC0415 - it opens the stacks that it takes away

    what = Collecting(but=parts.state.folder, on_engine=is_on_engine(parts.stack), settings=parts.settings)
    collect(what, work)


def _check(parts: Parts) -> Callable[[], object]:
    seeds = seeds_of(parts)
    return (lambda: None) if seeds is None else seeds.fixtures


def _read(parts: Parts, cancel: CancelToken) -> FluxRepo:
    source = parts.stack.source
    if source is None:
        return FluxRepo()
    from bootstrap.kube.repository_reader import read_source  # noqa: PLC0415 - `--help` imports no adapter

    references = references_of(parts)
    images = {f"image:{name}": reference for name, reference in references.items()}
    repo = read_source(
        source,
        parts.programs,
        parts.processes,
        cancel,
        variables={**parts.stack.variables, **images},
        environment=os.environ,
        tolerant=True,
    )
    return with_built_images(repo, references)


def _preflight(charts: "HelmCharts", wanted: Wanted, steps: Sequence[str]) -> tuple[Note, ...]:
    if not steps:
        return ()
    from bootstrap.plan.deprecated import known_dead  # noqa: PLC0415 - not for a run that changes nothing
    from bootstrap.plan.lint import lint, unknown_value  # noqa: PLC0415

    found = list(lint(wanted, known_dead(), frozenset(steps)))
    for prepared in wanted.prepared.values():
        if ids.release(prepared.release.id) in steps:
            found += [unknown_value(prepared.release, one.path, one.near) for one in charts.unknown_values(prepared)]
    return tuple(found)


def _infer(parts: Parts, wanted: Wanted) -> Sequence[tuple[str, str, str]]:
    from bootstrap.plan.infer import infer  # noqa: PLC0415 - `--help` needs no plan

    seeds = seeds_of(parts)
    return infer(
        wanted.prepared.values(),
        cut(wanted.stack, wanted.repo).parts,
        simulated=parts.stack.cluster.provider.simulates_pods,
        secrets=None
        if seeds is None
        else {one.name for one in seeds.fixtures().by_id if one.service == "secretsmanager"},
    )


def _health(parts: Parts) -> Callable[..., Mapping[ObjectRef, tuple[Health, str]]]:
    from bootstrap.kube.health import KubeHealth  # noqa: PLC0415

    return KubeHealth(parts.processes)
