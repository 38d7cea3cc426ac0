"""The emulator as the services see it: calls that are counted, bounded and never leave it."""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.errors import RefusedError
from bootstrap.model import labels
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.aws_client import Answer, AwsError, Wire, page_model, service_model
from bootstrap.system.clock import CancelToken

__all__ = ("Answer", "AwsError", "Calls", "Target")

_WORKERS = 8
_UNDER_WAY = 6

_NEXT_TO = {"dynamodb": ("dynamodb", "dynamodbstreams")}
"""Services that an emulator counts apart, and that go together."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """HTTP requests sent, counted where they are sent."""

    read: int = 0
    write: int = 0

    def to_json(self) -> dict[str, int]:
        """`{"read": 3, "write": 0}`."""
        return {"read": self.read, "write": self.write}


class Target:
    """One emulator. Safe to use from many threads.

    Credentials are dummies; the user's environment, profile, files and proxies are never read.
    """

    def __init__(self, endpoint: EmulatorEndpoint, owner: str, cancel: CancelToken, beside: Path | None = None) -> None:
        self.endpoint = endpoint
        self.owner = owner
        """The value of our tag on everything we make."""
        self.cancel = cancel
        self.beside = beside
        """A folder for the notes that the emulator cannot hold."""
        self._wire = Wire(endpoint.url, endpoint.region, cancel, endpoint.access_key)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="seeds")
        # A task that waits for tasks of its own pool could wait for ever: inner maps have a pool of their own.
        self._inner = ThreadPoolExecutor(_WORKERS, thread_name_prefix="seeds-inner")

    @property
    def region(self) -> str:
        """Where everything is, such as `us-east-1`."""
        return self.endpoint.region

    @property
    def calls(self) -> Calls:
        """Requests so far."""
        return Calls(**self._wire.counts)

    @functools.cached_property
    def account(self) -> str:
        """The emulator's account id; its ARNs are made of it."""
        return self.endpoint.account or str(self.call("sts", "GetCallerIdentity")["Account"])

    def tagged(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The user's tags and ours."""
        return {**tags, labels.OWNER: self.owner}

    def has(self, service: str) -> bool:
        """Whether the emulator has the service, and it is switched on."""
        return self.endpoint.services is None or service in self.endpoint.services

    def can(self, capability: str) -> bool:
        """Whether the driver declares it."""
        return capability in self.endpoint.capabilities

    def call(self, service: str, operation: str, **parameters: Any) -> Answer:  # noqa: ANN401 - AWS's own parameters
        """Call an operation by AWS's name.

        Raises:
            RefusedError: the service is switched off.
            AwsError: the emulator refused; has AWS's code.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        if not self.has(service):
            raise switched_off(self.endpoint, service)
        return self._wire.call(service, operation, parameters)

    def find(self, service: str, operation: str, *absent: str, **parameters: Any) -> Answer | None:  # noqa: ANN401 - AWS's
        """As `call`; None if the emulator answers one of the codes `absent`."""
        try:
            return self.call(service, operation, **parameters)
        except AwsError as error:
            if error.code in absent:
                return None
            raise

    def raw(self, operation: str, request: bytes) -> Answer:
        """Call DynamoDB with a body of our own and take its answer as JSON, past botocore's models.

        Items come by the hundred thousand: converting each value twice would cost more than the emulator takes.
        """
        return self._wire.call("dynamodb", operation, {}, request)

    def look_at(self, path: str, service: str, operation: str, **parameters: Any) -> Answer:  # noqa: ANN401 - AWS's own
        """As `call`, of a route of the emulator's own that answers as the operation does."""
        return self._wire.call(service, operation, parameters, at=path)

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Answer]:  # noqa: ANN401 - AWS's
        """Every page of a listing, by botocore's paginator."""
        from botocore.model import OperationModel  # noqa: PLC0415 - loaded only when something is called
        from botocore.paginate import Paginator  # noqa: PLC0415

        model: OperationModel = service_model(service).operation_model(operation)
        method = functools.partial(self.call, service, operation)
        paginator: Paginator[Answer] = Paginator(method, dict(page_model(service, operation)), model)  # type: ignore[arg-type] # any callable
        yield from paginator.paginate(**parameters)

    def each(self, act: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
        """`act` on every item, in parallel, results in order; the first error is raised. May not be nested."""
        given = list(items)
        if len(given) < 2:  # noqa: PLR2004 - one needs no thread
            return [act(item) for item in given]
        return list(self._inner.map(act, given))

    def stream(self, act: Callable[[Item], object], items: Iterable[Item]) -> None:
        """`act` on every item, several at once, holding only as many as are under way. May not be nested."""
        running: deque[Future[object]] = deque()
        try:
            for item in items:
                running.append(self._inner.submit(act, item))
                if len(running) >= _UNDER_WAY:
                    running.popleft().result()
            for future in running:
                future.result()
        finally:
            for future in running:
                future.cancel()

    def submit(self, act: Callable[[], Made]) -> Future[Made]:
        """Run in the outer pool."""
        return self._pool.submit(act)

    def close(self) -> None:
        """End the threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._inner.shutdown(cancel_futures=True)
        self._wire.close()


def switched_off(endpoint: EmulatorEndpoint, service: str, evidence: Sequence[str] = ()) -> RefusedError:
    """What to say of a service that the emulator has, and that its setting leaves out."""
    on = sorted(endpoint.services or ())
    setting = endpoint.services_setting
    services = ",".join([*on, *_NEXT_TO.get(service, (service,))])
    return RefusedError(
        f"the service {service} is disabled in this {endpoint.driver}"
        + (f" ({setting}={','.join(on)})" if setting else ""),
        evidence=evidence,
        fix=f"start the emulator with {setting}={services}" if setting else "start the emulator with this service",
    )
