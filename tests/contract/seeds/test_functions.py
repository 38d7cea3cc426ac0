"""Functions as fixtures declare them, read back through plain boto3; run where the emulator runs them."""

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bootstrap.errors import StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.services.base import Look
from bootstrap.seeds.services.lambda_.code import packed
from bootstrap.seeds.services.lambda_.service import Lambda
from bootstrap.seeds.target import Target
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.wait import wait_until
from fakes.bench import AS_PROCESS, Bench, running

pytestmark = pytest.mark.e2e

T = TypeVar("T")
WRITER = """
import json, os
import boto3

def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
    for record in event["Records"]:
        table.put_item(Item={"id": record.get("body") or json.dumps(record, sort_keys=True, default=str)[:900]})
    return {"written": len(event["Records"])}
"""
ECHO = "def handler(event, context):\n    return {'got': event}\n"


@pytest.fixture(scope="module", params=AS_PROCESS, ids=str)
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver(request.param), tmp_path_factory.mktemp(str(request.param))) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    for name, code in (("echo", ECHO), ("writer", WRITER)):
        folder = new_bench.fixtures / "functions" / name
        folder.mkdir(parents=True)
        (folder / "app.py").write_text(code)
    return new_bench


def runs(bench: Bench) -> bool:
    return "lambda-invoke" in bench.endpoint.capabilities


def eventually(probe: Callable[[], T | None], what: str) -> T:
    return wait_until(probe, CancelToken(SystemClock()).within(20, what), interval=0.1)


def configuration(bench: Bench, name: str) -> dict[str, Any]:
    return dict(bench.client("lambda").get_function(FunctionName=name)["Configuration"])


EVERYTHING = """
sqs: {jobs: {}}
lambda:
  echo:
    source: ./functions/echo
    runtime: python3.12
    handler: app.handler
    description: says it again
    memory: 256
    timeout: 20
    environment: {QUEUE: "${ref:sqs/jobs.url}", ARN: "${ref:sqs/jobs.arn}"}
    layers: [./layers/words]
    tags: {team: sales}
    aliases: [live]
    functionUrl: {auth: NONE, cors: {AllowOrigins: ["*"]}}
    aws:
      Architectures: [arm64]
      EphemeralStorage: {Size: 600}
      TracingConfig: {Mode: Active}
      DeadLetterConfig: {TargetArn: "${ref:sqs/jobs.arn}"}
    smoke: {event: {n: 1}, expect: {got: {n: 1}}}
"""


def with_layer(bench: Bench) -> None:
    words = bench.fixtures / "layers" / "words" / "python"
    words.mkdir(parents=True)
    (words / "words.py").write_text("HELLO = 'hello'\n")


