from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease, Probe
from bootstrap.model.release import Kustomization, LocalChart, Release, ValuesFrom
from bootstrap.plan.infer import infer, probes


def manifest(api_version: str, kind: str, name: str, namespace: str | None = None, **fields: Any) -> Manifest:
    metadata = {"name": name} | ({} if namespace is None else {"namespace": namespace})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def crd(kind: str, group: str, *, conversion: str = "None") -> Manifest:
    spec = {
        "group": group,
        "names": {"kind": kind, "plural": f"{kind.lower()}s"},
        "conversion": {"strategy": conversion},
    }
    return manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{kind.lower()}s.{group}", spec=spec)


def deployment(name: str, **pod: Any) -> Manifest:
    return manifest("apps/v1", "Deployment", name, spec={"template": {"metadata": {"labels": {}}, "spec": pod}})


def release(name: str, *manifests: Manifest, crds: Sequence[Manifest] = (), **fields: Any) -> PreparedRelease:
    helm_release = Release(
        **{
            "namespace": "flux",
            "name": name,
            "release_name": name,
            "target_namespace": name,
            "chart": LocalChart(path=Path("/charts") / name),
            **fields,
        }
    )
    return PreparedRelease(release=helm_release, manifests=manifests, crds=tuple(crds))


def part(name: str, *objects: Manifest) -> Kustomization:
    return Kustomization(namespace="flux", name=name, objects=objects)


def edges(
    *units: PreparedRelease | Kustomization, simulated: bool = False, secrets: Collection[str] | None = None
) -> list[str]:
    inferred = infer(
        [unit for unit in units if isinstance(unit, PreparedRelease)],
        [unit for unit in units if isinstance(unit, Kustomization)],
        simulated=simulated,
        secrets=secrets,
    )
    return [f"{unit} needs {needed} ({reason})" for unit, needed, reason in inferred]


MONITOR = crd("ServiceMonitor", "monitoring.coreos.com")


def test_user_of_a_kind_needs_its_definition_only() -> None:
    assert edges(
        release("operator", crds=[MONITOR]),
        release("app", manifest("monitoring.coreos.com/v1", "ServiceMonitor", "app")),
    ) == ["release/flux/app needs crds/flux/operator (kind ServiceMonitor of app)"]


def test_user_of_a_converted_kind_needs_the_pods_that_convert() -> None:
    converted = crd("Widget", "example.dev", conversion="Webhook")
    units = (release("operator", crds=[converted]), part("own", manifest("example.dev/v1", "Widget", "w")))
    assert edges(*units) == ["objects/flux/own needs release/flux/operator (kind Widget of w)"]
    assert edges(*units, simulated=True) == ["objects/flux/own needs crds/flux/operator (kind Widget of w)"]


def test_definition_among_plain_objects() -> None:
    assert edges(part("crds", MONITOR), part("use", manifest("monitoring.coreos.com/v1", "ServiceMonitor", "x"))) == [
        "objects/flux/use needs objects/flux/crds (kind ServiceMonitor of x)"
    ]


def test_namespace_of_objects_and_of_releases() -> None:
    assert edges(
        part("base", manifest("v1", "Namespace", "web")),
        part("more", manifest("v1", "ConfigMap", "c", "web")),
        release("app", target_namespace="web"),
    ) == [
        "objects/flux/more needs objects/flux/base (namespace web of ConfigMap c)",
        "release/flux/app needs objects/flux/base (namespace web)",
    ]


def test_namespace_that_a_release_creates() -> None:
    assert edges(
        release("first", target_namespace="web", create_namespace=True),
        part("more", manifest("v1", "ConfigMap", "c", "web")),
    ) == ["objects/flux/more needs release/flux/first (namespace web of ConfigMap c)"]


@pytest.mark.parametrize(
    ("maker", "user", "reason"),
    [
        (
            manifest("networking.k8s.io/v1", "IngressClass", "traefik"),
            manifest("networking.k8s.io/v1", "Ingress", "i", spec={"ingressClassName": "traefik"}),
            "IngressClass traefik of Ingress i",
        ),
        (
            manifest("networking.k8s.io/v1", "IngressClass", "nginx"),
            {
                **manifest("networking.k8s.io/v1", "Ingress", "i"),
                "metadata": {"name": "i", "annotations": {"kubernetes.io/ingress.class": "nginx"}},
            },
            "IngressClass nginx of Ingress i",
        ),
        (
            manifest("storage.k8s.io/v1", "StorageClass", "fast"),
            manifest("v1", "PersistentVolumeClaim", "data", spec={"storageClassName": "fast"}),
            "StorageClass fast of PersistentVolumeClaim data",
        ),
        (
            manifest("storage.k8s.io/v1", "StorageClass", "fast"),
            manifest(
                "apps/v1", "StatefulSet", "db", spec={"volumeClaimTemplates": [{"spec": {"storageClassName": "fast"}}]}
            ),
            "StorageClass fast of StatefulSet db",
        ),
        (
            manifest("scheduling.k8s.io/v1", "PriorityClass", "high"),
            deployment("d", priorityClassName="high"),
            "PriorityClass high of Deployment d",
        ),
    ],
)
def test_classes(maker: Manifest, user: Manifest, reason: str) -> None:
    assert edges(release("a", maker), release("b", user)) == [f"release/flux/b needs release/flux/a ({reason})"]


