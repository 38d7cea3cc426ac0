"""The data of an emulator that runs as a container: the volume into which it saves what it keeps when it ends."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.docker.stack_resources import StackOnDocker
from bootstrap.emulators.container import CONTENTS, STOP_SECONDS
from bootstrap.emulators.container_inspection import exit_code
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

if TYPE_CHECKING:
    from docker import DockerClient  # loads slowly; only adapters that run need it
    from docker.models.containers import Container

_ARCHIVE = "contents.tar"

# What is staged stays until it is cleared: cut off in between, this begins again.
_EXCHANGE = """
set -e
cd "$1"
[ -d .staged ] || exit 0
find . -mindepth 1 -maxdepth 1 ! -name .staged -exec rm -rf {} +
cp -a .staged/. .
"""
_STAGE = """
set -e
cd "$1"
rm -rf .staged
mkdir .staged
"""
# Renamed first: what is half removed must not be taken for what was staged.
_CLEAR = """
set -e
cd "$1"
rm -rf .removed
if [ -d .staged ]; then mv .staged .removed; rm -rf .removed; fi
"""
_USED = 'du -sk "$1" | cut -f 1'


class ContainerState:
    """Implements `ports.SavedPart` for a driver that saves its data into a volume when it ends in order."""

    placeable = False

    def __init__(self, driver: EmulatorDriver, docker: StackOnDocker) -> None:
        self._driver = driver
        self._docker = docker
        self._name = f"{docker.name}-emulator"

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`."""
        return {"emulator": f"{self._driver.name} as a container"}

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`."""
        del work
        return ()

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`."""
        cancel.check()
        with self._docker.open() as client:
            return 2 * (int(self._in_volume(client, _USED).split()[0]) << 10)

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`."""
        work.cancel.check()
        work.notify("stopping the emulator")
        with self._docker.open() as client:
            container = self._container(client)
            if container.status == "paused":
                container.unpause()
            if container.status != "exited":
                container.stop(timeout=STOP_SECONDS)

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`.

        Raises:
            StepFailedError: it did not end in order, so that its data is not whole.
        """
        with self._docker.open() as client:
            container = self._container(client)
            if container.status != "exited" or exit_code(container):
                raise StepFailedError(
                    f"{self._driver.name} ended without saving its data",
                    command=f"docker logs {self._name}",
                    fix="bring it up again: bootstrap up",
                )
            file = folder / _ARCHIVE
            file.touch(mode=0o600)
            pieces, _stat = container.get_archive(f"{CONTENTS}/.")
            with file.open("wb") as stream:
                for piece in pieces:
                    work.cancel.check()
                    stream.write(piece)

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`."""
        work.cancel.check()
        with self._docker.open() as client, (folder / _ARCHIVE).open("rb") as stream:
            self._in_volume(client, _STAGE)
            if not self._container(client).put_archive(f"{CONTENTS}/.staged", stream):
                raise StepFailedError(f"the engine did not take {_ARCHIVE}", fix="restore another snapshot")

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`."""
        del folder
        work.cancel.check()
        with self._docker.open() as client:
            self._in_volume(client, _EXCHANGE)

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: the port starts the container."""

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`: nothing is left to do."""
        del folder, work
        return ()

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`."""
        del work
        with self._docker.open() as client:
            self._in_volume(client, _CLEAR)

    def _in_volume(self, client: "DockerClient", script: str) -> str:
        """What a script wrote that ran beside the emulator, in its image and with its volume.

        Raises:
            StepFailedError: it failed.
        """
        from docker.errors import ContainerError  # noqa: PLC0415 - loads slowly

        try:
            output = client.containers.run(
                self._container(client).attrs["Image"],
                ["-c", script, "sh", CONTENTS],
                entrypoint="sh",
                user="0",
                volumes={self._name: {"bind": CONTENTS, "mode": "rw"}},
                network_mode="none",
                labels=self._docker.labels(),
                remove=True,
            )
        except ContainerError as error:
            words: Any = error.stderr  # bytes, whatever its annotation says
            raise StepFailedError(
                f"a command in the volume {self._name} failed",
                evidence=bytes(words or b"").decode(errors="replace").splitlines(),
            ) from error
        return bytes(output).decode()

    def _container(self, client: "DockerClient") -> "Container":
        from docker.errors import NotFound  # noqa: PLC0415 - loads slowly

        try:
            container = client.containers.get(self._name)
        except NotFound:
            raise RefusedError(f"the container {self._name} is gone", fix="run: bootstrap up") from None
        if not self._docker.is_ours(container.labels):
            raise RefusedError(f"the container {self._name} was not made by this stack", fix="rename the stack")
        return container
