"""Keeps the way to an emulator in the cluster open: a program of its own, which outlives the run that starts it.

Run by `module_command` with the argument FOLDER. `kubectl port-forward` leads to one pod, and ends with it
or with its connection to the API server; this one starts it again, to a pod that is Ready then, and keeps the
port meanwhile.
It ends on SIGTERM, or when FOLDER no longer asks for it.
"""

import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bootstrap.emulators.daemon import STOP_SECONDS, end_recorded
from bootstrap.emulators.process_record import Forward, ForwardFolder
from bootstrap.emulators.relay import Lead, Relay
from bootstrap.errors import BootstrapError, RefusedError, StepFailedError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import KubeContext
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, Processes, ProcessIdentity, SystemProcesses
from bootstrap.system.sockets import LOOPBACK
from bootstrap.system.wait import wait_until

HOLD_SECONDS = 30.0
"""How long a connection waits for the way to be open again."""
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 1.0
"""How often the cluster is asked whether the pod is still the one to lead to."""
_ANSWER_SECONDS = 3.0
_OPEN_SECONDS = 15.0
_LONGEST_LOG = 1 << 20
_OPENED = re.compile(rb"Forwarding from 127\.0\.0\.1:(\d+) ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pod:
    """One that a Service leads to."""

    name: str
    uid: str
    port: int
    """What the Service's port means there."""


class Keeper:
    """Keeps one forward open: `look` again and again."""

    def __init__(self, forward: Forward, folder: ForwardFolder, lead: Lead) -> None:
        self._forward = forward
        self._folder = folder
        self._lead = lead
        self._processes: Processes = SystemProcesses(SystemClock(), self._note)
        self._clusters = Clusters(self._processes)
        self._child: ProcessIdentity | None = None
        self._pod: Pod | None = None
        self._looked = 0.0
        self._reported = ""

    def keep(self, cancel: CancelToken) -> None:
        """Keep it open until nobody needs it any more; failures are reported and retried."""
        while self._folder.forward() == self._forward:
            try:
                self.look(cancel)
            except BootstrapError as error:
                self._report("; ".join((error.what, *error.evidence)))
            cancel.sleep(_POLL_SECONDS if self._lead.holds else _LOOK_SECONDS)

    def look(self, cancel: CancelToken) -> None:
        """See that kubectl runs and leads to a pod of the Service.

        Raises:
            BootstrapError: the cluster does not answer or is another one, or kubectl does not forward.
        """
        if self._child is not None and not self._processes.alive(self._child):
            self._lost(f"kubectl has ended: {self._last_line()}", cancel)
        now = cancel.clock.monotonic()
        if self._pod is not None and now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        token = cancel.within(_ANSWER_SECONDS, "the cluster's API server")
        kube = KubeContext(kubeconfig=Path(self._forward.kubeconfig), uid=self._forward.uid, simulated=False)
        # Whom to lead to may be asked of anybody; what is led to is a pod of the cluster that was meant.
        api = self._clusters.api(kube, token) if self._pod is not None else self._clusters.proven(kube, token)
        pods = tuple(pods_of(self._forward, api, token, but=self._pod))
        if self._pod is None:
            self._open(pods, cancel)
        elif self._pod not in pods:
            self._lost(f"pod {self._pod.name} is gone", cancel)
        self._shorten_log()

    def end(self, cancel: CancelToken) -> None:
        """End kubectl, also one that an earlier keeper left; the folder that names it may be gone."""
        self._lead.set(None)
        self._pod = None
        if self._child is not None:
            self._processes.stop(self._child, cancel, polite=signal.SIGTERM, grace=STOP_SECONDS)
            self._child = None
        end_recorded(self._folder.kubectl, self._processes, cancel)

    def _open(self, pods: tuple[Pod, ...], cancel: CancelToken) -> None:
        where = f"{self._forward.namespace}/{self._forward.service}"
        if not pods:
            raise StepFailedError(f"no pod of Service {where} is Ready")
        self.end(cancel)
        self._folder.kubectl_log.unlink(missing_ok=True)
        child = self._child = self._processes.spawn(self._command(pods[0]), self._folder.kubectl_log)

        def opened() -> int | None:
            if match := _OPENED.search(self._folder.kubectl_log.read_bytes()):
                return int(match[1])
            if not self._processes.alive(child):
                raise StepFailedError(f"kubectl does not forward: {self._last_line()}")
            return None

        port = wait_until(opened, cancel.within(_OPEN_SECONDS, "kubectl port-forward"), interval=_POLL_SECONDS / 4)
        self._pod = pods[0]
        self._lead.set(port)
        self._report(f"forwarding to pod {self._pod.name} of Service {where}")

    def _command(self, pod: Pod) -> Command:
        forward = self._forward
        options = ("--kubeconfig", forward.kubeconfig, "--namespace", forward.namespace)
        # Any port: the one that is promised is the relay's, and stays its own.
        asked = ("port-forward", "--address", LOOPBACK, f"pod/{pod.name}", f":{pod.port}")
        # What kubectl notes of a cluster by its address, which the next cluster may have too, goes with the stack.
        env = {**os.environ, "KUBECACHEDIR": str(self._folder.discovery)}
        return Command(argv=(forward.kubectl, *options, *asked), env=env, recorded=True)

    def _lost(self, why: str, cancel: CancelToken) -> None:
        self._report(why)
        self.end(cancel)

    def _note(self, identity: ProcessIdentity, command: Command) -> None:
        del command
        write_whole(self._folder.kubectl, json.dumps(dataclasses.asdict(identity)).encode())

    def _last_line(self) -> str:
        file = self._folder.kubectl_log
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return lines[-1] if lines else "it printed nothing"

    def _shorten_log(self) -> None:
        # It reports every connection, for as long as the stack is up.
        if self._folder.kubectl_log.exists() and self._folder.kubectl_log.stat().st_size > _LONGEST_LOG:
            with self._folder.kubectl_log.open("r+b") as stream:
                stream.truncate()

    def _report(self, text: str) -> None:
        if text != self._reported:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
            self._reported = text


def pods_of(forward: Forward, api: KubeApi, cancel: CancelToken, *, but: Pod | None = None) -> Iterator[Pod]:
    """The Ready pods of a Service, and `but` as long as it is not going."""
    selector = quote(f"kubernetes.io/service-name={forward.service}")
    where = f"/apis/discovery.k8s.io/v1/namespaces/{quote(forward.namespace)}/endpointslices"
    for part in (api.get(f"{where}?labelSelector={selector}", cancel) or {}).get("items") or ():
        ports = [
            int(port["port"]) for port in part.get("ports") or () if (port.get("name") or "") == forward.service_port
        ]
        for each in part.get("endpoints") or () if ports else ():
            pod = _pod(each, ports[0])
            if pod is not None and (_is_ready(each) or (pod == but and not _is_going(each))):
                yield pod


def _pod(endpoint: Mapping[str, Any], port: int) -> Pod | None:
    target = endpoint.get("targetRef") or {}
    if target.get("kind") != "Pod":
        return None
    return Pod(name=str(target.get("name")), uid=str(target.get("uid")), port=port)


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    # Kubernetes' own rule: what is not said is true.
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _is_going(endpoint: Mapping[str, Any]) -> bool:
    return (endpoint.get("conditions") or {}).get("terminating") is True


def main() -> None:
    """Keep the forward that the folder names, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = ForwardFolder(Path(sys.argv[1]))
    forward = folder.forward()
    if forward is None:
        raise RefusedError(f"{sys.argv[1]} is not a forward record")
    cancel = CancelToken(SystemClock())
    lead = Lead(cancel, HOLD_SECONDS)
    keeper = Keeper(forward, folder, lead)
    with Relay(forward.port, lead.connect) as relay:
        relay.begin()
        try:
            keeper.keep(cancel)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            keeper.end(cancel)
