"""Constructs the adapters of one stack: the only place that knows them all."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.cli.losses import losses_of
from bootstrap.cli.machine import StackPrograms
from bootstrap.cli.orphaned_processes import OrphanedProcesses, orphaned_processes
from bootstrap.cli.platform_digests import PlatformDigests
from bootstrap.console.mask import SECRETS, secret_values
from bootstrap.engine.leftovers import AllLeftovers
from bootstrap.engine.state_folder import write_provider
from bootstrap.errors import BootstrapError
from bootstrap.model.observed import EmulatorRelease
from bootstrap.model.release import FluxRepo
from bootstrap.model.stack import BuiltImage, ClusterSpec, LockWriting, Placement, Provider, Stack, StatePaths
from bootstrap.plan.built_images import with_built_images
from bootstrap.ports import (
    Builds,
    BundledImages,
    ClusterProvider,
    Emulator,
    Images,
    Leftovers,
    NotSaved,
    OtherStacks,
    Ports,
    Repository,
    SavedPart,
)
from bootstrap.system.clock import CancelToken, Clock
from bootstrap.system.processes import ProcessIdentity, SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.programs import PROGRAMS

if TYPE_CHECKING:
    from bootstrap.charts.charts import HelmCharts
    from bootstrap.clusters.docker_nodes.baked_nodes import BakedNodes
    from bootstrap.clusters.docker_nodes.tool import ClusterTool
    from bootstrap.docker.stack_resources import StackOnDocker
    from bootstrap.seeds.seeding import Seeding  # `--help` imports no adapter


LOCK_FILE = "bootstrap.lock"
"""The lock file, beside the project's stacks: the version of each chart reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapters:
    """Constructs the adapters of one stack, and holds what they share."""

    stack: Stack
    state: StatePaths
    cache: Path
    processes: SystemProcesses
    programs: StackPrograms
    clock: Clock
    built: Callable[[], Sequence[BuiltImage]]
    """The images that the stack builds, read once."""
    locked: bool
    """Whether only charts of the lock file are used."""
    lock_writing: LockWriting
    """When a pulled chart is written into the lock file."""
    preload: bool
    """Whether this machine's engine pulls images and copies them to the nodes."""
    adopt: bool
    """Whether a cluster of our name that bootstrap did not create is adopted."""
    former: ClusterSpec | None = None
    """The cluster that lives, if another provider is declared now."""
    patience: timedelta | None = None
    """How long a run waits for a cause that cannot heal by itself; None: 15s."""

    def ports(self, others: OtherStacks) -> Ports:
        """All adapters of the engine."""
        from bootstrap.kube.apply import KubeObjects  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.kube.cause_timeout import Patience  # noqa: PLC0415
        from bootstrap.kube.health import KubeCauses, KubeHealth  # noqa: PLC0415
        from bootstrap.kube.host_check import IngressAnswers  # noqa: PLC0415
        from bootstrap.kube.pod_times import KubePodTimes  # noqa: PLC0415

        emulator, emulator_of = self._emulators()
        baked = self._baked()
        orphaned = orphaned_processes(self.state)
        return Ports(
            cluster=self._cluster(baked),
            emulator=emulator,
            emulator_of=emulator_of,
            seeds=self._seeds(),
            charts=self._charts(),
            objects=KubeObjects(self.processes, self.state.folder.name, Patience(asked=self.patience)),
            repository=self._repository(),
            programs=self.programs,
            health=KubeHealth(self.processes),
            causes=KubeCauses(self.processes),
            answers=IngressAnswers(self.processes),
            images=self._loader() if self.preload else None,
            builds=self._builds(),
            baked=baked,
            bundled_images=self._bundled_images(),
            leftovers=self._leftovers(orphaned),
            orphaned=bool(orphaned),
            others=others,
            losses=losses_of(self.state.folder.name, self.processes, self._seeds),
            saved_cluster=self._saved_cluster(),
            saved_emulator=self._saved_emulator(),
            digests=PlatformDigests(self.processes),
            pod_times=KubePodTimes(self.processes),
        )

    def _charts(self) -> "HelmCharts":
        """helm, with the caches and the lock file of this stack."""
        from bootstrap.charts.charts import HelmCharts  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.kube.cause_timeout import Patience  # noqa: PLC0415

        return HelmCharts(
            programs=self.programs,
            processes=self.processes,
            cache=self.cache,
            state=self.state,
            kube_version=_kube_version(self.stack.cluster),
            mirrors=self.stack.mirrors,
            lock_file=self.stack.project / LOCK_FILE,
            lock_writing=self.lock_writing,
            locked=self.locked,
            built=self.references,
            patience=Patience(asked=self.patience),
        )

    def references(self) -> Mapping[str, str]:
        """The built reference of each image that the stack builds."""
        return {image.spec.name: image.reference for image in self.built()}

    def _builds(self) -> Builds | None:
        if not self.stack.images:
            return None
        from bootstrap.docker.builder import ImageBuilder  # noqa: PLC0415 - the docker library loads slowly

        return ImageBuilder(self.built, self._loader(), self.processes, os.environ)

    def _repository(self) -> Repository:
        """The Flux repository on disk, with the references of images that the stack builds."""
        return StackRepository(self)

    def _cluster(self, baked: "BakedNodes | None" = None) -> ClusterProvider:
        """The provider of the cluster, with the one on which it still lives."""
        declared, former = self._provided(self.stack.cluster, adopt=self.adopt, baked=baked), self.former
        if former is None:
            return declared
        from bootstrap.clusters.moved import MovedCluster  # noqa: PLC0415 - `--help` imports no adapter

        target = self.stack.cluster.provider
        moved = functools.partial(write_provider, self.state, target)
        return MovedCluster(declared, self._provided(former, adopt=False), (former.provider, target), moved)

    def _baked(self) -> "BakedNodes | None":
        """What makes and chooses node images with the stack's images in them, if that is declared."""
        if not self.stack.cluster.bake or self.stack.cluster.provider is not Provider.KIND:
            return None
        from bootstrap.clusters.docker_nodes.baked_nodes import BakedNodes  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

        docker = StackOnDocker(self.state, os.environ, ipv6=_needs_ipv6(self.stack.cluster))
        return BakedNodes(self._tool(docker, self.stack.cluster), docker, self.state.folder.name)

    def _provided(self, spec: ClusterSpec, *, adopt: bool, baked: "BakedNodes | None" = None) -> ClusterProvider:
        stack = self.stack
        match spec.provider:
            case Provider.KWOK | Provider.AUTO:
                from bootstrap.clusters.kwok.provider import KwokProvider  # noqa: PLC0415

                named = f"{stack.name}-{stack.instance}" if stack.instance else stack.name
                return KwokProvider(named, spec, self.state, self.programs, self.processes, self.clock, adopt=adopt)
            case Provider.KIND | Provider.K3D:
                return self._docker_cluster(spec, adopt=adopt, baked=baked)
            case Provider.EXISTING:
                from bootstrap.clusters.existing.provider import ExistingProvider  # noqa: PLC0415

                return ExistingProvider(spec, self.state, self.processes, os.environ)

    def _docker_cluster(self, spec: ClusterSpec, *, adopt: bool, baked: "BakedNodes | None" = None) -> ClusterProvider:
        from bootstrap.clusters.docker_nodes.cluster import NodeCluster  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

        docker = StackOnDocker(self.state, os.environ, ipv6=_needs_ipv6(spec), mirrors=self.stack.mirrors)
        tool = self._tool(docker, spec)
        return NodeCluster(tool, spec.ports, self.state, docker, self.processes, adopt=adopt, baked=baked)

    def _tool(self, docker: "StackOnDocker", spec: ClusterSpec) -> "ClusterTool":
        from bootstrap.clusters.k3d.tool import LONGEST, K3d  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.clusters.kind.tool import Kind  # noqa: PLC0415

        if spec.provider is Provider.K3D:
            short = docker.name_within(LONGEST)
            return K3d(spec, short, docker.name, self.programs, self.processes, os.environ)
        return Kind(spec, docker.name, self.programs, self.processes, os.environ)

    def _saved_cluster(self) -> SavedPart | NotSaved:
        """The data of the cluster, for snapshots."""
        provider = self.stack.cluster.provider
        if provider.on_docker:
            from bootstrap.clusters.k3d.saved_state import K3dState  # noqa: PLC0415 - `--help` imports no adapter
            from bootstrap.clusters.kind.saved_state import KindState  # noqa: PLC0415
            from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

            docker = StackOnDocker(self.state, os.environ)
            tool, version = self._tool(docker, self.stack.cluster), _kube_version(self.stack.cluster)
            made = K3dState if provider is Provider.K3D else KindState
            return made(tool, self.state, docker, self.processes, version)
        if not provider.simulates_pods:
            return NotSaved(f"the data of a cluster of provider {provider} cannot be copied")
        from bootstrap.clusters.kwok.provider import free_port  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.clusters.kwok.saved_state import KwokState  # noqa: PLC0415

        embedded = PROGRAMS["kube-apiserver"].default_version
        return KwokState(self.state, self.processes, lambda: embedded, free_port)

    def _saved_emulator(self) -> SavedPart | NotSaved | None:
        """The data of the emulator, for snapshots; None: the stack has none."""
        if self.stack.emulator is None:
            return None
        from bootstrap.emulators.choose import saved_emulator  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.emulators.means import Means  # noqa: PLC0415

        means = Means(
            state=self.state,
            processes=self.processes,
            clock=self.clock,
            environment=os.environ,
            programs=self.programs,
        )
        return saved_emulator(self.stack.name, self.stack.emulator, means)

    def _leftovers(self, orphaned: tuple[ProcessIdentity, ...]) -> Leftovers | None:
        """Resources outside the state folder: on the Docker engine, and in a cluster; None: there cannot be any."""
        leftovers: list[Leftovers] = []
        # If another provider is declared since, its resources are still there.
        if is_on_engine(self.stack) or (self.state.folder / "owner").exists():
            from bootstrap.docker.leftovers import DockerLeftovers  # noqa: PLC0415 - the docker library loads slowly
            from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

            leftovers.append(DockerLeftovers(StackOnDocker(self.state, os.environ)))
        from bootstrap.kube.user_kubeconfig_entries import MergedEntries, is_merged  # noqa: PLC0415 - `--help` imports no adapter

        if is_merged(self.state):
            leftovers.append(MergedEntries(self.state))
        if orphaned:
            leftovers.append(OrphanedProcesses(found=orphaned, processes=self.processes))
        return AllLeftovers(leftovers) if leftovers else None

    def _loader(self) -> Images | None:
        if not self.stack.cluster.provider.on_docker:
            return None
        from bootstrap.clusters.docker_nodes.node_images import NodeImages  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415

        docker = StackOnDocker(self.state, os.environ, mirrors=self.stack.mirrors)
        tool, baked = self._tool(docker, self.stack.cluster), self._baked()
        return NodeImages(tool, docker) if baked is None else NodeImages(tool, docker, baked.held)

    def _bundled_images(self) -> BundledImages | None:
        """What brings images into a bundle and out of it; None: nothing is in a container."""
        if not is_on_engine(self.stack):
            return None
        from bootstrap.docker.bundled_images import EngineImages  # noqa: PLC0415 - the docker library loads slowly

        return EngineImages(self._own_images, os.environ, self.stack.mirrors)

    def _own_images(self) -> Sequence[str]:
        """The images of nodes and emulator."""
        from bootstrap.docker.stack_resources import StackOnDocker  # noqa: PLC0415 - the docker library loads slowly
        from bootstrap.emulators.choose import image_of  # noqa: PLC0415

        images: list[str] = []
        if self.stack.cluster.provider.on_docker:
            tool = self._tool(StackOnDocker(self.state, os.environ), self.stack.cluster)
            images += (*tool.images, *tool.helpers)
        emulator = None if self.stack.emulator is None else image_of(self.stack.emulator)
        return (*images, *(() if emulator is None else (emulator,)))

    def _emulators(self) -> tuple[Emulator | None, Callable[[EmulatorRelease], Emulator] | None]:
        from bootstrap.emulators.choose import emulator_for, emulator_of, no_emulator  # noqa: PLC0415
        from bootstrap.emulators.means import Means  # noqa: PLC0415

        name, spec = self.stack.name, self.stack.emulator
        means = Means(
            state=self.state,
            processes=self.processes,
            clock=self.clock,
            environment=os.environ,
            programs=self.programs,
            mirrors=self.stack.mirrors,
            ipv6=_needs_ipv6(self.stack.cluster),
        )
        if spec is None:
            return no_emulator(name, means), None
        return emulator_for(name, spec, means), emulator_of(name, spec, means)

    def _seeds(self) -> "Seeding | None":
        """The fixtures; None: the stack has none, or no emulator to put them into."""
        if not self.stack.seeds or self.stack.emulator is None:
            return None
        from bootstrap.emulators.choose import capabilities_of, driver_of  # noqa: PLC0415 - `--help` imports no adapter
        from bootstrap.seeds.seeding import Seeding  # noqa: PLC0415

        return Seeding(
            owner=self.state.folder.name,
            paths=self.stack.seeds,
            state=self.state.seeds,
            environment=os.environ,
            variables=self.stack.variables,
            follow=self._follow,
            driver=driver_of(self.stack.emulator).name.value,
            capabilities=capabilities_of(self.stack.emulator),
        )

    def _follow(self, names: Sequence[str], work: Work) -> None:
        """Let the ExternalSecrets of a cluster that runs read these secrets again at once."""
        if not names or not self.state.kubeconfig.exists():
            return
        from bootstrap.kube.external_secrets import sync_external_secrets  # noqa: PLC0415
        from bootstrap.kube.identity import Clusters  # noqa: PLC0415 - `--help` imports no adapter

        try:
            kube = self._cluster().observe(work.cancel).kube
            if kube is None or kube.simulated:
                return
            asked = sync_external_secrets(names, Clusters(self.processes).proven(kube, work.cancel), work.cancel)
        except BootstrapError as error:
            # The secrets are written; without this they are read at the next refresh.
            work.cancel.check()
            work.notify(f"ExternalSecrets are updated at their next refresh: {error.what}")
            return
        if asked:
            work.notify(f"{len(asked)} ExternalSecrets refreshed")


