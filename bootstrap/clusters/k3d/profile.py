"""Settings of a k3d cluster of one developer: what only several servers need is left out."""

from collections.abc import Sequence
from typing import Any

_NO_ELECTION = ("--kube-controller-manager-arg=leader-elect=false", "--kube-scheduler-arg=leader-elect=false")
_KUBELET = ("--kubelet-arg=sync-frequency=5s", "--kubelet-arg=serialize-image-pulls=false")


def fast_arguments(*, servers: int, has_agents: bool) -> Sequence[dict[str, Any]]:
    """The arguments of profile `fast`; they come before the user's own, which then hold."""
    everywhere = ["server:*", *(["agent:*"] if has_agents else [])]
    return [
        *({"arg": argument, "nodeFilters": ["server:*"]} for argument in _NO_ELECTION if servers == 1),
        *({"arg": argument, "nodeFilters": everywhere} for argument in _KUBELET),
    ]
