"""Random resources made with plain boto3: what is exported makes the same again, in every emulator."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
        "settings": st.sets(st.sampled_from(["cors", "lifecycle", "website", "encryption", "block", "policy"])),
        "about": st.sampled_from([{}, {"ContentType": "text/x-log", "CacheControl": "max-age=7"}]),
        "labels": tags,
    }
)
secrets: st.SearchStrategy[dict[str, Any]] = st.one_of(
    texts.map(lambda text: {"SecretString": text}),
    texts.map(lambda text: {"SecretBinary": text.encode()}),
    st.binary(min_size=1, max_size=8).map(lambda content: {"SecretBinary": content}),
    st.just({}),
)
secrets = st.tuples(secrets, st.sampled_from([{}, {"Description": "of the shop"}]), tags).map(
    lambda parts: {**parts[0], **parts[1], "Tags": [{"Key": key, "Value": value} for key, value in parts[2].items()]}
)
tables = st.fixed_dictionaries(
    {
        "items": items,
        "provisioned": st.booleans(),
        "stream": st.sampled_from([None, "NEW_IMAGE", "KEYS_ONLY"]),
        "ttl": st.sampled_from([None, "expires"]),
        "projection": st.sampled_from(["ALL", "KEYS_ONLY", "INCLUDE"]),
        "tags": tags,
    }
)
queues = st.fixed_dictionaries(
    {
        "tags": tags,
        "timeout": st.sampled_from([None, "7"]),
        "dead": st.booleans(),
        "fifo": st.booleans(),
        "policy": st.booleans(),
        "others": st.dictionaries(
            st.sampled_from(["DelaySeconds", "ReceiveMessageWaitTimeSeconds"]), st.just("3"), max_size=2
        ),
    }
)
topics = st.fixed_dictionaries(
    {
        "raw": st.booleans(),
        "filter": st.sampled_from([None, {"kind": ["new"]}]),
        "scope": st.sampled_from([None, "MessageBody"]),
        "dead": st.booleans(),
        "tags": tags,
        "attributes": st.sampled_from([{}, {"DisplayName": "Shop"}]),
    }
)
functions = st.fixed_dictionaries(
    {
        "variables": st.dictionaries(names.map(str.upper), words, max_size=2),
        "concurrency": st.sampled_from([None, 3]),
        "retries": st.sampled_from([None, 1]),
        "permission": st.booleans(),
        "tags": tags,
        "about": st.sampled_from([{}, {"Description": "reads", "Timeout": 9, "MemorySize": 256}]),
        "alias": st.booleans(),
        "url": st.booleans(),
        "fed": st.booleans(),
    }
)
worlds = st.fixed_dictionaries(
    {
        "s3": st.dictionaries(names.map("b-{}".format), buckets, max_size=1),
        "secretsmanager": st.dictionaries(names, secrets, max_size=2),
        "dynamodb": st.dictionaries(names, tables, max_size=1),
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
        hang_on_function(bench, name, about, queue)


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
        label = {"Tagging": urlencode(about["labels"])} if about["labels"] else {}
        given = {**redirect, **label, **about["about"]}
        client.put_object(Bucket=name, Key=key, Body=text.encode(), Metadata={"m": "1"}, **given)
    for setting in sorted(about["settings"]):
        operation, parameter, value = SETTINGS[setting]
        text = json.dumps(value).replace("BUCKET", name)
        getattr(client, operation)(Bucket=name, **{parameter: text if setting == "policy" else json.loads(text)})


SETTINGS: dict[str, tuple[str, str, Any]] = {
    "cors": (
        "put_bucket_cors",
        "CORSConfiguration",
        {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 5}]},
    ),
    "lifecycle": (
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        {"Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}]},
    ),
    "website": ("put_bucket_website", "WebsiteConfiguration", {"IndexDocument": {"Suffix": "index.html"}}),
    "encryption": (
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
    ),
    "block": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": False,
        },
    ),
    "policy": (
        "put_bucket_policy",
        "Policy",
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::BUCKET/*"}
            ],
        },
    ),
}


def make_table(bench: Bench, name: str, about: dict[str, Any]) -> None:
    client = bench.client("dynamodb")
    key = {"AttributeName": "id", "AttributeType": "S"}
    projection: dict[str, Any] = {"ProjectionType": about["projection"]}
    if about["projection"] == "INCLUDE":
        projection["NonKeyAttributes"] = ["total"]
    index: dict[str, Any] = {"KeySchema": [{"AttributeName": "by", "KeyType": "HASH"}], "Projection": projection}
    capacity: dict[str, Any] = {"BillingMode": "PAY_PER_REQUEST"}
    if about["provisioned"]:
        units = {"ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 3}}
        capacity, index = {"BillingMode": "PROVISIONED", **units}, {**index, **units}
    if about["stream"]:
        capacity["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": about["stream"]}
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[key, {"AttributeName": "by", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[{"IndexName": "byNumber", **index}],
        Tags=[{"Key": tag, "Value": value} for tag, value in about["tags"].items()],
        **capacity,
    )
    if about["ttl"]:
        lifetime = {"Enabled": True, "AttributeName": about["ttl"]}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=lifetime)
    for row, given_attributes in about["items"].items():
        client.put_item(TableName=name, Item={**given_attributes, "id": {"S": row}})


def make_queue(bench: Bench, name: str, about: dict[str, Any]) -> str:
    client = bench.client("sqs")
    attributes = {**about["others"], **({"VisibilityTimeout": about["timeout"]} if about["timeout"] else {})}
    if about["fifo"]:
        client.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", **attributes})
    if about["policy"]:
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    if about["dead"]:
        url = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "4"})
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=about["tags"])["QueueUrl"]
    return str(client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def make_topic(bench: Bench, name: str, about: dict[str, Any], queue: str) -> None:
    client = bench.client("sns")
    labels = [{"Key": key, "Value": value} for key, value in about["tags"].items()]
    arn = client.create_topic(Name=name, Attributes=about["attributes"], Tags=labels)["TopicArn"]
    attributes = {"RawMessageDelivery": "true"} if about["raw"] else {}
    if about["filter"]:
        attributes["FilterPolicy"] = json.dumps(about["filter"])
        if about["scope"]:
            attributes["FilterPolicyScope"] = about["scope"]
    if about["dead"]:
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": queue})
    client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=attributes)


def make_function(bench: Bench, name: str, about: dict[str, Any]) -> None:
    client = bench.client("lambda")
    role = "arn:aws:iam::000000000000:role/bootstrap-lambda"
    if bench.driver is Driver.MOTO:
        role = bench.client("iam").create_role(RoleName="bootstrap-lambda", AssumeRolePolicyDocument="{}")["Role"][
            "Arn"
        ]
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": package()},
        Environment={"Variables": about["variables"]},
        Tags=about["tags"],
        **about["about"],
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


def hang_on_function(bench: Bench, name: str, about: dict[str, Any], queue: str) -> None:
    """What LocalStack cannot take for a function that does not run is left out there."""
    client = bench.client("lambda")
    if about["alias"]:
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    if about["url"]:
        client.create_function_url_config(FunctionName=name, AuthType="NONE")
    if about["fed"] and about["about"].get("Timeout", 3) <= 7:
        client.create_event_source_mapping(FunctionName=name, EventSourceArn=queue, BatchSize=4)


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
