"""Random resources made with plain boto3: what is exported makes the same again, in every emulator."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bootstrap.model.stack import Driver
from bootstrap.seeds.export import export
from bootstrap.seeds.observe import Options
from bootstrap.seeds.services.base import Look
from bootstrap.seeds.services.registry import all_services
from bootstrap.seeds.target import Target
from fakes.bench import Bench

pytestmark = pytest.mark.e2e


names = st.from_regex(r"[a-z][a-z0-9]{3,10}", fullmatch=True)
words = st.from_regex(r"[A-Za-z0-9 ]{1,12}", fullmatch=True).map(str.strip).filter(bool)
tags = st.dictionaries(names, words, max_size=2)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20)
values = st.one_of(
    texts.map(lambda text: {"S": text}),
    st.integers(-(10**12), 10**12).map(lambda number: {"N": str(number)}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.lists(names, min_size=1, max_size=2, unique=True).map(lambda members: {"SS": sorted(members)}),
    names.map(lambda name: {"M": {name: {"L": [{"S": "x"}, {"N": "1"}]}}}),
)
attributes = st.sampled_from(["Item", "Items", "S", "PutRequest", "plain"])
items = st.dictionaries(names, st.dictionaries(attributes, values, max_size=3), max_size=3)

buckets = st.fixed_dictionaries(
    {
        "tags": tags,
        "objects": st.dictionaries(names, texts, max_size=2),
        "versioning": st.sampled_from([None, "Enabled", "Suspended"]),
        "redirect": st.sampled_from([None, "/elsewhere"]),
    }
)
secrets: st.SearchStrategy[dict[str, Any]] = st.one_of(
    texts.map(lambda text: {"SecretString": text}),
    texts.map(lambda text: {"SecretBinary": text.encode()}),
    st.binary(min_size=1, max_size=8).map(lambda content: {"SecretBinary": content}),
    st.just({}),
)
queues = st.fixed_dictionaries({"tags": tags, "timeout": st.sampled_from([None, "7"]), "dead": st.booleans()})
topics = st.fixed_dictionaries({"raw": st.booleans(), "filter": st.sampled_from([None, {"kind": ["new"]}])})
functions = st.fixed_dictionaries(
    {
        "variables": st.dictionaries(names.map(str.upper), words, max_size=2),
        "concurrency": st.sampled_from([None, 3]),
        "retries": st.sampled_from([None, 1]),
        "permission": st.booleans(),
        "tags": tags,
    }
)
worlds = st.fixed_dictionaries(
    {
        "s3": st.dictionaries(names.map("b-{}".format), buckets, max_size=1),
        "secretsmanager": st.dictionaries(names, secrets, max_size=2),
        "dynamodb": st.dictionaries(names, items, max_size=1),
        "sqs": st.dictionaries(names, queues, min_size=1, max_size=2),
        "sns": st.dictionaries(names, topics, max_size=1),
        "lambda": st.dictionaries(names, functions, max_size=1),
    }
)


def make(bench: Bench, world: dict[str, Any]) -> None:
    for name, about in world["s3"].items():
        make_bucket(bench, name, about)
    for name, about in world["secretsmanager"].items():
        bench.client("secretsmanager").create_secret(Name=name, **about)
    for name, about in world["dynamodb"].items():
        make_table(bench, name, about)
    queue = ""
    for name, about in world["sqs"].items():
        queue = make_queue(bench, name, about)
    for name, about in world["sns"].items():
        make_topic(bench, name, about, queue)
    for name, about in world["lambda"].items():
        make_function(bench, name, about)


def make_bucket(bench: Bench, name: str, about: dict[str, Any]) -> None:
    client = bench.client("s3")
    client.create_bucket(Bucket=name)
    tag_set = [{"Key": key, "Value": value} for key, value in about["tags"].items()]
    if tag_set:
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
    if about["versioning"]:
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": about["versioning"]})
    for key, text in about["objects"].items():
        redirect = {"WebsiteRedirectLocation": about["redirect"]} if about["redirect"] else {}
        client.put_object(Bucket=name, Key=key, Body=text.encode(), Metadata={"m": "1"}, **redirect)


def make_table(bench: Bench, name: str, rows: dict[str, Any]) -> None:
    client = bench.client("dynamodb")
    key = {"AttributeName": "id", "AttributeType": "S"}
    index = {"KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[key, {"AttributeName": "by", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[{"IndexName": "byNumber", **index}],
        BillingMode="PAY_PER_REQUEST",
    )
    for row, given_attributes in rows.items():
        client.put_item(TableName=name, Item={**given_attributes, "id": {"S": row}})


def make_queue(bench: Bench, name: str, about: dict[str, Any]) -> str:
    client = bench.client("sqs")
    attributes = {"VisibilityTimeout": about["timeout"]} if about["timeout"] else {}
    if about["dead"]:
        url = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "4"})
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=about["tags"])["QueueUrl"]
    return str(client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def make_topic(bench: Bench, name: str, about: dict[str, Any], queue: str) -> None:
    client = bench.client("sns")
    arn = client.create_topic(Name=name)["TopicArn"]
    attributes = {"RawMessageDelivery": "true"} if about["raw"] else {}
    if about["filter"]:
        attributes["FilterPolicy"] = json.dumps(about["filter"])
    client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=attributes)


def make_function(bench: Bench, name: str, about: dict[str, Any]) -> None:
    client = bench.client("lambda")
    role = "arn:aws:iam::000000000000:role/bootstrap-lambda"
    if bench.driver is Driver.MOTO:
        role = bench.client("iam").create_role(RoleName="for-functions", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package()},
        Environment={"Variables": about["variables"]},
        Tags=about["tags"],
    )
    if about["concurrency"]:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=about["concurrency"])
    if about["retries"] is not None and bench.driver is not Driver.MOTO:
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=about["retries"])
    if about["permission"]:
        client.add_permission(
            FunctionName=name,
            StatementId="events",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn="arn:aws:events:us-east-1:000000000000:rule/r",
        )


def package() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr(zipfile.ZipInfo("app.py"), "def handler(event, context):\n    return event\n")
    return archive.getvalue()


def exported(bench: Bench) -> dict[str, bytes]:
    return dict(export(bench.endpoint, all_services(), Options().covers, bench.cancel).files)


@settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds)
def test_what_boto3_made_comes_back_the_same(bench: Bench, tmp_path: Path, world: dict[str, Any]) -> None:
    bench.empty()
    make(bench, world)
    first = exported(bench)
    again = Bench(endpoint=bench.endpoint, folder=tmp_path / "again")
    write(again.fixtures, first)
    again.empty()
    again.apply()
    again.settled()
    assert exported(again) == first


def write(folder: Path, files: dict[str, bytes]) -> None:
    for old in sorted(folder.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_the_order_of_making_does_not_show(bench: Bench) -> None:
    def create(*, backwards: bool) -> dict[str, bytes]:
        bench.empty()
        order = ["b", "a", "c"] if backwards else ["c", "a", "b"]
        for name in order:
            tagged = {key: key for key in order}
            bench.client("sqs").create_queue(QueueName=f"q-{name}", tags=tagged)
        arn = bench.client("sns").create_topic(Name="t", Tags=[{"Key": key, "Value": key} for key in order])["TopicArn"]
        for name in order:
            queue = bench.client("sqs").get_queue_url(QueueName=f"q-{name}")["QueueUrl"]
            queue_arn = bench.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
                "Attributes"
            ]
            bench.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn["QueueArn"])
        return exported(bench)

    assert create(backwards=True) == create(backwards=False)


def test_what_is_in_another_region_or_account_is_named(bench: Bench) -> None:
    bench.client("sqs").create_queue(QueueName="here")
    bench.client("sqs", "eu-west-1").create_queue(QueueName="there")
    bench.client("dynamodb", "ap-south-1").create_table(
        TableName="far",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    account = bench.client("sts").get_caller_identity()["Account"]
    exported_world = export(bench.endpoint, all_services(), Options().covers, bench.cancel)
    assert [str(resource) for resource in exported_world.resources] == ["sqs/here"]
    assert exported_world.notes == (
        "dynamodb in region ap-south-1 is not exported: far (this export is of us-east-1)",
        "sqs in region eu-west-1 is not exported: there (this export is of us-east-1)",
        f"other accounts than {account} are not exported",
    )
    bench.client("sqs", "eu-west-1").delete_queue(
        QueueUrl=bench.client("sqs", "eu-west-1").get_queue_url(QueueName="there")["QueueUrl"]
    )
    bench.client("dynamodb", "ap-south-1").delete_table(TableName="far")


def test_what_a_change_of_region_leaves_behind_is_named(bench: Bench) -> None:
    bench.apply("sqs: {orders: {}}\nsns: {events: {}}\n")
    here = bench.endpoint
    bench.endpoint = replace(here, region="eu-central-1")
    result = bench.apply()
    what = "sqs/orders, sns/events: still in region us-east-1, which the emulator had before"
    assert [note.partition(" (")[0] for note in result.notes] == [what]
    assert [note.partition(" (")[0] for note in bench.plan().notes] == [what]
    # The bench empties one region only.
    for name in ("sqs", "sns"):
        services = all_services()
        target = Target(bench.endpoint, bench.owner, bench.cancel)
        for observed in (
            services[name].observe(target, [Look(name=there) for there in services[name].names(target)]).values()
        ):
            services[name].delete(target, observed)
        target.close()
    bench.endpoint = here
    assert bench.plan().notes == ()
