from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from baton.errors import InputError, UsageError
from baton.serve.certificates import Presented, load_certificates, valid_until

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Authority


def test_a_good_pair_serves_both_doors(authority: Authority) -> None:
    """It says until when it is valid; with a client authority, clients must bring a certificate."""
    pair = authority.issue("bank.example")
    certificates = load_certificates(*pair, None)
    assert certificates is not None
    assert valid_until(certificates) == "Jan  1 00:00:00 2999 GMT"
    assert certificates.context().verify_mode is ssl.CERT_NONE
    mutual = load_certificates(*pair, authority.certificate)
    assert mutual is not None
    assert mutual.context().verify_mode is ssl.CERT_REQUIRED
    assert Presented(mutual).credentials() is not None
    assert load_certificates(None, None, None) is None


@pytest.mark.parametrize(
    ("years", "told"), [((2020, 2021), "certificate has expired"), ((2990, 2999), "certificate is not yet valid")]
)
def test_a_certificate_that_clients_would_refuse_is_refused_first(
    authority: Authority, years: tuple[int, int], told: str
) -> None:
    """Expired, or not yet valid: told by name before anything listens."""
    pair = authority.issue("bank.example", *years)
    with pytest.raises(InputError, match=rf"bank.example.pem: {told}"):
        load_certificates(*pair, None)


def test_files_that_do_not_fit_are_told(authority: Authority, tmp_path: Path) -> None:
    """Another's key, no PEM, no file, a key that everybody may read, an authority that is none."""
    pair, other = authority.issue("bank.example"), authority.issue("other.example")
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    junk.chmod(0o600)
    for files, told in (
        ((pair.certificate, other.key, None), "the key is not that of the certificate"),
        ((junk, pair.key, None), "no PEM"),
        ((pair.certificate, junk, None), "no PEM"),
        ((tmp_path / "none", pair.key, None), "none: No such file"),
        ((pair.certificate, tmp_path / "none", None), "none: No such file"),
        ((*pair, junk), "junk.pem: no PEM.*--tls-client-ca"),
        ((*pair, tmp_path / "none"), "none: No such file"),
    ):
        with pytest.raises(InputError, match=told):
            load_certificates(*files)
    pair.key.chmod(0o644)
    with pytest.raises(InputError, match="holds secrets"):
        load_certificates(*pair, None)


def test_options_that_need_each_other(authority: Authority) -> None:
    """A certificate without its key, a key alone, an authority for clients without TLS."""
    certificate, key = authority.issue("bank.example")
    for files in ((certificate, None, None), (None, key, None), (None, None, authority.certificate)):
        with pytest.raises(UsageError, match=r"--tls-cert and --tls-key"):
            load_certificates(*files)
