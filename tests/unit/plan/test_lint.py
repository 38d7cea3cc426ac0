"""What is noted before anything is created."""

import dataclasses
from collections.abc import Iterator

import pytest

from bootstrap.flux.kustomize_build import is_object
from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import FluxRepo, OciChart
from bootstrap.model.stack import Provider
from bootstrap.plan.deprecations import discontinued
from bootstrap.plan.desired import Desired
from bootstrap.plan.infer import infer
from bootstrap.plan.lint import lint, unknown_value
from bootstrap.plan.manifest_images import images_of
from bootstrap.plan.units import cut
from fakes.repo import kustomization, release, stack


def claim(storage_class: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk", "namespace": "apps"},
        "spec": {"storageClassName": storage_class},
    }


def pod(image: str, **variables: str) -> Manifest:
    env = [{"name": name, "value": value} for name, value in variables.items()]
    containers = [{"name": "main", "image": image, "env": env}]
    metadata = {"name": "web", "namespace": "apps"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def store(region: str) -> Manifest:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ClusterSecretStore",
        "metadata": {"name": "aws"},
        "spec": {"provider": {"aws": {"service": "SecretsManager", "region": region}}},
    }


UNITS = frozenset({"objects/flux-system/apps", "objects/flux-system/apps+custom"})
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {"type": "LoadBalancer"},
}


def noted(*objects: Manifest, provider: Provider = Provider.KWOK) -> list[str]:
    repo = FluxRepo(kustomizations=(kustomization("apps", *objects),))
    desired = Desired(stack=stack(emulator=True, provider=provider), repo=repo)
    return [note.text.partition(": ")[2] for note in lint(desired, discontinued(), UNITS)]


def test_a_storage_class_that_the_cluster_does_not_have() -> None:
    assert noted(claim("standard")) == []
    assert noted(claim("fast")) == [
        "PersistentVolumeClaim apps/disk asks for storage class fast; kwok has standard",
    ]
    assert noted(claim("standard"), provider=Provider.K3D) == [
        "PersistentVolumeClaim apps/disk asks for storage class standard; k3d has local-path",
    ]
    assert noted(claim("any"), provider=Provider.EXISTING) == []
    manifest = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}}
    assert noted(claim("fast"), manifest) == []
    template = {"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"volumeClaimTemplates": [claim("fast")]}}
    assert noted(template) == ["StatefulSet db asks for storage class fast; kwok has standard"]


def test_a_load_balancer_on_kind_only() -> None:
    assert noted(SERVICE) == []
    assert noted(SERVICE, provider=Provider.KIND) == [
        "Service apps/web is a LoadBalancer, which gets no address on kind: use NodePort or ClusterIP"
    ]


def test_a_secret_store_that_reads_another_region() -> None:
    assert noted(store("us-east-1")) == []
    assert noted(store("eu-west-1")) == [
        "ClusterSecretStore aws reads region eu-west-1, but seeds are in us-east-1",
    ]


@pytest.mark.parametrize(
    "host", ["localstack.localstack", "localstack.localstack.svc", "localstack.localstack.svc.cluster.local"]
)
def test_endpoints_that_lead_to_the_emulator_are_fine(host: str) -> None:
    assert noted(pod("web:1", AWS_ENDPOINT_URL=f"http://{host}:4566", OTHER="http://elsewhere")) == []


@pytest.mark.parametrize("address", ["http://localstack.aws.svc:4566", "http://localstack.localstack.svc:4567"])
def test_endpoints_that_lead_elsewhere(address: str) -> None:
    assert noted(pod("web:1", AWS_SECRETSMANAGER_ENDPOINT=address)) == [
        f"Pod apps/web sets AWS_SECRETSMANAGER_ENDPOINT to {address}; "
        "the emulator is http://localstack.localstack.svc:4566"
    ]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("docker.io/bitnami/postgresql:16.1.0", "Bitnami's versioned tags"),
        ("bitnamilegacy/redis:7", "frozen"),
        ("localstack/localstack-pro:4", "does not start without LOCALSTACK_AUTH_TOKEN"),
        ("localstack/localstack:latest", "latest is after it"),
        ("localstack/localstack", "latest is after it"),
    ],
)
def test_images_that_are_dead(image: str, words: str) -> None:
    (note,) = noted(pod(image))
    assert note.startswith(f"{image}: ")
    assert words in note
    assert "; instead: " in note


@pytest.mark.parametrize("image", ["localstack/localstack:4.14.0", "postgres:16", "ghcr.io/me/bitnami/x:1"])
def test_images_that_live(image: str) -> None:
    assert noted(pod(image)) == []


