"""Looking: every service at once, then each fixture compared with what is there. Writes nothing to the emulator."""

import functools
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from bootstrap.errors import InvalidError, Problem
from bootstrap.model import labels
from bootstrap.seeds.applied_state import Marker
from bootstrap.seeds.compare import action_for, differences, for_apply, reported_differently
from bootstrap.seeds.generated_secrets import GeneratedSecrets
from bootstrap.seeds.load import Fixtures
from bootstrap.seeds.marker_store import is_reserved
from bootstrap.seeds.model import (
    KNOWN_LATER,
    Action,
    Desired,
    Difference,
    DifferenceKind,
    Fixture,
    Need,
    Observed,
    ResourceId,
    digest,
)
from bootstrap.seeds.references import resolve
from bootstrap.seeds.results import ResourceChange
from bootstrap.seeds.services.base import Look, Scope, Service
from bootstrap.seeds.target import Target, switched_off


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a verb was asked for."""

    adopt: bool = False
    """Foreign resources of a declared name become ours."""
    allow_replace: bool = False
    rotate: bool = False
    """Generated secrets are generated again."""
    dry_run: bool = False
    services: frozenset[str] = frozenset()
    """Only these; empty: all."""
    only: frozenset[ResourceId] = frozenset()
    """Only these; empty: all."""
    rerun: tuple[str, ...] = ()
    """Init scripts that run again, by name or path."""

    def asks(self, service: str) -> bool:
        """Whether the verb is about anything of this service."""
        if self.services and service not in self.services:
            return False
        return not self.only or any(resource.service == service for resource in self.only)

    def covers(self, resource: ResourceId) -> bool:
        """Whether the verb is about this resource."""
        if self.services and resource.service not in self.services:
            return False
        return not self.only or resource in self.only


@dataclass(kw_only=True, slots=True)
class Case:
    """One declared resource on its way through a verb."""

    fixture: Fixture
    desired: Desired
    observed: Observed | None
    differences: tuple[Difference, ...]
    action: Action
    reason: str

    @property
    def acts(self) -> bool:
        """Whether `apply` changes it."""
        if self.action in {Action.CREATE, Action.REPLACE}:
            return True
        return self.action in {Action.UPDATE, Action.DRIFTED} and bool(for_apply(self.differences))

    def change(self, *, applies: bool | None = None) -> ResourceChange:
        """For plan and result."""
        return ResourceChange(
            id=self.fixture.id,
            action=self.action,
            reason=self.reason,
            differences=self.differences,
            place=f"{self.fixture.place.file}:{self.fixture.place.line}",
            applies=self.acts if applies is None else applies,
        )


class Survey:
    """What is declared and what is there, for one run of one verb."""

    def __init__(
        self,
        *,
        fixtures: Fixtures,
        services: Mapping[str, Service],
        target: Target,
        environment: Mapping[str, str],
        generated: GeneratedSecrets,
        options: Options,
    ) -> None:
        self.fixtures = fixtures
        self.services = services
        self.target = target
        self.options = options
        self.marker = Marker(target)
        self.observed: dict[ResourceId, Observed] = {}
        self.attributes: dict[ResourceId, Mapping[str, str]] = {}
        self._rotated: set[ResourceId] = set()
        self._environment = environment
        self._generated = generated

    def look(self) -> None:
        """Read the marker, then every declared resource that the verb is about, service by service in parallel."""
        account = self.target.submit(lambda: self.target.account)
        needed = [self.fixtures.by_id[resource] for resource in self._needed()]
        self.marker.read()
        readings: list[Future[Mapping[str, Observed]]] = []
        for name, service in self.services.items():
            looks = [self._look(fixture) for fixture in needed if fixture.id.service == name]
            if looks:
                readings.append(self.target.submit(functools.partial(service.observe, self.target, looks)))
        account.result()
        for reading in readings:
            for observed in reading.result().values():
                self.observed[observed.id] = observed
                self.attributes[observed.id] = observed.attributes

    def _needed(self) -> list[ResourceId]:
        """What is covered, and of what that needs, those of which an attribute is not known beforehand.

        Raises:
            RefusedError: a service that is needed is switched off.
        """
        covered = [resource for resource in self.fixtures.by_id if self.options.covers(resource)]
        for resource in covered:
            if not self.target.has(resource.service):
                raise switched_off(self.target.endpoint, resource.service, self._places(covered, resource.service))
        needs = (need for resource in covered for need in self.fixtures.needs.get(resource, ()))
        unknown = [need.target for need in needs if self.target.has(need.target.service) and not self._predicts(need)]
        return list(dict.fromkeys([*covered, *unknown]))

    def _places(self, covered: Iterable[ResourceId], service: str) -> list[str]:
        places = {resource: self.fixtures.by_id[resource].place for resource in covered if resource.service == service}
        return [f"{place.file}:{place.line}: {resource}" for resource, place in places.items()]

    def _predicts(self, need: Need) -> bool:
        return need.attribute in self.services[need.target.service].predict(need.target.name, self.target)

    def _look(self, fixture: Fixture) -> Look:
        applied = frozenset(self.marker.applied(fixture.id).fields)
        return Look(name=fixture.id.name, body=fixture.body, applied=applied)

    def cases(self, *, thorough: bool, writes: bool) -> list[Case]:
        """Every fixture that the options cover, compared.

        Raises:
            InvalidError: values that are wrong only now (a missing environment variable, a data file): all of them.
        """
        covered = [fixture for fixture in self.fixtures.by_id.values() if self.options.covers(fixture.id)]
        problems: list[Problem] = []
        cases: list[Case] = []
        tries = [
            self.target.submit(functools.partial(self._tried, fixture, thorough=thorough, writes=writes))
            for fixture in covered
        ]
        for outcome in [attempt.result() for attempt in tries]:
            if isinstance(outcome, InvalidError):
                problems.extend(outcome.problems)
            else:
                cases.append(outcome)
        if problems:
            raise InvalidError(problems)
        return cases

    def _tried(self, fixture: Fixture, *, thorough: bool, writes: bool) -> Case | InvalidError:
        try:
            return self.compare(fixture, thorough=thorough, writes=writes)
        except InvalidError as error:
            return error

    def compare(self, fixture: Fixture, *, thorough: bool, writes: bool) -> Case:
        """One fixture against what was found."""
        service = self.services[fixture.id.service]
        observed = self.observed.get(fixture.id)
        desired = self.desire(fixture, writes=writes)
        foreign = observed is not None and not self.ours(observed)
        if foreign and not self.options.adopt:
            return Case(
                fixture=fixture,
                desired=desired,
                observed=observed,
                differences=(),
                action=Action.FOREIGN,
                reason="has this name but was not created by bootstrap (--adopt adopts it)",
            )
        applied = self.marker.applied(fixture.id)
        if any(applied.fields.get(path) != digest(value) for path, value in desired.fields.items()):
            service.verify(desired)
        differing = list(differences(desired, observed, applied, service.contents))
        replaced = any(difference.path in desired.fixed for difference in differing)
        if observed is not None and fixture.id in self._rotated:
            differing.extend(_generated_later(desired, observed))
        if observed is not None and not replaced:
            paths = {difference.path for difference in differing}
            inside = service.inspect(self.target, desired, observed, applied.notes, thorough=thorough)
            differing.extend(difference for difference in inside if difference.path not in paths)
        if observed is not None and observed.tags.get(labels.OWNER) != self.target.owner:
            old = observed.tags.get(labels.OWNER)
            differing.append(Difference(path=f"tags.{labels.OWNER}", old=old, new=self.target.owner))
        action, reason = action_for(desired, observed, differing)
        return Case(
            fixture=fixture,
            desired=desired,
            observed=observed,
            differences=tuple(differing),
            action=action,
            reason="adopted" if foreign else reason,
        )

    def desire(self, fixture: Fixture, *, writes: bool) -> Desired:
        """The fixture with its references resolved as far as they are known."""
        scope = Scope(
            target=self.target,
            environment=self._environment,
            generated=self._generated,
            writes=writes,
            observed=None if fixture.id in self._rotated else self.observed.get(fixture.id),
            resolve=self.attribute,
        )
        return self.services[fixture.id.service].desire(fixture, resolve(fixture.body, self.attribute), scope)

    def attribute(self, resource: ResourceId, attribute: str) -> str:
        """Of a resource that is there, as found; else as predicted; else KNOWN_LATER."""
        value = self.attributes.get(resource, {}).get(attribute)
        if value is not None:
            return value
        predicted = self.services[resource.service].predict(resource.name, self.target)
        return predicted.get(attribute, KNOWN_LATER)

    def ours(self, observed: Observed) -> bool:
        """By its tag; or, if it has no tag yet, because our marker says that we were making it."""
        tag = observed.tags.get(labels.OWNER)
        return tag == self.target.owner or (tag is None and self.marker.owns(observed.id))

    def reread_written(self, written: Iterable[Case]) -> None:
        """Look again at what was just written in AWS's own words, and remember where the emulator returns it otherwise.

        No emulator keeps all that AWS does; what it returns right after the write is not drift.
        """
        cases = {case.fixture.id: case for case in written if case.desired.verbatim & set(case.desired.fields)}
        looks = {resource: self._look(case.fixture) for resource, case in cases.items()}
        observed: list[Observed] = []
        for name, service in self.services.items():
            mine = [look for resource, look in looks.items() if resource.service == name]
            observed.extend(service.observe(self.target, mine).values() if mine else ())
        applied = self.marker.applied
        self.marker.tell(
            {item.id: reported_differently(cases[item.id].desired, item, applied(item.id)) for item in observed}
        )

    def orphans(self) -> list[Observed]:
        """What carries our label and is not declared."""
        readings = [
            self.target.submit(functools.partial(self._undeclared, service))
            for name, service in self.services.items()
            if self.options.asks(name) and self.target.has(name)
        ]
        observed = [observed_item for reading in readings for observed_item in reading.result()]
        return [item for item in observed if self.ours(item) and self.options.covers(item.id)]

    def _undeclared(self, service: Service) -> Iterable[Observed]:
        names = [ResourceId(service.name, name) for name in service.names(self.target)]
        looks = [
            Look(name=observed.name)
            for observed in names
            if observed not in self.fixtures.by_id and not is_reserved(observed.name)
        ]
        return service.observe(self.target, looks).values() if looks else ()

    def rotate(self) -> None:
        """Forget the generated secrets of everything covered: as found and, without a dry run, in the state folder."""
        self._rotated.update(resource for resource in self.fixtures.by_id if self.options.covers(resource))
        if self.options.dry_run:
            self._generated = GeneratedSecrets(None)
            return
        for resource in self._rotated:
            self._generated.forget(resource)

    def forgotten(self, case: Case) -> Case:
        """The case with its volatile ledger fields to be done again (`refresh`)."""
        if case.observed is None or case.action is Action.FOREIGN:
            return case
        service = self.services[case.fixture.id.service]
        paths = set(service.volatile(case.desired, case.observed)) - {
            difference.path for difference in case.differences
        }
        again = [
            Difference(
                path=path, old=case.desired.fields[path], new=case.desired.fields[path], kind=DifferenceKind.DRIFTED
            )
            for path in sorted(paths & set(case.desired.fields))
        ]
        if not again:
            return case
        changed = replace(case, reason=f"done again: {', '.join(difference.path for difference in again)}")
        changed.differences = (*case.differences, *again)
        changed.action = Action.DRIFTED if case.action is Action.UNCHANGED else case.action
        return changed


def _generated_later(desired: Desired, observed: Observed) -> Iterable[Difference]:
    """What will be generated only when it is written: it is not what is there, whatever it will be."""
    for path, value in desired.fields.items():
        if value == KNOWN_LATER and observed.fields.get(path) is not None:
            secret = path in desired.secret
            yield Difference(path=path, old=observed.fields[path], new=KNOWN_LATER, secret=secret)
