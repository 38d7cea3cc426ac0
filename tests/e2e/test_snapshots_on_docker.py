"""Snapshots of a real platform: cluster, volumes on its nodes and the emulator's data go back as one.

BOOTSTRAP_TEST_SNAPSHOT_PROVIDER: kind, or k3d. BOOTSTRAP_TEST_SNAPSHOT_SEQUENCES: how many sequences of writes.
BOOTSTRAP_TEST_SNAPSHOT_KILLS: the phases in which save and restore are killed, separated by commas.
"""

import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.docker.exec import execute
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.docker import require
from fakes.docker_project import APP, EMULATOR, MACHINES, OPERATOR, TRAEFIK, Project, engine
from fakes.snapshot_kills import killed_at

pytestmark = pytest.mark.docker

PROVIDER = os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_PROVIDER", "kind")
SEQUENCES = int(os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_SEQUENCES", "1"))
SEED = int(os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_SEED", "1"))
KILLS = os.environ.get("BOOTSTRAP_TEST_SNAPSHOT_KILLS", "exchange").split(",")
VOLUMES = {"kind": "/var/local-path-provisioner", "k3d": "/var/lib/rancher/k3s/storage"}[PROVIDER]
PROBE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: probe, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: probe}}}}
  template:
    metadata: {{labels: {{app: probe}}}}
    spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: probe, image: "{image}"}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: probe, namespace: shop}}
