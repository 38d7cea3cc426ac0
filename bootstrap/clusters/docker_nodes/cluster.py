"""Clusters of containers on the stack's own network, proven by it before the API server is asked."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.clusters.docker_nodes.containers import add_host_record, host_record, machines_of, nodes_of
from bootstrap.clusters.docker_nodes.node_heartbeat import moment, silent, stale
from bootstrap.clusters.docker_nodes.ports import refuse_asked_twice, refuse_taken
from bootstrap.clusters.docker_nodes.tool import ClusterTool
from bootstrap.docker.images import pull
from bootstrap.docker.removal import remove_patiently
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.kube.identity import Clusters, cluster_uid
from bootstrap.kube.readiness import serves
from bootstrap.kube.waiting import wait_ready
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.stack import HostPorts, StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Processes
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
_LEASES = "/apis/coordination.k8s.io/v1/leases"


class MachineCluster:
    """Implements `engine.ports.ClusterProvider` for kind and k3d."""

    def __init__(
        self,
        tool: ClusterTool,
        ports: HostPorts,
        state: StatePaths,
        docker: StackOnDocker,
        processes: Processes,
        *,
        adopt: bool = False,
    ) -> None:
        self._tool = tool
        self._ports = ports
        self._state = state
        self._docker = docker
        self._adopt = adopt
        self._processes = processes
        self._clusters = Clusters(processes)

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`."""
        with self._docker.open() as client:
            machines = self._machines(client)
            if not machines:
                return ClusterObserved(state=TargetState.ABSENT)
            if foreign := self._foreign(client, machines):
                return self._strangers(foreign)
            if any(self._docker.has_lost_network(one) for one in machines):
                # They cannot be started again: what they were made for is not there.
                return ClusterObserved(state=TargetState.OUTDATED, detail="its network was removed")
            if standing := self._standing(machines):
                return standing
            if forgetful := self._forgetful(client, cancel):
                return _broken(f"{_shortly(forgetful)} lost {self._tool.host}")
        return self._examined(machines, cancel)

    def up(self, work: Work) -> KubeContext:
        """See `ClusterProvider.up`."""
        work.cancel.check()
        if self._adopt:
            self._take_over(work)
        seen = self.observe(work.cancel)
        match seen.state:
            case TargetState.FOREIGN:
                raise RefusedError(
                    f"there is a {self._tool.program} cluster of this name: {seen.detail}", fix=self._removal()
                )
            case TargetState.ABSENT:
                self._create(work)
            case TargetState.OUTDATED:
                self._create_anew(seen.detail, work)
            case _ if self._record() is None:
                self._create_anew(seen.detail, work)
            case _:
                self._start(work)
                self._restore_host(work)
        return self._proven(work)

    def replace(self, work: Work) -> KubeContext:
        """See `ClusterProvider.replace`."""
        work.cancel.check()
        self._create_anew(self.observe(work.cancel).detail, work)
        return self._proven(work)

    def delete(self, work: Work) -> None:
        """See `ClusterProvider.delete`; what of a half-made cluster is there is found by its labels and our network."""
        with self._docker.open() as client:
            machines = self._machines(client)
            if machines and (foreign := self._foreign(client, machines)):
                raise RefusedError(f"the cluster {self._tool.cluster} is not ours: {foreign}", fix=self._removal())
            self._remove_machines(client, work)
            self._docker.remove_network(client, work.cancel)
        if self._state.cluster.exists():
            shutil.rmtree(self._state.cluster)
        self._state.kubeconfig.unlink(missing_ok=True)

    def _machines(self, client: "DockerClient") -> "Sequence[Container]":
        return machines_of(self._tool, client)

    def _foreign(self, client: "DockerClient", machines: "Sequence[Container]") -> str:
        """Why these machines are not ours; empty when they are. Who is not on our network, we did not make.

        Where that is gone, by `docker network prune` say, those are ours that were noted when they were made.
        """
        if self._docker.network(client) is None:
            if {one.id for one in machines} <= {*((self._record() or {}).get("machines") or ())}:
                return ""
            return f"its machines are there, but not on a network {self._docker.name} of this stack"
        strangers = [str(one.name) for one in machines if not self._may_be_ours(one)]
        return f"{', '.join(strangers)} is on another network" if strangers else ""

    def _may_be_ours(self, machine: "Container") -> bool:
        # Created but never started: the network that it was created for is not joined yet, but named.
        return self._docker.is_on_network(machine) or machine.attrs["HostConfig"]["NetworkMode"] == self._docker.name

    def _strangers(self, why: str) -> ClusterObserved:
        # With --adopt, `up` is to be planned: it takes them over before anything else.
        return _broken(f"to be taken over: {why}") if self._adopt else _foreign(why)

    def _take_over(self, work: Work) -> None:
        with self._docker.open() as client:
            self._docker.adopt_network(client)
            machines = self._machines(client)
            if not machines or not self._foreign(client, machines):
                return
            work.say(f"taking over {len(machines)} machines")
            network = self._docker.ensure_network(client)
            for machine in machines:
                if not self._docker.is_on_network(machine):
                    network.connect(machine)
        self._note("", work.cancel)

    def _standing(self, machines: "Sequence[Container]") -> ClusterObserved | None:
        """How it stands without asking its API server; None: as it should."""
        record = self._record()
        if record is None:
            return _broken("its creation was interrupted")
        stopped = [str(one.name) for one in machines if one.status != "running"]
        if len(stopped) == len(machines):
            return ClusterObserved(state=TargetState.STOPPED, detail="its containers do not run")
        if stopped:
            return _broken(f"{', '.join(stopped)} does not run")
        if record["spec"] not in self._accepted():
            return ClusterObserved(state=TargetState.OUTDATED, detail="it is declared otherwise now")
        return None

    def _examined(self, machines: "Sequence[Container]", cancel: CancelToken) -> ClusterObserved:
        record = self._record() or {}
        if not self._state.kubeconfig.exists():
            return _broken("its kubeconfig is gone")
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=str(record.get("uid", "")), simulated=False)
        try:
            api = self._clusters.proven(kube, cancel.within(_LOOK_SECONDS, "the cluster's API server"))
            quiet = self._silent(api, machines, cancel)
            old = self._stale(api, machines, cancel)
        except BootstrapError as error:
            cancel.check()
            return _broken(error.what)
        if quiet:
            return _broken("; ".join(f"{machine} {why}" for machine, why in quiet.items()))
        if old:
            return _broken(f"{_shortly(old)} not heard of since the restart of the machines")
        return ClusterObserved(state=TargetState.RUNNING, kube=kube)

    def _silent(self, api: KubeApi, machines: "Sequence[Container]", cancel: CancelToken) -> Mapping[str, str]:
        known = {str(one["metadata"]["name"]) for one in _items(api, "/api/v1/nodes", cancel)}
        started = {name: time for name, time in _started(machines).items() if name in known}
        return silent(_items(api, _LEASES, cancel), started)

    def _stale(self, api: KubeApi, machines: "Sequence[Container]", cancel: CancelToken) -> Sequence[str]:
        return stale(_items(api, "/api/v1/pods", cancel), _started(machines))

    def _create(self, work: Work) -> None:
        self._tool.configuration()
        self._refuse_taken_ports(work.cancel)
        with self._docker.open() as client:
            self._docker.ensure_network(client)
            for image in self._tool.images:
                # The tools would pull without a word for minutes, and fail without a way out.
                pull(client, image, work.say, work.cancel.check, another="--set cluster.image=…")
        private_folder(self._state.cluster)
        work.say("creating its machines")
        self._tool.create(self._state.cluster, work.cancel)
        self._note("", work.cancel)

    def _refuse_taken_ports(self, cancel: CancelToken) -> None:
        ports = (self._ports.http, self._ports.https)
        refuse_taken(ports, self._processes, cancel)
        refuse_asked_twice(ports, self._tool.own_ports, self._tool.own_file)
        refuse_taken(self._tool.own_ports, self._processes, cancel, file=self._tool.own_file)

    def _create_anew(self, why: str, work: Work) -> None:
        work.say(f"making it anew: {why}")
        with self._docker.open() as client:
            self._remove_machines(client, work)
        self._create(work)

    def _start(self, work: Work) -> None:
        with self._docker.open() as client:
            machines = self._machines(client)
            for machine in machines:
                if machine.status == "paused":
                    machine.unpause()
            stopped = [one for one in machines if one.status not in {"running", "paused"}]
            if len(stopped) == len(machines):
                self._refuse_taken_ports(work.cancel)
            if stopped:
                work.say(f"starting {_shortly([str(one.name) for one in stopped])}")
            if not stopped or self._tool.start(work.cancel):
                return
            for machine in stopped:
                work.cancel.check()
                machine.start()

    def _forgetful(self, client: "DockerClient", cancel: CancelToken) -> Sequence[str]:
        """The nodes whose /etc/hosts lacks this machine's name: an engine writes that file anew at every start."""
        if not (self._record() or {}).get("host"):
            return ()
        nodes = nodes_of(self._tool, client)
        return [str(one.name) for one in nodes if not host_record(one, self._tool.host, cancel)]

    def _restore_host(self, work: Work) -> None:
        with self._docker.open() as client:
            for name in self._forgetful(client, work.cancel):
                work.say(f"telling {name} of {self._tool.host} again")
                address = (self._record() or {})["host"]
                add_host_record(client.containers.get(name), address, self._tool.host, work.cancel)

    def _host(self, cancel: CancelToken) -> str:
        """The record that the program wrote when it made the cluster; empty: it wrote none."""
        if self._tool.host is None:
            return ""
        with self._docker.open() as client:
            found = (host_record(one, self._tool.host, cancel) for one in nodes_of(self._tool, client))
            return next((one for one in found if one), "")

    def _proven(self, work: Work) -> KubeContext:
        """Wait until the cluster is whole, then take down, or compare, who it is."""
        self._write_kubeconfig(work.cancel)
        record = self._record() or {}
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=str(record.get("uid", "")), simulated=False)
        api = self._clusters.api(kube, work.cancel)

        def answer() -> str | None:
            try:
                return cluster_uid(api, work.cancel) or None
            except (ApiUnreachableError, ApiRefusedError):
                # One that has just begun knows nobody's rights yet.
                return None

        work.say("waiting for its API server")
        uid = wait_until(answer, work.cancel)
        if kube.uid not in {"", uid}:
            raise RefusedError(f"another cluster answers: its kube-system has uid {uid}, not {kube.uid}")
        self._note(uid, work.cancel)
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
        """Until every machine has told of itself since it was started; one that stays silent is started again."""
        until = work.cancel.clock.monotonic() + _SILENT_SECONDS
        told: Mapping[str, str] = {}
        while quiet := self._look_for_silent(api, work.cancel):
            if quiet != told:
                work.say("; ".join(f"{machine} {why}" for machine, why in quiet.items()))
                told = quiet
            if any("for" in why for why in quiet.values()) or work.cancel.clock.monotonic() > until:
                self._restart(quiet, work)
                until = work.cancel.clock.monotonic() + _SILENT_SECONDS
            work.cancel.sleep(0.5)

    def _wait_settled(self, api: KubeApi, work: Work) -> None:
        """Until no pod is told as it was before the machines were started again, and those that ran run and are Ready.

        One that does not become Ready in time is for its release to tell of.
        """
        with self._docker.open() as client:
            machines = self._machines(client)
        until, told = work.cancel.clock.monotonic() + _SETTLE_SECONDS, ""
        while True:
            old = self._stale(api, machines, work.cancel)
            unready = [*old, *(name for name in _unready(_items(api, "/api/v1/pods", work.cancel)) if name not in old)]
            if not unready or (not old and work.cancel.clock.monotonic() > until):
                return
            if (text := f"waiting for {_shortly(unready)}") != told:
                work.say(text)
                told = text
            work.cancel.sleep(0.5)

    def _look_for_silent(self, api: KubeApi, cancel: CancelToken) -> Mapping[str, str]:
        with self._docker.open() as client:
            machines = self._machines(client)
        try:
            return self._silent(api, machines, cancel)
        except (ApiUnreachableError, ApiRefusedError) as error:
            return {"its API server": error.what}

    def _restart(self, quiet: Mapping[str, str], work: Work) -> None:
        with self._docker.open() as client:
            for machine in self._machines(client):
                work.cancel.check()
                if machine.name in quiet:
                    work.say(f"restarting {machine.name}")
                    machine.restart()

    def _write_kubeconfig(self, cancel: CancelToken) -> None:
        """Asked for each time: the engine may have given the API server another port."""
        told = self._tool.kubeconfig(cancel)
        if not self._state.kubeconfig.exists() or self._state.kubeconfig.read_bytes() != told:
            write_whole(self._state.kubeconfig, told)

    def _remove_machines(self, client: "DockerClient", work: Work) -> None:
        half_made = self._record() is None and self._state.cluster.exists()
        # First: what is left when we are killed here must not be taken for a cluster with all its machines.
        self._record_file().unlink(missing_ok=True)
        looks = _LOOKS if half_made else 0
        while (machines := self._machines(client)) or looks:
            for machine in machines:
                work.say(f"removing {machine.name}")
                remove_patiently(partial(machine.remove, v=True, force=True), work.cancel)
            if not machines:
                looks -= 1
            work.cancel.sleep(_LOOK_AGAIN_SECONDS if half_made else 0.0)
        for volume in client.volumes.list(filters={"label": self._tool.label}):
            remove_patiently(partial(volume.remove, force=True), work.cancel)

    def _wanted(self) -> str:
        """Changes when the machines have to be made anew."""
        return hashlib.sha256(self._tool.configuration()).hexdigest()

    def _accepted(self) -> Sequence[str]:
        """What machines may have been made of and still be as declared."""
        former = (hashlib.sha256(one).hexdigest() for one in self._tool.former_configurations())
        return (self._wanted(), *former)

    def _note(self, uid: str, cancel: CancelToken) -> None:
        private_folder(self._state.cluster)
        with self._docker.open() as client:
            machines = [one.id for one in self._machines(client)]
        record = self._record() or {}
        host = record.get("host") or self._host(cancel)
        spec = record["spec"] if record.get("spec") in self._accepted() else self._wanted()
        noted = {"spec": spec, "uid": uid, "machines": machines, "host": host}
        write_whole(self._record_file(), json.dumps(noted).encode())

    def _record(self) -> Mapping[str, Any] | None:
        """What was noted once the cluster had been created; None before that."""
        file = self._record_file()
        return json.loads(file.read_text()) if file.exists() else None

    def _record_file(self) -> Path:
        return self._state.cluster / "machines.json"

    def _removal(self) -> str:
        command = "kind delete cluster --name" if self._tool.program == "kind" else "k3d cluster delete"
        return f"take it over with --adopt, or remove it if nobody needs it: {command} {self._tool.cluster}"


def _items(api: KubeApi, path: str, cancel: CancelToken) -> Sequence[Mapping[str, Any]]:
    return (api.get(path, cancel) or {}).get("items") or ()


def _started(machines: "Sequence[Container]") -> dict[str, datetime]:
    return {str(one.name): moment(one.attrs["State"]["StartedAt"]) for one in machines}


def _unready(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Pods that ran before, and are not Ready; what is over, or has never run, is nobody's to wait for here."""
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if any(one.get("restartCount") for one in pod.get("status", {}).get("containerStatuses") or ())
        and pod["status"].get("phase") not in {"Succeeded", "Failed"}
        and not any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
    ]


def _shortly(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _broken(detail: str) -> ClusterObserved:
    return ClusterObserved(state=TargetState.BROKEN, detail=detail)


def _foreign(detail: str) -> ClusterObserved:
    return ClusterObserved(state=TargetState.FOREIGN, detail=detail)
