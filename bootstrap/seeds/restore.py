"""Returns the data of an emulator to what is declared, again and again: between the tests of a suite."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.emulator_contents import contents, delete_all, enabled
from bootstrap.seeds.model import ResourceId
from bootstrap.seeds.results import SeedResult
from bootstrap.seeds.seeding import Seeding, raise_failures
from bootstrap.seeds.target import Calls, Target
from bootstrap.system.files import write_whole
from bootstrap.system.work import Work

ACCOUNTS = "accounts"
_ACCOUNT_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What it took."""

    result: SeedResult
    deleted: tuple[ResourceId, ...]
    """Resources that were not there before the first time, and that nobody declares."""
    calls: Calls

    def to_json(self) -> dict[str, Any]:
        """`{"changed", "deleted", "calls": {"read", "write"}}`."""
        return {
            "changed": [str(each.id) for each in self.result.resources if each.applies],
            "deleted": [str(resource) for resource in self.deleted],
            "calls": self.calls.to_json(),
        }


@dataclass(kw_only=True, slots=True)
class Restorer:
    """Restores one emulator, or one account of it. One thread at a time."""

    seeding: Seeding
    _with_paths: dict[tuple[Path, ...], Seeding] = field(default_factory=dict)
    baseline: Path | None = None
    """Keeps what was there after the first time, for other processes that restore the same account."""
    _baseline: frozenset[ResourceId] | None = None
    """What was there after the first time, whoever made it: init scripts and charts do too."""

    def restore(self, endpoint: EmulatorEndpoint, work: Work, paths: Sequence[Path] = ()) -> Restored:
        """Refresh, and delete what appeared since the first time; with `paths`, their fixtures are there too.

        Raises:
            InvalidError: every problem in the files of `paths`.
            StepFailedError: some resources could not be made, or deleted.
        """
        before = self._before()
        result = raise_failures(self.seeding.refresh(endpoint, work))
        first = self._first(endpoint, work) if before is None else before
        declared = frozenset[ResourceId]()
        more = Calls()
        if paths:
            also = self._seeding_of(tuple(paths))
            added = raise_failures(also.refresh(endpoint, work))
            declared, more = frozenset(also.fixtures().by_id), added.calls
            result = replace(result, resources=(*result.resources, *added.resources))
        deleted, cleaning = ((), Calls()) if before is None else self._clean(endpoint, work, first | declared)
        calls = [result.calls, more, cleaning]
        total = Calls(read=sum(each.read for each in calls), write=sum(each.write for each in calls))
        return Restored(result=result, deleted=deleted, calls=total)

    def _before(self) -> frozenset[ResourceId] | None:
        if self._baseline is None and self.baseline is not None and self.baseline.exists():
            listed = json.loads(self.baseline.read_bytes())
            self._baseline = frozenset(ResourceId(service, name) for service, name in listed)
        return self._baseline

    def _first(self, endpoint: EmulatorEndpoint, work: Work) -> frozenset[ResourceId]:
        self._baseline = frozenset(self._contents(endpoint, work))
        if self.baseline is not None:
            write_whole(self.baseline, json.dumps([[each.service, each.name] for each in self._baseline]).encode())
        return self._baseline

    def _seeding_of(self, paths: tuple[Path, ...]) -> Seeding:
        """The seeding of other files; they are read once."""
        if paths not in self._with_paths:
            self._with_paths[paths] = replace(self.seeding, paths=paths)
        return self._with_paths[paths]

    def _contents(self, endpoint: EmulatorEndpoint, work: Work) -> list[ResourceId]:
        target = Target(endpoint, self.seeding.owner, work.cancel, self.seeding.state)
        try:
            return contents(target, enabled(target, self.seeding.services, lambda _name: True), lambda _resource: True)
        finally:
            target.close()

    def _clean(
        self, endpoint: EmulatorEndpoint, work: Work, kept: frozenset[ResourceId]
    ) -> tuple[tuple[ResourceId, ...], Calls]:
        target = Target(endpoint, self.seeding.owner, work.cancel, self.seeding.state)
        try:
            services = enabled(target, self.seeding.services, lambda _name: True)
            strays = contents(target, services, lambda resource: resource not in kept)
            left = delete_all(target, services, strays, work.notify) if strays else []
            if left:
                raise RefusedError(
                    "the emulator does not delete everything that a test created",
                    evidence=left,
                    fix="run: bootstrap seed reset",
                )
            return tuple(strays), target.calls
        finally:
            target.close()


class NotApartError(RefusedError):
    """The emulator does not keep an account apart from others, for what is declared."""


def in_account(endpoint: EmulatorEndpoint, account: str) -> EmulatorEndpoint:
    """The same emulator, where requests go to this account.

    Raises:
        UsageError: it is not the id of an account.
        NotApartError: the emulator has one account only.
    """
    if not (len(account) == _ACCOUNT_DIGITS and account.isascii() and account.isdigit()):
        raise UsageError(
            f"--account {account}: an account is {_ACCOUNT_DIGITS} digits", fix="write --account 000000000001"
        )
    if ACCOUNTS not in endpoint.capabilities:
        raise NotApartError(f"{endpoint.driver} has one account only", fix="leave out --account")
    return replace(endpoint, account=account, access_key=account)


def of_account(seeding: Seeding, account: str) -> Seeding:
    """The seeding of one account: its generated secrets are its own, and no cluster reads them.

    Raises:
        NotApartError: it declares a bucket. As in AWS, a name is given to one bucket of all accounts.
    """
    bucket = next((resource for resource in seeding.fixtures().by_id if resource.service == "s3"), None)
    if bucket is not None:
        raise NotApartError(
            f"{bucket} cannot be in account {account} too: the name of a bucket is unique in all accounts",
            fix="leave out --account",
        )
    return replace(seeding, state=seeding.state / "accounts" / account, follow=None)
