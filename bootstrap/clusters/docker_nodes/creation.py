"""The creation of a cluster that continues in a thread of its own while its API is used already."""

import threading
from collections.abc import Callable

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import ApiRefusedError, ApiUnreachableError, KubeApi
from bootstrap.kube.identity import cluster_uid
from bootstrap.system.clock import CancelToken

_POLL_SECONDS = 0.1


class Creation:
    """Started at once; `end` waits for it, `stop` ends it early."""

    def __init__(self, create: Callable[[CancelToken], None], cancel: CancelToken) -> None:
        self._create = create
        self._cancel = cancel.child()
        self._over = threading.Event()
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="creation", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over.is_set()

    def check(self) -> None:
        """Return while it has not failed.

        Raises:
            BootstrapError: it has; why.
        """
        if self._error is not None:
            raise self._error

    def end(self, cancel: CancelToken, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Return once it has ended well; `meanwhile` is called again and again until then.

        Raises:
            BootstrapError: it failed, or the token was cancelled: then the creation was stopped.
        """
        try:
            while not self.over:
                meanwhile()
                cancel.sleep(_POLL_SECONDS)
        except BootstrapError as error:
            self.stop(error.what)
            raise
        self.check()

    def stop(self, reason: str) -> None:
        """Have it stop, and return when it has."""
        self._cancel.cancel(reason)
        self._over.wait()

    def _run(self) -> None:
        try:
            self._create(self._cancel)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
            self._error = error
        finally:
            self._over.set()


def answering_uid(api: KubeApi, cancel: CancelToken) -> str | None:
    """The UID of the cluster whose API server is ready; None: it is not, or knows nobody's rights yet.

    It is asked once: whoever waits for it asks again sooner than a client that repeats.
    """
    try:
        if not api.ask_once("GET", "/readyz", cancel).ok:
            return None
        return cluster_uid(api, cancel) or None
    except (OSError, ApiUnreachableError, ApiRefusedError):
        return None
