"""How the doors are set up, as the command line gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from baton.limits import BROKER_INTERVAL_S

if TYPE_CHECKING:
    from pathlib import Path

    from baton.brokers.snapshot import Source


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen, and who may come in.

    Attributes:
        grpc: HOST:PORT of OTLP/gRPC; port 0 takes any.
        http: HOST:PORT of OTLP/HTTP; port 0 takes any.
        tls_cert: PEM file of the server's certificate chain.
        tls_key: PEM file of its private key.
        tls_client_ca: PEM file of the authorities that clients' certificates must come from.
        tokens: file of bearer tokens; else $BATON_TOKENS.
        insecure: whether to listen beyond this machine without TLS or without tokens.
        broker: the broker to look at; null for none.
        broker_interval_s: how often, seconds.
    """

    grpc: str = "127.0.0.1:4317"
    http: str = "127.0.0.1:4318"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tokens: Path | None = None
    insecure: bool = False
    broker: Source | None = None
    broker_interval_s: float = BROKER_INTERVAL_S
