"""What applying objects would change, asked of the API server itself: a server-side dry run beside the live object."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.kube.api import FIELD_MANAGER, ApiRefusedError, KubeApi
from bootstrap.kube.apply import labelled
from bootstrap.kube.batch_read import in_namespace
from bootstrap.kube.discovery import UnknownKindError
from bootstrap.kube.identity import Clusters
from bootstrap.model.kube import KubeContext, Manifest, ObjectRef, ref_of
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Processes

_KEY = secrets.token_bytes(16)
# What the API server writes itself, on every change.
_SERVERS_OWN = frozenset({"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectDifference:
    """One object as it is and as it would be."""

    ref: ObjectRef
    before: Manifest | None
    """None: it is not there."""
    after: Manifest
    refused: str = ""
    """Why the API server would not take it as things are; `after` is then what is declared."""


class KubeDifferences:
    """Compares what is declared with what is live; writes nothing."""

    def __init__(self, processes: Processes, owner: str) -> None:
        self._clusters = Clusters(processes)
        self._owner = owner

    def __call__(
        self, manifests: Sequence[Manifest], namespace: str, manager: str, kube: KubeContext, cancel: CancelToken
    ) -> tuple[ObjectDifference, ...]:
        """Only the objects that would change; those without a namespace belong in `namespace`.

        Raises:
            RefusedError: another cluster answers.
        """
        api = self._clusters.proven(kube, cancel)
        # What we apply ourselves carries our label; what helm installs carries helm's.
        applied = manifests if manager != FIELD_MANAGER else [labelled(manifest, self._owner) for manifest in manifests]
        return tuple(
            difference
            for manifest in applied
            if (difference := _difference(manifest, namespace, manager, api, cancel)) is not None
        )


def _difference(
    manifest: Manifest, namespace: str, manager: str, api: KubeApi, cancel: CancelToken
) -> ObjectDifference | None:
    ref, before = ref_of(manifest), None
    try:
        ref = in_namespace(ref, namespace, api, cancel)
        home = {"namespace": ref.namespace} if ref.namespace else {}
        desired = {**manifest, "metadata": {**manifest["metadata"], **home}}
        before = api.read(ref, cancel)
        after, refused = api.dry_run(desired, cancel, manager=manager), ""
    except UnknownKindError as error:
        # Its definition comes with a chart that is not installed yet.
        after, refused = manifest, error.what
    except ApiRefusedError as error:
        after, refused = manifest, error.answer.message
    old, new = None if before is None else comparable(before), comparable(after)
    return None if old == new else ObjectDifference(ref=ref, before=old, after=new, refused=refused)


def comparable(manifest: Manifest) -> Manifest:
    """The object without what only the API server and controllers write."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _SERVERS_OWN}
    rest = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return {**rest, "metadata": metadata}


def masked(manifest: Manifest) -> Manifest:
    """The object with a Secret's values replaced by what only shows whether they are the same."""
    if manifest.get("kind") != "Secret":
        return manifest
    hidden = {name: dict(_hidden(manifest[name])) for name in ("data", "stringData") if manifest.get(name)}
    return {**manifest, **hidden}


def _hidden(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        # A new key in every process: what is shown cannot be looked up in a table of known passwords.
        digest = hashlib.blake2b(str(value).encode(), key=_KEY, digest_size=4)
        yield name, f"*** ({digest.hexdigest()})"
