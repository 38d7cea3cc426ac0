"""What looks from beside may end what it looks at."""

import pytest

from bootstrap.errors import BootstrapError, CancelledError, StepFailedError
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.watchdog import run_beside


def until_cancelled(token: CancelToken) -> str:
    token.sleep(60)
    return "over"


def nothing(_token: CancelToken) -> BootstrapError | None:
    return None


def test_what_is_found_beside_ends_the_act_and_nothing_else() -> None:
    whole = CancelToken(SystemClock())
    looks: list[int] = []

    def look(_token: CancelToken) -> BootstrapError | None:
        looks.append(1)
        return StepFailedError("it never comes") if len(looks) == 3 else None

    with pytest.raises(StepFailedError, match="it never comes"):
        run_beside(until_cancelled, look, whole, interval=0.001)
    assert len(looks) == 3
    assert not whole.cancelled


def test_an_act_that_ends_ends_the_looks() -> None:
    tokens: list[CancelToken] = []

    def look(token: CancelToken) -> BootstrapError | None:
        tokens[:] = [token]
        return None

    assert run_beside(lambda _token: "over", look, CancelToken(SystemClock()), interval=60) == "over"
    assert all(token.cancelled for token in tokens)


def test_whoever_cancels_the_whole_is_obeyed() -> None:
    whole = CancelToken(SystemClock())

    def look(_token: CancelToken) -> BootstrapError | None:
        whole.cancel("stopped by SIGINT")
        return None

    with pytest.raises(CancelledError, match="stopped by SIGINT"):
        run_beside(until_cancelled, look, whole, interval=0.001)


def test_an_act_that_fails_fails_with_its_own_error() -> None:
    def fail(_token: CancelToken) -> str:
        raise StepFailedError("helm failed")

    with pytest.raises(StepFailedError, match="helm failed"):
        run_beside(fail, nothing, CancelToken(SystemClock()), interval=0.001)
