"""Finds the objects that an admission webhook is called for (Kubernetes: admissionregistration.k8s.io/v1)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.model.kube import Manifest, mapping_in, mappings_in
from bootstrap.plan.pods import pod_spec

_KINDS = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})
_NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """One webhook that pods answer."""

    name: str
    backend: tuple[str, str]
    """Namespace and name of its Service."""
    rules: tuple[Mapping[str, Any], ...]
    object_selector: Mapping[str, Any]
    namespace_selector: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """An object as a webhook sees it."""

    manifest: Manifest
    plural: str
    namespace: str | None
    namespace_labels: Mapping[str, str]


def webhooks_of(manifest: Manifest) -> Iterator[Webhook]:
    """The webhooks that an object registers, except for those whose silence changes nothing.

    A validating webhook with failurePolicy Ignore is skipped if it does not answer; a mutating one that is skipped
    leaves objects unchanged that must be changed.
    """
    if manifest.get("kind") not in _KINDS:
        return
    validating = manifest.get("kind") == "ValidatingWebhookConfiguration"
    for webhook in mappings_in(manifest, "webhooks"):
        backend = mapping_in(webhook, "clientConfig", "service")
        if not backend or (validating and webhook.get("failurePolicy") == "Ignore"):
            continue
        yield Webhook(
            name=str(webhook.get("name", "")),
            backend=(str(backend.get("namespace", "")), str(backend.get("name", ""))),
            rules=tuple(mappings_in(webhook, "rules")),
            object_selector=mapping_in(webhook, "objectSelector"),
            namespace_selector=mapping_in(webhook, "namespaceSelector"),
        )


def asks_about(webhook: Webhook, asked: Asked) -> bool:
    """Whether creating this object calls the webhook; pods count for the workload that makes them."""
    return objects_asked_about(webhook, asked) is not None


def objects_asked_about(webhook: Webhook, asked: Asked) -> Manifest | None:
    """What calls the webhook when this object is created: itself, or a pod as it makes them; None when nothing does."""
    labels = mapping_in(asked.manifest, "metadata", "labels")
    group = str(asked.manifest.get("apiVersion", "")).rpartition("/")[0]
    if not _selects_namespace(webhook, asked):
        return None
    if _rules_match(webhook.rules, group, asked.plural) and _selects(webhook.object_selector, labels):
        return asked.manifest
    template = _template_labels(asked.manifest)
    if template is None or not _rules_match(webhook.rules, "", "pods"):
        return None
    return _pod(asked.manifest, template) if _selects(webhook.object_selector, template) else None


def _pod(workload: Manifest, labels: Mapping[str, str]) -> Manifest:
    metadata = mapping_in(workload, "metadata")
    # Its service account may not exist yet, which is an error before any webhook is called.
    spec = {key: value for key, value in (pod_spec(workload) or {}).items() if not key.startswith("serviceAccount")}
    where = {"namespace": metadata["namespace"]} if metadata.get("namespace") else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": metadata.get("name"), "labels": labels, **where},
        "spec": spec,
    }


def _rules_match(rules: Sequence[Mapping[str, Any]], group: str, plural: str) -> bool:
    return any(
        _any_of(rule.get("operations"), "CREATE")
        and _any_of(rule.get("apiGroups"), group)
        and (_any_of(rule.get("resources"), plural) or _any_of(rule.get("resources"), "*/*"))
        for rule in rules
    )


def _any_of(listed: object, value: str) -> bool:
    return isinstance(listed, list | tuple) and ("*" in listed or value in listed)


def _selects_namespace(webhook: Webhook, asked: Asked) -> bool:
    if asked.namespace is None:
        return True
    labels = {**asked.namespace_labels, _NAME_LABEL: asked.namespace}
    return _selects(webhook.namespace_selector, labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    match_labels = mapping_in(selector, "matchLabels")
    if any(labels.get(key) != value for key, value in match_labels.items()):
        return False
    return all(_holds(expression, labels) for expression in mappings_in(selector, "matchExpressions"))


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(str(expression.get("key")))
    values = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _template_labels(manifest: Manifest) -> Mapping[str, str] | None:
    if pod_spec(manifest) is None or manifest.get("kind") == "Pod":
        return None
    path = ("spec", "jobTemplate") if manifest.get("kind") == "CronJob" else ()
    return mapping_in(manifest, *path, "spec", "template", "metadata", "labels")
