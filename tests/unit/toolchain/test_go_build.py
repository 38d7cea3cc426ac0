import threading

import pytest

from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Finished
from bootstrap.toolchain.go_build import _so_far
from bootstrap.toolchain.logged_run import _watch
from fakes.clock import FakeClock
from fakes.processes import ok


def test_long_work_tells_how_long_it_has_taken() -> None:
    times, enough = list[float](), threading.Event()

    def tell(seconds: float) -> None:
        times.append(seconds)
        if len(times) == 3:
            enough.set()

    def work() -> Finished:
        enough.wait(10)
        return ok()

    _watch(work, CancelToken(FakeClock()), tell)
    assert times[:3] == [5, 10, 15]


def test_the_error_of_the_work_is_raised() -> None:
    def work() -> Finished:
        raise OSError("no such folder")

    with pytest.raises(OSError, match="no such folder"):
        _watch(work, CancelToken(FakeClock()), lambda _seconds: None)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("", "linking what Go's cache has"),
        ("go: downloading a v1\ngo: downloading b v2\na\n", "2 modules downloaded, 1 package compiled"),
    ],
)
def test_go_s_own_lines_tell_how_far_it_is(log: str, message: str) -> None:
    assert _so_far(log.splitlines()) == message
