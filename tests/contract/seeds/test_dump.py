"""Everything in an emulator that keeps nothing, written down, lost, and made again: whoever had made it."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.emulators.registry import all_drivers
from bootstrap.model.stack import Driver
from bootstrap.seeds.dump import dump
from bootstrap.seeds.export import digests
from bootstrap.seeds.refill import refill
from bootstrap.seeds.services.registry import all_services
from bootstrap.system.work import Work
from fakes.bench import Bench, quiet

pytestmark = pytest.mark.e2e

SEEDS = """
    sqs:
      orders: {deadLetterQueue: {queue: failed}, messages: [{body: declared}]}
      failed: {}
    s3: {files: {objects: {a.txt: {text: hello, contentType: text/x-log}}, notifications: [{queue: failed}]}}
    sns: {news: {subscriptions: [{queue: orders}]}}
    dynamodb: {orders: {keys: {partition: id}, items: [{id: "1"}]}}
    secretsmanager: {db: {json: {password: {generate: {length: 20}}}}}
"""


def messages(bench: Bench, queue: str) -> list[Any]:
    """Body and attributes of each message, taken out."""
    client, taken = bench.client("sqs"), []
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    while batch := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"], AttributeNames=["All"]
    ).get("Messages"):
        for message in batch:
            taken.append(
                (
                    message["Body"],
                    message.get("MessageAttributes"),
                    message["Attributes"].get("MessageGroupId"),
                    message["Attributes"]["ApproximateReceiveCount"],
                )
            )
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return taken


def written_by_hand(bench: Bench) -> None:
    """What no fixture declares."""
    sqs = bench.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    attributes = {
        "kind": {"DataType": "String", "StringValue": "new"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    for number in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=f"by hand {number}", MessageAttributes=attributes)
    fifo = sqs.create_queue(
        QueueName="mine.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    for number in range(3):
        sqs.send_message(QueueUrl=fifo, MessageBody=str(number), MessageGroupId="one")
    bench.client("s3").create_bucket(Bucket="mine")
    bench.client("s3").put_object(Bucket="mine", Key="deep/raw", Body=bytes(range(256)), Metadata={"by": "hand"})
    bench.client("secretsmanager").create_secret(Name="raw", SecretBinary=b"\x00\xff\xfe")
    bench.client("dynamodb").put_item(
        TableName="orders", Item={"id": {"S": "2"}, "raw": {"B": b"\x00\xff"}, "count": {"N": "3"}}
    )


def test_everything_comes_back(bench: Bench, tmp_path: Path) -> None:
    driver = all_drivers()[Driver(bench.endpoint.driver)]
    bench.apply(SEEDS)
    # What the notification of the bucket itself brought is not waited for by anybody.
    bench.client("sqs").purge_queue(QueueUrl=bench.client("sqs").get_queue_url(QueueName="failed")["QueueUrl"])
    written_by_hand(bench)
    before, plan = digests(bench.endpoint, all_services(), bench.cancel), bench.differing()
    folder = tmp_path / "dump"
    work = Work(bench.cancel, quiet)
    dump(bench.endpoint, all_services(), folder, driver.messages, work)
    bench.empty()
    assert digests(bench.endpoint, all_services(), bench.cancel) == {}
    assert refill(bench.endpoint, bench.owner, all_services(), folder, work) == ()
    assert digests(bench.endpoint, all_services(), bench.cancel) == before
    assert bench.differing() == plan
    bodies = messages(bench, "orders")
    assert [body for body, *_ in bodies] == ["declared", *(f"by hand {number}" for number in range(12))]
    assert bodies[-1][1]["raw"] == {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    assert {count for *_, count in bodies} == {"1"}
    assert [(body, group) for body, _, group, _ in messages(bench, "mine.fifo")] == [(str(n), "one") for n in range(3)]
    assert messages(bench, "failed") == []
