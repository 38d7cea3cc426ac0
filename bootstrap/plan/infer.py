"""Infers edges that a repository does not declare, from the objects of its charts and Kustomizations."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.model.kube import Manifest, NamedObject, mapping_in, mappings_in, ref_of
from bootstrap.model.observed import PreparedRelease, Probe
from bootstrap.model.release import Kustomization
from bootstrap.plan import ids
from bootstrap.plan.pods import mounted, pod_spec
from bootstrap.plan.webhooks import Asked, Webhook, asks_about, objects_asked_about, webhooks_of

Needed = tuple[str, str]
"""(unit that must be done first, reason)."""
_CLASSES = frozenset({"IngressClass", "StorageClass", "PriorityClass", "RuntimeClass", "GatewayClass"})
_HELD = frozenset({"Secret", "ConfigMap", "PersistentVolumeClaim", "ServiceAccount"})
_SECRETS_GROUP = "external-secrets.io"
_STORES = frozenset({"SecretStore", "ClusterSecretStore"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An object, the unit that creates it, and its namespace."""

    unit: str
    manifest: Manifest
    namespace: str | None
    """Of the object, or where its unit's objects go when it names none."""

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.manifest.get("kind", ""))

    @property
    def group(self) -> str:
        """Its API group."""
        return ref_of(self.manifest).group

    @property
    def name(self) -> str:
        """Its name."""
        return ref_of(self.manifest).name

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec; empty if it has none."""
        return mapping_in(self.manifest, "spec")

    def __str__(self) -> str:
        """`Kind name`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Makers:
    """The units that create what others need; the first one listed counts."""

    definitions: dict[tuple[str, str], Placed] = field(default_factory=dict)
    """By group and kind."""
    namespaces: dict[str, str] = field(default_factory=dict)
    namespace_labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    classes: dict[tuple[str, str], str] = field(default_factory=dict)
    """By kind and name."""
    containers: dict[tuple[str, str | None, str], Placed] = field(default_factory=dict)
    """By kind, namespace and name."""
    backends: dict[tuple[str, str], str] = field(default_factory=dict)
    """Services, by namespace and name."""
    stores: dict[tuple[str, str | None, str], str] = field(default_factory=dict)
    """Secret stores, by kind, namespace (None: of the cluster) and name."""
    webhooks: list[tuple[Webhook, str]] = field(default_factory=list)


def infer(
    prepared: Iterable[PreparedRelease],
    parts: Iterable[Kustomization],
    *,
    simulated: bool,
    secrets: Collection[str] | None,
) -> tuple[tuple[str, str, str], ...]:
    """(unit, unit it needs, reason), each pair once; units are `release/…`, `crds/…`, `objects/…` and `seeds`.

    `secrets` are the names of seeded secrets, None if nothing is seeded. Releases that are not rendered yet give
    what is known of them. Simulated pods serve no webhook.
    """
    releases = tuple(prepared)
    placed = (*_of_releases(releases), *_of_parts(parts))
    makers = _makers(placed, releases)
    definitions: dict[tuple[str, str], str] = {}
    for item in placed:
        for needed, reason in _needs(item, makers, simulated=simulated, secrets=secrets):
            if _owner(needed) != _owner(item.unit):
                definitions.setdefault((item.unit, needed), reason)
    for release in releases:
        for needed, reason in _needs_of_release(release, makers):
            if _owner(needed) != release.release.id:
                definitions.setdefault((ids.release(release.release.id), needed), reason)
    return tuple((unit, needed, reason) for (unit, needed), reason in definitions.items())


def _of_releases(releases: Iterable[PreparedRelease]) -> Iterator[Placed]:
    for each in releases:
        namespace = each.release.target_namespace
        rendered = each.manifests or ()
        names = {ref_of(item) for item in rendered}
        for manifest in (*rendered, *(crd for crd in each.crds if ref_of(crd) not in names)):
            yield _placed(ids.release(each.release.id), manifest, namespace)


def _of_parts(parts: Iterable[Kustomization]) -> Iterator[Placed]:
    for part in parts:
        for manifest in part.objects:
            yield _placed(ids.objects(part.id), manifest, None)


def _placed(unit: str, manifest: Manifest, namespace: str | None) -> Placed:
    return Placed(unit=unit, manifest=manifest, namespace=ref_of(manifest).namespace or namespace)


