# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA of a minikube home, the API server's certificate and client certificates, at the places where minikube keeps them."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey
SERVER_NAMES = (
    "localhost",
    "minikube",
    "control-plane.minikube.internal",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVER_ADDRESSES = ("127.0.0.1", "10.96.0.1", "192.168.49.2")


class Certificates:
    """Files under `home` (the distro's ~/.minikube); the CA is shared by all profiles and survives their deletion."""

    def __init__(self, home: Path, profile: str) -> None:
        self.home = home
        self.profile = home / "profiles" / profile

    @property
    def ca(self) -> Path:
        return self.home / "ca.crt"

    @property
    def server(self) -> tuple[Path, Path]:
        return self.profile / "apiserver.crt", self.profile / "apiserver.key"

    @property
    def client(self) -> tuple[Path, Path]:
        return self.profile / "client.crt", self.profile / "client.key"

    def ensure(self) -> None:
        """Make what is missing."""
        self.profile.mkdir(parents=True, exist_ok=True)
        if not self.ca.exists() or not (self.home / "ca.key").exists():
            self._make_ca()
            for path in (*self.server, *self.client):
                path.unlink(missing_ok=True)
        if not all(path.exists() for path in self.server):
            self._issue(*self.server, "minikube", "system:masters", server=True)
        if not all(path.exists() for path in self.client):
            self._issue(*self.client, "minikube-user", "system:masters")

    def issue_client(self, name: str, group: str = "") -> tuple[Path, Path]:
        """A certificate for another user, beside the client's: <name>.crt, <name>.key."""
        paths = self.profile / f"{name}.crt", self.profile / f"{name}.key"
        if not all(path.exists() for path in paths):
            self._issue(*paths, name, group)
        return paths

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "minikubeCA")])
        builder = _builder(subject, subject, key.public_key(), days=3650)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        _write(self.ca, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
        _write(self.home / "ca.key", _pem(key), 0o600)

    def _issue(self, certificate: Path, key_file: Path, name: str, group: str, *, server: bool = False) -> None:
        ca_key = serialization.load_pem_private_key((self.home / "ca.key").read_bytes(), None)
        ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
        subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(subject, ca.subject, key.public_key(), days=1095)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        if server:
            addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in SERVER_ADDRESSES]
            names = [x509.DNSName(text) for text in SERVER_NAMES]
            builder = builder.add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
        _write(certificate, builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
        _write(key_file, _pem(key), 0o600)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=days))


def _usage(*, sign_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: Key) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    path.write_bytes(content)
    path.chmod(mode)
