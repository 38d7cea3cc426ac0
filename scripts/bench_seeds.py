"""Measures seeding against the same written with raw boto3 and with the aws command line, in one run.

    python scripts/bench_seeds.py [--resources 200] [--items 1000] [--load 100000] [--without-cli]
    python scripts/bench_seeds.py --endpoint http://127.0.0.1:4566 --load 0 --without-cli      a LocalStack, for example

All write the same: queues, topics with a subscription, secrets, buckets with an object, tables with items, functions.
The others write items 25 at a time, as well as anybody can. boto3 is one program and one thread, and checks nothing.
"""

import argparse
import io
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.means import Means
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.state.paths import cache_folder
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work
from bootstrap.toolchain.find import Toolchain, ToolchainSettings

ROLE = "arn:aws:iam::000000000000:role/bench"
TAG = "bootstrap.dev/owner"
KINDS = ("sqs", "sns", "secretsmanager", "s3", "dynamodb", "lambda")
BATCH = 25


def main() -> int:
    """Measure, print a table; 1 when a promise is not kept."""
    options = parsed()
    if options.raw:
        write_raw(options.raw, options.resources, options.items)
        return 0
    if options.endpoint:
        with tempfile.TemporaryDirectory(prefix="bench-seeds-") as name:
            return measured(options, Path(name), options.endpoint)
    with tempfile.TemporaryDirectory(prefix="bench-seeds-") as name:
        folder = Path(name)
        emulator, cancel = started(folder)
        try:
            return measured(options, folder, emulator.up(Work(cancel, print)).url)
        finally:
            emulator.delete(Work(cancel, print))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=200)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--load", type=int, default=100_000, help="items of the one-pass load; 0: leave it out")
    parser.add_argument("--without-cli", action="store_true", help="do not measure the aws command line")
    parser.add_argument(
        "--endpoint", metavar="URL", help="measure on this emulator, which is emptied, not on a MiniStack"
    )
    parser.add_argument("--raw", metavar="URL", help=argparse.SUPPRESS)
    return parser.parse_args()


def started(folder: Path) -> tuple[ProcessEmulator, CancelToken]:
    """A MiniStack of our own."""
    clock = SystemClock()
    spec = EmulatorSpec(driver=Driver.MINISTACK, persist=False)
    processes, cancel = SystemProcesses(clock), CancelToken(clock)
    means = Means(
        state=StatePaths(folder=folder / "state"),
        processes=processes,
        clock=clock,
        environment=os.environ,
        programs=Toolchain(
            ToolchainSettings(cache=cache_folder(os.environ), environment=os.environ), processes, Work(cancel)
        ),
    )
    return ProcessEmulator("bench", spec, driver_of(spec), means), cancel


def measured(options: argparse.Namespace, folder: Path, endpoint: str) -> int:
    """Everything, in order; the emulator is emptied in between."""
    fixtures, script = folder / "fixtures", folder / "seed.sh"
    write_fixtures(fixtures, options.resources, options.items)
    calls = write_script(script, fixtures, options.resources, options.items)
    emptied(folder, endpoint)
    print(f"load average  {os.getloadavg()[0]:8.2f}")
    first, _ = seeded(fixtures, folder, endpoint)
    again, result = seeded(fixtures, folder, endpoint)
    print(
        f"first apply   {first:8.2f} s   {options.resources} resources, {options.items} items, process start included"
    )
    print(f"second apply  {again:8.2f} s   calls {json.dumps(result['calls'])}")
    fresh, result_of_refresh = seeded(fixtures, folder, endpoint, "refresh")
    print(f"refresh       {fresh:8.2f} s   calls {json.dumps(result_of_refresh['calls'])}")
    emptied(folder, endpoint)
    print(f"raw boto3     {raw(options, endpoint):8.2f} s   one thread, nothing compared")
    kept = again <= 1.5 and result["calls"]["write"] == 0  # noqa: PLR2004  # the promise
    if not options.without_cli:
        emptied(folder, endpoint)
        by_hand = scripted(script, endpoint)
        print(f"aws CLI       {by_hand:8.2f} s   {calls} calls: {by_hand / first:.0f} times as long")
        kept = kept and by_hand >= 50 * first
    if options.load:
        emptied(folder, endpoint)
        load_fixture(folder / "load", options.load)
        seconds, _ = seeded(folder / "load", folder, endpoint)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"load          {seconds:8.2f} s   {options.load} items; largest child of this script {most} MiB")
    return 0 if kept else 1