spec: {{selector: {{app: probe}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: probe, namespace: shop}}
spec:
  refreshInterval: 24h
  secretStoreRef: {{kind: ClusterSecretStore, name: aws}}
  target: {{name: probe}}
  data: [{{secretKey: text, remoteRef: {{key: shop/greeting}}}}]
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One that has a snapshot `a`; tests leave it as in that."""
    require(MACHINES[PROVIDER], EMULATOR, TRAEFIK, OPERATOR, APP)
    new = Project(tmp_path_factory.mktemp("project"), name=f"rig-snap{os.getpid() % 10_000}", provider=PROVIDER)
    new.write_platform()
    try:
        new.up()
        in_node(new, f"mkdir -p {VOLUMES}/pvc-1 && echo saved >{VOLUMES}/pvc-1/file")
        new.bootstrap("snapshot", "save", "a", "--stack", new.name)
        yield new
    finally:
        new.down()


def in_node(project: Project, script: str) -> str:
    """What a script writes in the node that has the control plane."""
    with engine() as client:
        named = [each for each in project.containers(client) if str(each.name).endswith(("control-plane", "server-0"))]
        code, output = execute(named[0], ("sh", "-c", script), CancelToken(SystemClock()).within(60, "the test"))
    assert code == 0, output
    return output.decode()


def aws(project: Project, service: str) -> Any:  # boto3's clients have no type of their own
    lines = project.bootstrap("env", "--stack", project.name).splitlines()
    address = next(line.partition("=")[2].strip("'\"") for line in lines if "AWS_ENDPOINT_URL=" in line)
    return boto3.client(
        service,  # type: ignore[call-overload]  # any of them
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def write(project: Project, chance: random.Random) -> None:
    """One write of any kind, to cluster, volumes or emulator."""
    name = f"n{chance.randrange(10**9)}"
    match chance.randrange(8):
        case 0:
            project.in_cluster("create", "namespace", name)
        case 1:
            # A name that is used again once it is gone: nobody may take the later one for it.
            project.in_cluster("apply", "-f", "-", stdin=PROBE.format(replicas=2, image=APP))
        case 2:
            change = json.dumps({"spec": {"refreshInterval": f"{chance.randrange(1, 99)}h"}})
            project.in_cluster("patch", "externalsecret", "greeting", "-n", "shop", "--type=merge", "-p", change)
        case 3:
            project.in_cluster("delete", "deployment", "shop", "-n", "shop", "--ignore-not-found")
        case 4:
            in_node(project, f"echo {name} >{VOLUMES}/pvc-1/file; mkdir {VOLUMES}/{name}")
        case 5:
            aws(project, "s3").put_object(Bucket="artefacts", Key=chance.choice(["greeting", name]), Body=name.encode())
        case 6:
            secrets = aws(project, "secretsmanager")
            secrets.put_secret_value(SecretId="shop/greeting", SecretString=name)
        case _:
            queue = aws(project, "sqs").get_queue_url(QueueName="orders")["QueueUrl"]
            aws(project, "sqs").send_message(QueueUrl=queue, MessageBody=name)
            aws(project, "sqs").create_queue(QueueName=name)


def is_as_saved(project: Project) -> bool:
    """Whether nothing differs from snapshot a, and everything is as declared."""
    project.bootstrap("plan", project.name, "--exit-code")
    project.bootstrap("seed", "plan", "--stack", project.name, "--exit-code")
    queue = aws(project, "sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    assert "Messages" not in aws(project, "sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=0)
    assert in_node(project, f"cat {VOLUMES}/pvc-1/file; ls {VOLUMES}").split() == ["saved", "pvc-1"]
    changed = json.loads(project.bootstrap("snapshot", "diff", "a", "--stack", project.name, "-o", "json", "-q"))
    # A cluster that was created again has keys of its own.
    named = changed["objects"].pop("modified")
    keys = ("/kube-root-ca.crt", "/extension-apiserver-authentication")
    assert [name for name in named if not name.endswith(keys)] == []
    assert changed["objects"] == {"added": [], "removed": []}
    assert changed["resources"] == {"added": [], "removed": [], "modified": []}
    return True


def controllers_work(project: Project) -> None:
    """They see the world of now: a Deployment gets pods, a Service endpoints, an ExternalSecret its Secret."""
    project.in_cluster("apply", "-f", "-", stdin=PROBE.format(replicas=1, image=APP))
    project.in_cluster("rollout", "status", "deployment/probe", "-n", "shop", "--timeout=120s")
    ready = "--for=jsonpath={.endpoints[0].conditions.ready}=true"
    about = ("endpointslice", "-n", "shop", "-l", "kubernetes.io/service-name=probe")
    project.in_cluster("wait", *about, ready, "--timeout=60s")
    project.in_cluster("wait", "externalsecret/probe", "-n", "shop", "--for=condition=Ready", "--timeout=60s")
    for kind in ("deployment", "service", "externalsecret"):
        project.in_cluster("delete", kind, "probe", "-n", "shop", "--wait=true", "--cascade=foreground")
    project.in_cluster("wait", "secret/probe", "-n", "shop", "--for=delete", "--timeout=60s")


def ports(project: Project) -> dict[str, object]:
    with engine() as client:
        return {str(each.name): each.ports for each in project.containers(client)}


@pytest.mark.parametrize("sequence", range(SEQUENCES))
def test_after_any_writes_a_restore_brings_everything_back(platform: Project, sequence: int) -> None:
    chance, before = random.Random(SEED * 1000 + sequence), ports(platform)  # noqa: S311 - the same writes every time
    for _ in range(chance.randrange(3, 8)):
        write(platform, chance)
    platform.bootstrap("snapshot", "restore", "a", "--stack", platform.name)
    assert ports(platform) == before
    assert is_as_saved(platform)
    controllers_work(platform)
    assert is_as_saved(platform)


@pytest.mark.parametrize("verb", ["restore"] if KILLS == ["exchange"] else ["save", "restore"])
@pytest.mark.parametrize("phase", KILLS)
def test_whenever_it_is_killed_the_platform_is_as_before_or_as_saved(platform: Project, phase: str, verb: str) -> None:
    restores = verb == "restore"
    if phase in ({"copy", "name"} if restores else {"stage", "exchange", "refill", "clear"}):
        pytest.skip(f"{verb} has no phase {phase}")
    if restores:
        platform.in_cluster("create", "namespace", "left-behind")
    name = "a" if restores else "b"
    command = (*killed_at(phase), "snapshot", verb, name, "--stack", platform.name)
    ended = subprocess.run(
        command, cwd=platform.folder, env=platform.environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9, ended.stderr
    platform.up()
    here = "namespace/left-behind" in platform.in_cluster("get", "namespaces", "-o", "name").split()
    assert here is (restores and phase in {"stage", "stop"})
    if here:
        platform.in_cluster("delete", "namespace", "left-behind")
    assert is_as_saved(platform)


def test_two_at_once_are_kept_apart(platform: Project) -> None:
    held = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from bootstrap.system.filelock import hold
        with hold(Path(sys.argv[1]), "bootstrap snapshot restore a"):
            print("held", flush=True)
            sys.stdin.read()
    """)
    lock = next((platform.folder / "state" / "bootstrap").iterdir()) / "lock"
    command = [sys.executable, "-c", held, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(AssertionError, match="another run changes this stack"):
            platform.bootstrap("snapshot", "restore", "a", "--stack", platform.name)
        other.communicate()


def test_a_new_cluster_begins_with_a_file(platform: Project, tmp_path: Path) -> None:
    """Another machine: nothing of the stack is there, and the cluster gets other keys."""
    if PROVIDER == "k3d":
        pytest.skip("the datastore of k3s can be read by its own cluster alone")
    file, before = tmp_path / "platform.tar.gz", platform.in_cluster("config", "view", "--raw")
    platform.bootstrap("snapshot", "export", "a", str(file), "--stack", platform.name)
    platform.down()
    platform.up("--from-snapshot", str(file))
    assert platform.in_cluster("config", "view", "--raw") != before
    assert is_as_saved(platform)
    controllers_work(platform)
