"""The id of an emulator's contents: kept inside, so that it goes when they go.

It is in the first of these services that is switched on: SSM, S3, Secrets Manager, DynamoDB, SQS. An emulator that has
none of them is known by the id that it makes up at each start.
"""

import json
import uuid

from bootstrap.emulators.http_exchange import Request, exchange
from bootstrap.emulators.incarnation_holders import HOLDERS, Holder
from bootstrap.emulators.proof import Proven
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.system.clock import CancelToken

_SHOWN = 300


def incarnation_of(proven: Proven, region: str, cancel: CancelToken) -> str:
    """The id as it is there; empty when nobody gave one yet. Writes nothing."""
    holder = _holder(proven)
    return start_of(proven, cancel) if holder is None else _read(proven, holder, region, cancel)


def ensure_incarnation(proven: Proven, region: str, cancel: CancelToken) -> str:
    """The id; a new one if there is none, because the contents are new or were lost.

    Raises:
        StepFailedError: the emulator does not keep it.
    """
    holder = _holder(proven)
    here = incarnation_of(proven, region, cancel)
    if here or holder is None:
        return here
    answers = [
        # An emulator may load the service with the first question.
        exchange(proven.address, request, cancel, seconds=30)
        for request in holder.give(region, proven.account, uuid.uuid4().hex)
    ]
    # Another run may have been first: what is there counts.
    here = _read(proven, holder, region, cancel)
    if not here:
        raise StepFailedError(
            f"{proven.address.url} does not keep an id in its service {holder.service}",
            evidence=[answer.body.decode(errors="replace")[:_SHOWN] for answer in answers],
            fix=f"look at the log of the emulator: its service {holder.service} is enabled but fails",
        )
    return here


def forget_incarnation(proven: Proven, region: str, cancel: CancelToken) -> None:
    """Remove the id, because the contents went: the next one is another. One of the emulator's start stays."""
    holder = _holder(proven)
    if holder is not None:
        exchange(proven.address, holder.forget(region, proven.account), cancel, seconds=30)


def _holder(proven: Proven) -> Holder | None:
    return next((holder for holder in HOLDERS if proven.has(holder.service)), None)


def _read(proven: Proven, holder: Holder, region: str, cancel: CancelToken) -> str:
    return holder.read(exchange(proven.address, holder.ask(region, proven.account), cancel, seconds=30))


def start_of(proven: Proven, cancel: CancelToken) -> str:
    """The id that the emulator made up at its start.

    Raises:
        RefusedError: it reports none.
    """
    names = ", ".join(holder.service for holder in HOLDERS)
    fix = f"enable one of {names} with its setting {proven.driver.services_setting}"
    if proven.driver.start is None:
        raise RefusedError(f"{proven.address.url} has no service that can keep an id of its contents", fix=fix)
    path, key = proven.driver.start
    answer = exchange(proven.address, Request(method="GET", path=path), cancel, seconds=30)
    try:
        return str(json.loads(answer.body)[key])
    except (ValueError, KeyError, TypeError):
        raise RefusedError(f"{proven.address.url}{path} does not report {key}", fix=fix) from None
