"""kind clusters on the stack's own network, proven by it before the API server is asked."""

import hashlib
import json
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.clock import CancelToken
from bootstrap.clusters.kind.config import kind_config
from bootstrap.clusters.ports import refuse_taken
from bootstrap.containers.stack import StackOnDocker
from bootstrap.engine.files import write_whole
from bootstrap.engine.ports import Programs
from bootstrap.engine.wait import wait_until
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.kube.api import ApiUnreachableError
from bootstrap.kube.cluster import Clusters, cluster_uid
from bootstrap.kube.waiting import wait_ready
from bootstrap.model.event import Say
from bootstrap.model.kube import KubeContext, ObjectRef
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.stack import ClusterSpec, StatePaths
from bootstrap.process import Command, Processes

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_LOOK_SECONDS = 10.0
_DNS = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="kube-system", name="coredns")


class KindProvider:
    """Implements `engine.ports.ClusterProvider`."""

    def __init__(
        self,
        spec: ClusterSpec,
        state: StatePaths,
        docker: StackOnDocker,
        programs: Programs,
        processes: Processes,
        environment: Mapping[str, str],
    ) -> None:
        self._spec = spec
        self._state = state
        self._docker = docker
        self._programs = programs
        self._processes = processes
        self._environment = environment
        self._clusters = Clusters(processes)

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`."""
        with self._docker.open() as client:
            machines = self._machines(client)
            if not machines:
                return ClusterObserved(state=TargetState.ABSENT)
            if foreign := self._foreign(client, machines):
                return ClusterObserved(state=TargetState.FOREIGN, detail=foreign)
        record = self._record()
        if record is None:
            return ClusterObserved(state=TargetState.BROKEN, detail="its creation was interrupted")
        stopped = [one.name for one in machines if one.status != "running"]
        if len(stopped) == len(machines):
            return ClusterObserved(state=TargetState.STOPPED, detail="its containers do not run")
        if stopped:
            return ClusterObserved(state=TargetState.BROKEN, detail=f"{', '.join(map(str, stopped))} does not run")
        if record["spec"] != self._wanted():
            return ClusterObserved(state=TargetState.OUTDATED, detail="it is declared otherwise now")
        return self._examined(record, cancel)

    def up(self, cancel: CancelToken, say: Say) -> KubeContext:
        """See `ClusterProvider.up`."""
        seen = self.observe(cancel)
        match seen.state:
            case TargetState.FOREIGN:
                raise RefusedError(f"there is a kind cluster of this name: {seen.detail}", fix=self._removal())
            case TargetState.RUNNING | TargetState.STOPPED:
                self._start(say)
            case TargetState.BROKEN if self._record() is not None:
                say(seen.detail)
                self._start(say)
            case TargetState.ABSENT:
                self._create(cancel, say)
            case _:
                say(f"making it anew: {seen.detail}")
                self._remove_cluster(cancel, say)
                self._create(cancel, say)
        return self._proven(cancel, say)

    def delete(self, cancel: CancelToken, say: Say) -> None:
        """See `ClusterProvider.delete`; machines of a half-made cluster are found by their labels and our network."""
        with self._docker.open() as client:
            machines = self._machines(client)
            if machines and (foreign := self._foreign(client, machines)):
                raise RefusedError(f"the kind cluster {self._docker.name} is not ours: {foreign}", fix=self._removal())
        if machines:
            self._remove_cluster(cancel, say)
        with self._docker.open() as client:
            self._docker.remove_network(client)
        shutil.rmtree(self._state.cluster, ignore_errors=False) if self._state.cluster.exists() else None
        self._state.kubeconfig.unlink(missing_ok=True)

    def _machines(self, client: "DockerClient") -> "Sequence[Container]":
        filters = {"label": f"{_CLUSTER_LABEL}={self._docker.name}"}
        return client.containers.list(all=True, filters=filters)

    def _foreign(self, client: "DockerClient", machines: "Sequence[Container]") -> str:
        """Why these machines are not ours; empty when they are. Who is not on our network, we did not make."""
        if self._docker.network(client) is None:
            return f"its machines run, but not on a network {self._docker.name} of this stack"
        strangers = [str(one.name) for one in machines if not self._docker.is_on_network(one)]
        return f"{', '.join(strangers)} is on another network" if strangers else ""

    def _examined(self, record: Mapping[str, Any], cancel: CancelToken) -> ClusterObserved:
        if not self._state.kubeconfig.exists():
            return ClusterObserved(state=TargetState.BROKEN, detail="its kubeconfig is gone")
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=str(record["uid"]), simulated=False)
        try:
            self._clusters.proven(kube, cancel.within(_LOOK_SECONDS, "the cluster's API server"))
        except RefusedError as error:
            return ClusterObserved(state=TargetState.BROKEN, detail=error.what)
        except BootstrapError as error:
            cancel.check()
            return ClusterObserved(state=TargetState.BROKEN, detail=error.what)
        return ClusterObserved(state=TargetState.RUNNING, kube=kube)

    def _create(self, cancel: CancelToken, say: Say) -> None:
        refuse_taken((self._spec.ports.http, self._spec.ports.https))
        with self._docker.open() as client:
            self._docker.ensure_network(client)
        say("creating its machines")
        self._kind("create", "cluster", "--config", "-", stdin=self._config(), cancel=cancel)
        write_whole(self._record_file(), json.dumps({"spec": self._wanted(), "uid": ""}).encode())

    def _start(self, say: Say) -> None:
        with self._docker.open() as client:
            for machine in self._machines(client):
                if machine.status != "running":
                    say(f"starting {machine.name}")
                    machine.start()

    def _proven(self, cancel: CancelToken, say: Say) -> KubeContext:
        """Wait until the cluster is whole, then take down, or compare, who it is."""
        self._write_kubeconfig(cancel)
        record = self._record() or {}
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=str(record.get("uid", "")), simulated=False)
        api = self._clusters.api(kube, cancel)

        def answer() -> str | None:
            try:
                return cluster_uid(api, cancel) or None
            except ApiUnreachableError:
                return None

        say("waiting for its API server")
        uid = wait_until(answer, cancel)
        if kube.uid not in {"", uid}:
            raise RefusedError(f"another cluster answers: its kube-system has uid {uid}, not {kube.uid}")
        write_whole(self._record_file(), json.dumps({"spec": self._wanted(), "uid": uid}).encode())
        machines = [str(item["metadata"]["name"]) for item in (api.get("/api/v1/nodes", cancel) or {})["items"]]
        refs = [ObjectRef(api_version="v1", kind="Node", namespace=None, name=name) for name in machines]
        wait_ready([*refs, _DNS], api, cancel, say, what="the cluster", simulated=False)
        return KubeContext(kubeconfig=self._state.kubeconfig, uid=uid, simulated=False)

    def _write_kubeconfig(self, cancel: CancelToken) -> None:
        """Docker gives the API server another port when the machine starts again: ask kind each time."""
        told = self._kind("get", "kubeconfig", cancel=cancel)
        if not self._state.kubeconfig.exists() or self._state.kubeconfig.read_bytes() != told:
            write_whole(self._state.kubeconfig, told)

    def _remove_cluster(self, cancel: CancelToken, say: Say) -> None:
        say("removing its machines")
        self._record_file().unlink(missing_ok=True)
        self._kind("delete", "cluster", "--kubeconfig", str(self._state.kubeconfig), cancel=cancel)

    def _kind(self, *arguments: str, cancel: CancelToken, stdin: bytes | None = None) -> bytes:
        scratch = self._state.cluster / "kubeconfig"
        scratch.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # kind writes a kubeconfig whenever it creates: never the user's.
        extra = ("--kubeconfig", str(scratch)) if arguments[0] == "create" else ()
        command = Command(
            argv=(str(self._programs.path("kind")), *arguments, *extra, "--name", self._docker.name),
            env={
                **self._environment,
                "KIND_EXPERIMENTAL_DOCKER_NETWORK": self._docker.name,
                "KIND_EXPERIMENTAL_PROVIDER": "docker",
            },
            stdin=stdin,
            polite=signal.SIGINT,
            recorded=arguments[0] != "get",
        )
        return self._processes.run(command, cancel).stdout

    def _config(self) -> bytes:
        return json.dumps(kind_config(self._spec, self._docker.name)).encode()

    def _wanted(self) -> str:
        """Changes when the machines have to be made anew."""
        return hashlib.sha256(self._config()).hexdigest()

    def _record(self) -> Mapping[str, Any] | None:
        """What was noted once kind had created the cluster; None before that."""
        file = self._record_file()
        return json.loads(file.read_text()) if file.exists() else None

    def _record_file(self) -> Path:
        return self._state.cluster / "kind.json"

    def _removal(self) -> str:
        return f"remove it if nobody needs it: kind delete cluster --name {self._docker.name}; or rename the stack"
