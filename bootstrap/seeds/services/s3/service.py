"""Amazon S3."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bootstrap.errors import Problem
from bootstrap.model import labels
from bootstrap.seeds.aws_client import service_model
from bootstrap.seeds.model import (
    Desired,
    Difference,
    DifferenceKind,
    Fixture,
    Need,
    Observed,
    ResourceId,
    Value,
    digest,
)
from bootstrap.seeds.schema import TAGS, Aws, ListOf, Record, Text
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_fields
from bootstrap.seeds.services.limits import bucket_name_problem, object_problems, tag_problems
from bootstrap.seeds.services.s3 import objects as s3_objects
from bootstrap.seeds.services.s3.bucket_settings import PART_KEYS, PARTS, UNREADABLE, part_fields
from bootstrap.seeds.services.s3.limits import setting_problems
from bootstrap.seeds.services.s3.notification_rules import Rule, aws_rule_of, overlaps, rule_of
from bootstrap.seeds.services.s3.objects import PREFIX, DeclaredObject, declared_objects
from bootstrap.seeds.target import Target
from bootstrap.yamltext.positions import ValuePath, nearest

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ABOUT = frozenset({"contentType", "metadata", "tags", *s3_objects.ABOUT_AWS})
_GONE = ("NoSuchBucket", "404")
_RECEIVERS = {"queue": ("sqs", "QueueConfigurations", "QueueArn"), "topic": ("sns", "TopicConfigurations", "TopicArn")}
_RECEIVERS["function"] = ("lambda", "LambdaFunctionConfigurations", "LambdaFunctionArn")
_EVENTS = {"created": "s3:ObjectCreated:*", "removed": "s3:ObjectRemoved:*"}
_RETURNED_AS_PART = frozenset({"ObjectOwnership"})
_ACCESS = frozenset(
    f"aws.{name}" for name in ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
)
"""CreateBucket's parameters that can be changed later; with each other only."""
_STRANGE = ".keys"
"""The folder of objects whose keys are not paths."""
_LONGEST = 240
"""Bytes of a file's name that every file system takes."""
_SHOWN = 100
"""Extra objects that are listed one by one."""

_NOTIFICATIONS = ListOf(
    Record(
        keys={
            **{receiver: Text() for receiver in _RECEIVERS},
            "events": ListOf(Text()),
            "prefix": Text(),
            "suffix": Text(),
        },
        one_of=tuple(_RECEIVERS),
        needs_one=True,
    )
)
_ELSEWHERE = {
    "Bucket": "it is the fixture's key",
    **dict.fromkeys(
        ("MFA", "Token", "RequestPayer", "ConfirmRemoveSelfBucketAccess", "TransitionDefaultMinimumObjectSize"),
        "it is of the call, and emulators do not keep it",
    ),
    "Tagging": "write tags",
    **dict.fromkeys(
        ("ContentMD5", "ChecksumAlgorithm", "ExpectedBucketOwner", "SkipDestinationValidation"), "it is made"
    ),
}


