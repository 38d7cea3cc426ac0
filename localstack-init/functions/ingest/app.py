"""Files of orders become items of a table and messages of a topic."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

import boto3


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take each message; those that fail are handed back, and only they come again."""
    failed = []
    for record in event["Records"]:
        try:
            for bucket, key in uploaded(json.loads(record["body"])):
                accept(read(bucket, key))
        except Exception as error:  # noqa: BLE001  # one bad file must not hold up the others of its batch
            print(f"message {record['messageId']}: {error}")  # noqa: T201  # a function's log is what it prints
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def uploaded(notification: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The objects that a notification of S3 tells of; its test message tells of none."""
    for record in notification.get("Records", []):
        yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])


def read(bucket: str, key: str) -> dict[str, Any]:
    """The order in a file; numbers exact."""
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    order: dict[str, Any] = json.loads(body, parse_float=Decimal)
    return order


def accept(order: dict[str, Any]) -> None:
    """Into the table first: whoever hears of an order can find it."""
    boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item=order)
    boto3.client("sns").publish(
        TopicArn=os.environ["TOPIC"],
        Message=json.dumps(order, default=str),
        MessageAttributes={"total": {"DataType": "Number", "StringValue": str(order["total"])}},
    )
