"""Edges that a repository does not write down, read from what its charts and Kustomizations will make."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.model.kube import Manifest, NamedObject, mapping_in, mappings_in, ref_of
from bootstrap.model.observed import PreparedRelease, Probe
from bootstrap.model.release import Kustomization
from bootstrap.plan import ids
from bootstrap.plan.pods import mounted, pod_spec
from bootstrap.plan.webhooks import Asked, Webhook, asks_about, webhooks_of, what_is_asked_about

Needed = tuple[str, str]
"""(unit that must be done first, reason)."""
_CLASSES = frozenset({"IngressClass", "StorageClass", "PriorityClass", "RuntimeClass", "GatewayClass"})
_HELD = frozenset({"Secret", "ConfigMap", "PersistentVolumeClaim"})
_SECRETS_GROUP = "external-secrets.io"
_STORES = frozenset({"SecretStore", "ClusterSecretStore"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An object, the unit that makes it, and the namespace it goes to."""

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
        """Its spec; empty where it has none."""
        return mapping_in(self.manifest, "spec")

    def __str__(self) -> str:
        """`Kind name`."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Makers:
    """Who makes what others need; the first one listed counts."""

    definitions: dict[tuple[str, str], Placed] = field(default_factory=dict)
    """By group and kind."""
    namespaces: dict[str, str] = field(default_factory=dict)
    namespace_labels: dict[str, Mapping[str, str]] = field(default_factory=dict)
    classes: dict[tuple[str, str], str] = field(default_factory=dict)
    """By kind and name."""
    held: dict[tuple[str, str | None, str], Placed] = field(default_factory=dict)
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

    `secrets` are the names of seeded secrets, None where nothing is seeded. Releases that are not rendered yet give
    what is known of them. Where pods are simulated no webhook is ever called.
    """
    releases = tuple(prepared)
    placed = (*_of_releases(releases), *_of_parts(parts))
    makers = _makers(placed, releases)
    found: dict[tuple[str, str], str] = {}
    for one in placed:
        for needed, reason in _needs(one, makers, simulated=simulated, secrets=secrets):
            if _owner(needed) != _owner(one.unit):
                found.setdefault((one.unit, needed), reason)
    for release in releases:
        for needed, reason in _needs_of_release(release, makers):
            if _owner(needed) != release.release.id:
                found.setdefault((ids.release(release.release.id), needed), reason)
    return tuple((unit, needed, reason) for (unit, needed), reason in found.items())


def _of_releases(releases: Iterable[PreparedRelease]) -> Iterator[Placed]:
    for each in releases:
        namespace = each.release.target_namespace
        rendered = each.manifests or ()
        names = {ref_of(one) for one in rendered}
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
    made = {
        (ids.release(one.release.id), one.release.target_namespace) for one in whole if one.release.create_namespace
    }
    found: dict[str, dict[str, Probe]] = {}
    for one in placed if makers.webhooks else ():
        asked = _asked(one, makers)
        for webhook, unit in makers.webhooks:
            manifest = None if _owner(unit) == _owner(one.unit) else what_is_asked_about(webhook, asked)
            if manifest is not None:
                probe = Probe(
                    webhook=webhook.name,
                    manifest=manifest,
                    namespace=one.namespace,
                    new_namespace=(one.unit, one.namespace) in made,
                )
                found.setdefault(unit, {}).setdefault(webhook.name, probe)
    return {
        each.release.id: tuple(found[ids.release(each.release.id)].values())
        for each in whole
        if ids.release(each.release.id) in found
    }


def expected(releases: Iterable[PreparedRelease], parts: Iterable[Kustomization]) -> Mapping[NamedObject, str]:
    """What the plan makes that pods may need, and what makes it: `ExternalSecret db (release/shop/web)`."""
    whole = tuple(releases)
    held = _makers((*_of_releases(whole), *_of_parts(parts)), whole).held
    return {named: f"{maker} ({maker.unit})" for named, maker in held.items()}


