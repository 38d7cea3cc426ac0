"""Removes things of an engine, whoever else is at it."""

from collections.abc import Callable

from bootstrap.system.clock import CancelToken

_CONFLICT = 409
_PAUSE_SECONDS = 0.2


def remove_patiently(act: Callable[[], object], cancel: CancelToken) -> None:
    """Call `act` until what it removes is gone.

    The engine refuses what is being removed already, by another run or by kind's own clean-up, and a network or a
    volume whose last container is just going.

    Raises:
        DeadlineError: it does not go.
        docker.errors.APIError: the engine refuses for another reason.
    """
    from docker.errors import APIError, NotFound  # noqa: PLC0415 - loads slowly

    while True:
        try:
            act()
        except NotFound:
            return
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
            cancel.sleep(_PAUSE_SECONDS)
        else:
            return
