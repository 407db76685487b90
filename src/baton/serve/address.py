"""HOST:PORT, and a socket that listens there."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from baton.errors import AddressError, UsageError
from baton.wire.quote import quote

PORT_MAX = 65535


class Address(NamedTuple):
    """Where a door listens; port 0 asks for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT` or `[IPv6]:PORT`.

    Raises:
        UsageError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    plain = bare == host and ":" not in host
    bracketed = host == f"[{bare}]"
    if not (colon and bare and (plain or bracketed) and port.isascii() and port.isdigit() and int(port) <= PORT_MAX):
        raise UsageError(f"{quote(text)} is no address: write HOST:PORT, as in 127.0.0.1:4317, or [::1]:4317")
    return Address(bare, int(port))


def is_loopback(address: Address) -> bool:
    """Whether only this machine can reach it; a name that cannot be resolved counts as within reach of others."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(where[0]).partition("%")[0]).is_loopback for *_, where in found)


def listen(address: Address, option: str) -> socket.socket:
    """A socket that listens at the address and that no other process shares.

    Args:
        address: where.
        option: the command-line option that named it, for the message.

    Raises:
        AddressError: it is in use, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        # `::` is every address of either family, as it is for gRPC.
        return socket.create_server(address, family=family, dualstack_ipv6=address.host == "::")
    except OSError as error:
        raise refused(address, option, (error.strerror or str(error)).partition(" (while")[0]) from error


def refused(address: Address, option: str, why: str) -> AddressError:
    """The error of an address that cannot be listened on."""
    return AddressError(
        f"cannot listen on {address} ({why}): stop what listens there, or name another address with {option} "
        "HOST:PORT (port 0 takes any free one)"
    )
