from typing import Any

import pytest

from bootstrap.kube.readiness import Readiness, judge, serves, waiting_reason


def live(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2}, **fields}


def conditions(*rows: tuple[str, str, str, str]) -> list[dict[str, str]]:
    return [{"type": kind, "status": status, "reason": reason, "message": text} for kind, status, reason, text in rows]


SEEN = {"observedGeneration": 2}
APPS = "apps/v1"

CURRENT = [
    live(
        APPS,
        "Deployment",
        spec={"replicas": 1},
        status={**SEEN, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    ),
    live(APPS, "Deployment", spec={"replicas": 0}, status=SEEN),
    live(APPS, "StatefulSet", spec={"replicas": 2}, status={**SEEN, "readyReplicas": 2, "updatedReplicas": 2}),
    live(APPS, "StatefulSet", spec={"updateStrategy": {"type": "OnDelete"}}, status=SEEN),
    live(
        APPS,
        "StatefulSet",
        spec={"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}},
        status={**SEEN, "readyReplicas": 3, "updatedReplicas": 1},
    ),
    live(APPS, "DaemonSet", status={**SEEN, "desiredNumberScheduled": 0}),
    live(APPS, "ReplicaSet", status={**SEEN, "availableReplicas": 1}),
    live("batch/v1", "Job", status={"conditions": conditions(("Complete", "True", "", ""))}),
    live("batch/v1", "Job", spec={"suspend": True}),
    live("v1", "Pod", status={"phase": "Running", "conditions": conditions(("Ready", "True", "", ""))}),
    live("v1", "Pod", status={"phase": "Succeeded"}),
    live("v1", "PersistentVolumeClaim", status={"phase": "Bound"}),
    live("v1", "Service", spec={"type": "ClusterIP"}),
    live("v1", "Service", spec={"type": "LoadBalancer"}, status={"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}),
    live("v1", "ConfigMap"),
    live("apiregistration.k8s.io/v1", "APIService", status={"conditions": conditions(("Available", "True", "", ""))}),
    live(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        status={"conditions": conditions(("Established", "True", "", ""))},
    ),
    live("policy/v1", "PodDisruptionBudget", status=SEEN),
    live("example.dev/v1", "Widget"),
    live("example.dev/v1", "Widget", status={**SEEN, "conditions": conditions(("Ready", "True", "", ""))}),
]


@pytest.mark.parametrize("manifest", CURRENT, ids=lambda manifest: manifest["kind"])
def test_current(manifest: dict[str, Any]) -> None:
    assert judge(manifest).readiness is Readiness.CURRENT


IN_PROGRESS = [
    (live(APPS, "Deployment"), "not seen by its controller yet"),
    (live(APPS, "Deployment", status={"observedGeneration": 1}), "its controller has not seen the newest spec"),
    (live(APPS, "Deployment", status=SEEN), "0/1 replicas updated"),
    (
        live(APPS, "Deployment", status={**SEEN, "updatedReplicas": 1, "replicas": 2}),
        "1 old replicas have not ended yet",
    ),
    (live(APPS, "Deployment", status={**SEEN, "updatedReplicas": 1, "replicas": 1}), "0/1 replicas available"),
    (live(APPS, "StatefulSet"), "not seen by its controller yet"),
    (live(APPS, "StatefulSet", spec={"replicas": 2}, status={**SEEN, "readyReplicas": 1}), "1/2 replicas ready"),
    (
        live(
            APPS,
            "StatefulSet",
            status={**SEEN, "readyReplicas": 1, "updatedReplicas": 0, "currentRevision": "a", "updateRevision": "b"},
        ),
        "0/1 replicas updated",
    ),
    (
        live(
            APPS,
            "StatefulSet",
            spec={"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
            status={**SEEN, "readyReplicas": 3, "updatedReplicas": 1},
        ),
        "1/2 replicas updated",
    ),
    (live(APPS, "DaemonSet"), "not seen by its controller yet"),
    (
        live(APPS, "DaemonSet", status={**SEEN, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}),
        "1/2 pods updated",
    ),
    (
        live(
            APPS,
            "DaemonSet",
            status={**SEEN, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1},
        ),
        "0/1 pods ready",
    ),
    (live(APPS, "ReplicaSet", status=SEEN), "0/1 replicas available"),
    (
        live(
            APPS,
            "ReplicaSet",
            status={**SEEN, "conditions": conditions(("ReplicaFailure", "True", "FailedCreate", "quota"))},
        ),
        "quota",
    ),
    (live("batch/v1", "Job", spec={"completions": 3}, status={"succeeded": 1}), "1/3 completions"),
    (live("v1", "Pod", status={"phase": "Pending"}), "phase Pending"),
    (live("v1", "PersistentVolumeClaim", status={"phase": "Pending"}), "phase Pending"),
    (live("v1", "Service", spec={"type": "LoadBalancer"}), "no load balancer address yet"),
    (live("policy/v1", "PodDisruptionBudget"), "not seen by its controller yet"),
    (
        live(
            "apiregistration.k8s.io/v1",
            "APIService",
            status={"conditions": conditions(("Available", "False", "MissingEndpoints", "no endpoints"))},
        ),
        "no endpoints",
    ),
    (live("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "not Established yet"),
    (
        live("example.dev/v1", "Widget", status={"conditions": conditions(("Ready", "False", "Wait", "soon"))}),
        "Wait: soon",
    ),
    (
        live("example.dev/v1", "Widget", status={"conditions": conditions(("Reconciling", "True", "Busy", ""))}),
        "Busy",
    ),
    (live("example.dev/v1", "Widget", status={"observedGeneration": 1}), "its controller has not seen the newest spec"),
]


@pytest.mark.parametrize(
    ("manifest", "reason"), IN_PROGRESS, ids=lambda value: value if isinstance(value, str) else None
)
def test_in_progress(manifest: dict[str, Any], reason: str) -> None:
    judgement = judge(manifest)
    assert (judgement.readiness, judgement.reason) == (Readiness.IN_PROGRESS, reason)
    assert not judgement.current


FAILED = [
    (
        live(
            APPS,
            "Deployment",
            status={**SEEN, "conditions": conditions(("Progressing", "False", "ProgressDeadlineExceeded", "too slow"))},
        ),
        "too slow",
    ),
    (
        live(
            "batch/v1",
            "Job",
            status={"conditions": conditions(("Failed", "True", "BackoffLimitExceeded", "it failed"))},
        ),
        "BackoffLimitExceeded: it failed",
    ),
    (live("v1", "Pod", status={"phase": "Failed", "reason": "Evicted"}), "Evicted"),
    (
        live(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            status={"conditions": conditions(("NamesAccepted", "False", "Conflict", "plural taken"))},
        ),
        "its names are already in use: plural taken",
    ),
    (
        live("example.dev/v1", "Widget", status={"conditions": conditions(("Stalled", "True", "Broken", "no way"))}),
        "Broken: no way",
    ),
]


@pytest.mark.parametrize(("manifest", "reason"), FAILED, ids=lambda value: value if isinstance(value, str) else None)
def test_failed(manifest: dict[str, Any], reason: str) -> None:
    judgement = judge(manifest)
    assert (judgement.readiness, judgement.reason) == (Readiness.FAILED, reason)


def test_an_object_that_is_being_deleted_is_not_ready() -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert judge(manifest).readiness is Readiness.TERMINATING


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            {
                "containerStatuses": [
                    {"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}}
                ]
            },
            "c: ImagePullBackOff (no)",
        ),
        ({"containerStatuses": [{"name": "c", "state": {"terminated": {"reason": "Error"}}}]}, "c: Error"),
        (
            {
                "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "PodInitializing"}}}],
            },
            "i: CrashLoopBackOff",
        ),
        (
            {"conditions": conditions(("PodScheduled", "False", "Unschedulable", "0/1 nodes are available"))},
            "Unschedulable: 0/1 nodes are available",
        ),
        ({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        ({}, ""),
    ],
)
def test_why_a_pod_waits(status: dict[str, Any], reason: str) -> None:
    assert waiting_reason(live("v1", "Pod", status=status)) == reason


@pytest.mark.parametrize(
    ("status", "served"),
    [
        ({**SEEN, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}, True),
        ({**SEEN, "replicas": 2, "updatedReplicas": 2}, False),
        ({"observedGeneration": 1, "availableReplicas": 2}, False),
        ({}, False),
    ],
)
def test_one_replica_serves(status: dict[str, Any], *, served: bool) -> None:
    deployment = live(APPS, "Deployment", spec={"replicas": 2}, status=status)
    assert serves(deployment).current is served
    assert not judge(deployment).current


def test_other_kinds_serve_as_they_are_judged() -> None:
    assert not serves(live("v1", "Pod", status={"phase": "Pending"})).current


def test_a_daemon_set_that_no_node_matches_is_ready_with_a_note() -> None:
    judgement = judge(live(APPS, "DaemonSet", status={**SEEN, "desiredNumberScheduled": 0}))
    assert (judgement.current, judgement.reason) == (True, "no node matches it, so it has no pods")


def test_a_job_whose_failure_is_decided_has_failed() -> None:
    decided = conditions(("FailureTarget", "True", "DeadlineExceeded", "active too long"))
    judgement = judge(live("batch/v1", "Job", status={"conditions": decided}))
    assert (judgement.readiness, judgement.reason) == (Readiness.FAILED, "DeadlineExceeded: active too long")
