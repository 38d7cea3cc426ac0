"""Tables and items as fixtures declare them, read back through plain boto3."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bootstrap.errors import InvalidError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.system.work import Work
from fakes.bench import Bench, quiet

pytestmark = pytest.mark.e2e


def table(bench: Bench, name: str = "orders") -> dict[str, Any]:
    return dict(bench.client("dynamodb").describe_table(TableName=name)["Table"])


def items(bench: Bench, name: str = "orders") -> dict[str, Any]:
    scanned = bench.client("dynamodb").scan(TableName=name)["Items"]
    return {item["id"]["S"]: item for item in scanned}


EVERYTHING = """
dynamodb:
  orders:
    keys: {partition: customer, sort: {name: number, type: N}}
    globalIndexes:
      byStatus: {keys: {partition: status, sort: {name: number, type: N}}, projection: [total]}
    localIndexes:
      byDate: {sort: date, projection: KEYS_ONLY}
    stream: NEW_AND_OLD_IMAGES
    ttl: expires
    deletionProtection: true
    tags: {team: sales}
    policy: {Version: "2012-10-17", Statement: []}
    aws: {SSESpecification: {Enabled: true, SSEType: KMS}, TableClass: STANDARD_INFREQUENT_ACCESS}
  provisioned:
    keys: {partition: id}
    billing: PROVISIONED
    capacity: {read: 5, write: 6}
    globalIndexes: {byName: {keys: {partition: name}, capacity: {read: 1, write: 2}}}
  verbatim:
    aws:
      AttributeDefinitions: [{AttributeName: Artist, AttributeType: S}]
      KeySchema: [{AttributeName: Artist, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 1}
"""


def test_every_setting_reads_back(bench: Bench) -> None:
    bench.apply(EVERYTHING)
    client = bench.client("dynamodb")
    described = table(bench)
    assert described["KeySchema"] == [
        {"AttributeName": "customer", "KeyType": "HASH"},
        {"AttributeName": "number", "KeyType": "RANGE"},
    ]
    types = {
        attribute_definition["AttributeName"]: attribute_definition["AttributeType"]
        for attribute_definition in described["AttributeDefinitions"]
    }
    assert types == {"customer": "S", "number": "N", "status": "S", "date": "S"}
    (index,) = described["GlobalSecondaryIndexes"]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["total"]}
    (local,) = described["LocalSecondaryIndexes"]
    assert (local["IndexName"], local["Projection"]["ProjectionType"]) == ("byDate", "KEYS_ONLY")
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert described["DeletionProtectionEnabled"] is True
    assert described["SSEDescription"]["SSEType"] == "KMS"
    if bench.driver is Driver.MINISTACK:  # moto takes the class and does not tell it again
        assert described["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    lifetime = client.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    assert lifetime == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    tags = client.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "sales", "bootstrap.dev/owner": bench.owner}
    policy = client.get_resource_policy(ResourceArn=described["TableArn"])["Policy"]
    assert json.loads(policy) == {"Version": "2012-10-17", "Statement": []}
    capacity = table(bench, "provisioned")["ProvisionedThroughput"]
    assert (capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]) == (5, 6)
    assert table(bench, "verbatim")["KeySchema"] == [{"AttributeName": "Artist", "KeyType": "HASH"}]
    bench.settled()


def test_items_read_back_exactly(bench: Bench) -> None:
    bench.fixtures.mkdir()
    (bench.fixtures / "a.jsonl").write_text('{"id": "l1", "n": 0.10}\n\n{"id": "l2", "set": {"$set": [3, 1.0]}}\n')
    (bench.fixtures / "a.json").write_text('[{"id": "j1"},\n {"id": "j2", "deep": {"list": [1, null, false]}}]')
    (bench.fixtures / "a.csv").write_text("id,n,on,tags,note\nc1,2.50,true,a|b,\nc2,,,,x\n")
    (bench.fixtures / "typed.jsonl").write_text('{"id": {"S": "t1"}, "bin": {"B": "AAE="}}\n')
    bench.apply(
        """
        dynamodb:
          orders:
            keys: {partition: id}
            items:
              - {id: i1, big: 12345678901234567890.123456789012345678, small: 1.10, none: ~, "yes": true}
              - {id: i2, raw: !!binary AAEC, names: {$set: [b, a]}, blobs: {$set: [{$binary: AAE=}]}, empty: ""}
            itemFiles:
              - a.jsonl
              - a.json
              - {file: a.csv, types: {n: N, "on": BOOL, tags: SS}}
              - {file: typed.jsonl, format: dynamodb}
        """
    )
    shown = items(bench)
    assert set(shown) == {"i1", "i2", "l1", "l2", "j1", "j2", "c1", "c2", "t1"}
    assert shown["i1"]["big"] == {"N": "12345678901234567890.123456789012345678"}
    assert shown["i1"]["small"] == {"N": "1.1"}
    assert (shown["i1"]["none"], shown["i1"]["yes"]) == ({"NULL": True}, {"BOOL": True})
    assert shown["i2"]["raw"] == {"B": bytes([0, 1, 2])}
    assert (sorted(shown["i2"]["names"]["SS"]), shown["i2"]["empty"]) == (["a", "b"], {"S": ""})
    assert shown["i2"]["blobs"] == {"BS": [bytes([0, 1])]}
    assert (shown["l1"]["n"], sorted(shown["l2"]["set"]["NS"])) == ({"N": "0.1"}, ["1", "3"])
    assert shown["j2"]["deep"] == {"M": {"list": {"L": [{"N": "1"}, {"NULL": True}, {"BOOL": False}]}}}
    assert (shown["c1"]["n"], shown["c1"]["on"], sorted(shown["c1"]["tags"]["SS"])) == (
        {"N": "2.5"},
        {"BOOL": True},
        ["a", "b"],
    )
    assert shown["c2"] == {"id": {"S": "c2"}, "note": {"S": "x"}}
    assert shown["t1"]["bin"] == {"B": bytes([0, 1])}
    bench.settled()


def test_what_somebody_changed_is_shown_and_repaired(bench: Bench) -> None:
    bench.apply(
        """
        dynamodb:
          orders:
            keys: {partition: id}
            ttl: expires
            tags: {team: sales}
            items: [{id: a, n: 1}, {id: b, n: 2}, {id: c, n: 3}]
        """
    )
    client = bench.client("dynamodb")
    client.delete_item(TableName="orders", Key={"id": {"S": "a"}})
    client.put_item(TableName="orders", Item={"id": {"S": "b"}, "n": {"N": "9"}, "more": {"S": "x"}})
    client.put_item(TableName="orders", Item={"id": {"S": "z"}})
    arn = table(bench)["TableArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "other"}])
    client.update_table(TableName="orders", DeletionProtectionEnabled=True)
    off = {"Enabled": False, "AttributeName": "expires"}
    client.update_time_to_live(TableName="orders", TimeToLiveSpecification=off)
    assert bench.differing() == {
        "dynamodb/orders: ttl": "drifted",
        "dynamodb/orders: tags.team": "drifted",
        "dynamodb/orders: items/a": "drifted",
        "dynamodb/orders: items/b.n": "drifted",
        "dynamodb/orders: items/b.more": "drifted",
        "dynamodb/orders: items/z": "extra",
    }
    bench.refresh()
    assert set(items(bench)) == {"a", "b", "c"}
    assert items(bench)["b"] == {"id": {"S": "b"}, "n": {"N": "2"}}
    bench.settled()


def test_apply_repairs_items_and_leaves_those_of_the_application(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a}, {id: b}]}}")
    client = bench.client("dynamodb")
    client.put_item(TableName="orders", Item={"id": {"S": "theirs"}})
    client.delete_item(TableName="orders", Key={"id": {"S": "a"}})
    bench.apply()
    assert set(items(bench)) == {"a", "b", "theirs"}


def test_indexes_and_capacity_change_in_place(bench: Bench) -> None:
    bench.apply(
        """
        dynamodb:
          orders:
            keys: {partition: id}
            items: [{id: a}]
            globalIndexes: {idx1: {keys: {partition: x}}, idx2: {keys: {partition: y}}}
        """
    )
    bench.apply(
        """
        dynamodb:
          orders:
            keys: {partition: id}
            capacity: {read: 3, write: 3}
            items: [{id: a}]
            globalIndexes: {idx2: {keys: {partition: z}}, idx3: {keys: {partition: w}}}
        """
    )
    described = table(bench)
    indexes = {
        global_secondary_index["IndexName"]: global_secondary_index["KeySchema"][0]["AttributeName"]
        for global_secondary_index in described["GlobalSecondaryIndexes"]
    }
    assert indexes == {"idx2": "z", "idx3": "w"}
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    assert set(items(bench)) == {"a"}
    bench.settled()


def test_a_stream_changes_its_view(bench: Bench) -> None:
    if bench.driver is Driver.MOTO:
        pytest.skip("moto never enables a stream again once one was disabled")
    bench.apply("dynamodb: {orders: {keys: {partition: id}, stream: NEW_IMAGE}}")
    bench.apply("dynamodb: {orders: {keys: {partition: id}, stream: KEYS_ONLY}}")
    assert table(bench)["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    bench.apply("dynamodb: {orders: {keys: {partition: id}}}")
    assert not table(bench).get("StreamSpecification", {}).get("StreamEnabled")
    bench.settled()


def test_a_key_change_needs_leave_to_replace(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}}}")
    with pytest.raises(StepFailedError, match="nothing was written") as caught:
        bench.apply("dynamodb: {orders: {keys: {partition: other}}}")
    assert "dynamodb/orders: keys cannot be changed in place" in caught.value.evidence[0]
    assert bench.differing() == {"dynamodb/orders: keys": "changed"}
    assert table(bench)["KeySchema"][0]["AttributeName"] == "id"


def test_an_item_set_that_changes_loses_nothing(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a, n: 1}, {id: b, n: 1}]}}")
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: b, n: 2}, {id: c, n: 1}]}}")
    assert items(bench)["b"]["n"] == {"N": "2"}
    assert set(items(bench)) == {"a", "b", "c"}
    bench.refresh()
    assert set(items(bench)) == {"b", "c"}
    bench.settled()


def test_a_protected_table_of_ours_can_be_pruned(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, deletionProtection: true}, other: {keys: {partition: id}}}")
    bench.write("dynamodb: {other: {keys: {partition: id}}}")
    assert [str(resource.id) for resource in bench.prune().resources if resource.applies] == ["dynamodb/orders"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        table(bench)


def test_every_wrong_item_is_told_before_anything_is_written(bench: Bench) -> None:
    bench.write(
        """
        secretsmanager: {api: {env: NOT_SET}}
        s3: {first: {}}
        dynamodb:
          orders: {keys: {partition: id}, items: [{id: a}], itemFiles: [rows.jsonl, more.csv]}
        """
    )
    (bench.fixtures / "rows.jsonl").write_text('{"id": "b"}\n{"id": 3}\n{"id": "c"\n{"id": "a"}\n{"no": "key"}\n')
    (bench.fixtures / "more.csv").write_text("id,n\nb,1\nd,2,3\n")
    for verb in (bench.apply, bench.plan, bench.refresh, bench.prune):
        with pytest.raises(InvalidError) as caught:
            verb()
        problems = sorted(str(problem).removeprefix(f"{bench.fixtures}/") for problem in caught.value.problems)
        assert problems == [
            "fixtures.yaml:4: secretsmanager.api.env: the environment variable NOT_SET is not set "
            "(give it a default: {name: NOT_SET, default: …})",
            "more.csv:2: has the same key as " + str(bench.fixtures / "rows.jsonl") + ":1: b",
            "more.csv:3: has more cells than the header",
            "rows.jsonl:2: the key attribute id must be of type S, not N",
            "rows.jsonl:3: is not JSON: Expecting ',' delimiter: line 2 column 1 (char 11)",
            "rows.jsonl:4: has the same key as " + str(bench.fixtures / "fixtures.yaml") + ":7:"
            " dynamodb.orders.items[0]: a",
            "rows.jsonl:5: the key attribute id is missing",
        ]
    assert bench.client("dynamodb").list_tables()["TableNames"] == []
    assert bench.client("s3").list_buckets()["Buckets"] == []


def _never(_through_api: Callable[[], Sequence[str]]) -> EmulatorEndpoint:
    raise AssertionError


def test_reset_empties_nothing_where_an_item_is_wrong(bench: Bench) -> None:
    bench.client("s3").create_bucket(Bucket="theirs")
    bench.write("dynamodb: {orders: {keys: {partition: id}, itemFiles: rows.jsonl}}")
    (bench.fixtures / "rows.jsonl").write_text('{"id": 3}\n')
    with pytest.raises(InvalidError):
        bench.seeding().reset(bench.endpoint, Work(bench.cancel, quiet), _never)
    assert [bucket["Name"] for bucket in bench.client("s3").list_buckets()["Buckets"]] == ["theirs"]


def test_items_that_are_no_longer_declared_are_pruned_and_the_applications_stay(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a}, {id: b}, {id: c}]}}")
    client = bench.client("dynamodb")
    client.put_item(TableName="orders", Item={"id": {"S": "theirs"}})
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a}]}}")
    client.put_item(TableName="orders", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    assert bench.differing() == {
        "dynamodb/orders: items/a.n": "drifted",
        "dynamodb/orders: items/b": "orphaned",
        "dynamodb/orders: items/c": "orphaned",
        "dynamodb/orders: items/theirs": "extra",
    }
    bench.prune()
    assert items(bench) == {
        "a": {"id": {"S": "a"}, "n": {"N": "1"}},
        "theirs": {"id": {"S": "theirs"}},
    }
    bench.write("dynamodb: {orders: {keys: {partition: id}}}")
    bench.prune()
    assert set(items(bench)) == {"theirs"}
    bench.prune()
    bench.refresh()
    assert items(bench) == {}
    bench.settled()


def test_what_prune_did_not_bring_does_not_count_as_applied(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a}, {id: b}]}}")
    bench.write("dynamodb: {orders: {keys: {partition: id}, ttl: expires, items: [{id: a}, {id: c}]}}")
    bench.prune()
    assert set(items(bench)) == {"a"}
    bench.apply()
    assert set(items(bench)) == {"a", "c"}
    bench.settled()


def test_a_table_made_anew_is_not_taken_for_the_one_before(bench: Bench) -> None:
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: a}]}}")
    bench.client("dynamodb").delete_table(TableName="orders")
    bench.apply("dynamodb: {orders: {keys: {partition: id}, items: [{id: b}]}}")
    bench.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "a"}})
    assert bench.differing() == {"dynamodb/orders: items/a": "extra"}


def test_a_table_deleted_a_moment_ago_is_created_again_with_its_stream(bench: Bench) -> None:
    fixtures = "dynamodb: {orders: {keys: {partition: id}, stream: NEW_IMAGE, items: [{id: a}]}}"
    for _ in range(2):
        bench.apply(fixtures)
        assert table(bench)["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        assert set(items(bench)) == {"a"}
        bench.client("dynamodb").delete_table(TableName="orders")
