from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.port_choice import choose_ports, remembered_ports
from bootstrap.errors import RefusedError
from bootstrap.model.stack import HostPorts, StatePaths

DECLARED = HostPorts(http=8080, https=8443)


def test_instances_begin_apart_and_stay_where_they_are(tmp_path: Path) -> None:
    states = [StatePaths(folder=tmp_path / f"dev-pr-{number}-0123456789") for number in range(3)]
    chosen = [choose_ports(DECLARED, state, apart=True, free=lambda _port: True) for state in states]
    assert len({port for host_ports in chosen for port in (host_ports.http, host_ports.https)}) == 6
    assert all(10_000 <= host_ports.http < host_ports.https < 20_000 for host_ports in chosen)
    first = chosen[0].http
    ports = choose_ports(DECLARED, states[0], apart=True, free=lambda port: port != first)
    assert ports == chosen[0] == remembered_ports(DECLARED, states[0])


def test_free_ones_are_the_declared_ones(tmp_path: Path) -> None:
    assert choose_ports(DECLARED, StatePaths(folder=tmp_path), free=lambda _port: True) == DECLARED


def test_taken_ones_are_passed_and_the_choice_is_remembered(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path)
    chosen = HostPorts(http=8082, https=8443)
    assert choose_ports(DECLARED, state, free=lambda port: port not in {8080, 8081}) == chosen
    assert remembered_ports(DECLARED, state) == chosen
    # They are taken by its own cluster by now.
    assert choose_ports(DECLARED, state, free=lambda _port: False) == chosen


def test_two_are_never_the_same(tmp_path: Path) -> None:
    close = HostPorts(http=8080, https=8081)
    chosen = choose_ports(close, StatePaths(folder=tmp_path), free=lambda port: port > 8080)
    assert chosen == HostPorts(http=8081, https=8082)


def test_other_declared_ones_count(tmp_path: Path) -> None:
    state = StatePaths(folder=tmp_path)
    choose_ports(DECLARED, state, free=lambda port: port != 8080)
    other = HostPorts(http=9000, https=9001)
    assert remembered_ports(other, state) == other


def test_a_cluster_that_is_there_keeps_its_ports(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    assert choose_ports(DECLARED, StatePaths(folder=tmp_path), free=lambda _port: False) == DECLARED


def test_when_none_is_free(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="none of the ports 8080 to 8279 is free"):
        choose_ports(DECLARED, StatePaths(folder=tmp_path), free=lambda _port: False)
