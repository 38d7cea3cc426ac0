"""What an emulator holds, and how that differs from the fixtures; nothing is received, and secrets are masked.

The resources are listed as `seed export` finds them, their drift is that of `seed plan`. What is in them comes a page
at a time: a bucket may hold more objects, a table more items, than a browser can.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bootstrap.console.mask import MASK
from bootstrap.emulators.address import Address
from bootstrap.emulators.http_exchange import NoAnswerError, Request, exchange
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import RefusedError, UsageError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.emulator_contents import contents, enabled
from bootstrap.seeds.model import Action, Observed, ResourceId
from bootstrap.seeds.results import ResourceChange, SeedPlan
from bootstrap.seeds.seeding import Seeding
from bootstrap.seeds.services.base import Look as Closer
from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken
from bootstrap.ui.looks import Look

_PAGE = 50
_PREVIEW = 1 << 14
"""Bytes of an object that are shown."""
_IN_BUCKETS = ("objects", "tree")
"""Parts of a bucket's fixture that are shown as rows."""
_SECRET_FIELDS = {"secretsmanager": frozenset({"value"})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """A page of what is in a resource."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    more: str = ""
    """Where the next page begins; empty: this is the last."""
    note: str = ""
    """Why there is nothing to see."""


def data_json(look: Look, cancel: CancelToken) -> dict[str, Any]:
    """`{"endpoint", "summary", "services": [{"service", "resources": […]}], "notes"}`.

    Raises:
        RefusedError: the emulator is not running.
    """
    session, _ = look.ready()
    endpoint, seeds = endpoint_of(look), session.ports.seeds
    plan = seeds.plan(endpoint, cancel) if isinstance(seeds, Seeding) else None
    with opened(endpoint, cancel) as target:
        services = enabled(target, all_services(), lambda _service: True)
        there = contents(target, services, lambda _resource: True)
    changes = {} if plan is None else {change.id: change for change in plan.resources}
    listed = sorted({*there, *changes})
    return {
        "endpoint": {"url": endpoint.url, "driver": endpoint.driver, "region": endpoint.region},
        "summary": _summary(plan, there),
        "notes": [] if plan is None else [look.masker.mask(note) for note in plan.notes],
        "services": [
            {
                "service": service,
                "resources": [
                    _listed(look, resource, changes.get(resource), there=resource in there)
                    for resource in listed
                    if resource.service == service
                ],
            }
            for service in dict.fromkeys([*services, *(resource.service for resource in listed)])
        ],
    }


def resource_json(look: Look, name: str, cancel: CancelToken, *, reveal: bool = False) -> dict[str, Any]:
    """The settings of one resource: `{"id", "fields", "attributes", "rows"}`; with `reveal` its secrets too.

    Raises:
        UsageError: there is no such resource.
        RefusedError: the emulator is not running.
    """
    resource = _resource(name)
    with opened(endpoint_of(look), cancel) as target:
        observed = _observed(look, target, resource)
    hidden = frozenset() if reveal else _SECRET_FIELDS.get(resource.service, frozenset())
    fields = {key: MASK if key in hidden and value is not None else value for key, value in observed.fields.items()}
    shown = fields if reveal else look.masker.mask_object(fields)
    return {
        "id": name,
        "fields": [{"path": key, "value": _text(value)} for key, value in sorted(shown.items()) if value is not None],
        "attributes": dict(observed.attributes),
        "secret": bool(hidden) or reveal or shown != fields,
        "rows": resource.service in {"s3", "dynamodb", "sqs"},
    }


def rows_json(look: Look, name: str, start: str, cancel: CancelToken, *, reveal: bool = False) -> dict[str, Any]:
    """A page of the objects, items or messages of a resource: `{"columns", "rows", "more", "note"}`.

    Raises:
        UsageError: there is no such resource.
        RefusedError: the emulator is not running.
    """
    resource = _resource(name)
    endpoint = endpoint_of(look)
    with opened(endpoint, cancel) as target:
        match resource.service:
            case "s3":
                rows = _objects(target, resource.name, start)
            case "dynamodb":
                rows = _items(target, resource.name, start)
            case "sqs":
                rows = _messages(target, endpoint, _observed(look, target, resource), cancel)
            case _:
                rows = Rows()
    shown = rows.rows if reveal else _masked_rows(look, rows)
    texts = [[_text(cell) for cell in row] for row in shown]
    return {"columns": list(rows.columns), "rows": texts, "more": rows.more, "note": rows.note}


def object_json(look: Look, bucket: str, key: str, cancel: CancelToken) -> dict[str, Any]:
    """The beginning of an object: `{"text", "bytes"}`.

    Raises:
        RefusedError: the emulator is not running, or has no such object.
    """
    with opened(endpoint_of(look), cancel) as target:
        about = target.call("s3", "HeadObject", Bucket=bucket, Key=key)
        size = int(about.get("ContentLength", 0))
        beginning = {"Range": f"bytes=0-{_PREVIEW - 1}"} if size > _PREVIEW else {}
        answer = target.call("s3", "GetObject", Bucket=bucket, Key=key, **beginning)
    content: bytes = answer["Body"].read()[:_PREVIEW]
    text = content.decode(errors="replace")
    return {"text": look.masker.mask(text), "bytes": size}


def endpoint_of(look: Look) -> EmulatorEndpoint:
    """The emulator, proven by the look.

    Raises:
        RefusedError: it is not running, or the stack has none.
    """
    session, planning = look.ready()
    emulator = planning.observed.emulator
    if emulator is None:
        raise RefusedError(f"stack {session.stack.name} has no emulator")
    if emulator.endpoint is None:
        why = emulator.detail or str(emulator.state)
        raise RefusedError(f"the emulator is not running: {why}", fix=f"run: {session.up_command}")
    return emulator.endpoint


@contextmanager
def opened(endpoint: EmulatorEndpoint, cancel: CancelToken) -> Iterator[Target]:
    """The emulator, for reading."""
    target = Target(endpoint, "", cancel)
    try:
        yield target
    finally:
        target.close()


def _summary(plan: SeedPlan | None, there: list[ResourceId]) -> str:
    return f"{len(there)} resources; the stack has no fixtures" if plan is None else plan.summary()


def _listed(look: Look, resource: ResourceId, change: ResourceChange | None, *, there: bool) -> Mapping[str, Any]:
    """A resource with its drift; what no fixture declares has none."""
    action, reason = "undeclared", "no fixture declares it"
    differences: list[Mapping[str, Any]] = []
    if change is not None:
        document = change.to_json()
        action, reason = str(change.action), change.reason
        differences = [] if change.action is Action.UNCHANGED else document["differences"]
    return {
        "id": str(resource),
        "name": resource.name,
        "there": there,
        "action": action,
        "reason": reason,
        "place": None if change is None else change.place,
        "differences": [_difference(look, each) for each in differences],
    }


def _difference(look: Look, difference: Mapping[str, Any]) -> Mapping[str, Any]:
    path = str(difference["path"])
    values = look.masker.mask_object({path: [difference["old"], difference["new"]]})[path]
    if not isinstance(values, list):
        values = [MASK, MASK]
    old, new = map(_text, values)
    return {**difference, "old": old, "new": new}


def _resource(name: str) -> ResourceId:
    service, _, rest = name.partition("/")
    if service not in all_services() or not rest:
        raise UsageError(f"{name} is not a resource")
    return ResourceId(service, rest)


def _observed(look: Look, target: Target, resource: ResourceId) -> Observed:
    session, _ = look.ready()
    body: Mapping[str, Any] = {}
    if resource.service == "s3" and isinstance(session.ports.seeds, Seeding):
        fixture = session.ports.seeds.fixtures().by_id.get(resource)
        whole = {} if fixture is None else fixture.body
        body = {key: value for key, value in whole.items() if key not in _IN_BUCKETS}
    closer = Closer(name=resource.name, body=body, all=resource.service != "s3")
    observed = all_services()[resource.service].observe(target, [closer]).get(resource.name)
    if observed is None:
        raise UsageError(f"{resource} is not in the emulator")
    return observed


def _objects(target: Target, bucket: str, start: str) -> Rows:
    more = {"ContinuationToken": start} if start else {}
    answer = target.call("s3", "ListObjectsV2", Bucket=bucket, MaxKeys=_PAGE, **more)
    rows = (
        (entry["Key"], entry.get("Size", 0), str(entry.get("LastModified", "")), str(entry.get("ETag", "")).strip('"'))
        for entry in answer.get("Contents", ())
    )
    following = str(answer.get("NextContinuationToken", "")) if answer.get("IsTruncated") else ""
    return Rows(columns=("Key", "Bytes", "Modified", "ETag"), rows=tuple(rows), more=following)


def _items(target: Target, table: str, start: str) -> Rows:
    request = {"TableName": table, "Limit": _PAGE, **({"ExclusiveStartKey": json.loads(start)} if start else {})}
    answer = target.raw("Scan", json.dumps(request).encode())
    last = answer.get("LastEvaluatedKey")
    items = [{name: _plain(value) for name, value in item.items()} for item in answer.get("Items", ())]
    columns = tuple(dict.fromkeys(name for item in items for name in item))
    rows = tuple(tuple(item.get(name, "") for name in columns) for item in items)
    return Rows(columns=columns, rows=rows, more=json.dumps(last) if last else "")


def _plain(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """A value of DynamoDB as a person writes it."""
    ((kind, inner),) = value.items()
    match kind:
        case "M":
            return {name: _plain(part) for name, part in inner.items()}
        case "L":
            return [_plain(part) for part in inner]
        case "NULL":
            return None
        case _:
            return inner


def _messages(target: Target, endpoint: EmulatorEndpoint, observed: Observed, cancel: CancelToken) -> Rows:
    del target
    view = all_drivers()[Driver(endpoint.driver)].queue_view
    waiting = f"{observed.spec} messages wait in it"
    if view is None:
        return Rows(note=f"{waiting}; {endpoint.driver} shows none without receiving it")
    parts = urlsplit(endpoint.url)
    address = Address(host=parts.hostname or "", port=parts.port or 80)
    request = Request(method="GET", path=view.path(observed.attributes["url"]), headers={"Host": parts.netloc})
    try:
        answer = exchange(address, request, cancel)
        messages = view.messages(json.loads(answer.body))
    except (NoAnswerError, ValueError, KeyError) as error:
        return Rows(note=f"{waiting}; they cannot be shown: {error}")
    rows = tuple(
        (
            str(message.get("MessageId", "")),
            str(message.get("Body", "")),
            "visible" if message.get("IsVisible", True) else "in flight or delayed",
            str(message.get("ReceiveCount", "")),
            str(message.get("MessageGroupId") or ""),
        )
        for message in messages[:_MOST]
    )
    note = f"{waiting}; the first {_MOST} are shown" if len(messages) > _MOST else "" if rows else waiting
    return Rows(columns=("Id", "Body", "State", "Received", "Group"), rows=rows, note=note)


_MOST = 200
"""Messages of a queue that are shown."""


def _masked_rows(look: Look, rows: Rows) -> tuple[tuple[Any, ...], ...]:
    by_name = (dict(zip(rows.columns, row, strict=True)) for row in rows.rows)
    return tuple(tuple(look.masker.mask_object(named).values()) for named in by_name)


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
