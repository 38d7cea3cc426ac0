"""Finds out which emulator answers at an address: all health routes at once, and the most specific answer counts."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bootstrap.emulators.address import Address
from bootstrap.emulators.driver import EmulatorDriver
from bootstrap.emulators.http_exchange import Answer, NoAnswerError, Request, exchange
from bootstrap.errors import RefusedError
from bootstrap.system.clock import CancelToken

_SECONDS = 30.0
"""An emulator may load a service for a route that it does not know: LocalStack takes them for buckets of S3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recognised:
    """What answers as a driver's emulator does."""

    driver: EmulatorDriver
    version: str
    services: frozenset[str] | None
    """Those that are switched on; None: all."""


def recognise(address: Address, candidates: Sequence[EmulatorDriver], cancel: CancelToken, fix: str) -> Recognised:
    """The first of the candidates whose health route answers as it should; they are in order, imitators first.

    Raises:
        NoAnswerError: nothing answers on any route.
        RefusedError: what answers is not an emulator of these drivers; the reason is given for each route.
        CancelledError: the token is cancelled.
    """
    with ThreadPoolExecutor(len(candidates), thread_name_prefix="health") as pool:
        answers = list(pool.map(lambda driver: _asked(address, driver, cancel), candidates))
    cancel.check()
    for driver, answer in zip(candidates, answers, strict=True):
        health = _health(driver, answer)
        version = None if health is None else driver.identify(health)
        if health is not None and version is not None:
            return Recognised(driver=driver, version=version, services=driver.services(health))
    errors = [answer for answer in answers if isinstance(answer, NoAnswerError)]
    if len(errors) == len(answers):
        raise errors[0]
    evidence = [
        f"{driver.health}: {_reason(driver, answer)}" for driver, answer in zip(candidates, answers, strict=True)
    ]
    raise RefusedError(f"{address.url} is not a known emulator; nothing was written", evidence=evidence, fix=fix)


def _asked(address: Address, driver: EmulatorDriver, cancel: CancelToken) -> Answer | NoAnswerError:
    try:
        return exchange(address, Request(method="GET", path=driver.health), cancel, seconds=_SECONDS)
    except NoAnswerError as error:
        return error


def _health(driver: EmulatorDriver, answer: Answer | NoAnswerError) -> Mapping[str, Any] | None:
    """The JSON of a health route that answers with the right status."""
    if isinstance(answer, NoAnswerError) or answer.status != driver.health_status:
        return None
    return _json(answer)


def _reason(driver: EmulatorDriver, answer: Answer | NoAnswerError) -> str:
    if isinstance(answer, NoAnswerError):
        return answer.what
    if answer.status != driver.health_status:
        where = answer.headers.get("location")
        return f"status {answer.status}" + (f", redirects to {where}" if where else "")
    if _json(answer) is None:
        return f"status {answer.status}, but no JSON object"
    return f"status {answer.status}, but not the answer of {driver.name}"


def _json(answer: Answer) -> Mapping[str, Any] | None:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
