import base64
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from bootstrap.clusters.kwok.pki import CLIENTS, kubeconfig, make_pki
from fakes.clock import FakeClock


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster") / "pki"
    make_pki(folder, FakeClock())
    return folder


def certificate(pki: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((pki / f"{name}.crt").read_bytes())


def test_every_file_is_its_owners_alone(pki: Path) -> None:
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in pki.iterdir()} == {0o600}


def test_the_authoritys_key_is_nowhere(pki: Path) -> None:
    authority = certificate(pki, "ca").public_key()
    keys = {file.name for file in pki.glob("*.key")}
    assert keys == {f"{name}.key" for name in (*CLIENTS, "kube-apiserver", "service-accounts")}
    for file in pki.glob("*.crt"):
        if file.stem != "ca":
            assert certificate(pki, file.stem).public_key() != authority


@pytest.mark.parametrize("name", [*CLIENTS, "kube-apiserver"])
def test_the_authority_signed_it_and_it_is_valid_now(pki: Path, name: str) -> None:
    signed = certificate(pki, name)
    signed.verify_directly_issued_by(certificate(pki, "ca"))
    now = FakeClock().now()
    assert signed.not_valid_before_utc < now < signed.not_valid_after_utc - timedelta(days=365)
    ssl.create_default_context().load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")


def test_clients_are_of_the_group_that_may_do_all(pki: Path) -> None:
    for client in CLIENTS:
        groups = certificate(pki, client).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert [group.value for group in groups] == ["system:masters"]
    assert not certificate(pki, "kube-apiserver").subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_the_server_is_known_by_loopback_and_its_service(pki: Path) -> None:
    names = certificate(pki, "kube-apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "127.96.0.1"]


def test_what_is_there_is_kept(pki: Path) -> None:
    before = {file: file.read_bytes() for file in pki.iterdir()}
    make_pki(pki, FakeClock())
    assert {file: file.read_bytes() for file in pki.iterdir()} == before


def test_what_a_killed_run_left_unfinished_is_made_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "pki.new"
    unfinished.mkdir()
    (unfinished / "stale.key").write_text("stale")
    make_pki(tmp_path / "pki", FakeClock())
    assert not unfinished.exists()
    assert not (tmp_path / "pki" / "stale.key").exists()


def test_a_kubeconfig_holds_all_it_needs(pki: Path) -> None:
    document = yaml.safe_load(kubeconfig(pki, "admin", 20001, "bootstrap-dev"))
    assert document["current-context"] == "bootstrap-dev"
    assert document["contexts"] == [
        {"name": "bootstrap-dev", "context": {"cluster": "bootstrap-dev", "user": "bootstrap-dev"}}
    ]
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:20001"
    trusted = base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])
    assert trusted == (pki / "ca.crt").read_bytes()
    user = document["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == (pki / "admin.key").read_bytes()
    assert base64.b64decode(user["client-certificate-data"]) == (pki / "admin.crt").read_bytes()
