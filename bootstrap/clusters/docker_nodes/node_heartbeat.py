"""Whether the nodes of a cluster have renewed their leases lately.

A node that died stays Ready for minutes, and one that was started again is Ready before its kubelet has reported
anything: the time of its last lease shows both.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bootstrap.model.kube import Manifest

SILENCE = timedelta(seconds=40)
"""The kubelet renews every 10 s; Kubernetes itself calls it late after 40 s."""


def silent(leases: Iterable[Manifest], started: Mapping[str, datetime]) -> dict[str, str]:
    """The nodes, of those that were `started` at these times, that have not renewed their leases, and why; pure.

    The cluster's own latest lease is the time now: the clock of the engine's machine may differ from ours.
    """
    renewed = {(lease["metadata"]["namespace"], lease["metadata"]["name"]): _time(lease) for lease in leases}
    times = [time for time in renewed.values() if time is not None]
    now = max(times, default=None)
    reasons: dict[str, str] = {}
    for machine, since in started.items():
        last = renewed.get(("kube-node-lease", machine))
        if last is None or last < since:
            reasons[machine] = "has not reported since it was started"
        elif now is not None and now - last > SILENCE:
            reasons[machine] = f"has not reported for {(now - last).seconds} s"
    return reasons


def stale(pods: Iterable[Manifest], started: Mapping[str, datetime]) -> list[str]:
    """`NAMESPACE/NAME` of the pods whose status is from before the last start of their node; pure.

    Such a pod is Ready on paper until its kubelet has looked at it again.
    """
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if (since := started.get(str((pod.get("spec") or {}).get("nodeName")))) and _runs_since_before(pod, since)
    ]


def _runs_since_before(pod: Manifest, since: datetime) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    begun = (((status.get("state") or {}).get("running") or {}).get("startedAt") for status in statuses)
    # Kubernetes writes whole seconds.
    return any(moment(str(start)) < since.replace(microsecond=0) for start in begun if start is not None)


def moment(text: str) -> datetime:
    """A time as Kubernetes and Docker write it, whatever the count of its decimals."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(rest + '000000')[:6]}+00:00")


def _time(lease: Manifest) -> datetime | None:
    renewed = (lease.get("spec") or {}).get("renewTime")
    return None if renewed is None else moment(str(renewed))
