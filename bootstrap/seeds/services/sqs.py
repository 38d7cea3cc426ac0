"""Amazon SQS."""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.errors import Problem
from bootstrap.model import labels
from bootstrap.seeds.model import Desired, Difference, Fixture, Need, Observed, ResourceId, Value, digest
from bootstrap.seeds.schema import POLICY, TAGS, Anything, Aws, Either, Flag, ListOf, MapOf, Record, Text, Whole
from bootstrap.seeds.services.base import Exported, Look, Scope, Service, Written, tag_changes, tag_fields
from bootstrap.seeds.services.limits import message_problems, tag_problems
from bootstrap.seeds.services.permissions import is_ours_alone
from bootstrap.seeds.services.policies import policy_text, policy_value
from bootstrap.seeds.target import Answer, AwsError, Target

INTERRUPTED = "interrupted"

_ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}(\.fifo)?|[A-Za-z0-9_-]{76,80}")
_BATCH = 10
_BATCH_BYTES = 1 << 20
_LONGEST_ID = 128
_SENDING = "sending"
_JSON = frozenset({"RedriveAllowPolicy"})
_BOUNDS = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
}
_CHOICES = {
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "ContentBasedDeduplication": ("true", "false"),
    "SqsManagedSseEnabled": ("true", "false"),
}
_REDRIVE = ("allowAll", "denyAll", "byQueue")
_REDRIVE_SOURCES = 10
_INSTEAD = {
    "Policy": "write policy",
    "RedrivePolicy": "write deadLetterQueue",
    "FifoQueue": "write fifo: true",
    "All": "it names all attributes",
    **dict.fromkeys(
        (
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
            "CreatedTimestamp",
            "LastModifiedTimestamp",
            "QueueArn",
        ),
        "AWS sets it",
    ),
}
_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "KmsDataKeyReusePeriodSeconds": "300",
    "SqsManagedSseEnabled": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}

MESSAGE = Either(
    (
        Text(),
        Record(
            keys={
                "body": Text(),
                "json": Anything(),
                "attributes": MapOf(Text()),
                "group": Text(),
                "deduplication": Text(),
                "delay": Whole(most=900),
            },
            one_of=("body", "json"),
            needs_one=True,
        ),
    )
)