@dataclass(frozen=True, slots=True)
class StackRepository:
    """Implements the port `Repository`: on disk, with the references of images that the stack builds."""

    adapters: Adapters

    def read(self, cancel: CancelToken) -> FluxRepo:
        """See `Repository.read`."""
        from bootstrap.kube.repository_reader import DiskRepository  # noqa: PLC0415 - `--help` imports no adapter

        adapters, references = self.adapters, self.adapters.references()
        images = {f"image:{name}": reference for name, reference in references.items()}
        on_disk = DiskRepository(
            source=adapters.stack.source,
            programs=adapters.programs,
            processes=adapters.processes,
            variables={**adapters.stack.variables, **images},
            environment=os.environ,
        )
        repo = on_disk.read(cancel)
        for kustomization in repo.kustomizations:
            SECRETS.register_for_reports(*secret_values(kustomization.built))
        return with_built_images(repo, references)


def images_once(stack: Stack) -> Callable[[], Sequence[BuiltImage]]:
    """Gives the images that the stack builds; their files are read at the first call."""

    @functools.cache
    def built() -> Sequence[BuiltImage]:
        if not stack.images:
            return ()
        from bootstrap.docker.build_context import content_reference  # noqa: PLC0415 - only where there are any

        return tuple(BuiltImage(spec=spec, reference=content_reference(spec)) for spec in stack.images)

    return built


def is_on_engine(stack: Stack) -> bool:
    """Whether anything of the stack is in containers of a Docker engine."""
    contained = stack.emulator is not None and stack.emulator.placement is Placement.CONTAINER
    return contained or stack.cluster.provider.on_docker


def _needs_ipv6(spec: ClusterSpec) -> bool:
    """Whether the user's own kind or k3d configuration asks for addresses of IPv6."""
    if spec.config is None or not spec.provider.on_docker:
        return False
    from bootstrap.clusters.k3d import config as k3d  # noqa: PLC0415 - `--help` imports no adapter
    from bootstrap.clusters.kind import config as kind  # noqa: PLC0415

    return k3d.needs_ipv6(spec) if spec.provider is Provider.K3D else kind.needs_ipv6(spec)


def _kube_version(spec: ClusterSpec) -> str:
    """The version that charts get before there is a cluster; a minor alone means its embedded, else its first patch."""
    embedded = PROGRAMS["kube-apiserver"].default_version
    if embedded.startswith(f"{spec.kubernetes}."):
        return embedded
    return spec.kubernetes if spec.kubernetes.count(".") > 1 else f"{spec.kubernetes}.0"