class S3(Service):
    """Buckets with their settings and objects."""

    name = "s3"
    attributes = ("name", "arn", "id", "region")
    contents = (PREFIX,)
    schema = Record(
        keys={
            "region": Text(),
            "tags": TAGS,
            **PART_KEYS,
            "notifications": _NOTIFICATIONS,
            "objects": s3_objects.OBJECTS,
            "trees": s3_objects.TREES,
            "aws": Aws(service="s3", operations=("CreateBucket", *(part.put for part in PARTS)), instead=_ELSEWHERE),
        }
    )

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """The name, files, and settings given twice."""
        name = fixture.id.name
        if not _NAME.fullmatch(name) or ".." in name:
            text = "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"
            yield fixture.problem((), text)
        if wrong := bucket_name_problem(name):
            yield fixture.problem((), wrong)
        yield from (fixture.problem(path, text) for path, text in tag_problems(fixture.body.get("tags", {})))
        for key, given in fixture.body.get("objects", {}).items():
            for path, text in object_problems(key, given):
                yield fixture.problem(("objects", key, *path), text)
        yield from _notification_problems(fixture)
        yield from (fixture.problem(path, text) for path, text in setting_problems(fixture.body))
        for path, text in s3_objects.object_problems(fixture):
            yield fixture.problem(path, text)
        for part in PARTS:
            if part.member in fixture.body.get("aws", {}) and part.field in fixture.body:
                yield fixture.problem(("aws", part.member), f"cannot be given together with {part.field}")

    def needs(self, fixture: Fixture) -> Iterator[Need]:
        """The receivers of notifications."""
        for number, given in enumerate(fixture.body.get("notifications", ())):
            for receiver, (service, _, _) in _RECEIVERS.items():
                if receiver in given and not _is_arn(given[receiver]):
                    path = ("notifications", number, receiver)
                    yield Need(target=ResourceId(service, given[receiver]), attribute="arn", path=path)

    def check_together(self, fixtures: Mapping[ResourceId, Fixture]) -> Iterator[Problem]:
        """Notifications of one bucket that overlap, whichever fixture declares them."""
        for resource in fixtures:
            if resource.service == self.name:
                yield from _overlap_problems(resource.name, fixtures)

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """Everything follows from the name."""
        return {"name": name, "id": name, "arn": f"arn:aws:s3:::{name}", "region": target.region}

    def names(self, target: Target) -> Iterable[str]:
        """All buckets."""
        return [bucket["Name"] for bucket in target.call(self.name, "ListBuckets")["Buckets"]]

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """Tags of each bucket, and what is declared of it."""
        there = set(self.names(target))
        jobs = [look for look in looks if look.name in there]
        tags = dict(
            zip([job.name for job in jobs], target.each(lambda job: _tags(target, job.name), jobs), strict=True)
        )
        reads = [(look, part) for look in jobs for part in PARTS if _reads(look, part.field, part.member)]
        values = target.each(lambda read: read[1].read(target, read[0].name), reads)
        fields: dict[str, dict[str, Value]] = {name: tag_fields(tag_values) for name, tag_values in tags.items()}
        for (look, part), value in zip(reads, values, strict=True):
            fields[look.name][part.field] = (
                _returned_notifications(value, look) if part.field == "notifications" else value
            )
            if part.field in UNREADABLE and value is None:
                del fields[look.name][part.field]
        self._observe_objects(target, jobs, fields)
        self._observe_regions(target, jobs, fields)
        return {
            name: Observed(
                id=ResourceId(self.name, name),
                fields=fields[name],
                tags=tag_values,
                attributes=self.predict(name, target),
            )
            for name, tag_values in tags.items()
        }

    def _observe_objects(self, target: Target, looks: Sequence[Look], fields: dict[str, dict[str, Value]]) -> None:
        listing = [look for look in looks if look.wants("objects", "trees", PREFIX)]
        results = target.each(lambda look: s3_objects.listed(target, look.name), listing)
        heads: list[tuple[str, str, bool]] = []
        for look, objects in zip(listing, results, strict=True):
            fields[look.name] |= {PREFIX + key: md5 for key, md5 in objects.items()}
            requested = (
                dict.fromkeys(objects, True)
                if look.all
                else s3_objects.keys_to_describe(look.body, look.applied, objects)
            )
            heads.extend((look.name, key, tags) for key, tags in requested.items() if key in objects)
        described = target.each(lambda head: s3_objects.described(target, head[0], head[1], tags=head[2]), heads)
        for (bucket, _, _), about in zip(heads, described, strict=True):
            fields[bucket] |= about

    def _observe_regions(self, target: Target, looks: Sequence[Look], fields: dict[str, dict[str, Value]]) -> None:
        for look in looks:
            if look.wants("region"):
                place = target.call(self.name, "GetBucketLocation", Bucket=look.name)["LocationConstraint"]
                fields[look.name]["region"] = place or "us-east-1"

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: region, tags.*, settings in AWS's form, objects/KEY."""
        objects = declared_objects(fixture, body)
        fields: dict[str, Value] = {**tag_fields(body.get("tags", {})), **dict(part_fields(body))}
        creation = {name: value for name, value in body.get("aws", {}).items() if _creates(name)}
        kept = {f"aws.{name}": value for name, value in creation.items() if name not in _RETURNED_AS_PART}
        fields |= kept | _ownership(creation, fields)
        if "region" in body:
            fields["region"] = body["region"]
        if "notifications" in body:
            fields["notifications"] = _notifications(body["notifications"], scope)
        elif "notifications" in fields:
            fields["notifications"] = _sorted_notifications(fields["notifications"])
        for item in objects.values():
            fields |= item.fields()
        unreadable = {path for declared_object in objects.values() for path in declared_object.unreadable()}
        verbatim = {path for declared_object in objects.values() for path in declared_object.verbatim()}
        # moto takes the spaces around a tag's value away.
        verbatim |= {f"tags.{key}" for key, text in body.get("tags", {}).items() if text != text.strip()}
        return Desired(
            id=fixture.id,
            fields=fields,
            fixed=frozenset({"region", *kept}) - _ACCESS,
            ledger=UNREADABLE | unreadable | kept.keys(),
            verbatim=frozenset({*(part.field for part in PARTS), *verbatim}),
            spec=(objects, creation),
        )

    def inspect(
        self,
        target: Target,
        desired: Desired,
        observed: Observed,
        notes: Mapping[str, Value],  # noqa: ARG002 - objects are returned by the emulator
        *,
        thorough: bool,
    ) -> Iterator[Difference]:
        """Objects that nobody declared."""
        objects: Mapping[str, DeclaredObject] = desired.spec[0]
        if not thorough and not objects:
            return
        extra = sorted(set(_observed_objects(target, observed)) - set(objects))
        for key in extra[:_SHOWN]:
            old = observed.fields.get(PREFIX + key, "there")
            yield Difference(path=PREFIX + key, old=old, kind=DifferenceKind.EXTRA)
        if len(extra) > _SHOWN:
            yield Difference(path=PREFIX, old=f"{len(extra) - _SHOWN} more objects", kind=DifferenceKind.EXTRA)

    def create(self, target: Target, desired: Desired) -> Written:
        """The bucket, its tag, its settings, its objects."""
        region = desired.fields.get("region", target.region)
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        target.find(
            self.name, "CreateBucket", "BucketAlreadyOwnedByYou", Bucket=desired.id.name, **{**place, **desired.spec[1]}
        )
        tags = {path.removeprefix("tags."): value for path, value in desired.fields.items() if path.startswith("tags.")}
        _put_tags(target, desired.id.name, target.tagged(tags))
        given = {f"aws.{name}" for name in desired.spec[1]}
        rest = [path for path in desired.fields if not path.startswith("tags.") and path not in given]
        return self._put(target, desired, {path: desired.fields[path] for path in rest})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """Only what differs."""
        tags = {
            difference.path.removeprefix("tags."): difference.new
            for difference in differences
            if difference.path.startswith("tags.")
        }
        if tags:
            merged = {**observed.tags, **tags}
            _put_tags(target, desired.id.name, {key: value for key, value in merged.items() if value is not None})
        quiet = {DifferenceKind.EXTRA, DifferenceKind.ORPHANED}
        gone = [
            key
            for difference in differences
            if difference.kind in quiet and (key := _key(difference.path)) not in desired.spec[0]
        ]
        if any(difference.path == PREFIX for difference in differences):
            gone = sorted(set(s3_objects.listed(target, desired.id.name)) - set(desired.spec[0]))
        s3_objects.delete_objects(target, desired.id.name, [key for key in dict.fromkeys(gone) if key])
        changed = {difference.path: difference.new for difference in differences if difference.kind not in quiet}
        return self._put(target, desired, changed)

    def _put(self, target: Target, desired: Desired, changed: Mapping[str, Value]) -> Written:
        bucket = desired.id.name
        for part in PARTS:
            if part.field in changed:
                part.write(target, bucket, changed[part.field])
        if changed.keys() & _ACCESS:
            granted = {path.removeprefix("aws."): desired.fields[path] for path in _ACCESS & desired.fields.keys()}
            target.call(self.name, "PutBucketAcl", Bucket=bucket, **granted)
        objects: Mapping[str, DeclaredObject] = desired.spec[0]
        keys = dict.fromkeys(_key(path) for path in changed if path.startswith(PREFIX))
        target.each(lambda key: objects[key].put(target, bucket), [key for key in keys if key in objects])
        return Written(attributes=self.predict(bucket, target))

    def delete(self, target: Target, observed: Observed) -> None:
        """With everything in it."""
        if observed.id.name in self.names(target):
            s3_objects.empty_bucket(target, observed.id.name)
            target.find(self.name, "DeleteBucket", *_GONE, Bucket=observed.id.name)

    def export(self, target: Target, observed: Observed) -> Exported:
        """Settings verbatim, objects as files."""
        bucket = observed.id.name
        body: dict[str, Value] = {}
        tags = {key: value for key, value in observed.tags.items() if key != labels.OWNER}
        if observed.fields.get("region") not in {None, "us-east-1"}:
            body["region"] = observed.fields["region"]
        if tags:
            body["tags"] = tags
        status = (observed.fields.get("versioning") or {}).get("Status")
        if status in {"Enabled", "Suspended"}:
            body["versioning"] = status == "Enabled"
        if observed.fields.get("policy"):
            body["policy"] = observed.fields["policy"]
        body |= _exported_aws(observed)
        files: dict[str, bytes] = {}
        objects = {}
        paths = sorted(path for path in observed.fields if path.startswith(PREFIX) and not _is_about(path))
        folders = _folders(path.removeprefix(PREFIX) for path in paths)
        for path in paths:
            key = path.removeprefix(PREFIX)
            name = _file_name(bucket, key, folders)
            files[name] = target.call(self.name, "GetObject", Bucket=bucket, Key=key)["Body"].read()
            objects[key] = {"file": name, **_exported_about(observed, path)}
        if objects:
            body["objects"] = objects
        return Exported(body=body, files=files)


