"""Existing objects that a release would adopt, or be refused for.

helm-controller lets helm adopt what exists (`action.Install.TakeOwnership`) unless the HelmRelease sets
`disableTakeOwnership`; helm itself counts an object as the release's own by its label and annotations
(`pkg/action/validate.go`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.charts.post_render import is_hook
from bootstrap.kube.api import KubeApi
from bootstrap.kube.batch_read import in_namespace, read_all
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.simulated_pods import is_api_backend
from bootstrap.model.kube import Manifest, ObjectRef, is_named_by_server, mapping_in, ref_of
from bootstrap.model.labels import HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE
from bootstrap.model.observed import PreparedRelease
from bootstrap.model.release import Note, Release
from bootstrap.system.clock import CancelToken

_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignObject:
    """An object of a release that exists and does not belong to the release."""

    ref: ObjectRef
    owner: str
    """The release that it is of, NAMESPACE/NAME as helm knows it; empty: of none."""

    def __str__(self) -> str:
        """`Kind namespace/name, of release a/b` or `…, which no release owns`."""
        return f"{self.ref}, {f'of release {self.owner}' if self.owner else 'which no release owns'}"


def foreign_objects(prepared: PreparedRelease, api: KubeApi, cancel: CancelToken) -> tuple[ForeignObject, ...]:
    """Those of the release's objects that live and are not its own."""
    release = prepared.release
    own = f"{release.target_namespace}/{release.release_name}"
    live = read_all(tuple(_installed(prepared, api, cancel)), api, cancel)
    owners = ((ref, _owner(manifest)) for ref, manifest in live.items() if manifest is not None)
    return tuple(ForeignObject(ref=ref, owner=owner) for ref, owner in owners if owner != own)


def ownership_note(release: Release, foreign: tuple[ForeignObject, ...], *, upgrade: bool) -> Note:
    """What the plan shows of them."""
    shown = "; ".join(str(each) for each in foreign[:_SHOWN]) + ("; …" if len(foreign) > _SHOWN else "")
    refused = release.upgrade_disable_take_ownership if upgrade else release.disable_take_ownership
    verb = "will fail, because disableTakeOwnership forbids adopting" if refused else "adopts"
    return Note(text=f"release/{release.id} {verb} {shown}", place=release.place)


def _installed(prepared: PreparedRelease, api: KubeApi, cancel: CancelToken) -> Iterator[ObjectRef]:
    for manifest in prepared.manifests or ():
        if is_hook(manifest) or is_named_by_server(manifest) or is_api_backend(manifest):
            continue
        try:
            yield in_namespace(ref_of(manifest), prepared.release.target_namespace, api, cancel)
        except UnknownKindError:
            continue  # nothing of a kind that the cluster does not know is there


def _owner(live: Manifest) -> str:
    annotations = mapping_in(live, "metadata", "annotations")
    namespace, name = annotations.get(HELM_RELEASE_NAMESPACE), annotations.get(HELM_RELEASE_NAME)
    return f"{namespace}/{name}" if namespace and name else ""
