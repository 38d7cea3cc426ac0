"""Proves, before anything is written, that an endpoint is an AWS emulator and not something dearer.

Three proofs, all by reading: its addresses are permitted, its health route answers as a driver's does, and its STS
names a dummy account for dummy credentials. What is proven is an address, not a name: whoever writes afterwards
connects to the number, so a name that resolves elsewhere a second later leads nobody away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from bootstrap.emulators.address import Address, Resolve, Trust, permitted_addresses
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.dummy_signature import signed
from bootstrap.emulators.http_exchange import Answer, NoAnswerError, Request, exchange
from bootstrap.emulators.recognition import Recognised, recognise
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import RefusedError
from bootstrap.model.stack import Driver
from bootstrap.system.clock import CancelToken

_OK = 200
_FAILED = 400
_FORBIDDEN = frozenset({401, 403})
_FIX = "start an emulator there, or name the endpoint of a running one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """An emulator that has proven to be one."""

    address: Address
    driver: EmulatorDriver
    version: str
    account: str
    services: frozenset[str] | None = None
    """Those that are switched on; None: all."""

    def has(self, service: str) -> bool:
        """Whether the service is switched on."""
        return self.services is None or service in self.services


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
        CancelledError: the token is cancelled.
    """
    candidates = tuple(all_drivers().values()) if driver is None else (all_drivers()[driver],)
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
        RefusedError: what answers is not an emulator of these drivers.
    """
    recognised = recognise(address, tuple(candidates), cancel, _FIX)
    return Proven(
        address=address,
        driver=recognised.driver,
        version=recognised.version,
        account=_account(address, recognised, cancel),
        services=recognised.services,
    )


def _account(address: Address, recognised: Recognised, cancel: CancelToken) -> str:
    driver = recognised.driver
    request = signed(
        Request(
            method="POST",
            path="/",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=b"Action=GetCallerIdentity&Version=2011-06-15",
        ),
        aws_service="sts",
    )
    answer = exchange(address, request, cancel, seconds=15)
    if recognised.services is not None and "sts" not in recognised.services and _says_switched_off(driver, answer):
        # What AWS would refuse for its signature, this one refuses in its own words: it has one account alone.
        return min(driver.accounts)
    account = _account_in(answer)
    if account is None or account not in driver.accounts:
        raise RefusedError(
            f"{address.url} answers as {driver.name}, but its STS names "
            f"{'no account' if account is None else f'account {account}'}; nothing was written",
            fix=f"an emulator names {' or '.join(sorted(driver.accounts))}; do not give it a real account's id",
        )
    return account


def _says_switched_off(driver: EmulatorDriver, answer: Answer) -> bool:
    """Whether the answer is the driver's own for a service that its health route does not name either."""
    if not driver.switched_off or answer.status < _FAILED or answer.status in _FORBIDDEN:
        return False
    return driver.switched_off.format(service="sts").encode() in answer.body


def _account_in(answer: Answer) -> str | None:
    # An answer with a document type is none of STS's, and the only dangerous thing an XML parser could be given.
    if answer.status != _OK or b"<!" in answer.body:
        return None
    try:
        root = ET.fromstring(answer.body)  # noqa: S314  # document types, where entities come from, are refused above
    except ET.ParseError:
        return None
    return root.findtext("{*}GetCallerIdentityResult/{*}Account")
