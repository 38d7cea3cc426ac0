"""The data set that the stacks ship, and an order's whole way through it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.wait import wait_until
from fakes.bench import AS_PROCESS, Bench, running

pytestmark = pytest.mark.e2e

T = TypeVar("T")
SHIPPED = Path(__file__).parents[3] / "localstack-init"


@pytest.fixture(scope="module", params=AS_PROCESS, ids=str)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver(request.param), tmp_path_factory.mktemp(str(request.param))) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    shutil.copytree(SHIPPED, new_bench.fixtures)
    return new_bench


def eventually(probe: Callable[[], T | None], what: str) -> T:
    return wait_until(probe, CancelToken(SystemClock()).within(30, what), interval=0.1)


def received(bench: Bench, queue: str) -> list[dict[str, object]]:
    sqs = bench.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(message["Body"]) for message in answer.get("Messages", ())]


def test_it_applies_and_settles(bench: Bench) -> None:
    bench.apply()
    bench.settled()
    secrets = bench.client("secretsmanager")
    grafana = json.loads(secrets.get_secret_value(SecretId="platform/grafana")["SecretString"])
    assert (grafana["user"], len(grafana["password"])) == ("admin", 20)
    assert len(secrets.get_secret_value(SecretId="platform/api-key")["SecretString"]) == 40
    answer = bench.client("dynamodb").query(
        TableName="orders",
        IndexName="by-customer",
        KeyConditionExpression="customer = :who",
        ExpressionAttributeValues={":who": {"S": "ada"}},
    )
    assert answer["Count"] == 10


def test_an_order_goes_all_the_way(bench: Bench) -> None:
    if "lambda-invoke" not in bench.endpoint.capabilities:
        pytest.skip(f"{bench.driver} does not run functions")
    bench.apply()
    for name, total in (("small", 12.5), ("large", 1200)):
        order = {"id": name, "customer": "ada", "placed": "2026-05-01T10:00:00Z", "total": total}
        bench.client("s3").put_object(
            Bucket="platform-artefacts", Key=f"orders/{name} order.json", Body=json.dumps(order).encode()
        )

    def item(name: str) -> object:
        return bench.client("dynamodb").get_item(TableName="orders", Key={"id": {"S": name}}).get("Item")

    eventually(lambda: item("small"), "the small order in the table")
    eventually(lambda: item("large"), "the large order in the table")
    assert bench.client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "small"}})["Item"]["total"] == {
        "N": "12.5"
    }
    both = eventually(
        lambda: messages if len(messages := received(bench, "orders")) == 2 else None, "both orders in queue orders"
    )
    assert {message["id"] for message in both} == {"small", "large"}
    assert [message["id"] for message in received(bench, "large-orders")] == ["large"]


def test_refresh_takes_foreign_orders_away_and_keeps_the_secrets(bench: Bench) -> None:
    bench.apply()
    secrets = bench.client("secretsmanager")
    before = secrets.get_secret_value(SecretId="platform/database")["SecretString"]
    bench.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "foreign"}})
    bench.client("dynamodb").delete_item(TableName="orders", Key={"id": {"S": "2026-0001"}})
    bench.client("s3").put_object(Bucket="platform-artefacts", Key="foreign.txt", Body=b"x")
    bench.refresh()
    table = bench.client("dynamodb").scan(TableName="orders", Select="COUNT")
    assert table["Count"] == 60
    assert bench.client("dynamodb").get_item(TableName="orders", Key={"id": {"S": "2026-0001"}})["Item"]
    keys = [content["Key"] for content in bench.client("s3").list_objects_v2(Bucket="platform-artefacts")["Contents"]]
    assert keys == ["README.txt", "catalogue/prices.json", "schemas/order.json"]
    assert secrets.get_secret_value(SecretId="platform/database")["SecretString"] == before
    bench.settled()
