"""Tests of the application against a platform of their own: pytest -n 4."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).parents[1] / "shop.py"


@pytest.fixture(scope="session")
def shop(stack: Any) -> Iterator[str]:
    """The application in a process of its own: it has the platform's environment, as this one does."""
    with subprocess.Popen((sys.executable, str(SHOP)), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        yield f"http://127.0.0.1:{run.stdout.readline().strip()}"
        run.terminate()


def ids(stack: Any) -> list[str]:
    """The orders in the table."""
    items = stack.boto3_client("dynamodb").scan(TableName="orders")["Items"]
    return sorted(item["id"]["S"] for item in items)


@pytest.mark.parametrize("order", ["2", "3", "4", "5"])
def test_an_order_is_kept_and_told(stack: Any, seeds: Any, shop: str, order: str) -> None:
    assert ids(stack) == ["1"]
    body = json.dumps({"id": order, "product": "coffee"}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{shop}/orders", data=body)) as answer:
        assert json.load(answer) == {"id": order}
    assert ids(stack) == ["1", order]
    queues = stack.boto3_client("sqs")
    queue = queues.get_queue_url(QueueName="orders")["QueueUrl"]
    messages = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"])["id"] for message in messages] == [order]


def test_a_deleted_order_is_back_in_the_next_test(stack: Any, seeds: Any) -> None:
    stack.boto3_client("dynamodb").delete_item(TableName="orders", Key={"id": {"S": "1"}})
    stack.boto3_client("sqs").create_queue(QueueName="made-by-a-test")
    assert ids(stack) == []


def test_data_are_as_declared(stack: Any, seeds: Any) -> None:
    assert ids(stack) == ["1"]
    assert [url.rpartition("/")[2] for url in stack.boto3_client("sqs").list_queues()["QueueUrls"]] == ["orders"]


@pytest.mark.seeds("../more.yaml")
def test_more_data_for_one_test(stack: Any, seeds: Any) -> None:
    assert sorted(stack.boto3_client("dynamodb").list_tables()["TableNames"]) == ["customers", "orders"]


def test_the_cluster_is_there(stack: Any) -> None:
    assert "default" in stack.kubectl("get", "namespaces", "-o", "name")
