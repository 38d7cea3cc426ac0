"""The emulator as the services see it: calls that are counted, bounded and never leave it."""

import functools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from bootstrap.clock import CancelToken
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.aws_shapes import model_loader

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient
    from botocore.session import Session

OWNER_TAG = "bootstrap.dev/owner"

_WORKERS = 12
_REFUSED = 300
_UNDER_WAY = 6
_READS = ("Get", "List", "Describe", "Head", "BatchGet", "Scan", "Query", "Lookup")

Answer = dict[str, Any]
Item = TypeVar("Item")
Made = TypeVar("Made")


class AwsError(StepFailedError):
    """The emulator said no."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation} failed: {message} ({code})")
        self.operation = operation
        self.code = code
        """AWS's own: `ResourceNotFoundException`, `404`."""


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

    def __init__(self, endpoint: EmulatorEndpoint, owner: str, cancel: CancelToken) -> None:
        self.endpoint = endpoint
        self.owner = owner
        """The value of our tag on everything we make."""
        self.cancel = cancel
        self._clients: dict[str, BaseClient] = {}
        self._lock = threading.Lock()
        self._exchange = threading.local()
        self._counts = {"read": 0, "write": 0}
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
        with self._lock:
            return Calls(**self._counts)

    @functools.cached_property
    def account(self) -> str:
        """The emulator's account id; its ARNs are made of it."""
        return str(self.call("sts", "GetCallerIdentity")["Account"])

    def tagged(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The user's tags and ours."""
        return {**tags, OWNER_TAG: self.owner}

    def can(self, capability: str) -> bool:
        """Whether the driver declares it."""
        return capability in self.endpoint.capabilities

    def call(self, service: str, operation: str, **parameters: Any) -> Answer:  # noqa: ANN401 - AWS's own parameters
        """Call an operation by AWS's name.

        Raises:
            AwsError: the emulator refused; has AWS's code.
            CancelledError, DeadlineError: as the token says.
        """
        from botocore import xform_name  # noqa: PLC0415 - loaded only when something is called
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        self.cancel.check()
        client = self._client(service)
        try:
            answer: Answer = getattr(client, xform_name(operation))(**parameters)
        except ClientError as error:
            said = error.response.get("Error", {})
            raise AwsError(operation, str(said.get("Code", "")), str(said.get("Message", ""))) from None
        except BotoCoreError as error:
            raise AwsError(operation, type(error).__name__, str(error)) from None
        return answer

    def find(self, service: str, operation: str, *absent: str, **parameters: Any) -> Answer | None:  # noqa: ANN401 - AWS's
        """As `call`; None where the emulator answers one of the codes `absent`."""
        try:
            return self.call(service, operation, **parameters)
        except AwsError as error:
            if error.code in absent:
                return None
            raise

    def raw(self, operation: str, request: bytes, **stand_in: Any) -> Answer:  # noqa: ANN401 - AWS's own parameters
        """Call DynamoDB with a body of our own and take its answer as JSON, past botocore's models.

        Items come by the hundred thousand: converting each value twice would cost more than the emulator takes.
        `stand_in`: the parameters that botocore wants to see before the body is exchanged.
        """
        exchange = self._exchange
        exchange.request, exchange.answer = request, None
        try:
            self.call("dynamodb", operation, **stand_in)
            return dict(json.loads(exchange.answer or b"{}"))
        finally:
            exchange.request = exchange.answer = None

    def pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Answer]:  # noqa: ANN401 - AWS's
        """Every page of a listing, by botocore's paginator."""
        from botocore import xform_name  # noqa: PLC0415

        client = self._client(service)
        for page in client.get_paginator(xform_name(operation)).paginate(**parameters):
            self.cancel.check()
            yield page

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
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._inner.shutdown(cancel_futures=True)

    def _client(self, service: str) -> "BaseClient":
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> "BaseClient":
        from botocore.config import Config  # noqa: PLC0415

        client = self._session.create_client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint.url,
            use_ssl=self.endpoint.url.startswith("https:"),
            aws_access_key_id="bootstrap",
            aws_secret_access_key="bootstrap",  # noqa: S106 - a dummy: emulators ask for any
            config=Config(
                proxies={},
                retries={"total_max_attempts": 4, "mode": "standard"},
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=2 * _WORKERS,
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                parameter_validation=False,
            ),
        )
        client.meta.events.register("before-send", self._sent)
        if service == "dynamodb":
            client.meta.events.register("before-call.dynamodb", self._put_body)
            client.meta.events.register("before-parse.dynamodb", self._take_body)
        return client

    def _put_body(self, params: dict[str, Any], **_: object) -> None:
        request = getattr(self._exchange, "request", None)
        if request is not None:
            params["body"] = request

    def _take_body(self, response_dict: dict[str, Any], **_: object) -> None:
        if getattr(self._exchange, "request", None) is not None and response_dict["status_code"] < _REFUSED:
            self._exchange.answer = response_dict["body"]
            response_dict["body"] = b"{}"

    @functools.cached_property
    def _session(self) -> "Session":
        return hermetic_session()

    def _sent(self, event_name: str, request: "AWSPreparedRequest", **_: object) -> None:
        """The last look at a request before it leaves: it goes to the proven address or nowhere."""
        if urlsplit(request.url).netloc != urlsplit(self.endpoint.url).netloc:
            raise RefusedError(f"{event_name} would leave {self.endpoint.url} for {request.url}: not sent")
        kind = "read" if event_name.rpartition(".")[2].startswith(_READS) else "write"
        with self._lock:
            self._counts[kind] += 1


def hermetic_session() -> "Session":
    """A botocore session that reads nothing of the user's: no environment, no files, no profile, no model folders."""
    from botocore.configprovider import ConfigValueStore, ConstantProvider  # noqa: PLC0415
    from botocore.plugin import PluginContext, set_plugin_context  # noqa: PLC0415
    from botocore.session import Session  # noqa: PLC0415

    set_plugin_context(PluginContext(plugins="DISABLED"))
    session = Session()
    values = {name: default for name, (_, _, default, _) in Session.SESSION_VARIABLES.items()}
    for file in ("config_file", "credentials_file"):
        values[file] = None
    store = ConfigValueStore(mapping={name: ConstantProvider(value) for name, value in values.items()})
    session.register_component("config_store", store)
    session.register_component("data_loader", model_loader())
    return session
