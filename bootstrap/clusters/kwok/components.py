"""The five programs of the control plane and the settings each is started with."""

import json
from enum import StrEnum

SERVICE_RANGE = "127.96.0.0/16"
"""Loopback: with an ordinary range, whoever dials a ClusterIP reaches what answers there beyond the default route."""
KUBERNETES_SERVICE = "127.96.0.1"
"""The first address of the range: Service `default/kubernetes`."""
_POD_RANGE = "198.18.0.1/16"
_NODE_ADDRESS = "198.19.0.1"
"""Both of the range for benchmarks (RFC 2544), routed nowhere; the API refuses loopback addresses in endpoints."""

_WITHOUT = (
    "bootstrap-signer-controller",
    "cloud-node-lifecycle-controller",
    "node-ipam-controller",
    "node-route-controller",
    "service-lb-controller",
    "token-cleaner-controller",
)
SOCKETS = ("e:1", "e:2")
"""etcd's, as it insists on naming them: host:port."""


class Component(StrEnum):
    """In the order in which they start; they stop the other way round."""

    ETCD = "etcd"
    API_SERVER = "kube-apiserver"
    CONTROLLERS = "kube-controller-manager"
    SCHEDULER = "kube-scheduler"
    KWOK = "kwok"


FIRST = (Component.ETCD, Component.API_SERVER)
"""The others are started when the API answers: earlier, they would only compete for the processor and back off."""


def arguments(component: Component, port: int) -> tuple[str, ...]:
    """The command line after the program's name; paths are relative to the cluster's folder."""
    match component:
        case Component.ETCD:
            return _ETCD
        case Component.API_SERVER:
            return (f"--secure-port={port}", *_API_SERVER)
        case Component.CONTROLLERS:
            return _CONTROLLERS
        case Component.SCHEDULER:
            return ("--kubeconfig=kube-scheduler.kubeconfig", *_UNSERVED)
        case Component.KWOK:
            return _KWOK


_ETCD = (
    "--name=etcd",
    "--data-dir=etcd",
    "--unsafe-no-fsync",
    "--listen-client-urls=unix://e:1",
    "--advertise-client-urls=unix://e:1",
    "--listen-peer-urls=unix://e:2",
    "--initial-advertise-peer-urls=unix://e:2",
    "--initial-cluster=etcd=unix://e:2",
    # The only member elects itself when this long has passed.
    "--heartbeat-interval=20",
    "--election-timeout=200",
    "--log-level=warn",
)

_API_SERVER = (
    "--etcd-servers=unix://e:1",
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none",
    "--anonymous-auth=false",
    "--authorization-mode=Node,RBAC",
    "--allow-privileged=true",
    f"--service-cluster-ip-range={SERVICE_RANGE}",
    "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
    "--egress-selector-config-file=egress.json",
    "--client-ca-file=pki/ca.crt",
    "--tls-cert-file=pki/kube-apiserver.crt",
    "--tls-private-key-file=pki/kube-apiserver.key",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--service-account-key-file=pki/service-accounts.pub",
    "--service-account-signing-key-file=pki/service-accounts.key",
    "--profiling=false",
    "--cert-dir=tmp",
)

_UNSERVED = (
    *("--secure-port=0", "--leader-elect=false", "--profiling=false"),
    # By default they hold themselves back, for a server that many share: a dozen releases at once then wait for them.
    *("--kube-api-qps=1000", "--kube-api-burst=2000"),
)

_CONTROLLERS = (
    "--kubeconfig=kube-controller-manager.kubeconfig",
    *_UNSERVED,
    "--controllers=" + ",".join(("*", *(f"-{name}" for name in _WITHOUT))),
    "--service-account-private-key-file=pki/service-accounts.key",
    "--root-ca-file=pki/ca.crt",
    "--cert-dir=tmp",
    # A simulated node cannot fail, only be late if this machine is busy or was asleep; and pods that are called not
    # ready for that are never ready again, since the simulation makes each ready once.
    "--node-monitor-grace-period=87600h",
)

# Without --server-address and --node-port it serves nothing; without --config it would read the user's own.
_KWOK = (
    "--kubeconfig=kwok.kubeconfig",
    "--config=stages.json",
    "--manage-all-nodes",
    f"--cidr={_POD_RANGE}",
    f"--node-ip={_NODE_ADDRESS}",
    "--v=WARN",
)


def egress() -> bytes:
    """Settings that send every connection towards pods, Services and webhooks into a socket that does not exist."""
    nowhere = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": "nowhere"}}}
    return json.dumps(
        {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": name, "connection": nowhere} for name in ("cluster", "controlplane")],
        }
    ).encode()


def stages(storage_class: str) -> bytes:
    """What kwok does besides its own stages for nodes and pods: a volume that was let go can be claimed again.

    Only kinds that every cluster has: kwok ends at once if one that it is given is not there.
    """
    return json.dumps(
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": "persistentvolume-recycle"},
            "spec": {
                "resourceRef": {"apiGroup": "v1", "kind": "PersistentVolume"},
                "selector": {
                    "matchExpressions": [
                        {"key": ".status.phase", "operator": "In", "values": ["Released"]},
                        {"key": ".spec.storageClassName", "operator": "In", "values": [storage_class]},
                    ]
                },
                "next": {"patches": [{"type": "merge", "root": "spec", "template": "claimRef: null"}]},
            },
        }
    ).encode()
