"""How live objects are right now, for `status`; waits for nothing."""

import contextlib
from collections.abc import Mapping, Sequence

from bootstrap.kube.batch_read import in_namespace, read_all
from bootstrap.kube.cause_reader import CauseReader
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.identity import Clusters
from bootstrap.kube.readiness import Readiness, judge
from bootstrap.kube.readiness_wait import look_at
from bootstrap.kube.simulated_pods import has_pods, simulated_reason
from bootstrap.model.cause import Cause
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef
from bootstrap.model.status import Health
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes


class KubeHealth:
    """Judges objects as `up` does when it waits for them."""

    def __init__(self, processes: Processes) -> None:
        self._clusters = Clusters(processes)

    def __call__(
        self, objects: Sequence[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Mapping[ObjectRef, tuple[Health, str]]:
        """Health and what there is to say, per object; one without a namespace is looked for in `namespace`."""
        api = self._clusters.api(kube, cancel)
        states: dict[ObjectRef, tuple[Health, str]] = {}
        named = []
        for ref in objects:
            try:
                named.append(in_namespace(ref, namespace, api, cancel))
            except UnknownKindError:
                states[ref] = (Health.DOWN, "the cluster does not know its kind")
        for ref, live in read_all(named, api, cancel).items():
            states[ref] = _health(ref, live, simulated=kube.simulated)
        return states


def _health(ref: ObjectRef, live: Manifest | None, *, simulated: bool) -> tuple[Health, str]:
    if live is None:
        return Health.DOWN, "not found"
    reason = simulated_reason(live) if simulated else None
    if reason is not None:
        return Health.SIMULATED, reason
    judgement = judge(live)
    if judgement.current and simulated and has_pods(ref):
        return Health.SIMULATED, "its pods are simulated"
    if judgement.current:
        return Health.UP, judgement.reason
    return (Health.DOWN if judgement.readiness is Readiness.FAILED else Health.NOT_READY), judgement.reason


class KubeCauses:
    """Why objects are not ready, as `up` finds it out when it waits for them."""

    def __init__(self, processes: Processes) -> None:
        self._clusters = Clusters(processes)

    def __call__(
        self, objects: Sequence[ObjectRef], namespace: str, kube: KubeContext, cancel: CancelToken
    ) -> Sequence[Cause]:
        """The most specific cause first; an object without a namespace is looked for in `namespace`."""
        api = self._clusters.api(kube, cancel)
        named = []
        for ref in objects:
            # What the cluster does not know the kind of has no causes in it.
            with contextlib.suppress(UnknownKindError):
                named.append(in_namespace(ref, namespace, api, cancel))
        look = look_at(named, api, cancel, simulated=kube.simulated)
        there = {ref: live for ref, live in look.unready_live.items() if live is not None}
        return CauseReader(api, simulated=kube.simulated).causes(there, cancel) if there else ()