def _notification_problems(fixture: Fixture) -> Iterator[Problem]:
    """Events that there are not, and receivers that S3 does not send to."""
    for number, given in enumerate(fixture.body.get("notifications", ())):
        path = ("notifications", number)
        for place, event in enumerate(given.get("events", ())):
            if event in _EVENTS or "${" in event:
                continue
            names = tuple(getattr(service_model("s3").shape_for("Event"), "enum", ()))
            if event not in names:
                near = nearest(event, (*_EVENTS, *names))
                hint = f"did you mean {near}?" if near else "created, removed, or one of AWS's: s3:ObjectCreated:Put, …"
                yield fixture.problem((*path, "events", place), f"{event!r} is not an event ({hint})")
        for receiver in ("queue", "topic"):
            if given.get(receiver, "").endswith(".fifo"):
                yield fixture.problem((*path, receiver), f"S3 sends no notifications to a FIFO {receiver}")


def _overlap_problems(bucket: str, fixtures: Mapping[ResourceId, Fixture]) -> Iterator[Problem]:
    declared = list(_rules(bucket, fixtures))
    for later, earlier, event in overlaps([rule for _, _, rule in declared]):
        fixture, path, _ = declared[later]
        first_fixture, first_path, _ = declared[earlier]
        place = first_fixture.problem(first_path, "").place
        text = f"overlaps with the notification in {place.file}:{place.line}: both are about {event} of some keys"
        yield fixture.problem(path, f"{text} (AWS refuses that; narrow prefix or suffix)")