def _makers(placed: Iterable[Placed], releases: Iterable[PreparedRelease]) -> _Makers:
    makers = _Makers()
    for one in placed:
        _note_named(one, makers)
        _note_secrets(one, makers)
    for each in releases:
        if each.release.create_namespace:
            makers.namespaces.setdefault(each.release.target_namespace, ids.release(each.release.id))
    # Only now are all Services known.
    for one in placed:
        for webhook in webhooks_of(one.manifest):
            makers.webhooks.append((webhook, makers.backends.get(webhook.backend, one.unit)))
    return makers


def _note_named(one: Placed, makers: _Makers) -> None:
    if one.kind == "CustomResourceDefinition":
        names = mapping_in(one.spec, "names")
        makers.definitions.setdefault((str(one.spec.get("group")), str(names.get("kind"))), one)
    elif one.kind == "Namespace":
        makers.namespaces.setdefault(one.name, one.unit)
        makers.namespace_labels.setdefault(one.name, mapping_in(one.manifest, "metadata", "labels"))
    elif one.kind in _CLASSES:
        makers.classes.setdefault((one.kind, one.name), one.unit)
    elif one.kind == "Service" and not one.group and one.namespace is not None:
        makers.backends.setdefault((one.namespace, one.name), one.unit)
    elif one.kind in _HELD and not one.group:
        makers.held.setdefault((one.kind, one.namespace, one.name), one)


def _note_secrets(one: Placed, makers: _Makers) -> None:
    """Secrets that a controller makes, and the stores they come from."""
    made: object = None
    if one.group == _SECRETS_GROUP and one.kind in _STORES:
        home = None if one.kind == "ClusterSecretStore" else one.namespace
        makers.stores.setdefault((one.kind, home, one.name), one.unit)
    elif one.group == _SECRETS_GROUP and one.kind == "ExternalSecret":
        target = mapping_in(one.spec, "target")
        owned = str(target.get("creationPolicy", "Owner")) in {"Owner", "Orphan"}
        made = (target.get("name") or one.name) if owned else None
    elif (one.group, one.kind) == ("cert-manager.io", "Certificate"):
        made = one.spec.get("secretName")
    elif one.kind == "SealedSecret":
        made = one.name
    if made:
        makers.held.setdefault(("Secret", one.namespace, str(made)), one)


def _needs(one: Placed, makers: _Makers, *, simulated: bool, secrets: Collection[str] | None) -> Iterator[Needed]:
    yield from _definition(one, makers, simulated=simulated)
    if one.namespace in makers.namespaces and not (one.kind == "Namespace" and not one.group):
        yield makers.namespaces[one.namespace], f"namespace {one.namespace} of {one}"
    yield from _classes(one, makers)
    yield from _mounts(one, makers)
    yield from _external_secrets(one, makers, secrets)
    if not simulated:
        yield from _webhooks(one, makers)


def _needs_of_release(release: PreparedRelease, makers: _Makers) -> Iterator[Needed]:
    one = release.release
    if one.target_namespace in makers.namespaces and not one.create_namespace:
        yield makers.namespaces[one.target_namespace], f"namespace {one.target_namespace}"
    for source in one.values_from:
        maker = makers.held.get((source.kind, one.namespace, source.name))
        if maker is not None and source.content is None:
            yield maker.unit, f"valuesFrom {source.kind} {source.name}"


def _definition(one: Placed, makers: _Makers, *, simulated: bool) -> Iterator[Needed]:
    definer = makers.definitions.get((one.group, one.kind))
    if definer is None:
        return
    converted = mapping_in(definer.spec, "conversion").get("strategy") == "Webhook"
    kind, _, rest = definer.unit.partition("/")
    # The definition alone is there long before its release is ready, unless its pods convert it.
    early = kind == "release" and (simulated or not converted)
    yield ids.crds(rest) if early else definer.unit, f"kind {one.kind} of {one.name}"


