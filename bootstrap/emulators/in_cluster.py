"""Placement `chart`: the emulator is a release of the stack; a port of 127.0.0.1 leads to its Service."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bootstrap.emulators.daemon import Resident, end_recorded, module_command
from bootstrap.emulators.endpoint import proven_endpoint
from bootstrap.emulators.host_port import DEFAULT_PORT, choose_port, is_in_use, taken
from bootstrap.emulators.http_exchange import NoAnswerError
from bootstrap.emulators.incarnation import ensure_incarnation, incarnation_of
from bootstrap.emulators.process_record import Forward, ForwardFolder
from bootstrap.emulators.proof import Proven
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.kube.api import KubeApi
from bootstrap.kube.identity import Clusters
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, EmulatorRelease, TargetState
from bootstrap.model.release import Release
from bootstrap.model.replacement import Change
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.plan.emulator import emulator_address
from bootstrap.ports import Programs
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, Processes
from bootstrap.system.sockets import LOOPBACK
from bootstrap.system.work import Work

START_SECONDS = 90.0
_PORT_NAME = "edge"
"""What the LocalStack chart calls the port that all services are at."""
_RELEASE_NAME = "meta.helm.sh/release-name"
"""The annotation that helm puts on everything that it creates."""


class ChartEmulator:
    """Implements `ports.Emulator`: what it creates and deletes is the port forward to the emulator."""

    def __init__(
        self,
        spec: EmulatorSpec,
        state: StatePaths,
        programs: Programs,
        processes: Processes,
        inside: EmulatorRelease | None = None,
    ) -> None:
        self._spec = spec
        self._inside = inside
        self._programs = programs
        self._processes = processes
        self._clusters = Clusters(processes)
        self._state = state
        self._folder = ForwardFolder(state.emulator)
        log = state.logs / "emulator-forward.log"
        self._resident = Resident(
            "the port to the emulator", self._folder.keeper, log, processes, seconds=START_SECONDS
        )
        # Unless the stack declares which emulator a chart runs, only its answers show it.
        drivers = all_drivers()
        self._drivers = tuple(drivers.values()) if spec.driver is Driver.AUTO else (drivers[spec.driver],)

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        forward, keeper = self._folder.forward(), self._resident.living()
        if forward is None or keeper is None:
            return self._observe_ended(forward, cancel)
        if self._spec.port not in {0, forward.port}:
            change = Change(field="emulator.port", old=str(forward.port), new=str(self._spec.port))
            return EmulatorObserved(state=TargetState.STOPPED, detail=str(change), changes=(change,))
        try:
            proven = self._resident.prove(forward.port, keeper, self._drivers, cancel)
        except (NoAnswerError, RefusedError, StepFailedError) as error:
            detail = "; ".join((error.what, *self._resident.last_lines()[-1:]))
            return EmulatorObserved(state=TargetState.BROKEN, detail=detail)
        endpoint = self._endpoint(proven, incarnation_of(proven, self._spec.region, cancel))
        return EmulatorObserved(state=TargetState.RUNNING, endpoint=endpoint, release=forward.release)

    def gather(self, work: Work) -> None:
        """See `Emulator.gather`: its release brings it."""
        work.cancel.check()

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`.

        Raises:
            RefusedError: its release is not known, the declared port is in use, or another cluster answers.
            StepFailedError: the release has no such Service, or no emulator answers there in time.
        """
        self._await_launch(work.cancel)
        forward = self._desired(work.cancel)
        proven = self._standing(forward, work.cancel)
        if proven is None:
            self._end(work.cancel)
            proven = self._start(forward, work)
        return self._endpoint(proven, ensure_incarnation(proven, self._spec.region, work.cancel))

    def start(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.start`: the way to it is opened again, its release is not touched."""
        return self.up(work)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.replace`: the way to it alone is ours, its data is in the cluster."""
        return self.up(work)

    def delete(self, work: Work) -> None:
        """See `Emulator.delete`; the release itself goes with the cluster, or is uninstalled from it."""
        self._await_launch(work.cancel)
        if self._resident.living() is not None:
            work.notify("closing the port to the emulator")
        self._end(work.cancel)
        self._folder.remove()

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`: its data is in the cluster, and goes with that."""
        self.delete(work)
        return ""

    def _await_launch(self, cancel: CancelToken) -> None:
        if self._folder.forward() is not None:
            self._resident.await_launch(cancel)

    def _observe_ended(self, forward: Forward | None, cancel: CancelToken) -> EmulatorObserved:
        port = self._spec.port
        if port and is_in_use(port, 0 if forward is None else forward.port, cancel):
            return EmulatorObserved(state=TargetState.FOREIGN, detail=taken(port, self._processes, cancel))
        if forward is None:
            return EmulatorObserved(state=TargetState.ABSENT, detail="not found")
        return EmulatorObserved(state=TargetState.STOPPED, detail=f"no port of {LOOPBACK} is forwarded to it")

    def _desired(self, cancel: CancelToken) -> Forward:
        """Where to lead, except for the port here; as before if nobody names the release."""
        inside, last = self._inside, self._folder.forward()
        if inside is None and last is not None:
            return replace(last, port=0)
        if inside is None:
            raise RefusedError("nothing shows which release the emulator is", fix="run: bootstrap up")
        api = self._clusters.proven(inside.kube, cancel)
        service, port = service_of(inside.release, api, cancel)
        return Forward(
            release=inside.release.id,
            namespace=inside.release.target_namespace,
            service=service,
            service_port=port,
            port=0,
            kubeconfig=str(inside.kube.kubeconfig),
            uid=inside.kube.uid,
            kubectl=str(self._programs.path("kubectl")),
        )

    def _standing(self, target: Forward, cancel: CancelToken) -> Proven | None:
        """What the last start leads to, if it leads where it should; None: it has to be started again."""
        forward, keeper = self._folder.forward(), self._resident.living()
        if forward is None or keeper is None or replace(forward, port=0) != target:
            return None
        if self._spec.port not in {0, forward.port}:
            return None
        try:
            return self._resident.prove(forward.port, keeper, self._drivers, cancel)
        except (NoAnswerError, RefusedError, StepFailedError):
            return None

    def _start(self, target: Forward, work: Work) -> Proven:
        last = self._folder.forward()
        port = choose_port(self._spec, 0 if last is None else last.port, self._processes, work.cancel)
        forward = replace(target, port=port)
        self._folder.remember(forward)
        work.notify(f"forwarding {LOOPBACK}:{port} to Service {forward.namespace}/{forward.service}")
        command = Command(
            argv=(*module_command("bootstrap.emulators.port_forward"), str(self._state.emulator)),
            # kubectl may need all of the user's: credential plugins, proxies, certificates.
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            cwd=self._state.folder,
        )
        keeper = self._resident.start(command)
        return self._resident.answering(port, keeper, self._drivers, work.cancel)

    def _end(self, cancel: CancelToken) -> None:
        self._resident.stop(cancel)
        # One that was killed leaves its child behind.
        end_recorded(self._folder.kubectl, self._processes, cancel)

    def _endpoint(self, proven: Proven, incarnation: str) -> EmulatorEndpoint:
        endpoint = proven_endpoint(proven, self._spec.region, incarnation)
        # Nobody gives a pod the socket of an engine.
        lacking = frozenset[str]() if proven.driver.image is None else proven.driver.image.by_socket
        return replace(endpoint, capabilities=endpoint.capabilities - lacking)


def service_of(release: Release, api: KubeApi, cancel: CancelToken) -> tuple[str, str]:
    """Name, and name of the port, of the Service by which a release's emulator is reached.

    Raises:
        StepFailedError: the release has no Service, or several of which none is called as the LocalStack chart would.
    """
    listed = (api.get(f"/api/v1/namespaces/{release.target_namespace}/services", cancel) or {}).get("items") or ()
    ours = {str(service["metadata"]["name"]): service for service in listed if _is_of(service, release)}
    usual = emulator_address(release)[1]
    if usual not in ours and len(ours) != 1:
        raise StepFailedError(
            f"release {release.id} has no Service {usual}",
            evidence=[f"its Services: {', '.join(sorted(ours)) or 'none'}"],
            fix="name the emulator's release with emulator.release, or its Service with the value fullnameOverride",
        )
    name = usual if usual in ours else next(iter(ours))
    return name, _port_name(ours[name]["spec"].get("ports") or ())


def _is_of(service: Mapping[str, Any], release: Release) -> bool:
    return (service["metadata"].get("annotations") or {}).get(_RELEASE_NAME) == release.release_name


def _port_name(ports: Sequence[Mapping[str, Any]]) -> str:
    """Of the port called `edge`, else of 4566, else of the first."""
    ranked = sorted(ports, key=lambda port: (port.get("name") != _PORT_NAME, port.get("port") != DEFAULT_PORT))
    return str(ranked[0].get("name") or "") if ranked else ""
