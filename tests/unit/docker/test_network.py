"""Networks as they are asked of an engine, and what it has no room for."""

import ipaddress
from typing import Any, cast

import pytest
import requests
from docker import DockerClient
from docker.errors import APIError
from docker.models.networks import Network

from bootstrap.docker.network import create_network, ipv6_range, refuse_without_ipv6
from bootstrap.errors import RefusedError


class _Network:
    def __init__(self, name: str, **attrs: Any) -> None:
        self.name = name
        self.attrs = attrs

    def reload(self) -> None:
        """As it is."""


class _Engine:
    def __init__(self, reason: str = "", networks: tuple[_Network, ...] = ()) -> None:
        self.networks = self
        self.asked: dict[str, Any] = {}
        self._reason = reason
        self._networks = networks

    def create(self, name: str, **asked: Any) -> _Network:
        self.asked = asked
        if self._reason:
            response = requests.Response()
            response.status_code = 500
            raise APIError("failed", response=response, explanation=self._reason)
        return _Network(name)

    def list(self) -> tuple[_Network, ...]:
        return self._networks

    def client(self) -> DockerClient:
        return cast("DockerClient", self)


def test_a_network_of_both_families() -> None:
    engine = _Engine()
    create_network(engine.client(), "a", {"x": "y"}, ipv6=True)
    assert engine.asked["enable_ipv6"] is True
    (pool,) = engine.asked["ipam"]["Config"]
    assert ipaddress.IPv6Network(pool["Subnet"]).is_private
    create_network(engine.client(), "a", {"x": "y"}, ipv6=False)
    assert (engine.asked["enable_ipv6"], engine.asked["ipam"]) == (False, None)


def test_ranges_of_two_networks_do_not_meet() -> None:
    assert not ipaddress.IPv6Network(ipv6_range("a")).overlaps(ipaddress.IPv6Network(ipv6_range("b")))
    assert ipaddress.IPv6Network(ipv6_range("a")).prefixlen == 64


@pytest.mark.parametrize(
    "reason",
    [
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
        "all predefined address pools have been fully subnetted",
    ],
)
def test_no_room_names_the_networks_that_can_go(reason: str) -> None:
    networks = (
        _Network("bridge"),
        _Network("old_default"),
        _Network("used", Containers={"c": {}}),
        _Network("bootstrap-other", Labels={"dev.bootstrap.owner": "n"}),
    )
    with pytest.raises(RefusedError, match="no address range left") as error:
        create_network(_Engine(reason, networks).client(), "a", {}, ipv6=False)
    assert error.value.evidence == (reason, "nothing uses the network old_default")
    assert str(error.value.fix).startswith("docker network rm old_default;")


def test_no_room_where_every_network_is_used() -> None:
    with pytest.raises(RefusedError) as error:
        create_network(_Engine("fully subnetted").client(), "a", {}, ipv6=False)
    assert str(error.value.fix).startswith("bootstrap down for a stack that nobody needs")


def test_what_else_an_engine_refuses_is_its_own_to_tell() -> None:
    with pytest.raises(APIError):
        create_network(_Engine("no such driver").client(), "a", {}, ipv6=False)


def test_a_network_without_ipv6_is_told_where_that_is_asked_for() -> None:
    refuse_without_ipv6(cast("Network", _Network("a", EnableIPv6=True)))
    with pytest.raises(RefusedError, match="a has no IPv6"):
        refuse_without_ipv6(cast("Network", _Network("a")))