def test_every_part_of_a_function(bench: Bench) -> None:
    with_layer(bench)
    bench.apply(EVERYTHING)
    functions = bench.client("lambda")
    observed = configuration(bench, "echo")
    zipped = packed(bench.fixtures / "functions" / "echo")
    assert observed["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    assert (observed["Runtime"], observed["Handler"]) == ("python3.12", "app.handler")
    assert (observed["MemorySize"], observed["Timeout"], observed["Description"]) == (256, 20, "says it again")
    url = bench.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    assert observed["Environment"]["Variables"]["QUEUE"] == url
    assert observed["Architectures"] == ["arm64"]
    assert observed["EphemeralStorage"] == {"Size": 600}
    assert observed["TracingConfig"] == {"Mode": "Active"}
    assert [layer["Arn"].split(":")[-2:] for layer in observed["Layers"]] == [["echo-words", "1"]]
    tags = functions.get_function(FunctionName="echo")["Tags"]
    assert tags == {"team": "sales", "bootstrap.dev/owner": "test-0123"}
    assert functions.get_alias(FunctionName="echo", Name="live")["FunctionVersion"] == "1"
    assert functions.get_function_url_config(FunctionName="echo")["Cors"] == {"AllowOrigins": ["*"]}
    bench.settled()


def test_drift_of_a_function_is_told_by_field_and_repaired(bench: Bench) -> None:
    with_layer(bench)
    bench.apply(EVERYTHING)
    functions = bench.client("lambda")
    other = bench.folder / "other.py"
    other.write_text("def handler(event, context): return 'other'\n")
    functions.update_function_code(FunctionName="echo", ZipFile=packed(other))
    functions.get_waiter("function_updated_v2").wait(FunctionName="echo")
    functions.update_function_configuration(FunctionName="echo", Timeout=99, Environment={"Variables": {"X": "1"}})
    functions.delete_function_url_config(FunctionName="echo")
    differing = bench.differing()
    for path in ("code", "timeout", "environment.QUEUE", "functionUrl", "aliases.live"):
        assert differing[f"lambda/echo: {path}"] == "drifted", path
    assert differing["lambda/echo: environment.X"] == "extra"
    bench.refresh()
    assert configuration(bench, "echo")["Timeout"] == 20
    assert "X" not in configuration(bench, "echo")["Environment"]["Variables"]
    bench.settled()


def test_changed_code_moves_the_alias_to_a_new_version(bench: Bench) -> None:
    text = """
    lambda: {echo: {source: ./functions/echo, runtime: python3.12, handler: app.handler, aliases: [live],
                    smoke: {event: {}, expect: {got: {}}}}}
    """
    bench.apply(text)
    (bench.fixtures / "functions" / "echo" / "app.py").write_text("def handler(event, context): return {'got': {}}\n")
    bench.apply(text)
    assert bench.client("lambda").get_alias(FunctionName="echo", Name="live")["FunctionVersion"] == "2"
    bench.settled()


def test_what_is_no_longer_declared_goes_back_to_the_default(bench: Bench) -> None:
    with_layer(bench)
    bench.apply(EVERYTHING)
    bench.apply(
        "sqs: {jobs: {}}\nlambda: {echo: {source: ./functions/echo, runtime: python3.12, handler: app.handler}}"
    )
    observed = configuration(bench, "echo")
    assert (observed["MemorySize"], observed["Timeout"], observed.get("Description", "")) == (128, 3, "")
    assert not (observed.get("Environment") or {}).get("Variables")
    assert not observed.get("Layers")
    bench.prune()
    assert bench.client("lambda").list_aliases(FunctionName="echo")["Aliases"] == []
    bench.settled()


def test_code_from_a_file_a_zip_and_a_bucket(bench: Bench) -> None:
    (bench.fixtures / "one.py").write_text(ECHO)
    with zipfile.ZipFile(bench.fixtures / "ready.zip", "w") as archive:
        archive.writestr("one.py", ECHO)
    bench.apply(
        """
        s3: {code: {objects: {echo.zip: {file: ./ready.zip}}}}
        lambda:
          file: {source: ./one.py, runtime: python3.12, handler: one.handler}
          zip: {source: ./ready.zip, runtime: python3.12, handler: one.handler}
          bucket: {s3: {bucket: code, key: echo.zip}, runtime: python3.12, handler: one.handler}
        """
    )
    ready = base64.b64encode(hashlib.sha256((bench.fixtures / "ready.zip").read_bytes()).digest()).decode()
    assert configuration(bench, "zip")["CodeSha256"] == ready
    assert configuration(bench, "bucket")["CodeSha256"] == ready
    if runs(bench):
        for name in ("file", "zip", "bucket"):
            answer = bench.client("lambda").invoke(FunctionName=name, Payload=b"{}")
            assert json.loads(answer["Payload"].read()) == {"got": {}}
    bench.settled()


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        (folder / "pkg" / "__pycache__").mkdir(parents=True)
        for file in ("z.py", "a.py", "pkg/m.py", "pkg/__pycache__/m.pyc")[:: 1 if name == "a" else -1]:
            (folder / file).write_text(file)
    os.utime(tmp_path / "b" / "a.py", (1, 1))
    assert packed(tmp_path / "a") == packed(tmp_path / "b")
    (tmp_path / "b" / "a.py").write_text("changed")
    assert packed(tmp_path / "a") != packed(tmp_path / "b")


EVERY_SOURCE = """
sqs: {jobs: {}}
sns: {news: {}}
s3: {files: {}}
dynamodb: {orders: {keys: {partition: id}, stream: NEW_IMAGE}, written: {keys: {partition: id}}}
lambda:
  writer:
    source: ./functions/writer
    runtime: python3.12
    handler: app.handler
    timeout: 30
    environment: {TABLE: written}
    events:
      - {queue: jobs, batchSize: 5}
      - {stream: orders, batchSize: 7, startingPosition: TRIM_HORIZON, aws: {MaximumRetryAttempts: 2}}
      - {topic: news, filterPolicy: {kind: [order]}}
      - {bucket: files, prefix: in/, suffix: .json}
"""


def test_every_event_source(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    functions = bench.client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName="writer")["EventSourceMappings"]
    assert {mapping["EventSourceArn"].split(":")[2]: mapping["BatchSize"] for mapping in mappings} == {
        "sqs": 5,
        "dynamodb": 7,
    }
    listed = bench.client("sns").list_subscriptions()["Subscriptions"]
    assert [subscription["Endpoint"] for subscription in listed] == [configuration(bench, "writer")["FunctionArn"]]
    notified = bench.client("s3").get_bucket_notification_configuration(Bucket="files")["LambdaFunctionConfigurations"]
    rules = {rule["Name"].lower(): rule["Value"] for rule in notified[0]["Filter"]["Key"]["FilterRules"]}
    assert rules == {"prefix": "in/", "suffix": ".json"}
    policy = json.loads(functions.get_policy(FunctionName="writer")["Policy"])
    assert sorted(statement["Principal"]["Service"] for statement in policy["Statement"]) == [
        "s3.amazonaws.com",
        "sns.amazonaws.com",
    ]
    bench.settled()


def test_events_run_the_function(bench: Bench) -> None:
    if not runs(bench):
        pytest.skip(f"{bench.driver} does not run functions")
    bench.apply(EVERY_SOURCE)
    sqs = bench.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="jobs")["QueueUrl"], MessageBody="from the queue")
    sns = bench.client("sns")
    topic = sns.list_topics()["Topics"][0]["TopicArn"]
    kind = {"kind": {"DataType": "String", "StringValue": "order"}}
    sns.publish(TopicArn=topic, Message="from the topic", MessageAttributes=kind)
    bench.client("s3").put_object(Bucket="files", Key="in/a.json", Body=b"{}")
    bench.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "from the stream"}})

    def all_there() -> str | None:
        items = bench.client("dynamodb").scan(TableName="written")["Items"]
        text = json.dumps(items)
        expected = ("from the queue", "from the topic", "in/a.json", "from the stream")
        return text if all(word in text for word in expected) else None

    eventually(all_there, "an item from each source")


