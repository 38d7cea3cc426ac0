"""Keys and certificates as PEM. Imported only when they are made: its package is an extra, and slow to load."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=3650)
_EARLIER = timedelta(days=1)
"""Clocks are set back, and hosts restored from a backup."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A private key and what is shown of it: a certificate, or the public key alone."""

    key: bytes
    public: bytes


class Authority:
    """Signs what one cluster trusts. Its own key is never given out, so nothing can be signed later."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._key = generate_private_key(SECP256R1())
        name = _subject("bootstrap")
        usage = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
        self._certificate = (
            self._builder(name, name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**{**_NO_USAGE, **usage}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """What clients trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def server(self, name: str, names: tuple[str, ...], addresses: tuple[str, ...]) -> Pair:
        """For a server that is called by these names and addresses."""
        alternatives = x509.SubjectAlternativeName(
            [
                *(x509.DNSName(each) for each in names),
                *(x509.IPAddress(ip_address(each)) for each in addresses),
            ]
        )
        key = generate_private_key(SECP256R1())
        builder = self._issued(_subject(name), key, ExtendedKeyUsageOID.SERVER_AUTH)
        return _pair(key, builder.add_extension(alternatives, critical=False).sign(self._key, SHA256()))

    def client(self, name: str, group: str) -> Pair:
        """For a user of this name and group."""
        key = generate_private_key(SECP256R1())
        builder = self._issued(_subject(name, group), key, ExtendedKeyUsageOID.CLIENT_AUTH)
        return _pair(key, builder.sign(self._key, SHA256()))

    def _issued(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, usage: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            self._builder(subject, self._certificate.subject, key)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(issuer, critical=False)
        )

    def _builder(self, subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=issuer,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self._now - _EARLIER,
            not_valid_after=self._now + _VALID,
        )


def signing_pair() -> Pair:
    """For tokens: the public key stands without a certificate."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Pair(key=_key_pem(key), public=public)


_NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def _pair(key: EllipticCurvePrivateKey, certificate: x509.Certificate) -> Pair:
    return Pair(key=_key_pem(key), public=certificate.public_bytes(Encoding.PEM))


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _subject(name: str, group: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)
