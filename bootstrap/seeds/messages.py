"""The messages in a queue: read without taking them out, and sent again."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bootstrap.seeds.target import Answer, AwsError, Target

Message = dict[str, Any]
"""What SendMessageBatch takes, as JSON: bytes are base64 text."""

_HIDDEN_SECONDS = 60
"""Of a message that was read where no route shows it in its place: it is let go at once; after a kill by itself."""
_BATCH = 10
_SEVERAL_BYTES = 200_000
_VALUES = ("StringValue", "DataType")
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def read_messages(target: Target, url: str, route: str) -> tuple[list[Message], int]:
    """Every message in its order, and how many more there are that cannot be read.

    `route`: the emulator's own that shows all of them; without one they are received, and let go again.
    """
    about = target.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    count = sum(int(about.get(name, 0)) for name in _COUNTS)
    if not count:
        return [], 0
    shown = _shown(target, url, route) if route else _received(target, url, about.get("RedrivePolicy", ""))
    return [_kept(message) for message in shown], max(count - len(shown), 0)


def send_messages(target: Target, url: str, messages: Sequence[Message]) -> None:
    """Send them in their order; what is in the queue goes: what was made again may have sent events to it."""
    about = target.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    if any(int(about.get(name, 0)) for name in _COUNTS):
        target.call("sqs", "PurgeQueue", QueueUrl=url)
    for batch in _batches(messages):
        entries = [_entry(number, message, fifo=url.endswith(".fifo")) for number, message in enumerate(batch)]
        for failed in target.call("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries).get("Failed", ()):
            raise AwsError("SendMessageBatch", failed.get("Code", ""), failed.get("Message", "it was not accepted"))


def _shown(target: Target, url: str, route: str) -> list[Answer]:
    return list(target.look_at(route, "sqs", "ReceiveMessage", QueueUrl=url).get("Messages", ()))


def _received(target: Target, url: str, redrive: str) -> list[Answer]:
    """Received until none is left, and let go again; meanwhile none goes to the dead-letter queue for it."""
    messages: dict[str, Answer] = {}
    if redrive:
        target.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": ""})
    try:
        while batch := _receive(target, url):
            fresh = {message["MessageId"]: message for message in batch if message["MessageId"] not in messages}
            messages |= fresh
            if not fresh:
                break
    finally:
        for message in messages.values():
            handle = message["ReceiptHandle"]
            target.call("sqs", "ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        if redrive:
            target.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    return list(messages.values())


def _receive(target: Target, url: str) -> Sequence[Answer]:
    response = target.call(
        "sqs",
        "ReceiveMessage",
        QueueUrl=url,
        MaxNumberOfMessages=_BATCH,
        VisibilityTimeout=_HIDDEN_SECONDS,
        WaitTimeSeconds=0,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return tuple(response.get("Messages", ()))


def _kept(message: Answer) -> Message:
    attributes: Mapping[str, str] = message.get("Attributes", {})
    given = {name: _as_json(value) for name, value in message.get("MessageAttributes", {}).items()}
    kept: Message = {"MessageBody": message.get("Body", "")}
    if given:
        kept["MessageAttributes"] = given
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if attributes.get(name):
            kept[name] = attributes[name]
    return kept


def _as_json(value: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: value[name] for name in _VALUES if value.get(name)}
    binary = value.get("BinaryValue")
    return texts | ({"BinaryValue": base64.b64encode(binary).decode()} if binary else {})


def _entry(number: int, message: Message, *, fifo: bool) -> dict[str, Any]:
    attributes = {
        name: {**value, **({"BinaryValue": base64.b64decode(value["BinaryValue"])} if "BinaryValue" in value else {})}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    # A FIFO queue takes no delay of a message's own; any other one would use the queue's.
    entry = {**message, "Id": str(number), **({} if fifo else {"DelaySeconds": 0})}
    return entry | ({"MessageAttributes": attributes} if attributes else {})


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """As many at once as AWS takes: ten, and together no more bytes than one message may have."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        more = len(str(message).encode())
        if batch and (len(batch) == _BATCH or size + more > _SEVERAL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += more
    if batch:
        yield batch
