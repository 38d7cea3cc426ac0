import pytest

from bootstrap.emulators.address import Address, Trust, permitted_addresses
from bootstrap.errors import RefusedError


def nobody_asked(host: str) -> list[str]:
    pytest.fail(f"{host} was looked up")


def test_a_number_is_not_looked_up() -> None:
    addresses = permitted_addresses("http://127.0.0.1:4566/", Trust.LOOPBACK, nobody_asked)
    assert addresses == (Address(host="127.0.0.1", port=4566),)


def test_a_name_becomes_the_numbers_it_has_now() -> None:
    addresses = permitted_addresses("http://localhost:4566", Trust.LOOPBACK, lambda _host: ["::1", "127.0.0.1", "::1"])
    assert [address.url for address in addresses] == ["http://[::1]:4566", "http://127.0.0.1:4566"]


@pytest.mark.parametrize("host", ["10.1.2.3", "172.31.0.9", "192.168.1.4", "fd00::4"])
def test_private_networks_only_for_an_endpoint_the_stack_file_names(host: str) -> None:
    assert permitted_addresses("http://aws.test:4566", Trust.NAMED, lambda _host: [host])[0].host == host
    with pytest.raises(RefusedError, match="not this machine") as refused:
        permitted_addresses("http://aws.test:4566", Trust.LOOPBACK, lambda _host: [host])
    assert "stack file" in str(refused.value.fix)


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104  # an address to refuse
        "100.64.0.1",
        "172.32.0.1",
        "224.0.0.1",
        "::",
        "fe80::1%eth0",
        "::ffff:52.94.1.1",
        "2600:9000::1",
    ],
)
def test_every_other_address_is_refused(host: str) -> None:
    with pytest.raises(RefusedError, match="nothing was written"):
        permitted_addresses("http://aws.test:4566", Trust.NAMED, lambda _host: [host])


def test_one_public_address_among_private_ones_is_enough_to_refuse() -> None:
    with pytest.raises(RefusedError, match=r"52\.94\.1\.1"):
        permitted_addresses("http://aws.test", Trust.NAMED, lambda _host: ["10.0.0.1", "52.94.1.1"])


def test_a_mapped_loopback_address_is_loopback() -> None:
    assert permitted_addresses("http://[::ffff:127.0.0.1]:1", Trust.LOOPBACK)[0].host == "127.0.0.1"


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://localhost:4566", "scheme https"),
        ("localhost:4566", "scheme localhost"),
        ("127.0.0.1:4566", r"scheme \(none\)"),
        ("http://", "no host"),
        ("http://user:word@localhost:4566", "user name or password"),
        ("http://localhost:4566/_aws", "path, query or fragment"),
        ("http://localhost:4566?x=1", "path, query or fragment"),
        ("http://localhost:99999", "out of range"),
        ("http://[::1", "Invalid IPv6"),
    ],
)
def test_only_plain_http_addresses(endpoint: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        permitted_addresses(endpoint, Trust.NAMED, nobody_asked)
    assert refused.value.fix == "write http://HOST:PORT, such as http://127.0.0.1:4566"


def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"aws\.test has no address"):
        permitted_addresses("http://aws.test", Trust.NAMED, lambda _host: [])


def test_a_name_nobody_knows_is_refused() -> None:
    with pytest.raises(RefusedError, match="cannot be resolved"):
        permitted_addresses("http://nobody.invalid:4566", Trust.NAMED)
