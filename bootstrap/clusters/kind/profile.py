"""Settings of a kind cluster of one developer: what only several control planes need is left out."""

import re
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

# What crashed because another part was not there yet is tried again after 2 s, not after 10, 20 and 40: after a restart
# of the nodes all pods start at once. The kubelet knows the field from 1.32 on, and refuses to start before.
_RETRIES = """\
kind: KubeletConfiguration
featureGates:
  KubeletCrashLoopBackOffMax: true
crashLoopBackOff:
  maxContainerRestartPeriod: 2s
"""
_RETRIES_SINCE, _RETRIES_UNTIL = (1, 32), (1, 37)
"""Kubernetes' versions that are known to have it."""
_VERSION = re.compile(r":v(\d+)\.(\d+)")


def fast_patches(images: Sequence[str], *, control_planes: int) -> Sequence[str]:
    """The patches of profile `fast`; they come before the user's own, which then hold. `images`: of all nodes."""
    patches = (_NO_ELECTION, _KUBELET) if control_planes == 1 else (_KUBELET,)
    return (*patches, _RETRIES) if all(map(_retries_sooner, images)) else patches


def _retries_sooner(image: str) -> bool:
    """Whether the version of Kubernetes in the image's tag has the field; one without a version may not."""
    version = _VERSION.search(image)
    return version is not None and _RETRIES_SINCE <= (int(version[1]), int(version[2])) <= _RETRIES_UNTIL
