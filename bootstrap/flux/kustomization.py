"""Reads a Flux Kustomization object (v1, v1beta1, v1beta2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bootstrap.flux.fields import NOT_RECONCILED, Fields
from bootstrap.flux.findings import Subject
from bootstrap.flux.overlay import Additions, inside
from bootstrap.flux.substitution.substitute import NAME
from bootstrap.model.kube import Manifest, ObjectRef

GROUP = "kustomize.toolkit.fluxcd.io"
SOURCE_KINDS = ("GitRepository", "OCIRepository", "Bucket", "ExternalArtifact")
"""What a Kustomization may be built from."""
_DEFAULT_TIMEOUT = timedelta(minutes=5)
_SHORTEST_TIMEOUT = timedelta(seconds=30)
_OWN_CREDENTIALS = "has no effect: everything is done with the stack's own credentials"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class SourceRef:
    """Where a Kustomization or a chart comes from."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Kind namespace/name`."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class VariablesRef:
    """A ConfigMap or Secret whose entries are variables."""

    kind: str
    name: str
    optional: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PostBuild:
    """The values for `${name}` in the built objects."""

    substitute: Mapping[str, str] = field(default_factory=dict)
    substitute_from: tuple[VariablesRef, ...] = ()
    always: bool = False
    """Even when no variable has a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """A Kustomization as it is declared, before it is built."""

    namespace: str
    name: str
    path: str
    """Relative to the root, normalized."""
    subject: Subject
    source: SourceRef
    additions: Additions = field(default_factory=Additions)
    post_build: PostBuild | None = None
    decrypts: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    health_checks: tuple[ObjectRef, ...] = ()
    wait: bool = False
    timeout: timedelta = _DEFAULT_TIMEOUT
    suspended: bool = False

    @property
    def id(self) -> str:
        """NAMESPACE/NAME."""
        return f"{self.namespace}/{self.name}"


def read_kustomization(manifest: Manifest, subject: Subject) -> Declared:
    """The Kustomization that the object declares; problems, and fields without an effect, are reported."""
    if subject.ref.namespace is None:
        subject.problem("has no namespace", "metadata.namespace")
    fields = Fields(manifest.get("spec") or {}, subject, "spec")
    namespace = subject.ref.namespace or ""
    declared = Declared(
        namespace=namespace,
        name=subject.ref.name,
        path=inside(fields.text("path") or "."),
        subject=subject,
        source=_source(fields, namespace),
        additions=_additions(fields),
        post_build=_post_build(fields),
        decrypts=_decrypts(fields),
        labels=fields.child("commonMetadata").string_map("labels"),
        annotations=fields.child("commonMetadata").string_map("annotations"),
        depends_on=read_depends_on(fields, namespace),
        health_checks=tuple(_health_check(check) for check in fields.children("healthChecks")),
        wait=fields.flag("wait"),
        timeout=_timeout(fields),
        suspended=fields.flag("suspend"),
    )
    _accept(fields)
    fields.close()
    return declared


def read_depends_on(fields: Fields, namespace: str) -> tuple[str, ...]:
    """NAMESPACE/NAME of each, with its own namespace if none is named."""
    replacements = []
    for child in fields.children("dependsOn"):
        replacements.append(f"{child.text('namespace') or namespace}/{child.required('name')}")
        child.note("is not evaluated: the dependency counts as done when it is ready", "readyExpr")
        child.close()
    return tuple(dict.fromkeys(replacements))


def _source(fields: Fields, namespace: str) -> SourceRef:
    child = fields.child("sourceRef")
    child.ignore("apiVersion")
    source = SourceRef(
        kind=child.required_choice("kind", SOURCE_KINDS),
        namespace=child.text("namespace") or namespace,
        name=child.required("name"),
    )
    child.close()
    return source


def _additions(fields: Fields) -> Additions:
    return Additions(
        namespace=fields.text("targetNamespace"),
        name_prefix=fields.text("namePrefix"),
        name_suffix=fields.text("nameSuffix"),
        patches=fields.mappings("patches"),
        patches_strategic_merge=fields.mappings("patchesStrategicMerge"),
        patches_json6902=fields.mappings("patchesJson6902"),
        components=fields.strings("components"),
        ignore_missing_components=fields.flag("ignoreMissingComponents"),
        images=fields.mappings("images"),
        build_metadata=fields.strings("buildMetadata"),
    )


def _post_build(fields: Fields) -> PostBuild | None:
    child = fields.child("postBuild")
    if "postBuild" not in fields:
        return None
    substitute = child.string_map("substitute")
    for name in substitute:
        if not NAME.fullmatch(name):
            fields.subject.problem(f'"{name}" cannot be a variable\'s name', child.at("substitute"))
    post_build = PostBuild(
        substitute=substitute,
        substitute_from=tuple(_variables_ref(item) for item in child.children("substituteFrom")),
        always=child.choice("substituteStrategy", ("WithVariables", "Always"), "WithVariables") == "Always",
    )
    child.close()
    return post_build


def _variables_ref(fields: Fields) -> VariablesRef:
    ref = VariablesRef(
        kind=fields.choice("kind", ("ConfigMap", "Secret"), "ConfigMap"),
        name=fields.required("name"),
        optional=fields.flag("optional"),
    )
    fields.close()
    return ref


def _decrypts(fields: Fields) -> bool:
    child = fields.child("decryption")
    if "decryption" not in fields:
        return False
    provider = child.required("provider")
    if provider not in {"sops", ""}:
        fields.subject.problem(f'decryption by "{provider}" is not supported, only by sops', child.at("provider"))
    child.ignore("secretRef", "serviceAccountName")
    child.close()
    return True


def _health_check(fields: Fields) -> ObjectRef:
    ref = ObjectRef(
        api_version=fields.text("apiVersion") or "",
        kind=fields.required("kind"),
        namespace=fields.text("namespace"),
        name=fields.required("name"),
    )
    fields.close()
    return ref


def _timeout(fields: Fields) -> timedelta:
    """spec.timeout, at least 30 s; without one Flux takes the interval, which no one waits for here."""
    timeout, interval = fields.duration("timeout"), fields.duration("interval")
    if timeout is None:
        timeout = _DEFAULT_TIMEOUT if interval is None else min(interval - _SHORTEST_TIMEOUT, _DEFAULT_TIMEOUT)
    return max(timeout, _SHORTEST_TIMEOUT)


def _accept(fields: Fields) -> None:
    fields.ignore("commonMetadata")
    fields.note(NOT_RECONCILED, "interval", expected=True)
    fields.note(
        "has no effect by itself: objects that were removed from the repository are deleted by up --prune",
        "prune",
        expected=True,
    )
    fields.note(NOT_RECONCILED, "retryInterval", "deletionPolicy", "ignore")
    fields.note(_OWN_CREDENTIALS, "serviceAccountName", "kubeConfig")
    fields.note("is not evaluated: objects count as ready by their conditions", "healthCheckExprs")
    fields.note("has no effect: objects are never deleted and recreated", "force")
    fields.note("has no effect: the API server validates", "validation")