def _classes(one: Placed, makers: _Makers) -> Iterator[Needed]:
    for kind, name in _class_names(one):
        maker = makers.classes.get((kind, str(name)))
        if maker is not None:
            yield maker, f"{kind} {name} of {one}"


def _class_names(one: Placed) -> Iterator[tuple[str, object]]:
    annotations = mapping_in(one.manifest, "metadata", "annotations")
    if one.kind == "Ingress":
        yield "IngressClass", one.spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    if one.kind == "Gateway":
        yield "GatewayClass", one.spec.get("gatewayClassName")
    if one.kind == "PersistentVolumeClaim":
        yield "StorageClass", one.spec.get("storageClassName")
    for claim in mappings_in(one.spec, "volumeClaimTemplates") if one.kind == "StatefulSet" else ():
        yield "StorageClass", mapping_in(claim, "spec").get("storageClassName")
    pods = pod_spec(one.manifest) or {}
    yield "PriorityClass", pods.get("priorityClassName")
    yield "RuntimeClass", pods.get("runtimeClassName")


def _mounts(one: Placed, makers: _Makers) -> Iterator[Needed]:
    for kind, name in mounted(pod_spec(one.manifest) or {}):
        maker = makers.held.get((kind, one.namespace, name))
        if maker is not None:
            made = "" if maker.kind == kind else f", which {maker} makes"
            yield maker.unit, f"{kind} {name} in {one}{made}"


def _external_secrets(one: Placed, makers: _Makers, secrets: Collection[str] | None) -> Iterator[Needed]:
    if one.group != _SECRETS_GROUP or one.kind not in {*_STORES, "ExternalSecret"}:
        return
    definer = makers.definitions.get((one.group, one.kind))
    if definer is not None:
        yield definer.unit, f"the operator of {one}"
    if one.kind in _STORES:
        if secrets is not None and "aws" in mapping_in(one.spec, "provider"):
            yield ids.SEEDS, f"{one} reads what is seeded"
        return
    named = mapping_in(one.spec, "secretStoreRef")
    kind = str(named.get("kind", "SecretStore"))
    store = makers.stores.get((kind, None if kind == "ClusterSecretStore" else one.namespace, str(named.get("name"))))
    if store is not None:
        yield store, f"{kind} {named.get('name')} of {one}"
    for key in _remote_keys(one.spec):
        if key in (secrets or ()):
            yield ids.SEEDS, f"{one} reads {key}"


def _remote_keys(spec: Mapping[str, Any]) -> Iterator[str]:
    for each in mappings_in(spec, "data"):
        yield str(mapping_in(each, "remoteRef").get("key"))
    for each in mappings_in(spec, "dataFrom"):
        yield str(mapping_in(each, "extract").get("key"))


def _webhooks(one: Placed, makers: _Makers) -> Iterator[Needed]:
    if not makers.webhooks:
        return
    asked = _asked(one, makers)
    for webhook, unit in makers.webhooks:
        if unit != one.unit and asks_about(webhook, asked):
            yield unit, f"its webhook {webhook.name} is asked about {one}"


def _asked(one: Placed, makers: _Makers) -> Asked:
    return Asked(
        manifest=one.manifest,
        plural=_plural(one, makers),
        namespace=one.namespace,
        namespace_labels=makers.namespace_labels.get(one.namespace or "", {}),
    )


def _plural(one: Placed, makers: _Makers) -> str:
    definer = makers.definitions.get((one.group, one.kind))
    if definer is not None:
        return str(mapping_in(definer.spec, "names").get("plural"))
    # Kubernetes' own kinds follow the rules of English; Endpoints is its own plural.
    lower = one.kind.lower()
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    if lower == "endpoints":
        return lower
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


def _owner(unit: str) -> str:
    """What tells a release, with its definitions, and a Kustomization's part from the others."""
    kind, _, rest = unit.partition("/")
    return unit if kind == "objects" else rest or unit