class Sqs(Service):
    """Queues, standard and FIFO, and messages that are sent once per content."""

    name = "sqs"
    schema = Record(
        keys={
            "fifo": Flag(),
            "deadLetterQueue": Record(
                keys={"queue": Text(), "maxReceiveCount": Whole(least=1, most=1000)}, required=("queue",)
            ),
            "policy": POLICY,
            "tags": TAGS,
            "messages": ListOf(MESSAGE),
            "aws": Aws(
                service="sqs",
                operations=("CreateQueue",),
                instead={"QueueName": "it is the fixture's key", "tags": "write tags"},
            ),
        }
    )
    attributes = ("name", "arn", "url")

    def check(self, fixture: Fixture) -> Iterator[Problem]:
        """Names, FIFO rules, attributes that have a place of their own, and their bounds."""
        name, body = fixture.id.name, fixture.body
        if not _NAME.fullmatch(name):
            yield fixture.problem((), f"{name!r} is not a queue name (letters, digits, - and _; at most 80)")
        if body.get("fifo") is not None and body["fifo"] != name.endswith(".fifo"):
            text = "a FIFO queue's name ends in .fifo" if body["fifo"] else "a queue named .fifo is a FIFO queue"
            yield fixture.problem(("fifo",), text)
        yield from _dead_letter_problems(fixture)
        yield from (fixture.problem(path, text) for path, text in tag_problems(body.get("tags", {})))
        for attribute, wrong in _attribute_problems(body.get("aws", {}).get("Attributes", {}), name):
            yield fixture.problem(("aws", "Attributes", attribute), wrong)
        for number, message in enumerate(body.get("messages", ())):
            for path, text in message_problems(message, _size(message), fifo=name.endswith(".fifo")):
                yield fixture.problem(("messages", number, *path), text)
            if name.endswith(".fifo") and (not isinstance(message, dict) or "group" not in message):
                text = "a message of a FIFO queue needs a group (write {body: …, group: …})"
                yield fixture.problem(("messages", number), text)

    def needs(self, fixture: Fixture) -> Iterable[Need]:
        """The dead-letter queue."""
        dead = fixture.body.get("deadLetterQueue")
        if dead:
            yield Need(target=ResourceId("sqs", dead["queue"]), attribute="arn", path=("deadLetterQueue", "queue"))

    def predict(self, name: str, target: Target) -> Mapping[str, str]:
        """Name and ARN."""
        return {"name": name, "arn": f"arn:aws:sqs:{target.region}:{target.account}:{name}"}

    def names(self, target: Target) -> Iterable[str]:
        """All queues."""
        return queue_urls(target)

    def observe(self, target: Target, looks: Sequence[Look]) -> Mapping[str, Observed]:
        """One listing, and two reads for each queue."""
        urls = queue_urls(target)
        results = target.each(
            lambda look: _observed(target, look.name, urls[look.name]), [look for look in looks if look.name in urls]
        )
        return {observed.id.name: observed for observed in results if observed is not None}

    def desire(self, fixture: Fixture, body: Mapping[str, Value], scope: Scope) -> Desired:
        """Fields: fifo, policy, deadLetterQueue, attributes.*, tags.*, messages."""
        given = body.get("aws", {}).get("Attributes", {})
        fields: dict[str, Value] = {
            "fifo": fixture.id.name.endswith(".fifo"),
            **{f"attributes.{name}": _normal(name, value) for name, value in given.items()},
            **tag_fields(body.get("tags", {})),
        }
        if "policy" in body:
            fields["policy"] = policy_value(body["policy"])
        if dead := body.get("deadLetterQueue"):
            arn = scope.resolve(ResourceId("sqs", dead["queue"]), "arn")
            fields["deadLetterQueue"] = {"arn": arn, "maxReceiveCount": dead.get("maxReceiveCount", 3)}
        messages = body.get("messages", [])
        fields["messages"] = digest(messages) if messages else None
        fields["messages.sent"] = [digest(message) for message in messages] or None
        return Desired(
            id=fixture.id,
            fields=fields,
            spec=messages,
            fixed=frozenset({"fifo"}),
            ledger=frozenset({"messages.sent"}),
            verbatim=frozenset(path for path in fields if path.startswith("attributes.")),
        )

    def create(self, target: Target, desired: Desired) -> Written:
        """One call; then the messages."""
        fields = desired.fields
        tags = {path.removeprefix("tags."): value for path, value in fields.items() if path.startswith("tags.")}
        sending = {labels.MESSAGES: _SENDING} if desired.spec else {}
        attributes = _sent({path: value for path, value in fields.items() if value is not None})
        if fields["fifo"]:
            attributes["FifoQueue"] = "true"
        response = target.call(
            "sqs",
            "CreateQueue",
            QueueName=desired.id.name,
            tags=target.tagged({**tags, **sending}),
            **({"Attributes": attributes} if attributes else {}),
        )
        url = response["QueueUrl"]
        if desired.spec:
            _send(target, url, desired.spec, fields["messages"])
        return Written(attributes={"url": url})

    def update(
        self, target: Target, desired: Desired, observed: Observed, differences: Sequence[Difference]
    ) -> Written:
        """One call for all attributes, others as needed."""
        url = observed.attributes["url"]
        changed = {difference.path: difference.new for difference in differences}
        attributes = _sent(changed)
        if attributes:
            if desired.fields.get("policy") is not None:
                # moto forgets the policy when other attributes are set without it.
                attributes["Policy"] = policy_text(desired.fields["policy"])
            target.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes=attributes)
        added, removed = tag_changes(differences)
        if added:
            target.call("sqs", "TagQueue", QueueUrl=url, Tags=added)
        if removed:
            target.call("sqs", "UntagQueue", QueueUrl=url, TagKeys=removed)
        if "messages" in changed:
            _bring_messages(target, url, desired, differences)
        return Written(attributes={"url": url})

    def delete(self, target: Target, observed: Observed) -> None:
        """With its messages."""
        target.find("sqs", "DeleteQueue", *_ABSENT, QueueUrl=observed.attributes["url"])

    def volatile(self, desired: Desired, observed: Observed) -> Iterable[str]:
        """The messages: sent again, or, if none is declared, thrown away."""
        return ("messages",) if desired.spec or observed.spec != "0" else ()

    def export(self, target: Target, observed: Observed) -> Exported:  # noqa: ARG002 - all is in what was observed
        """What differs from AWS's defaults."""
        fields = observed.fields
        attributes = {
            name: policy_text(value) if name in _JSON else value
            for path, value in fields.items()
            if (name := path.removeprefix("attributes.")) != path and value != _DEFAULTS.get(name)
        }
        dead = fields.get("deadLetterQueue")
        body: dict[str, Value] = {
            "deadLetterQueue": dead
            and {"queue": dead["arn"].rpartition(":")[2], "maxReceiveCount": dead["maxReceiveCount"]},
            "policy": None if is_ours_alone(fields.get("policy")) else fields.get("policy"),
            "tags": {key: text for key, text in observed.tags.items() if key not in {labels.OWNER, labels.MESSAGES}},
            "aws": {"Attributes": attributes} if attributes else None,
        }
        note = f"{observed.spec} messages are not exported"
        return Exported(
            body={key: value for key, value in body.items() if value}, notes=() if observed.spec == "0" else (note,)
        )


