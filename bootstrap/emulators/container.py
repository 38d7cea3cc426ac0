"""Placement `container`: the driver's image on the stack's own network, published on 127.0.0.1."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.docker.images import name_on_engine, pull
from bootstrap.docker.removal import remove_patiently
from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.emulators.address import Address
from bootstrap.emulators.container_inspection import (
    exit_code,
    explained,
    last_lines,
    published_port,
    running_since,
    written_spec,
)
from bootstrap.emulators.driver import EmulatorDriver, ImageRecipe
from bootstrap.emulators.endpoint import empty, proven_endpoint
from bootstrap.emulators.host_port import FIX, choose_port, is_in_use, taken
from bootstrap.emulators.http_exchange import NoAnswerError
from bootstrap.emulators.incarnation import ensure_incarnation, incarnation_of
from bootstrap.emulators.process_record import ContainerFolder
from bootstrap.emulators.proof import Proven, prove_address
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import (
    BootstrapError,
    DeadlineError,
    InvalidError,
    Place,
    Problem,
    RefusedError,
    StepFailedError,
    without_successor,
)
from bootstrap.model.labels import SPEC_LABEL
from bootstrap.model.observed import EmulatorEndpoint, EmulatorObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import EmulatorSpec, StatePaths
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes
from bootstrap.system.sockets import LOOPBACK
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

CONTENTS = "/var/lib/bootstrap"
"""Inside, where the volume is."""
START_SECONDS = 90.0
STOP_SECONDS = 30
_POLL_SECONDS = 0.1
_PORTS_TRIED = 3


class ContainerEmulator:
    """Implements `ports.Emulator`; every step may be killed and done again."""

    def __init__(
        self,
        stack_name: str,
        spec: EmulatorSpec,
        state: StatePaths,
        driver: EmulatorDriver,
        docker: StackOnDocker,
        processes: Processes,
    ) -> None:
        if driver.image is None:
            place = Place(file=stack_name, path="emulator")
            raise InvalidError([Problem(place=place, text=f"{driver.name} has no image")], fix="name another driver")
        self._spec = spec
        self._driver = driver
        self._recipe: ImageRecipe = driver.image
        self._image = spec.image or driver.image.default
        self._docker = docker
        self._processes = processes
        self._folder = ContainerFolder(state.emulator)
        self._name = f"{docker.name}-emulator"
        # What the Service of the in-cluster name leads to: `plan.units.emulator_part`.
        self._alias = f"bootstrap-{stack_name}-emulator"

    def observe(self, cancel: CancelToken) -> EmulatorObserved:
        """See `Emulator.observe`."""
        with self._docker.open() as client:
            container = self._container(client)
            if container is None:
                return self._observe_absent(cancel)
            if not self._docker.is_ours(container.labels):
                return EmulatorObserved(
                    state=TargetState.FOREIGN, detail=f"the container {self._name} was not created by this stack"
                )
            seen = (
                self._observe_running(container, cancel)
                if container.status == "running"
                else self._observe_ended(container)
            )
            return self._compared(seen, container, cancel)

    def gather(self, work: Work) -> None:
        """See `Emulator.gather`: its image, and its port if one is declared."""
        self._recipe.check(self._image, self._docker.environment)
        with self._docker.open() as client:
            self._gather(client, self._container(client), work)

    def up(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.up`.

        Raises:
            RefusedError: the image cannot start or be had, its port is in use, or its container is not ours.
            StepFailedError: it ended, or did not answer in time; shows the end of its log.
        """
        self._recipe.check(self._image, self._docker.environment)
        seen = self.observe(work.cancel)
        self._refuse(seen, work.cancel)
        if seen.replacement is not None:
            raise ReplacementNeededError(ids.EMULATOR, seen.replacement)
        with self._docker.open() as client:
            container = self._container(client)
            goes_on = seen.state is TargetState.RUNNING or (
                container is not None and _is_starting(container, work.cancel)
            )
            if container is not None and (seen.changes or not goes_on):
                container = self._resumed(client, container, seen, work)
            if container is None:
                container = self._made(client, work)
            return self._incarnated(self._answering(container, work.cancel), work.cancel)

    def start(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.start`."""
        seen = self.observe(work.cancel)
        self._refuse(seen, work.cancel)
        with self._docker.open() as client:
            container = self._container(client)
            if container is None:
                raise RefusedError(
                    f"there is no emulator to start: {seen.detail}",
                    fix="create it again and seed it: bootstrap up; or remove the rest of the stack: bootstrap down",
                )
            if lost := self._lost_port(container, work.cancel):
                raise RefusedError(
                    f"the emulator cannot start: {lost}",
                    fix="end that program; or move it to another port, with its data: bootstrap up",
                )
            whole = container.status == "running" or self._is_whole(container)
            self._begin(client, container, work)
            endpoint = self._incarnated(self._answering(container, work.cancel), work.cancel)
            # One that was killed left some of its contents and some not: seeds could not know whose those are.
            # One without a reset route keeps nothing over a restart: there is nothing to delete.
            return endpoint if whole else empty(endpoint, work.cancel, list)

    def replace(self, work: Work) -> EmulatorEndpoint:
        """See `Emulator.replace`; it is found at the same port again."""
        self._recipe.check(self._image, self._docker.environment)
        seen = self.observe(work.cancel)
        self._refuse(seen, work.cancel)
        with self._docker.open() as client:
            container = self._container(client)
            self._gather(client, container, work)
            if container is not None:
                work.notify(f"removing the container {self._name}, with its data")
                self._remove(client, container, work.cancel)
            self._forget_contents(client, work.cancel)
            with without_successor(
                "the emulator could not be created again",
                "lost: the emulator and its data; kept: everything else of the stack",
            ):
                return self._incarnated(self._answering(self._made(client, work), work.cancel), work.cancel)

    def delete(self, work: Work) -> None:
        """See `Emulator.delete`.

        Raises:
            RefusedError: its container or volume is not ours.
        """
        work.cancel.check()
        with self._docker.open() as client:
            container = self._container(client)
            if container is not None:
                self._refuse_foreign(container.labels, "container")
                work.notify(f"removing the container {self._name}")
                self._remove(client, container, work.cancel)
            self._forget_contents(client, work.cancel)
            self._docker.remove_network(client, work.cancel)
        self._folder.remove()

    def delete_keeping(self, work: Work) -> str:
        """See `Emulator.delete_keeping`; only one that ends in order leaves whole data.

        Raises:
            RefusedError: its container is not ours.
        """
        work.cancel.check()
        with self._docker.open() as client:
            container = self._container(client)
            if container is not None:
                self._refuse_foreign(container.labels, "container")
                work.notify(f"stopping the container {self._name}")
                self._stop(container)
                self._remove_keeping(client, container, work.cancel)
            if self._folder.kept() is None:
                self._forget_contents(client, work.cancel)
            self._docker.remove_network(client, work.cancel)
        return f"its data in the volume {self._name}" if self._folder.kept() is not None else ""

    def _container(self, client: "DockerClient") -> "Container | None":
        from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

        try:
            return client.containers.get(self._name)
        except NotFound:
            return None

    def _observe_absent(self, cancel: CancelToken) -> EmulatorObserved:
        port = self._spec.port
        if port and is_in_use(port, self._folder.port(), cancel):
            return EmulatorObserved(state=TargetState.FOREIGN, detail=taken(port, self._processes, cancel))
        return EmulatorObserved(state=TargetState.ABSENT, detail="not found")

    def _observe_ended(self, container: "Container") -> EmulatorObserved:
        if self._is_whole(container):
            word = "paused" if container.status == "paused" else "ended"
            return EmulatorObserved(state=TargetState.STOPPED, detail=f"{word}, its data is kept")
        if container.status == "created":
            return EmulatorObserved(state=TargetState.BROKEN, detail="its start was interrupted")
        if exit_code(container):
            detail = "; ".join((explained(container, self._driver), *last_lines(container)[-1:]))
            return EmulatorObserved(state=TargetState.BROKEN, detail=detail)
        return EmulatorObserved(state=TargetState.ABSENT, detail="ended, its data is lost")

    def _observe_running(self, container: "Container", cancel: CancelToken) -> EmulatorObserved:
        try:
            proven = self._prove(container, cancel)
        except (NoAnswerError, RefusedError) as error:
            return EmulatorObserved(state=TargetState.BROKEN, detail=error.what)
        return EmulatorObserved(
            state=TargetState.RUNNING,
            endpoint=self._endpoint(proven, incarnation_of(proven, self._spec.region, cancel)),
        )

    def _is_whole(self, container: "Container") -> bool:
        """Whether it ended in order (or is paused) with all its data.

        One that was killed left some of its contents behind and some not: they are none.
        """
        if container.status == "paused":
            return True
        saved = written_spec(container).get("persist") == str(True) and self._recipe.saving is not None
        return saved and container.status == "exited" and exit_code(container) == 0

    def _compared(self, seen: EmulatorObserved, container: "Container", cancel: CancelToken) -> EmulatorObserved:
        """With what is declared otherwise, and whether its data can be kept through that."""
        alive = seen.state in {TargetState.RUNNING, TargetState.STOPPED} or container.status == "running"
        changes = self._changes(container)
        if not alive:
            return seen
        reasons = tuple(map(str, changes))
        if seen.state is TargetState.BROKEN and _is_starting(container, cancel):
            seen = replace(seen, detail="it is starting")
        elif seen.state is TargetState.BROKEN:
            reasons = (f"it does not answer: {seen.detail}", *reasons)
        if reasons and not self._keeps(container):
            return replace(seen, replacement=Replacement(reasons=reasons, losses=("all AWS data in it",)))
        return replace(seen, changes=changes)

    def _keeps(self, container: "Container") -> bool:
        """Whether a container as it is declared now can go on with the data of this one."""
        return self._persists() and _kind(written_spec(container)) == _kind(self._desired())

    def _changes(self, container: "Container") -> tuple[Change, ...]:
        was, now, port = written_spec(container), self._desired(), published_port(container)
        names = [name for name in now if was.get(name) != now[name] and name != "settings"]
        changes = [_change(name, str(was.get(name, "unknown")), now[name]) for name in names]
        if self._spec.port not in {0, port}:
            changes.append(_change("port", str(port), str(self._spec.port)))
        if not changes and was.get("settings") != now["settings"]:
            changes.append(Change(field="emulator", old="set up by another version of bootstrap", new="by this one"))
        return tuple(changes)

    def _desired(self) -> Mapping[str, str]:
        """The settings whose change recreates the container."""
        settings = json.dumps(self._variables(), sort_keys=True)
        return {
            "driver": self._driver.name.value,
            "image": self._image,
            "region": self._spec.region,
            "persist": str(self._spec.persist),
            "dockerSocket": str(self._spec.docker_socket),
            "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
        }

    def _variables(self) -> Mapping[str, str]:
        recipe = self._recipe
        saving = recipe.saving(CONTENTS) if recipe.saving is not None and self._spec.persist else {}
        socket = recipe.with_socket(self._docker.name, self._name) if recipe.with_socket and self._has_socket() else {}
        return {**recipe.environment(recipe.port, self._spec.region), **saving, **socket}

    def _listening(self, port: int) -> Mapping[str, str]:
        # The port is not compared as a setting: a different one is reported on its own.
        return {} if self._recipe.listening is None else self._recipe.listening(port)

    def _inside(self, port: int) -> int:
        return self._recipe.port if self._recipe.listening is None else port

    def _passed(self) -> Mapping[str, str]:
        given = self._docker.environment
        return {name: given[name] for name in self._recipe.passed if given.get(name)}

    def _persists(self) -> bool:
        return self._spec.persist and self._recipe.saving is not None

    def _has_socket(self) -> bool:
        return self._spec.docker_socket and self._recipe.with_socket is not None

    def _resumed(
        self, client: "DockerClient", container: "Container", seen: EmulatorObserved, work: Work
    ) -> "Container | None":
        """The same container, running again; None when it had to go."""
        self._refuse_foreign(container.labels, "container")
        lost = self._lost_port(container, work.cancel)
        if seen.state is TargetState.STOPPED and not lost and not seen.changes:
            return self._begin(client, container, work)
        self._gather(client, container, work)
        why = lost or "; ".join(map(str, seen.changes)) or seen.detail
        work.notify(f"creating the container {self._name} again: {why}")
        if container.status in {"running", "paused"}:
            self._stop(container)
        self._remove_keeping(client, container, work.cancel)
        with without_successor(
            "the emulator could not be created again", f"lost: the container {self._name}; kept: {self._kept_data()}"
        ):
            return self._made(client, work)

    def _kept_data(self) -> str:
        return "none of its data" if self._folder.kept() is None else f"its data in the volume {self._name}"

    def _begin(self, client: "DockerClient", container: "Container", work: Work) -> "Container":
        """The same container, running; on the stack's network again if that was removed."""
        if container.status == "running":
            return container
        work.notify(f"starting {self._driver.name} again")
        if container.status == "paused":
            container.unpause()
            return container
        network = self._docker.ensure_network(client)
        if self._docker.has_lost_network(container):
            client.api.disconnect_container_from_network(str(container.id), self._docker.name, force=True)
            container.reload()
        if not self._docker.is_on_network(container):
            network.connect(container, aliases=[self._alias])
        container.start()
        return container

    def _gather(self, client: "DockerClient", container: "Container | None", work: Work) -> None:
        """All that a new container needs, before the old one goes."""
        self._pull(client, work)
        last = 0 if container is None else published_port(container)
        # One that has ended holds its port no longer: somebody else may.
        own = last if container is not None and container.status in {"running", "paused"} else 0
        port = self._spec.port
        if port not in {0, own} and is_in_use(port, last, work.cancel):
            raise RefusedError(taken(port, self._processes, work.cancel), fix=FIX)

    def _refuse(self, seen: EmulatorObserved, cancel: CancelToken) -> None:
        if seen.state is TargetState.FOREIGN:
            raise RefusedError(f"the emulator cannot start: {seen.detail}", fix=self._way_out(cancel))

    def _lost_port(self, container: "Container", cancel: CancelToken) -> str:
        """Who took the port of one that ended, so that no engine can start it again; empty: nobody."""
        port = published_port(container)
        if container.status in {"running", "paused"} or not port or not is_in_use(port, port, cancel):
            return ""
        return taken(port, self._processes, cancel)

    def _stop(self, container: "Container") -> None:
        if container.status == "paused":
            container.unpause()
        if container.status != "exited":
            container.stop(timeout=STOP_SECONDS)
            container.reload()

    def _remove_keeping(self, client: "DockerClient", container: "Container", cancel: CancelToken) -> None:
        """Remove the container; note whether what it left may be gone on with."""
        kind = _kind(written_spec(container))
        whole = container.status == "exited" and exit_code(container) == 0
        if whole and self._persists() and kind == _kind(self._desired()):
            self._folder.keep(kind)
        self._remove(client, container, cancel)

    def _pull(self, client: "DockerClient", work: Work) -> None:
        another, mirrors = "--set emulator.image=…", self._docker.mirrors
        pull(client, self._image, work.notify, work.cancel.check, another=another, mirrors=mirrors)

    def _made(self, client: "DockerClient", work: Work) -> "Container":
        self._pull(client, work)
        if self._folder.kept() != _kind(self._desired()):
            self._forget_contents(client, work.cancel)
        for _ in range(_PORTS_TRIED):
            port = choose_port(self._spec, self._folder.port(), self._processes, work.cancel)
            self._folder.remember(port)
            work.notify(f"starting {self._driver.name} on {LOOPBACK}:{port}")
            container = self._created(client, port)
            if _has_started(container):
                self._folder.started()
                return container
            # Somebody took the port between the look and the start, as another stack that comes up at the same time.
            remove_patiently(partial(container.remove, force=True), work.cancel)
        raise RefusedError(taken(self._folder.port(), self._processes, work.cancel), fix=FIX)

    def _created(self, client: "DockerClient", port: int) -> "Container":
        network = self._docker.ensure_network(client)
        labels = {**self._docker.labels(), SPEC_LABEL: json.dumps(self._desired())}
        return client.containers.create(
            name_on_engine(client, self._image) or self._image,
            name=self._name,
            hostname="emulator",
            labels=labels,
            environment={**self._variables(), **self._listening(port), **self._passed()},
            ports={f"{self._inside(port)}/tcp": (LOOPBACK, port)},
            volumes=self._volumes(client),
            network=self._docker.name,
            networking_config={str(network.name): client.api.create_endpoint_config(aliases=[self._alias])},
        )

    def _volumes(self, client: "DockerClient") -> dict[str, dict[str, str]]:
        mounts: dict[str, dict[str, str]] = {}
        if self._persists():
            # Made again it stays as it is: volumes have no second of the same name.
            volume = client.volumes.create(self._name, labels=self._docker.labels())
            self._refuse_foreign(volume.attrs.get("Labels"), "volume")
            mounts[self._name] = {"bind": CONTENTS, "mode": "rw"}
        if self._has_socket():
            mounts[self._socket(client)] = {"bind": "/var/run/docker.sock", "mode": "rw"}
        return mounts

    def _socket(self, client: "DockerClient") -> str:
        """The engine's socket as the engine itself sees it."""
        options: list[str] = client.info().get("SecurityOptions") or []
        if any("rootless" in option for option in options):
            return str(Path(self._docker.environment.get("XDG_RUNTIME_DIR", "/run")) / "docker.sock")
        return "/var/run/docker.sock"

    def _way_out(self, cancel: CancelToken) -> str:
        if self._spec.port and is_in_use(self._spec.port, 0, cancel):
            return FIX
        return f"remove it if nobody needs it: docker rm {self._name}; or rename the stack"

    def _answering(self, container: "Container", cancel: CancelToken) -> Proven:
        token = cancel.within(START_SECONDS, f"{self._driver.name} answering in the container {self._name}")
        reason: BootstrapError | None = None
        try:
            while True:
                container.reload()
                if container.status != "running":
                    raise StepFailedError(
                        explained(container, self._driver),
                        evidence=last_lines(container),
                        command=f"docker logs {self._name}",
                        fix="the last lines of its log show why",
                    )
                try:
                    return self._prove(container, token)
                except (NoAnswerError, RefusedError) as error:
                    reason = error
                token.sleep(_POLL_SECONDS)
        except DeadlineError as late:
            cancel.check()
            evidence = () if reason is None else (reason.what,)
            raise StepFailedError(
                late.what,
                evidence=(*evidence, *last_lines(container)),
                command=f"docker logs {self._name}",
                fix="read its log",
            ) from late

    def _prove(self, container: "Container", cancel: CancelToken) -> Proven:
        """Prove what answers on the port that the engine publishes for this very container.

        Raises:
            NoAnswerError: not yet, or no more.
            RefusedError: something else answers.
        """
        port = published_port(container)
        if port == 0:
            raise NoAnswerError(f"the container {self._name} is not published on {LOOPBACK}")
        return prove_address(Address(host=LOOPBACK, port=port), self._drivers(container), cancel)

    def _drivers(self, container: "Container") -> tuple[EmulatorDriver, ...]:
        """The declared one, and the one that the container was created for."""
        drivers = {driver.name.value: driver for driver in all_drivers().values()}
        former = drivers.get(str(written_spec(container).get("driver")))
        return (self._driver,) if former is None or former is self._driver else (self._driver, former)

    def _incarnated(self, proven: Proven, cancel: CancelToken) -> EmulatorEndpoint:
        return self._endpoint(proven, ensure_incarnation(proven, self._spec.region, cancel))

    def _endpoint(self, proven: Proven, incarnation: str) -> EmulatorEndpoint:
        endpoint = proven_endpoint(proven, self._spec.region, incarnation)
        lacking = frozenset[str]() if self._has_socket() else self._recipe.by_socket
        return replace(endpoint, capabilities=endpoint.capabilities - lacking)

    def _remove(self, client: "DockerClient", container: "Container", cancel: CancelToken) -> None:
        if self._has_socket():
            # Asked in order it removes the containers of its functions; what it leaves carries its name.
            container.stop(timeout=STOP_SECONDS)
        remove_patiently(partial(container.remove, force=True, v=True), cancel)
        for candidate in client.containers.list(all=True, filters={"network": self._docker.name}, ignore_removed=True):
            if str(candidate.name).startswith(f"{self._name}-lambda-"):
                remove_patiently(partial(candidate.remove, force=True, v=True), cancel)

    def _forget_contents(self, client: "DockerClient", cancel: CancelToken) -> None:
        from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

        try:
            volume = client.volumes.get(self._name)
        except NotFound:
            return
        self._refuse_foreign(volume.attrs.get("Labels"), "volume")
        remove_patiently(volume.remove, cancel)

    def _refuse_foreign(self, labels: Mapping[str, str] | None, kind: str) -> None:
        if not self._docker.is_ours(labels):
            raise RefusedError(f"the {kind} {self._name} was not created by this stack", fix="rename the stack")


def _has_started(container: "Container") -> bool:
    """Start it; False if its port is somebody else's by now."""
    from docker.errors import APIError  # noqa: PLC0415 - loads slowly

    try:
        container.start()
    except APIError as error:
        if re.search(r"port is already allocated|address already in use", str(error)):
            return False
        raise
    return True


def _is_starting(container: "Container", cancel: CancelToken) -> bool:
    """Whether it was started, or restarted by somebody, so recently that it may answer soon."""
    since = running_since(container)
    return since is not None and cancel.clock.now() - since < timedelta(seconds=START_SECONDS)


def _change(name: str, old: str, new: str) -> Change:
    return Change(field=f"emulator.{name}", old=_as_written(old), new=_as_written(new))


def _as_written(value: str) -> str:
    return value.lower() if value in {"True", "False"} else value


def _kind(spec: Mapping[str, str]) -> Mapping[str, str]:
    """What two containers have to have in common for one to go on with what the other left."""
    return {name: spec.get(name, "") for name in ("driver", "persist")}
