"""AWS's protocols over plain HTTP: botocore's models, serializers and parsers, and nothing else of it.

Without its session there is no credential chain, no profile, no environment, no proxy and no endpoint resolution that
could lead anywhere but to the address given here; and a call costs a fifth, since nothing is signed: emulators read the
service out of the signature's scope and believe the rest.
"""

import base64
import functools
import gzip
import hashlib
import io
import json
import ssl
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.http import Connections

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel
    from botocore.parsers import ResponseParser
    from botocore.serialize import Serializer

Answer = dict[str, Any]

_READS = ("Get", "List", "Describe", "Head", "BatchGet", "Scan", "Query", "Lookup")
_ONCE = ("Send", "Publish", "Invoke")
"""Not sent again when the connection broke after it was sent: it may have been done."""
_BUSY = frozenset({429, 502, 503, 504})
_INTERNAL = 500
_REFUSED = 300
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1
_TIMEOUT_SECONDS = 60.0
_DATE = "20200101"
_ACCESS_KEY = "bootstrap"
_BUCKET_REGION = "x-amz-bucket-region"


class AwsError(StepFailedError):
    """The emulator refused."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation} failed: {message} ({code})")
        self.operation = operation
        self.code = code
        """AWS's own: `ResourceNotFoundException`, `404`."""


@functools.cache
def service_model(service: str) -> "ServiceModel":
    """The model of `sqs`, `s3`, …, from botocore's own folder and no other."""
    from botocore.model import ServiceModel  # noqa: PLC0415 - botocore is loaded only if it is needed

    return ServiceModel(_described(service, "service-2"), service)


@functools.cache
def page_model(service: str, operation: str) -> Mapping[str, Any]:
    """How an operation's answers are paged."""
    return dict(_described(service, "paginators-1")["pagination"][operation])


def _described(service: str, kind: str) -> dict[str, Any]:
    import botocore  # noqa: PLC0415

    folder = max((Path(botocore.__file__).parent / "data" / service).glob(f"*/{kind}.json*")).parent
    packed = folder / f"{kind}.json.gz"
    # botocore's own loader keeps OrderedDicts, which takes ten times as long.
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / f"{kind}.json").read_bytes()
    return dict(json.loads(content))


def is_read(operation: str) -> bool:
    """Whether an operation changes nothing."""
    return operation.startswith(_READS)


