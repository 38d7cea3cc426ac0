"""Clusters of containers on the stack's own network, proven by it before the API server is asked."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bootstrap.clusters.docker_nodes.baked_nodes import BakedNodes
from bootstrap.clusters.docker_nodes.cluster_fields import changes
from bootstrap.clusters.docker_nodes.containers import add_host_record, cluster_containers, host_record, nodes_of
from bootstrap.clusters.docker_nodes.creation import Creation, answering_uid
from bootstrap.clusters.docker_nodes.name_service import quicken_probe
from bootstrap.clusters.docker_nodes.node_heartbeat import moment, silent, stale
from bootstrap.clusters.docker_nodes.prerequisites import gather, published_ports, refuse_used_ports
from bootstrap.clusters.docker_nodes.record import CREATION, REMOVAL, ClusterRecord, DamagedRecordError, RecordFile
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.images import name_on_engine
from bootstrap.docker.removal import remove_patiently
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import BootstrapError, RefusedError, without_successor
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.kube.identity import Clusters, cluster_uid
from bootstrap.kube.readiness import serves
from bootstrap.kube.readiness_wait import wait_ready
from bootstrap.model.count import counted
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import HostPorts, Provider, StatePaths
from bootstrap.plan import ids
from bootstrap.plan.changes import Effect, effect_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import CommandFailedError, Processes
from bootstrap.system.wait import wait_until
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_LOOK_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_SETTLE_SECONDS = 45.0
"""What crashed while nothing could be reached is tried again after 10 s, then after 20."""
_LOOKS, _LOOK_AGAIN_SECONDS = 2, 1.0
"""How often an engine is asked whether a creation that was cut off has still brought something, and how far apart."""
UP = "bootstrap up"
_KEPT = "lost: its nodes and everything in them; kept: its network, the emulator and its data, images"
_LEASES = "/apis/coordination.k8s.io/v1/leases"


class NodeCluster:
    """Implements `ports.ClusterProvider` for kind and k3d."""

    def __init__(  # noqa: PLR0913 - what a cluster is made with
        self,
        tool: ClusterTool,
        ports: HostPorts,
        state: StatePaths,
        docker: StackOnDocker,
        processes: Processes,
        *,
        adopt: bool = False,
        baked: BakedNodes | None = None,
    ) -> None:
        self._tool = tool
        self._baked = baked
        self._ports = ports
        self._state = state
        self._docker = docker
        self._adopt = adopt
        self._processes = processes
        self._clusters = Clusters(processes)
        self._file = RecordFile(state)
        self._creation: Creation | None = None

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`."""
        with self._docker.open() as client:
            containers = self._containers(client)
            if not containers:
                return ClusterObserved(state=TargetState.ABSENT, detail=self._gone())
            if foreign := self._foreign(client, containers):
                return self._strangers(foreign)
            if unverified := self._unverified(containers):
                return self._to_adopt(unverified)
            if standing := self._standing(containers):
                return self._compared(standing, containers)
            if forgetful := self._forgetful(client, cancel):
                return self._compared(
                    _broken(f"{_briefly(forgetful)} no longer resolves {self._tool.host}"), containers
                )
        return self._compared(self._examined(containers, cancel), containers)

    def up(self, work: Work) -> KubeContext:
        """See `ClusterProvider.up`."""
        work.cancel.check()
        if self._adopt:
            self._adopt_cluster(work)
        seen = self.observe(work.cancel)
        self._refuse(seen)
        if seen.replacement is not None:
            raise ReplacementNeededError(ids.CLUSTER, seen.replacement)
        if seen.state is TargetState.ABSENT:
            self._create(work)
        elif self._file.unfinished:
            self._finish(seen.detail, work)
        else:
            self._start(work)
            self._restore_host(work)
            for change in seen.changes:
                self._add_workers(change, work)
        return self._proven(work)

    def begin(self, work: Work) -> KubeContext:
        """See `ClusterProvider.begin`; only what is created from nothing returns early."""
        work.cancel.check()
        if self._adopt or self.observe(work.cancel).state is not TargetState.ABSENT:
            return self.up(work)
        self._creation = Creation(self._prepared(work), work.cancel)
        try:
            if not self._tool.answers_early:
                self._creation.end(work.cancel)
            return wait_until(partial(self._answering, self._creation, work.cancel), work.cancel)
        except BootstrapError as error:
            self._creation.stop(error.what)
            raise

    def settle(self, work: Work) -> None:
        """See `ClusterProvider.settle`."""
        creation = self._creation
        if creation is None:
            return
        work.notify("creating its nodes")
        creation.end(work.cancel, self._quickening(work.cancel))
        self._note(work.cancel, created=True)
        self._proven(work)
        self._creation = None

    def _answering(self, creation: Creation, cancel: CancelToken) -> KubeContext | None:
        """The cluster that is being created, as soon as its API server is ready."""
        creation.check()
        try:
            self._write_kubeconfig(cancel)
        except CommandFailedError:
            # No node has it yet.
            return None
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid="", simulated=False)
        uid = answering_uid(self._clusters.api(kube, cancel), cancel)
        return None if uid is None else replace(kube, uid=uid)

    def _quickening(self, cancel: CancelToken) -> Callable[[], None]:
        """Looks for the name service until it is there, and has it asked sooner: its pods wait for the node then."""
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid="", simulated=False)
        api, done = self._clusters.api(kube, cancel), not self._tool.quickens_names

        def look() -> None:
            nonlocal done
            done = done or quicken_probe(api, cancel)

        return look

    def start(self, work: Work) -> KubeContext:
        """See `ClusterProvider.start`."""
        work.cancel.check()
        seen = self.observe(work.cancel)
        self._refuse(seen)
        if seen.state is TargetState.ABSENT or self._file.unfinished:
            raise RefusedError(
                f"there is no cluster to start: {seen.detail or 'not found'}",
                fix=f"create it, empty: {UP}; or remove the rest of the stack: bootstrap down",
            )
        if removed := self._removed():
            raise self._incomplete(removed)
        self._start(work)
        self._restore_host(work)
        return self._proven(work)

    def replace(self, work: Work) -> KubeContext:
        """See `ClusterProvider.replace`."""
        work.cancel.check()
        seen = self.observe(work.cancel)
        self._refuse(seen)
        self.gather(work, freed=self.published(work.cancel))
        with self._docker.open() as client:
            work.notify(f"replacing it: {seen.replacement.reason if seen.replacement else seen.detail}")
            self._remove_containers(client, work)
        with without_successor("the cluster is gone, and could not be created again", _KEPT):
            self._create(work)
            return self._proven(work)

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        """See `ClusterProvider.gather`."""
        with self._docker.open() as client:
            self._gather(client, work, own=freed)
        self._tool.accept(self._state.cluster, work.cancel)

    def published(self, cancel: CancelToken) -> frozenset[int]:
        """See `ClusterProvider.published`."""
        cancel.check()
        with self._docker.open() as client:
            return published_ports(self._containers(client))

    def clear(self, work: Work) -> None:
        """See `ClusterProvider.clear`."""
        with self._docker.open() as client:
            self._refuse_foreign(client)
            self._remove_containers(client, work)
        self._remove_files()

    def delete(self, work: Work) -> None:
        """See `ClusterProvider.delete`; what of a half-made cluster is there is found by its labels and our network."""
        with self._docker.open() as client:
            self._refuse_foreign(client)
            self._remove_containers(client, work)
            self._docker.remove_network(client, work.cancel)
        self._remove_files()

    def configuration(self) -> Mapping[str, Any]:
        """See `ClusterProvider.configuration`."""
        content: Mapping[str, Any] = json.loads(self._tool.configuration())
        return content

    def check(self) -> None:
        """See `ClusterProvider.check`: of what runs only the engine knows, and asking it costs something."""
        if self._creation is not None:
            self._creation.check()

    def _containers(self, client: "DockerClient") -> "Sequence[Container]":
        return cluster_containers(self._tool, client)

    def _foreign(self, client: "DockerClient", containers: "Sequence[Container]") -> str:
        """Why these nodes are not ours; empty if they are. A node that is not on our network was not created by us.

        If the network is gone, for example by `docker network prune`, the nodes that the cluster's record names are
        ours.
        """
        if self._docker.network(client) is None:
            record = self._readable()
            if record is not None and {container.id for container in containers} <= {*record.nodes}:
                return ""
            return f"its nodes exist, but not on a network {self._docker.name} of this stack"
        strangers = [str(container.name) for container in containers if not self._may_be_ours(container)]
        return f"{', '.join(strangers)} is on another network" if strangers else ""

    def _add_workers(self, change: Change, work: Work) -> None:
        """Add the nodes that are declared beyond those that are there; those of a killed run are added again."""
        kube, record = self._proven(work), self._known()
        numbers = range(int(change.old), int(change.new))
        names = tuple(self._tool.worker_name(number) for number in numbers)
        self._file.write(dataclasses.replace(record, adding=names, uid=kube.uid))
        with self._docker.open() as client:
            for container in self._containers(client):
                if container.name in record.adding and container.id not in record.nodes:
                    # Whether it has joined is not known; nothing was ever said to run there.
                    remove_patiently(partial(container.remove, v=True, force=True), work.cancel)
        for number, name in zip(numbers, names, strict=True):
            work.notify(f"adding {name}")
            self._tool.add_worker(number, work.cancel)
        self._note(work.cancel, uid=kube.uid, created=True)

    def _refuse_foreign(self, client: "DockerClient") -> None:
        containers = self._containers(client)
        if containers and (foreign := self._foreign(client, containers)):
            raise RefusedError(
                f"the cluster {self._tool.cluster} does not belong to this stack: {foreign}", fix=self._removal()
            )

    def _remove_files(self) -> None:
        if self._state.cluster.exists():
            shutil.rmtree(self._state.cluster)
        self._state.kubeconfig.unlink(missing_ok=True)

    def _unverified(self, containers: "Sequence[Container]") -> str:
        """Why nothing proves that this is the cluster which was created; empty: it is, or it is unfinished."""
        if any(self._docker.has_lost_network(container) for container in containers):
            return f"its network {self._docker.name} was removed"
        try:
            record = self._file.read()
        except DamagedRecordError as error:
            return error.what
        if record is None:
            return "" if self._file.unfinished else f"its record {self._file.path} is gone"
        others = [
            str(container.name)
            for container in containers
            if container.id not in record.nodes and container.name not in record.adding
        ]
        return f"its record {self._file.path} does not name {_briefly(others)}" if others and record.nodes else ""

    def _to_adopt(self, why: str) -> ClusterObserved:
        if self._adopt:
            return _broken(f"to be adopted: {why}")
        return ClusterObserved(state=TargetState.UNVERIFIED, detail=why)

    def _gone(self) -> str:
        record = self._readable()
        return "" if record is None else f"{_briefly(_named(record.nodes.values()))} was removed"

    def _removed(self) -> Sequence[str]:
        """Names of the nodes that were created and are not there any more."""
        record = self._readable()
        if record is None:
            return ()
        with self._docker.open() as client:
            here = {container.id for container in self._containers(client)}
        return _named(name for node, name in record.nodes.items() if node not in here)

    def _incomplete(self, removed: Sequence[str]) -> RefusedError:
        return RefusedError(
            f"{', '.join(removed)} of the cluster was removed",
            evidence=("a node cannot be added to this cluster again; the other nodes keep what is in them",),
            fix=f"create the whole cluster again, losing what is in it: {UP} --allow-replace cluster; "
            "or save what you need of it first, then: bootstrap down",
        )

    def _refuse(self, seen: ClusterObserved) -> None:
        if seen.state is TargetState.FOREIGN:
            raise RefusedError(
                f"there is a {self._tool.program} cluster of this name: {seen.detail}", fix=self._removal()
            )
        if seen.state is TargetState.UNVERIFIED:
            raise RefusedError(f"the cluster cannot be proven to be the stack's: {seen.detail}", fix=self._removal())

    def _compared(self, seen: ClusterObserved, containers: "Sequence[Container]") -> ClusterObserved:
        """With what is declared otherwise than it was created, and what was removed of it."""
        record = self._readable()
        if record is None:
            return seen
        here = {container.id for container in containers}
        reasons = [f"{name} was removed" for name in _named(n for i, n in record.nodes.items() if i not in here)]
        changed = self._changes(record)
        in_place = tuple(change for change in changed if self._is_in_place(change))
        if len(in_place) < len(changed):
            reasons += [str(change) for change in changed]
        if reasons:
            return replace(seen, replacement=Replacement(reasons=tuple(reasons)))
        return replace(seen, changes=in_place)

    def _is_in_place(self, change: Change) -> bool:
        return effect_of(change, Provider(self._tool.program)) is Effect.IN_PLACE

    def _changes(self, record: ClusterRecord) -> Sequence[Change]:
        if record.digest in self._accepted():
            return ()
        if record.fields is None:
            return (Change(field="cluster", old="created by an earlier bootstrap", new="another configuration"),)
        return changes(record.fields, self._tool.fields())

    def _may_be_ours(self, container: "Container") -> bool:
        # Created but never started: the network that it was created for is not joined yet, but named.
        return (
            self._docker.is_on_network(container) or container.attrs["HostConfig"]["NetworkMode"] == self._docker.name
        )

    def _strangers(self, why: str) -> ClusterObserved:
        # With --adopt, `up` must be planned: it adopts them before anything else.
        return _broken(f"to be adopted: {why}") if self._adopt else _foreign(why)

    def _adopt_cluster(self, work: Work) -> None:
        with self._docker.open() as client:
            self._docker.adopt_network(client)
            containers = self._containers(client)
            if not containers or not (self._foreign(client, containers) or self._unverified(containers)):
                return
            work.notify(f"adopting {counted(len(containers), 'node')}")
            network = self._docker.ensure_network(client)
            for container in containers:
                if self._docker.has_lost_network(container):
                    client.api.disconnect_container_from_network(str(container.id), self._docker.name, force=True)
                    container.reload()
                if not self._docker.is_on_network(container):
                    network.connect(container)
        self._note(work.cancel, created=True)

    def _standing(self, containers: "Sequence[Container]") -> ClusterObserved | None:
        """How it stands without asking its API server; None: as it should."""
        if unfinished := self._file.unfinished:
            return replace(_broken(f"its {unfinished} was interrupted"), unfinished=True)
        if self._readable() is None:
            return _broken("bootstrap has no record of it")
        stopped = [str(container.name) for container in containers if container.status != "running"]
        if len(stopped) == len(containers):
            return ClusterObserved(state=TargetState.STOPPED, detail="its containers are not running")
        if stopped:
            return _broken(f"not running: {', '.join(stopped)}")
        return None

    def _examined(self, containers: "Sequence[Container]", cancel: CancelToken) -> ClusterObserved:
        record = self._readable()
        if not self._state.kubeconfig.exists() or record is None:
            return _broken("its kubeconfig is gone")
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=record.uid, simulated=False)
        try:
            api = self._clusters.proven(kube, cancel.within(_LOOK_SECONDS, "the cluster's API server"))
            quiet = self._silent(api, containers, cancel)
            old = self._stale(api, containers, cancel)
        except BootstrapError as error:
            cancel.check()
            return _broken(error.what)
        if quiet:
            return _broken("; ".join(f"{node} {why}" for node, why in quiet.items()))
        if old:
            return _broken(f"{_briefly(old)} has not reported since the nodes were restarted")
        return ClusterObserved(state=TargetState.RUNNING, kube=kube)

    def _silent(self, api: KubeApi, containers: "Sequence[Container]", cancel: CancelToken) -> Mapping[str, str]:
        names = {str(item["metadata"]["name"]) for item in _items(api, "/api/v1/nodes", cancel)}
        started = {name: time for name, time in _started(containers).items() if name in names}
        return silent(_items(api, _LEASES, cancel), started)

    def _stale(self, api: KubeApi, containers: "Sequence[Container]", cancel: CancelToken) -> Sequence[str]:
        return stale(_items(api, "/api/v1/pods", cancel), _started(containers))

    def _gather(self, client: "DockerClient", work: Work, *, own: Collection[int] = ()) -> None:
        gather(self._tool, self._ports, client, self._processes, work, own=own, mirrors=self._docker.mirrors)

    def _prepared(self, work: Work) -> Callable[[CancelToken], None]:
        """Gather what it needs, and note that it begins; the call that creates it."""
        self._docker.refuse_far()
        with self._docker.open() as client:
            self._gather(client, work)
            self._docker.ensure_network(client)
            names = {image: self._name(client, image, work) for image in self._tool.images}
        self._file.begin(CREATION)
        work.notify("creating its nodes")
        return lambda cancel: self._tool.create(self._state.cluster, cancel, names)

    def _create(self, work: Work) -> None:
        self._prepared(work)(work.cancel)
        self._note(work.cancel, created=True)

    def _name(self, client: "DockerClient", image: str, work: Work) -> str:
        """What a node of this image is created from."""
        baked = None if self._baked is None else self._baked.name_for(client, image, work)
        return baked or name_on_engine(client, image) or image

    def _finish(self, why: str, work: Work) -> None:
        """What a killed run left of a creation or a removal is nobody's: it goes, and a whole one is created."""
        work.notify(f"creating it again: {why}")
        with self._docker.open() as client:
            self._remove_containers(client, work)
        self._create(work)

    def _start(self, work: Work) -> None:
        with self._docker.open() as client:
            containers = self._containers(client)
            for container in containers:
                if container.status == "paused":
                    container.unpause()
            stopped = [container for container in containers if container.status not in {"running", "paused"}]
            if len(stopped) == len(containers):
                refuse_used_ports(self._tool, self._ports, self._processes, work.cancel)
            if stopped:
                work.notify(f"starting {_briefly([str(container.name) for container in stopped])}")
            if not stopped or self._tool.start(work.cancel):
                return
            for container in stopped:
                work.cancel.check()
                container.start()

    def _forgetful(self, client: "DockerClient", cancel: CancelToken) -> Sequence[str]:
        """The nodes whose /etc/hosts lacks this machine's name: an engine rewrites that file at every start."""
        record = self._readable()
        if record is None or not record.host:
            return ()
        nodes = nodes_of(self._tool, client)
        return [str(node.name) for node in nodes if not host_record(node, self._tool.host, cancel)]

    def _restore_host(self, work: Work) -> None:
        with self._docker.open() as client:
            for name in self._forgetful(client, work.cancel):
                work.notify(f"writing {self._tool.host} into /etc/hosts of {name} again")
                address = self._known().host
                add_host_record(client.containers.get(name), address, self._tool.host, work.cancel)

    def _host(self, cancel: CancelToken) -> str:
        """The record that the program wrote when it created the cluster; empty: it wrote none."""
        if self._tool.host is None:
            return ""
        with self._docker.open() as client:
            records = (host_record(node, self._tool.host, cancel) for node in nodes_of(self._tool, client))
            return next((record for record in records if record), "")

    def _proven(self, work: Work) -> KubeContext:
        """Wait until the cluster is whole, then record its identity, or compare it with the record."""
        self._write_kubeconfig(work.cancel)
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=self._known().uid, simulated=False)
        api = self._clusters.api(kube, work.cancel)

        def answer() -> str | None:
            try:
                return cluster_uid(api, work.cancel) or None
            except (ApiUnreachableError, ApiRefusedError):
                # One that has just begun knows nobody's rights yet.
                return None

        work.notify("waiting for its API server")
        uid = wait_until(answer, work.cancel)
        if kube.uid not in {"", uid}:
            raise RefusedError(f"another cluster answers: its kube-system has uid {uid}, not {kube.uid}")
        self._note(work.cancel, uid=uid)
        if not kube.uid and self._tool.quickens_names:
            # Now, before its pods have started: later they would be replaced one by one.
            quicken_probe(api, work.cancel)
        self._wait_heard(api, work)
        self._wait_settled(api, work)
        # One replica answers for the name service: the second often comes 10 s later.
        wait_ready(self._parts(api, work.cancel), api, work, what="the cluster", simulated=False, rule=serves)
        return KubeContext(kubeconfig=self._state.kubeconfig, uid=uid, simulated=False)

    def _parts(self, api: KubeApi, cancel: CancelToken) -> Sequence[ObjectRef]:
        nodes = [str(item["metadata"]["name"]) for item in _items(api, "/api/v1/nodes", cancel)]
        return (
            *(ObjectRef(api_version="v1", kind="Node", namespace=None, name=name) for name in nodes),
            *(
                ObjectRef(api_version="apps/v1", kind="Deployment", namespace="kube-system", name=name)
                for name in self._tool.ready
            ),
        )

    def _wait_heard(self, api: KubeApi, work: Work) -> None:
        """Wait until every node has renewed its lease since it was started; one that stays silent is started again."""
        until = work.cancel.clock.monotonic() + _SILENT_SECONDS
        messages: Mapping[str, str] = {}
        while quiet := self._look_for_silent(api, work.cancel):
            if quiet != messages:
                work.notify("; ".join(f"{node} {why}" for node, why in quiet.items()))
                messages = quiet
            if any("for" in why for why in quiet.values()) or work.cancel.clock.monotonic() > until:
                self._restart(quiet, work)
                until = work.cancel.clock.monotonic() + _SILENT_SECONDS
            work.cancel.sleep(0.5)

    def _wait_settled(self, api: KubeApi, work: Work) -> None:
        """Wait until no pod's status is from before the last start of its node, and those that ran are Ready.

        One that does not become Ready in time is reported by its release.
        """
        with self._docker.open() as client:
            containers = self._containers(client)
        until, message = work.cancel.clock.monotonic() + _SETTLE_SECONDS, ""
        while True:
            old = self._stale(api, containers, work.cancel)
            unready = [*old, *(name for name in _unready(_items(api, "/api/v1/pods", work.cancel)) if name not in old)]
            if not unready or (not old and work.cancel.clock.monotonic() > until):
                return
            if (text := f"waiting for {_briefly(unready)}") != message:
                work.notify(text)
                message = text
            work.cancel.sleep(0.5)

    def _look_for_silent(self, api: KubeApi, cancel: CancelToken) -> Mapping[str, str]:
        with self._docker.open() as client:
            containers = self._containers(client)
        try:
            return self._silent(api, containers, cancel)
        except (ApiUnreachableError, ApiRefusedError) as error:
            return {"its API server": error.what}

    def _restart(self, quiet: Mapping[str, str], work: Work) -> None:
        with self._docker.open() as client:
            for container in self._containers(client):
                work.cancel.check()
                if container.name in quiet:
                    work.notify(f"restarting {container.name}")
                    container.restart()

    def _write_kubeconfig(self, cancel: CancelToken) -> None:
        """Asked for each time: the engine may have given the API server another port."""
        kubeconfig = self._tool.kubeconfig(cancel)
        if not self._state.kubeconfig.exists() or self._state.kubeconfig.read_bytes() != kubeconfig:
            write_whole(self._state.kubeconfig, kubeconfig)

    def _remove_containers(self, client: "DockerClient", work: Work) -> None:
        is_unfinished = self._file.unfinished == CREATION
        # First: what is left when we are killed here must not pass for a cluster with all its nodes.
        if is_unfinished or self._file.path.exists() or self._containers(client):
            self._file.begin(CREATION if is_unfinished else REMOVAL)
        looks = _LOOKS if is_unfinished else 0
        while (containers := self._containers(client)) or looks:
            for container in containers:
                work.notify(f"removing {container.name}")
                remove_patiently(partial(container.remove, v=True, force=True), work.cancel)
            if not containers:
                looks -= 1
            work.cancel.sleep(_LOOK_AGAIN_SECONDS if is_unfinished else 0.0)
        for volume in client.volumes.list(filters={"label": self._tool.label}):
            remove_patiently(partial(volume.remove, force=True), work.cancel)

    def _accepted(self) -> Sequence[str]:
        """Digests of what its nodes may have been created from and still be as declared."""
        given = (self._tool.configuration(), *self._tool.earlier_configurations())
        return tuple(hashlib.sha256(configuration).hexdigest() for configuration in given)

    def _note(self, cancel: CancelToken, *, uid: str = "", created: bool = False) -> None:
        """Remember the nodes that are there and, once it was created or adopted, what it was created from."""
        record = None if created else self._readable()
        with self._docker.open() as client:
            nodes = {str(container.id): str(container.name) for container in self._containers(client)}
        self._file.write(
            ClusterRecord(
                fields=self._tool.fields() if record is None else record.fields,
                digest=self._accepted()[0] if record is None else record.digest,
                nodes=nodes,
                uid=uid,
                host=(record.host if record else "") or self._host(cancel),
            )
        )

    def _readable(self) -> ClusterRecord | None:
        """What is remembered; None: nothing, or nothing that can be read."""
        try:
            return self._file.read()
        except DamagedRecordError:
            return None

    def _known(self) -> ClusterRecord:
        return self._readable() or ClusterRecord(fields=None, digest="")

    def _removal(self) -> str:
        command = "kind delete cluster --name" if self._tool.program == "kind" else "k3d cluster delete"
        return f"adopt it: {UP} --adopt; or remove it if nobody needs it: {command} {self._tool.cluster}"


def _items(api: KubeApi, path: str, cancel: CancelToken) -> Sequence[Mapping[str, Any]]:
    return (api.get(path, cancel) or {}).get("items") or ()


def _started(containers: "Sequence[Container]") -> dict[str, datetime]:
    return {str(container.name): moment(container.attrs["State"]["StartedAt"]) for container in containers}


def _unready(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Pods that ran before, and are not Ready; what is over, or has never run, is nobody's to wait for here."""
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if any(
            container_status.get("restartCount")
            for container_status in pod.get("status", {}).get("containerStatuses") or ()
        )
        and pod["status"].get("phase") not in {"Succeeded", "Failed"}
        and not any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in pod["status"].get("conditions") or ()
        )
    ]


def _briefly(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _named(names: Iterable[str]) -> Sequence[str]:
    """The names; `a node` for one of which an earlier version noted none."""
    return [name or "a node" for name in names]


def _broken(detail: str) -> ClusterObserved:
    return ClusterObserved(state=TargetState.BROKEN, detail=detail)


def _foreign(detail: str) -> ClusterObserved:
    return ClusterObserved(state=TargetState.FOREIGN, detail=detail)
