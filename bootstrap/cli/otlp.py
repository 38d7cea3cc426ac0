"""Sends a trace to an OpenTelemetry collector: OTLP over HTTP, in its JSON form.

Nothing is sent unless `timeline --otlp` asks for it. Where no URL is given, the standard environment variables say
where to: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bootstrap.console.mask import SECRETS
from bootstrap.errors import StepFailedError, UsageError
from bootstrap.system.clock import CancelToken
from bootstrap.system.http import Connections, Response

_PATH = "/v1/traces"
_SECONDS = 10.0
_PREFIX = "OTEL_EXPORTER_OTLP_"
_FIRST_REFUSED = 300
_PORTS = {"http": 80, "https": 443}
_SHOWN = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Receiver:
    """Where a trace is sent to, and how."""

    url: str
    headers: Mapping[str, str]
    seconds: float
    certificate: str | None = None
    """The file of the certificates that are trusted instead of the system's."""


def receiver_of(url: str, environment: Mapping[str, str]) -> Receiver:
    """The receiver of `--otlp URL`; for an empty URL that of the environment.

    Raises:
        UsageError: neither names one, or it is not one that HTTP reaches.
    """
    protocol = _variable(environment, "PROTOCOL")
    if not url and protocol.startswith("grpc"):
        raise UsageError(f"{_PREFIX}PROTOCOL is {protocol}: only HTTP is spoken", fix="--otlp http://127.0.0.1:4318")
    target = _with_path(url) if url else _from(environment)
    parts = urlsplit(target)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"--otlp {target}: not an HTTP address", fix="--otlp http://127.0.0.1:4318")
    headers = _headers(_variable(environment, "HEADERS"))
    SECRETS.register(*headers.values())
    return Receiver(
        url=target,
        headers=headers,
        seconds=_seconds(_variable(environment, "TIMEOUT")),
        certificate=_variable(environment, "CERTIFICATE") or None,
    )


def send(body: str, receiver: Receiver, cancel: CancelToken) -> None:
    """Send a trace.

    Raises:
        StepFailedError: nobody answers there, or the trace is not accepted.
    """
    shown = _shown(receiver.url)
    try:
        response = _exchange(body, receiver, cancel)
    except OSError as error:
        raise StepFailedError(
            f"{shown} does not answer: {error}", fix="start the collector, or name another"
        ) from error
    rejected = _rejected(response)
    if response.status >= _FIRST_REFUSED or rejected:
        text = rejected or response.body.decode(errors="replace")[:_SHOWN]
        raise StepFailedError(
            f"{shown} did not accept the trace: HTTP {response.status}",
            evidence=tuple(text.splitlines()),
            fix="check the address and OTEL_EXPORTER_OTLP_HEADERS",
        )


def service_name(environment: Mapping[str, str]) -> str:
    """The service of the spans: OTEL_SERVICE_NAME, else bootstrap."""
    return environment.get("OTEL_SERVICE_NAME") or "bootstrap"


def _exchange(body: str, receiver: Receiver, cancel: CancelToken) -> Response:
    parts = urlsplit(receiver.url)
    tls = ssl.create_default_context(cafile=receiver.certificate) if parts.scheme == "https" else None
    connections = Connections(parts.hostname or "", parts.port or _PORTS[parts.scheme], tls=tls)
    host = parts.netloc.rpartition("@")[2]
    headers = {"Host": host, **receiver.headers, "Content-Type": "application/json"}
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        return connections.exchange(
            "POST", target, cancel, headers=headers, body=body.encode(), seconds=receiver.seconds
        )
    finally:
        connections.close()


def _rejected(response: Response) -> str:
    """What an accepting answer says that it left out."""
    try:
        partial = json.loads(response.body or b"{}").get("partialSuccess") or {}
    except (ValueError, AttributeError):
        return ""
    return str(partial.get("errorMessage") or "rejected spans") if int(partial.get("rejectedSpans") or 0) else ""


def _from(environment: Mapping[str, str]) -> str:
    if own := environment.get(f"{_PREFIX}TRACES_ENDPOINT"):
        return own
    if base := environment.get(f"{_PREFIX}ENDPOINT"):
        return base.rstrip("/") + _PATH
    raise UsageError(f"--otlp: no URL, and {_PREFIX}ENDPOINT is not set", fix="--otlp http://127.0.0.1:4318")


def _with_path(url: str) -> str:
    """A URL without a path is a collector's, whose traces go to /v1/traces."""
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + _PATH


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(f"{_PREFIX}TRACES_{name}") or environment.get(f"{_PREFIX}{name}") or ""


def _headers(text: str) -> Mapping[str, str]:
    """`name=value,name=value`, percent-encoded."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _seconds(milliseconds: str) -> float:
    return int(milliseconds) / 1000 if milliseconds.isdigit() and int(milliseconds) else _SECONDS


def _shown(url: str) -> str:
    """The address without a user, a password or a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