@pytest.mark.parametrize(
    "pod",
    [
        {"volumes": [{"secret": {"secretName": "s"}}]},
        {"volumes": [{"projected": {"sources": [{"secret": {"name": "s"}}]}}]},
        {"containers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]},
        {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]},
        {"initContainers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]},
        {"imagePullSecrets": [{"name": "s"}]},
    ],
)
def test_mounted_secret(pod: dict[str, Any]) -> None:
    assert edges(part("own", manifest("v1", "Secret", "s", "app")), release("app", deployment("d", **pod))) == [
        "release/flux/app needs objects/flux/own (Secret s in Deployment d)"
    ]


@pytest.mark.parametrize(
    "pod",
    [
        {"volumes": [{"secret": {"secretName": "s", "optional": True}}]},
        {"volumes": [{"secret": {"secretName": "other"}}]},
        {"containers": [{"envFrom": [{"secretRef": {"name": "s", "optional": True}}]}]},
        {},
    ],
)
def test_secret_that_is_not_needed(pod: dict[str, Any]) -> None:
    assert edges(part("own", manifest("v1", "Secret", "s", "app")), release("app", deployment("d", **pod))) == []


def test_secret_of_another_namespace_is_another_secret() -> None:
    pod = {"volumes": [{"secret": {"secretName": "s"}}]}
    assert edges(part("own", manifest("v1", "Secret", "s", "else")), release("app", deployment("d", **pod))) == []


def test_own_secret_makes_no_edge() -> None:
    pod = {"volumes": [{"secret": {"secretName": "s"}}]}
    assert edges(release("app", deployment("d", **pod), manifest("v1", "Secret", "s"))) == []


ESO = "external-secrets.io"


def test_external_secrets_chain() -> None:
    store = manifest(
        f"{ESO}/v1", "ClusterSecretStore", "aws", spec={"provider": {"aws": {"service": "SecretsManager"}}}
    )
    secret = manifest(
        f"{ESO}/v1",
        "ExternalSecret",
        "grafana",
        "monitoring",
        spec={
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
            "target": {"name": "grafana-admin"},
            "data": [{"remoteRef": {"key": "fleet/grafana"}}],
        },
    )
    pod = {"containers": [{"envFrom": [{"secretRef": {"name": "grafana-admin"}}]}]}
    assert edges(
        release("eso", crds=[crd("ClusterSecretStore", ESO), crd("ExternalSecret", ESO)]),
        part("stores", store),
        part("secrets", secret),
        release("kps", deployment("grafana", **pod), target_namespace="monitoring"),
        secrets={"fleet/grafana"},
    ) == [
        "release/flux/kps needs objects/flux/secrets "
        "(Secret grafana-admin in Deployment grafana, which ExternalSecret grafana makes)",
        "objects/flux/stores needs crds/flux/eso (kind ClusterSecretStore of aws)",
        "objects/flux/stores needs release/flux/eso (the operator of ClusterSecretStore aws)",
        "objects/flux/stores needs seeds (ClusterSecretStore aws reads what is seeded)",
        "objects/flux/secrets needs crds/flux/eso (kind ExternalSecret of grafana)",
        "objects/flux/secrets needs release/flux/eso (the operator of ExternalSecret grafana)",
        "objects/flux/secrets needs objects/flux/stores (ClusterSecretStore aws of ExternalSecret grafana)",
        "objects/flux/secrets needs seeds (ExternalSecret grafana reads fleet/grafana)",
    ]


def test_nothing_needs_seeds_where_nothing_is_seeded() -> None:
    store = manifest(f"{ESO}/v1", "ClusterSecretStore", "aws", spec={"provider": {"aws": {}}})
    assert edges(part("stores", store), secrets=None) == []


def hook(kind: str = "ValidatingWebhookConfiguration", **fields: Any) -> Manifest:
    webhook = {
        "name": "check.example.dev",
        "clientConfig": {"service": {"namespace": "policy", "name": "policy"}},
        "rules": [{"operations": ["CREATE"], "apiGroups": ["networking.k8s.io"], "resources": ["ingresses"]}],
        **fields,
    }
    return manifest("admissionregistration.k8s.io/v1", kind, "policy", webhooks=[webhook])


SERVED = manifest("v1", "Service", "policy")
INGRESS = manifest("networking.k8s.io/v1", "Ingress", "i")
ASKED = "release/flux/app needs release/flux/policy (its webhook check.example.dev is asked about Ingress i)"


def test_object_that_a_webhook_is_asked_about() -> None:
    units = (release("policy", hook(), SERVED), release("app", INGRESS))
    assert edges(*units) == [ASKED]
    assert edges(*units, simulated=True) == []


def test_the_unit_with_the_workload_counts_not_the_one_with_the_configuration() -> None:
    assert edges(release("policy", SERVED), part("hooks", hook()), release("app", INGRESS)) == [ASKED]


@pytest.mark.parametrize(
    "fields",
    [
        {"failurePolicy": "Ignore"},
        {"clientConfig": {"url": "https://127.0.0.1"}},
        {"rules": [{"operations": ["DELETE"], "apiGroups": ["*"], "resources": ["*"]}]},
        {"objectSelector": {"matchLabels": {"checked": "yes"}}},
        {"namespaceSelector": {"matchExpressions": [{"key": "policy", "operator": "Exists"}]}},
        {
            "namespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["app"]}]
            }
        },
    ],
)
def test_object_that_a_webhook_is_not_asked_about(fields: dict[str, Any]) -> None:
    assert edges(release("policy", hook(**fields), SERVED), release("app", INGRESS)) == []


