"""Emulators that run as containers, for the suites that take every driver; images are those of the test rig."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from bootstrap.docker.engine import connect
from bootstrap.emulators.address import Address
from bootstrap.emulators.driver import LAMBDA_INVOKE
from bootstrap.emulators.endpoint import proven_endpoint
from bootstrap.emulators.http_exchange import NoAnswerError
from bootstrap.emulators.incarnation import ensure_incarnation
from bootstrap.emulators.proof import Proven, prove_address
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import RefusedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.wait import wait_until
from fakes.docker import require

IMAGES = {Driver.LOCALSTACK: os.environ.get("BOOTSTRAP_TEST_LOCALSTACK_IMAGE", "bootstrap-rig/localstack:4.14.0")}
"""The drivers that no process stands for."""
CONTAINERS = tuple(pytest.param(driver, marks=pytest.mark.docker) for driver in IMAGES)
_PORT = 4566
_SECONDS = 120


@contextmanager
def container(driver: Driver, **variables: str) -> Iterator[EmulatorEndpoint]:
    """One on any port of loopback until the end of the block; without the engine's socket it runs no functions."""
    require(IMAGES[driver])
    client = connect(os.environ)
    name = f"rig-{driver}-{os.getpid()}-{uuid4().hex[:6]}"
    ports = {f"{_PORT}/tcp": ("127.0.0.1", 0)}
    created = client.containers.create(IMAGES[driver], name=name, ports=ports, environment=variables)
    try:
        created.start()
        created.reload()
        published = created.ports[f"{_PORT}/tcp"]
        assert published is not None
        yield _endpoint(driver, int(published[0]["HostPort"]))
    finally:
        created.remove(force=True, v=True)
        client.close()


def _endpoint(driver: Driver, port: int) -> EmulatorEndpoint:
    cancel = CancelToken(SystemClock())
    recipe = all_drivers()[driver]

    def proven() -> Proven | None:
        try:
            return prove_address(Address(host="127.0.0.1", port=port), (recipe,), cancel)
        except (NoAnswerError, RefusedError):
            return None

    answer = wait_until(proven, cancel.within(_SECONDS, f"{driver} answering"), interval=0.5)
    endpoint = proven_endpoint(answer, "us-east-1", ensure_incarnation(answer, "us-east-1", cancel))
    return replace(endpoint, capabilities=endpoint.capabilities - {LAMBDA_INVOKE})
