"""ExternalSecrets follow at once what changed in the store they read from, instead of at their next refresh."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bootstrap.kube.api import ApiRefusedError, KubeApi
from bootstrap.model.kube import Manifest, ObjectRef, ref_of
from bootstrap.system.clock import CancelToken

GROUP = "external-secrets.io"
ANNOTATION = "force-sync"
"""What the operator's documentation names for this; any new value of any annotation makes it look again."""
_GONE = 404


def sync_external_secrets(names: Collection[str], api: KubeApi, cancel: CancelToken) -> tuple[ObjectRef, ...]:
    """Ask the operator to read these secrets again for every ExternalSecret that does; which these are.

    Nothing is asked if the operator's kinds are not there. The cluster has to be proven by the caller.

    Raises:
        StepFailedError: the API server does not answer, or refuses.
    """
    group = api.get(f"/apis/{GROUP}", cancel)
    if group is None or not names:
        return ()
    version = str(group["preferredVersion"]["groupVersion"])
    listed = api.get(f"/apis/{version}/externalsecrets", cancel) or {"items": []}
    manifests = [{**item, "apiVersion": version, "kind": "ExternalSecret"} for item in listed["items"]]
    asked = [ref_of(reader) for reader in readers(manifests, names)]
    for ref in asked:
        _annotate(ref, api, cancel)
    return tuple(asked)


def readers(external_secrets: Sequence[Manifest], names: Collection[str]) -> Iterator[Manifest]:
    """Those that read one of the secrets; pure."""
    for external_secret in external_secrets:
        if any(_is_read(name, external_secret.get("spec") or {}) for name in names):
            yield external_secret


def _is_read(name: str, spec: Manifest) -> bool:
    remote = [entry.get("remoteRef") or {} for entry in spec.get("data") or ()]
    remote += [entry["extract"] for entry in spec.get("dataFrom") or () if entry.get("extract")]
    if any(_names(str(ref.get("key", "")), name) for ref in remote):
        return True
    return any(_finds(entry["find"], name) for entry in spec.get("dataFrom") or () if entry.get("find"))


def _names(key: str, name: str) -> bool:
    """By its name, or its ARN: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-RANDOM`."""
    return key == name or re.search(rf":secret:{re.escape(name)}(-[A-Za-z0-9]{{6}})?$", key) is not None


def _finds(find: dict[str, Any], name: str) -> bool:
    """Whether a search may give it; one by tags may give any."""
    pattern = (find.get("name") or {}).get("regexp")
    if pattern is None:
        return True
    try:
        return re.search(str(pattern), name) is not None
    except re.error:
        return True  # Go's expressions are not all Python's: one read too many does no harm


def _annotate(ref: ObjectRef, api: KubeApi, cancel: CancelToken) -> None:
    patch = {"metadata": {"annotations": {ANNOTATION: cancel.clock.now().isoformat()}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = api.ask("PATCH", api.path(ref, cancel), cancel, body=patch, headers=headers)
    if not answer.ok and answer.status != _GONE:
        raise ApiRefusedError(f"cannot ask for {ref} to be read again", answer)