def probes(releases: Iterable[PreparedRelease], parts: Iterable[Kustomization]) -> Mapping[str, tuple[Probe, ...]]:
    """By release id, for each of its webhooks, the first object of another unit that it is asked about."""
    whole = tuple(releases)
    placed = (*_of_releases(whole), *_of_parts(parts))
    makers = _makers(placed, whole)
    creators = {
        (ids.release(prepared_release.release.id), prepared_release.release.target_namespace)
        for prepared_release in whole
        if prepared_release.release.create_namespace
    }
    by_step: dict[str, dict[str, Probe]] = {}
    for item in placed if makers.webhooks else ():
        asked = _asked(item, makers)
        for webhook, unit in makers.webhooks:
            manifest = None if _owner(unit) == _owner(item.unit) else objects_asked_about(webhook, asked)
            if manifest is not None:
                probe = Probe(
                    webhook=webhook.name,
                    manifest=manifest,
                    namespace=item.namespace,
                    new_namespace=(item.unit, item.namespace) in creators,
                )
                by_step.setdefault(unit, {}).setdefault(webhook.name, probe)
    return {
        each.release.id: tuple(by_step[ids.release(each.release.id)].values())
        for each in whole
        if ids.release(each.release.id) in by_step
    }


def expected(releases: Iterable[PreparedRelease], parts: Iterable[Kustomization]) -> Mapping[NamedObject, str]:
    """The objects of the plan that pods may need, and what creates them: `ExternalSecret db (release/shop/web)`."""
    whole = tuple(releases)
    containers = _makers((*_of_releases(whole), *_of_parts(parts)), whole).containers
    return {named: f"{maker} ({maker.unit})" for named, maker in containers.items()}


def _makers(placed: Iterable[Placed], releases: Iterable[PreparedRelease]) -> _Makers:
    makers = _Makers()
    for item in placed:
        _note_named(item, makers)
        _note_secrets(item, makers)
    for each in releases:
        if each.release.create_namespace:
            makers.namespaces.setdefault(each.release.target_namespace, ids.release(each.release.id))
    # Only now are all Services known.
    for located in placed:
        for webhook in webhooks_of(located.manifest):
            makers.webhooks.append((webhook, makers.backends.get(webhook.backend, located.unit)))
    return makers


def _note_named(placed: Placed, makers: _Makers) -> None:
    if placed.kind == "CustomResourceDefinition":
        names = mapping_in(placed.spec, "names")
        makers.definitions.setdefault((str(placed.spec.get("group")), str(names.get("kind"))), placed)
    elif placed.kind == "Namespace":
        makers.namespaces.setdefault(placed.name, placed.unit)
        makers.namespace_labels.setdefault(placed.name, mapping_in(placed.manifest, "metadata", "labels"))
    elif placed.kind in _CLASSES:
        makers.classes.setdefault((placed.kind, placed.name), placed.unit)
    elif placed.kind == "Service" and not placed.group and placed.namespace is not None:
        makers.backends.setdefault((placed.namespace, placed.name), placed.unit)
    elif (placed.kind in _HELD and not placed.group) or placed.kind == "ResourceClaimTemplate":
        makers.containers.setdefault((placed.kind, placed.namespace, placed.name), placed)
    elif placed.kind == "CSIDriver":
        makers.containers.setdefault((placed.kind, None, placed.name), placed)


def _note_secrets(placed: Placed, makers: _Makers) -> None:
    """Secrets that a controller creates, and the stores they come from."""
    secret_name: object = None
    if placed.group == _SECRETS_GROUP and placed.kind in _STORES:
        home = None if placed.kind == "ClusterSecretStore" else placed.namespace
        makers.stores.setdefault((placed.kind, home, placed.name), placed.unit)
    elif placed.group == _SECRETS_GROUP and placed.kind == "ExternalSecret":
        target = mapping_in(placed.spec, "target")
        owned = str(target.get("creationPolicy", "Owner")) in {"Owner", "Orphan"}
        secret_name = (target.get("name") or placed.name) if owned else None
    elif (placed.group, placed.kind) == ("cert-manager.io", "Certificate"):
        secret_name = placed.spec.get("secretName")
    elif placed.kind == "SealedSecret":
        secret_name = placed.name
    if secret_name:
        makers.containers.setdefault(("Secret", placed.namespace, str(secret_name)), placed)


def _needs(placed: Placed, makers: _Makers, *, simulated: bool, secrets: Collection[str] | None) -> Iterator[Needed]:
    yield from _definition(placed, makers, simulated=simulated)
    if placed.namespace in makers.namespaces and not (placed.kind == "Namespace" and not placed.group):
        yield makers.namespaces[placed.namespace], f"namespace {placed.namespace} of {placed}"
    yield from _classes(placed, makers)
    yield from _mounts(placed, makers)
    yield from _external_secrets(placed, makers, secrets)
    if not simulated:
        yield from _webhooks(placed, makers)


def _needs_of_release(release: PreparedRelease, makers: _Makers) -> Iterator[Needed]:
    item = release.release
    if item.target_namespace in makers.namespaces and not item.create_namespace:
        yield makers.namespaces[item.target_namespace], f"namespace {item.target_namespace}"
    for source in item.values_from:
        maker = makers.containers.get((source.kind, item.namespace, source.name))
        if maker is not None and source.content is None:
            yield maker.unit, f"valuesFrom {source.kind} {source.name}"


