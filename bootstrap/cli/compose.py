"""Constructs the adapters of one stack: the only place that knows them all."""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.config.settings import Settings
from bootstrap.engine.leftovers import AllLeftovers
from bootstrap.errors import BootstrapError
from bootstrap.model.observed import EmulatorRelease
from bootstrap.model.stack import BuiltImage, ClusterSpec, Placement, Provider, Stack, StatePaths
from bootstrap.ports import Builds, ClusterProvider, Emulator, Images, Leftovers, Ports, Programs
from bootstrap.system.clock import Clock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.table import PROGRAMS

if TYPE_CHECKING:
    from bootstrap.charts.charts import HelmCharts
    from bootstrap.clusters.docker_nodes.tool import ClusterTool
    from bootstrap.docker.stack_resources import StackOnDocker
    from bootstrap.seeds.seeding import Seeding  # `--help` imports no adapter


LOCK_FILE = "bootstrap.lock"
"""Beside the project's stacks: what each chart reference means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
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
    built: Callable[[], Sequence[BuiltImage]]
    """The images of the stack's own, looked at once."""
    adopt: bool
    """Whether a cluster of our name that we did not make is taken over."""


def charts_of(parts: Parts) -> "HelmCharts":
    """helm, with the caches and the lock file of this stack."""
    from bootstrap.charts.charts import HelmCharts  # noqa: PLC0415 - `--help` imports no adapter

    return HelmCharts(
        programs=parts.programs,
        processes=parts.processes,
        cache=parts.cache,
        state=parts.state,
        kube_version=_kube_version(parts.stack.cluster),
        mirrors=parts.stack.mirrors,
        lock_file=parts.stack.project / LOCK_FILE,
        locked=parts.locked,
        built=lambda: references_of(parts),
    )


def images_once(stack: Stack) -> Callable[[], Sequence[BuiltImage]]:
    """Gives the images of the stack's own, whose files are read the first time."""

    @functools.cache
    def built() -> Sequence[BuiltImage]:
        if not stack.images:
            return ()
        from bootstrap.docker.build_context import content_reference  # noqa: PLC0415 - only where there are any

        return tuple(BuiltImage(spec=spec, reference=content_reference(spec)) for spec in stack.images)

    return built


def references_of(parts: Parts) -> Mapping[str, str]:
    """What stands for each image of the stack's own."""
    return {image.spec.name: image.reference for image in parts.built()}


def _builds(parts: Parts) -> Builds | None:
    if not parts.stack.images:
        return None
    from bootstrap.docker.builder import ImageBuilder  # noqa: PLC0415 - the docker library loads slowly

    return ImageBuilder(parts.built, _loader(parts), parts.processes, os.environ)


def ports_of(parts: Parts, charts: "HelmCharts") -> Ports:
    """Everything that the engine acts through."""
    from bootstrap.kube.apply import KubeObjects  # noqa: PLC0415 - `--help` imports no adapter

    emulator, emulator_of = _emulators(parts)
    return Ports(
        cluster=cluster_of(parts),
        emulator=emulator,
        emulator_of=emulator_of,
        seeds=seeds_of(parts),
        charts=charts,
        objects=KubeObjects(parts.processes, parts.state.folder.name),
        images=_loader(parts) if parts.preload else None,
        builds=_builds(parts),
        leftovers=leftovers_of(parts),
    )


def leftovers_of(parts: Parts) -> Leftovers | None:
    """What may lie outside the state folder: on the Docker engine, and in a cluster; None: nothing can."""
    found: list[Leftovers] = []
    # Declared otherwise since, it still has there what it had.
    if is_on_engine(parts.stack) or (parts.state.folder / "owner").exists():
        from bootstrap.docker.leftovers import DockerLeftovers  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

        found.append(DockerLeftovers(StackOnDocker(parts.state, os.environ)))
    from bootstrap.kube.user_kubeconfig_entries import MergedEntries, is_merged  # noqa: PLC0415 - `--help` imports no adapter

    if is_merged(parts.state):
        found.append(MergedEntries(parts.state))
    return AllLeftovers(found) if found else None


def is_on_engine(stack: Stack) -> bool:
    """Whether anything of the stack is in containers of a Docker engine."""
    contained = stack.emulator is not None and stack.emulator.placement is Placement.CONTAINER
    return contained or stack.cluster.provider.on_docker


def _loader(parts: Parts) -> Images | None:
    if not parts.stack.cluster.provider.on_docker:
        return None
    from bootstrap.clusters.docker_nodes.images import MachineImages  # noqa: PLC0415 - the docker library loads slowly
    from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

    docker = StackOnDocker(parts.state, os.environ)
    return MachineImages(_tool(parts, docker), docker)


def _kube_version(spec: ClusterSpec) -> str:
    """What charts are told before the cluster can be asked: a minor alone means its embedded, else its first patch."""
    embedded = PROGRAMS["kube-apiserver"].wanted
    if embedded.startswith(f"{spec.kubernetes}."):
        return embedded
    return spec.kubernetes if spec.kubernetes.count(".") > 1 else f"{spec.kubernetes}.0"


