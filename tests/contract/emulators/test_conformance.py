"""One set of fixtures and expectations for every emulator: what is declared is there, comes to rest, and is repaired.

`tests/data/seeds/conformance/` holds every row of the format, with AWS's own parameters as its documentation writes
them. What an emulator does not have is named here, and nowhere passed over in silence.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.export import export
from bootstrap.seeds.observe import Options
from bootstrap.seeds.services.registry import all_services
from bootstrap.system.work import Work
from fakes.bench import EVERYWHERE, Bench, running

pytestmark = pytest.mark.e2e

SHIPPED = Path(__file__).parents[2] / "data" / "seeds" / "conformance"
Read = Callable[[Bench], Any]


@pytest.fixture(scope="module", params=EVERYWHERE, ids=str)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver(request.param), tmp_path_factory.mktemp(str(request.param))) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    """An emulator that holds all of it."""
    new_bench = Bench(endpoint=endpoint, folder=tmp_path, environment={"CONF_SET": "from the environment"})
    new_bench.empty()
    shutil.copytree(SHIPPED, new_bench.fixtures)
    new_bench.apply()
    return new_bench


def s3(operation: str, bucket: str, *keys: str) -> Read:
    def read(bench: Bench) -> Any:
        answer = getattr(bench.client("s3"), operation)(Bucket=bucket)
        for key in keys:
            answer = answer[key]
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"} if not keys else answer

    return read


def objects(bench: Bench) -> dict[str, bytes]:
    client = bench.client("s3")
    listed = client.list_objects_v2(Bucket="conf-plain")["Contents"]
    return {entry["Key"]: client.get_object(Bucket="conf-plain", Key=entry["Key"])["Body"].read() for entry in listed}


def page(bench: Bench) -> dict[str, Any]:
    head = bench.client("s3").head_object(Bucket="conf-plain", Key="page.html")
    names = ("ContentType", "Metadata", "CacheControl", "ContentLanguage", "StorageClass")
    tags = bench.client("s3").get_object_tagging(Bucket="conf-plain", Key="page.html")["TagSet"]
    return {name: head.get(name) for name in names} | {"tags": tags}


def secret(name: str) -> Read:
    def read(bench: Bench) -> Any:
        secret_value = bench.client("secretsmanager").get_secret_value(SecretId=name)
        return secret_value.get("SecretString") or secret_value["SecretBinary"]

    return read


def table(name: str, *keys: str) -> Read:
    def read(bench: Bench) -> Any:
        value: Any = bench.client("dynamodb").describe_table(TableName=name)["Table"]
        for key in keys:
            value = value[key]
        return value

    return read


def items(name: str) -> Read:
    def read(bench: Bench) -> Any:
        scanned = bench.client("dynamodb").scan(TableName=name)["Items"]
        return sorted(scanned, key=lambda item: json.dumps(item, sort_keys=True, default=repr))

    return read


def queue(name: str, *attributes: str) -> Read:
    def read(bench: Bench) -> Any:
        client = bench.client("sqs")
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        shown = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {key: shown.get(key) for key in attributes}

    return read


def topic_arn(bench: Bench, name: str) -> str:
    topic_arns = (topic["TopicArn"] for topic in bench.client("sns").list_topics()["Topics"])
    return str(next(arn for arn in topic_arns if arn.endswith(f":{name}")))


def subscriptions(bench: Bench) -> dict[str, dict[str, Any]]:
    client = bench.client("sns")
    by_endpoint: dict[str, dict[str, Any]] = {}
    for subscription in client.list_subscriptions_by_topic(TopicArn=topic_arn(bench, "conf-events"))["Subscriptions"]:
        name = (
            subscription["Endpoint"].rpartition(":")[2]
            if subscription["Protocol"] in {"sqs", "lambda"}
            else subscription["Endpoint"]
        )
        by_endpoint[name] = {}
        if subscription["SubscriptionArn"].startswith("arn:"):
            by_endpoint[name] = client.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])[
                "Attributes"
            ]
    return by_endpoint


def subscribed(bench: Bench) -> Any:
    subscription = subscriptions(bench)["conf-received"]
    dead = json.loads(subscription["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
    return (subscription["RawMessageDelivery"].lower(), json.loads(subscription["FilterPolicy"]), dead)


def function(name: str) -> dict[str, Any]:
    return {"FunctionName": name}


def configuration(bench: Bench) -> dict[str, Any]:
    function_configuration = bench.client("lambda").get_function_configuration(**function("conf-echo"))
    kept = ("Runtime", "Handler", "MemorySize", "Timeout", "Description", "Architectures", "EphemeralStorage")
    return {name: function_configuration[name] for name in kept}


def feeding(bench: Bench) -> dict[str, tuple[Any, ...]]:
    mappings = bench.client("lambda").list_event_source_mappings(**function("conf-echo"))["EventSourceMappings"]
    about = ("BatchSize", "State")
    return {mapping["EventSourceArn"].split(":")[2]: tuple(mapping[name] for name in about) for mapping in mappings}


def aliases(bench: Bench) -> list[str]:
    return sorted(alias["Name"] for alias in bench.client("lambda").list_aliases(**function("conf-echo"))["Aliases"])


ROWS: Mapping[str, tuple[Read, Any]] = {
    "s3 region": (s3("get_bucket_location", "conf-far", "LocationConstraint"), "eu-west-1"),
    "s3 versioning": (s3("get_bucket_versioning", "conf-plain", "Status"), "Enabled"),
    "s3 tags": (
        lambda bench: (
            {
                tag["Key"]: tag.get("Value", "") for tag in s3("get_bucket_tagging", "conf-plain", "TagSet")(bench)
            }.items()
            >= {"Key1": "Value1", "with space": "a=b+c", "empty": ""}.items()
        ),
        True,
    ),
    "s3 cors": (
        s3("get_bucket_cors", "conf-plain", "CORSRules"),
        [
            {
                "AllowedOrigins": ["https://www.example.com"],
                "AllowedMethods": ["GET", "PUT"],
                "AllowedHeaders": ["*"],
                "ExposeHeaders": ["ETag"],
                "MaxAgeSeconds": 300,
            }
        ],
    ),
    "s3 lifecycle": (
        s3("get_bucket_lifecycle_configuration", "conf-plain", "Rules"),
        [
            {
                "ID": "tmp",
                "Status": "Enabled",
                "Filter": {"Prefix": "tmp/"},
                "Expiration": {"Days": 3},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
            }
        ],
    ),
    "s3 policy": (
        lambda bench: json.loads(s3("get_bucket_policy", "conf-plain", "Policy")(bench))["Statement"][0]["Resource"],
        "arn:aws:s3:::conf-plain/*",
    ),
    "s3 encryption": (
        lambda bench: s3("get_bucket_encryption", "conf-verbatim", "ServerSideEncryptionConfiguration")(bench)["Rules"][
            0
        ]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "aws:kms",
    ),
    "s3 website": (s3("get_bucket_website", "conf-plain", "IndexDocument", "Suffix"), "index.html"),
    "s3 website routing": (
        s3("get_bucket_website", "conf-verbatim", "RoutingRules"),
        [{"Condition": {"KeyPrefixEquals": "docs/"}, "Redirect": {"ReplaceKeyPrefixWith": "documents/"}}],
    ),
    "s3 public access": (
        s3("get_public_access_block", "conf-plain", "PublicAccessBlockConfiguration", "BlockPublicAcls"),
        True,
    ),
    "s3 ownership": (
        lambda bench: s3("get_bucket_ownership_controls", "conf-verbatim", "OwnershipControls")(bench)["Rules"],
        [{"ObjectOwnership": "ObjectWriter"}],
    ),
    "s3 lock": (
        s3(
            "get_object_lock_configuration",
            "conf-locked",
            "ObjectLockConfiguration",
            "Rule",
            "DefaultRetention",
            "Days",
        ),
        50,
    ),
    "s3 notifications": (
        lambda bench: {
            kind: len(s3("get_bucket_notification_configuration", "conf-plain")(bench)[kind])
            for kind in ("QueueConfigurations", "TopicConfigurations", "LambdaFunctionConfigurations")
        },
        {"QueueConfigurations": 1, "TopicConfigurations": 1, "LambdaFunctionConfigurations": 1},
    ),
    "s3 notification id": (
        lambda bench: s3("get_bucket_notification_configuration", "conf-verbatim", "QueueConfigurations")(bench)[0][
            "Id"
        ],
        "images",
    ),
    "s3 objects": (
        objects,
        {
            "bytes": b"\x00\x01\x02\xff",
            "data.json": b'{\n  "b": [\n    1,\n    2.5,\n    null,\n    true\n  ],\n  "a": "\xc3\xbc"\n}\n',
            "empty": b"",
            "file.bin": bytes(range(256)),
            "folder": b"1",
            "folder/": b"",
            "folder/inside": b"2",
            "page.html": b"<p>",
            "plain.txt": b"costs ${5}",
            "tagged/css/a.css": b"b{}",
            "tagged/index.html": b"<h1>\xc3\xbc</h1>",
            "unicode ü/key+plus?.txt": b"x",
            "www/css/a.css": b"b{}",
            "www/index.html": b"<h1>\xc3\xbc</h1>",
        },
    ),
    "s3 object about": (
        page,
        {
            "ContentType": "text/html; charset=utf-8",
            "Metadata": {"origin": "Seeds"},
            "CacheControl": "no-cache",
            "ContentLanguage": "de-DE",
            "StorageClass": "STANDARD_IA",
            "tags": [{"Key": "k", "Value": "v w"}],
        },
    ),
    "secret string": (secret("MyTestSecret"), '{"user":"diegor","password":"EXAMPLE-PASSWORD"}'),
    "secret json": (
        lambda bench: len(json.loads(secret("conf/json")(bench))["parts"][0].strip("ab")),
        0,
    ),
    "secret binary": (secret("conf/binary"), b"\xff\xfe\xfd"),
    "secret file": (secret("conf/file"), bytes(range(256))),
    "secret text file": (secret("conf/text"), "<h1>ü</h1>"),
    "secret default": (secret("conf/env"), "dflt"),
    "secret from the environment": (secret("conf/set"), "from the environment"),
    "secret generated": (lambda bench: len(secret("conf/generated")(bench).strip("0123456789abcdef")), 0),
    "secret about": (
        lambda bench: bench.client("secretsmanager").describe_secret(SecretId="MyTestSecret")["Description"],
        "My test secret created with the CLI.",
    ),
    "secret policy": (
        lambda bench: json.loads(
            bench.client("secretsmanager").get_resource_policy(SecretId="conf/policy")["ResourcePolicy"]
        )["Statement"][0]["Principal"],
        {"AWS": "arn:aws:iam::123456789012:root"},
    ),
    "table keys": (
        table("conf-orders", "KeySchema"),
        [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    ),
    "table indexes": (
        lambda bench: sorted(
            item["IndexName"]
            for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
            for item in table("conf-orders", kind)(bench)
        ),
        ["byStatus", "keysOnly", "local"],
    ),
    "table capacity": (table("MusicCollection", "ProvisionedThroughput", "ReadCapacityUnits"), 10),
    "table stream": (
        table("conf-orders", "StreamSpecification"),
        {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    ),
    "table protection": (table("conf-orders", "DeletionProtectionEnabled"), True),
    "table ttl": (
        lambda bench: bench.client("dynamodb").describe_time_to_live(TableName="MusicCollection")[
            "TimeToLiveDescription"
        ],
        {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"},
    ),
    "items inline": (
        items("MusicCollection"),
        [
            {
                "AlbumTitle": {"S": "Somewhat Famous"},
                "Artist": {"S": "No One You Know"},
                "Awards": {"N": "1"},
                "SongTitle": {"S": "Call Me Today"},
            },
            {
                "Artist": {"S": "Acme Band"},
                "SongTitle": {"S": "Happy Day"},
                "big": {"N": "12345678901234567890123456789012345678"},
                "bin": {"B": b"\x00\x01\x02"},
                "blobs": {"BS": [b"\x00"]},
                "dec": {"N": "0.1"},
                "empty": {"S": ""},
                "list": {"L": [{"N": "1"}, {"S": "a"}, {"L": [{"S": "x"}]}]},
                "map": {"M": {"k": {"M": {"deep": {"N": "1"}}}}},
                "neg": {"N": "-0.00001"},
                "nothing": {"NULL": True},
                "numbers": {"NS": ["1.5", "2"]},
                "texts": {"SS": ["a", "b"]},
                "yes": {"BOOL": True},
            },
        ],
    ),
    "items of files": (
        lambda bench: {item["id"]["N"]: set(item) - {"id", "at"} for item in items("conf-orders")(bench)},
        {
            "1": {"st", "amount", "lsi"},
            "2": {"s", "num"},
            "3": {"m"},
            "4": set(),
            "5": {"amount", "ok", "tags", "j", "nums", "note"},
            "6": {"ok"},
            "7": {"set"},
            "8": set(),
        },
    ),
    "queue attributes": (
        queue("conf-queue", "MessageRetentionPeriod", "VisibilityTimeout", "MaximumMessageSize", "KmsMasterKeyId"),
        {
            "MessageRetentionPeriod": "259200",
            "VisibilityTimeout": "45",
            "MaximumMessageSize": "2048",
            "KmsMasterKeyId": "alias/aws/sqs",
        },
    ),
    "queue messages": (queue("conf-queue", "ApproximateNumberOfMessages"), {"ApproximateNumberOfMessages": "3"}),
    "queue dead letters": (
        lambda bench: json.loads(queue("conf-queue", "RedrivePolicy")(bench)["RedrivePolicy"])["maxReceiveCount"],
        1000,
    ),
    "queue policy": (
        lambda bench: json.loads(queue("conf-open", "Policy")(bench)["Policy"])["Statement"][0]["Sid"],
        "AllowAll",
    ),
    "queue let in": (
        lambda bench: json.loads(queue("conf-received", "Policy")(bench)["Policy"])["Statement"][0]["Action"],
        "sqs:SendMessage",
    ),
    "queue fifo": (
        queue("conf.fifo", "FifoQueue", "ContentBasedDeduplication", "ApproximateNumberOfMessages"),
        {"FifoQueue": "true", "ContentBasedDeduplication": "true", "ApproximateNumberOfMessages": "2"},
    ),
    "topic attributes": (
        lambda bench: bench.client("sns").get_topic_attributes(TopicArn=topic_arn(bench, "conf-events"))["Attributes"][
            "DisplayName"
        ],
        "My Topic",
    ),
    "topic policy": (
        lambda bench: json.loads(
            bench.client("sns").get_topic_attributes(TopicArn=topic_arn(bench, "conf-events"))["Attributes"]["Policy"]
        )["Statement"][0]["Sid"],
        "Allow-s3",
    ),
    "topic subscriptions": (
        lambda bench: sorted(subscriptions(bench)),
        ["conf-echo", "conf-open", "conf-received", "http://127.0.0.1:9/hook"],
    ),
    "topic subscription": (
        subscribed,
        ("true", {"store": ["example_corp"], "price_usd": [{"numeric": [">=", 100]}]}, "conf-dead"),
    ),
    "function": (
        configuration,
        {
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "MemorySize": 512,
            "Timeout": 30,
            "Description": "answers what it is sent",
            "Architectures": ["arm64"],
            "EphemeralStorage": {"Size": 1024},
        },
    ),
    "function environment": (
        lambda bench: (
            bench.client("lambda")
            .get_function_configuration(**function("conf-echo"))["Environment"]["Variables"]["QUEUE"]
            .rpartition("/")[2]
        ),
        "conf-queue",
    ),
    "function layers": (
        lambda bench: len(bench.client("lambda").get_function_configuration(**function("conf-echo"))["Layers"]),
        1,
    ),
    "function aliases": (aliases, ["live", "two"]),
    "function url": (
        lambda bench: bench.client("lambda").get_function_url_config(**function("conf-echo"))["AuthType"],
        "AWS_IAM",
    ),
    "function sources": (feeding, {"sqs": (5, "Disabled"), "dynamodb": (7, "Disabled")}),
    "function from s3": (
        lambda bench: bench.client("lambda").get_function_configuration(**function("conf-packed"))["Runtime"],
        "python3.12",
    ),
    "queue admits by name": (
        lambda bench: json.loads(queue("conf-dead", "RedriveAllowPolicy")(bench)["RedriveAllowPolicy"])[
            "redrivePermission"
        ],
        "byQueue",
    ),
    "topic tracing": (
        lambda bench: bench.client("sns").get_topic_attributes(TopicArn=topic_arn(bench, "conf-events"))["Attributes"][
            "TracingConfig"
        ],
        "Active",
    ),
    "table class": (table("MusicCollection", "TableClassSummary", "TableClass"), "STANDARD_INFREQUENT_ACCESS"),
}
NOT_KEPT: Mapping[Driver, frozenset[str]] = {
    Driver.MOTO: frozenset({"queue admits by name", "topic tracing", "table class"}),
}
"""What an emulator takes and does not tell again."""
RUNS_NO_FUNCTIONS = frozenset({Driver.LOCALSTACK})
"""Without Docker's socket LocalStack calls each function Failed, and then neither changes one without an error of its
own nor deletes one: they go with its restart, which `reset` asks for."""


def read_all(bench: Bench) -> dict[str, Any]:
    return {row: read(bench) for row, (read, _) in ROWS.items() if row not in NOT_KEPT.get(bench.driver, frozenset())}


def expected(bench: Bench) -> dict[str, Any]:
    return {row: value for row, (_, value) in ROWS.items() if row not in NOT_KEPT.get(bench.driver, frozenset())}


def test_everything_that_can_be_declared_is_there_and_at_rest(bench: Bench) -> None:
    assert read_all(bench) == expected(bench)
    bench.settled()


def test_what_is_not_kept_is_really_not_kept(bench: Bench) -> None:
    for row in NOT_KEPT.get(bench.driver, frozenset()):
        with pytest.raises((KeyError, TypeError)):
            ROWS[row][0](bench)


def test_a_functions_smoke_event_is_proven_or_said_to_be_impossible(bench: Bench) -> None:
    notes = bench.seeding().plan(bench.endpoint, bench.cancel).notes
    if bench.endpoint.capabilities & {"lambda-invoke"}:
        assert notes == ()
        return
    why = {
        Driver.MOTO: "which cannot run functions",
        Driver.LOCALSTACK: "which has no Docker engine to run them"
        " (emulator.dockerSocket: true gives it the one of this machine)",
    }[bench.driver]
    assert notes == (
        f"functions are created as declared but cannot run on {bench.driver}, {why}",
        f"lambda/conf-echo: smoke cannot run on {bench.driver}, {why}",
    )


def disturb(bench: Bench) -> set[str]:
    """Change something in every service by hand; the fields in which it must show."""
    s3_client, tables, secrets = bench.client("s3"), bench.client("dynamodb"), bench.client("secretsmanager")
    queues, topics, functions = bench.client("sqs"), bench.client("sns"), bench.client("lambda")
    s3_client.put_bucket_versioning(Bucket="conf-plain", VersioningConfiguration={"Status": "Suspended"})
    s3_client.delete_bucket_cors(Bucket="conf-plain")
    s3_client.put_object(Bucket="conf-plain", Key="plain.txt", Body=b"changed")
    s3_client.delete_object(Bucket="conf-plain", Key="folder/inside")
    s3_client.put_object(Bucket="conf-plain", Key="theirs#1", Body=b"extra")
    s3_client.put_bucket_accelerate_configuration(
        Bucket="conf-verbatim", AccelerateConfiguration={"Status": "Suspended"}
    )
    secrets.put_secret_value(SecretId="MyTestSecret", SecretString="other")
    secrets.update_secret(SecretId="MyTestSecret", Description="other")
    key = {"Artist": {"S": "Acme Band"}, "SongTitle": {"S": "Happy Day"}}
    tables.delete_item(TableName="MusicCollection", Key=key)
    tables.put_item(TableName="MusicCollection", Item={"Artist": {"S": "theirs"}, "SongTitle": {"S": "theirs"}})
    tables.update_table(TableName="conf-orders", DeletionProtectionEnabled=False)
    url = queues.get_queue_url(QueueName="conf-queue")["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    queues.tag_queue(QueueUrl=url, Tags={"team": "b"})
    arn = topic_arn(bench, "conf-events")
    topics.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Other")
    listed = topics.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    (gone,) = [entry["SubscriptionArn"] for entry in listed if entry["Endpoint"].endswith(":conf-open")]
    topics.unsubscribe(SubscriptionArn=gone)
    functions.delete_alias(FunctionName="conf-echo", Name="two")
    changed = {"lambda/conf-echo: aliases.two drifted"}
    if bench.driver not in RUNS_NO_FUNCTIONS:
        functions.update_function_configuration(FunctionName="conf-echo", Timeout=9)
        package = (SHIPPED / "files" / "package.zip").read_bytes()
        functions.update_function_code(FunctionName="conf-echo", ZipFile=package)
        changed |= {"lambda/conf-echo: timeout drifted", "lambda/conf-echo: code drifted"}
    return changed | {
        "s3/conf-plain: versioning drifted",
        "s3/conf-plain: cors drifted",
        "s3/conf-plain: objects/plain.txt drifted",
        "s3/conf-plain: objects/folder/inside drifted",
        "s3/conf-plain: objects/theirs#1 extra",
        "s3/conf-verbatim: aws.AccelerateConfiguration drifted",
        "secretsmanager/MyTestSecret: value drifted",
        "secretsmanager/MyTestSecret: description drifted",
        "dynamodb/MusicCollection: items/Acme Band,Happy Day drifted",
        "dynamodb/MusicCollection: items/theirs,theirs extra",
        "dynamodb/conf-orders: deletionProtection drifted",
        "sqs/conf-queue: attributes.VisibilityTimeout drifted",
        "sqs/conf-queue: tags.team drifted",
        "sns/conf-events: attributes.DisplayName drifted",
        "sns/conf-events: subscriptions/queue/conf-open drifted",
    }


def test_what_is_changed_by_hand_is_shown_field_by_field_and_repaired(bench: Bench) -> None:
    disturbed = disturb(bench)
    shown = {f"{path} {kind}" for path, kind in bench.differing().items()}
    # A field of a thing that is gone is told with it, and an alias of changed code is not where it should be.
    more = {
        path for path in shown - disturbed if not path.startswith(("sns/conf-events: subscriptions/queue/conf-open.",))
    }
    assert disturbed <= shown
    assert more <= {"lambda/conf-echo: aliases.live drifted"}
    bench.refresh()
    assert read_all(bench) == expected(bench)
    bench.settled()


def test_what_is_no_longer_declared_is_pruned_and_nothing_else(bench: Bench) -> None:
    bench.client("s3").create_bucket(Bucket="theirs")
    bench.client("s3").put_object(Bucket="conf-plain", Key="theirs.txt", Body=b"x")
    bench.client("dynamodb").put_item(
        TableName="MusicCollection", Item={"Artist": {"S": "theirs"}, "SongTitle": {"S": "theirs"}}
    )
    shutil.rmtree(bench.fixtures)
    bench.write(
        """
        s3: {conf-plain: {objects: {plain.txt: "costs $${5}"}}}
        dynamodb:
          MusicCollection:
            keys: {partition: Artist, sort: SongTitle}
            localIndexes: {AlbumTitleIndex: {sort: AlbumTitle, projection: [Genre, Year]}}
            capacity: {read: 10, write: 5}
            items: [{Artist: Acme Band, SongTitle: Happy Day}]
        sns: {conf-events: {subscriptions: [{queue: conf-received}]}}
        sqs: {conf-received: {}}
        """
    )
    left = bench.seeding().prune(bench.endpoint, Work(bench.cancel)).failures
    names = {"conf-echo", "conf-file", "conf-packed", "conf-zip"} if bench.driver in RUNS_NO_FUNCTIONS else set()
    assert {failure.id.name for failure in left} == names
    assert {bucket["Name"] for bucket in bench.client("s3").list_buckets()["Buckets"]} == {
        "bootstrap-marker",
        "conf-plain",
        "theirs",
    }
    assert set(objects(bench)) == {"plain.txt", "theirs.txt"}
    assert {item["Artist"]["S"] for item in items("MusicCollection")(bench)} == {"Acme Band", "theirs"}
    assert set(subscriptions(bench)) == {"conf-received"}
    assert bench.client("secretsmanager").list_secrets()["SecretList"] == []
    assert {
        listed_function["FunctionName"] for listed_function in bench.client("lambda").list_functions()["Functions"]
    } == names


def test_what_is_exported_makes_the_same_again(bench: Bench) -> None:
    def exported() -> dict[str, bytes]:
        return dict(export(bench.endpoint, all_services(), Options().covers, bench.cancel).files)

    first = exported()
    shutil.rmtree(bench.fixtures)
    for name, content in first.items():
        (bench.fixtures / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.fixtures / name).write_bytes(content)
    bench.empty()
    bench.apply()
    assert exported() == first
    bench.settled()
    # All but what export tells that it leaves: messages.
    kept = {row: value for row, value in expected(bench).items() if "messages" not in row and row != "queue fifo"}
    again = {row: value for row, value in read_all(bench).items() if row in kept}
    # moto does not give layers back.
    changed = {row for row in kept if again[row] != kept[row]}
    assert changed <= ({"function layers"} if bench.driver is Driver.MOTO else set())
