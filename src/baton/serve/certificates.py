"""TLS and mutual TLS: one certificate for both doors, tried before anything listens.

A certificate that has expired is found by clients, at night. So the files first talk TLS to themselves, in memory: what
they would refuse, a client would.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from baton.documents import refuse_if_open
from baton.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_PEM_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_STEP = "name the right files with --tls-cert and --tls-key"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The PEM files.

    Attributes:
        certificate: the server's chain, its own certificate first.
        key: its private key, not encrypted.
        client_ca: the authorities whose clients are let in; None asks clients for no certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For the HTTP door."""
        context = _loaded(self)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """For the gRPC door."""
        pair = self.key.read_bytes(), self.certificate.read_bytes()
        authorities = None if self.client_ca is None else self.client_ca.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], authorities)


class Presented:
    """What the doors present now: certificates that are renewed while they serve.

    Attributes:
        context: of TLS connections that the HTTP door accepts from here on.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._first = certificates
        self._configuration: grpc.ServerCertificateConfiguration | None = None
        self.context = certificates.context()

    def renew(self, certificates: Certificates) -> None:
        """Presents these on every new connection of both doors."""
        self.context = certificates.context()
        self._configuration = certificates.configuration()

    def credentials(self) -> grpc.ServerCredentials:
        """Of the gRPC door."""
        return grpc.dynamic_ssl_server_credentials(
            self._first.configuration(),
            self._renewed,  # type: ignore[arg-type] # None is for "as before"; the stubs leave it out
            require_client_authentication=self._first.client_ca is not None,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC does not have yet; it asks in a thread of its own, at every handshake."""
        configuration, self._configuration = self._configuration, None
        return configuration


def load_certificates(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Certificates | None:
    """The certificates that the options name, tried; None without.

    Raises:
        UsageError: one option is given without the other.
        InputError: a file cannot be read, is no PEM, does not fit the other, or is not valid now.
    """
    if certificate is None and key is None:
        if client_ca is not None:
            raise UsageError("--tls-client-ca needs --tls-cert and --tls-key: clients are asked inside TLS")
        return None
    if certificate is None or key is None:
        raise UsageError("--tls-cert and --tls-key go together: give both")
    refuse_if_open(key)
    certificates = Certificates(certificate, key, client_ca)
    _try(certificates)
    return certificates


def valid_until(certificates: Certificates) -> str:
    """When the server's certificate ends, as X.509 writes it: `Jan  1 00:00:00 2030 GMT`."""
    return _talk(_loaded(certificates), certificates.certificate)


def _loaded(certificates: Certificates) -> ssl.SSLContext:
    """A server's context, with the pair.

    Raises:
        InputError: they cannot be read, or are none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    pair = f"{certificates.certificate} and {certificates.key}"
    for path in (certificates.certificate, certificates.key):
        _readable(path)
    try:
        # Without a password here, OpenSSL asks the terminal for one.
        context.load_cert_chain(certificates.certificate, certificates.key, password="")
    except ssl.SSLError as error:
        why = _WHY.get(error.reason or "", f"no PEM certificate and unencrypted PEM key ({error.reason})")
        raise InputError(f"{pair}: {why}; {_STEP}") from error
    return context


_WHY = {"KEY_VALUES_MISMATCH": "the key is not that of the certificate"}


def _readable(path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from error


def _try(certificates: Certificates) -> None:
    context = _loaded(certificates)
    try:
        _talk(context, certificates.certificate)
    except ssl.SSLCertVerificationError as error:
        raise InputError(f"{certificates.certificate}: {error.verify_message}; get a new one") from error
    except ssl.SSLError as error:
        raise InputError(f"{certificates.certificate}: no client would take it ({error.reason}); {_STEP}") from error
    if certificates.client_ca is not None:
        _readable(certificates.client_ca)
        try:
            context.load_verify_locations(certificates.client_ca)
        except ssl.SSLError as error:
            raise InputError(
                f"{certificates.client_ca}: no PEM certificate ({error.reason}); name one with --tls-client-ca"
            ) from error


def _talk(server_context: ssl.SSLContext, certificate: Path) -> str:
    """A handshake in memory, by a client that trusts the server's own certificate; gives its end of validity.

    Raises:
        ssl.SSLError: the client refuses.
    """
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(cadata=_first(certificate.read_text("ascii", "replace")))
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_side=False)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    found = client.getpeercert() or {}
    return str(found.get("notAfter", ""))


def _first(chain: str) -> str:
    """The first certificate of a chain: a client that trusted all of it would pass over the first one's faults."""
    _, begin, rest = chain.partition(_PEM_CERTIFICATE)
    if not begin:
        raise InputError(f"no certificate begins with {_PEM_CERTIFICATE}: convert it with `openssl x509`")
    return begin + rest.split(_PEM_CERTIFICATE)[0]