def cluster_of(parts: Parts) -> ClusterProvider:
    """The provider of the cluster."""
    stack = parts.stack
    match stack.cluster.provider:
        case Provider.KWOK | Provider.AUTO:
            from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415

            named = f"{stack.name}-{stack.instance}" if stack.instance else stack.name
            return KwokProvider(
                named, stack.cluster, parts.state, parts.programs, parts.processes, parts.clock, adopt=parts.adopt
            )
        case Provider.KIND | Provider.K3D:
            return _machines(parts)
        case Provider.EXISTING:
            from bootstrap.clusters.existing.provider import ExistingProvider  # noqa: PLC0415

            return ExistingProvider(stack.cluster, parts.state, parts.processes, os.environ)


def _machines(parts: Parts) -> ClusterProvider:
    from bootstrap.clusters.docker_nodes.cluster import MachineCluster  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

    docker = StackOnDocker(parts.state, os.environ, ipv6=_wants_ipv6(parts.stack.cluster))
    tool = _tool(parts, docker)
    return MachineCluster(tool, parts.stack.cluster.ports, parts.state, docker, parts.processes, adopt=parts.adopt)


def _wants_ipv6(spec: ClusterSpec) -> bool:
    """Whether the user's own kind or k3d configuration asks for addresses of IPv6."""
    if spec.config is None or not spec.provider.on_docker:
        return False
    from bootstrap.clusters.k3d import config as k3d  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.clusters.kind import config as kind  # noqa: PLC0415

    return k3d.wants_ipv6(spec) if spec.provider is Provider.K3D else kind.wants_ipv6(spec)


def configuration_of(parts: Parts) -> Mapping[str, Any] | None:
    """What kind or k3d is given; None: another provider."""
    if not parts.stack.cluster.provider.on_docker:
        return None
    from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415 - `--help` imports no adapter

    found: Mapping[str, Any] = json.loads(_tool(parts, StackOnDocker(parts.state, os.environ)).configuration())
    return found


def _tool(parts: Parts, docker: "StackOnDocker") -> "ClusterTool":
    from bootstrap.clusters.k3d.tool import LONGEST, K3d  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.clusters.kind.tool import Kind  # noqa: PLC0415

    spec = parts.stack.cluster
    if spec.provider is Provider.K3D:
        short = docker.name_within(LONGEST)
        return K3d(spec, short, docker.name, parts.programs, parts.processes, os.environ)
    return Kind(spec, docker.name, parts.programs, parts.processes, os.environ)


def watch_of(cluster: ClusterProvider) -> Callable[[], None] | None:
    """What looks whether the cluster still runs whole; None: nothing cheap can tell."""
    from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415 - `--help` imports no adapter

    return cluster.check if isinstance(cluster, KwokProvider) else None


def _emulators(parts: Parts) -> tuple[Emulator | None, Callable[[EmulatorRelease], Emulator] | None]:
    from bootstrap.emulators.choose import Means, emulator_for, emulator_of, no_emulator  # noqa: PLC0415

    name, spec = parts.stack.name, parts.stack.emulator
    means = Means(
        state=parts.state,
        processes=parts.processes,
        clock=parts.clock,
        environment=os.environ,
        programs=parts.programs,
        ipv6=_wants_ipv6(parts.stack.cluster),
    )
    if spec is None:
        return no_emulator(name, means), None
    return emulator_for(name, spec, means), emulator_of(name, spec, means)


def seeds_of(parts: Parts) -> "Seeding | None":
    """The fixtures; None: the stack has none, or no emulator to put them into."""
    if not parts.stack.seeds or parts.stack.emulator is None:
        return None
    from bootstrap.seeds.seeding import Seeding  # noqa: PLC0415

    return Seeding(
        owner=parts.state.folder.name,
        paths=parts.stack.seeds,
        state=parts.state.seeds,
        environment=os.environ,
        variables=parts.stack.variables,
        follow=lambda names, work: _follow(parts, names, work),
    )


def _follow(parts: Parts, names: Sequence[str], work: Work) -> None:
    """Let the ExternalSecrets of a cluster that runs read these secrets again at once."""
    if not names or not parts.state.kubeconfig.exists():
        return
    from bootstrap.kube.external_secrets import sync_external_secrets  # noqa: PLC0415
    from bootstrap.kube.identity import Clusters  # noqa: PLC0415 - `--help` imports no adapter

    try:
        kube = cluster_of(parts).observe(work.cancel).kube
        if kube is None or kube.simulated:
            return
        asked = sync_external_secrets(names, Clusters(parts.processes).proven(kube, work.cancel), work.cancel)
    except BootstrapError as error:
        # The secrets are written; who reads them at the next refresh is late, not wrong.
        work.cancel.check()
        work.say(f"ExternalSecrets follow at their next refresh: {error.what}")
        return
    if asked:
        work.say(f"{len(asked)} ExternalSecrets read them again")
