"""Which API versions and kinds each Kubernetes version serves by default.

Made from `api/discovery` of kubernetes/kubernetes: every stable version of a group is on by default, newer beta ones
are off (`pkg/controlplane/instance.go`); flowcontrol v1beta3 was the last beta that was on. A test compares the table
with what the API server of kwok answers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

FIRST_MINOR, LAST_MINOR = 29, 36
_TABLE = """
admissionregistration.k8s.io/v1: MutatingAdmissionPolicy!@36- MutatingAdmissionPolicyBinding!@36-
    MutatingWebhookConfiguration! ValidatingAdmissionPolicy!@30- ValidatingAdmissionPolicyBinding!@30-
    ValidatingWebhookConfiguration!
apiextensions.k8s.io/v1: CustomResourceDefinition!
apiregistration.k8s.io/v1: APIService!
apps/v1: ControllerRevision DaemonSet Deployment ReplicaSet Scale/ StatefulSet
authentication.k8s.io/v1: SelfSubjectReview! TokenReview!
authorization.k8s.io/v1: LocalSubjectAccessReview SelfSubjectAccessReview! SelfSubjectRulesReview!
    SubjectAccessReview!
autoscaling/v1: HorizontalPodAutoscaler
autoscaling/v2: HorizontalPodAutoscaler
batch/v1: CronJob Job
certificates.k8s.io/v1: CertificateSigningRequest!
coordination.k8s.io/v1: Lease
discovery.k8s.io/v1: EndpointSlice
events.k8s.io/v1: Event
flowcontrol.apiserver.k8s.io/v1: FlowSchema! PriorityLevelConfiguration!
flowcontrol.apiserver.k8s.io/v1beta3: FlowSchema!@29-31 PriorityLevelConfiguration!@29-31
networking.k8s.io/v1: IPAddress!@33- Ingress IngressClass! NetworkPolicy ServiceCIDR!@33-
node.k8s.io/v1: RuntimeClass!
policy/v1: PodDisruptionBudget
rbac.authorization.k8s.io/v1: ClusterRole! ClusterRoleBinding! Role RoleBinding
resource.k8s.io/v1: DeviceClass!@34- ResourceClaim@34- ResourceClaimTemplate@34- ResourceSlice!@34-
scheduling.k8s.io/v1: PriorityClass!
storage.k8s.io/v1: CSIDriver! CSINode! CSIStorageCapacity StorageClass! VolumeAttachment!
    VolumeAttributesClass!@34-
v1: Binding ComponentStatus! ConfigMap Endpoints Event Eviction/ LimitRange Namespace! Node! NodeProxyOptions/
    PersistentVolume! PersistentVolumeClaim Pod PodAttachOptions/ PodExecOptions/ PodPortForwardOptions/
    PodProxyOptions/ PodTemplate ReplicationController ResourceQuota Scale/ Secret Service ServiceAccount
    ServiceProxyOptions/ TokenRequest/
"""
"""`!` is of the cluster, `/` only the answer of a subresource; `@30-` is served from 1.30 on."""

_KIND = re.compile(r"(?P<kind>\w+)(?P<mark>[!/]?)(?:@(?P<first>\d+)-(?P<last>\d*))?")
_MINOR = re.compile(r"v?1\.(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedKind:
    """One kind of the table."""

    api_version: str
    kind: str
    namespaced: bool
    subresource: bool
    first: int
    """The first minor version of Kubernetes that serves it."""
    last: int


def served_apis(version: str) -> frozenset[str]:
    """The `group/version` and `group/version/Kind` that this version of Kubernetes (`1.34`, `v1.34.4`) serves.

    A version outside the table counts as the nearest one in it.
    """
    minor = _minor_of(version)
    kinds = [entry for entry in _entries() if entry.first <= minor <= entry.last]
    return frozenset(name for entry in kinds for name in (entry.api_version, f"{entry.api_version}/{entry.kind}"))


def is_namespaced(api_version: str, kind: str) -> bool | None:
    """Whether objects of this kind have a namespace; None for a kind that no version in the table serves."""
    entry = _by_name().get((api_version, kind))
    return None if entry is None or entry.subresource else entry.namespaced


@cache
def built_in_groups() -> frozenset[str]:
    """The groups that only Kubernetes itself defines kinds in; the core group is the empty text."""
    return frozenset(entry.api_version.rpartition("/")[0] for entry in _entries())


@cache
def kinds_of(group: str) -> frozenset[str]:
    """The kinds of such a group, in any version of the table."""
    return frozenset(entry.kind for entry in _entries() if entry.api_version.rpartition("/")[0] == group)


def _minor_of(version: str) -> int:
    match = _MINOR.match(version)
    return min(max(int(match[1]), FIRST_MINOR), LAST_MINOR) if match is not None else LAST_MINOR


@cache
def _by_name() -> dict[tuple[str, str], ServedKind]:
    return {(entry.api_version, entry.kind): entry for entry in _entries()}


@cache
def _entries() -> tuple[ServedKind, ...]:
    return tuple(_parsed())


def _parsed() -> Iterator[ServedKind]:
    api_version = ""
    for word in _TABLE.split():
        if word.endswith(":"):
            api_version = word.removesuffix(":")
            continue
        match = _KIND.fullmatch(word)
        assert match is not None, word  # noqa: S101 - the table above
        yield ServedKind(
            api_version=api_version,
            kind=match["kind"],
            namespaced=match["mark"] != "!",
            subresource=match["mark"] == "/",
            first=int(match["first"] or FIRST_MINOR),
            last=int(match["last"] or LAST_MINOR),
        )
