"""An emulator that is a release of the stack, on real machines: seeded through a forward that is kept open."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from bootstrap.emulators.daemon import read_identity
from bootstrap.emulators.process_record import ForwardFolder
from bootstrap.system.processes import started_at
from fakes.docker import require
from fakes.docker_project import EMULATOR, MACHINES, Project, engine

pytestmark = pytest.mark.docker

REPOSITORY = Path(__file__).parents[1] / "data" / "repos" / "emulator-chart"
IN_CLUSTER = "http://localstack.localstack.svc:4566"
GREETING = "hello from the release"
SEEDS = f"""
apiVersion: bootstrap.dev/v1
kind: Seeds
s3:
  artefacts:
    objects: {{greeting: {GREETING}}}
sqs:
  orders: {{}}
"""
READS = f"""
import urllib.request
print(urllib.request.urlopen("{IN_CLUSTER}/artefacts/greeting", timeout=10).read().decode())
"""
BACK_SECONDS = 60


class Inside(Project):
    """A project whose emulator is in its cluster."""

    def declare(self, **fields: Any) -> None:
        file = self.folder / "stacks" / "seeds.yaml"
        source = {"root": str(REPOSITORY), "path": "clusters/dev", "substitute": {"emulator_image": EMULATOR}}
        declared = {"seeds": ["seeds.yaml"], "source": source, "emulator": {"placement": "chart"}, **fields}
        self.write_stack(**{name: value for name, value in declared.items() if value is not None})
        file.write_text(SEEDS)

    @property
    def state(self) -> Path:
        return next((self.folder / "state" / "bootstrap").glob(f"{self.name}-*"))

    def variables(self) -> Mapping[str, str]:
        document: Mapping[str, str] = json.loads(self.bootstrap("env", self.name, "--output", "json", "--quiet"))
        return document

    def processes(self) -> Sequence[int]:
        """The pids of the keeper and of its kubectl, as far as they run."""
        folder = ForwardFolder(self.state / "emulator")
        identities = (read_identity(folder.keeper), read_identity(folder.kubectl))
        return [
            identity.pid
            for identity in identities
            if identity is not None and started_at(identity.pid) == identity.started
        ]

    def greeting(self) -> str:
        """What a program of this machine reads, with what `env` gives."""
        given = self.variables()
        s3 = boto3.client(
            "s3",
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )
        return str(s3.get_object(Bucket="artefacts", Key="greeting")["Body"].read().decode())

    def read_by_a_pod(self, name: str) -> str:
        """What a pod reads by the Service of the chart."""
        container = {"name": "reader", "image": EMULATOR, "imagePullPolicy": "IfNotPresent"}
        spec = {"restartPolicy": "Never", "containers": [{**container, "command": ["python3", "-c", READS]}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.in_cluster("apply", "-f", "-", stdin=json.dumps(pod))
        self.in_cluster("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
        return self.in_cluster("logs", name)

    def status(self) -> Mapping[str, str]:
        """By part, how it is; status ends with 1 where something is not up."""
        ended = subprocess.run(
            [sys.executable, "-m", "bootstrap", "status", self.name, "--output", "json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        parts = json.loads(ended.stdout)["parts"]
        return {part["name"]: f"{part['health']} {part['difference'] or part['detail']}" for part in parts}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    require(MACHINES["kind"], EMULATOR)
    new_inside = Inside(tmp_path_factory.mktemp("project"), name=f"rig-chart-{os.getpid()}")
    new_inside.declare()
    new_inside.up()
    yield new_inside
    processes = new_inside.processes()
    new_inside.down()
    assert new_inside.on_engine() == []
    assert [pid for pid in processes if started_at(pid) is not None] == []
    assert not new_inside.state.exists() if list((new_inside.folder / "state").rglob("*")) else True


def test_what_is_seeded_through_the_forward_is_read_here_and_by_a_pod(inside: Inside) -> None:
    assert inside.greeting() == GREETING
    assert GREETING in inside.read_by_a_pod("reader")
    assert inside.bootstrap("seed", "plan", "--stack", inside.name).splitlines()[-1] == "2 unchanged"
    asked = "import os; print(os.environ['AWS_ENDPOINT_URL'])"
    printed = inside.bootstrap("run", "--stack", inside.name, "--", sys.executable, "-c", asked)
    assert printed.strip() == inside.variables()["AWS_ENDPOINT_URL"]


def test_up_again_changes_nothing(inside: Inside) -> None:
    before = (inside.processes(), inside.variables(), inside.machines())
    assert "Nothing to do" in inside.up()
    assert (inside.processes(), inside.variables(), inside.machines()) == before


def test_a_pod_that_is_replaced_has_lost_its_data_and_is_seeded_again(inside: Inside) -> None:
    address = inside.variables()["AWS_ENDPOINT_URL"]
    inside.in_cluster("-n", "localstack", "delete", "pod", "--all", "--wait=true")
    inside.in_cluster("-n", "localstack", "rollout", "status", "deployment/localstack", "--timeout=60s")
    assert inside.status()["emulator"] == "up its data is lost"
    began = time.monotonic()
    inside.up()
    assert time.monotonic() - began < BACK_SECONDS
    assert inside.greeting() == GREETING
    assert inside.variables()["AWS_ENDPOINT_URL"] == address


def test_an_api_server_that_restarts_leaves_the_way_open_again(inside: Inside) -> None:
    before = inside.variables()
    with engine() as client:
        [machine] = inside.containers(client)
        assert machine.exec_run(["pkill", "-KILL", "kube-apiserver"]).exit_code == 0
    # Whoever connects meanwhile waits.
    assert inside.greeting() == GREETING
    assert inside.variables() == before


def test_a_keeper_that_was_killed_is_started_again_at_the_same_address(inside: Inside) -> None:
    before = inside.variables()
    keeper, kubectl = inside.processes()
    os.kill(keeper, 9)
    assert inside.status()["emulator"] == "stopped no port of 127.0.0.1 is forwarded to it"
    inside.bootstrap("repair", inside.name)
    assert inside.variables() == before
    assert inside.greeting() == GREETING
    assert {keeper, kubectl}.isdisjoint(inside.processes())


def test_machines_that_were_restarted_are_brought_back_with_the_data(inside: Inside) -> None:
    before = inside.variables()
    with engine() as client:
        [machine] = inside.containers(client)
        machine.restart()
    began = time.monotonic()
    inside.bootstrap("repair", inside.name)
    inside.up()
    assert time.monotonic() - began < BACK_SECONDS * 2
    assert inside.greeting() == GREETING
    assert inside.variables() == before


def test_data_that_is_lost_while_it_is_seeded_is_seeded_again_in_the_same_run(inside: Inside) -> None:
    many = {f"part-{number:03}": "x" * 1000 for number in range(300)}
    declared = {"apiVersion": "bootstrap.dev/v1", "kind": "Seeds", "s3": {"parts": {"objects": many}}}
    (inside.folder / "stacks" / "more.yaml").write_text(json.dumps(declared))
    inside.declare(seeds=["seeds.yaml", "more.yaml"])
    argv = [sys.executable, "-m", "bootstrap", "up", inside.name, "--progress", "plain"]
    lines: list[str] = []
    with subprocess.Popen(argv, cwd=inside.folder, env=inside.environment, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            lines.append(line)
            if "start seeds" in line:
                inside.in_cluster("-n", "localstack", "delete", "pod", "--all", "--force", "--grace-period=0")
    assert run.returncode == 0, "".join(lines)
    # In the second case the pod was gone before anything was written to it.
    assert re.search("the emulator lost its data meanwhile: seeding it again|seeds: 3 created", "".join(lines))
    assert inside.bootstrap("seed", "plan", "--stack", inside.name).splitlines()[-1] == "3 unchanged"
    assert inside.greeting() == GREETING


def test_a_release_that_changes_is_seeded_in_the_same_run(inside: Inside) -> None:
    ended = inside.up("--var", "emulator_generation=2", "--allow-replace")
    assert "its release is installed: values changed" in ended
    assert inside.greeting() == GREETING


def test_one_that_moves_out_of_the_cluster_and_back_leaves_nothing_behind(inside: Inside) -> None:
    processes = inside.processes()
    inside.declare(emulator={"placement": "container", "image": EMULATOR})
    inside.up("--allow-replace")
    assert [pid for pid in processes if started_at(pid) is not None] == []
    assert inside.greeting() == GREETING
    assert GREETING in inside.read_by_a_pod("outside")
    inside.declare()
    inside.up("--allow-replace")
    assert [name for name in inside.on_engine() if name.endswith("-emulator")] == []
    assert inside.greeting() == GREETING
    assert GREETING in inside.read_by_a_pod("inside-again")


def test_on_a_cluster_of_others_it_is_the_release_too(inside: Inside, tmp_path: Path) -> None:
    """The same machines, as if somebody else had made them; the release gives way to another stack's."""
    uid = inside.in_cluster("get", "namespace", "kube-system", "-o=jsonpath={.metadata.uid}").strip()
    processes = inside.processes()
    inside.declare(emulator=False, seeds=[], source=None)
    inside.up("--prune-all", "--allow-replace")
    assert [pid for pid in processes if started_at(pid) is not None] == []
    guest = Inside(tmp_path, name=f"{inside.name}-guest")
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    kubeconfig = inside.state / "kubeconfig"
    (tmp_path / "home" / ".kube" / "config").write_bytes(kubeconfig.read_bytes())
    context = inside.in_cluster("config", "current-context").strip()
    guest.declare(cluster={"provider": "existing", "context": context, "uid": uid}, emulator={})
    try:
        guest.up()
        assert guest.greeting() == GREETING
        assert "Nothing to do" in guest.up()
        processes = guest.processes()
    finally:
        guest.down()
    assert [pid for pid in processes if started_at(pid) is not None] == []
    assert dataclasses.asdict(inside)["name"] in "".join(inside.on_engine())
