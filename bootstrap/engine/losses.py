"""Counts what a planned replacement would lose, if the old cluster or emulator still answers."""

import dataclasses
from collections.abc import Callable, Sequence

from bootstrap.errors import BootstrapError
from bootstrap.model.observed import Observed
from bootstrap.model.replacement import Replacement
from bootstrap.ports import Losses
from bootstrap.system.clock import CancelToken

_COUNT_SECONDS = 15.0


def with_losses(observed: Observed, losses: Losses | None, cancel: CancelToken) -> Observed:
    """The same plan, every replacement with what it would lose; without replacements nothing is asked."""
    if losses is None:
        return observed
    cluster, emulator = observed.cluster, observed.emulator
    if cluster.replacement is not None and cluster.kube is None:
        uncounted = dataclasses.replace(cluster.replacement, losses=(_uncounted(cluster.detail or cluster.state),))
        observed = dataclasses.replace(observed, cluster=dataclasses.replace(cluster, replacement=uncounted))
    if cluster.replacement is not None and cluster.kube is not None:
        kube, releases = (
            cluster.kube,
            [key for key, release_observed in observed.releases.items() if release_observed.owner is not None],
        )
        counted = _counted(cluster.replacement, lambda token: losses.in_cluster(kube, releases, token), cancel)
        observed = dataclasses.replace(observed, cluster=dataclasses.replace(cluster, replacement=counted))
    if emulator is not None and emulator.replacement is not None and emulator.endpoint is not None:
        endpoint = emulator.endpoint
        counted = _counted(emulator.replacement, lambda token: losses.in_emulator(endpoint, token), cancel)
        observed = dataclasses.replace(observed, emulator=dataclasses.replace(emulator, replacement=counted))
    return observed


def _uncounted(why: str) -> str:
    return f"all that is in it, which cannot be counted now: {why}"


def _counted(
    replacement: Replacement, count: Callable[[CancelToken], Sequence[str]], cancel: CancelToken
) -> Replacement:
    try:
        return dataclasses.replace(replacement, losses=tuple(count(cancel.within(_COUNT_SECONDS, "counting"))))
    except BootstrapError as error:
        cancel.check()
        # It exists but does not answer: the losses that the adapter gave before are kept.
        return dataclasses.replace(replacement, losses=replacement.losses or (_uncounted(error.what),))