class Wire:
    """Requests to one address; safe to use from many threads."""

    def __init__(self, url: str, region: str, cancel: CancelToken, access_key: str = "") -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        tls = ssl.create_default_context() if secure else None
        self._connections = Connections(parts.hostname or "", port, tls=tls)
        self._authority = parts.netloc
        self._region = region
        self._access_key = access_key or _ACCESS_KEY
        self._cancel = cancel
        self._regions: dict[str, str] = {}
        self._lock = threading.Lock()
        self._counts = {"read": 0, "write": 0}

    @property
    def counts(self) -> dict[str, int]:
        """Requests sent, counted as they leave."""
        with self._lock:
            return dict(self._counts)

    def call(
        self, service: str, operation: str, parameters: Mapping[str, Any], body: bytes | None = None, *, at: str = ""
    ) -> Answer:
        """One call. With `body` that is sent instead of the parameters, and the answer is its JSON as it came.

        `at`: the path of an emulator's own route that answers as the operation does.

        Raises:
            AwsError: the emulator refused, or does not answer.
            CancelledError, DeadlineError: the token is cancelled, or its deadline passes.
        """
        model = service_model(service).operation_model(operation)
        request = _request(model, {**_tokens(model, parameters), **parameters}, body)
        request.target = at or request.target
        bucket = parameters.get("Bucket", "")
        region = self._regions.get(bucket, self._region)
        status, headers, content = self._exchange(operation, request, self._signed(service, region))
        elsewhere = headers.get(_BUCKET_REGION)
        if bucket and status >= _REFUSED and elsewhere not in {None, region}:
            # S3 wants the region of the bucket in the signature; the address stays the same.
            self._regions[bucket] = str(elsewhere)
            status, headers, content = self._exchange(operation, request, self._signed(service, str(elsewhere)))
        if body is not None and status < _REFUSED:
            return dict(json.loads(content or b"{}"))
        return _answer(model, status, headers, content)

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def _signed(self, service: str, region: str) -> dict[str, str]:
        scope = service_model(service).signing_name
        credential = f"Credential={self._access_key}/{_DATE}/{region}/{scope}/aws4_request"
        return {
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
            "X-Amz-Date": f"{_DATE}T000000Z",
            "Host": self._authority,
        }

    def _exchange(
        self, operation: str, request: "_Request", signed: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        waiting = _FIRST_WAIT_SECONDS
        for last in (*[False] * (_TRIES - 1), True):
            self._cancel.check()
            try:
                status, headers, content = self._send(operation, request, signed)
            except ConnectionRefusedError as error:
                if last:
                    raise AwsError(operation, "ConnectionRefused", f"{self._authority} does not answer") from error
            except OSError as error:
                if last or operation.startswith(_ONCE):
                    raise AwsError(operation, type(error).__name__, f"{self._authority}: {error}") from error
            else:
                if last or not (status in _BUSY or (is_read(operation) and _has_lost_a_part(status, content))):
                    return status, headers, content
            self._cancel.sleep(waiting)
            waiting *= 2
        raise AssertionError

    def _send(
        self, operation: str, request: "_Request", signed: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            self._counts["read" if is_read(operation) else "write"] += 1
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        response = self._connections.exchange(
            request.method,
            request.target,
            self._cancel,
            body=request.body,
            headers={**request.headers, **signed},
            seconds=_TIMEOUT_SECONDS,
        )
        return response.status, response.headers, response.body


def _has_lost_a_part(status: int, content: bytes) -> bool:
    """Whether LocalStack lost the connection to a server of its own, such as DynamoDB Local, while it asked that."""
    return status == _INTERNAL and b"exception while calling" in content and b"onnection" in content


class _Request:
    """What is sent."""

    __slots__ = ("body", "headers", "method", "target")

    def __init__(self, method: str, target: str, headers: dict[str, str], body: Any) -> None:  # noqa: ANN401 - or a file
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body


@functools.cache
def _serializer(protocol: str) -> "Serializer":
    from botocore.serialize import create_serializer  # noqa: PLC0415

    serializer: Serializer = create_serializer(protocol, include_validation=False)  # type: ignore[assignment] # it is one
    return serializer


@functools.cache
def _parser(protocol: str) -> "ResponseParser":
    from botocore.parsers import create_parser  # noqa: PLC0415

    return create_parser(protocol)


def _protocol(model: "OperationModel") -> str:
    service = model.service_model
    return str(getattr(service, "resolved_protocol", service.metadata["protocol"]))


def _tokens(model: "OperationModel", parameters: Mapping[str, Any]) -> dict[str, str]:
    """Idempotency tokens, which AWS requires and every client makes up."""
    return {name: str(uuid.uuid4()) for name in model.idempotent_members if name not in parameters}


def _request(model: "OperationModel", parameters: dict[str, Any], body: bytes | None) -> _Request:
    request = _serializer(_protocol(model)).serialize_to_request(parameters, model)
    target, query = request["url_path"], request["query_string"]
    if query:
        from botocore.utils import percent_encode_sequence  # noqa: PLC0415

        encoded = query if isinstance(query, str) else percent_encode_sequence(query)
        target += ("&" if "?" in target else "?") + encoded
    content = request["body"] if body is None else body
    if isinstance(content, dict):
        content = urlencode(content, doseq=True).encode()
    elif isinstance(content, str):
        content = content.encode()
    headers = {name: str(value) for name, value in request["headers"].items()}
    if _needs_md5(model) and isinstance(content, bytes):
        headers["Content-MD5"] = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    return _Request(request["method"], target, headers, content)


def _needs_md5(model: "OperationModel") -> bool:
    return bool(model.http_checksum_required or (model.http_checksum or {}).get("requestChecksumRequired"))


def _answer(model: "OperationModel", status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    from botocore.awsrequest import HeadersDict  # noqa: PLC0415

    streams = model.has_streaming_output and status < _REFUSED
    response = {
        "headers": HeadersDict(headers.items()),
        "status_code": status,
        "body": io.BytesIO(content) if streams else content,
        "context": {"operation_name": model.name},
    }
    answer: Answer = _parser(_protocol(model)).parse(response, model.output_shape)  # type: ignore[arg-type] # or None
    if status >= _REFUSED:
        said = answer.get("Error", {})
        raise AwsError(model.name, str(said.get("Code", status)), str(said.get("Message", "")))
    if model.name == "GetBucketLocation":
        # The only answer whose value is the text of its root element.
        answer["LocationConstraint"] = ET.fromstring(content).text  # noqa: S314 - of a proven emulator
    return answer
