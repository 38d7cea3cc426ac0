"""The embedded cluster with its real programs."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.clusters.kwok import provider as provider_module
from bootstrap.clusters.kwok.component_processes import marked_processes
from bootstrap.clusters.kwok.components import Component
from bootstrap.clusters.kwok.default_objects import volume_names
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.kube.identity import Clusters
from bootstrap.model.kubernetes_api import served_apis
from bootstrap.model.observed import TargetState
from bootstrap.model.stack import ClusterSpec
from bootstrap.system.clock import SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import is_free
from fakes import embedded as embedded_module
from fakes.embedded import Embedded
from fakes.programs import GivenPrograms, real_programs, script

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

CHART = Path(__file__).parent.parent / "data" / "charts" / "webhooks"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One cluster for the tests that leave it as they found it; its path is what a user's may be."""
    embedded = Embedded(tmp_path_factory.mktemp("ein Ordner ü" + "x" * 90))
    embedded.up()
    yield embedded
    embedded.delete()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path / "state")
    yield embedded
    embedded.delete()
    assert not processes(embedded)


def processes(embedded: Embedded) -> dict[str, int]:
    running = marked_processes(str(embedded.state.cluster))
    return {component: identity.pid for component, identity in running}


def kill(embedded: Embedded, *components: str, number: signal.Signals = signal.SIGKILL) -> None:
    for component, pid in processes(embedded).items():
        if component in components:
            os.kill(pid, number)
    if number is signal.SIGKILL:
        eventually(lambda: not set(components) & set(processes(embedded)))


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)


def kubectl(embedded: Embedded, *arguments: str) -> str:
    return run(embedded, "kubectl", *arguments)


