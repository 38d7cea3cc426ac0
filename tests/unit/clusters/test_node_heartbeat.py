from datetime import UTC, datetime, timedelta
from typing import Any

from bootstrap.clusters.docker_nodes.node_heartbeat import moment, silent, stale

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def lease(name: str, seconds: float, namespace: str = "kube-node-lease") -> dict[str, Any]:
    renewed = (NOON + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"renewTime": renewed}}


def test_a_machine_that_has_told_of_itself_since_it_started_and_lately() -> None:
    assert silent([lease("a", 5)], {"a": NOON}) == {}


def test_what_it_said_before_it_was_started_again_does_not_count() -> None:
    assert silent([lease("a", -1)], {"a": NOON}) == {"a": "has not reported since it was started"}
    assert silent([], {"a": NOON}) == {"a": "has not reported since it was started"}


def test_silence_is_measured_on_the_clusters_own_clock() -> None:
    leases = [lease("a", 1), lease("kube-scheduler", 50, "kube-system")]
    assert silent(leases, {"a": NOON}) == {"a": "has not reported for 49 s"}


def test_a_lease_of_the_same_name_elsewhere_is_no_machines() -> None:
    assert silent([lease("a", 5, "kube-system")], {"a": NOON}) != {}


def test_a_lease_that_nobody_has_taken_yet() -> None:
    free = {"metadata": {"name": "b", "namespace": "kube-system"}, "spec": {}}
    assert silent([free, lease("a", 5)], {"a": NOON}) == {}


def test_times_with_any_count_of_decimals() -> None:
    assert moment("2026-01-02T12:00:00Z") == NOON
    assert moment("2026-01-02T12:00:00.000000000Z") == NOON
    assert moment("2026-01-02T12:00:00.25Z") == NOON + timedelta(seconds=0.25)


def pod(name: str, seconds: float | None, machine: str = "a") -> dict[str, Any]:
    running = None if seconds is None else {"startedAt": (NOON + timedelta(seconds=seconds)).isoformat()[:19] + "Z"}
    status = {"containerStatuses": [{"state": {"running": running} if running else {"waiting": {}}}]}
    return {"metadata": {"namespace": "n", "name": name}, "spec": {"nodeName": machine}, "status": status}


def test_pods_that_run_since_before_their_machine_was_started_again() -> None:
    pods = [pod("old", -1), pod("new", 1), pod("waits", None), pod("elsewhere", -1, "b")]
    assert stale(pods, {"a": NOON + timedelta(milliseconds=900)}) == ["n/old"]


def test_a_pod_started_in_the_second_of_its_machine_is_new() -> None:
    assert stale([pod("same", 0)], {"a": NOON + timedelta(milliseconds=900)}) == []
