"""A cluster that is declared on another provider than it runs on: the former one is replaced, by consent."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from bootstrap.errors import RefusedError, without_successor
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import Provider
from bootstrap.plan import ids
from bootstrap.ports import ClusterProvider
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

_NOT_OURS = frozenset({TargetState.FOREIGN, TargetState.UNVERIFIED})


class MovedCluster:
    """Implements `ports.ClusterProvider` for one that is declared elsewhere than where it is."""

    def __init__(
        self,
        declared: ClusterProvider,
        former: ClusterProvider,
        providers: tuple[Provider, Provider],
        moved: Callable[[], None],
    ) -> None:
        """`providers`: the former and the declared one; `moved` is called between the end of one and the other."""
        self._declared = declared
        self._former = former
        self._from, self._to = providers
        self._moved = moved

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        """See `ClusterProvider.observe`: what lives is the former one."""
        seen = self._former.observe(cancel)
        if seen.state is TargetState.ABSENT or seen.state in _NOT_OURS:
            return seen
        change = Change(field="cluster.provider", old=self._from, new=self._to)
        if seen.unfinished:
            return ClusterObserved(state=TargetState.BROKEN, detail=f"left of a former one: {change}", unfinished=True)
        return replace(seen, changes=(), replacement=Replacement(reasons=(str(change),)), moves=True)

    def up(self, work: Work) -> KubeContext:
        """See `ClusterProvider.up`: what is left of a former one that does not live any more goes."""
        self._make_room(work)
        return self._declared.up(work)

    def begin(self, work: Work) -> KubeContext:
        """See `ClusterProvider.begin`; the same goes."""
        self._make_room(work)
        return self._declared.begin(work)

    def settle(self, work: Work) -> None:
        """See `ClusterProvider.settle`."""
        self._declared.settle(work)

    def _make_room(self, work: Work) -> None:
        seen = self._ours(work.cancel)
        if seen.replacement is not None:
            raise ReplacementNeededError(ids.CLUSTER, seen.replacement)
        self._clear(work)

    def start(self, work: Work) -> KubeContext:
        """See `ClusterProvider.start`: the one that lives."""
        return self._former.start(work)

    def replace(self, work: Work) -> KubeContext:
        """See `ClusterProvider.replace`: the former one goes once the declared one has all that it needs."""
        self._ours(work.cancel)
        self._clear(work)
        with without_successor(
            f"the cluster on {self._from} is gone, and could not be created on {self._to}",
            "gone: the cluster and all that was in it; kept: everything else",
            then=f"bootstrap up --provider {self._to}",
        ):
            return self._declared.up(work)

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        """See `ClusterProvider.gather`."""
        self._declared.gather(work, freed=freed)

    def published(self, cancel: CancelToken) -> frozenset[int]:
        """See `ClusterProvider.published`."""
        return self._former.published(cancel)

    def clear(self, work: Work) -> None:
        """See `ClusterProvider.clear`."""
        self._former.clear(work)

    def delete(self, work: Work) -> None:
        """See `ClusterProvider.delete`."""
        self._former.delete(work)
        self._declared.delete(work)

    def configuration(self) -> Mapping[str, Any] | None:
        """See `ClusterProvider.configuration`."""
        return self._declared.configuration()

    def check(self) -> None:
        """See `ClusterProvider.check`: until it has moved, only the former one is there."""
        self._declared.check()

    def _ours(self, cancel: CancelToken) -> ClusterObserved:
        seen = self.observe(cancel)
        ahead = self._declared.observe(cancel)
        for where, each in ((self._from, seen), (self._to, ahead)):
            if each.state in _NOT_OURS:
                raise RefusedError(
                    f"the cluster on {where} is not the stack's: {each.detail}",
                    fix=f"adopt it: bootstrap up --provider {where} --adopt; or remove it if nobody needs it",
                )
        return seen

    def _clear(self, work: Work) -> None:
        self._declared.gather(work, freed=self._former.published(work.cancel))
        work.notify(f"replacing it: {Change(field='cluster.provider', old=self._from, new=self._to)}")
        self._former.clear(work)
        # Before anything is created: a stack never exists on two providers.
        self._moved()
