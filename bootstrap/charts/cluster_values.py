"""Values of a release, completed with what only the cluster holds."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootstrap.errors import StepFailedError
from bootstrap.flux.values import ValuesError, merged
from bootstrap.kube.api import KubeApi
from bootstrap.model.kube import Manifest, ObjectRef, mapping_in
from bootstrap.model.release import Release, ValuesFrom
from bootstrap.system.clock import CancelToken


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


def cluster_values_hash(release: Release, api: KubeApi, cancel: CancelToken) -> str:
    """Changes when what only the cluster holds of its values does; empty when that is nothing. Fits into a label."""
    sources = [source for source in release.values_from if source.content is None]
    if not sources:
        return ""
    contents = [_content(source, _live(source, release, api, cancel)) for source in sources]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:20]


def _live(source: ValuesFrom, release: Release, api: KubeApi, cancel: CancelToken) -> Manifest | None:
    return api.read(_ref(source, release), cancel)


def _ref(source: ValuesFrom, release: Release) -> ObjectRef:
    return ObjectRef(api_version="v1", kind=source.kind, namespace=release.namespace, name=source.name)


def _content(source: ValuesFrom, live: Manifest | None) -> str | None:
    content = mapping_in(live, "data").get(source.values_key)
    if content is not None and source.kind == "Secret":
        return base64.b64decode(content).decode()
    return content


def _completed(source: ValuesFrom, release: Release, api: KubeApi, cancel: CancelToken) -> ValuesFrom:
    if source.content is not None:
        return source
    ref, live = _ref(source, release), _live(source, release, api, cancel)
    content = _content(source, live)
    if content is None and not source.optional:
        lack = "is not in the cluster" if live is None else f"has no key {source.values_key}"
        raise StepFailedError(
            f"valuesFrom of {release.id}: {ref} {lack}",
            fix="add it to the repository, or mark the reference optional: true",
        )
    return replace(source, content=content)
