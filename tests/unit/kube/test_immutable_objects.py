"""Objects that cannot be changed are told from the API server's words."""

import pytest

from bootstrap.kube.immutable_objects import ImmutableObject, immutable_objects, replacement_needed
from bootstrap.model.kube import ObjectRef

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
