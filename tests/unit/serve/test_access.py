from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from baton.errors import UsageError
from baton.serve.access import settle
from baton.serve.options import Options

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Authority


@pytest.fixture
def guarded(authority: Authority, tmp_path: Path) -> Options:
    """TLS and tokens."""
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("tokens: [{token: 0123456789abcdef, tenant: retail}]")
    tokens.chmod(0o600)
    certificate, key = authority.issue("bank.example")
    return Options(tls_cert=certificate, tls_key=key, tokens=tokens)


OPEN = [{"grpc": "0.0.0.0:0"}, {"http": "[::]:0"}, {"http": "192.0.2.1:0"}, {"grpc": "no.such.host.invalid:0"}]


@pytest.mark.parametrize("addresses", OPEN)
def test_a_door_that_others_reach_needs_tls_and_tokens(guarded: Options, addresses: dict[str, str]) -> None:
    """Either missing is refused by name, with the options that mend it; --insecure lets it pass and says what is."""
    assert settle(replace(guarded, **addresses)).exposed == ()
    for lacking, missing in (
        (replace(guarded, tls_cert=None, tls_key=None), ("TLS",)),
        (replace(guarded, tokens=None), ("tokens",)),
        (Options(), ("TLS", "tokens")),
    ):
        exposed = replace(lacking, **addresses)
        with pytest.raises(UsageError, match=rf"there is no {' and no '.join(missing)}.*--tls-cert.*--insecure"):
            settle(exposed)
        assert settle(replace(exposed, insecure=True)).exposed == missing


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "[::1]", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    """Nobody else reaches it."""
    access = settle(Options(grpc=f"{host}:0", http=f"{host}:0"))
    assert access.exposed == ()
    assert access.lines() == ["TLS off", "tokens off, everybody may send"]


def test_what_guards_the_doors_is_told(guarded: Options, authority: Authority) -> None:
    """The certificate's end, whether clients need one, and how many tokens of how many tenants."""
    access = settle(replace(guarded, tls_client_ca=authority.certificate))
    assert access.lines() == [
        "TLS on, valid until Jan  1 00:00:00 2999 GMT, clients need a certificate",
        "tokens 1 of 1 tenant",
    ]
