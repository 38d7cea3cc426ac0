import json

import pytest

from bootstrap.clusters.kwok.components import FIRST, SERVICE_RANGE, Component, arguments, egress, stages


def flags(component: Component) -> dict[str, str]:
    split = (argument.removeprefix("--").partition("=") for argument in arguments(component, 20001))
    return {name: value for name, _, value in split}


def test_etcd_and_the_api_server_come_first() -> None:
    assert FIRST == (Component.ETCD, Component.API_SERVER)
    assert tuple(Component)[:2] == FIRST


def test_etcd_speaks_over_unix_sockets_only() -> None:
    given = flags(Component.ETCD)
    urls = {name: value for name, value in given.items() if name.endswith("-urls")}
    assert len(urls) == 4
    assert {value.partition("://")[0] for value in urls.values()} == {"unix"}
    assert "unsafe-no-fsync" in given
    assert flags(Component.API_SERVER)["etcd-servers"] == given["listen-client-urls"]


def test_the_api_server_listens_on_loopback_and_lets_nobody_in_unknown() -> None:
    given = flags(Component.API_SERVER)
    assert given["secure-port"] == "20001"
    assert given["bind-address"] == "127.0.0.1"
    assert given["advertise-address"] == "127.0.0.1"
    assert given["anonymous-auth"] == "false"
    assert given["authorization-mode"] == "Node,RBAC"


def test_the_api_server_calls_nobody() -> None:
    given = flags(Component.API_SERVER)
    assert given["service-cluster-ip-range"] == SERVICE_RANGE
    assert SERVICE_RANGE.startswith("127.")
    assert given["endpoint-reconciler-type"] == "none"
    assert given["disable-admission-plugins"] == "MutatingAdmissionWebhook,ValidatingAdmissionWebhook"
    assert given["egress-selector-config-file"] == "egress.json"
    selections = json.loads(egress())["egressSelections"]
    assert {each["name"] for each in selections} == {"cluster", "controlplane"}
    for each in selections:
        assert each["connection"] == {
            "proxyProtocol": "HTTPConnect",
            "transport": {"uds": {"udsName": "nowhere"}},
        }


@pytest.mark.parametrize("component", [Component.CONTROLLERS, Component.SCHEDULER])
def test_those_that_need_no_server_have_none(component: Component) -> None:
    assert flags(component)["secure-port"] == "0"
    assert flags(component)["leader-elect"] == "false"


def test_a_late_heartbeat_makes_no_pod_unready() -> None:
    assert flags(Component.CONTROLLERS)["node-monitor-grace-period"] == "87600h"


def test_controllers_for_real_machines_and_clouds_are_off() -> None:
    listed = flags(Component.CONTROLLERS)["controllers"].split(",")
    assert listed[0] == "*"
    assert {"-node-ipam-controller", "-service-lb-controller", "-bootstrap-signer-controller"} < set(listed)


def test_kwok_manages_all_machines_and_serves_nothing() -> None:
    given = flags(Component.KWOK)
    assert "manage-all-nodes" in given
    assert {"cidr", "node-ip", "config"} < given.keys()
    assert not {"server-address", "node-port"} & given.keys()
    # Addresses of pods stand in endpoints, where the API accepts no loopback address.
    assert not given["cidr"].startswith("127.")


@pytest.mark.parametrize("component", list(Component))
def test_every_path_is_relative(component: Component) -> None:
    # A unix socket's path has at most 107 bytes; the state folder's may have more.
    assert not [value for value in flags(component).values() if value.startswith("/")]


def test_stages_name_only_kinds_that_every_cluster_has() -> None:
    stage = json.loads(stages("standard"))
    assert stage["spec"]["resourceRef"] == {"apiGroup": "v1", "kind": "PersistentVolume"}
    values = [each["values"] for each in stage["spec"]["selector"]["matchExpressions"]]
    assert values == [["Released"], ["standard"]]