def emptied(folder: Path, endpoint: str) -> None:
    """The emulator without anything in it."""
    nothing = folder / "nothing"
    nothing.mkdir(exist_ok=True)
    (nothing / "fixtures.yaml").write_text(json.dumps({"apiVersion": "bootstrap.dev/v1", "kind": "Seeds"}))
    seeded(nothing, folder, endpoint, "reset")


def raw(options: argparse.Namespace, endpoint: str) -> float:
    """Seconds of this very script as a program that only writes."""
    about = ("--resources", str(options.resources), "--items", str(options.items))
    began = time.monotonic()
    subprocess.run((sys.executable, __file__, "--raw", endpoint, *about), check=True)
    return time.monotonic() - began


def write_raw(endpoint: str, count: int, items: int) -> None:
    """The same with plain boto3."""
    import boto3  # noqa: PLC0415 - the program that is measured against starts with it

    def client(name: str) -> Any:  # noqa: ANN401 - boto3's clients have no type of their own
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        return boto3.client(name, endpoint_url=endpoint, **keys)  # type: ignore[call-overload] # any of them

    tags, tag_list = {TAG: "bench"}, [{"Key": TAG, "Value": "bench"}]
    sqs, sns, queues = client("sqs"), client("sns"), names(count, "sqs")
    for name in queues:
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"}, tags=tags)
    for number, name in enumerate(names(count, "sns")):
        topic = sns.create_topic(Name=name, Tags=tag_list)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:000000000000:{queues[number]}")
    secrets, s3 = client("secretsmanager"), client("s3")
    for name in names(count, "secretsmanager"):
        secrets.create_secret(Name=name, SecretString=f"value of {name}", Tags=tag_list)
    for name in names(count, "s3"):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list})
        s3.put_object(Bucket=name, Key="a.txt", Body=name.encode())
    write_raw_tables(client("dynamodb"), tag_list, count, items)
    functions, package = client("lambda"), zipped()
    for name in names(count, "lambda"):
        about = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Tags": tags}
        functions.create_function(FunctionName=name, Code={"ZipFile": package}, **about)


def write_raw_tables(dynamodb: Any, tag_list: list[dict[str, str]], count: int, items: int) -> None:  # noqa: ANN401 - as above
    """Tables, and their items in batches."""
    for table, rows in items_of(count, items).items():
        dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=tag_list,
        )
        for start in range(0, len(rows), BATCH):
            puts = [{"PutRequest": {"Item": typed(row)}} for row in rows[start : start + BATCH]]
            dynamodb.batch_write_item(RequestItems={table: puts})


