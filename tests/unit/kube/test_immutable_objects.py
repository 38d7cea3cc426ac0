"""Objects that cannot be changed are told from the API server's words."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.kube.apply import KubeObjects
from bootstrap.kube.immutable_objects import ImmutableObject, immutable_objects, replacement_needed
from bootstrap.model.kube import ObjectRef
from bootstrap.model.replacement import Replacement
from bootstrap.system.clock import CancelToken
from fakes.kube_api import FakeKubeApi
from fakes.processes import FakeProcesses

STATEFUL = (
    'StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than '
    "'replicas', 'ordinals' are forbidden"
)
JOB = 'Job.batch "schema" is invalid: spec.template: Invalid value: {"a": "b"}: field is immutable'


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (STATEFUL, [("StatefulSet", "db", "spec")]),
        (f"Error: UPGRADE FAILED: {JOB}", [("Job", "schema", "spec.template")]),
        (JOB.replace('"', '\\"'), [("Job", "schema", "spec.template")]),
        (f"{STATEFUL} && {JOB}", [("StatefulSet", "db", "spec"), ("Job", "schema", "spec.template")]),
        (
            'RoleBinding.rbac.authorization.k8s.io "r" is invalid: roleRef: Invalid value: {}: cannot change roleRef',
            [("RoleBinding", "r", "roleRef")],
        ),
        (
            'PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except …',
            [("PersistentVolumeClaim", "data", "spec")],
        ),
        (
            'PriorityClass.scheduling.k8s.io "p" is invalid: value: Forbidden: may not be changed in an update.',
            [("PriorityClass", "p", "value")],
        ),
        (
            'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and …',
            [("PersistentVolumeClaim", "data", "spec.resources.requests.storage")],
        ),
        ('Service "s" is invalid: spec.ports: Required value', []),
        ("connection refused", []),
    ],
)
def test_what_cannot_change(words: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(each.kind, each.name, each.field) for each in immutable_objects(words)] == expected


def test_the_refusal_names_the_field_what_is_lost_and_the_way_on() -> None:
    claim = ObjectRef(api_version="v1", kind="PersistentVolumeClaim", namespace="a", name="data")
    stuck = ImmutableObject(kind="PersistentVolumeClaim", name="data", field="spec")
    error = replacement_needed("objects/flux-system/apps", [(claim, stuck)], ("its own words",))
    assert error.what == "objects/flux-system/apps would be replaced: PersistentVolumeClaim a/data: spec cannot change"
    assert error.evidence == ("its own words", "lost with it: 1 volume")
    assert "--allow-replace objects/flux-system/apps" in (error.fix or "")


REFUSED = {
    "statefulsets/db": STATEFUL,
    "jobs/schema": JOB,
    "persistentvolumeclaims/data": 'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can …',
}


def stateful(size: str) -> dict[str, Any]:
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": size}}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": 1 if size == "1Gi" else 2,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "volumeClaimTemplates": [claim],
        },
    }


def job(password: str) -> dict[str, Any]:
    env = [{"name": "PASSWORD", "value": password}]
    spec = {"template": {"spec": {"containers": [{"name": "c", "env": env}]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "schema", "namespace": "a"}, "spec": spec}


def claim(size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "a"},
        "spec": {"resources": {"requests": {"storage": size}}},
    }


def test_dry_runs_show_each_field_without_secrets_and_what_is_lost(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    kube_api.put("/apis/apps/v1/namespaces/a/statefulsets/db", stateful("1Gi"))
    kube_api.put("/apis/batch/v1/namespaces/a/jobs/schema", job("one"))
    kube_api.put("/api/v1/namespaces/a/persistentvolumeclaims/data", claim("1Gi"))
    kube_api.fault = lambda method, path: next(
        ((422, {"message": words}) for end, words in REFUSED.items() if method == "PATCH" and path.endswith(end)), None
    )
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "a"}}
    unknown = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}}
    declared = [stateful("2Gi"), job("two"), claim("2Gi"), settings, unknown]
    replacement = KubeObjects(FakeProcesses(), "mine").replacement(declared, "a", "helm", kube, token)
    assert replacement == Replacement(
        reasons=(
            "StatefulSet a/db: spec.volumeClaimTemplates[0].spec.resources.requests.storage: 1Gi → 2Gi",
            "Job a/schema: spec.template.spec.containers[0].env[0].value cannot change",
            "PersistentVolumeClaim a/data: spec.resources.requests.storage: 1Gi → 2Gi",
        ),
        losses=("1 volume", "the volumes of StatefulSet a/db"),
    )
    assert "/api/v1/namespaces/a/configmaps/c" not in kube_api.objects


def test_nothing_is_replaced_for_what_is_refused_for_another_reason(
    kube_api: FakeKubeApi, token: CancelToken, tmp_path: Path
) -> None:
    kube = kube_api.context(tmp_path)
    wrong = 'Service "s" is invalid: spec.ports: Required value'
    kube_api.fault = lambda method, _path: (422, {"message": wrong}) if method == "PATCH" else None
    assert KubeObjects(FakeProcesses(), "mine").replacement([claim("2Gi")], "a", "helm", kube, token) is None
