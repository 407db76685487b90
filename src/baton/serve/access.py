"""Who may come in and how, settled before anything listens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from baton.errors import UsageError
from baton.serve.address import Address, is_loopback, parse_address
from baton.serve.certificates import Certificates, load_certificates, valid_until
from baton.serve.tokens import VARIABLE, Tokens, load_tokens

if TYPE_CHECKING:
    from baton.serve.options import Options


class Access(NamedTuple):
    """The options, read and tried.

    Attributes:
        grpc: where OTLP/gRPC listens.
        http: where OTLP/HTTP listens.
        certificates: for TLS; None for none.
        tokens: who may send; None lets everybody.
        exposed: what is missing where others can reach a door, as --insecure allows: "TLS", "tokens".
    """

    grpc: Address
    http: Address
    certificates: Certificates | None
    tokens: Tokens | None
    exposed: tuple[str, ...]

    def lines(self) -> list[str]:
        """What it comes to, for people: a line each."""
        tls = "TLS off" if self.certificates is None else f"TLS on, valid until {valid_until(self.certificates)}"
        if self.certificates is not None and self.certificates.client_ca is not None:
            tls += ", clients need a certificate"
        tokens = "tokens off, everybody may send" if self.tokens is None else f"tokens {self.tokens}"
        return [tls, tokens]


def settle(options: Options) -> Access:
    """Reads and tries all of it.

    Raises:
        UsageError: an address is none, TLS options are incomplete, or a door would stand open to others.
        InputError: a file of certificates or tokens has a fault.
    """
    addresses = parse_address(options.grpc), parse_address(options.http)
    certificates = load_certificates(options.tls_cert, options.tls_key, options.tls_client_ca)
    tokens = load_tokens(options.tokens, os.environ)
    missing = tuple(name for name, found in (("TLS", certificates), ("tokens", tokens)) if found is None)
    reachable = [address for address in addresses if not is_loopback(address)]
    if reachable and missing and not options.insecure:
        raise UsageError(
            f"{reachable[0]} can be reached from other machines, and there is no {' and no '.join(missing)}: give "
            f"--tls-cert, --tls-key and --tokens (or ${VARIABLE}), listen on 127.0.0.1, or say --insecure"
        )
    return Access(*addresses, certificates, tokens, missing if reachable else ())