def _rules(bucket: str, fixtures: Mapping[ResourceId, Fixture]) -> Iterator[tuple[Fixture, ValuePath, Rule]]:
    """Every rule about a bucket's objects, with its place: of its own fixture, then of functions."""
    own = fixtures[ResourceId("s3", bucket)]
    for number, given in enumerate(own.body.get("notifications", ())):
        receiver = next(name for name in _RECEIVERS if name in given)
        yield own, ("notifications", number), rule_of(f"{receiver}/{given[receiver]}", given)
    for member, entries in own.body.get("aws", {}).get("NotificationConfiguration", {}).items():
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            yield own, ("aws", "NotificationConfiguration", member, number), aws_rule_of(entry)
    for resource, fixture in fixtures.items():
        for number, event in enumerate(fixture.body.get("events", ()) if resource.service == "lambda" else ()):
            if event.get("bucket") == bucket:
                yield fixture, ("events", number), rule_of(f"function/{resource.name}", event)


def _is_arn(text: str) -> bool:
    return text.startswith("arn:") or "${ref:" in text


def _reads(look: Look, field: str, member: str) -> bool:
    aws = look.body.get("aws", {})
    owned = member == "OwnershipControls" and "ObjectOwnership" in aws
    return look.all or field in look.body or field in look.applied or member in aws or owned


def _creates(member: str) -> bool:
    """Whether a parameter under `aws:` belongs to CreateBucket itself."""
    return all(part.member != member for part in PARTS)


def _ownership(creation: Mapping[str, Value], fields: Mapping[str, Value]) -> dict[str, Value]:
    """CreateBucket's ObjectOwnership as the setting it becomes, so that a change is seen and made."""
    if "ObjectOwnership" not in creation or "aws.OwnershipControls" in fields:
        return {}
    return {"aws.OwnershipControls": {"Rules": [{"ObjectOwnership": creation["ObjectOwnership"]}]}}


def _tags(target: Target, bucket: str) -> dict[str, str]:
    answer = target.find("s3", "GetBucketTagging", "NoSuchTagSet", Bucket=bucket) or {}
    return {tag["Key"]: tag.get("Value", "") for tag in answer.get("TagSet", ())}


def _put_tags(target: Target, bucket: str, tags: Mapping[str, str]) -> None:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    target.call("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": tag_set})


