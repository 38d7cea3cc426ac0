"""Values of a release, completed with what only the cluster holds."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootstrap.clock import CancelToken
from bootstrap.errors import StepFailedError
from bootstrap.flux.values import ValuesError, merged
from bootstrap.kube.api import KubeApi
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import Release, ValuesFrom


def effective_values(release: Release, api: KubeApi, cancel: CancelToken) -> Mapping[str, Any]:
    """All values of a release; those that only the cluster holds are read now.

    Raises:
        StepFailedError: a ConfigMap or Secret, or its key, is not there and is not optional, or cannot be used.
    """
    if not release.values_from:
        return release.values
    sources = [_completed(source, release, api, cancel) for source in release.values_from]
    try:
        return merged(release.inline_values, sources)
    except ValuesError as error:
        raise StepFailedError(f"valuesFrom of {release.id}: {error}") from error


def _completed(source: ValuesFrom, release: Release, api: KubeApi, cancel: CancelToken) -> ValuesFrom:
    if source.content is not None:
        return source
    ref = ObjectRef(api_version="v1", kind=source.kind, namespace=release.namespace, name=source.name)
    live = api.read(ref, cancel)
    content = None if live is None else (live.get("data") or {}).get(source.values_key)
    if content is None and not source.optional:
        lack = "is not in the cluster" if live is None else f"has no key {source.values_key}"
        raise StepFailedError(
            f"valuesFrom of {release.id}: {ref} {lack}",
            fix="add it to the repository, or mark the reference optional: true",
        )
    if content is not None and source.kind == "Secret":
        content = base64.b64decode(content).decode()
    return replace(source, content=content)