def queue_urls(target: Target) -> dict[str, str]:
    """Every queue's URL, by name."""
    pages = target.pages("sqs", "ListQueues", PaginationConfig={"PageSize": 1000})
    return {url.rpartition("/")[2]: url for page in pages for url in page.get("QueueUrls", ())}


def _size(message: Value) -> int:
    """Bytes of a message with its attributes."""
    entry = _entry(0, message)
    attributes = entry.get("MessageAttributes", {})
    texts = [part for name, given in attributes.items() for part in (name, *given.values())]
    return sum(len(text.encode()) for text in (entry["MessageBody"], *texts))


def _dead_letter_problems(fixture: Fixture) -> Iterator[Problem]:
    dead = fixture.body.get("deadLetterQueue")
    if not dead:
        return
    if dead["queue"] == fixture.id.name:
        yield fixture.problem(("deadLetterQueue", "queue"), "a queue cannot be its own dead-letter queue")
    elif dead["queue"].endswith(".fifo") != fixture.id.name.endswith(".fifo"):
        yield fixture.problem(
            ("deadLetterQueue", "queue"),
            "the dead-letter queue of a FIFO queue is FIFO, and of a standard one standard",
        )


def _attribute_problems(attributes: Mapping[str, str], queue: str) -> Iterator[tuple[str, str]]:
    for attribute, value in attributes.items():
        if wrong := _wrong_attribute(attribute, value, fifo=queue.endswith(".fifo")):
            yield attribute, wrong
    yield from _contradictions(attributes)


