"""An apply that is killed at any moment: the next one converges, and nothing is left over or done twice."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fakes.bench import Bench

pytestmark = pytest.mark.e2e

MOMENTS = int(os.environ.get("BOOTSTRAP_KILL_MOMENTS", "8"))
LONGEST_SECONDS = 1.6

FIXTURES = """
secretsmanager:
  api: {json: {password: {generate: {length: 20}}}, tags: {a: b}}
  other: {string: "${ref:secretsmanager/api.arn}"}
s3:
  artefacts: {versioning: true, tags: {a: b}, objects: {a.txt: one, b.txt: two, c/d.txt: three}}
  second: {cors: [{origins: ["*"], methods: [GET]}]}
dynamodb:
  orders: {keys: {partition: id}, ttl: exp, itemFiles: items.jsonl}
  others: {keys: {partition: id}, items: [{id: a}, {id: b}]}
sqs:
  jobs: {messages: [one, two]}
"""
APPLY = """
import sys
from pathlib import Path
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.seeding import Seeding
url, driver, owner, folder = sys.argv[1:]
Seeding(owner=owner, paths=[Path(folder, "fixtures")], state=Path(folder, "seeds"), environment={}).apply_fixtures(
    EmulatorEndpoint(url=url, region="us-east-1", driver=driver), CancelToken(SystemClock()), lambda _text: None
)
"""


def killed_apply(bench: Bench, seconds: float) -> bool:
    """Whether it was still at work when it was killed."""
    arguments = [bench.endpoint.url, str(bench.driver), bench.owner, str(bench.folder)]
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(APPLY), *arguments])
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        return True
    return False


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_the_next_apply_converges(bench: Bench, moment: int) -> None:
    bench.write(FIXTURES)
    Path(bench.fixtures, "items.jsonl").write_text("".join(f'{{"id": "i{number}"}}\n' for number in range(600)))
    chance = random.Random(moment)  # noqa: S311 - which moment, the same one every time
    killed_apply(bench, 0.25 + chance.random() * LONGEST_SECONDS)
    bench.apply()
    bench.settled()
    plan = bench.plan()
    assert {str(resource.action) for resource in plan.resources} == {"unchanged"}
    client = bench.client("dynamodb")
    assert len(client.scan(TableName="orders")["Items"]) == 600
    names = [secret["Name"] for secret in bench.client("secretsmanager").list_secrets()["SecretList"]]
    assert sorted(names) == ["api", "other"]
    sqs = bench.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert sorted(message["Body"] for message in received) == ["one", "two"]