def run(embedded: Embedded, program: str, *arguments: str) -> str:
    home = f"{embedded.state.folder}-home"
    environment = {"KUBECONFIG": str(embedded.state.kubeconfig), "HOME": home, "PATH": "/bin"}
    command = (str(real_programs().path(program)), *arguments)
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def listed(embedded: Embedded, kind: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(kubectl(embedded, "get", kind, "-A", "-o", "json"))["items"]
    return items


def test_a_second_up_changes_nothing(shared: Embedded) -> None:
    before = processes(shared)
    uid = shared.up()
    assert processes(shared) == before
    assert set(before) == set(Component)
    assert shared.observe() == (TargetState.RUNNING, "")
    assert kubectl(shared, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}") == uid


def test_the_kubeconfig_is_the_stacks_own(shared: Embedded) -> None:
    document = yaml.safe_load(shared.state.kubeconfig.read_text())
    assert document["current-context"] == "bootstrap-test"
    assert kubectl(shared, "auth", "can-i", "*", "*").strip() == "yes"


def test_the_table_of_served_apis_is_what_this_version_answers(shared: Embedded) -> None:
    """Charts are rendered by the table before there is a cluster, and by the cluster's own answer after."""
    kube = shared.observed().kube
    assert kube is not None
    api = Clusters(SystemProcesses(SystemClock())).proven(kube, shared.token())
    version = api.get("/version", shared.token())["gitVersion"]
    assert set(api.served_apis(shared.token())) == served_apis(version)


def test_files_belong_to_their_owner_alone(shared: Embedded) -> None:
    for path in shared.state.folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            assert stat.S_IMODE(mode) == 0o700, path
        elif not stat.S_ISSOCK(mode):  # those lie in a folder that nobody else can enter
            assert stat.S_IMODE(mode) == 0o600, path


def test_all_listening_is_on_loopback(shared: Embedded) -> None:
    pids = processes(shared).values()
    assert listening(pids) == {"0100007F"}


def listening(pids: Iterable[int]) -> set[str]:
    """The addresses, as /proc writes them, that any of these processes listens on or is bound to."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            inodes.add(str(descriptor.readlink()))
    addresses = set()
    for table, listens in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == listens and f"socket:[{fields[9]}]" in inodes:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def test_no_secret_is_in_a_command_line_and_no_proxy_in_an_environment(shared: Embedded) -> None:
    key = (shared.state.cluster / "pki" / "admin.key").read_text().splitlines()[1]
    for pid in processes(shared).values():
        assert key not in Path(f"/proc/{pid}/cmdline").read_text()
        names = {each.partition("=")[0] for each in Path(f"/proc/{pid}/environ").read_text().split("\0")}
        assert names == {"PATH", "HOME", "TMPDIR", "GOGC", "GOMEMLIMIT", "BOOTSTRAP_COMPONENT", ""}


def test_a_chart_with_a_webhook_a_hook_and_a_claim_installs(shared: Embedded) -> None:
    run(shared, "helm", "install", "webhooks", str(CHART), "--wait", "--timeout", "60s")
    claims = listed(shared, "persistentvolumeclaims")
    assert [claim["status"]["phase"] for claim in claims] == ["Bound"]
    # Its webhook would refuse every ConfigMap, if anything called it.
    kubectl(shared, "create", "configmap", "passes", "--from-literal=a=b")
    kubectl(shared, "delete", "configmap", "passes")
    run(shared, "helm", "uninstall", "webhooks", "--wait", "--timeout", "60s")
    eventually(lambda: free_volumes(shared) == len(volume_names()))


def free_volumes(embedded: Embedded) -> int:
    volumes = listed(embedded, "persistentvolumes")
    return sum(volume["status"]["phase"] == "Available" for volume in volumes)


@pytest.mark.parametrize("component", list(Component))
def test_a_killed_component_is_told_and_replaced(shared: Embedded, component: Component) -> None:
    uid = shared.up()
    others = {name: pid for name, pid in processes(shared).items() if name != component}
    kill(shared, component)
    state, detail = shared.observe()
    assert state is TargetState.BROKEN
    assert f"{component} is not running" in detail
    with pytest.raises(StepFailedError, match=f"{component} of the cluster has ended"):
        shared.provider.check()
    assert shared.up() == uid
    assert shared.observe() == (TargetState.RUNNING, "")
    shared.provider.check()
    assert others.items() <= processes(shared).items()


def test_after_a_reboot_the_data_is_there(shared: Embedded) -> None:
    port = json.loads((shared.state.cluster / "cluster.json").read_text())["port"]
    kubectl(shared, "create", "configmap", "kept", "--from-literal=a=b")
    kill(shared, *Component)
    assert shared.observe()[0] is TargetState.STOPPED
    shared.up()
    assert shared.observe() == (TargetState.RUNNING, "")
    assert json.loads((shared.state.cluster / "cluster.json").read_text())["port"] == port
    kubectl(shared, "delete", "configmap", "kept")


def test_a_control_plane_that_hangs_is_restarted(shared: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "_ANSWER_SECONDS", 1.0)
    uid = shared.up()
    kill(shared, Component.API_SERVER, Component.ETCD, number=signal.SIGSTOP)
    assert shared.observe()[0] is TargetState.BROKEN
    assert shared.up() == uid
    assert any(text.endswith("restarting all components") for text in shared.said)


def test_a_component_that_is_about_to_end_is_not_relied_on(shared: Embedded) -> None:
    uid = shared.up()
    kill(shared, Component.ETCD, Component.API_SERVER, number=signal.SIGTERM)
    assert shared.up() == uid
    eventually(lambda: shared.observe() == (TargetState.RUNNING, ""))
    assert set(processes(shared)) == set(Component)


def test_workers_come_and_go_in_place(shared: Embedded) -> None:
    uid = shared.up()
    shared.spec = ClusterSpec(workers=2)
    assert [str(change) for change in shared.observed().changes] == ["cluster.workers: 0 → 2"]
    assert shared.up() == uid
    nodes = {node["metadata"]["name"]: node["spec"].get("taints") for node in listed(shared, "nodes")}
    assert nodes.keys() == {"control-plane", "worker-1", "worker-2"}
    assert nodes["control-plane"]
    shared.spec = ClusterSpec()
    shared.up()
    assert shared.observe() == (TargetState.RUNNING, "")
    assert [node["spec"].get("taints") for node in listed(shared, "nodes")] == [None]


def test_another_version_than_the_programs_is_refused(shared: Embedded) -> None:
    shared.spec = ClusterSpec(kubernetes="1.30")
    try:
        seen = shared.observed()
        assert seen.replacement is not None
        assert (seen.state, seen.replacement.reason.rpartition(" ")[2]) == (TargetState.RUNNING, "1.30")
        with pytest.raises(RefusedError, match=r"1\.30 is declared, the embedded control plane is 1\.34"):
            shared.up()
    finally:
        shared.spec = ClusterSpec()


def test_a_taken_port_names_its_holder(shared: Embedded) -> None:
    port = json.loads((shared.state.cluster / "cluster.json").read_text())["port"]
    kill(shared, *Component)
    eventually(lambda: is_free(port))
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RefusedError, match=f"pid {os.getpid()}"):
        shared.up()
    shared.up()


def test_two_ups_at_once_make_one_cluster(fresh: Embedded) -> None:
    ends: list[object] = []

    def up() -> None:
        try:
            ends.append(fresh.up())
        except RefusedError as error:
            ends.append(error)

    threads = [threading.Thread(target=up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(end).__name__ for end in ends) == ["RefusedError", "str"]
    assert fresh.observe() == (TargetState.RUNNING, "")
    assert len(marked_processes(str(fresh.state.cluster))) == len(Component)


def test_killed_at_any_moment_the_next_up_converges(fresh: Embedded) -> None:
    for seconds in (0.3, 0.4, 0.5, 0.7, 1.0, 2.0, 3.0):
        command = (sys.executable, embedded_module.__file__, "up", str(fresh.state.folder))
        environment = {**os.environ, "PYTHONPATH": str(Path(embedded_module.__file__).parent.parent)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
            time.sleep(seconds)
            child.kill()
        assert fresh.observe()[0] is not TargetState.FOREIGN
        if seconds == 0.7:
            fresh.delete()  # half made is no different
            assert not fresh.state.cluster.exists()
    fresh.up()
    assert fresh.observe() == (TargetState.RUNNING, "")
    assert len(marked_processes(str(fresh.state.cluster))) == len(Component)


def test_a_component_that_ends_ends_the_wait(tmp_path: Path) -> None:
    real = real_programs()
    paths = {str(component): real.path(component) for component in Component}
    dying = script(tmp_path / "kwok", 'echo "Error: no matches for kind \\"Absent\\"" >&2; exit 1')
    versions = {str(Component.API_SERVER): real.version(Component.API_SERVER)}
    programs = GivenPrograms(paths={**paths, str(Component.KWOK): dying}, versions=versions)
    embedded = Embedded(tmp_path / "state", programs=programs)
    try:
        with pytest.raises(StepFailedError, match="kwok of the cluster has ended") as caught:
            embedded.up()
        assert caught.value.evidence == ('Error: no matches for kind "Absent"',)
    finally:
        embedded.delete()


def test_delete_leaves_nothing(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path / "state")
    embedded.up()
    pids = processes(embedded).values()
    embedded.delete()
    assert not any(Path(f"/proc/{pid}").exists() and not _is_zombie(pid) for pid in pids)
    assert [path for path in embedded.state.folder.rglob("*") if not path.is_dir()] == []
    assert not embedded.state.cluster.exists()
    assert embedded.observe() == (TargetState.ABSENT, "")
    embedded.delete()


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_processes_whose_files_are_gone_are_found(fresh: Embedded) -> None:
    fresh.up()
    subprocess.run(("rm", "-rf", str(fresh.state.folder)), check=True)
    assert fresh.observe() == (TargetState.BROKEN, "its files are gone, but its processes are running")
    fresh.delete()
    assert not processes(fresh)
    assert not fresh.state.cluster.exists()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=3m", "none", str(small)), check=False)
    if mount.returncode != 0:
        pytest.skip("mounting is not permitted here")
    embedded = Embedded(small)
    try:
        with pytest.raises(StepFailedError) as caught:
            embedded.up()
        assert any("MiB are free on the disk" in line for line in caught.value.evidence)
        assert caught.value.fix is not None
        assert "make room" in caught.value.fix
        embedded.delete()
    finally:
        eventually(lambda: subprocess.run(("umount", str(small)), check=False).returncode == 0)