def _contradictions(attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """SetQueueAttributes (SQS API reference): attributes that do not go together, and who may redrive."""
    by_group = attributes.get("FifoThroughputLimit") == "perMessageGroupId"
    if by_group and attributes.get("DeduplicationScope") != "messageGroup":
        yield "FifoThroughputLimit", "perMessageGroupId needs DeduplicationScope: messageGroup"
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        yield "SqsManagedSseEnabled", "cannot be given together with KmsMasterKeyId"
    allowed = policy_value(attributes.get("RedriveAllowPolicy"))
    if not isinstance(allowed, dict):
        return
    permission, sources = allowed.get("redrivePermission"), allowed.get("sourceQueueArns")
    if permission not in _REDRIVE:
        yield "RedriveAllowPolicy", f"redrivePermission is one of: {', '.join(_REDRIVE)}"
    if sources is not None and permission != "byQueue":
        yield "RedriveAllowPolicy", "sourceQueueArns is for redrivePermission: byQueue"
    if permission == "byQueue" and not 0 < len(sources or ()) <= _REDRIVE_SOURCES:
        yield "RedriveAllowPolicy", f"byQueue needs 1 to {_REDRIVE_SOURCES} sourceQueueArns"


def _wrong_attribute(name: str, value: str, *, fifo: bool) -> str | None:
    if name in _INSTEAD:
        return f"is not given here ({_INSTEAD[name]})"
    if name in _CHOICES and value not in _CHOICES[name] and "${" not in value:
        return f"{value!r} is not allowed (one of: {', '.join(_CHOICES[name])})"
    if name in {"ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"} and not fifo:
        return "is for FIFO queues only"
    if name in _BOUNDS and "${" not in value:
        least, most = _BOUNDS[name]
        if not value.isdigit() or not least <= int(value) <= most:
            return f"must be between {least} and {most}, not {value!r}"
    if name in _JSON and isinstance(policy_value(value), str):
        return "is not JSON"
    return None


def _observed(target: Target, name: str, url: str) -> Observed | None:
    answer = target.find("sqs", "GetQueueAttributes", *_ABSENT, QueueUrl=url, AttributeNames=["All"])
    if answer is None:
        return None
    tags: dict[str, str] = target.call("sqs", "ListQueueTags", QueueUrl=url).get("Tags", {})
    attributes: dict[str, str] = answer.get("Attributes", {})
    fields: dict[str, Value] = {
        f"attributes.{key}": _normal(key, value) for key, value in attributes.items() if key not in _INSTEAD
    }
    sent = tags.get(labels.MESSAGES)
    fields |= {
        "fifo": attributes.get("FifoQueue") == "true",
        "policy": policy_value(attributes.get("Policy")),
        "deadLetterQueue": _dead_letter(attributes.get("RedrivePolicy")),
        "messages": INTERRUPTED if sent == _SENDING else sent,
        **tag_fields(tags),
    }
    return Observed(
        id=ResourceId("sqs", name),
        fields=fields,
        attributes={"name": name, "url": url, "arn": attributes.get("QueueArn", "")},
        tags=tags,
        spec=attributes.get("ApproximateNumberOfMessages", "0"),
    )


def _dead_letter(text: str | None) -> Value:
    policy = policy_value(text)
    if not isinstance(policy, dict) or "deadLetterTargetArn" not in policy:
        return None
    return {"arn": policy["deadLetterTargetArn"], "maxReceiveCount": int(policy.get("maxReceiveCount", 0))}


def _normal(name: str, value: str) -> Value:
    if name in _JSON:
        return policy_value(value)
    lowered = value.lower()
    return lowered if lowered in {"true", "false"} else value or None


def _sent(fields: Mapping[str, Value]) -> dict[str, str]:
    """Attributes as AWS takes them; what is no longer declared goes back to AWS's default."""
    sent = {}
    for path, value in fields.items():
        name = path.removeprefix("attributes.")
        if name != path:
            sent[name] = _DEFAULTS.get(name, "") if value is None else policy_text(value)
    if "policy" in fields:
        sent["Policy"] = policy_text(fields["policy"]) if fields["policy"] else ""
    if "deadLetterQueue" in fields:
        dead = fields["deadLetterQueue"]
        redrive = dead and {"deadLetterTargetArn": dead["arn"], "maxReceiveCount": dead["maxReceiveCount"]}
        sent["RedrivePolicy"] = json.dumps(redrive) if redrive else ""
    return sent


def _bring_messages(target: Target, url: str, desired: Desired, differences: Sequence[Difference]) -> None:
    """Send what was not sent yet; after an interruption, and on refresh, empty the queue and send everything."""
    by_path = {difference.path: difference for difference in differences}
    change = by_path["messages"]
    if change.old in (INTERRUPTED, change.new):
        target.call("sqs", "PurgeQueue", QueueUrl=url)
        sent = []
    else:
        remembered = by_path.get("messages.sent")
        sent = list(remembered.old or ()) if remembered else []
    fresh = [message for message in desired.spec if digest(message) not in sent]
    if desired.spec:
        target.call("sqs", "TagQueue", QueueUrl=url, Tags={labels.MESSAGES: _SENDING})
        _send(target, url, fresh, desired.fields["messages"], again=not sent)
    elif change.old is not None:
        target.call("sqs", "UntagQueue", QueueUrl=url, TagKeys=[labels.MESSAGES])


def _send(target: Target, url: str, messages: Sequence[Value], content: str, *, again: bool = False) -> None:
    """Send them; `again`: some may have been sent before, to this queue as it was before it was purged."""
    entries = [_entry(number, message) for number, message in enumerate(messages)]
    if url.endswith(".fifo"):
        for entry, message in zip(entries, messages, strict=True):
            entry |= {"MessageGroupId": message["group"], "MessageDeduplicationId": _deduplication(message, again)}
    for batch in _batches(entries, messages):
        _refuse_failed(target.call("sqs", "SendMessageBatch", QueueUrl=url, Entries=batch))
    target.call("sqs", "TagQueue", QueueUrl=url, Tags={labels.MESSAGES: content})


def _batches(entries: Sequence[dict[str, Any]], messages: Sequence[Value]) -> Iterator[list[dict[str, Any]]]:
    """As many at once as AWS takes: ten, and together no more bytes than one message may have."""
    batch: list[dict[str, Any]] = []
    size = 0
    for entry, message in zip(entries, messages, strict=True):
        more = _size(message)
        if batch and (len(batch) == _BATCH or size + more > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch


def _refuse_failed(answer: Answer) -> None:
    for failed in answer.get("Failed", ()):
        raise AwsError("SendMessageBatch", failed.get("Code", ""), failed.get("Message", "a message was not accepted"))


def _deduplication(message: Mapping[str, Value], again: bool) -> str:  # noqa: FBT001 - as `_send` says
    """Unless it is the first time, an id of its own: within five minutes a known one would be taken for a duplicate."""
    token = uuid.uuid4().hex
    if "deduplication" not in message:
        return token
    given = str(message["deduplication"])
    return f"{given[: _LONGEST_ID - len(token) - 1]}-{token}" if again else given


def _entry(number: int, message: Value) -> dict[str, Any]:
    given: Mapping[str, Any] = {"body": message} if isinstance(message, str) else message
    body = given["body"] if "body" in given else json.dumps(given["json"], ensure_ascii=False)
    entry: dict[str, Any] = {"Id": str(number % _BATCH), "MessageBody": body}
    if "delay" in given:
        entry["DelaySeconds"] = given["delay"]
    if "attributes" in given:
        entry["MessageAttributes"] = {
            key: {"DataType": "String", "StringValue": text} for key, text in given["attributes"].items()
        }
    return entry