def test_mutating_webhook_counts_even_if_it_may_be_ignored() -> None:
    mutating = hook("MutatingWebhookConfiguration", failurePolicy="Ignore")
    assert edges(release("policy", mutating, SERVED), release("app", INGRESS)) == [ASKED]


def test_webhook_on_pods_is_asked_about_the_workload_that_makes_them() -> None:
    rules = [{"operations": ["*"], "apiGroups": [""], "resources": ["pods"]}]
    assert edges(release("policy", hook(rules=rules), SERVED), release("app", deployment("d"))) == [
        "release/flux/app needs release/flux/policy (its webhook check.example.dev is asked about Deployment d)"
    ]


def test_values_that_only_the_cluster_holds() -> None:
    source = ValuesFrom(kind="Secret", name="values")
    assert edges(part("own", manifest("v1", "Secret", "values", "flux")), release("app", values_from=(source,))) == [
        "release/flux/app needs objects/flux/own (valuesFrom Secret values)"
    ]


def test_same_input_same_edges() -> None:
    units = (release("policy", hook(), SERVED), release("app", INGRESS))
    assert edges(*units) == edges(*units)


def test_each_webhook_of_a_release_is_tried_with_the_first_object_of_another() -> None:
    rules = [{"operations": ["*"], "apiGroups": [""], "resources": ["pods"]}]
    on_pods = hook("MutatingWebhookConfiguration", rules=rules)
    policy = release("policy", hook(), on_pods, SERVED, INGRESS)
    labels = {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"serviceAccountName": "s", "containers": []}}}
    workload = {**manifest("apps/v1", "Deployment", "d"), "spec": labels}
    found_probes = probes([policy, release("app", INGRESS), release("second", INGRESS)], [part("own", workload)])
    [first] = found_probes["flux/policy"]
    assert first == Probe(webhook="check.example.dev", manifest=INGRESS, namespace="app")
    pods = release("pods", on_pods, SERVED)
    [second] = probes([pods], [part("own", workload)])["flux/pods"]
    assert second.manifest["kind"] == "Pod"
    assert second.manifest["metadata"]["labels"] == {"a": "b"}
    assert second.manifest["spec"] == {"containers": []}
    assert probes([release("app", INGRESS)], ()) == {}


def test_a_webhook_is_tried_in_the_namespace_that_the_release_makes() -> None:
    policy = release("policy", hook(), SERVED)
    [probe] = probes([policy, release("app", INGRESS, create_namespace=True)], ())["flux/policy"]
    assert (probe.namespace, probe.new_namespace) == ("app", True)
    elsewhere = {**INGRESS, "metadata": {**INGRESS["metadata"], "namespace": "shared"}}
    [probe] = probes([policy, release("app", elsewhere, create_namespace=True)], ())["flux/policy"]
    assert (probe.namespace, probe.new_namespace) == ("shared", False)
