"""What the framework asks of each AWS service; docs/seeds-architecture.md shows how to add one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bootstrap.errors import Problem
from bootstrap.seeds.generated_secrets import GeneratedSecrets
from bootstrap.seeds.model import (
    KNOWN_LATER,
    Desired,
    Difference,
    FieldPath,
    Fixture,
    Need,
    Observed,
    ResourceId,
    Value,
)
from bootstrap.seeds.schema import Record
from bootstrap.seeds.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One resource to look at, and how closely."""

    name: str
    body: Mapping[str, Value] = field(default_factory=dict)
    """The fixture's body, references not resolved; empty for what is not declared."""
    applied: frozenset[FieldPath] = frozenset()
    """Fields that we wrote before: they are read too, so that one that is no longer declared is seen."""
    all: bool = False
    """Read everything there is (export)."""

    def wants(self, *prefixes: str) -> bool:
        """Whether something under these keys is declared, was applied, or everything is asked for."""
        if self.all or any(prefix in self.body for prefix in prefixes):
            return True
        return any(path.startswith(prefixes) for path in self.applied)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a fixture's values may depend on besides its own body."""

    target: Target
    environment: Mapping[str, str]
    """This process's, for secrets that are taken from it."""
    generated: GeneratedSecrets
    writes: bool = False
    """Whether this is an apply: then secrets are generated."""
    observed: Observed | None = None
    """The resource itself, as found."""
    resolve: Callable[[ResourceId, str], str] = lambda _resource, _attribute: KNOWN_LATER
    """An attribute of another fixture, for needs that `Service.needs` named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """A live resource written as a fixture."""

    body: Mapping[str, Value]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the body names, by relative path."""
    secret_files: frozenset[str] = frozenset()
    """Those of them that must be 0600."""
    notes: tuple[str, ...] = ()
    """What could not be exported."""
    hints: tuple[str, ...] = ()
    """What whoever keeps the files should know."""
    left_out: str = ""
    """Why the resource is not exported at all; empty: it is."""


class Service(Protocol):
    """One AWS service. Stateless; every method may run in any thread and be run again after a kill."""

    name: str
    """Its key in fixture files: `sqs`."""
    schema: Record
    attributes: tuple[str, ...] = ("name", "arn")
    """What `${ref:…}` may ask for."""
    contents: tuple[str, ...] = ()
    """Prefixes of fields that are things of their own (`objects/`): no longer declared, `prune` deletes them."""

    # The methods with a body are what a service does that has nothing of the kind.

    def check(self, fixture: Fixture) -> Iterable[Problem]:  # noqa: ARG002
        """What is wrong beyond the schema: names, combinations, missing files."""
        return ()

    def check_together(self, fixtures: Mapping[ResourceId, Fixture]) -> Iterable[Problem]:  # noqa: ARG002
        """What is wrong between fixtures, of any service, each of which is right by itself."""
        return ()

    def lint(self, fixture: Fixture) -> Iterable[Problem]:  # noqa: ARG002
        """What is wrong inside the files that the fixture names: found without an emulator."""
        return ()

    def needs(self, fixture: Fixture) -> Iterable[Need]:  # noqa: ARG002
        """Fixtures that this one uses without writing a reference, such as a dead-letter queue by name."""
        return ()

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """Attributes that are known before the resource exists."""
        ...

    def names(self, target: Target) -> Iterable[str]:
        """Every resource of this service in the emulator, whoever made it."""
        ...

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """The resources as found, by name; absent ones are left out. Lists in bulk where AWS can; never writes."""
        ...

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """What the fixture wants; `body` has its references resolved. Writes nothing, except generated secrets."""
        ...

    def verify(self, desired: Desired) -> None:  # noqa: ARG002
        """Raise InvalidError with everything wrong inside the files that the fixture names.

        Asked of what was not applied as it is, before anything is written; what `desire` reads anyway needs none.
        """
        return

    def inspect(
        self,
        target: Target,  # noqa: ARG002
        desired: Desired,  # noqa: ARG002
        observed: Observed,  # noqa: ARG002
        notes: Mapping[str, Value],  # noqa: ARG002
        *,
        thorough: bool,  # noqa: ARG002
    ) -> Iterable[Difference]:
        """Differences that fields do not show: items, objects.

        `notes` is what `create` and `update` left in the marker. Without `thorough` a cheap check is enough;
        with it everything is compared, and what nobody declared is reported as EXTRA.
        """
        return ()

    def remarks(self, target: Target, desired: Desired) -> Iterable[str]:  # noqa: ARG002
        """What the user should know that stops nothing: something this emulator can keep but not do."""
        return ()

    def create(self, target: Target, desired: Desired) -> "Written":
        """Make it, with `target.tagged(…)` in the creating call where AWS allows that."""
        ...

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> "Written":
        """Make the differences go away, and touch nothing else. EXTRA ones must be deleted."""
        ...

    def delete(self, target: Target, observed: Observed) -> None:
        """Delete it with what is in it; passes if it is gone."""
        ...

    def volatile(self, desired: Desired, observed: Observed) -> Iterable[FieldPath]:  # noqa: ARG002
        """Ledger fields to forget on `refresh`, so that they are done again (messages of a queue it purges)."""
        return ()

    def export(self, target: Target, observed: Observed) -> Exported:
        """Write it as a fixture that `apply` makes the same again."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What creating or updating left behind."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    """arn, url, … as the emulator gave them."""
    notes: Mapping[str, Value] = field(default_factory=dict)
    """To be kept in the marker, over what was there."""


def tag_changes(differences: Iterable[Difference]) -> tuple[dict[str, str], list[str]]:
    """The tags to set and those to remove."""
    tags = [
        (difference.path.removeprefix("tags."), difference.new)
        for difference in differences
        if difference.path.startswith("tags.")
    ]
    return {key: str(new) for key, new in tags if new is not None}, [key for key, new in tags if new is None]


def tag_fields(tags: Mapping[str, str]) -> dict[FieldPath, Value]:
    """Tags as fields."""
    return {f"tags.{key}": value for key, value in tags.items()}
