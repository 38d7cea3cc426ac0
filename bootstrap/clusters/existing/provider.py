"""A cluster that others created: proven by its UID, never created or deleted here."""

import contextlib
import json
from collections.abc import Collection, Mapping

from bootstrap.clusters.existing.kubeconfig import only_context, user_files
from bootstrap.errors import BootstrapError, RefusedError
from bootstrap.kube.api import ApiUnreachableError
from bootstrap.kube.identity import Clusters, cluster_uid
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.stack import ClusterSpec, StatePaths
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Processes
from bootstrap.system.work import Work

_LOOK_SECONDS = 15.0


class ExistingProvider:
    """Implements `ports.ClusterProvider`."""

    def __init__(
        self, spec: ClusterSpec, state: StatePaths, processes: Processes, environment: Mapping[str, str]
    ) -> None:
        self._spec = spec
        self._state = state
        self._environment = environment
        self._clusters = Clusters(processes)

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`; before the first `up` it is ABSENT, whatever the cluster is like."""
        if not self._state.kubeconfig.exists():
            return ClusterObserved(state=TargetState.ABSENT)
        kube = KubeContext(kubeconfig=self._state.kubeconfig, uid=self._spec.uid or "", simulated=False)
        try:
            uid = self._uid(kube, cancel)
        except ApiUnreachableError as error:
            return ClusterObserved(state=TargetState.BROKEN, detail=error.what)
        except BootstrapError as error:
            cancel.check()
            return ClusterObserved(state=TargetState.BROKEN, detail=error.what)
        if uid != self._spec.uid:
            detail = f"the kube-system of {self._spec.context} has uid {uid}, not {self._spec.uid}"
            return ClusterObserved(state=TargetState.FOREIGN, detail=detail)
        return ClusterObserved(state=TargetState.RUNNING, kube=kube)

    def up(self, work: Work) -> KubeContext:
        """See `ClusterProvider.up`: takes a copy of the one context, and proves whom it leads to."""
        content, uid = self._proven_copy(work)
        # Only what was proven is kept: nothing ever reads a copy that leads elsewhere.
        write_whole(self._state.kubeconfig, content)
        return KubeContext(kubeconfig=self._state.kubeconfig, uid=uid, simulated=False)

    def _proven_copy(self, work: Work) -> tuple[bytes, str]:
        """The one context of the user's kubeconfig, and the UID of the cluster that it has just led to.

        Raises:
            RefusedError: it leads nowhere, or to another cluster.
        """
        work.cancel.check()
        work.notify(f"reading the UID of {self._spec.context}")
        content = json.dumps(only_context(user_files(self._environment), str(self._spec.context))).encode()
        asked = self._state.cluster / "asked"
        write_whole(asked, content)
        try:
            uid = self._uid(KubeContext(kubeconfig=asked, uid="", simulated=False), work.cancel)
        except RefusedError as error:
            # It speaks of our copy, which is gone in a moment.
            why = error.what.removeprefix(f"{asked}: ")
            what = f"the context {self._spec.context} of your kubeconfig cannot be used: {why}"
            raise RefusedError(what, evidence=error.evidence, command=error.command, fix=error.fix) from error
        finally:
            asked.unlink()
        self._refuse_other(uid)
        return content, uid

    def begin(self, work: Work) -> KubeContext:
        """See `ClusterProvider.begin`: nothing goes on after it."""
        return self.up(work)

    def settle(self, work: Work) -> None:
        """See `ClusterProvider.settle`."""
        work.cancel.check()

    def start(self, work: Work) -> KubeContext:
        """See `ClusterProvider.start`: it is for others to start."""
        return self.up(work)

    def replace(self, work: Work) -> KubeContext:
        """Refuse: a cluster of others is never deleted.

        Raises:
            RefusedError: always.
        """
        del work
        raise RefusedError(f"{self._spec.context} is an existing cluster: bootstrap never replaces it")

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        """See `ClusterProvider.gather`: it must be there, and the one that is meant."""
        del freed
        self._proven_copy(work)

    def published(self, cancel: CancelToken) -> frozenset[int]:
        """See `ClusterProvider.published`: none of it is ours."""
        cancel.check()
        return frozenset()

    def clear(self, work: Work) -> None:
        """Refuse, as `replace`."""
        self.replace(work)

    def configuration(self) -> None:
        """See `ClusterProvider.configuration`: others created the cluster."""

    def check(self) -> None:
        """See `ClusterProvider.check`: only the cluster knows, and asking it costs something."""

    def delete(self, work: Work) -> None:
        """See `ClusterProvider.delete`: the cluster stays as it is, only the copy goes."""
        work.cancel.check()
        work.notify("leaving the existing cluster as it is")
        self._state.kubeconfig.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._state.cluster.rmdir()

    def _uid(self, kube: KubeContext, cancel: CancelToken) -> str:
        within = cancel.within(_LOOK_SECONDS, f"the API server of {self._spec.context}")
        return cluster_uid(self._clusters.api(kube, within), within)

    def _refuse_other(self, uid: str) -> None:
        if self._spec.uid is None:
            raise RefusedError(
                f"cluster.uid does not say which cluster {self._spec.context} is",
                evidence=[f"uid: {uid}"],
                fix=f"if that is the one you mean, write under cluster: uid: {uid}",
            )
        if uid != self._spec.uid:
            raise RefusedError(
                f"{self._spec.context} is another cluster: its kube-system has uid {uid}, not {self._spec.uid}",
                fix=f"if that is the one you mean, write under cluster: uid: {uid}",
            )
