"""A cluster that is declared on another provider: the former one goes by consent, whenever a run is killed."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bootstrap.clusters.moved import MovedCluster
from bootstrap.errors import RefusedError, StepFailedError
from bootstrap.model.kube import KubeContext
from bootstrap.model.observed import ClusterObserved, TargetState
from bootstrap.model.replacement import Change, Replacement, ReplacementNeededError
from bootstrap.model.stack import Provider
from bootstrap.ports import ClusterProvider
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.clock import FakeClock

KUBE = KubeContext(kubeconfig=Path("/kubeconfig"), uid="u", simulated=False)
MOMENTS = ("gather", "clear", "cleared half", "cleared", "moved", "create", "created half", "created")


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Machine:
    """What outlives a run: what is there of each provider, and the provider that the stack's folder names."""

    there: dict[Provider, TargetState]
    provider: Provider = Provider.KIND
    killed_at: str = ""
    log: list[str] = field(default_factory=list)
    fault: StepFailedError | None = None

    def reach(self, moment: str) -> None:
        self.log.append(moment)
        if moment == self.killed_at:
            raise Killed

    def moved(self) -> None:
        self.provider = Provider.KWOK
        self.reach("moved")

    def cluster(self) -> ClusterProvider:
        """As the next run composes it, if kwok is declared."""
        declared = Half(self, Provider.KWOK)
        if self.provider is Provider.KWOK:
            return declared
        return MovedCluster(declared, Half(self, Provider.KIND), (Provider.KIND, Provider.KWOK), self.moved)


@dataclass
class Half:
    """One of the two; BROKEN stands for what an interrupted creation or removal has left."""

    machine: Machine
    provider: Provider

    @property
    def state(self) -> TargetState:
        return self.machine.there[self.provider]

    def become(self, state: TargetState) -> None:
        self.machine.there[self.provider] = state
        whole = [each for each in self.machine.there.values() if each is not TargetState.ABSENT]
        assert len(whole) <= 1, "never on two providers"

    def observe(self, cancel: CancelToken) -> ClusterObserved:
        cancel.check()
        running = self.state is TargetState.RUNNING
        return ClusterObserved(
            state=self.state,
            kube=KUBE if running else None,
            unfinished=self.state is TargetState.BROKEN,
            changes=(Change(field="cluster.workers", old="0", new="1"),) if running else (),
        )

    def up(self, work: Work) -> KubeContext:
        if self.state is TargetState.RUNNING:
            return KUBE
        self.machine.reach("create")
        if self.machine.fault is not None:
            raise self.machine.fault
        self.become(TargetState.BROKEN)
        self.machine.reach("created half")
        self.become(TargetState.RUNNING)
        self.machine.reach("created")
        work.cancel.check()
        return KUBE

    def begin(self, work: Work) -> KubeContext:
        return self.up(work)

    def settle(self, work: Work) -> None:
        work.cancel.check()

    def start(self, work: Work) -> KubeContext:
        work.cancel.check()
        self.machine.log.append(f"start {self.provider}")
        return KUBE

    def replace(self, work: Work) -> KubeContext:
        raise AssertionError(work)

    def gather(self, work: Work, *, freed: Collection[int] = ()) -> None:
        work.cancel.check()
        assert freed == {80}
        self.machine.reach("gather")

    def published(self, cancel: CancelToken) -> frozenset[int]:
        cancel.check()
        return frozenset({80})

    def clear(self, work: Work) -> None:
        work.cancel.check()
        self.machine.reach("clear")
        self.become(TargetState.BROKEN)
        self.machine.reach("cleared half")
        self.become(TargetState.ABSENT)
        self.machine.reach("cleared")

    def delete(self, work: Work) -> None:
        self.clear(work)

    def configuration(self) -> None:
        """It is given none."""

    def check(self) -> None:
        """It is whole."""


@pytest.fixture
def work() -> Work:
    return Work(CancelToken(FakeClock()))


def living(state: TargetState = TargetState.RUNNING) -> Machine:
    return Machine(there={Provider.KIND: state, Provider.KWOK: TargetState.ABSENT})


def test_it_is_a_replacement_with_its_reason_and_touches_nothing(work: Work) -> None:
    machine = living()
    seen = machine.cluster().observe(work.cancel)
    replacement = Replacement(reasons=("cluster.provider: kind → kwok",))
    assert (seen.kube, seen.changes, seen.replacement, seen.moves) == (KUBE, (), replacement, True)
    with pytest.raises(ReplacementNeededError, match=r"cluster would be replaced: cluster\.provider: kind → kwok"):
        machine.cluster().up(work)
    machine.cluster().start(work)
    assert machine.log == ["start kind"]


def test_by_consent_the_declared_one_has_all_it_needs_before_the_former_one_goes(work: Work) -> None:
    machine = living()
    assert machine.cluster().replace(work) == KUBE
    assert machine.log == [*MOMENTS]
    assert machine.there == {Provider.KIND: TargetState.ABSENT, Provider.KWOK: TargetState.RUNNING}
    assert machine.provider is Provider.KWOK


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_each_moment_the_next_run_knows_and_ends_it(moment: str, work: Work) -> None:
    machine = living()
    machine.killed_at = moment
    with pytest.raises(Killed):
        machine.cluster().replace(work)
    machine.killed_at = ""
    untouched = moment in {"gather", "clear"}
    seen = machine.cluster().observe(work.cancel)
    assert (seen.replacement is not None) is untouched
    assert machine.there[machine.provider] is seen.state
    if untouched:
        with pytest.raises(ReplacementNeededError):
            machine.cluster().up(work)
        assert machine.there[Provider.KIND] is TargetState.RUNNING
        return
    assert machine.cluster().up(work) == KUBE
    assert machine.there == {Provider.KIND: TargetState.ABSENT, Provider.KWOK: TargetState.RUNNING}


def test_what_could_not_be_created_says_what_is_gone(work: Work) -> None:
    machine = living()
    machine.fault = StepFailedError("no room", fix="make room")
    with pytest.raises(StepFailedError, match="the cluster on kind is gone, and could not be created on kwok: no room"):
        machine.cluster().replace(work)
    assert machine.provider is Provider.KWOK


@pytest.mark.parametrize("state", [TargetState.FOREIGN, TargetState.UNVERIFIED])
@pytest.mark.parametrize("where", [Provider.KIND, Provider.KWOK])
def test_what_is_not_proven_to_be_ours_is_not_replaced(state: TargetState, where: Provider, work: Work) -> None:
    machine = living()
    machine.there[where] = state
    acts: tuple[Callable[[Work], KubeContext], ...] = (machine.cluster().replace,)
    for act in acts:
        with pytest.raises(RefusedError, match=f"the cluster on {where} is not the stack's"):
            act(work)
    assert machine.log == []
