"""What a planned replacement would lose is counted once it is planned, and only then."""

import dataclasses
from collections.abc import Sequence

from bootstrap.engine.losses import with_losses
from bootstrap.errors import StepFailedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, EmulatorEndpoint, EmulatorObserved, Observed, TargetState
from bootstrap.model.replacement import Replacement
from bootstrap.ports import Losses
from bootstrap.system.clock import CancelToken
from fakes.clock import FakeClock
from fakes.ports import ENDPOINT, KUBE

IMAGE = Replacement(reasons=("cluster.image: a → b",))
DRIVER = Replacement(reasons=("emulator.driver: a → b",), losses=("all AWS data in it",))
UP = Observed(
    cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE, replacement=IMAGE),
    emulator=EmulatorObserved(state=TargetState.RUNNING, endpoint=ENDPOINT, replacement=DRIVER),
)


class Counting:
    """Counts, or cannot."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[str] = []
        self.broken = broken

    def in_cluster(self, kube: KubeContext, releases: Sequence[str], cancel: CancelToken) -> Sequence[str]:
        assert (kube, releases) == (KUBE, [])
        return self._told("cluster", cancel)

    def in_emulator(self, endpoint: EmulatorEndpoint, cancel: CancelToken) -> Sequence[str]:
        assert endpoint == ENDPOINT
        return self._told("emulator", cancel)

    def _told(self, what: str, cancel: CancelToken) -> Sequence[str]:
        assert 0 < (cancel.remaining() or 0) < 60
        self.asked.append(what)
        if self.broken:
            raise StepFailedError("it does not answer")
        return (f"3 things of the {what}",)

    @property
    def losses(self) -> Losses:
        return Losses(in_cluster=self.in_cluster, in_emulator=self.in_emulator)


def counted(observed: Observed, counting: Counting) -> tuple[object, object]:
    counted = with_losses(observed, counting.losses, CancelToken(FakeClock()))
    emulator = counted.emulator
    return counted.cluster.replacement, None if emulator is None else emulator.replacement


def test_both_are_counted() -> None:
    assert counted(UP, Counting()) == (
        dataclasses.replace(IMAGE, losses=("3 things of the cluster",)),
        dataclasses.replace(DRIVER, losses=("3 things of the emulator",)),
    )


def test_what_cannot_be_counted_is_planned_all_the_same() -> None:
    uncounted = "all that is in it, which cannot be counted now: it does not answer"
    assert counted(UP, Counting(broken=True)) == (dataclasses.replace(IMAGE, losses=(uncounted,)), DRIVER)


def test_nothing_is_asked_where_nothing_is_replaced_or_lives() -> None:
    counting = Counting()
    stopped = Observed(cluster=ClusterObserved(state=TargetState.STOPPED, replacement=IMAGE))
    fine = Observed(cluster=ClusterObserved(state=TargetState.RUNNING, kube=KUBE))
    uncounted = "all that is in it, which cannot be counted now: stopped"
    assert counted(stopped, counting) == (dataclasses.replace(IMAGE, losses=(uncounted,)), None)
    assert counted(fine, counting) == (None, None)
    assert counting.asked == []
