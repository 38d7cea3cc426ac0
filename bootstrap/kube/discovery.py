"""Which kinds an API server serves, and under which path."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import StepFailedError

AGGREGATED = {
    "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
}
"""Asks for all groups, versions and kinds in one document; on by default since Kubernetes 1.27."""
Fetch = Callable[[str], Any]
"""Path → JSON; None when there is nothing."""


class UnknownKindError(StepFailedError):
    """The API server has no such kind (its CustomResourceDefinition is not there)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How one kind is served."""

    plural: str
    namespaced: bool


class Discovery:
    """Kinds by group and version; learns of new ones when asked for them.

    One group version is read at a time: an aggregated read of everything costs a busy API server more, and one
    broken group must not hide the others.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Kind]] = {}
        self._lock = threading.Lock()

    def find(self, api_version: str, kind: str, fetch: Fetch) -> Kind:
        """How this kind is served.

        Raises:
            UnknownKindError: not at all.
        """
        served = self._kinds.get(api_version, {}).get(kind)
        if served is None:
            kinds = kinds_in(fetch(group_path(api_version)))
            with self._lock:
                self._kinds[api_version] = kinds
            served = kinds.get(kind)
        if served is None:
            raise UnknownKindError(
                f"the cluster does not know {kind} ({api_version})",
                fix="add the chart that contains its CustomResourceDefinition, or a dependsOn on it",
            )
        return served


def group_path(api_version: str) -> str:
    """Where a group version is served."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def kinds_in(listed: Any) -> dict[str, Kind]:  # noqa: ANN401 - JSON
    """The kinds in an APIResourceList; none if there is no list."""
    resources = (listed or {}).get("resources") or ()
    return {
        entry["kind"]: Kind(plural=entry["name"], namespaced=bool(entry["namespaced"]))
        for entry in resources
        if "/" not in entry["name"]
    }


def apis_in(listed: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """The `group/version` and `group/version/Kind` in an APIGroupDiscoveryList; subresources answer with kinds too.

    As client-go reads it for helm (`discovery/aggregated_discovery.go`): a version that is stale is left out.
    """
    for group in listed.get("items") or ():
        for version in group.get("versions") or ():
            if version.get("freshness") == "Stale":
                continue
            name = "/".join(filter(None, (group["metadata"].get("name"), version["version"])))
            yield name
            for resource in version.get("resources") or ():
                for answer in (resource, *(resource.get("subresources") or ())):
                    kind = (answer.get("responseKind") or {}).get("kind")
                    if kind:
                        yield f"{name}/{kind}"


def listed_resources(listed: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """(kind, path of its list in all namespaces) of each kind that can be listed, in the version its group prefers.

    `listed` is an APIGroupDiscoveryList.
    """
    for group in (listed or {}).get("items") or ():
        name = group["metadata"].get("name")
        for version in (group.get("versions") or ())[:1]:
            root = group_path("/".join(filter(None, (name, version["version"]))))
            for resource in version.get("resources") or ():
                if "list" in (resource.get("verbs") or ()):
                    yield resource["responseKind"]["kind"], f"{root}/{resource['resource']}"
