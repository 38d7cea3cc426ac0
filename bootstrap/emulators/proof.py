"""Proves, before anything is written, that an endpoint is an AWS emulator and not something dearer.

Three proofs, all by reading: its addresses are permitted, its health route answers as a driver's does, and its STS
names a dummy account for dummy credentials. What is proven is an address, not a name: whoever writes afterwards
connects to the number, so a name that resolves elsewhere a second later leads nobody away.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from bootstrap.emulators.address import Address, Resolve, Trust, permitted_addresses
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.dummy_signature import signed
from bootstrap.emulators.http_exchange import Answer, NoAnswerError, Request, exchange
from bootstrap.emulators.registry import known_drivers
from bootstrap.errors import RefusedError
from bootstrap.model.stack import Driver
from bootstrap.system.clock import CancelToken

_OK = 200
_FIX = "start an emulator there, or give the endpoint of one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """An emulator that has proven to be one."""

    address: Address
    driver: EmulatorDriver
    version: str
    account: str


def prove(
    endpoint: str,
    cancel: CancelToken,
    *,
    driver: Driver | None = None,
    trust: Trust = Trust.LOOPBACK,
    resolve: Resolve | None = None,
) -> Proven:
    """Prove the endpoint; without `driver`, find out which one it is. Writes nothing.

    Raises:
        RefusedError: it is not, or not provably, an emulator (of this driver).
        CancelledError: as the token says.
    """
    candidates = tuple(known_drivers().values()) if driver is None else (known_drivers()[driver],)
    reasons = []
    for address in permitted_addresses(endpoint, trust, resolve):
        try:
            return prove_address(address, candidates, cancel)
        except NoAnswerError as error:
            reasons.append(error.what)
    raise RefusedError(f"no emulator answers at {endpoint}", evidence=reasons, fix=_FIX)


def prove_address(address: Address, candidates: Iterable[EmulatorDriver], cancel: CancelToken) -> Proven:
    """As `prove`, for an address that is permitted already.

    Raises:
        NoAnswerError: nothing answers there.
        RefusedError: what answers is no emulator of these drivers.
    """
    evidence = []
    for driver in candidates:
        answer = exchange(address, Request(method="GET", path=driver.health), cancel)
        version, reason = _identified(driver, answer)
        if version is not None:
            account = _account(address, driver, cancel)
            return Proven(address=address, driver=driver, version=version, account=account)
        evidence.append(f"{driver.health}: {reason}")
    raise RefusedError(
        f"{address.url} is not a known emulator; nothing was written",
        evidence=evidence,
        fix=_FIX,
    )


def _identified(driver: EmulatorDriver, answer: Answer) -> tuple[str | None, str]:
    if answer.status != driver.health_status:
        where = answer.headers.get("location")
        return None, f"status {answer.status}" + (f", redirects to {where}" if where else "")
    health = _json(answer)
    if health is None:
        return None, f"status {answer.status}, but no JSON object"
    return driver.identify(health), f"status {answer.status}, but not the answer of {driver.name}"


def _json(answer: Answer) -> Mapping[str, Any] | None:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _account(address: Address, driver: EmulatorDriver, cancel: CancelToken) -> str:
    request = signed(
        Request(
            method="POST",
            path="/",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=b"Action=GetCallerIdentity&Version=2011-06-15",
        ),
        aws_service="sts",
    )
    account = _account_in(exchange(address, request, cancel, seconds=15))
    if account is None or account not in driver.accounts:
        raise RefusedError(
            f"{address.url} answers as {driver.name}, but its STS names "
            f"{'no account' if account is None else f'account {account}'}; nothing was written",
            fix=f"an emulator names {' or '.join(sorted(driver.accounts))}; do not give it a real account's id",
        )
    return account


def _account_in(answer: Answer) -> str | None:
    # An answer with a document type is none of STS's, and the only dangerous thing an XML parser could be given.
    if answer.status != _OK or b"<!" in answer.body:
        return None
    try:
        root = ET.fromstring(answer.body)  # noqa: S314  # document types, where entities come from, are refused above
    except ET.ParseError:
        return None
    return root.findtext("{*}GetCallerIdentityResult/{*}Account")
