"""All that an emulator holds of the services that fixtures can declare, written into a folder.

As `export` writes it, and beside that what no fixture says: whose each resource is, our own notes, and the messages in
queues. `refill` makes it again.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bootstrap.model.count import counted
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.elsewhere import in_other_regions
from bootstrap.seeds.export import documents, exported_in, observed_in, referenced
from bootstrap.seeds.messages import Message, read_messages
from bootstrap.seeds.model import Observed, ResourceId
from bootstrap.seeds.services.base import Exported, Service
from bootstrap.seeds.target import Target
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.work import Work

FIXTURES = "fixtures"
MESSAGES = "messages.json"


def dump(
    endpoint: EmulatorEndpoint, services: Mapping[str, Service], folder: Path, route: str, work: Work
) -> tuple[str, ...]:
    """Write everything into the folder, readable only by its owner; what could not be written, as text.

    `route`: the emulator's own that shows the messages of a queue; empty: it has none.
    """
    target = Target(endpoint, "", work.cancel)
    try:
        asked = {name: service for name, service in services.items() if target.has(name)}
        observed = {
            item.id: item
            for service in asked.values()
            for item in observed_in(target, service, lambda _resource: True, ours=True)
        }
        exports = exported_in(target, services, observed)
        _write(folder, _with_tags(exports, observed), observed)
        messages, left = _messages(target, observed, route)
        write_whole(folder / MESSAGES, json.dumps(messages).encode())
        return (*_remade(services), *_left_out(exports), *left, *_in_other_regions(target, asked))
    finally:
        target.close()


def used_bytes(endpoint: EmulatorEndpoint, services: Mapping[str, Service], work: Work) -> int:
    """The room that the objects and tables in it need, which is nearly all."""
    target = Target(endpoint, "", work.cancel)
    try:
        names = {name: list(services[name].names(target)) for name in ("s3", "dynamodb") if target.has(name)}
        pages = (page for bucket in names.get("s3", ()) for page in target.pages("s3", "ListObjectsV2", Bucket=bucket))
        objects = sum(int(item["Size"]) for page in pages for item in page.get("Contents", ()))
        tables = (target.call("dynamodb", "DescribeTable", TableName=name) for name in names.get("dynamodb", ()))
        return objects + sum(int(table["Table"].get("TableSizeBytes") or 0) for table in tables)
    finally:
        target.close()


def _with_tags(
    exports: Mapping[ResourceId, Exported], observed: Mapping[ResourceId, Observed]
) -> dict[ResourceId, Exported]:
    """With every tag: the one that says whose it is too."""
    return {
        resource: replace(exported, body={**exported.body, "tags": dict(tags)} if tags else exported.body)
        for resource, exported in exports.items()
        if not exported.left_out
        for tags in (observed[resource].tags,)
    }


def _write(folder: Path, exports: Mapping[ResourceId, Exported], observed: Mapping[ResourceId, Observed]) -> None:
    bodies = referenced({resource: exported.body for resource, exported in exports.items()}, observed)
    files = {name: content for exported in exports.values() for name, content in exported.files.items()}
    for name, content in {**documents(bodies), **files}.items():
        private_folder((folder / FIXTURES / name).parent)
        write_whole(folder / FIXTURES / name, content)


def _messages(
    target: Target, observed: Mapping[ResourceId, Observed], route: str
) -> tuple[dict[str, list[Message]], list[str]]:
    urls = {resource: item.attributes["url"] for resource, item in observed.items() if resource.service == "sqs"}
    read = target.each(lambda url: read_messages(target, url, route), urls.values())
    by_queue = dict(zip(urls, read, strict=True))
    left = [f"{counted(missing, 'message')} of {resource}" for resource, (_, missing) in by_queue.items() if missing]
    return {resource.name: messages for resource, (messages, _) in by_queue.items() if messages}, left


def _remade(services: Mapping[str, Service]) -> Iterator[str]:
    """What is so with every emulator whose data is written down and made again."""
    *most, last = sorted(services)
    yield "ids, dates, earlier versions and receive counts of AWS data, which is written down and made again"
    yield f"AWS services other than {', '.join(most)} and {last}"


def _left_out(exports: Mapping[ResourceId, Exported]) -> Iterator[str]:
    for resource, exported in exports.items():
        if exported.left_out:
            yield f"{resource}: {exported.left_out}"
        elif resource.service != "sqs":  # what it has to say is about messages
            yield from (f"{resource}: {note}" for note in exported.notes)


def _in_other_regions(target: Target, services: Mapping[str, Service]) -> Iterator[str]:
    for service, region, shown in in_other_regions(target, services):
        yield f"{service} in region {region}: {shown}"
    yield f"other AWS accounts than {target.account}"