def _definition(placed: Placed, makers: _Makers, *, simulated: bool) -> Iterator[Needed]:
    definer = makers.definitions.get((placed.group, placed.kind))
    if definer is None:
        return
    converted = mapping_in(definer.spec, "conversion").get("strategy") == "Webhook"
    kind, _, rest = definer.unit.partition("/")
    # The definition alone exists long before its release is ready, unless its pods convert it.
    early = kind == "release" and (simulated or not converted)
    yield ids.crds(rest) if early else definer.unit, f"kind {placed.kind} of {placed.name}"


def _classes(placed: Placed, makers: _Makers) -> Iterator[Needed]:
    for kind, name in _class_names(placed):
        maker = makers.classes.get((kind, str(name)))
        if maker is not None:
            yield maker, f"{kind} {name} of {placed}"


def _class_names(placed: Placed) -> Iterator[tuple[str, object]]:
    annotations = mapping_in(placed.manifest, "metadata", "annotations")
    if placed.kind == "Ingress":
        yield "IngressClass", placed.spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    if placed.kind == "Gateway":
        yield "GatewayClass", placed.spec.get("gatewayClassName")
    if placed.kind == "PersistentVolumeClaim":
        yield "StorageClass", placed.spec.get("storageClassName")
    for claim in mappings_in(placed.spec, "volumeClaimTemplates") if placed.kind == "StatefulSet" else ():
        yield "StorageClass", mapping_in(claim, "spec").get("storageClassName")
    pods = pod_spec(placed.manifest) or {}
    yield "PriorityClass", pods.get("priorityClassName")
    yield "RuntimeClass", pods.get("runtimeClassName")


def _mounts(placed: Placed, makers: _Makers) -> Iterator[Needed]:
    for kind, name in mounted(pod_spec(placed.manifest) or {}):
        maker = makers.containers.get((kind, placed.namespace, name))
        if maker is not None:
            hint = "" if maker.kind == kind else f", which {maker} makes"
            yield maker.unit, f"{kind} {name} in {placed}{hint}"


def _external_secrets(placed: Placed, makers: _Makers, secrets: Collection[str] | None) -> Iterator[Needed]:
    if placed.group != _SECRETS_GROUP or placed.kind not in {*_STORES, "ExternalSecret"}:
        return
    definer = makers.definitions.get((placed.group, placed.kind))
    if definer is not None:
        yield definer.unit, f"the operator of {placed}"
    if placed.kind in _STORES:
        if secrets is not None and "aws" in mapping_in(placed.spec, "provider"):
            yield ids.SEEDS, f"{placed} reads what is seeded"
        return
    named = mapping_in(placed.spec, "secretStoreRef")
    kind = str(named.get("kind", "SecretStore"))
    store = makers.stores.get(
        (kind, None if kind == "ClusterSecretStore" else placed.namespace, str(named.get("name")))
    )
    if store is not None:
        yield store, f"{kind} {named.get('name')} of {placed}"
    for key in _remote_keys(placed.spec):
        if key in (secrets or ()):
            yield ids.SEEDS, f"{placed} reads {key}"


def _remote_keys(spec: Mapping[str, Any]) -> Iterator[str]:
    for each in mappings_in(spec, "data"):
        yield str(mapping_in(each, "remoteRef").get("key"))
    for each in mappings_in(spec, "dataFrom"):
        yield str(mapping_in(each, "extract").get("key"))


def _webhooks(placed: Placed, makers: _Makers) -> Iterator[Needed]:
    if not makers.webhooks:
        return
    asked = _asked(placed, makers)
    for webhook, unit in makers.webhooks:
        if unit != placed.unit and asks_about(webhook, asked):
            yield unit, f"its webhook {webhook.name} is asked about {placed}"


def _asked(placed: Placed, makers: _Makers) -> Asked:
    return Asked(
        manifest=placed.manifest,
        plural=_plural(placed, makers),
        namespace=placed.namespace,
        namespace_labels=makers.namespace_labels.get(placed.namespace or "", {}),
    )


def _plural(placed: Placed, makers: _Makers) -> str:
    definer = makers.definitions.get((placed.group, placed.kind))
    if definer is not None:
        return str(mapping_in(definer.spec, "names").get("plural"))
    # Kubernetes' own kinds follow the rules of English; Endpoints is its own plural.
    lower = placed.kind.lower()
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    if lower == "endpoints":
        return lower
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


def _owner(unit: str) -> str:
    """The part of a unit's name that a release shares with its definitions, or a Kustomization with its parts."""
    kind, _, rest = unit.partition("/")
    return unit if kind == "objects" else rest or unit
