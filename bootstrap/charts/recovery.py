"""Brings a release that a killed or failed run left behind into a state that helm goes on from."""

from bootstrap.charts.release_history import DEPLOYED, Revision, forget
from bootstrap.errors import RefusedError
from bootstrap.kube.api import KubeApi
from bootstrap.model.release import Release
from bootstrap.system.work import Work

_SUPERSEDED = "superseded"


def heal(history: tuple[Revision, ...], api: KubeApi, work: Work) -> tuple[Revision, ...]:
    """The history that helm goes on from; the helm that wrote it must have ended.

    What was never deployed is installed again, so that its install hooks run; its objects carry helm's ownership
    labels and are adopted. A revision that helm did not finish is forgotten, and the one before counts again.
    """
    if any(revision.status in {DEPLOYED, _SUPERSEDED} for revision in history):
        going = tuple(revision for revision in history[-1:] if revision.pending)
    else:
        going = history
    if history and history[-1].status.startswith("uninstall"):
        going = history
    for revision in going:
        work.notify(f"recovering: revision {revision.number} is {revision.status}")
        forget(revision, api, work.cancel)
    return tuple(revision for revision in history if revision not in going)


def refuse_foreign(release: Release, history: tuple[Revision, ...], stack: str) -> None:
    """Return when the release is not there, or is that stack's.

    Raises:
        RefusedError: someone else installed it, or another stack.
    """
    if history and not any(revision.is_of(stack) for revision in history):
        name = f"{release.target_namespace}/{release.release_name}"
        raise RefusedError(
            f"release {name} exists and was not installed by this stack",
            fix=f"to delete it, run: helm uninstall {release.release_name} --namespace {release.target_namespace}",
        )
