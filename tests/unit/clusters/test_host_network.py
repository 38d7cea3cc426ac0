"""Proxies and certificate authorities for nodes."""

from pathlib import Path

import pytest

from bootstrap.clusters.docker_nodes.host_network import authorities, node_proxies
from bootstrap.errors import RefusedError


def _proxies(environment: dict[str, str], *, reachable: bool = True) -> dict[str, str]:
    return node_proxies(environment, lambda: "172.20.0.1", lambda _port: reachable)


def test_without_a_proxy_nothing_is_given() -> None:
    assert _proxies({"NO_PROXY": "x"}) == {}


def test_a_proxy_of_another_machine_stays() -> None:
    proxies = _proxies({"https_proxy": "http://proxy.example.com:3128", "NO_PROXY": "corp, .svc"})
    assert proxies["HTTPS_PROXY"] == proxies["https_proxy"] == "http://proxy.example.com:3128"
    assert proxies["NO_PROXY"] == "corp,.svc,localhost,127.0.0.1,::1,.cluster.local,.internal"
    assert "HTTP_PROXY" not in proxies


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ("http://127.0.0.1:3128", "http://172.20.0.1:3128"),
        ("localhost:3128", "http://172.20.0.1:3128"),
        ("http://u:p@[::1]:3128/", "http://u:p@172.20.0.1:3128/"),
        ("http://127.0.0.1", "http://172.20.0.1:80"),
    ],
)
def test_a_proxy_of_this_machine_goes_by_the_gateway(given: str, reached: str) -> None:
    assert _proxies({"HTTP_PROXY": given})["HTTP_PROXY"] == reached


def test_a_proxy_of_the_loopback_alone_is_refused_without_its_password() -> None:
    with pytest.raises(
        RefusedError, match=r"HTTP_PROXY=127\.0\.0\.1:3128 is a proxy on this machine's loopback"
    ) as error:
        _proxies({"HTTP_PROXY": "http://u:s3cret@127.0.0.1:3128"}, reachable=False)
    assert "s3cret" not in f"{error.value} {error.value.fix}"
    assert "0.0.0.0:3128" in str(error.value.fix)


def test_authorities_are_copied_each_once(tmp_path: Path) -> None:
    own = tmp_path / "corp.pem"
    own.write_text("corp")
    environment = {"SSL_CERT_FILE": str(own), "REQUESTS_CA_BUNDLE": str(own), "CURL_CA_BUNDLE": str(tmp_path / "gone")}
    ((copy, inside),) = authorities(environment, tmp_path / "cluster")
    assert copy.read_text() == "corp"
    assert copy.parent == tmp_path / "cluster"
    assert inside == "/etc/ssl/certs/bootstrap-0.pem"


@pytest.mark.parametrize("more", [{"DOCKER_HOST": "tcp://build.example.com:2376"}, {"SSL_CERT_FILE": ""}])
def test_nothing_to_copy(tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "corp.pem").write_text("corp")
    assert not authorities({"SSL_CERT_FILE": str(tmp_path / "corp.pem"), **more}, tmp_path / "cluster")
