"""A Docker engine in memory, as far as marks are concerned: what it holds, by kind, and what is asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from docker.errors import APIError, NotFound

Told = dict[str, Any]


@dataclass
class FakeApi:
    """The calls of docker's low-level client that are used."""

    boxes: dict[str, Told] = field(default_factory=dict)
    """Containers by name."""
    nets: dict[str, Told] = field(default_factory=dict)
    vols: dict[str, Told] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    """How often a removal is answered with a conflict."""
    removed: list[str] = field(default_factory=list)
    gone_when_looked_at: set[str] = field(default_factory=set)
    """Networks that another run removes between the list and the look at them."""

    def container(self, name: str, *, network: str = "bridge", joined: bool = True, **labels: str) -> None:
        networks: Told = {network: {}} if joined else {}
        self.boxes[name] = {
            "Id": name,
            "Names": [f"/{name}"],
            "Labels": _written(labels),
            "NetworkSettings": {"Networks": networks},
            "HostConfig": {"NetworkMode": network},
        }

    def network(self, name: str, **labels: str) -> None:
        self.nets[name] = {"Id": name, "Name": name, "Labels": _written(labels)}

    def volume(self, name: str, **labels: str) -> None:
        self.vols[name] = {"Name": name, "Labels": _written(labels)}

    def containers(self, *, all: bool, filters: Mapping[str, str] | None) -> list[Told]:  # noqa: A002 - docker's word
        assert all, "stopped ones are ours too"
        return _chosen(self.boxes, filters)

    def networks(self, *, filters: Mapping[str, str]) -> list[Told]:
        return _chosen(self.nets, filters)

    def volumes(self, *, filters: Mapping[str, str]) -> Told:
        return {"Volumes": _chosen(self.vols, filters) or None}

    def inspect_network(self, name: str) -> Told:
        if name in self.gone_when_looked_at:
            del self.nets[name]
            raise NotFound("network not found", response=_answer(404))
        joined = {entry["Id"]: {"Name": entry["Id"]} for entry in self.boxes.values() if _is_on(entry, name)}
        return {**self.nets[name], "Containers": joined}

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        self.vols[name] = {"Name": name, "Labels": dict(labels)}

    def remove_container(self, name: str, *, v: bool, force: bool) -> None:
        assert v, "its anonymous volumes are ours too"
        assert force, "it may run"
        self._remove(self.boxes, name)

    def remove_network(self, name: str) -> None:
        self._remove(self.nets, name)

    def remove_volume(self, name: str, *, force: bool) -> None:
        assert force
        self._remove(self.vols, name)

    def _remove(self, where: dict[str, Told], name: str) -> None:
        if self.busy.get(name, 0) > 0:
            self.busy[name] -= 1
            raise APIError("in progress", response=_answer(409))
        if name not in where:
            raise NotFound("gone", response=_answer(404))
        del where[name]
        self.removed.append(name)


class FakeClient:
    """What carries the low-level client."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api


def _answer(code: int) -> requests.Response:
    answer = requests.Response()
    answer.status_code = code
    return answer


def _written(labels: Mapping[str, str]) -> dict[str, str]:
    """`dev_bootstrap_owner` is dev.bootstrap.owner, `kind` and `k3d` are those programs' own."""
    own = {"kind": "io.x-k8s.kind.cluster", "k3d": "k3d.cluster"}
    return {own.get(name) or f"dev.bootstrap.{name}": value for name, value in labels.items()}


def _chosen(where: Mapping[str, Told], filters: Mapping[str, str] | None) -> list[Told]:
    name, _, value = (filters or {}).get("label", "").partition("=")
    matching = [entry for entry in where.values() if not name or name in (entry["Labels"] or {})]
    return [entry for entry in matching if not value or entry["Labels"][name] == value]


def _is_on(container: Told, network: str) -> bool:
    return network in container["NetworkSettings"]["Networks"]
