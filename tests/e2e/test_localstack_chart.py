"""The real LocalStack by its own chart as the stack's emulator: seeded, read by a pod, lost and seeded again.

`BOOTSTRAP_TEST_LOCALSTACK_CHART` is the folder of that chart (0.7.0) with its dependency below `charts/`: it is not
ours to keep here. Without it the chart of tests/data stands for it, in test_chart_placement.py.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bootstrap.model.stack import Driver
from fakes.docker import require
from fakes.docker_project import MACHINES, Project
from fakes.emulator_containers import IMAGES

pytestmark = pytest.mark.docker

CHART = os.environ.get("BOOTSTRAP_TEST_LOCALSTACK_CHART", "")
IMAGE = IMAGES[Driver.LOCALSTACK]
SERVICE = "http://localstack.localstack.svc:4566"
GREETING = "hello from LocalStack"
SEEDS: dict[str, Any] = {
    "apiVersion": "bootstrap.dev/v1",
    "kind": "Seeds",
    "s3": {"artefacts": {"objects": {"greeting": GREETING}}},
    "sqs": {"orders": {"messages": ["one"]}},
    "sns": {"events": {"subscriptions": [{"queue": "orders"}]}},
    "secretsmanager": {"api": {"json": {"a": "b"}}},
    "dynamodb": {"customers": {"keys": {"partition": "id"}, "items": [{"id": "ada"}]}},
}
READS = f"""
import json, urllib.request
print(urllib.request.urlopen("{SERVICE}/artefacts/greeting", timeout=30).read().decode())
signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
json_form = "application/x-amz-json-1.0"
about = {{"X-Amz-Target": "AmazonSQS.GetQueueUrl", "Content-Type": json_form, "Authorization": signed}}
ask = urllib.request.Request("{SERVICE}/", data=b'{{"QueueName": "orders"}}', headers=about)
url = json.loads(urllib.request.urlopen(ask, timeout=30).read())["QueueUrl"]
print(urllib.request.urlopen(url + "?Action=ReceiveMessage", timeout=30).read().decode())
"""


class Inside(Project):
    """A project whose emulator is LocalStack's chart in its cluster."""

    def declare(self) -> None:
        repository = self.folder / "repository"
        shutil.copytree(Path(__file__).parents[1] / "data" / "repos" / "emulator-chart", repository)
        shutil.rmtree(repository / "charts" / "localstack")
        shutil.copytree(CHART, repository / "charts" / "localstack")
        file = repository / "infrastructure" / "localstack" / "release.yaml"
        release = yaml.safe_load(file.read_text())
        name, _, tag = IMAGE.rpartition(":")
        release["spec"]["values"] = {
            "fullnameOverride": "localstack",
            "image": {"repository": name, "tag": tag},
            "updateStrategy": {"type": "Recreate"},
            "extraEnvVars": [{"name": "SQS_ENDPOINT_STRATEGY", "value": "dynamic"}],
        }
        file.write_text(json.dumps(release))
        source = {"root": str(repository), "path": "clusters/dev"}
        self.write_stack(seeds=["seeds.yaml"], source=source, emulator={"placement": "chart"})
        (self.folder / "stacks" / "seeds.yaml").write_text(json.dumps(SEEDS))

    def client(self, service: str) -> Any:
        given = json.loads(self.bootstrap("env", self.name, "--output", "json", "--quiet"))
        return boto3.client(
            service,  # type: ignore[call-overload]  # any of them
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )

    def greeting(self) -> str:
        return str(self.client("s3").get_object(Bucket="artefacts", Key="greeting")["Body"].read().decode())

    def read_by_a_pod(self) -> str:
        container = {"name": "reader", "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
        container_spec = {**container, "command": ["python3", "-c", READS]}
        spec = {"restartPolicy": "Never", "containers": [container_spec]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": spec}
        self.in_cluster("apply", "-f", "-", stdin=json.dumps(pod))
        self.in_cluster("wait", "pod/reader", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
        return self.in_cluster("logs", "reader")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    if not CHART:
        pytest.skip("BOOTSTRAP_TEST_LOCALSTACK_CHART names no chart")
    require(MACHINES["kind"], IMAGE)
    new_inside = Inside(tmp_path_factory.mktemp("project"), name=f"rig-localstack-{os.getpid()}")
    new_inside.declare()
    new_inside.up()
    yield new_inside
    new_inside.down()
    assert new_inside.on_engine() == []


def test_it_is_seeded_and_read_here_and_by_a_pod(inside: Inside) -> None:
    assert inside.greeting() == GREETING
    printed = inside.read_by_a_pod()
    assert GREETING in printed
    assert "<Body>one</Body>" in printed
    assert inside.bootstrap("seed", "plan", "--stack", inside.name).splitlines()[-1] == "5 unchanged"
    url = inside.client("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    assert url.startswith(
        json.loads(inside.bootstrap("env", inside.name, "--output", "json", "-q"))["AWS_ENDPOINT_URL"]
    )


def test_a_pod_that_is_replaced_has_lost_its_data_and_is_seeded_again(inside: Inside) -> None:
    inside.in_cluster("-n", "localstack", "delete", "pod", "--all", "--wait=true")
    inside.in_cluster("-n", "localstack", "rollout", "status", "deployment/localstack", "--timeout=300s")
    inside.up()
    assert inside.greeting() == GREETING
    assert "Nothing to do" in inside.up()
