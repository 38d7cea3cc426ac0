import threading

import pytest

from bootstrap.errors import CancelledError, DeadlineError
from bootstrap.system.clock import CancelToken, SystemClock
from fakes.clock import FakeClock


def test_a_child_is_cancelled_with_its_parent_and_keeps_the_first_reason() -> None:
    parent = CancelToken(FakeClock())
    child = parent.within(10, "a").within(10, "b")
    parent.cancel("interrupted")
    parent.cancel("again")
    with pytest.raises(CancelledError, match="interrupted"):
        child.check()
    with pytest.raises(CancelledError, match="interrupted"):
        parent.within(10, "late").check()


def test_a_child_leaves_its_parent_alone() -> None:
    parent = CancelToken(FakeClock())
    parent.within(10, "a").cancel("only this")
    parent.check()
    assert not parent.cancelled


def test_the_earlier_deadline_counts_and_names_what_was_waited_for() -> None:
    clock = FakeClock()
    outer = CancelToken(clock).within(5, "the run")
    inner, short = outer.within(60, "release/a"), outer.within(2, "the API")
    assert (inner.remaining(), short.remaining()) == (5, 2)
    clock.advance(3)
    with pytest.raises(DeadlineError, match=r"^the API was not done within 2s$"):
        short.check()
    inner.check()
    with pytest.raises(DeadlineError, match=r"^the run was not done within 5s$"):
        inner.sleep(10)
    assert clock.monotonic() == 5


def test_without_a_deadline_it_goes_on() -> None:
    clock = FakeClock()
    token = CancelToken(clock)
    token.sleep(1000)
    assert token.remaining() is None
    assert clock.monotonic() == 1000


def test_a_sleeper_is_woken_by_cancel() -> None:
    token = CancelToken(SystemClock())
    threading.Timer(0.01, lambda: token.cancel("enough")).start()
    with pytest.raises(CancelledError, match="enough"):
        token.sleep(60)


def test_the_systems_clock_goes_forward() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is not None
    assert clock.monotonic() <= clock.monotonic()