def _notifications(given: Sequence[Mapping[str, Value]], scope: Scope) -> Value:
    notifications: dict[str, list[Value]] = {}
    for notification in given:
        receiver = next(name for name in _RECEIVERS if name in notification)
        service, member, arn_key = _RECEIVERS[receiver]
        arn = notification[receiver]
        if not _is_arn(arn):
            arn = scope.resolve(ResourceId(service, arn), "arn")
        rules = [{"Name": key, "Value": notification[key]} for key in ("prefix", "suffix") if key in notification]
        events = [_EVENTS.get(event, event) for event in notification.get("events", ["created"])]
        filtered = {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}
        notifications.setdefault(member, []).append({arn_key: arn, "Events": sorted(events), **filtered})
    return _sorted_notifications(notifications)


def _sorted_notifications(value: Value) -> Value:
    """Rules and lists in one order, whatever ids emulators give."""
    if not isinstance(value, dict):
        return value
    return {
        member: sorted((_notification(entry) for entry in given), key=_without_id) if isinstance(given, list) else given
        for member, given in value.items()
    }


def _returned_notifications(value: Value, look: Look) -> Value:
    """As they are declared: with the ids that the fixture gives, and without those that the emulator makes."""
    notifications = _sorted_notifications(value)
    if not isinstance(notifications, dict) or look.all:
        return notifications
    declared = look.body.get("aws", {}).get("NotificationConfiguration", {}).values()
    given = {entry.get("Id") for entries in declared if isinstance(entries, list) for entry in entries}
    return {
        member: [
            entry if entry.get("Id") in given else {key: entry[key] for key in entry if key != "Id"}
            for entry in entries
        ]
        if isinstance(entries, list)
        else entries
        for member, entries in notifications.items()
    }


def _without_id(notification: Mapping[str, Value]) -> str:
    return digest({key: value for key, value in notification.items() if key != "Id"})


def _notification(notification: Mapping[str, Value]) -> Value:
    fields = {key: value for key, value in notification.items() if key != "Filter"}
    fields["Events"] = sorted(notification["Events"])
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    if rules:
        named = [{"Name": rule["Name"].lower(), "Value": rule["Value"]} for rule in rules]
        fields["Filter"] = {"Key": {"FilterRules": sorted(named, key=str)}}
    return fields


def _observed_objects(target: Target, observed: Observed) -> list[str]:
    paths = [path.removeprefix(PREFIX) for path in observed.fields if path.startswith(PREFIX) and not _is_about(path)]
    return paths or list(s3_objects.listed(target, observed.id.name))


def _is_about(path: str) -> bool:
    return path.rpartition("#")[2] in _ABOUT and "#" in path


def _key(path: str) -> str:
    """The object's key in a field's path."""
    key = path.removeprefix(PREFIX)
    return key.rpartition("#")[0] if _is_about(path) else key


def _exported_aws(observed: Observed) -> dict[str, Value]:
    by_hand = {"versioning", "policy"}
    values = {part.member: observed.fields.get(part.field) for part in PARTS if part.field not in by_hand}
    aws = {member: value for member, value in values.items() if value and not _is_default(member, value)}
    return {"aws": aws} if aws else {}


def _is_default(member: str, value: Value) -> bool:
    """What every bucket has without being asked."""
    return bool(value == _DEFAULTS.get(member))


_DEFAULTS: Mapping[str, Value] = {
    "ServerSideEncryptionConfiguration": {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]
    },
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
}


def _exported_about(observed: Observed, path: str) -> dict[str, Value]:
    about = {name: observed.fields.get(f"{path}#{name}") for name in ("contentType", "metadata", "tags")}
    headers = {name: observed.fields.get(f"{path}#{name}") for name in s3_objects.HEADERS}
    aws = {name: value for name, value in headers.items() if value and value != "STANDARD"}
    return {name: value for name, value in {**about, "aws": aws}.items() if value}


def _folders(keys: Iterable[str]) -> frozenset[str]:
    """What has to be a folder where keys are paths."""
    return frozenset(
        "/".join(parts[:end]) for parts in (key.split("/") for key in keys) for end in range(1, len(parts))
    )


def _file_name(bucket: str, key: str, folders: frozenset[str]) -> str:
    """A relative path that cannot leave the folder, and that no other key has."""
    parts = key.split("/")
    strange = any(part in {"", ".", "..", _STRANGE} or len(part.encode()) > _LONGEST for part in parts)
    plain = not strange and key not in folders and "\\" not in key and "\0" not in key
    return f"s3/{bucket}/{key}" if plain else f"s3/{bucket}/{_STRANGE}/{digest(key)}"
