"""Measures seeding against the same written with the aws command line, on MiniStack, in one run.

    python scripts/bench_seeds.py [--resources 200] [--items 1000] [--load 100000] [--without-cli]

Both write the same: queues, topics with a subscription, secrets, buckets with an object, tables with items, functions.
The command line writes items 25 at a time, as well as anybody can.
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bootstrap.emulators.choose import driver_of
from bootstrap.emulators.endpoint import empty
from bootstrap.emulators.process import ProcessEmulator
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver, EmulatorSpec, StatePaths
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.work import Work

ROLE = "arn:aws:iam::000000000000:role/bench"
TAG = "bootstrap.dev/owner"
KINDS = ("sqs", "sns", "secretsmanager", "s3", "dynamodb", "lambda")
BATCH = 25


def main() -> int:
    """Measure, print a table; 1 when a promise is not kept."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="bench-seeds-") as name:
        folder = Path(name)
        emulator, cancel = started(folder)
        try:
            return measured(options, folder, emulator.up(Work(cancel, print)), cancel)
        finally:
            emulator.delete(Work(cancel, print))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=200)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--load", type=int, default=100_000, help="items of the one-pass load; 0: leave it out")
    parser.add_argument("--without-cli", action="store_true", help="measure seeding alone")
    return parser.parse_args()


def started(folder: Path) -> tuple[ProcessEmulator, CancelToken]:
    """A MiniStack of our own."""
    clock = SystemClock()
    spec = EmulatorSpec(driver=Driver.MINISTACK, persist=False)
    state = StatePaths(folder=folder / "state")
    return ProcessEmulator("bench", spec, state, driver_of(spec), SystemProcesses(clock), clock), CancelToken(clock)


def measured(options: argparse.Namespace, folder: Path, endpoint: EmulatorEndpoint, cancel: CancelToken) -> int:
    """Everything, in order; the emulator is emptied in between."""
    fixtures, script = folder / "fixtures", folder / "seed.sh"
    write_fixtures(fixtures, options.resources, options.items)
    calls = write_script(script, fixtures, options.resources, options.items)
    first, _ = seeded(fixtures, folder, endpoint)
    again, result = seeded(fixtures, folder, endpoint)
    print(
        f"first apply   {first:8.2f} s   {options.resources} resources, {options.items} items, process start included"
    )
    print(f"second apply  {again:8.2f} s   calls {json.dumps(result['calls'])}")
    kept = again <= 1.5 and result["calls"]["write"] == 0  # noqa: PLR2004  # the promise
    if not options.without_cli:
        empty(endpoint, cancel, list)
        by_hand = scripted(script, endpoint)
        print(f"aws CLI       {by_hand:8.2f} s   {calls} calls: {by_hand / first:.0f} times as long")
        kept = kept and by_hand >= 50 * first
    if options.load:
        empty(endpoint, cancel, list)
        load_fixture(folder / "load", options.load)
        seconds, _ = seeded(folder / "load", folder, endpoint)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"load          {seconds:8.2f} s   {options.load} items; largest child of this script {most} MiB")
    return 0 if kept else 1


def seeded(fixtures: Path, folder: Path, endpoint: EmulatorEndpoint) -> tuple[float, dict[str, dict[str, int]]]:
    """Seconds of one `bootstrap seed apply`, and its JSON result."""
    command = (sys.executable, "-m", "bootstrap", "seed", "apply", str(fixtures), "--endpoint", endpoint.url)
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "xdg")}
    began = time.monotonic()
    done = subprocess.run((*command, "--output", "json"), capture_output=True, text=True, check=False, env=environment)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
    document: dict[str, dict[str, int]] = json.loads(done.stdout)
    return seconds, document


def scripted(script: Path, endpoint: EmulatorEndpoint) -> float:
    """Seconds of the shell script."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(script.parent),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ENDPOINT": endpoint.url,
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
