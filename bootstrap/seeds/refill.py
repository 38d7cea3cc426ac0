"""Makes again in an empty emulator what `dump` wrote."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bootstrap.errors import BootstrapError, CancelledError, DeadlineError
from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.dump import FIXTURES, MESSAGES
from bootstrap.seeds.emulator_contents import contents, delete_all
from bootstrap.seeds.generated_secrets import GeneratedSecrets
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.messages import send_messages
from bootstrap.seeds.model import KNOWN_LATER, Desired, Difference, Fixture, Need, ResourceId, Value
from bootstrap.seeds.references import in_order, needs_in, resolve
from bootstrap.seeds.services.base import Look, Scope, Service
from bootstrap.seeds.services.sqs import queue_urls
from bootstrap.seeds.target import Target
from bootstrap.system.work import Work
from bootstrap.yamltext.positions import read_documents

_EVENTS = "notifications"
"""Of a bucket: set once its objects are there, which send none."""


class _Remaking(Target):
    """Everything keeps the tags that it had, whoever's it is."""

    def tagged(self, tags: Mapping[str, str]) -> dict[str, str]:
        return dict(tags)


def refill(
    endpoint: EmulatorEndpoint, owner: str, services: Mapping[str, Service], folder: Path, work: Work
) -> tuple[str, ...]:
    """Make everything again; what the emulator did not accept, each with the reason.

    Raises:
        AwsError: it does not answer any more.
    """
    target = _Remaking(endpoint, owner, work.cancel)
    try:
        fixtures = {fixture.id: fixture for fixture in _fixtures(folder / FIXTURES, services)}
        ours = {resource: fixture for resource, fixture in fixtures.items() if is_reserved(resource.name)}
        rest = {resource: fixture for resource, fixture in fixtures.items() if resource not in ours}
        remade = _Remade(target, services, work)
        remade.make(rest)
        # What was noted while these were made again is not what was noted of them.
        _forget_notes(target, services)
        remade.make(ours)
        remade.finish()
        remade.send(json.loads((folder / MESSAGES).read_bytes()))
        return tuple(remade.failures)
    finally:
        target.close()


class _Remade:
    """What is there again, and what is not."""

    def __init__(self, target: Target, services: Mapping[str, Service], work: Work) -> None:
        self.failures: list[str] = []
        self._target = target
        self._services = services
        self._work = work
        self._attributes: dict[ResourceId, Mapping[str, str]] = {}
        self._later: list[tuple[Fixture, Value]] = []

    def make(self, fixtures: Mapping[ResourceId, Fixture]) -> None:
        """All of them, those that others use first, independent ones at once."""
        needs = {resource: list(self._needs(fixture)) for resource, fixture in fixtures.items()}
        order, _cycle = in_order(needs)
        waiting = dict.fromkeys(fixtures)
        while waiting:
            ready = [resource for resource in waiting if not order[resource] & waiting.keys()] or list(waiting)
            for resource in ready:
                del waiting[resource]
            running = {
                resource: self._target.submit(functools.partial(self._make, fixtures[resource])) for resource in ready
            }
            for resource, future in running.items():
                self._noted(str(resource), future.exception())
            self._work.notify(f"{len(fixtures) - len(waiting)} of {counted(len(fixtures), 'AWS resource')}")

    def finish(self) -> None:
        """Let buckets send events, as they did."""
        for fixture, value in self._later:
            service = self._services[fixture.id.service]
            observed = service.observe(self._target, [Look(name=fixture.id.name)])[fixture.id.name]
            desired = self._desired(fixture)
            changes = [Difference(path=_EVENTS, new=value)]
            error: BaseException | None = None
            try:
                service.update(self._target, desired, observed, changes)
            except BootstrapError as refused:
                error = refused
            self._noted(f"{fixture.id}: {_EVENTS}", error)

    def send(self, messages: Mapping[str, Sequence[dict[str, Value]]]) -> None:
        """The messages of each queue, and no others."""
        urls = queue_urls(self._target) if self._target.has("sqs") else {}
        queues = [name for name in urls if not is_reserved(name)]
        self._target.each(lambda name: send_messages(self._target, urls[name], messages.get(name, ())), queues)

    def _noted(self, name: str, error: BaseException | None) -> None:
        if error is None:
            return
        if isinstance(error, CancelledError | DeadlineError) or not isinstance(error, BootstrapError):
            raise error
        # One that does not answer accepts nothing: then nothing is wrong with the resource.
        self._target.call("sts", "GetCallerIdentity")
        self.failures.append(f"{name}: {error.what}")

    def _make(self, fixture: Fixture) -> None:
        service, desired = self._services[fixture.id.service], self._desired(fixture)
        if desired.fields.get(_EVENTS):
            self._later.append((fixture, desired.fields[_EVENTS]))
            desired = replace(desired, fields={**desired.fields, _EVENTS: None})
        written = service.create(self._target, desired)
        self._attributes[fixture.id] = {**service.predict(fixture.id.name, self._target), **written.attributes}

    def _desired(self, fixture: Fixture) -> Desired:
        scope = Scope(
            target=self._target,
            environment={},
            generated=GeneratedSecrets(None),
            writes=True,
            resolve=self._attribute,
        )
        return self._services[fixture.id.service].desire(fixture, resolve(fixture.body, self._attribute), scope)

    def _attribute(self, resource: ResourceId, attribute: str) -> str:
        known = self._attributes.get(resource) or self._services[resource.service].predict(resource.name, self._target)
        return known.get(attribute, KNOWN_LATER)

    def _needs(self, fixture: Fixture) -> Iterator[Need]:
        written = (need for need in needs_in(fixture.body) if isinstance(need, Need))
        for need in (*written, *self._services[fixture.id.service].needs(fixture)):
            if need.target != fixture.id or not need.soft:
                yield need


def _fixtures(folder: Path, services: Mapping[str, Service]) -> Iterator[Fixture]:
    for name in services:
        if not (file := folder / f"{name}.yaml").exists():
            continue
        for document in read_documents(file):
            for key, body in document.value.get(name, {}).items():
                yield Fixture(
                    id=ResourceId(name, key), body=body or {}, document=document, path=(name, key), folder=folder
                )


def _forget_notes(target: Target, services: Mapping[str, Service]) -> None:
    asked = {name: service for name, service in services.items() if target.has(name)}
    noted = contents(target, asked, lambda resource: is_reserved(resource.name), ours=True)
    delete_all(target, asked, noted, lambda _text: None)
