"""A timeline as OpenTelemetry spans: the JSON form of OTLP, as a collector takes it at /v1/traces."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bootstrap.console.timeline.model import Bar, PodBar, Timeline

_NANOSECONDS = 1_000_000_000
_INTERNAL = 1
_OK, _ERROR, _UNSET = 1, 2, 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def otlp_json(timeline: Timeline, *, service: str = "bootstrap", version: str = "") -> str:
    """The request's body. The same run has the same trace and span ids each time it is sent."""
    resource = {"service.name": service, "service.version": version, "bootstrap.stack": timeline.stack}
    scope = {"name": "bootstrap", "version": version}
    spans = [{"scope": scope, "spans": list(_spans(timeline))}]
    document = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": spans}]}
    return json.dumps(document, separators=(",", ":"))


def _spans(timeline: Timeline) -> Iterator[Mapping[str, Any]]:
    ids = _Ids(timeline)
    ended = "" if timeline.exit_code is None else str(timeline.exit_code)
    run = {"bootstrap.command": timeline.command, "bootstrap.run": timeline.run, "process.exit.code": ended}
    status = {"code": _OK if timeline.exit_code == 0 else _ERROR if timeline.exit_code else _UNSET}
    name = f"bootstrap {_verb(timeline)}".rstrip()
    yield ids.span(name, "", (0.0, timeline.seconds), attributes=run, key="run", status=status)
    for number, bar in enumerate(timeline.bars):
        if bar.worked:
            yield from _bar_spans(bar, f"{number}", ids)


def _bar_spans(bar: Bar, key: str, ids: "_Ids") -> Iterator[Mapping[str, Any]]:
    failed = bar.status == "failed"
    status = {"code": _ERROR, "message": "\n".join(bar.evidence)} if failed else {"code": _OK}
    events = [{"timeUnixNano": ids.nanoseconds(said.at), "name": said.text, "attributes": []} for said in bar.said]
    span = ids.span(bar.id, "run", (bar.start, bar.end), attributes=_facts(bar), key=key, status=status)
    yield {**span, "events": events}
    for number, pod in enumerate(bar.pods):
        yield from _pod_spans(pod, key, f"{key}/{number}", ids)


def _facts(bar: Bar) -> Mapping[str, str]:
    return {
        "bootstrap.lane": bar.lane.value,
        "bootstrap.status": bar.status,
        "bootstrap.reason": bar.reason,
        "bootstrap.detail": bar.detail,
        "bootstrap.after": bar.after,
        "bootstrap.needs": "; ".join(f"{wait.step}: {wait.reason}" for wait in bar.waits),
        "bootstrap.critical": "true" if bar.critical else "false",
    }


def _pod_spans(pod: PodBar, parent: str, key: str, ids: "_Ids") -> Iterator[Mapping[str, Any]]:
    facts = {"k8s.pod.name": pod.name, "k8s.node.name": pod.node, "bootstrap.restarts": str(pod.restarts)}
    yield ids.span(f"pod {pod.name}", parent, (pod.start, pod.end), attributes=facts, key=key)
    for stage, start, end in pod.stages():
        yield ids.span(stage, key, (start, end), attributes={}, key=f"{key}/{stage}")


class _Ids:
    """Makes spans of one run."""

    def __init__(self, timeline: Timeline) -> None:
        seed = f"{timeline.began.isoformat()} {timeline.stack} {timeline.command}"
        self._trace = hashlib.sha256(seed.encode()).hexdigest()
        self._began = (timeline.began - _EPOCH) // (timeline.began.resolution)

    def span(
        self,
        name: str,
        parent: str,
        times: tuple[float, float],
        *,
        attributes: Mapping[str, str],
        key: str,
        status: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """One span; `key` and `parent` name it and the one above within the run."""
        return {
            "traceId": self._trace[:32],
            "spanId": self._id(key),
            **({"parentSpanId": self._id(parent)} if parent else {}),
            "name": name,
            "kind": _INTERNAL,
            "startTimeUnixNano": self.nanoseconds(times[0]),
            "endTimeUnixNano": self.nanoseconds(times[1]),
            "attributes": _attributes(attributes),
            "status": dict(status or {"code": _UNSET}),
        }

    def nanoseconds(self, seconds: float) -> str:
        """The moment as OTLP's JSON writes 64-bit numbers: as text."""
        return str(self._began * 1000 + round(seconds * _NANOSECONDS))

    def _id(self, key: str) -> str:
        return hashlib.sha256(f"{self._trace}\0{key}".encode()).hexdigest()[:16]


def _attributes(values: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items() if value]


def _verb(timeline: Timeline) -> str:
    return [*timeline.command.split(), "", ""][1]