def test_drift_of_event_sources_is_repaired(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    functions = bench.client("lambda")
    for event_source_mapping in functions.list_event_source_mappings(FunctionName="writer")["EventSourceMappings"]:
        if ":sqs:" in event_source_mapping["EventSourceArn"]:
            functions.delete_event_source_mapping(UUID=event_source_mapping["UUID"])
        else:
            functions.update_event_source_mapping(UUID=event_source_mapping["UUID"], BatchSize=9)
    bench.client("sns").unsubscribe(
        SubscriptionArn=bench.client("sns").list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    )
    bench.client("s3").put_bucket_notification_configuration(Bucket="files", NotificationConfiguration={})
    differing = bench.differing()
    for path in ("queue/jobs", "stream/orders.BatchSize", "topic/news", "bucket/files?in/*.json"):
        assert differing[f"lambda/writer: events/{path}"] == "drifted", path
    bench.refresh()
    bench.settled()


def test_event_sources_no_longer_declared_wait_for_prune(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    bench.apply(EVERY_SOURCE.partition("    events:")[0])
    assert bench.differing()["lambda/writer: events/queue/jobs"] == "orphaned"
    bench.prune()
    assert bench.client("lambda").list_event_source_mappings(FunctionName="writer")["EventSourceMappings"] == []
    assert bench.client("sns").list_subscriptions()["Subscriptions"] == []
    notified = bench.client("s3").get_bucket_notification_configuration(Bucket="files")
    assert not notified.get("LambdaFunctionConfigurations")
    bench.settled()


def test_a_function_that_subscribes_is_not_foreign_to_its_topic(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    bench.refresh()
    assert len(bench.client("sns").list_subscriptions()["Subscriptions"]) == 1


def test_a_deleted_function_takes_its_sources_along(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    bench.apply(EVERY_SOURCE.partition("lambda:")[0])
    bench.prune()
    assert bench.client("lambda").list_functions()["Functions"] == []
    assert bench.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert bench.client("sns").list_subscriptions()["Subscriptions"] == []


def test_a_wrong_smoke_answer_fails_with_both_answers_until_it_is_right(bench: Bench) -> None:
    text = """
    lambda: {echo: {source: ./functions/echo, runtime: python3.12, handler: app.handler,
                    smoke: {event: {n: 1}, expect: {got: {n: ANSWER}}}}}
    """
    if not runs(bench):
        assert bench.apply(text.replace("ANSWER", "2")).notes == (
            "functions are created as declared but cannot run on moto, which cannot run functions",
            "lambda/echo: smoke cannot run on moto, which cannot run functions",
        )
        bench.settled()
        return
    for _ in range(2):
        with pytest.raises(StepFailedError) as failed:
            bench.apply(text.replace("ANSWER", "2"))
        assert "smoke test of lambda/echo does not return what is expected" in failed.value.what
        assert '{"got": {"n": 1}}' in failed.value.what
    bench.apply(text.replace("ANSWER", "1"))
    bench.settled()


def test_a_bucket_and_functions_share_its_notifications(bench: Bench) -> None:
    both = EVERY_SOURCE.replace("s3: {files: {}}", "s3: {files: {notifications: [{queue: jobs, prefix: out/}]}}")
    bench.apply(both)
    bench.settled()
    bucket_notification_configuration = bench.client("s3").get_bucket_notification_configuration(Bucket="files")
    assert (
        len(bucket_notification_configuration["QueueConfigurations"]),
        len(bucket_notification_configuration["LambdaFunctionConfigurations"]),
    ) == (1, 1)
    bench.apply(both.replace("prefix: out/", "prefix: gone/"))
    bench.settled()
    bucket_notification_configuration = bench.client("s3").get_bucket_notification_configuration(Bucket="files")
    assert (
        len(bucket_notification_configuration["QueueConfigurations"]),
        len(bucket_notification_configuration["LambdaFunctionConfigurations"]),
    ) == (1, 1)


def test_export_gives_a_fixture_with_its_code(bench: Bench) -> None:
    bench.apply(EVERY_SOURCE)
    target = Target(bench.endpoint, bench.owner, bench.cancel)
    seen = Lambda().observe(target, [Look(name="writer", all=True)])
    exported = Lambda().export(target, seen["writer"])
    target.close()
    assert exported.body["environment"] == {"TABLE": "written"}
    assert {"queue": "jobs", "batchSize": 5} in exported.body["events"]
    if runs(bench):
        zipped = packed(bench.fixtures / "functions" / "writer")
        assert exported.files == {"lambda/writer.zip": zipped}
    else:
        assert exported.notes == ("moto does not return the code: put it in place of lambda/writer.zip",)
        assert b"put it here" in exported.files["lambda/writer.zip"]
