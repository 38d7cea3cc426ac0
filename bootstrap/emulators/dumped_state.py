"""The data of an emulator that keeps nothing: read through its API, written down, and made again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.endpoint import empty
from bootstrap.errors import RefusedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Placement
from bootstrap.ports import Emulator
from bootstrap.seeds.dump import dump, used_bytes
from bootstrap.seeds.emulator_contents import contents, delete_all, enabled
from bootstrap.seeds.marker_store import forget_notes
from bootstrap.seeds.refill import refill
from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work


class DumpedState:
    """Implements `ports.SavedPart` for an emulator that runs on while it is saved and restored.

    The cluster is stopped meanwhile: nothing in it writes to the emulator, and nothing in it sees one half restored.
    """

    placeable = True

    def __init__(self, driver: EmulatorDriver, placement: Placement, emulator: Emulator, owner: str) -> None:
        self._driver = driver
        self._placement = placement
        self._emulator = emulator
        self._owner = owner
        self._not_kept: tuple[str, ...] = ()
        self._not_restored: tuple[str, ...] = ()

    def facts(self) -> Mapping[str, str]:
        """See `SavedPart.facts`."""
        return {"emulator": f"{self._driver.name} as a {self._placement}, its data written down"}

    def not_kept(self, work: Work) -> Sequence[str]:
        """See `SavedPart.not_kept`."""
        del work
        return self._not_kept

    def needed_bytes(self, cancel: CancelToken) -> int:
        """See `SavedPart.needed_bytes`."""
        return used_bytes(self._running(cancel), all_services(), Work(cancel, lambda _text: None))

    def stop(self, work: Work) -> None:
        """See `SavedPart.stop`: it would lose everything."""

    def save(self, folder: Path, work: Work) -> None:
        """See `SavedPart.save`."""
        work.notify(f"writing down all AWS data in {self._driver.name}")
        endpoint = self._running(work.cancel)
        self._not_kept = dump(endpoint, all_services(), folder, self._driver.messages, work)

    def stage(self, folder: Path, work: Work) -> None:
        """See `SavedPart.stage`: nothing is copied."""

    def exchange(self, folder: Path, work: Work) -> None:
        """See `SavedPart.exchange`: it is emptied, and everything made again."""
        endpoint = empty(self._emulator.up(work), work.cancel, lambda: self._deleted(work))
        work.notify(f"making all AWS data again in {self._driver.name}")
        self._not_restored = refill(endpoint, self._owner, all_services(), folder, work)

    def wake(self, work: Work) -> None:
        """See `SavedPart.wake`: it never stopped."""

    def refill(self, folder: Path, work: Work) -> Sequence[str]:
        """See `SavedPart.refill`."""
        del folder, work
        return self._not_restored

    def clear(self, work: Work) -> None:
        """See `SavedPart.clear`: nothing was laid beside."""

    def _running(self, cancel: CancelToken) -> EmulatorEndpoint:
        seen = self._emulator.observe(cancel)
        if seen.endpoint is None:
            raise RefusedError(f"{self._driver.name} is not running: {seen.detail}", fix="run: bootstrap up")
        return seen.endpoint

    def _deleted(self, work: Work) -> Sequence[str]:
        """What the emulator did not delete, asked for each resource."""
        target = Target(self._running(work.cancel), self._owner, work.cancel)
        try:
            services = enabled(target, all_services(), lambda _service: True)
            resources = contents(target, services, lambda _resource: True, ours=True)
            left = delete_all(target, services, resources, work.notify)
            forget_notes(target)
            return left
        finally:
            target.close()