def zipped() -> bytes:
    """The function's package."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("app.py", "def handler(event, context):\n    return event\n")
    return archive.getvalue()


def seeded(fixtures: Path, folder: Path, endpoint: str, verb: str = "apply") -> tuple[float, dict[str, dict[str, int]]]:
    """Seconds of one `bootstrap seed VERB`, and its JSON result."""
    command = (sys.executable, "-m", "bootstrap", "seed", verb, str(fixtures), "--endpoint", endpoint)
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "xdg")}
    began = time.monotonic()
    done = subprocess.run((*command, "--output", "json"), capture_output=True, text=True, check=False, env=environment)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
    document: dict[str, dict[str, int]] = json.loads(done.stdout)
    return seconds, document


def scripted(script: Path, endpoint: str) -> float:
    """Seconds of the shell script."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(script.parent),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ENDPOINT": endpoint,
    }
    began = time.monotonic()
    subprocess.run(("sh", "-e", str(script)), check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def kind_of(number: int) -> str:
    """What the resource of this number is."""
    return KINDS[number % len(KINDS)]


def names(count: int, kind: str) -> list[str]:
    """The names of all resources of one kind."""
    return [f"bench-{number:04}" for number in range(count) if kind_of(number) == kind]


def items_of(count: int, items: int) -> Mapping[str, list[dict[str, object]]]:
    """The items of each table."""
    tables = names(count, "dynamodb")
    by_table: dict[str, list[dict[str, object]]] = {table: [] for table in tables}
    for number in range(items):
        by_table[tables[number % len(tables)]].append({"id": f"{number:06}", "amount": number, "kind": "order"})
    return by_table


def write_fixtures(folder: Path, count: int, items: int) -> None:
    """As fixture files; JSON is YAML too."""
    code = folder / "code"
    code.mkdir(parents=True)
    (code / "app.py").write_text("def handler(event, context):\n    return event\n")
    queues = names(count, "sqs")
    topics = names(count, "sns")
    tables = {}
    for table, rows in items_of(count, items).items():
        (folder / f"{table}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        tables[table] = {"keys": {"partition": "id"}, "itemFiles": [f"./{table}.jsonl"]}
    function = {"source": "./code", "runtime": "python3.12", "handler": "app.handler"}
    document = {
        "apiVersion": "bootstrap.dev/v1",
        "kind": "Seeds",
        "sqs": {name: {"aws": {"Attributes": {"VisibilityTimeout": "60"}}} for name in queues},
        "sns": {name: {"subscriptions": [{"queue": queues[number]}]} for number, name in enumerate(topics)},
        "secretsmanager": {name: {"string": f"value of {name}"} for name in names(count, "secretsmanager")},
        "s3": {name: {"objects": {"a.txt": {"text": name}}} for name in names(count, "s3")},
        "dynamodb": tables,
        "lambda": dict.fromkeys(names(count, "lambda"), function),
    }
    (folder / "fixtures.yaml").write_text(json.dumps(document))


def write_script(script: Path, fixtures: Path, count: int, items: int) -> int:
    """The same as a shell script; how many calls it makes."""
    archive = shutil.make_archive(str(script.parent / "code"), "zip", fixtures / "code")
    (script.parent / "a.txt").write_text("object")
    lines = [*plain_lines(count, script.parent, archive), *item_lines(count, items, script.parent)]
    script.write_text("".join(f'aws --endpoint-url "$ENDPOINT" {line}\n' for line in lines))
    return len(lines)


def plain_lines(count: int, folder: Path, archive: str) -> Iterator[str]:
    """Everything but the items, in an order that works."""
    queues = names(count, "sqs")
    for name in queues:
        yield f"sqs create-queue --queue-name {name} --attributes VisibilityTimeout=60 --tags {TAG}=bench"
    for number, name in enumerate(names(count, "sns")):
        yield f"sns create-topic --name {name} --tags Key={TAG},Value=bench"
        arn = "arn:aws:sqs:us-east-1:000000000000:" + queues[number]
        topic = f"arn:aws:sns:us-east-1:000000000000:{name}"
        yield f"sns subscribe --topic-arn {topic} --protocol sqs --notification-endpoint {arn}"
    for name in names(count, "secretsmanager"):
        value = shlex.quote(f"value of {name}")
        yield f"secretsmanager create-secret --name {name} --secret-string {value} --tags Key={TAG},Value=bench"
    for name in names(count, "s3"):
        yield f"s3api create-bucket --bucket {name}"
        yield f"s3api put-bucket-tagging --bucket {name} --tagging 'TagSet=[{{Key={TAG},Value=bench}}]'"
        yield f"s3api put-object --bucket {name} --key a.txt --body {folder / 'a.txt'}"
    for name in names(count, "lambda"):
        code = f"--zip-file fileb://{archive} --handler app.handler --runtime python3.12 --role {ROLE}"
        yield f"lambda create-function --function-name {name} {code} --tags {TAG}=bench"


def item_lines(count: int, items: int, folder: Path) -> Iterator[str]:
    """Tables, and their items in batches."""
    definition = "--attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH"
    for table, rows in items_of(count, items).items():
        about = f"{definition} --billing-mode PAY_PER_REQUEST --tags Key={TAG},Value=bench"
        yield f"dynamodb create-table --table-name {table} {about}"
        for start in range(0, len(rows), BATCH):
            file = folder / f"{table}-{start}.json"
            puts = [{"PutRequest": {"Item": typed(row)}} for row in rows[start : start + BATCH]]
            file.write_text(json.dumps({table: puts}))
            yield f"dynamodb batch-write-item --request-items file://{file}"


def typed(row: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """An item as DynamoDB writes it."""
    return {key: {"N" if isinstance(value, int) else "S": str(value)} for key, value in row.items()}


def load_fixture(folder: Path, items: int) -> None:
    """One table with many items in one file."""
    folder.mkdir()
    with (folder / "items.jsonl").open("w") as stream:
        for number in range(items):
            stream.write(json.dumps({"id": f"{number:08}", "amount": number, "text": "x" * 60}) + "\n")
    table = {"keys": {"partition": "id"}, "itemFiles": ["./items.jsonl"]}
    document = {"apiVersion": "bootstrap.dev/v1", "kind": "Seeds", "dynamodb": {"bench-load": table}}
    (folder / "fixtures.yaml").write_text(json.dumps(document))


if __name__ == "__main__":
    sys.exit(main())
