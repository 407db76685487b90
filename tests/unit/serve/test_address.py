from __future__ import annotations

import pytest

from baton.errors import AddressError, UsageError
from baton.serve.address import Address, listen, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:4317", Address("127.0.0.1", 4317)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:65535", Address("::1", 65535)),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, address: Address) -> None:
    """What is parsed prints as it was given."""
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "4317", ":4317", "host:", "host:x", "host:65536", "host:-1", "host:٣", "::1:4317", "[::1]4317", "[]:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    """The message says how to write one."""
    with pytest.raises(UsageError, match=r"write HOST:PORT, as in 127.0.0.1:4317"):
        parse_address(text)


def test_a_port_in_use_is_refused_and_named() -> None:
    """A second socket on the port fails, and says which port and which option; a free one is taken."""
    with listen(Address("127.0.0.1", 0), "--http") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"127.0.0.1:{port} \(Address already in use\).*--http HOST:PORT"):
            listen(Address("127.0.0.1", port), "--http")


def test_an_address_of_elsewhere_is_refused() -> None:
    """Neither a foreign address nor an unknown name is a traceback."""
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(AddressError, match=f"cannot listen on {host}"):
            listen(Address(host, 0), "--grpc")
