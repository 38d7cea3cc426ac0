"""What the pages show of an emulator's data: all of it, a page at a time, and nothing of it is changed or received."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import UsageError
from bootstrap.model.observed import EmulatorObserved, TargetState
from bootstrap.model.stack import Driver
from bootstrap.ui.data import data_json, object_json, resource_json, rows_json
from bootstrap.ui.looks import Look
from fakes.bench import Bench
from fakes.pages import Pages
from fakes.setting import Setting

pytestmark = pytest.mark.e2e

HTML = "<script>alert(1)</script>"
SECRET = "planted-4711"
FIXTURES = """
    sqs:
      orders: {messages: ["first <script>alert(1)</script>", second]}
    dynamodb:
      users: {keys: {partition: id}, items: [{id: a, password: planted-4711, tags: [x, {deep: 1}]}]}
    s3:
      files: {objects: {"dir/readme.txt": {text: "read <script>alert(1)</script>"}}}
    secretsmanager:
      db: {string: planted-4711}
    sns:
      news: {}
"""


@pytest.fixture
def look(bench: Bench, tmp_path: Path) -> Look:
    """A look at a stack whose emulator has these fixtures."""
    bench.apply(FIXTURES)
    look = Pages(Setting(tmp_path)).looks.take()
    assert look.planning is not None
    assert look.session is not None
    observed = replace(
        look.planning.observed, emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=bench.endpoint)
    )
    session = replace(look.session, ports=replace(look.session.ports, seeds=bench.seeding()))
    return replace(look, session=session, planning=replace(look.planning, observed=observed))


def listed(look: Look, bench: Bench) -> dict[str, dict[str, Any]]:
    services = data_json(look, bench.cancel)["services"]
    return {resource["id"]: resource for service in services for resource in service["resources"]}


def test_every_resource_has_its_drift(look: Look, bench: Bench) -> None:
    bench.client("sns").create_topic(Name="other")
    bench.client("s3").put_object(Bucket="files", Key="dir/readme.txt", Body=b"changed")
    found = listed(look, bench)
    assert {name: resource["action"] for name, resource in found.items()} == {
        "dynamodb/users": "unchanged",
        "s3/files": "drifted",
        "secretsmanager/db": "unchanged",
        "sns/news": "unchanged",
        "sns/other": "undeclared",
        "sqs/orders": "unchanged",
    }
    assert [field["path"] for field in found["s3/files"]["differences"]] == ["objects/dir/readme.txt"]


def test_messages_are_seen_and_stay(look: Look, bench: Bench) -> None:
    rows = rows_json(look, "sqs/orders", "", bench.cancel)
    if bench.driver is Driver.MINISTACK:
        assert [row[1] for row in rows["rows"]] == [f"first {HTML}", "second"]
        assert {row[3] for row in rows_json(look, "sqs/orders", "", bench.cancel)["rows"]} == {"0"}
    else:
        assert rows["note"] == f"2 messages wait in it; {bench.driver} shows none without receiving it"
    url = bench.client("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    names = ["ApproximateReceiveCount"]
    received = bench.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=names)
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in received["Messages"]} == {"1"}


def test_secrets_are_masked_until_they_are_asked_for(look: Look, bench: Bench) -> None:
    hidden = resource_json(look, "secretsmanager/db", bench.cancel)
    assert {"path": "value", "value": "***"} in hidden["fields"]
    assert hidden["secret"]
    shown = resource_json(look, "secretsmanager/db", bench.cancel, reveal=True)
    assert {"path": "value", "value": SECRET} in shown["fields"]
    rows = rows_json(look, "dynamodb/users", "", bench.cancel)
    (row,) = (dict(zip(rows["columns"], cells, strict=True)) for cells in rows["rows"])
    assert row == {"id": "a", "password": "***", "tags": '["x", {"deep": "1"}]'}
    assert SECRET in str(rows_json(look, "dynamodb/users", "", bench.cancel, reveal=True))


def test_a_bucket_is_read_a_page_at_a_time(look: Look, bench: Bench) -> None:
    for number in range(60):
        bench.client("s3").put_object(Bucket="files", Key=f"many/{number:03}", Body=b"x" * 40_000)
    first = rows_json(look, "s3/files", "", bench.cancel)
    second = rows_json(look, "s3/files", first["more"], bench.cancel)
    assert (len(first["rows"]), len(second["rows"]), second["more"]) == (50, 11, "")
    assert first["rows"][0][:2] == ["dir/readme.txt", "30"]
    assert object_json(look, "files", "dir/readme.txt", bench.cancel) == {"text": f"read {HTML}", "bytes": 30}
    large = object_json(look, "files", "many/000", bench.cancel)
    assert (len(large["text"]), large["bytes"]) == (1 << 14, 40_000)


def test_what_is_not_there_is_said(look: Look, bench: Bench) -> None:
    for name in ("sqs/none", "sqs/", "none/x", "../../etc/passwd"):
        with pytest.raises(UsageError):
            resource_json(look, name, bench.cancel)