def test_charts_that_are_dead_and_what_they_render() -> None:
    dying = release("wego", chart=None)
    dying = dataclasses.replace(dying, chart=OciChart(url="oci://ghcr.io/weaveworks/charts/weave-gitops"))
    bitnami = release("pg", chart="postgresql")
    prepared = PreparedRelease(release=bitnami, manifests=(pod("bitnami/postgresql:16"),))
    desired = Desired(stack=stack(), repo=FluxRepo(releases=(dying, bitnami)), prepared={bitnami.id: prepared})
    units = {"release/apps/wego", "release/apps/pg"}
    texts = [note.text for note in lint(desired, discontinued(), units)]
    assert [text.partition(":")[0] for text in texts] == ["release/apps/pg", "release/apps/wego"]
    assert "Headlamp" in texts[1]


def test_only_the_units_that_are_asked_about_are_looked_into() -> None:
    desired = Desired(stack=stack(), repo=FluxRepo(kustomizations=(kustomization("apps", claim("fast")),)))
    assert lint(desired, discontinued(), frozenset({"objects/flux-system/other"})) == ()


def test_a_value_that_is_not_read() -> None:
    assert unknown_value(release("web"), "replcas", "replicas").text == (
        "release/apps/web: values.replcas: its chart does not read this (did you mean replicas?)"
    )
    assert unknown_value(release("web"), "x", None).text == "release/apps/web: values.x: its chart does not read this"


def test_images_are_found_wherever_pods_are_described() -> None:
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "spec": {
            "image": "prometheus:3",
            "containers": [{"name": "a", "image": "side:1"}, {"name": "b"}],
            "template": {"spec": {"initContainers": [{"image": "init:1"}], "containers": [{"image": "side:1"}]}},
            "note": {"image": "not an image"},
        },
    }
    assert images_of(manifest) == ("prometheus:3", "side:1", "init:1")
    assert images_of({"kind": "ConfigMap", "data": {"image": "x"}}) == ()


ODD: tuple[object, ...] = ("text", 1, None, [], {}, ["text"], [{}])
HOOK: Manifest = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "check"},
    "webhooks": [
        {
            "name": "check.example.dev",
            "clientConfig": {"service": {"name": "web", "namespace": "apps"}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "resources": ["pods"]}],
            "objectSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]},
            "namespaceSelector": {"matchLabels": {"a": "b"}},
        }
    ],
}
EXTERNAL: Manifest = {
    "apiVersion": "external-secrets.io/v1",
    "kind": "ExternalSecret",
    "metadata": {"name": "one", "namespace": "apps", "labels": {"a": "b"}, "annotations": {"a": "b"}},
    "spec": {
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
        "target": {"name": "made", "creationPolicy": "Owner"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}],
        "dataFrom": [{"extract": {"key": "b"}}],
    },
}
DEFINITION: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "externalsecrets.external-secrets.io"},
    "spec": {
        "group": "external-secrets.io",
        "names": {"kind": "ExternalSecret", "plural": "externalsecrets"},
        "conversion": {"strategy": "Webhook"},
    },
}
MOUNTING: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {
        "volumeClaimTemplates": [{"spec": {"storageClassName": "standard"}}],
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "imagePullSecrets": [{"name": "made"}],
                "volumes": [
                    {"name": "a", "secret": {"secretName": "made"}},
                    {"name": "b", "projected": {"sources": [{"configMap": {"name": "made"}}]}},
                    {"name": "c", "persistentVolumeClaim": {"claimName": "disk"}},
                ],
                "containers": [
                    {
                        "name": "a",
                        "image": "a:1",
                        "envFrom": [{"secretRef": {"name": "made"}}],
                        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "made", "key": "a"}}}],
                    }
                ],
            },
        },
    },
}
WHOLE = (HOOK, EXTERNAL, DEFINITION, MOUNTING, SERVICE, claim("standard"), store("us-east-1"), pod("a:1", A="b"))


def mutilated(value: object) -> Iterator[object]:
    """The value with one part of it, at any depth, being something else."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for changed in (*ODD, *mutilated(inner)):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            for changed in (*ODD, *mutilated(inner)):
                yield [*value[:number], changed, *value[number + 1 :]]


@pytest.mark.parametrize("manifest", WHOLE, ids=lambda manifest: str(manifest["kind"]))
def test_objects_that_no_api_server_would_take_break_nothing(manifest: Manifest) -> None:
    others = tuple(other for other in WHOLE if other is not manifest)
    for odd in mutilated(manifest):
        if not isinstance(odd, dict) or not is_object(odd):
            continue  # the repository's reader refuses it
        repo = FluxRepo(kustomizations=(kustomization("apps", odd, *others),))
        desired = Desired(stack=stack(emulator=True), repo=repo)
        lint(desired, discontinued(), UNITS)
        infer((), cut(desired.stack, repo).parts, simulated=False, secrets={"a"})
