"""Settings of a kind cluster of one developer: what only several control planes need is left out."""

from collections.abc import Sequence

# Without a version: kind fits both of them to the kubeadm of the node's Kubernetes, and an argument given this way
# joins those that kind itself gives. With one control plane nobody else can hold the lease of a controller: after a
# restart it would be waited for until it expires.
_NO_ELECTION = """\
kind: ClusterConfiguration
controllerManager:
  extraArgs:
    leader-elect: "false"
scheduler:
  extraArgs:
    leader-elect: "false"
"""
_KUBELET = """\
kind: KubeletConfiguration
syncFrequency: 5s
serializeImagePulls: false
"""


def fast_patches(*, control_planes: int) -> Sequence[str]:
    """The patches of profile `fast`; they come before the user's own, which then hold."""
    return (_NO_ELECTION, _KUBELET) if control_planes == 1 else (_KUBELET,)
